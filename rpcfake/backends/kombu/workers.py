"""The threads that run the handlers of one connection, and how many may."""

from __future__ import annotations

import logging
import queue
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import count
from threading import Lock, Thread, local

log = logging.getLogger(__name__)

_here = local()

IDLE = 10.0
"""Seconds after which a thread without work ends."""


def handler_waits() -> AbstractContextManager[object]:
    """While the ``with`` lasts, the handler that this thread runs does not count: what it waits
    for may have to be handled by its own connection."""
    workers: Workers | None = getattr(_here, "workers", None)
    return nullcontext() if workers is None else _lend(workers)


@contextmanager
def _lend(workers: Workers) -> Iterator[None]:
    workers.give_back()
    try:
        yield
    finally:
        # It goes on at once, also where that makes one more than there should be: a handler that
        # waited for its slot could wait for ever.
        workers.take_again()


class Workers:
    """Runs jobs in threads, as many as there are slots and jobs that wait for others.

    Args:
        slots: how many jobs may run that do not wait.
        on_free: called when a slot has become free, in the thread that freed it.
    """

    def __init__(self, slots: int, name: str, on_free: Callable[[], object]) -> None:
        self._free = slots
        self._name = name
        self._on_free = on_free
        self._lock = Lock()
        self._idle: deque[_Worker] = deque()
        self._numbers = count(1)
        self._closed = False

    def claim(self) -> bool:
        """Take a slot, if one is free."""
        with self._lock:
            if self._free <= 0:
                return False
            self._free -= 1
            return True

    def give_back(self) -> None:
        """Give a slot back."""
        with self._lock:
            self._free += 1
        self._on_free()

    def take_again(self) -> None:
        """Take a slot, free or not."""
        with self._lock:
            self._free -= 1

    def submit(self, job: Callable[[], object]) -> None:
        """Run a job in the slot that was claimed for it."""
        try:
            worker = self._idle.pop()
        except IndexError:
            worker = _Worker(self, f"{self._name}-{next(self._numbers)}")
        worker.jobs.put(job)

    def close(self) -> None:
        """Let the threads end that have nothing to do, and each other after its job."""
        self._closed = True
        self._send_home()

    def run(self, job: Callable[[], object], worker: _Worker) -> None:
        """What a worker does with a job."""
        _here.workers = self
        try:
            job()
        except BaseException:
            log.exception("a worker's job raised")  # the thread serves others, and must live on
        finally:
            _here.workers = None
            # Before its slot is free: who gets the slot should find this thread.
            self._idle.append(worker)
            if self._closed:
                self._send_home()
            self.give_back()

    def leaves(self, worker: _Worker) -> bool:
        """Whether a worker may end: it was not given a job just now."""
        try:
            self._idle.remove(worker)
        except ValueError:
            return False
        return True

    def _send_home(self) -> None:
        while True:
            try:
                self._idle.pop().jobs.put(None)
            except IndexError:
                return


class _Worker:
    """A thread that gets its jobs one by one."""

    def __init__(self, workers: Workers, name: str) -> None:
        self._workers = workers
        self.jobs: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        Thread(target=self._run, name=name, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                job = self.jobs.get(timeout=IDLE)
            except queue.Empty:
                if self._workers.leaves(self):
                    return
                continue
            if job is None:
                return
            self._workers.run(job, self)
