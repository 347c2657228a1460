"""The connection that a service opens to be reached (rule CONN)."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any, Self

from rpcfake.backends.kombu.handling import Consumer
from rpcfake.backends.kombu.intake import Intake
from rpcfake.errors import ConnectionClosed
from rpcfake.message import check_consumer

_numbers = count(1)


class Connection:
    """Consumers that start and close together.

    Args:
        prepare: called before the first message is taken. Raises BackendUnavailable.
        seconds: how long the broker is waited for, where it is away.
        on_close: told this connection when it has closed.
    """

    def __init__(
        self,
        intake: Intake,
        prepare: Callable[[], object],
        seconds: float,
        on_close: Callable[[Connection], object],
    ) -> None:
        self._intake = intake
        self._prepare = prepare
        self._seconds = seconds
        self._on_close = on_close

    def create_consumer(self, topic: str, proxy: Any, fanout: bool = False) -> None:
        """Read a topic: the public methods of the proxy are called, each message with one of them.

        Args:
            topic: a non-empty str of at most 200 bytes of UTF-8.
            proxy: the object whose methods are called as ``method(context=…, **args)``.
            fanout: read the topic's fanout casts, and nothing else.

        Messages wait until `consume_in_thread`; after it a new consumer starts at once.

        Raises:
            InvalidMessage: the topic is not allowed.
            ConnectionClosed: this connection is closed.
            BackendUnavailable: the broker is away.
        """
        check_consumer(topic, proxy, fanout)
        self._check_open()
        consumer = Consumer(f"{topic}#{next(_numbers)}", topic, proxy, fanout)
        self._intake.declare(consumer, self._seconds)

    def consume_in_thread(self) -> None:
        """Begin to take messages; called twice it is called once. It does not block.

        Raises:
            ConnectionClosed: this connection is closed.
            BackendUnavailable: the broker is away.
        """
        self._check_open()
        self._prepare()
        self._intake.start(self._seconds)

    def close(self) -> None:
        """Take no more messages. What was not taken stays for others; handlers go on, and so do
        replies."""
        if not self._intake.closed:
            self._intake.close()
            self._on_close(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        names = ", ".join(self._intake.names) or "no consumers"
        return f"<Connection: {names}; {self._intake.state}>"

    def _check_open(self) -> None:
        if self._intake.closed:
            raise ConnectionClosed(f"{self!r} was closed: open a new one with create_connection()")
