"""What the loop says when it can't go on: who waits, and for what."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rpcfake.errors import Livelock, Stalled
from rpcfake.sim.worker import Worker
from rpcfake.waiting import waits_for

TOLD = 20
"""How many of those who wait an error's text tells of."""


def blocked(workers: Iterable[Worker]) -> list[str]:
    """A line for each worker that waits: who it is, and for what."""
    lines = []
    for worker in workers:
        doing, envelope = worker.doing()
        text = f"{worker.label()}: {doing}"
        if envelope is not None:
            text += "".join("\n  " + line for line in waits_for(envelope))
        lines.append(text)
    return lines


def told_waiting(workers: Sequence[Worker], most: int = TOLD) -> str:
    """The same as the end of an error's text."""
    lines = blocked(workers[:most])
    more = [f"… and {len(workers) - most} more"] if len(workers) > most else []
    return "".join("\n  " + line.replace("\n", "\n  ") for line in [*lines, *more])


def stalled(what: str, now: int, workers: list[Worker]) -> Stalled:
    """Nothing can ever end the wait."""
    return Stalled(
        f"{what}: no task is runnable, and no deadline is ahead (the bus's time is {now / 1e6:g} s)"
        + (told_waiting(workers) or "\n  no task waits for anything"),
        tuple(blocked(workers)),
    )


def crowded(limit: int, now: int, workers: list[Worker]) -> Livelock:
    """Those who wait get more and more."""
    return Livelock(
        f"{limit:,} handlers and tasks are begun and not done, at {now / 1e6:g} s of the bus's"
        " time. A method that calls itself without end does that."
        " A tenth of bus.livelock_limit are allowed, and a thousand always"
        + told_waiting(workers, most=2)
    )


def livelock(limit: int, now: int, workers: list[Worker]) -> Livelock:
    """The wait may end, and does not."""
    return Livelock(
        f"tasks go on and on: {limit} steps and more at {now / 1e6:g} s of the bus's time without"
        " the end that is waited for."
        " Handlers that send to each other for ever do that, and loops that wait for real time"
        " (`from time import monotonic` is not patched, `time.monotonic()` is)."
        " bus.livelock_limit sets how many steps are allowed" + told_waiting(workers)
    )
