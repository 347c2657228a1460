"""What a judge needs of a backend with threads: see `rpcfake.backends.port.Harness`."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Condition, Thread
from typing import Any

# In a dict, because freezegun replaces real functions that it finds as attributes of modules.
_REAL: dict[str, Callable[..., Any]] = {"monotonic": time.monotonic, "sleep": time.sleep}


class ThreadHarness:
    """Real threads, real time. Whoever changes what a predicate looks at calls `poke`.

    Args:
        forget: deletes what a topic left on a broker.
    """

    LOOK_AGAIN = 0.05
    """Seconds after which a predicate is asked again without a poke: it may look at the backend."""

    def __init__(self, forget: Callable[[str], object] = lambda topic: None) -> None:
        self._forget = forget
        self._changed = Condition()

    def spawn(self, fn: Callable[[], object]) -> object:
        thread = Thread(target=fn, name="rpcfake-judge-actor", daemon=True)
        thread.start()
        return thread

    def wait_until(self, predicate: Callable[[], object], timeout: float) -> bool:
        end = self.now() + timeout
        with self._changed:
            while not predicate():
                left = end - self.now()
                if left <= 0:
                    return False
                self._changed.wait(min(left, self.LOOK_AGAIN))
            return True

    def sleep(self, seconds: float) -> None:
        _REAL["sleep"](seconds)

    def now(self) -> float:
        return float(_REAL["monotonic"]())

    def forget(self, topic: str) -> None:
        self._forget(topic)

    def poke(self) -> None:
        """Let waiters look again."""
        with self._changed:
            self._changed.notify_all()
