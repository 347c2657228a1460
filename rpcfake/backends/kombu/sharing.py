"""Connections to the broker that several of a user share: ``create_connection(new=False)``."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

from rpcfake.backends.kombu.loop import Loop


class SharedLoops:
    """A pool of open loops, each lent to any number of users.

    Args:
        most: how many are opened before the least used one is lent again.
        open: makes an open loop.
        stop: ends one.
    """

    def __init__(self, most: int, open: Callable[[], Loop], stop: Callable[[Loop], object]) -> None:
        self._most = most
        self._open = open
        self._stop = stop
        self._users: dict[Loop, int] = {}
        self._lock = Lock()

    def lend(self) -> Loop:
        """An open loop. Raises BackendUnavailable."""
        with self._lock:
            if len(self._users) < self._most:
                loop = self._open()
                self._users[loop] = 0
            else:
                loop = min(self._users, key=lambda each: self._users[each])
            self._users[loop] += 1
            return loop

    def give_back(self, loop: Loop) -> None:
        """One user less; the last one closes it."""
        with self._lock:
            self._users[loop] -= 1
            if self._users[loop]:
                return
            del self._users[loop]
        self._stop(loop)
