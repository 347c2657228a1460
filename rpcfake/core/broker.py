"""The rules of the bus.

Sending (rules CAST, CALL, MULTICALL, FANOUT, TOPIC)
    cast, call, multicall   to the topic's shared queue;
                            dropped if no shared consumer was ever declared there
    fanout_cast             to the queue of each fanout consumer of the topic that is not closed
    notification            to the topic's shared queue, which keeps it, and to the queue of each
                            pool
    to a stub               whatever the kind, to the stub's queue and nowhere else

Taking (SHARE, ORDER, CONC, CONN)
    the head of a queue, by the reader whose turn it is; that acknowledges it

Answering (CALL, MULTICALL, ERROR)
    the request is …      a value        an ending    a failure
    awaited               to the caller  it is ended  it is ended
    ended                 dropped        -            recorded
    given up              dropped        -            recorded
    a cast                -              -            recorded

Giving up (TIME, MULTICALL)
    not yet taken           it leaves its queue and is never handled
    taken                   its handler goes on; nobody reads what it gives

Handing back
    requeue                 to the front of the queue it came from

Each operation takes the time in microseconds, since the broker has no clock, and writes what
happened into ``rows``: tuples of atoms, which the garbage collector does not have to look at.
`rpcfake.traffic` reads them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rpcfake.core.envelope import HEARTBEAT, Envelope
from rpcfake.core.queue import Consumer, Queue, Topic

Row = tuple[Any, ...]


class Broker:
    """The state of one bus.

    Args:
        on_ready: is told a queue, once for each envelope in it that can now be taken.
        on_answer: is told an envelope whose caller has something to read.
    """

    def __init__(
        self, on_ready: Callable[[Queue], object], on_answer: Callable[[Envelope], object]
    ) -> None:
        self._on_ready = on_ready
        self._on_answer = on_answer
        self._queues = 0
        self.rows: list[Row] = []
        self.topics: dict[str, Topic] = {}
        self.keeps_unserved = False
        """Whether the first message to a topic makes its shared queue, as a consumer's declaration
        does."""
        self.unseen: list[int] = []
        """The failures that reached nobody, by the seq of their records."""

    # Consumers

    def declare(self, topic: str, proxy: Any, fanout: bool, pool: str = "") -> Consumer:
        """A new consumer. What is sent from now on waits for its start; with ``pool`` the
        notifications, of which it shares a copy with those of the same pool."""
        place = self.topic(topic)
        place.declared += 1
        if fanout:
            queue = self.new_queue(topic)
            place.fanouts.append(queue)
        elif pool:
            if pool not in place.pools:
                place.pools[pool] = self.new_queue(topic)
            queue = place.pools[pool]
        else:
            queue = self._keep(place)
        consumer = Consumer(f"{topic}#{place.declared}", queue, proxy, fanout)
        place.consumers.append(consumer)
        return consumer

    def start(self, consumer: Consumer) -> None:
        """From now on the consumer takes messages."""
        if consumer.started or consumer.closed:
            return
        consumer.started = True
        queue = consumer.queue
        queue.readers.append(consumer)
        if len(queue.readers) == 1:
            for _ in queue.envelopes:
                self._on_ready(queue)

    def close(self, consumer: Consumer) -> None:
        """From now on the consumer takes nothing. What was not taken stays in a shared queue."""
        if consumer.closed:
            return
        consumer.closed = True
        queue = consumer.queue
        if consumer.started:
            queue.readers.remove(consumer)
        place = self.topics[queue.topic]
        place.consumers.remove(consumer)
        if consumer.fanout:
            place.fanouts.remove(queue)
            queue.envelopes.clear()

    def topic(self, name: str) -> Topic:
        """What is known of a topic; it starts to exist by being asked for, without a queue that
        keeps."""
        place = self.topics.get(name)
        if place is None:
            place = self.topics[name] = Topic(name, Queue(name, 0))
        return place

    def new_queue(self, topic: str) -> Queue:
        """A queue with nobody who reads it yet."""
        queue = Queue(topic, 0)
        self._number(queue)
        return queue

    def _keep(self, place: Topic) -> Queue:
        """The shared queue of a topic, which keeps from now on what comes."""
        if not place.keeps:
            place.keeps = True
            self._number(place.shared)
        return place.shared

    def _number(self, queue: Queue) -> None:
        self._queues += 1
        queue.number = self._queues

    # Messages

    def send(
        self,
        now: int,
        kind: str,
        topic: str,
        method: str,
        payload: str,
        cause: int | None,
        to: Queue | None = None,
    ) -> Envelope:
        """Put a message on the bus; with ``to`` into that queue, whatever its topic says."""
        rows = self.rows
        seq = len(rows)
        envelope = Envelope(seq, kind, topic, method, payload)
        place = self.topics.get(topic)
        rows.append((kind, now, cause, topic, method, payload))
        try:
            if to is not None:
                self._put(to, envelope)
            elif kind == "fanout_cast":
                if place is not None:
                    for queue in place.fanouts:
                        self._put(queue, Envelope(seq, kind, topic, method, payload))
            elif kind == "notification":
                place = self.topic(topic)
                self._put(self._keep(place), envelope)
                for queue in place.pools.values():
                    self._put(queue, Envelope(seq, kind, topic, method, payload))
            elif place is not None and place.keeps:
                self._put(place.shared, envelope)
            elif self.keeps_unserved:
                self._put(self._keep(self.topic(topic)), envelope)
            else:
                rows.append(("dropped", now, seq, None))
        except BaseException:
            # No room on the stack, or no thread to be had: nothing is half-sent.
            for queue in () if place is None else (*place.fanouts, *place.pools.values()):
                if queue.envelopes and queue.envelopes[-1].seq == seq:
                    queue.envelopes.pop()
            del rows[seq:]
            raise
        return envelope

    def _put(self, queue: Queue, envelope: Envelope) -> None:
        envelope.queue = queue
        if queue.readers:
            self._on_ready(queue)
        queue.envelopes.append(envelope)

    def take(self, now: int, queue: Queue) -> Envelope | None:
        """The next envelope of a queue, which is thereby acknowledged; None if there is none to
        take."""
        if not queue.envelopes or not queue.readers:
            return None
        consumer = queue.next_reader()
        envelope = queue.envelopes.popleft()
        envelope.consumer = consumer
        rows = self.rows
        envelope.taken = len(rows)
        rows.append(("taken", now, envelope.seq, consumer.name))
        return envelope

    def purge(self, now: int, queue: Queue) -> int:
        """Take everything out of a queue that was not taken yet; how many that was."""
        purged = list(queue.envelopes)
        queue.envelopes.clear()
        for envelope in purged:
            self.rows.append(("purged", now, envelope.seq))
        return len(purged)

    def requeue(self, now: int, envelope: Envelope) -> None:
        """Who took it gives it back: it is the next to be taken."""
        assert envelope.queue is not None
        self.rows.append(("requeued", now, envelope.taken))
        envelope.taken = envelope.consumer = None
        queue = envelope.queue
        if queue.readers:
            self._on_ready(queue)
        queue.envelopes.appendleft(envelope)

    # Answers

    def heartbeat(self, now: int, envelope: Envelope) -> None:
        """The handler is still at it."""
        if envelope.awaited:
            self.rows.append(("heartbeat", now, envelope.taken))
            if envelope.values is not None:
                envelope.values.append(HEARTBEAT)
                self._on_answer(envelope)

    def reply(self, now: int, envelope: Envelope, text: str) -> None:
        """The handler gave a value."""
        if envelope.awaited:
            self.rows.append(("reply", now, envelope.taken, text))
            if envelope.values is None:
                envelope.last = text
            else:
                envelope.values.append(text)
                self._on_answer(envelope)
        elif envelope.asks:
            self.rows.append(("dropped", now, envelope.taken, text))

    def end(self, now: int, envelope: Envelope) -> None:
        """The handler of a call or multicall gives no more values."""
        if envelope.awaited:
            self.rows.append(("ending", now, envelope.taken))
            envelope.ended = envelope.done = True
            self._on_answer(envelope)

    def fail(self, now: int, envelope: Envelope, text: str, surfaces: bool = False) -> None:
        """The handler raised, or what it gave could not be carried; ``surfaces`` says that whoever
        drives the bus sees it in any case."""
        seq = len(self.rows)
        self.rows.append(("failure", now, envelope.taken, text))
        if envelope.awaited:
            envelope.failure = seq
            envelope.surfaces = surfaces
            envelope.ended = envelope.done = True
            self._on_answer(envelope)
        elif not surfaces:
            self.unseen.append(seq)

    def give_up(self, now: int, envelope: Envelope, kind: str) -> None:
        """The caller waits no longer; kind says why: ``timeout`` or ``abandoned``."""
        if envelope.cancelled:
            return
        envelope.cancelled = True
        self.rows.append((kind, now, envelope.seq))
        if envelope.failure is not None and not envelope.surfaces:
            self.unseen.append(envelope.failure)
        queue = envelope.queue
        if envelope.taken is None and queue is not None and envelope in queue.envelopes:
            queue.envelopes.remove(envelope)
