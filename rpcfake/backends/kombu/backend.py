"""The five functions over any broker that kombu reaches."""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from threading import Lock
from typing import Any
from uuid import uuid4

from rpcfake.backends.kombu.clock import LONGEST_WAIT, Limit, wall
from rpcfake.backends.kombu.connection import Connection
from rpcfake.backends.kombu.handling import Answers, Handler, Request
from rpcfake.backends.kombu.harness import KombuHarness
from rpcfake.backends.kombu.intake import Intake
from rpcfake.backends.kombu.link import Link
from rpcfake.backends.kombu.loop import Loop, Tenant
from rpcfake.backends.kombu.naming import Names
from rpcfake.backends.kombu.pending import Pending, Values
from rpcfake.backends.kombu.publishing import PERSISTENT, TRANSIENT, Publisher, Receipt
from rpcfake.backends.kombu.replies import Replies
from rpcfake.backends.kombu.sharing import SharedLoops
from rpcfake.backends.kombu.wire import DEADLINE, request_body
from rpcfake.backends.naming import encode
from rpcfake.context import ContextFactory
from rpcfake.errors import BackendUnavailable, ConnectionClosed, RemoteError, Timeout
from rpcfake.message import Message, check_sending, check_timeout, check_topic

UNSUPPORTED: dict[str, dict[str, str]] = {
    "amqp": {},
    "redis": {
        "round_robin": "consumers poll, and whoever asks first gets the message: none takes turns",
    },
    "memory": {"broker": "kombu's memory:// lives in this process: there is no broker to lose"},
}
"""What a transport can't do, and why; the names are those of kombu's drivers."""


class KombuBackend:
    """RPC over one broker. Made by `rpcfake.backends.kombu.kombu`, which tells the arguments."""

    RemoteError = RemoteError
    Timeout = Timeout

    def __init__(
        self,
        link: Link,
        names: Names,
        *,
        concurrency: int,
        prefetch: int,
        persistent: bool,
        send_timeout: float,
        shared_connections: int,
        context_factory: ContextFactory | None,
    ) -> None:
        self.concurrency = concurrency
        """How many handlers of one connection may wait at once."""
        self.unsupported: Mapping[str, str] = UNSUPPORTED.get(link.driver, UNSUPPORTED["redis"])
        self.harness = KombuHarness(self._forget, self._interrupt)
        self._link = link
        self._names = names
        self._prefetch = prefetch
        self._persistent = persistent
        self._send_timeout = send_timeout
        self._id = uuid4().hex
        self._pid = os.getpid()
        self._numbers = count(1)
        self._lock = Lock()
        self._closed = False
        self._connections: set[Connection] = set()
        self._loops: set[Loop] = set()
        self._publisher = Publisher(names)
        self._open("publisher", self._publisher)
        self._running: dict[str, Request] = {}
        self._replies = Replies(names, self._publisher, self._running)
        self._replies_started = False
        self._answers = Answers(names, self._publisher, lambda: self._replies.address, send_timeout)
        self._handler = Handler(self._answers, context_factory)
        self._shared = SharedLoops(shared_connections, lambda: self._open("shared"), self._stop)
        # Queues that only we read are left behind by who does not close, where the broker does
        # not delete them with the connection.
        atexit.register(self.close)

    @property
    def about(self) -> dict[str, str]:
        """The broker's name and version."""
        return self._link.product()

    # The five functions

    def create_connection(self, new: bool = True) -> Connection:
        """A connection on which consumers are created.

        Args:
            new: False allows to share one connection to the broker with others.

        Raises:
            BackendUnavailable: the broker can't be reached.
            ConnectionClosed: the backend is closed.
        """
        self._check_open()
        intake = Intake(
            self._names,
            self._answers,
            self._handler,
            self._running,
            concurrency=self.concurrency,
            prefetch=self._prefetch,
        )
        if new or not self._link.is_amqp:  # elsewhere kombu has one reader of a queue for each
            loop = self._open("consumer", intake)
            leave: Callable[[Loop], object] = self._stop
        else:
            loop = self._shared.lend()
            leave = self._shared.give_back
            try:
                loop.admit(intake, self._send_timeout)
            except BackendUnavailable:
                leave(loop)
                raise

        def closed(connection: Connection) -> None:
            leave(loop)
            with self._lock:
                self._connections.discard(connection)

        def prepare() -> None:  # for the notices of abandoned multicalls
            if not self._await_replies(Limit(self._send_timeout)):
                raise self._replies.loop.trouble

        connection = Connection(intake, prepare, self._send_timeout, closed)
        with self._lock:
            self._connections.add(connection)
        if self._closed:  # meanwhile
            connection.close()
            self._check_open()
        return connection

    def call(self, context: Any, topic: str, msg: Message, timeout: float | None = None) -> Any:
        """Call a method of one consumer of a topic, and return the last value that it gave.

        Raises:
            RemoteError: the method failed.
            Timeout: there was no answer in time.
            InvalidMessage, SerializationError: nothing was sent.
            BackendUnavailable: the broker was away, so that it was not sent; or it was lost before
                it confirmed, so that nobody knows.
        """
        __tracebackhide__ = True
        pending = self._ask("call", context, topic, msg, check_timeout(timeout))
        try:
            return pending.next(self._why_not)
        finally:
            self._replies.forget(pending)

    def multicall(
        self, context: Any, topic: str, msg: Message, timeout: float | None = None
    ) -> Iterator[Any]:
        """Call a method, and iterate over the values that it gives. Raises as `call` does."""
        seconds = check_timeout(timeout)
        pending = self._ask("multicall", context, topic, msg, seconds)
        return Values(pending, seconds, self._why_not, self._replies.abandon)

    def cast(self, context: Any, topic: str, msg: Message) -> None:
        """Send a message to one consumer of a topic. It has returned once the broker has it.

        Raises:
            InvalidMessage, SerializationError: nothing was sent.
            BackendUnavailable: the broker did not take it in time, or was lost before it confirmed.
        """
        check_sending(topic, msg)
        self._send_and_wait(
            Receipt(
                self._names.topics,
                encode(topic),
                request_body(context, msg),
                self._properties("cast"),
                delivery_mode=PERSISTENT if self._persistent else TRANSIENT,
                mandatory=True,
            ),
            f"cast {topic}.{msg['method']}",
        )

    def fanout_cast(self, context: Any, topic: str, msg: Message) -> None:
        """Send a message to every fanout consumer of a topic. Raises as `cast` does."""
        check_sending(topic, msg)
        self._send_and_wait(
            Receipt(
                self._names.fanouts,
                encode(topic),
                request_body(context, msg),
                self._properties("fanout_cast"),
            ),
            f"fanout_cast {topic}.{msg['method']}",
        )

    # The end

    def close(self) -> None:
        """Close all connections, and let all who wait end with ConnectionClosed; nothing is left
        on the broker but the exchanges, and the queues of topics."""
        with self._lock:
            if self._closed or os.getpid() != self._pid:  # a fork has none of the threads
                return
            self._closed = True
            connections = tuple(self._connections)
        atexit.unregister(self.close)
        for connection in connections:
            connection.close()
        if self._replies_started:
            self._replies.loop.dismiss(self._replies, self._replies.farewell)
        self._replies.close()
        self._publisher.close()
        for loop in tuple(self._loops):
            self._stop(loop)

    def __repr__(self) -> str:
        return f"<KombuBackend {self._link.name}{' (closed)' if self._closed else ''}>"

    # Sending

    def _ask(self, kind: str, context: Any, topic: str, msg: Message, seconds: float) -> Pending:
        """Send a request, and expect its answers."""
        limit = Limit(seconds)
        check_sending(topic, msg)
        body = request_body(context, msg)
        if not self._await_replies(limit):
            if self._replies.loop.failed:
                raise self._replies.loop.trouble
            raise Timeout(f"the broker was not reached within {limit.seconds:g} s")
        properties = self._properties(kind) | {"reply_to": self._replies.address}
        headers = {}
        if seconds <= LONGEST_WAIT:
            # What is left by now: nobody handles what its caller has given up.
            headers[DEADLINE] = wall() + limit.left
            properties["expiration"] = str(int(limit.left * 1000) + 1)
        pending = Pending(
            kind,
            topic,
            msg["method"],
            self._names.topics,
            encode(topic),
            body,
            properties,
            headers,
            mandatory=True,
        )
        pending.limit = limit
        self._replies.expect(pending)
        self._publisher.send(pending)
        return pending

    def _send_and_wait(self, receipt: Receipt, what: str) -> None:
        self._check_open()
        self._publisher.send(receipt)
        trouble = receipt.wait(self._send_timeout)
        if trouble is not None:
            why = self._why_not() or trouble
            state = "is not known to have arrived" if receipt.sent else "was not sent"
            raise BackendUnavailable(f"{what} {state}: {why}")

    def _properties(self, kind: str) -> dict[str, Any]:
        id = f"{self._id}.{next(self._numbers):x}"
        return {"type": kind, "correlation_id": id, "message_id": id}

    def _why_not(self) -> str | None:
        return self._publisher.trouble

    def _await_replies(self, limit: Limit) -> bool:
        """Whether the reply queue is there, in time."""
        self._check_open()
        if not self._replies_started:
            with self._lock:
                if not self._replies_started:
                    self._loop("replies", self._replies).start()
                    self._replies_started = True
        up = self._replies.loop.up
        return up.is_set() or up.wait(limit.left)

    # Connections to the broker

    def _loop(self, purpose: str, *tenants: Tenant) -> Loop:
        loop = Loop(self._link, purpose, *tenants)
        self._loops.add(loop)
        return loop

    def _open(self, purpose: str, *tenants: Tenant) -> Loop:
        loop = self._loop(purpose, *tenants)
        try:
            loop.open()
        except BackendUnavailable:
            self._loops.discard(loop)
            raise
        return loop

    def _stop(self, loop: Loop) -> None:
        loop.stop()
        self._loops.discard(loop)

    def _check_open(self) -> None:
        if self._closed:
            raise ConnectionClosed(f"{self!r} was closed")

    # For a judge

    def _forget(self, topic: str) -> None:
        """Delete the queue of a topic, with what waits in it."""
        check_topic(topic)
        self._publisher.loop.run(
            lambda session: self._publisher.forget(topic, session), self._send_timeout
        )

    @contextmanager
    def _interrupt(self) -> Iterator[None]:
        """While the ``with`` lasts, the broker can't be reached."""
        self._link.cut(True)
        for loop in tuple(self._loops):
            loop.interrupt()
        try:
            yield
        finally:
            self._link.cut(False)
