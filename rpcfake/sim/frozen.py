"""The one place that looks inside freezegun and time-machine.

Neither tells in public which freeze is active. Both keep a list whose last entry is it:
``freezegun.api.freeze_factories`` and ``time_machine.traveller_stack`` (``coordinates_stack``
before its 3.0). They are looked up in `sys.modules` only, since importing freezegun costs more than
a whole test."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from typing import Any

_EPOCH = datetime(1970, 1, 1)
_MICROSECOND = timedelta(microseconds=1)


def active_freeze() -> Any | None:
    """The freeze in which this code runs, or None; of two libraries freezegun wins."""
    modules = sys.modules
    freezegun = modules.get("freezegun.api")
    if freezegun is not None and freezegun.freeze_factories:
        return freezegun.freeze_factories[-1]
    time_machine = modules.get("time_machine")
    if time_machine is not None:
        stack = getattr(time_machine, "traveller_stack", None)
        if stack is None:
            stack = time_machine.coordinates_stack
        return stack[-1] if stack else None
    return None


def read(freeze: Any) -> int:
    """The frozen time in microseconds since 1970.

    Never through `time.time`: freezegun decides by the call stack whether that is frozen, and
    reading it moves a clock that ticks by itself at each reading."""
    if hasattr(freeze, "time_ns"):
        # To the nearest: before its 3.3 time-machine loses some nanoseconds when it is shifted.
        return (int(freeze.time_ns()) + 500) // 1000
    if type(freeze).__name__ == "TickingDateTimeFactory":
        return int((freeze() - _EPOCH) // _MICROSECOND)
    return int((freeze.time_to_freeze - _EPOCH) // _MICROSECOND)


def move(freeze: Any, microseconds: int) -> None:
    """Let the frozen time pass."""
    delta = timedelta(microseconds=microseconds)
    if not hasattr(freeze, "shift"):
        freeze.tick(delta)
        return
    end = read(freeze) + microseconds
    freeze.shift(delta)
    while read(freeze) < end:
        freeze.shift(1e-9)


def leaks(freeze: Any) -> bool:
    """Whether real time goes on inside the freeze (``tick=True``)."""
    return type(freeze).__name__ == "TickingDateTimeFactory" or bool(
        getattr(freeze, "_tick", False)
    )


def fakes_monotonic(freeze: Any) -> bool:
    """Whether `time.monotonic` is frozen too: freezegun does that, time-machine does not."""
    return not hasattr(freeze, "time_ns")
