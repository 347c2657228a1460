"""What handlers raise and give that a bus has trouble with."""

from __future__ import annotations

import asyncio
import datetime
import decimal
import math
from collections.abc import Callable
from typing import Any

from greenlet import GreenletExit


class Demanding(Exception):
    """It can't be made again from its str(): it demands arguments."""

    def __init__(self, instance: str, *, state: str) -> None:
        super().__init__(instance, state)
        self._told = f"{instance} is {state}"

    def __str__(self) -> str:
        return self._told


class Unprintable(Exception):
    """Its str() and its repr() raise."""

    def __str__(self) -> str:
        raise RuntimeError("no str() of this")

    def __repr__(self) -> str:
        raise RuntimeError("no repr() of this")


class Final(BaseException):
    """No Exception, so an ``except Exception`` lets it through."""


def plain(*errors: type[BaseException]) -> dict[str, Callable[[str], BaseException]]:
    """Exceptions that take a text."""
    return {error.__name__: error for error in errors}


ORDINARY = plain(
    ValueError, KeyError, RuntimeError, TypeError, AssertionError, TimeoutError, OSError,
    LookupError, StopIteration, EOFError,
)  # fmt: skip
"""Makers of exceptions, by the name of the class."""

DEMANDING: dict[str, Callable[[str], BaseException]] = {
    "Demanding": lambda text: Demanding(text, state="gone"),
    "UnicodeDecodeError": lambda text: UnicodeDecodeError("utf-8", b"\xff", 0, 1, text),
    "JSONDecodeError": lambda text: _json_error(text),
}
"""Makers of exceptions whose classes demand more than a text."""

EXITS = plain(SystemExit, GreenletExit, GeneratorExit, asyncio.CancelledError, Final)
"""Makers of exceptions that ``except Exception`` does not catch."""

RAISED: dict[str, Callable[[str], BaseException]] = {
    **ORDINARY,
    **DEMANDING,
    **EXITS,
    "Unprintable": lambda text: Unprintable(text),
}
"""Makers of all exceptions that an actor raises."""


def _json_error(text: str) -> BaseException:
    from json import JSONDecodeError

    return JSONDecodeError(text, "[1, 2", 6)


def _circle() -> list[Any]:
    circle: list[Any] = []
    circle.append(circle)
    return circle


ODD: dict[str, Callable[[], Any]] = {
    "nan": lambda: math.nan,
    "inf": lambda: math.inf,
    "object": lambda: object(),
    "set": lambda: {1, 2},
    "bytes": lambda: b"bytes",
    "date": lambda: datetime.date(2011, 9, 22),
    "decimal": lambda: decimal.Decimal("0.1"),
    "complex": lambda: 1j,
    "class": lambda: int,
    "tuple as key": lambda: {(1, 2): 3},
    "deep nan": lambda: [{"a": (1, -math.inf)}],
    "deep object": lambda: {"a": [[object()]]},
    "circle": _circle,
}
"""Makers of values that JSON can't carry."""


def spoil(value: Any) -> None:
    """Change every list and dict in a value in place."""
    if isinstance(value, list):
        for each in value:
            spoil(each)
        value.append("spoiled")
    elif isinstance(value, dict):
        for each in value.values():
            spoil(each)
        value["spoiled"] = True
