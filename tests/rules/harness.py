"""A bus of either kind for the tests of the rules, and the few things that differ between them."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self

from hypothesis import HealthCheck, settings

from rpcfake import Bus, Problem, ThreadedBus

PATIENCE = 30.0
"""Seconds after which a test that hangs fails; none waits so long to pass."""

relaxed = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
"""For properties over a whole bus: no test depends on how fast the machine is."""

few = settings(relaxed, max_examples=12)
"""For properties whose every example costs many messages or threads."""


class Gate:
    """A handler waits at it, without the bus's help, until a test opens it."""

    def __init__(self, wait: Callable[[Gate], None], opened: Callable[[], None]) -> None:
        self.event = threading.Event()
        self.waiting = 0
        self._wait = wait
        self._opened = opened
        self._lock = threading.Lock()

    def wait(self) -> None:
        with self._lock:
            self.waiting += 1
        self._wait(self)

    def open(self) -> None:
        self.event.set()
        self._opened()


class Simulated(Bus):
    """The simulated bus, with what the tests need on both."""

    simulated = True
    STEP = 0.25

    def settle(self) -> None:
        """Let everything happen that can happen now."""
        self.run()

    def until(self, predicate: Callable[[], object]) -> None:
        """Wait for something that the bus itself brings about."""
        self.run_until(predicate, 3600)

    def gate(self) -> Gate:
        def wait(gate: Gate) -> None:
            while not gate.event.is_set():
                self.sleep(self.STEP)

        def opened() -> None:
            if self.running is None and not self.closed:
                self.advance(self.STEP)

        return Gate(wait, opened)

    def together(self, *functions: Callable[[], Any]) -> list[Any]:
        """Run functions as senders beside each other; what they return, in their order."""
        tasks = [self.spawn(function) for function in functions]
        self.until(lambda: all(task.done for task in tasks))
        return [task.result() for task in tasks]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class Threaded(ThreadedBus):
    """The threaded bus, with what the tests need on both."""

    simulated = False

    def __init__(self, schedule: str = "fifo", seed: int = 0, **options: Any) -> None:
        super().__init__(**options)  # threads run as the machine likes
        self._gates_made: list[Gate] = []

    def settle(self) -> None:
        self.run(timeout=PATIENCE)

    def until(self, predicate: Callable[[], object]) -> None:
        self.run_until(predicate, timeout=PATIENCE)

    def problems(self) -> list[Problem]:
        if not self.closed:
            self.settle()  # whose caller has its answer may still be about to return
        return super().problems()

    def gate(self) -> Gate:
        def wait(gate: Gate) -> None:
            with self._lock:
                self._changed.notify_all()  # `until` may ask how many wait
            assert gate.event.wait(PATIENCE), "nobody opened the gate"

        gate = Gate(wait, lambda: None)
        self._gates_made.append(gate)
        return gate

    def together(self, *functions: Callable[[], Any]) -> list[Any]:
        results: list[Any] = [None] * len(functions)
        errors: list[BaseException] = []
        begin = threading.Barrier(len(functions))

        def run(place: int, function: Callable[[], Any]) -> None:
            try:
                begin.wait(PATIENCE)
                results[place] = function()
            except BaseException as error:
                errors.append(error)

        threads = [
            threading.Thread(target=run, args=each, daemon=True) for each in enumerate(functions)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
            assert not thread.is_alive(), "a sender hangs"
        if errors:
            raise errors[0]
        return results

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        for gate in self._gates_made:
            gate.event.set()
        self.close()
        assert not [one for one in self._pool.workers if one.thread.is_alive()]


AnyBus = Simulated | Threaded
BUSES: tuple[type[Simulated], type[Threaded]] = (Simulated, Threaded)


class Recorder:
    """A proxy that has every public method, and keeps (method, context, args) of each message."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, Any], dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("__"):
            raise AttributeError(name)

        def method(context: Any, **args: Any) -> None:
            self.got.append((name, context.to_dict(), args))

        return method

    @property
    def methods(self) -> list[str]:
        return [name for name, _, _ in self.got]

    @property
    def args(self) -> list[dict[str, Any]]:
        return [args for _, _, args in self.got]


class Echo:
    """Answers with the args."""

    def echo(self, context: Any, **args: Any) -> Any:
        return args

    def value(self, context: Any, value: Any) -> Any:
        return value

    def values(self, context: Any, values: list[Any]) -> Iterator[Any]:
        yield from values


class Serving:
    """A proxy made of functions that are called as ``function(context, **args)``."""

    def __init__(self, **functions: Callable[..., Any]) -> None:
        vars(self).update(functions)


def message(method: str, **args: Any) -> dict[str, Any]:
    return {"method": method, "args": args}


def kinds(bus: AnyBus) -> Counter[str]:
    """How many records of each kind there are."""
    return Counter(str(record.kind) for record in bus.traffic)


def state(bus: AnyBus) -> object:
    """All that a test can see of a bus: its traffic, and for each topic what is queued there."""
    queues = [
        (topic, [record.seq for record in bus.queue(topic).pending], bus.queue(topic).consumers)
        for topic in bus.topics
    ]
    return ([(record.kind, record.id) for record in bus.traffic], queues, bus.topics)


@contextmanager
def unchanged(bus: AnyBus) -> Iterator[None]:
    """Nothing is sent inside, and no queue changes."""
    before = state(bus)
    yield
    assert state(bus) == before
