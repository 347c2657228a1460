"""Who runs on the simulated bus: workers, and the tasks given to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from greenlet import GreenletExit, getcurrent, greenlet

from rpcfake.core import Envelope
from rpcfake.handling import surfaces
from rpcfake.hints import brief
from rpcfake.message import check_seconds
from rpcfake.sim.deadlines import Sleep, Wait

if TYPE_CHECKING:
    from rpcfake.sim.loop import Loop


class Worker:
    """A greenlet that handles one message or runs one task after the other."""

    __slots__ = ("envelope", "greenlet", "loop", "serial", "task", "wait")

    def __init__(self, loop: Loop, greenlet: greenlet) -> None:
        self.loop = loop
        self.greenlet = greenlet
        self.envelope: Envelope | None = None
        self.task: Task | None = None
        self.wait: Wait | None = None
        self.serial = 0
        """Counts what was started on the bus, for an order among those that run."""

    def label(self) -> str:
        """Who it is: the handler of a message, or a spawned task."""
        if self.envelope is not None:
            envelope = self.envelope
            name = envelope.consumer.name if envelope.consumer else "?"
            return (
                f"{name} handling {envelope.kind} {envelope.topic}.{envelope.method}"
                f" (record {envelope.seq})"
            )
        return f"task {self.task.name}" if self.task is not None else "an idle worker"

    def doing(self) -> tuple[str, Envelope | Task | None]:
        """What its handler or task does now, and the envelope whose answer, or the task whose end,
        it waits for."""
        who = "it" if self.envelope is None else "its handler"
        wait = self.wait
        if wait is None or (wait.over and not wait.timed_out):
            return f"{who} can go on", None
        what = wait.what
        if isinstance(what, Sleep):
            if wait.over:
                return f"{who} can go on", None
            return f"{who} sleeps until {what.until / 1e6:g} s", None
        return f"{who} waits for", what


class Crew:
    """The workers of one loop: those that are busy, and those that wait to be given something."""

    def __init__(self) -> None:
        self.all: list[Worker] = []
        self.idle: list[Worker] = []
        # A greenlet inherits the recursion depth of whoever first switches into it. All workers are
        # started from this one, so a handler deep in a chain of calls has as much room as the
        # first.
        self._cradle: list[greenlet] = []
        self._hub = greenlet(_start_for_ever)
        self._hub.switch(self._cradle)

    def hire(self, loop: Loop) -> Worker:
        """A new worker, started from the hub, and ready to be given something."""
        self._hub.switch(getcurrent())
        worker = Worker(loop, self._cradle.pop())
        self.all.append(worker)
        return worker

    def busy(self) -> list[Worker]:
        """The workers that handle or run something, in the order in which that was started."""
        found = [one for one in self.all if one.envelope is not None or one.task is not None]
        return sorted(found, key=lambda worker: worker.serial)

    def dismiss(self) -> None:
        """Nobody works here any more: the hub ends."""
        self._hub.parent = getcurrent()
        self._hub.throw(GreenletExit)
        self.all.clear()
        self.idle.clear()


# A greenlet that is suspended keeps alive what its frames hold, and no collector sees that. So in
# the two functions that are suspended while nothing waits, nothing leads to the loop: a bus that
# nobody closes is collected.


def _start_for_ever(cradle: list[greenlet]) -> None:
    """The hub: each switch into it, which brings the asker, leaves a new greenlet in the cradle."""
    creator = getcurrent().parent
    asker: greenlet = creator.switch()  # type: ignore[union-attr]
    while True:
        cradle.append(greenlet(_work))
        cradle[-1].switch()
        asker = asker.switch()


def _work() -> None:
    """The life of a worker: each switch into it while it is idle brings the worker, with a job."""
    driver = getcurrent().parent
    while driver is not None:
        worker: Worker = driver.switch()
        driver = worker.loop.work(worker)
        del worker


class Task:
    """A function that runs on the bus beside the handlers; made by `Bus.spawn`."""

    def __init__(self, loop: Loop, name: str, function: Callable[..., Any], args: tuple[Any, ...]):
        self._loop = loop
        self.name = name
        """The function's name with a number, such as ``poll#2``."""
        self._function = function
        self._args = args
        self._value: Any = None
        self.error: BaseException | None = None
        """What the function raised, if it did."""
        self.done = False
        self.seen = False
        """Whether anybody asked for its result."""
        self.worker: Worker | None = None
        """Who runs it."""
        self._waits: list[Wait] = []

    def join(self, timeout: float | None = None) -> None:
        """Wait until the task has ended, at most ``timeout`` seconds of virtual time.

        Raises:
            Timeout: it has not.
            Stalled: without a timeout, when nothing can ever end it.
        """
        seconds = None if timeout is None else check_seconds("timeout", timeout)
        if not self.done:
            self._loop.wait_for_task(self, seconds)

    def result(self, timeout: float | None = None) -> Any:
        """Wait as `join` does, and give what the function returned, or raise what it raised."""
        self.join(timeout)
        if not self.seen:
            self.seen = True
            self._loop.forget(self)
        if self.error is not None:
            raise self.error
        return self._value

    def __repr__(self) -> str:
        state = "failed" if self.error is not None else "done" if self.done else "running"
        return f"<task {self.name}: {state}{': ' + brief(self.error) if self.error else ''}>"

    def run(self) -> BaseException | None:
        """Called by the worker. Returns what belongs to whoever drives the loop."""
        surfaced = None
        try:
            self._value = self._function(*self._args)
        except BaseException as error:
            self.error = error
            surfaced = error if surfaces(error) else None
            # What it raised after the bus was closed is the closing itself.
            self.seen = surfaced is not None or self._loop.closed
        self.done = True
        for wait in self._waits:
            self._loop.wake(wait)
        self._waits.clear()
        return surfaced
