"""How a message that was taken is handled and answered."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Event
from typing import Any

from rpcfake.backends.kombu.naming import Names
from rpcfake.backends.kombu.publishing import Outgoing, Publisher, Receipt
from rpcfake.backends.kombu.wire import Answer, read_request, to_bytes
from rpcfake.backends.lookup import OrderedLookup
from rpcfake.codec import JSON
from rpcfake.context import ContextFactory
from rpcfake.errors import BackendUnavailable

log = logging.getLogger(__name__)


class Consumer:
    """One proxy that reads one queue."""

    def __init__(self, name: str, topic: str, proxy: Any, fanout: bool) -> None:
        self.name = name
        self.topic = topic
        self.proxy = proxy
        self.fanout = fanout
        self.queue: Any = None
        """The kombu queue that it reads, on the channel of the present session."""
        self.newest: Event | None = None
        """Set when the method of the message that was taken last has been looked up."""


class Request:
    """A message that a consumer took, and what its caller has been given."""

    cancelled = False
    """Its caller has abandoned it."""
    ended = False
    """Its caller has got the ending, or a failure."""

    def __init__(self, message: Any, consumer: Consumer) -> None:
        properties = message.properties
        self.kind = str(properties.get("type"))
        self.id = str(properties.get("correlation_id"))
        self.reply_to = str(properties.get("reply_to"))
        self.payload: Any = message.body
        self.consumer = consumer
        self.asks = self.kind in ("call", "multicall")
        self.method = ""
        """Known once the body is read."""
        self.last = "null"
        """The last value of a call."""
        self.unconfirmed: Receipt | None = None
        """The value of a multicall that was sent last."""
        self.before = consumer.newest
        self.looked_up = consumer.newest = Event()

    def __str__(self) -> str:
        return f"{self.kind} {self.consumer.topic}.{self.method or '?'}"


class Answers:
    """Sends what handlers give to their callers.

    A call gets one message, with its last value. A multicall gets each value at once; a value
    waits until the one before it is confirmed, so that a handler is no faster than the broker. The
    last message of a handler is waited for where the broker takes none.

    Args:
        control: tells where the notices of abandoned multicalls come, at the moment.
        seconds: how long is waited.
    """

    def __init__(
        self, names: Names, publisher: Publisher, control: Callable[[], str], seconds: float
    ) -> None:
        self._names = names
        self._publisher = publisher
        self._control = control
        self._seconds = seconds

    def accept(self, request: Request) -> None:
        """Tell the caller of a multicall where to cancel it."""
        self._publisher.send(self._answer(Outgoing, request, Answer.ACCEPTED, "null"))

    def reply(self, now: int, request: Request, text: str) -> None:
        """The handler gave a value."""
        if request.ended or not request.asks or request.cancelled:
            return
        if request.kind == "call":
            request.last = text
            return
        before = request.unconfirmed
        trouble = None if before is None else before.wait(self._seconds)
        if trouble is not None:
            raise BackendUnavailable(f"a value of {request} did not reach the broker: {trouble}")
        receipt = self._answer(Receipt, request, Answer.VALUE, text)
        request.unconfirmed = receipt
        self._publisher.send(receipt)

    def end(self, now: int, request: Request) -> None:
        """The handler gives no more values."""
        if request.ended or not request.asks:
            return
        request.ended = True
        kind = Answer.RESULT if request.kind == "call" else Answer.ENDING
        text = request.last if request.kind == "call" else "null"
        self._finish(request, kind, text)

    def fail(self, now: int, request: Request, text: str, surfaces: bool = False) -> None:
        """The handler raised, or what it gave could not be carried."""
        if request.asks and not request.ended:
            request.ended = True
            self._finish(request, Answer.FAILURE, text)
        elif not request.cancelled:  # nobody else will hear of it
            exc_type, value, traceback = JSON.decode(text)
            log.error(
                "%s failed to handle %s: %s: %s\n%s",
                request.consumer.name,
                request,
                exc_type,
                value,
                traceback,
            )

    def _finish(self, request: Request, kind: Answer, text: str) -> None:
        if not self._publisher.crowded:
            self._publisher.send(self._answer(Outgoing, request, kind, text))
            return
        receipt: Receipt = self._answer(Receipt, request, kind, text)
        self._publisher.send(receipt)
        trouble = receipt.wait(self._seconds)
        if trouble is not None:
            log.warning("the %s of %s is lost: %s", kind, request, trouble)

    def _answer(self, make: Callable[..., Any], request: Request, kind: Answer, text: str) -> Any:
        properties = {"type": str(kind), "correlation_id": request.id}
        if kind in (Answer.ACCEPTED, Answer.VALUE):
            properties["reply_to"] = self._control()
        return make(self._names.replies, request.reply_to, to_bytes(text), properties)


class Handler(OrderedLookup):
    """Runs handlers, and looks their methods up in the order in which messages were taken."""

    def __init__(self, answers: Answers, context_factory: ContextFactory | None) -> None:
        super().__init__(answers, JSON, lambda: 0, context_factory)

    def _open(self, request: Any) -> tuple[Any, dict[str, Any]]:
        request.method, context, args = read_request(request.payload)
        return context, args

    def handle(self, request: Any) -> BaseException | None:
        """Call the method that a message asks for, and give what it gives; never raises."""
        try:
            return super().handle(request)
        finally:
            if not request.looked_up.is_set():  # it could not be read
                if request.before is not None:
                    request.before.wait()
                request.looked_up.set()
