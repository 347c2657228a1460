"""The Connection: what a service opens to be reached (rule CONN)."""

from __future__ import annotations

from typing import Any, Protocol, Self

from rpcfake.core import Consumer
from rpcfake.errors import ConnectionClosed
from rpcfake.message import check_consumer


class Host(Protocol):
    """What a connection needs of its bus."""

    closed: bool

    def _declare(self, topic: str, proxy: Any, fanout: bool) -> Consumer: ...
    def _start(self, consumer: Consumer) -> None: ...
    def _close(self, consumer: Consumer) -> None: ...


class Connection:
    """Consumers that start and close together. Source: nova.rpc's Connection (2011)."""

    def __init__(self, bus: Host) -> None:
        self._bus = bus
        self._consumers: list[Consumer] = []
        self._started = False
        self._closed = False

    def create_consumer(self, topic: str, proxy: Any, fanout: bool = False) -> None:
        """Read a topic: the public methods of the proxy are called, each message with one of them.

        Args:
            topic: a non-empty str of at most 200 bytes of UTF-8.
            proxy: the object whose methods are called as ``method(context=…, **args)``.
            fanout: read the topic's fanout casts, and nothing else.

        Messages wait until `consume_in_thread`; after it a new consumer starts at once.

        Raises:
            InvalidMessage: the topic is not allowed.
            ConnectionClosed: this connection, or its bus, is closed.
        """
        check_consumer(topic, proxy, fanout)
        self._check_open()
        consumer = self._bus._declare(topic, proxy, fanout)
        self._consumers.append(consumer)
        if self._closed:  # by another thread, which has not seen this consumer
            self._bus._close(consumer)
            self._check_open()
        if self._started:
            self._bus._start(consumer)

    def consume_in_thread(self) -> None:
        """Begin to take messages; called twice it is called once. It does not block.

        Raises:
            ConnectionClosed: this connection, or its bus, is closed.
        """
        self._check_open()
        self._started = True
        for consumer in self._consumers:
            self._bus._start(consumer)

    def close(self) -> None:
        """Take no more messages. What was not taken stays for others; handlers go on, and so do
        replies."""
        self._closed = True
        for consumer in self._consumers:
            self._bus._close(consumer)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        names = ", ".join(consumer.name for consumer in self._consumers) or "no consumers"
        state = "closed" if self._closed else "started" if self._started else "not started"
        return f"<Connection: {names}; {state}>"

    def _check_open(self) -> None:
        if self._closed:
            raise ConnectionClosed(f"{self!r} was closed: open a new one with create_connection()")
        if self._bus.closed:
            raise ConnectionClosed("the bus of this connection was closed")
