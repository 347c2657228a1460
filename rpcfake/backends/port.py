"""What a backend is: anything with the five functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

FUNCTIONS = ("create_connection", "call", "multicall", "cast", "fanout_cast")
"""The names of the five functions."""


class Connection(Protocol):
    """What a backend's ``create_connection`` gives (rule CONN)."""

    def create_consumer(self, topic: str, proxy: Any, fanout: bool = False) -> Any: ...
    def consume_in_thread(self) -> Any: ...
    def close(self) -> Any: ...


class Harness(Protocol):
    """How a judge lets things happen on a backend: by threads and the real clock, or in virtual
    time.

    Optional: ``interrupt()`` gives a context manager, and while it lasts the backend can't reach
    its broker; ``virtual`` is true where time is virtual, so that waiting costs nothing."""

    def spawn(self, fn: Callable[[], object]) -> object:
        """Run fn beside the caller."""

    def wait_until(self, predicate: Callable[[], object], timeout: float) -> bool:
        """Wait until the predicate is true, at most ``timeout`` seconds; whether it was."""

    def sleep(self, seconds: float) -> None:
        """Let time pass."""

    def now(self) -> float:
        """Seconds since some moment."""

    def forget(self, topic: str) -> None:
        """Delete what a topic left on a broker."""


class Backend(Protocol):
    """The five functions. Its ``multicall`` gives bare values; `rpcfake.multicall` numbers them.
    What follows is optional.

    Attributes:
        RemoteError, Timeout: its own error classes, if not rpcfake's.
        unsupported: a mapping from a capability to the reason why it has not got it; all others are
            claimed.
        concurrency: how many handlers of one connection may wait at once; 32 if it does not say.
        harness: a `Harness`.
        has_broker: false where nothing stands between sender and receiver that could go away, so
            that there is nothing to judge by the clauses of its loss; true if it does not say.
        about: a mapping from names to versions, of what the backend stands on; reports show it.
        close: ends it.
    """

    def create_connection(self, new: bool = True) -> Connection: ...
    def call(self, context: Any, topic: str, msg: Any, timeout: float | None = None) -> Any: ...
    def multicall(
        self, context: Any, topic: str, msg: Any, timeout: float | None = None
    ) -> Iterator[Any]: ...
    def cast(self, context: Any, topic: str, msg: Any) -> None: ...
    def fanout_cast(self, context: Any, topic: str, msg: Any) -> None: ...


def missing_functions(backend: Any) -> list[str]:
    """Those of the five functions that an object does not have."""
    return [name for name in FUNCTIONS if not callable(getattr(backend, name, None))]
