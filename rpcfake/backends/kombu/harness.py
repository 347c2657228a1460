"""What a judge needs of this backend: real threads, real time, and a broker left as it was."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from threading import Condition, Thread

from rpcfake.backends.kombu.clock import Limit, monotonic

_REAL: dict[str, Callable[[float], None]] = {"sleep": time.sleep}


class KombuHarness:
    """See `rpcfake.backends.port.Harness`.

    Args:
        forget: deletes what a topic left.
        interrupt: cuts the backend off from its broker.
    """

    LOOK_AGAIN = 0.05
    """Seconds after which a predicate is asked again without a poke."""

    def __init__(
        self,
        forget: Callable[[str], object],
        interrupt: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._forget = forget
        self._interrupt = interrupt
        self._changed = Condition()

    def spawn(self, fn: Callable[[], object]) -> object:
        thread = Thread(target=fn, name="rpcfake-judge-actor", daemon=True)
        thread.start()
        return thread

    def wait_until(self, predicate: Callable[[], object], timeout: float) -> bool:
        limit = Limit(timeout)
        with self._changed:
            while not predicate():
                if limit.past:
                    return False
                self._changed.wait(min(limit.left, self.LOOK_AGAIN))
            return True

    def sleep(self, seconds: float) -> None:
        _REAL["sleep"](seconds)

    def now(self) -> float:
        return monotonic()

    def forget(self, topic: str) -> None:
        self._forget(topic)

    def interrupt(self) -> AbstractContextManager[None]:
        return self._interrupt()

    def poke(self) -> None:
        """Let waiters look again."""
        with self._changed:
            self._changed.notify_all()
