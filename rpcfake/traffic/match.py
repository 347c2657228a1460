"""Whether what was sent is what an assertion asks for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rpcfake.traffic.log import KIND, METHOD, TOPIC, Log
from rpcfake.traffic.text import clean


class Incomparable(Exception):
    """Comparing raised: nobody can say whether the two are equal.

    Attributes:
        error: what was raised.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__(f"{type(error).__name__}: {clean(_text(error), 100)}")
        self.error = error


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for. None means any; ``args`` and ``context`` may be matchers.

    ``partial`` compares only the named keys, at the top level of args and of context.
    """

    kind: str | None = None
    topic: str | None = None
    method: str | None = None
    args: Any = None
    context: Any = None
    partial: bool = False

    def fits(self, log: Log, seq: int) -> bool:
        """Whether what was sent in this row is wanted; raises `Incomparable`.

        Args and context are decoded only where all else fits.
        """
        row = log.rows[seq]
        if not (
            self.kind in (None, row[KIND])
            and self.topic in (None, row[TOPIC])
            and self.method in (None, row[METHOD])
        ):
            return False
        if self.args is None and self.context is None:
            return True
        context, args, _ = log.load_message(seq)
        return all(
            asked is None or covers(asked, sent, self.partial)
            for asked, sent in ((self.args, args), (self.context, context))
        )

    def find(self, log: Log, sends: Iterable[int]) -> tuple[list[int], list[int]]:
        """The rows that are wanted, and those where comparing raised, so that nobody can say."""
        found, undecided = [], []
        for seq in sends:
            try:
                if self.fits(log, seq):
                    found.append(seq)
            except Incomparable:
                undecided.append(seq)
        return found, undecided


def covers(expected: Any, actual: Any, partial: bool) -> bool:
    """Whether the two are equal; if ``partial``, at the expected keys. Raises `Incomparable`."""
    if partial and isinstance(expected, Mapping) and isinstance(actual, Mapping):
        return all(key in actual and equal(expected[key], actual[key]) for key in expected)
    return equal(expected, actual)


def equal(expected: Any, actual: Any) -> bool:
    """``expected == actual``, so that a matcher's own ``==`` decides. Raises `Incomparable`.

    The expected value stands at the left at every depth: comparing dicts and lists keeps it there.
    """
    try:
        return bool(expected == actual)
    except Exception as error:
        raise Incomparable(error) from error


def _text(error: Exception) -> str:
    try:
        return str(error)
    except Exception:
        return "(its str() raises too)"
