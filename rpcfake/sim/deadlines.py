"""Waits, and their deadlines in order.

No two are equal: they are ordered by (time, priority, order). At one moment sleepers go on before
callers give up, so that an answer at the very deadline is in time.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING

from rpcfake.core import Envelope

if TYPE_CHECKING:
    from rpcfake.sim.worker import Task, Worker

WAKING, GIVING_UP = 0, 1
"""The priorities of deadlines."""

FEW = 64
"""So many entries of the heap may be over and stay, whatever its size."""


class Sleep:
    """What a sleeper waits for."""

    __slots__ = ("until",)

    def __init__(self, until: int) -> None:
        self.until = until


class Wait:
    """Somebody waits for something, maybe with a deadline."""

    armed = False
    """Whether its deadline stands in the heap."""
    over = False
    timed_out = False

    def __init__(
        self,
        worker: Worker | None,
        what: Envelope | Task | Sleep,
        deadline: int | None,
        priority: int,
        order: int,
    ) -> None:
        self.worker = worker
        """Who waits; None is whoever drives the loop."""
        self.what = what
        self.deadline = deadline
        """In microseconds; None: for ever."""
        self.priority = priority
        self.order = order


class Deadlines:
    """The deadlines that are ahead.

    They come into the heap only when the next one is asked for, which is where the loop would
    idle: most waits are over before.
    """

    def __init__(self) -> None:
        self._unarmed: dict[int, Wait] = {}
        self._heap: list[tuple[int, int, int, Wait]] = []
        self._dead = 0
        """How many in the heap are over."""

    def add(self, wait: Wait) -> None:
        """This wait has a deadline."""
        self._unarmed[wait.order] = wait

    def drop(self, wait: Wait) -> None:
        """This wait is over, and its deadline counts no more."""
        if wait.armed:
            self._dead += 1
        else:
            self._unarmed.pop(wait.order, None)

    def next(self) -> int | None:
        """When the next one is, in microseconds; None: there is none."""
        for wait in self._unarmed.values():
            assert wait.deadline is not None
            wait.armed = True
            heappush(self._heap, (wait.deadline, wait.priority, wait.order, wait))
        self._unarmed.clear()
        heap = self._heap
        if self._dead > FEW and self._dead * 2 > len(heap):
            heap[:] = [entry for entry in heap if not entry[3].over]
            heapify(heap)
            self._dead = 0
        while heap and heap[0][3].over:
            heappop(heap)
            self._dead -= 1
        return heap[0][0] if heap else None

    def pop(self) -> list[Wait]:
        """The waits, in order, whose deadline and priority `next` has found; they are over now."""
        heap = self._heap
        first = heap[0][:2]
        met = []
        while heap and heap[0][:2] == first:
            wait = heappop(heap)[3]
            if wait.over:
                self._dead -= 1
                continue
            wait.over = True
            wait.timed_out = True
            met.append(wait)
        return met
