"""Schedules: who runs next."""

from __future__ import annotations

import random
from typing import Protocol, runtime_checkable

from rpcfake.hints import brief, did_you_mean, listing


@runtime_checkable
class Schedule(Protocol):
    """Decides which of the runnable tasks and queues goes on."""

    name: str

    def choose(self, count: int) -> int:
        """An index below count. The candidates stand in the order in which they became runnable."""


class Fifo:
    """In the order in which they became runnable. The loop knows it and takes the first by
    itself."""

    name = "fifo"

    def choose(self, count: int) -> int:
        return 0


class Random:
    """Any of them, with equal chances; the seed says which."""

    name = "random"

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def choose(self, count: int) -> int:
        return self._random.randrange(count)


NAMES = ("fifo", "random")


def find_schedule(schedule: str | Schedule, seed: int) -> Schedule:
    """The schedule of a name, or the schedule itself; else ValueError or TypeError."""
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise TypeError(f"seed is {brief(seed)}: it must be an int")
    if isinstance(schedule, str):
        if schedule == "fifo":
            return Fifo()
        if schedule == "random":
            return Random(seed)
        raise ValueError(
            f"schedule is {schedule!r}: it must be one of {listing(NAMES)},"
            f" or an object with name and choose{did_you_mean(schedule, NAMES)}"
        )
    if isinstance(schedule, type) or not isinstance(schedule, Schedule):
        raise TypeError(
            f"schedule is {brief(schedule)}: it must be one of {listing(NAMES)},"
            " or an object with name and choose"
        )
    return schedule
