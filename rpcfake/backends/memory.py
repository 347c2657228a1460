"""The backends ``memory`` and ``memory-threads``: the buses of this package."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rpcfake.errors import Timeout
from rpcfake.sim import Bus
from rpcfake.threads import ThreadedBus


class Simulated:
    """The harness of a simulated bus: what is spawned are its tasks, and time is virtual."""

    virtual = True
    LOOK_AGAIN = 0.001
    """Virtual seconds after which a task that waits asks its predicate again; ten times as many
    when it has asked a hundred times, for a minute of waiting would be 60,000 steps."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    def spawn(self, fn: Callable[[], object]) -> object:
        return self._bus.spawn(fn)

    def wait_until(self, predicate: Callable[[], object], timeout: float) -> bool:
        if self._bus.running is None:
            try:
                self._bus.run_until(predicate, timeout)
            except Timeout:
                return False
            return True
        end = self._bus.now + timeout
        looks = 0
        while not predicate():
            if self._bus.now >= end:
                return False
            looks += 1
            self._bus.sleep(self.LOOK_AGAIN if looks < 100 else 10 * self.LOOK_AGAIN)
        return True

    def sleep(self, seconds: float) -> None:
        self._bus.sleep(seconds)

    def now(self) -> float:
        return self._bus.now

    def forget(self, topic: str) -> None:
        """Nothing is left anywhere."""


class Memory(Bus):
    """A simulated bus with a harness for its judge."""

    has_broker = False

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.harness = Simulated(self)


class MemoryThreads(ThreadedBus):
    """A bus with real threads, as its judge sees it."""

    has_broker = False


def memory(**options: Any) -> Memory:
    """A new simulated bus; the options are those of `rpcfake.Bus`."""
    return Memory(**options)


def memory_threads(**options: Any) -> MemoryThreads:
    """A new bus with real threads; the options are those of `rpcfake.ThreadedBus`."""
    return MemoryThreads(**options)
