"""Says where a bus stands when it has stood at one step for a long real time.

The simulated bus has one thread. A handler that really blocks holds it, nothing else can run, and
the test run just hangs. Handlers on real threads may block, so `ThreadedBus` is not watched.
"""

from __future__ import annotations

import faulthandler
import os
import threading
from collections.abc import Callable
from typing import Protocol

PARTS = 4
"""Looks at a bus within its patience: it is noticed after 1 to 1 + 1 / PARTS times that."""


class Steps(Protocol):
    """What is looked at: how far a bus has come, and which task it runs just now."""

    @property
    def steps(self) -> int: ...
    @property
    def running(self) -> str | None: ...


class Watchdog:
    """One daemon thread for all buses of a test run, started when the first one is to be watched.

    No clock is read: time passes in waiting for a lock that is never free, in the interpreter's own
    code. So frozen and patched clocks don't reach it, nor does the bus's own virtual one.

    Args:
        seconds: for how long a bus may stand at one step, in real seconds.
        stderr: a file descriptor that nobody captures.
    """

    def __init__(self, seconds: float, stderr: int) -> None:
        self._seconds = seconds
        self._stderr = stderr
        self._watched: dict[int, Watched] = {}
        self.paused = False
        """Whether a person sits in a debugger, and so a step may last."""
        self._over = threading.Lock()
        self._over.acquire()
        self._thread: threading.Thread | None = None

    def watch(self, bus: Steps, where: Callable[[], str]) -> None:
        """Look at this bus from now on; `where` says which test runs."""
        self.paused = False
        self._watched[id(bus)] = Watched(bus, where)
        # Not alive after a fork either.
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="rpcfake-watchdog", daemon=True)
            self._thread.start()

    def forget(self, bus: Steps) -> None:
        self._watched.pop(id(bus), None)

    def close(self) -> None:
        """End the thread; nothing is written from now on."""
        self._over.release()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._over.acquire(timeout=self._seconds / PARTS):
            for watched in list(self._watched.values()):
                if watched.stands(self.paused):
                    self._report(watched)

    def _report(self, watched: Watched) -> None:
        text = REPORT.format(where=watched.where(), seconds=self._seconds, running=watched.running)
        os.write(self._stderr, text.encode("utf-8", "backslashreplace"))
        faulthandler.dump_traceback(self._stderr, all_threads=True)
        os.write(self._stderr, b"\n")


class Watched:
    """One bus, and for how many looks it has stood where it stands."""

    def __init__(self, bus: Steps, where: Callable[[], str]) -> None:
        self.bus = bus
        self.where = where
        self.running: str | None = None
        self._steps = -1
        self._looks = 0

    def stands(self, paused: bool) -> bool:
        """Whether this look is the one that ends the patience: true once for a step."""
        self.running = self.bus.running
        if paused or self.running is None or self.bus.steps != self._steps:
            self._steps = self.bus.steps
            self._looks = 0
            return False
        self._looks += 1
        return self._looks == PARTS


REPORT = """
rpcfake watchdog, in {where}:
the bus has stood at one step for {seconds:g} real seconds. It runs {running}.

A simulated bus has one thread. What really blocks inside a handler (a lock that another task
holds, a socket, a subprocess, an endless loop) holds that thread, so whoever could end the wait
can't run. In the stacks below look for the handler, in the thread that runs the test. If the code
needs real locks or threads, test it on real ones: the fixture rpc_threaded_bus, or
rpcfake.ThreadedBus.
The test goes on. Patience: --rpcfake-watchdog=SECONDS, or ini rpcfake_watchdog; 0 turns this off.

"""
