"""What is runnable: workers that may go on, and queues that can be served."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from rpcfake.core import Queue
from rpcfake.sim.schedules import Schedule
from rpcfake.sim.worker import Worker

Item = Worker | Queue


class Line(Protocol):
    """The runnable items. A queue is added once for each envelope that can be taken."""

    def add(self, item: Item) -> object: ...
    def pop(self) -> Item: ...
    def __len__(self) -> int: ...


class FifoLine(deque[Item]):
    """First come, first served: each envelope has a place of its own, so messages of different
    topics are taken in the order in which they were sent."""

    add = deque.append
    pop = deque.popleft


class ChosenLine:
    """A schedule chooses. A queue is one candidate however much it holds, or long queues would
    win."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        self._items: list[Item] = []
        self._there: set[Item] = set()

    def add(self, item: Item) -> None:
        if item not in self._there:
            self._there.add(item)
            self._items.append(item)

    def pop(self) -> Item:
        index = self._schedule.choose(len(self._items))
        item = self._items[index]
        if not (isinstance(item, Queue) and len(item.envelopes) > 1 and item.readers):
            del self._items[index]
            self._there.remove(item)
        return item

    def __len__(self) -> int:
        return len(self._items)
