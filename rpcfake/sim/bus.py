"""`Bus`: the deterministic bus."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import get_ident
from typing import Any, Self

from rpcfake.active import Choice
from rpcfake.bus import MessageBus
from rpcfake.codec import Codec
from rpcfake.context import ContextFactory
from rpcfake.core import Broker, Consumer, Envelope
from rpcfake.handling import Handling
from rpcfake.hints import brief
from rpcfake.message import check_seconds
from rpcfake.sim import patch
from rpcfake.sim.loop import Loop
from rpcfake.sim.schedules import Schedule, find_schedule
from rpcfake.sim.telling import blocked
from rpcfake.sim.worker import Task


class Bus(MessageBus):
    """A message bus in one thread, with virtual time. Same inputs, same traffic, in every process.

    Handlers run only while the code that made the bus waits on it: in `rpcfake.call` and in
    iterating over `rpcfake.multicall`, in `run`, `step`, `advance`, `run_until`, `sleep`, and in
    `Task.result`.

    Args:
        codec: how values look on the wire: ``"json"``, or an object with ``name``, ``encode``,
            ``decode``.
        schedule: who runs next: ``"fifo"`` (in the order of sending) or ``"random"`` (as the seed
            says).
        seed: an int.
        context_factory: makes the context that a handler gets of the dict that travelled.

    Raises:
        ValueError, TypeError: an argument is not allowed; the text says what is.
    """

    def __init__(
        self,
        codec: str | Codec = "json",
        schedule: str | Schedule = "fifo",
        seed: int = 0,
        context_factory: ContextFactory | None = None,
    ) -> None:
        self.schedule = find_schedule(schedule, seed)
        self.seed = seed
        self._loop = Loop(self.schedule)
        super().__init__(
            Broker(self._loop.line.add, self._loop.answered),
            codec,
            context_factory,
            self._loop.clock.read,
            _OneThread,
        )
        assert isinstance(self._handling, _OneThread)
        self._handling.check_use = self._loop.check_use
        self._loop.attach(self._broker, self._handling, self._abandoned, self._let_go)
        self._loop.clock.changed = patch.refresh

    # Time, and who runs

    @property
    def now(self) -> float:
        """Virtual seconds since the bus was made."""
        return self._loop.clock.read() / 1e6

    def run(self) -> None:
        """Run until nothing is runnable. No time passes.

        Raises:
            Livelock: tasks go on without end.
        """
        self._loop.run()

    def step(self) -> bool:
        """Run one scheduling step (a task until it waits); False when nothing is runnable."""
        return self._loop.step()

    def advance(self, seconds: float) -> None:
        """Let virtual time pass. Each deadline on the way is met at its own time, in order."""
        self._loop.advance(check_seconds("seconds", seconds))

    def run_until(self, predicate: Callable[[], object], timeout: float | None = None) -> None:
        """Run, and let virtual time pass, until the predicate is true. It is asked after each step.

        Raises:
            Timeout: it was not within ``timeout`` seconds.
            Stalled: without a timeout, when nothing is left that could make it true.
        """
        if not callable(predicate):
            raise TypeError(f"predicate is {brief(predicate)}: it must be callable")
        self._loop.run_until(
            predicate, None if timeout is None else check_seconds("timeout", timeout)
        )

    def spawn(self, fn: Callable[..., Any], *args: Any) -> Task:
        """Run ``fn(*args)`` as a task beside the handlers; it starts at the next step."""
        if not callable(fn):
            raise TypeError(f"fn is {brief(fn)}: it must be callable")
        return self._loop.spawn(fn, args)

    def sleep(self, seconds: float) -> None:
        """Let virtual time pass: in a task for that task, in the test's own code as `advance`
        does."""
        self._loop.check_use()
        self._loop.sleep(check_seconds("seconds", seconds))

    @property
    def steps(self) -> int:
        """How many scheduling steps there were."""
        return self._loop.steps

    @property
    def running(self) -> str | None:
        """Who runs at this moment; None: no task does."""
        worker = self._loop.current
        return None if worker is None else worker.label()

    @property
    def livelock_limit(self) -> int:
        """How many steps without time passing are taken for a livelock (200,000). So is a
        tenth as many, but at least 1,000, handlers and tasks that are begun and not done."""
        return self._loop.livelock_limit

    @livelock_limit.setter
    def livelock_limit(self, steps: int) -> None:
        if isinstance(steps, bool) or not isinstance(steps, int):
            raise TypeError(f"livelock_limit is {brief(steps)}: it must be an int")
        if steps < 1:
            raise ValueError(f"livelock_limit is {brief(steps)}: it must be 1 or more")
        self._loop.livelock_limit = steps

    @contextmanager
    def installed(self) -> Iterator[Self]:
        """While the ``with`` lasts, `rpcfake.call` and the others go to this bus, and `time.sleep`
        is virtual in its tasks and in the test's body, `time.monotonic` in its tasks."""
        self._check_use()
        patch.install(self._loop)
        choice = Choice(self)
        try:
            yield self
        finally:
            choice.undo()
            patch.uninstall(self._loop)

    def close(self) -> None:
        """Kill what runs, in the order started, and refuse everything from now on."""
        self._handling.closed = True
        try:
            self._loop.close()
        finally:
            self._handling.closed = self.closed = self._loop.closed

    def __repr__(self) -> str:
        state = "closed" if self.closed else f"at {self.now:g} s"
        return f"<Bus {state}, {len(self._broker.rows)} records>"

    # What `MessageBus` asks of a loop

    def _replay_sleep(self, seconds: float) -> None:
        self.sleep(seconds)

    def _origin(self) -> tuple[str, dict[str, Any]]:
        made_by = {"name": "Bus", "schedule": str(self.schedule.name), "seed": self.seed}
        return "virtual", made_by

    def _cause(self) -> int | None:
        worker = self._loop.current
        return None if worker is None or worker.envelope is None else worker.envelope.taken

    def _check_use(self) -> None:
        loop = self._loop
        if loop.closed or get_ident() != loop.thread:
            loop.check_use()

    def _wait_for_answer(self, envelope: Envelope, seconds: float) -> str | None:
        while not self._loop.wait_for_answer(envelope, seconds):
            more = 0.0 if envelope.grace is None else envelope.grace()
            if more <= 0:
                break
            self._loop.give_up()
            seconds = more
        else:
            return None
        text = self._timeout_text(envelope, seconds)
        self._loop.give_up()
        self._broker.give_up(self._now(), envelope, "timeout")
        return text

    def _settle(self) -> None:
        self._loop.run()

    def _close(self, consumer: Consumer) -> None:
        self._loop.check_thread()
        super()._close(consumer)

    def _let_go(self) -> None:
        if get_ident() == self._loop.thread:  # else it is done at the next step
            super()._let_go()

    def _blocked(self) -> list[str]:
        return blocked(self._loop.busy())

    def _failed_tasks(self) -> list[str]:
        return [
            f"task {task.name} failed: {type(task.error).__name__}: {task.error}"
            for task in self._loop.tasks
            if task.error is not None and not task.seen
        ]


class _OneThread(Handling):
    """Handles messages, and lets no other thread answer them."""

    check_use: Callable[[], None]

    def answer(self, envelope: Envelope, value: Any, ending: bool) -> None:
        self.check_use()
        super().answer(envelope, value, ending)
