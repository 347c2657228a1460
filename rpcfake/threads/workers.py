"""Threads that handle messages, as many as are needed at once."""

from __future__ import annotations

import os
import threading
import traceback
from collections import deque
from collections.abc import Callable
from threading import TIMEOUT_MAX, Condition, RLock, Thread, current_thread
from typing import Any

from rpcfake.core import Envelope
from rpcfake.frames import current_frames


class Worker:
    """A thread, and the message that it handles."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.thread: Thread = current_thread()
        self.envelope: Envelope | None = None
        self.waits_for: Envelope | None = None

    def label(self) -> str:
        """Who it is."""
        envelope = self.envelope
        if envelope is None or envelope.consumer is None:
            return f"idle worker {self.number}"
        return (
            f"{envelope.consumer.name} handling {envelope.kind}"
            f" {envelope.topic}.{envelope.method} (record {envelope.seq})"
        )

    def doing(self) -> tuple[str, Envelope | None]:
        """What its handler does now, and the envelope whose answer it waits for."""
        if self.waits_for is not None:
            return "its handler waits for", self.waits_for
        frame = current_frames().get(self.thread.ident or 0)
        if frame is None:
            return "its handler runs", None
        stack = traceback.extract_stack(frame)
        at = next((line for line in reversed(stack) if _tells(line.filename)), stack[-1])
        return f"its handler runs, now in {at.name}() at {at.filename}:{at.lineno}", None


class Waiting:
    """A caller that waits for an answer; where it is a worker's handler, that counts as idle.

    It counts as busy again at the moment the answer is there, not when its thread gets to run: else
    the bus would look quiet in between."""

    def __init__(self, pool: Pool, worker: Worker | None, envelope: Envelope, lock: RLock) -> None:
        self._pool = pool
        self._worker = worker
        self._condition = Condition(lock)
        if worker is not None:
            worker.waits_for = envelope
            pool.idle()

    def wake(self) -> None:
        """There is something to read, or nothing to wait for any more; the lock is held."""
        if self._worker is not None and self._worker.waits_for is not None:
            self._worker.waits_for = None
            self._pool.busy += 1
        self._condition.notify_all()

    def wait(self, seconds: float | None) -> None:
        """Sleep until woken, or for these seconds; the lock is given back meanwhile."""
        self._condition.wait(None if seconds is None else min(seconds, TIMEOUT_MAX))


_HERE = __file__.rpartition("rpcfake")[0] + "rpcfake"
_PYTHON = os.path.dirname(threading.__file__)


def _tells(filename: str) -> bool:
    """Whether a line of this file says where a handler is: not where it waits inside Python's own
    library, which looks the same for all."""
    if filename.startswith(_PYTHON):
        return "site-packages" in filename
    return not filename.startswith(_HERE)


class Pool:
    """Runs one job for each call of `add`, each in a thread; idle threads are used again.

    Args:
        condition: guards the pool; its lock is the bus's.
        changed: called when fewer jobs are busy; the lock is held.
        work: called in a thread with the job and the worker.
    """

    def __init__(
        self,
        condition: Condition,
        changed: Callable[[], object],
        work: Callable[[Any, Worker], object],
    ) -> None:
        self._condition = condition
        self._changed = changed
        self._work = work
        self._jobs: deque[Any] = deque()
        self._idle = 0
        self.busy = 0
        """How many jobs are waiting for a thread, or running without waiting on the bus."""
        self.workers: list[Worker] = []
        self.closed = False

    def add(self, job: Any) -> None:
        """Run a job; the lock is held."""
        if self.closed:
            return
        if self._idle > len(self._jobs):
            self._condition.notify()
        else:
            worker = Worker(len(self.workers) + 1)
            name = f"rpcfake-worker-{worker.number}"
            worker.thread = Thread(target=self._run, args=(worker,), name=name, daemon=True)
            worker.thread.start()  # may fail; it finds the job once it has the lock
            self.workers.append(worker)
        self.busy += 1
        self._jobs.append(job)

    def idle(self) -> None:
        """One job less is busy; the lock is held."""
        self.busy -= 1
        self._changed()

    def close(self) -> None:
        """Let each thread end once its job is done; the lock is held."""
        self.closed = True
        self.busy -= len(self._jobs)
        self._jobs.clear()
        self._condition.notify_all()

    def _run(self, worker: Worker) -> None:
        while True:
            with self._condition:
                self._idle += 1
                while not self._jobs and not self.closed:
                    self._condition.wait()
                self._idle -= 1
                if self.closed:
                    return
                job = self._jobs.popleft()
            try:
                self._work(job, worker)
            finally:
                with self._condition:
                    worker.envelope = None
                    self.idle()
