"""What a clause judges by."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from rpcfake.contract.script import Line
from rpcfake.contract.stage import Stage
from rpcfake.contract.violation import Unknown, Violation, same, tell


class Caught(list[BaseException]):
    """The error that a body was to raise."""

    line: Line

    def expression(self, attribute: str) -> str:
        """How the program gets at an attribute of it."""
        return f"str({self.line.named('caught')}[0].{attribute})"


class Judging(Stage):
    """Violations: what was expected, what came, and where in the program."""

    def violated(self, expected: str, actual: str) -> Violation:
        """The violation to raise; the scene remembers that it ended with one."""
        return self._broken(expected, actual, self.write("scene.show()"))

    def _broken(self, expected: str, actual: str, line: Line) -> Violation:
        """The violation that a line of the program ends with."""
        line.remark(f"expected {expected}: {actual}")
        self.broken = Violation(expected, actual)
        return self.broken

    def same(self, actual: Any, expected: Any, what: str) -> None:
        """Raise `Violation` unless the values are the same JSON."""
        if not same(actual, expected):
            found, wanted = tell(actual), tell(expected)
            if found == wanted:
                found += f" (of {type(actual).__name__}, or different inside)"
            got = self.script.expression(actual)
            source = self.script.source
            check = "show()" if got is None else f"same({got}, {source(expected)}, {what!r})"
            line = self.write(f"scene.{check}")
            raise self._broken(f"{what} to be {wanted}", f"it was {found}", line)

    def holds(self, condition: object, expected: str, actual: str) -> None:
        """Raise `Violation` unless the condition is true."""
        if not condition:
            raise self.violated(expected, actual)

    def first(self, condition: object, what: str) -> None:
        """Raise `Unknown` unless something is so that the rule is not about, but that it needs."""
        if not condition:
            raise Unknown(what)

    @contextmanager
    def fails(self, *errors: type[BaseException], what: str) -> Iterator[Caught]:
        """Expect one of these errors from the body; a list gets it."""
        caught = Caught()
        names = " or ".join(error.__name__ for error in errors)
        shown = ", ".join(map(self._error, errors))
        with self.script.inside(f"with scene.fails({shown}, what={what!r})") as line:
            caught.line = line
            try:
                yield caught
            except errors as error:
                caught.append(error)
                self.failed = None
            except (Violation, Unknown, KeyboardInterrupt):
                raise
            except BaseException as error:  # a SystemExit of a handler may come out here
                text = f"it raised {type(error).__name__}: {tell(str(error))}"
                raise self._broken(f"{what} to raise {names}", text, line) from error
            if not caught:
                raise self._broken(f"{what} to raise {names}", "it raised nothing", line)

    def _error(self, error: type[BaseException]) -> str:
        """An exception's class in the program."""
        for name in ("RemoteError", "Timeout"):
            if error is getattr(self, name):
                return f"scene.{name}"
        if error.__module__ != "builtins":
            self.script.needs(f"from {error.__module__} import {error.__name__}")
        return error.__name__

    def remote_error(self, what: str, run: Callable[[], Any]) -> tuple[str, str, str]:
        """Expect a RemoteError; gives its exc_type, value and traceback."""
        with self.fails(self.RemoteError, what=what) as caught:
            run()
        told = []
        for name in ("exc_type", "value", "traceback"):
            value = str(getattr(caught[0], name, ""))
            self.script.remember(value, partial(caught.expression, name))
            told.append(value)
        return told[0], told[1], told[2]

    def refused(self, what: str, run: Callable[[], Any]) -> None:
        """Expect that the sender itself refuses, by whichever error.

        A RemoteError or a Timeout is none: something had been sent."""
        with self.refuses(what):
            run()

    @contextmanager
    def refuses(self, what: str) -> Iterator[None]:
        """`refused` for the body."""
        with self.script.inside(f"with scene.refuses({what!r})") as line:
            text = "it raised nothing"
            try:
                yield
            except (Violation, Unknown):
                raise
            except (self.RemoteError, self.Timeout) as error:
                text = f"it was sent, and raised {type(error).__name__}"
            except Exception:
                self.failed = None
                return
            raise self._broken(f"{what} to be refused", text, line)
