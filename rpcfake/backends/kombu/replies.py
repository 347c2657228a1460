"""What comes to this process alone: the answers to its calls, and notices for its workers."""

from __future__ import annotations

from typing import Any

from kombu import Consumer, Exchange, Queue

from rpcfake.backends.kombu.handling import Request
from rpcfake.backends.kombu.link import Session
from rpcfake.backends.kombu.loop import Loop
from rpcfake.backends.kombu.naming import Names
from rpcfake.backends.kombu.pending import NoAnswer, Pending
from rpcfake.backends.kombu.publishing import Outgoing, Publisher
from rpcfake.backends.kombu.wire import CANCEL, Answer

LAST = (Answer.ENDING, Answer.RESULT, Answer.FAILURE)
"""After these no more comes."""


class Replies:
    """Reads the reply queue: one for all calls, whose answers are told apart by correlation ids.

    It is the control queue as well: callers who abandon a multicall send their notice there.

    Where the broker deletes the queue with its connection, each connection gets a queue with a
    fresh name: the old one may still be locked. Calls whose queue is gone end in their Timeout.

    Args:
        running: the multicalls that are being handled here, by their ids.
    """

    consumes = True

    def __init__(self, names: Names, publisher: Publisher, running: dict[str, Request]) -> None:
        self._names = names
        self._publisher = publisher
        self._running = running
        self._pending: dict[str, Pending] = {}
        self._is_exclusive = False
        self._queue: Any = None
        self._subscription: Any = None
        self.address: str = ""
        """Where answers are to be sent, while there is a session."""
        self.loop: Loop
        """Set by the loop, whose tenant this is."""

    # From any thread; the table is a dict, whose single operations need no lock

    def expect(self, pending: Pending) -> None:
        """From now on the answers to a request reach it."""
        self._pending[pending.id] = pending

    def forget(self, pending: Pending) -> None:
        """Nobody waits for a request any more, which has ended, or is a call."""
        self._pending.pop(pending.id, None)

    def abandon(self, pending: Pending) -> None:
        """Nobody reads the values of a multicall any more: it is cancelled if it has not ended."""
        pending.withdrawn = True
        if self._pending.pop(pending.id, None) is not None and pending.control is not None:
            self._cancel(pending.id, pending.control)

    def close(self) -> None:
        """Let all who wait end with ConnectionClosed."""
        for pending in tuple(self._pending.values()):
            pending.put(NoAnswer.CLOSED, None)

    def _cancel(self, id: str, control: str) -> None:
        self._publisher.send(
            Outgoing(self._names.replies, control, b"null", {"type": CANCEL, "correlation_id": id})
        )

    # In the loop's thread

    def connected(self, session: Session) -> None:
        channel = session.channel()
        exchange = Exchange(self._names.replies, "topic", durable=True)(channel)
        exchange.declare()
        self._is_exclusive = session.is_amqp
        if not self.address or self._is_exclusive:
            self.address = self._names.own_queue("reply")
        self._queue = Queue(
            self.address,
            exchange,
            routing_key=self.address,
            durable=False,
            exclusive=self._is_exclusive,
            auto_delete=True,
        )(channel)
        self._queue.declare()
        self._subscription = Consumer(
            channel, [self._queue], on_message=self._arrived, no_ack=True, auto_declare=False
        )
        self._subscription.consume()

    def lost(self) -> None:
        if not self._is_exclusive:
            return  # the queue is there when we are back
        for pending in tuple(self._pending.values()):
            if pending.limit.endless:  # others end by themselves
                pending.put(NoAnswer.LOST, "the queue for its answer was lost with the connection")

    def farewell(self) -> None:
        """Delete the queue."""
        self._subscription.cancel()
        self._queue.delete()

    def _arrived(self, message: Any) -> None:
        kind = message.properties.get("type")
        id = message.properties.get("correlation_id")
        control = message.properties.get("reply_to")
        pending = self._pending.get(id)
        if kind in LAST:
            if pending is not None:
                self.forget(pending)
                pending.put(kind, message.body)
        elif kind in (Answer.ACCEPTED, Answer.VALUE) and control:
            if pending is None:  # late: a multicall that goes on for nobody is told so
                self._cancel(id, control)
                return
            pending.control = control
            if pending.withdrawn:  # just now, without knowing where to send the notice
                self._cancel(id, control)
            if kind == Answer.VALUE:
                pending.put(kind, message.body)
        elif kind == CANCEL and (request := self._running.get(id)) is not None:
            request.cancelled = True
