"""The loop of the simulated bus: one thread, greenlets, virtual time.

Who is not a task of the loop drives it: when a test's own code waits, it runs the tasks until its
wait is over. A task that waits switches back to whoever drives. Time passes only when nothing is
runnable; it then jumps to the next deadline.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextvars import Context
from itertools import count
from math import inf
from threading import get_ident
from typing import Any

from greenlet import GreenletExit, getcurrent, greenlet

from rpcfake.core import Broker, Envelope, Queue
from rpcfake.errors import ConnectionClosed, RpcError, Timeout, WrongThread
from rpcfake.handling import Handling
from rpcfake.sim.clock import Clock, microseconds
from rpcfake.sim.deadlines import GIVING_UP, WAKING, Deadlines, Sleep, Wait
from rpcfake.sim.line import ChosenLine, FifoLine, Line
from rpcfake.sim.schedules import Fifo, Schedule
from rpcfake.sim.telling import crowded, livelock, stalled, told_waiting
from rpcfake.sim.worker import Crew, Task, Worker
from rpcfake.waiting import seconds_text


class Loop:
    """Runs handlers and tasks, one at a time.

    Args:
        schedule: decides which runnable task goes on.
    """

    def __init__(self, schedule: Schedule) -> None:
        self.clock = Clock()
        self.line: Line = FifoLine() if isinstance(schedule, Fifo) else ChosenLine(schedule)
        self.steps = 0
        self.current: Worker | None = None
        """Who runs now; None: whoever drives the loop."""
        self.closed = False
        self.livelock_limit = 200_000
        self.reads = 0
        """How often the virtual clock was read since the last step (see `rpcfake.sim.patch`)."""
        self.refresh: Callable[[], object] | None = None
        """Called before tasks are run, while the bus is installed."""
        self.tasks: list[Task] = []
        """The spawned tasks that run, and those that failed unseen."""
        self.thread = get_ident()
        self._driver: greenlet | None = None
        self._surfaced: BaseException | None = None
        self._steps_left = 0
        self._crew = Crew()
        self._idle = self._crew.idle
        self._started = count(1)
        self._orders = count(1)
        self._deadlines = Deadlines()
        self._spawned: dict[str, int] = {}

    def attach(
        self,
        broker: Broker,
        handling: Handling,
        abandoned: Collection[Envelope],
        let_go: Callable[[], object],
    ) -> None:
        """Say whose queues are served, how messages are handled, and what to do before a step where
        finalizers left abandoned envelopes."""
        self._broker = broker
        self._handling = handling
        self._abandoned = abandoned
        self._let_go = let_go

    # Waiting

    def wait_for_answer(self, envelope: Envelope, seconds: float) -> bool:
        """Wait until the envelope's caller has something to read; whether the time was enough.

        The wait begins at the time of the last reading of the clock: that of the sending.
        """
        wait = self._make_wait(envelope, seconds, GIVING_UP)
        envelope.waiter = wait
        try:
            self._wait(wait)
        finally:
            envelope.waiter = None
        if not wait.timed_out:
            return True
        if not envelope.readable:
            return False
        self.give_up()
        return True

    def wait_for_task(self, task: Task, seconds: float | None) -> None:
        """Wait until a task has ended; raises `Timeout` or `Stalled`."""
        self.check_use()
        self.clock.read()
        wait = self._make_wait(task, inf if seconds is None else seconds, GIVING_UP)
        task._waits.append(wait)
        self._wait(wait)
        if wait.timed_out:
            text = f"the task {task.name} has not ended within {seconds_text(seconds or 0)}"
            text += told_waiting(self.busy())
            self.give_up()
            if not task.done:
                task._waits.remove(wait)
                raise Timeout(text, seconds=seconds)

    def give_up(self) -> None:
        """Who runs now waits no longer for what it waited for in vain."""
        if self.current is not None:
            self.current.wait = None

    def sleep(self, seconds: float) -> None:
        """Let virtual time pass for the task that calls; others run meanwhile."""
        if self.current is None:
            self.advance(seconds)
            return
        until = self.clock.read() + microseconds(seconds)
        self._wait(Wait(self.current, Sleep(until), until, WAKING, next(self._orders)))

    def answered(self, envelope: Envelope) -> None:
        """The broker says that an envelope's caller has something to read."""
        wait = envelope.waiter
        if wait is not None:
            self.wake(wait)

    def wake(self, wait: Wait) -> None:
        """What was waited for is there."""
        if wait.over:
            return
        wait.over = True
        self._deadlines.drop(wait)
        if wait.worker is not None:
            self.line.add(wait.worker)

    def _make_wait(self, what: Envelope | Task, seconds: float, priority: int) -> Wait:
        deadline = None if seconds == inf else self.clock.now + microseconds(seconds)
        return Wait(self.current, what, deadline, priority, next(self._orders))

    def _wait(self, wait: Wait) -> None:
        worker = self.current
        if worker is None:
            self._drive_until_over(wait)
            return
        if self.closed:
            raise GreenletExit("the bus was closed")
        if wait.deadline is not None:
            self._deadlines.add(wait)
        worker.wait = wait
        assert self._driver is not None
        try:
            self._driver.switch()
        except BaseException:
            self._tear_away(wait)
            raise
        if not wait.timed_out:  # else it is told first what it waited for in vain
            worker.wait = None

    # Driving

    def run(self) -> None:
        """Run until nothing is runnable. No time passes; what is due already is done."""
        before = self._begin(bounded=True)
        try:
            while True:
                while self.line:
                    self._step()
                if not self._fire(until=self.clock.read()):
                    return
        finally:
            self._driver = before

    def step(self) -> bool:
        """Run one scheduling step; whether there was one to run. No time passes."""
        before = self._begin(bounded=True)
        try:
            if not self.line and not self._fire(until=self.clock.read()):
                return False
            self._step()
            return True
        finally:
            self._driver = before

    def advance(self, seconds: float) -> None:
        """Let virtual time pass; each deadline on the way is met at its own time."""
        before = self._begin(bounded=True)
        try:
            end = self.clock.read() + microseconds(seconds)
            while True:
                while self.line:
                    self._step()
                if not self._fire(until=end):
                    break
            self.clock.jump(end)
        finally:
            self._driver = before

    def run_until(self, predicate: Callable[[], object], seconds: float | None) -> None:
        """Run, and let time pass, until the predicate is true; raises `Timeout` or `Stalled`."""
        before = self._begin(bounded=seconds is not None)
        try:
            end = None if seconds is None else self.clock.read() + microseconds(seconds)
            while not predicate():
                if self.line:
                    self._step()
                elif self._fire(until=end):
                    continue
                elif end is None:
                    raise stalled(
                        "run_until waits for a predicate that nothing can make true",
                        self.clock.now,
                        self.busy(),
                    )
                else:
                    self.clock.jump(end)
                    if predicate():
                        return
                    raise Timeout(
                        f"run_until: the predicate was not true within {seconds_text(seconds or 0)}"
                        + told_waiting(self.busy()),
                        seconds=seconds,
                    )
        finally:
            self._driver = before

    def _drive_until_over(self, wait: Wait) -> None:
        before = self._begin(bounded=wait.deadline is not None)
        try:
            while not wait.over:
                if self.line:
                    self._step()
                    continue
                if wait.deadline is not None and not wait.armed:
                    self._deadlines.add(wait)
                if not self._fire(until=None):
                    raise stalled(
                        "the caller waits without a deadline, and nothing can wake it",
                        self.clock.now,
                        self.busy(),
                    )
        finally:
            self._driver = before
            self._tear_away(wait)

    def _tear_away(self, wait: Wait) -> None:
        """Whatever becomes of it, nobody waits any more."""
        if not wait.over:
            wait.over = True
            self._deadlines.drop(wait)

    def _begin(self, bounded: bool) -> greenlet | None:
        """Make the code that calls the driver, which tasks switch back to; gives who that was
        before."""
        self.check_use()
        if self.current is not None:
            raise RpcError(
                f"{self.current.label()} tried to run the bus; only the test drives it."
                " In a handler or task use bus.sleep(), call, or join"
            )
        if self._abandoned:
            self._let_go()
        if self.refresh is not None:
            self.refresh()
        before = self._driver
        self._driver = getcurrent()
        self._refill = bounded
        self._steps_left = self.livelock_limit * (1 if bounded else 5) + len(self.line)
        return before

    def check_use(self) -> None:
        """Raise unless the bus is open and this is its own thread."""
        if self.closed:
            raise ConnectionClosed("the bus was closed")
        self.check_thread()

    def check_thread(self) -> None:
        """Raise unless this is the bus's own thread."""
        if get_ident() != self.thread:
            raise WrongThread(
                "a simulated Bus belongs to the thread that made it, and this is another one."
                " Code that insists on threads is tested on rpcfake.ThreadedBus"
                " (fixture rpc_threaded_bus)"
            )

    def _step(self) -> None:
        if self._abandoned:
            self._let_go()
        item = self.line.pop()
        self.steps += 1
        self.reads = 0
        self._steps_left -= 1
        if self._steps_left < 0:
            self.line.add(item)
            raise livelock(self.livelock_limit, self.clock.now, self.busy())
        if type(item) is Queue:
            worker = self._idle.pop() if self._idle else self._hire(item)
            envelope = self._broker.take(self.clock.now, item)
            if envelope is None:
                self._idle.append(worker)
                return
            worker.envelope = envelope
            worker.serial = next(self._started)
            envelope.worker = worker
        else:
            worker = item  # type: ignore[assignment]
        self.current = worker
        try:
            worker.greenlet.switch(worker)
        finally:
            self.current = None
        if self._surfaced is not None:
            error, self._surfaced = self._surfaced, None
            raise error
        if self.closed:
            raise ConnectionClosed("the bus was closed by a task")

    def _hire(self, item: Queue) -> Worker:
        """One more worker, for what came out of the line; unless there is a crowd of them."""
        limit = max(self.livelock_limit // 10, 1000)
        if len(self._crew.all) >= limit:
            self.line.add(item)
            raise crowded(limit, self.clock.now, self.busy())
        return self._crew.hire(self)

    def _fire(self, until: int | None) -> bool:
        """Let time pass to the next deadline, unless it lies beyond, and wake all whose deadline it
        is."""
        time = self._deadlines.next()
        if time is None or (until is not None and time > until):
            return False
        passes = time > self.clock.now
        if passes:
            self.clock.jump(time)
        for wait in self._deadlines.pop():
            if wait.worker is not None:
                self.line.add(wait.worker)
        if passes and self._refill:
            self._steps_left = self.livelock_limit + len(self.line)
        return True

    # Workers

    def spawn(self, function: Callable[..., Any], args: tuple[Any, ...]) -> Task:
        """Run a function as a task, from the next step on."""
        self.check_use()
        base = getattr(function, "__name__", type(function).__name__)
        number = self._spawned[base] = self._spawned.get(base, 0) + 1
        task = Task(self, f"{base}#{number}", function, args)
        worker = self._idle.pop() if self._idle else self._crew.hire(self)
        worker.task = task
        worker.serial = next(self._started)
        task.worker = worker
        self.tasks.append(task)
        self.line.add(worker)
        return task

    def work(self, worker: Worker) -> greenlet | None:
        """Do what a worker was given, in its greenlet; gives who drives then. None: the worker is
        done."""
        worker.greenlet.gr_context = Context()
        try:
            if worker.envelope is not None:
                surfaced = self._handling.handle(worker.envelope)
            else:
                task = worker.task
                assert task is not None
                worker.serial = next(self._started)
                surfaced = task.run()
                if task.error is None or task.seen:
                    self.tasks.remove(task)
        except BaseException as error:  # of the bus itself: those of handlers do not come here
            surfaced = error
        worker.envelope = worker.task = None
        if self.closed:
            return None
        if surfaced is not None:
            self._surfaced = surfaced
        self._idle.append(worker)
        return self._driver

    def forget(self, task: Task) -> None:
        """Somebody has seen how a task ended."""
        if task.error is not None:
            self.tasks.remove(task)

    def busy(self) -> list[Worker]:
        """The workers that handle or run something, in the order in which that was started."""
        return self._crew.busy()

    def close(self) -> None:
        """Kill what runs, in the order in which it was started; its ``finally`` clauses run."""
        if self.closed:
            return
        self.check_use()
        self.closed = True
        me = getcurrent()
        caller = self.current
        for worker in self._crew.busy() + self._idle:
            if worker.greenlet is me:
                assert self._driver is not None
                me.parent = self._driver  # it ends there, once it is done
                continue
            self.current = worker
            worker.greenlet.parent = me
            worker.greenlet.throw(GreenletExit)
        self.current = caller
        self._crew.dismiss()
