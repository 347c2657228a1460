"""Real time, also while a test has the clock frozen: a broker's time goes on."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable


def _real(name: str) -> Callable[[], float]:
    """Also where this is imported inside a freeze."""
    freezegun = sys.modules.get("freezegun.api")
    found: Callable[[], float] = getattr(freezegun, f"real_{name}", None) or getattr(time, name)
    return found


# In a dict, because freezegun replaces real functions that it finds as attributes of modules.
_REAL = {name: _real(name) for name in ("monotonic", "time")}

LONGEST_WAIT = 1_000_000.0
"""Seconds that one wait lasts at the most, or a message that expires; the limits of Python's locks
and of RabbitMQ's expirations are not far beyond."""


def monotonic() -> float:
    """Seconds since some moment of this machine."""
    return _REAL["monotonic"]()


def wall() -> float:
    """Seconds since 1970, as all machines that share a broker should count them."""
    return _REAL["time"]()


class Limit:
    """A time by which something must have happened."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds that are left: 0 or more, and never more than one wait may last."""
        return min(max(0.0, self._end - monotonic()), LONGEST_WAIT)

    @property
    def past(self) -> bool:
        return self._end <= monotonic()

    @property
    def endless(self) -> bool:
        return self.seconds == math.inf
