"""A view of one topic's queues, for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rpcfake.core import Queue
from rpcfake.message import SENDS
from rpcfake.traffic import Record, Traffic

if TYPE_CHECKING:
    from rpcfake.bus import MessageBus


class QueueView:
    """What a topic holds at this moment, made by `Bus.queue`; it always shows the present."""

    def __init__(self, bus: MessageBus, topic: str) -> None:
        self._bus = bus
        self._topic = topic

    @property
    def pending(self) -> tuple[Record, ...]:
        """The records of messages that were sent and not taken yet, in the order sent.

        A fanout cast is there once for each consumer that has not taken it.
        """
        # Each list in one piece: other threads may send meanwhile.
        seqs = sorted(each.seq for queue in self._queues() for each in list(queue.envelopes))
        traffic = self._bus.traffic
        return tuple(traffic[seq] for seq in seqs)

    @property
    def history(self) -> Traffic:
        """The records of all messages ever sent to the topic."""
        return self._bus.traffic.select(SENDS, self._topic)

    @property
    def consumers(self) -> tuple[str, ...]:
        """The names of its consumers that are not closed, such as ``shop#1``, in order of
        declaration."""
        topic = self._bus._broker.topics.get(self._topic)
        return () if topic is None else tuple(consumer.name for consumer in topic.consumers)

    def purge(self) -> int:
        """Take out what was not taken yet; each message is recorded as purged. Returns how many."""
        self._bus._check_use()
        broker = self._bus._broker
        return sum(broker.purge(self._bus._now(), queue) for queue in self._queues())

    def __len__(self) -> int:
        return sum(len(queue.envelopes) for queue in self._queues())

    def __repr__(self) -> str:
        consumers = ", ".join(self.consumers) or "no consumers"
        return f"<queue of {self._topic!r}: {len(self)} pending; {consumers}>"

    def _queues(self) -> list[Queue]:
        bus = self._bus
        topic = bus._broker.topics.get(self._topic)
        own = [] if topic is None else [topic.shared, *topic.fanouts]
        return own + [stub.queue for stub in bus._stubs if stub.topic == self._topic]
