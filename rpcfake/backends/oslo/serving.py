"""A consumer: an oslo.messaging server with one proxy."""

from __future__ import annotations

import logging
from threading import Event
from typing import Any

import oslo_messaging
from oslo_messaging.rpc.server import RPCServer

from rpcfake.backends.lookup import OrderedLookup
from rpcfake.codec import JSON
from rpcfake.context import ContextFactory

log = logging.getLogger(__name__)


class Request:
    """A message that a consumer took."""

    cancelled = False
    ended = False
    """Whether its caller has got the answer."""

    def __init__(self, incoming: Any, consumer: Consumer) -> None:
        message = incoming.message["args"]
        self.incoming = incoming
        self.consumer = consumer
        self.kind: str = message["kind"]
        self.method: str = message["name"]
        self.payload: str = message["payload"]
        self.asks = self.kind == "call"
        self.last = "null"
        """The text of the last value."""
        self.before = consumer.newest
        self.looked_up = consumer.newest = Event()


class Answers:
    """Sends what handlers give to their callers: one message with the last value."""

    def reply(self, now: int, request: Request, text: str) -> None:
        """The handler gave a value."""
        if not request.ended:
            request.last = text

    def end(self, now: int, request: Request) -> None:
        """The handler gives no more values."""
        if request.asks and not request.ended:
            request.ended = True
            request.incoming.reply({"value": request.last})

    def fail(self, now: int, request: Request, text: str, surfaces: bool = False) -> None:
        """The handler raised, or what it gave could not be carried."""
        if request.asks and not request.ended:
            request.ended = True
            request.incoming.reply({"failure": text})
        else:
            exc_type, value, traceback = JSON.decode(text)
            name, kind, method = request.consumer.name, request.kind, request.method
            log.error(
                "%s failed to handle %s %s: %s: %s\n%s",
                name,
                kind,
                method,
                exc_type,
                value,
                traceback,
            )


class Handler(OrderedLookup):
    """Runs handlers, and looks their methods up in the order in which messages were taken."""

    def __init__(self, context_factory: ContextFactory | None) -> None:
        super().__init__(Answers(), JSON, lambda: 0, context_factory)


class Consumer(RPCServer):  # type: ignore[misc]
    """One proxy that reads one topic. Its queue is there from the beginning; it is read from the
    start on.

    Args:
        name: for people.
        target: whose topic it reads.
    """

    def __init__(
        self, transport: Any, target: oslo_messaging.Target, name: str, proxy: Any, handler: Handler
    ) -> None:
        super().__init__(transport, target, dispatcher=None)
        self.name = name
        self.proxy = proxy
        self.newest: Event | None = None
        """Set when the method of the message that was taken last has been looked up."""
        self._handler = handler
        self._listening = transport._listen(target, 1, None)

    @property
    def declared(self) -> list[tuple[str, str]]:
        """The queues that it has on a RabbitMQ, each with its exchange; on others none."""
        poller = getattr(self._listening, "_poll_style_listener", None)
        link = getattr(getattr(poller, "conn", None), "connection", None)
        return [(each.queue_name, each.exchange_name) for each in getattr(link, "_consumers", ())]

    def _create_listener(self) -> Any:
        return self._listening

    def _on_incoming(self, incoming: Any) -> None:
        request = Request(incoming[0], self)
        self._work_executor.submit(self._process_incoming, request)

    def _process_incoming(self, request: Request) -> None:
        request.incoming.acknowledge()
        try:
            self._handler.handle(request)
        finally:
            if not request.asks:
                request.incoming.reply()
            if not request.looked_up.is_set():  # it could not be read
                if request.before is not None:
                    request.before.wait()
                request.looked_up.set()

    def discard(self) -> None:
        """Put away one that was never started."""
        poller = getattr(self._listening, "_poll_style_listener", None)
        # Of those with a thread stop() would wait for a thread that does not run.
        (self._listening.stop if poller is None else poller.cleanup)()
