"""What a scene stands on: the backend, its harness, a history, and the program that is written."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from rpcfake.contract.harness import harness_of
from rpcfake.contract.history import History
from rpcfake.contract.script import Line, Script
from rpcfake.contract.trouble import ODD, spoil
from rpcfake.contract.violation import Violation, tell
from rpcfake.errors import RemoteError, Timeout

_scenes = count(1)


class Spawned:
    """A function that runs beside the clause."""

    def __init__(self, fn: Callable[[], Any], line: Line) -> None:
        self._fn = fn
        self.line = line
        """Where the program begins it."""
        self.done = False
        self.value: Any = None
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.value = self._fn()
        except BaseException as error:
            self.error = error
        self.done = True


class Stage:
    """The state of a scene, and what all its acts use."""

    def __init__(self, backend: Any, patience: float = 2.0) -> None:
        self.backend = backend
        self.patience = patience
        self.harness = harness_of(backend)
        self.RemoteError: type[Exception] = getattr(backend, "RemoteError", RemoteError)
        self.Timeout: type[Exception] = getattr(backend, "Timeout", Timeout)
        self.concurrency: int = getattr(backend, "concurrency", 32)
        self.history = History(self._noted)
        self._times: list[float] = []
        self._began = self.now()
        self.script = Script()
        self.broken: Violation | None = None
        """What it ended with, if a rule was broken."""
        self.failed: BaseException | None = None
        """What the backend raised last, unless that was expected."""
        self.pulse = 0
        """Grows with everything that happens; a judge sees by it that the scene is alive."""
        self._number = f"{os.getpid():x}.{next(_scenes):x}"
        self._connections: list[Any] = []
        self._given: list[tuple[Any, Line]] = []
        self._topics: list[str] = []
        self._gates: set[str] = set()
        self._names = count(1)
        self._spawned: list[Spawned] = []

    def _stir(self) -> None:
        self.pulse += 1
        poke = getattr(self.harness, "poke", None)
        if poke is not None:
            poke()

    def _noted(self) -> None:
        self._times.append(self.now() - self._began)
        self._stir()

    @property
    def program(self) -> list[str]:
        """What was done so far, as lines of Python."""
        return self.script.lines

    def write(self, text: str, name: str = "") -> Line:
        """Add a line to the program, which gives what is to go by this name."""
        self.pulse += 1
        return self.script.write(text, name)

    def keep(self, value: Any, name: str) -> Any:
        """Give a value a name in the program too: what is to be changed has to be one object."""
        self.script.keep(value, name)
        return value

    def spoil(self, value: Any) -> None:
        """Change every list and dict in a value in place."""
        self.write(f"scene.spoil({self.script.expression(value) or self.script.source(value)})")
        spoil(value)

    def odd(self, which: str) -> Any:
        """A value that JSON can't carry, by its name in `ODD`."""
        value = ODD[which]()
        self.script.keep(value, f"odd{next(self._names)}", f"scene.odd({which!r})")
        return value

    def has(self, capability: str) -> bool:
        """Whether the backend claims a capability."""
        return capability not in (getattr(self.backend, "unsupported", None) or {})

    @contextmanager
    def _remarked(self, line: Line) -> Iterator[None]:
        """What is raised is told beside the line."""
        try:
            yield
        except BaseException as error:
            line.remark(f"raised {type(error).__name__}: {tell(str(error))}")
            self.failed = error
            raise

    def _came_of(self, line: Line, run: Callable[[], Any]) -> Any:
        """What came of it is told beside the line, and remembered by it."""
        with self._remarked(line):
            value = run()
        self.pulse += 1
        if value is not None or "cast(" not in line.text:
            line.remark(f"gave {tell(value)}")
        self.script.remember(value, lambda: line.named("given"))
        return value

    def outcome(self, error: BaseException) -> str:
        """What an error means to the history."""
        return "timed_out" if isinstance(error, self.Timeout) else "failed"

    def now(self) -> float:
        """The harness's time in seconds."""
        return float(self.harness.now())

    def close_numbered(self, number: int) -> None:
        """``close`` of the connection that the program calls by this number."""
        self._connections[number - 1].close()
