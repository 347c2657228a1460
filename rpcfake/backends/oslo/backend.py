"""The five functions over oslo.messaging."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib.metadata import version
from itertools import count
from typing import Any
from uuid import uuid4

import oslo_messaging
from oslo_config import cfg
from oslo_messaging import Target

from rpcfake.backends.harness import ThreadHarness
from rpcfake.backends.naming import encode
from rpcfake.backends.oslo.serving import Consumer, Handler
from rpcfake.codec import JSON
from rpcfake.connection import Connection
from rpcfake.context import ContextFactory, to_wire
from rpcfake.errors import BackendUnavailable, ConnectionClosed, RemoteError, Timeout
from rpcfake.message import Message, check_sending, check_timeout

IN_PROCESS = ("rpcfake", "fake", "kombu+memory")
"""The transports between whose ends no broker stands."""

MULTICALL = "oslo.messaging has no multicall"


class OsloBackend:
    """RPC over one transport. Made by `rpcfake.backends.oslo.oslo`, which tells the arguments."""

    RemoteError = RemoteError
    Timeout = Timeout

    def __init__(
        self, url: str, concurrency: int, exchange: str, context_factory: ContextFactory | None
    ) -> None:
        scheme = url.partition("://")[0]
        self.concurrency = concurrency
        self.has_broker = scheme not in IN_PROCESS
        self.unsupported: Mapping[str, str] = {
            "multicall": MULTICALL,
            "cancels_abandoned": MULTICALL,
        }
        if self.has_broker:
            self.unsupported |= {"broker": "it can't be cut off: the driver hides its connections"}
        self.closed = False
        self._url = url
        self._exchange = exchange
        try:
            self._transport = oslo_messaging.get_rpc_transport(cfg.CONF, url=url)
        except (oslo_messaging.DriverLoadFailure, oslo_messaging.InvalidTransportURL) as error:
            raise BackendUnavailable(f"oslo.messaging refuses the URL: {error}") from None
        self._handler = Handler(context_factory)
        self._numbers = count(1)
        self._id = uuid4().hex[:12]
        self._lock = threading.Lock()
        self._started: list[Consumer] = []
        self._left: dict[str, list[tuple[str, str]]] = {}
        """What each topic has on a broker: queues, and their exchanges."""
        self.harness = ThreadHarness(self._forget)
        self._ending: list[threading.Thread] = []

    @property
    def about(self) -> dict[str, str]:
        """The library's version."""
        return {"oslo.messaging": version("oslo.messaging")}

    # The five functions

    def create_connection(self, new: bool = True) -> Connection:
        """A connection on which consumers are created: each is a server."""
        self._check_open()
        return Connection(self)  # type: ignore[arg-type]

    def call(self, context: Any, topic: str, msg: Message, timeout: float | None = None) -> Any:
        """As `rpcfake.call`."""
        seconds = check_timeout(timeout)
        message = self._message("call", context, topic, msg)
        client = self._client(topic, "shared", None if seconds == math.inf else seconds)
        try:
            answer = client.call({}, "request", **message)
        except oslo_messaging.MessagingTimeout as error:
            raise Timeout(
                str(error), topic=topic, method=message["name"], seconds=seconds
            ) from None
        except oslo_messaging.MessageDeliveryFailure as error:
            raise self._undelivered(error) from None
        if "failure" in answer:
            raise RemoteError(*JSON.decode(answer["failure"]))
        return JSON.decode(answer["value"])

    def multicall(
        self, context: Any, topic: str, msg: Message, timeout: float | None = None
    ) -> Iterator[Any]:
        """Not on oslo.messaging."""
        raise NotImplementedError(f"{MULTICALL}: it was removed when oslo.messaging was made")

    def cast(self, context: Any, topic: str, msg: Message) -> None:
        """As `rpcfake.cast`."""
        self._cast("cast", self._message("cast", context, topic, msg), topic, "shared")

    def fanout_cast(self, context: Any, topic: str, msg: Message) -> None:
        """As `rpcfake.fanout_cast`."""
        self._cast(
            "fanout_cast", self._message("fanout_cast", context, topic, msg), topic, "fanout"
        )

    def close(self) -> None:
        """Stop all servers, and close the transport."""
        self.closed = True
        for consumer in self._started[:]:
            self._close(consumer)
        for thread in self._ending:
            thread.join(10)
        self._transport.cleanup()

    def _check_open(self) -> None:
        if self.closed:
            raise ConnectionClosed("the backend was closed")

    def _message(self, kind: str, context: Any, topic: str, msg: Message) -> dict[str, str]:
        """What travels. Ours is the text: jsonutils would turn into text what is none."""
        self._check_open()
        check_sending(topic, msg)
        payload = JSON.encode((to_wire(context), msg.get("args") or {}))
        return {"kind": kind, "name": msg["method"], "payload": payload}

    def _client(self, topic: str, sort: str, seconds: float | None = None) -> Any:
        target = Target(exchange=self._exchange, topic=self._name(topic, sort))
        return oslo_messaging.get_rpc_client(self._transport, target, timeout=seconds, retry=1)

    def _name(self, topic: str, sort: str) -> str:
        # Consumers of a topic get no fanouts, and fanout consumers nothing else.
        return f"{self._exchange}.{sort}.{encode(topic)}"

    def _cast(self, kind: str, message: dict[str, str], topic: str, sort: str) -> None:
        client = self._client(topic, sort)
        if kind == "fanout_cast":
            client = client.prepare(fanout=True)
        try:
            client.cast({}, "request", **message)
        except oslo_messaging.MessageDeliveryFailure as error:
            raise self._undelivered(error) from None

    def _undelivered(self, error: Exception) -> BackendUnavailable:
        return BackendUnavailable(" ".join(str(error).split()))

    def _forget(self, topic: str) -> None:
        left = self._left.pop(topic, [])
        if not left:
            return
        with self._transport._driver._get_connection() as link:
            for queue, exchange in left:
                link.channel.queue_delete(queue)
                if exchange != self._exchange:
                    link.channel.exchange_delete(exchange)

    # Consumers (see `rpcfake.connection.Host`)

    def _declare(self, topic: str, proxy: Any, fanout: bool) -> Consumer:
        self._check_open()
        number = next(self._numbers)
        sort = "fanout" if fanout else "shared"
        target = Target(
            exchange=self._exchange, topic=self._name(topic, sort), server=f"{self._id}-{number}"
        )
        try:
            made = Consumer(self._transport, target, f"{topic}#{number}", proxy, self._handler)
        except oslo_messaging.MessageDeliveryFailure as error:
            raise self._undelivered(error) from None
        self._left.setdefault(topic, []).extend(made.declared)
        return made

    def _start(self, consumer: Consumer) -> None:
        with self._lock:
            if consumer in self._started:
                return
            self._started.append(consumer)
        # More than may wait, as those that begin in order wait for each other.
        consumer.start(override_pool_size=2 * self.concurrency)

    def _close(self, consumer: Consumer) -> None:
        with self._lock:
            started = consumer in self._started
            if started:
                self._started.remove(consumer)
        if not started:
            with suppress(Exception):
                consumer.discard()
            return
        consumer.stop()
        # Its handlers go on; when they are done its threads end.
        thread = threading.Thread(target=consumer.wait, name="rpcfake-oslo-end", daemon=True)
        thread.start()
        self._ending.append(thread)
