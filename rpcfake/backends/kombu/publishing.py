"""Sends messages, each confirmed by the broker where the transport has confirms."""

from __future__ import annotations

import logging
import queue
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from kombu import Exchange, Queue

from rpcfake.backends.kombu.link import STALL, Session
from rpcfake.backends.kombu.loop import Loop
from rpcfake.backends.kombu.naming import Names
from rpcfake.backends.kombu.wire import PROPERTIES
from rpcfake.backends.naming import encode
from rpcfake.errors import BackendUnavailable

log = logging.getLogger(__name__)

TRANSIENT, PERSISTENT = 1, 2

CROWDED = 100
"""How many messages may wait to be sent before those who answer have to wait for them."""


@dataclass(eq=False)
class Outgoing:
    """A message on its way to the broker."""

    exchange: str
    key: str
    body: bytes
    properties: dict[str, Any]
    headers: dict[str, Any] = field(default_factory=dict)
    delivery_mode: int = TRANSIENT
    mandatory: bool = False
    """Whether the broker should say so when no queue gets it."""
    withdrawn: bool = False
    """Its sender has given up: if it was not sent yet, it is not sent any more."""
    sent: bool = False

    def settled(self, trouble: str | None) -> None:
        """The broker has it, or there was trouble; then it may have it, or not."""

    def returned(self) -> None:
        """No queue got it."""
        log.warning("%s was dropped: no consumer was ever declared", self)

    def __str__(self) -> str:
        return f"{self.properties.get('type')} to {self.key!r}"


class Receipt(Outgoing):
    """A message whose sender waits until it is settled."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Unlike an Event it is all C, and making one costs next to nothing.
        self._outcome: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def settled(self, trouble: str | None) -> None:
        self._outcome.put(trouble)

    def wait(self, seconds: float) -> str | None:
        """What the trouble was; None if there was none. To be asked once."""
        with suppress(queue.Empty):
            return self._outcome.get(timeout=seconds)
        self.withdrawn = True
        return "the broker did not confirm it in time" if self.sent else "it could not be sent"


class Publisher:
    """Sends what any thread gives it, in that order, through one channel of its own loop.

    Nobody holds the channel while a handler runs, and who waits for a confirm keeps nobody else
    from sending.
    """

    consumes = False

    def __init__(self, names: Names) -> None:
        self._names = names
        self._outbox: deque[Outgoing] = deque()
        self._channel: Any = None
        self._confirms = False
        self._closed = False
        self._blocked = ""
        self._last = 0
        self._unconfirmed: dict[int, Outgoing] = {}
        self.loop: Loop
        """Set by the loop, whose tenant this is."""

    # From any thread

    def send(self, outgoing: Outgoing) -> None:
        """Send a message; it is told when it is settled. It locks nothing."""
        self._outbox.append(outgoing)
        if self._closed:
            self._give_up()
        else:
            self.loop.post(self._flush)

    def close(self) -> None:
        """Send what is there, if the broker takes it, and nothing more; who waits is told so."""
        if not self._blocked:
            with suppress(BackendUnavailable):
                self.loop.run(lambda _: None, STALL, patient=False)
        self._closed = True
        self._give_up()

    def _give_up(self) -> None:
        with suppress(IndexError):
            while True:
                self._outbox.popleft().settled("the backend was closed")

    @property
    def crowded(self) -> bool:
        """Whether messages come faster than the broker takes them."""
        return len(self._outbox) > CROWDED

    @property
    def trouble(self) -> str | None:
        """Why nothing can be sent now; None if it can."""
        if self._blocked:
            return self._blocked
        return None if self.loop.up.is_set() else str(self.loop.trouble)

    # In the loop's thread

    def connected(self, session: Session) -> None:
        channel = session.channel()
        for name in (self._names.topics, self._names.fanouts, self._names.replies):
            Exchange(name, "topic", durable=True)(channel).declare()
        self._confirms = session.is_amqp
        if self._confirms:
            channel.confirm_select()
            channel.events["basic_ack"].add(self._confirmed)
            channel.events["basic_nack"].add(self._refused)
            channel.events["basic_return"].add(self._returned)
            session.raw.on_blocked = self._block
            session.raw.on_unblocked = self._unblock
        self._last = 0
        self._channel = channel
        self._flush()

    def lost(self) -> None:
        self._channel = None
        self._blocked = ""
        unconfirmed, self._unconfirmed = self._unconfirmed, {}
        for outgoing in unconfirmed.values():
            outgoing.settled("the broker was lost before it confirmed")

    def forget(self, topic: str, session: Session) -> None:
        """Delete the queue of a topic, with what waits in it."""
        exchange = Exchange(self._names.topics, "topic", durable=True)
        name = self._names.topic_queue(topic)
        kept = Queue(name, exchange, routing_key=encode(topic))(self._channel)
        if not session.is_amqp:
            kept.declare()  # kombu's own transports delete only what they know
        kept.delete()

    def _flush(self) -> None:
        while self._outbox and self._channel is not None and not self._blocked:
            outgoing = self._outbox.popleft()
            if not outgoing.withdrawn:
                self._write(outgoing)

    def _write(self, outgoing: Outgoing) -> None:
        channel = self._channel
        message = channel.prepare_message(
            outgoing.body,
            headers=outgoing.headers,
            properties={**outgoing.properties, "delivery_mode": outgoing.delivery_mode},
            **PROPERTIES,
        )
        outgoing.sent = True
        if self._confirms:
            self._last += 1
            self._unconfirmed[self._last] = outgoing
        try:
            channel.basic_publish(
                message,
                exchange=outgoing.exchange,
                routing_key=outgoing.key,
                mandatory=outgoing.mandatory,
            )
        except Exception as error:
            self._unconfirmed.pop(self._last, None)
            outgoing.settled(f"the broker was lost while it was sent: {error}")
            raise
        if not self._confirms:
            outgoing.settled(None)

    def _confirmed(self, tag: int, multiple: bool) -> None:
        self._settle(tag, multiple, None)

    def _refused(self, tag: int, multiple: bool) -> None:
        self._settle(tag, multiple, "the broker refused it")

    def _settle(self, tag: int, multiple: bool, trouble: str | None) -> None:
        tags = [tag]
        if multiple:  # all up to this one; they are in order
            tags = list(takewhile(lambda known: known <= tag, self._unconfirmed))
        for each in tags:
            outgoing = self._unconfirmed.pop(each, None)
            if outgoing is not None:
                outgoing.settled(trouble)

    def _returned(self, error: Exception, exchange: str, key: str, message: Any) -> None:
        # It comes before the confirm of the same message, which has not been settled yet.
        wanted = message.properties.get("message_id")
        for outgoing in self._unconfirmed.values():
            if outgoing.properties.get("message_id") == wanted:
                outgoing.returned()

    def _block(self, reason: str) -> None:
        self._blocked = f"the broker takes nothing at the moment: {reason}"
        log.warning("%s", self._blocked)

    def _unblock(self) -> None:
        self._blocked = ""
        self.loop.post(self._flush)  # not at once: a message may be half written
