"""Virtual time: integer microseconds, from 0, never back."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rpcfake.errors import RealTimeWarning
from rpcfake.sim import frozen

LONGEST = 10**18
"""Microseconds, some 30,000 years: whoever waits longer waits no shorter than that."""


class Clock:
    """The bus's time. Inside a freeze it and the frozen clock are one: each moves the other."""

    __slots__ = ("_freeze", "_seen", "_warned", "changed", "now")

    def __init__(self) -> None:
        self.now = 0
        """Microseconds, as of the last `read`."""
        self.changed: Callable[[], object] = lambda: None
        """Called when a freeze was joined or left."""
        self._freeze: Any | None = None
        self._seen = 0
        self._warned = False

    def read(self) -> int:
        """The time in microseconds, after joining or leaving a freeze."""
        freeze = frozen.active_freeze()
        if freeze is not self._freeze:
            self._freeze = freeze
            if freeze is not None:
                self._seen = frozen.read(freeze)
                self._warn(freeze)
            self.changed()
        elif freeze is not None:
            seen = frozen.read(freeze)
            if seen > self._seen:
                self.now += seen - self._seen
            self._seen = seen  # set back, the frozen clock leaves the bus where it is
        return self.now

    def jump(self, to: int) -> None:
        """Let time pass until ``to``; nothing happens where that is past."""
        self.read()
        if to > self.now:
            if self._freeze is not None:
                frozen.move(self._freeze, to - self.now)
                self._seen = frozen.read(self._freeze)
            self.now = to

    @property
    def frozen(self) -> bool:
        """Whether a freeze was active at the last `read`."""
        return self._freeze is not None

    def _warn(self, freeze: Any) -> None:
        if self._warned or not frozen.leaks(freeze):
            return
        self._warned = True
        warnings.warn(
            "real time leaks into the simulated bus: the active freeze ticks (tick=True, which is"
            " time_machine's default), so the same test gives other times at each run."
            " Freeze with tick=False and move the time with bus.advance()",
            RealTimeWarning,
            stacklevel=_level_of_caller(),
        )


_HOUSE = str(Path(__file__).parents[1])


def _level_of_caller() -> int:
    """For a warning of who calls this: how far up the code stands that uses the bus."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_HOUSE):
        level, frame = level + 1, frame.f_back
    return level


def microseconds(seconds: float) -> int:
    """Whole microseconds for seconds, and at least 1 where there are any: no wait is rounded to
    none."""
    exact = seconds * 1_000_000
    if exact > LONGEST:
        return LONGEST
    return max(1, round(exact)) if exact > 0 else 0
