"""Servers whose handlers run as tasks of a simulated bus."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from rpcfake.sim import Bus


class InlineExecutor:
    """What `MessageHandlingServer` takes for its pool of threads.

    A message is handled in the bus's own worker that took it: as soon as it is submitted, and
    concurrently with others."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._running = 0

    def submit(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Future[Any]:
        """Run it now, and give its outcome."""
        future: Future[Any] = Future()
        self._running += 1
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        finally:
            self._running -= 1
        return future

    def shutdown(self, wait: bool = True, **_: Any) -> None:
        """Drive the bus until everything submitted is done; in a handler, don't wait."""
        if wait and self._bus.running is None and not self._bus.closed:
            self._bus.run_until(lambda: self._running == 0)


class Manager:
    """In place of stevedore's ``driver`` module in `oslo_messaging.server`.

    It gives each server that is made meanwhile an executor on this bus, whichever kind it asked
    for."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    def DriverManager(self, namespace: str, name: str, **options: Any) -> Any:
        """As stevedore's: what it finds is its ``driver``."""
        return self

    @property
    def driver(self) -> Callable[..., InlineExecutor]:
        """Makes the executor of a server."""
        return lambda max_workers=None: InlineExecutor(self._bus)
