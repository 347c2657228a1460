"""What is over leaves nothing behind."""

from __future__ import annotations

import gc
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from rpcfake import Bus, Timeout

from .helpers import message, service

OURS = ("Envelope", "Wait", "Sleep", "Task", "Worker", "Replies", "greenlet", "Timeout", "Context")


def alive() -> Counter[str]:
    """How many objects there are of the classes that come and go with messages."""
    gc.collect()
    names = (type(each).__name__ for each in gc.get_objects())
    return Counter(name for name in names if name in OURS)


def call_in_vain(bus: Bus) -> None:
    with pytest.raises(Timeout):
        bus.call(None, "shop", message("never"), timeout=1)


def next_in_vain(bus: Bus) -> None:
    with pytest.raises(Timeout):
        next(bus.multicall(None, "shop", message("never"), timeout=1))


def call_nobody(bus: Bus) -> None:
    with pytest.raises(Timeout):
        bus.call(None, "void", message("x"), timeout=1)


def call_a_sleeper(bus: Bus) -> None:
    with pytest.raises(Timeout):
        bus.call(None, "slow", message("nap"), timeout=1)
    bus.advance(5)


def call_in_a_task_in_vain(bus: Bus) -> None:
    def ask() -> None:
        with pytest.raises(Timeout):
            bus.call(None, "shop", message("never"), timeout=1)

    bus.spawn(ask).result()


def join_in_vain(bus: Bus) -> None:
    with pytest.raises(Timeout):
        bus.spawn(bus.sleep, 2).join(timeout=1)
    bus.advance(1)


def run_until_in_vain(bus: Bus) -> None:
    with pytest.raises(Timeout):
        bus.run_until(lambda: False, timeout=1)


def answered(bus: Bus) -> None:
    bus.call(None, "slow", message("nap"))


def abandon(bus: Bus) -> None:
    next(bus.multicall(None, "slow", message("count")))
    bus.advance(5)


VAIN: list[Callable[[Bus], None]] = [
    call_in_vain,
    next_in_vain,
    call_nobody,
    call_a_sleeper,
    call_in_a_task_in_vain,
    join_in_vain,
    run_until_in_vain,
    answered,
    abandon,
]


@pytest.mark.parametrize("wait", VAIN)
def test_ten_thousand_waits_leave_nothing(bus: Bus, wait: Callable[[Bus], None]) -> None:
    def count() -> Iterator[int]:
        for n in range(3):
            yield n
            bus.sleep(1)

    bus.stub("shop", "never").never()
    bus.serve("slow", service(nap=lambda: bus.sleep(5), count=count))
    for _ in range(10):
        wait(bus)
    loop, before = bus._loop, alive()
    number = 10_000 if wait is call_in_vain else 1_000
    for _ in range(number):
        wait(bus)
        assert len(loop._deadlines._heap) <= 130
    # Up to 64 dead deadlines stay in the heap, each with what was waited for.
    assert (alive() - before).total() < 200
    assert loop._deadlines._unarmed == {}
    assert loop.tasks == []
    assert len(loop.line) == 0
    assert len(loop._crew.all) == len(loop._crew.idle)
    assert loop._deadlines._dead == sum(entry[3].over for entry in loop._deadlines._heap)
    assert len(bus.queue("shop")) + len(bus.queue("slow")) == 0
    bus.assert_clean(allow={"unused_stubs"})


def test_answers_far_ahead_of_their_deadlines_do_not_fill_the_heap(bus: Bus) -> None:
    """Each caller lies in the heap with its deadline in a minute when its answer comes."""
    bus.serve("shop", service(nap=lambda: bus.sleep(0.001)))

    def ask() -> None:
        for _ in range(100):
            bus.call(None, "shop", message("nap"), timeout=60)

    tasks = [bus.spawn(ask) for _ in range(20)]
    largest = 0
    while not all(task.done for task in tasks):
        bus.advance(0.001)
        largest = max(largest, len(bus._loop._deadlines._heap))
    assert largest < 300
    assert bus.now < 1
    assert bus._loop._deadlines._dead == sum(entry[3].over for entry in bus._loop._deadlines._heap)


def test_callers_who_were_torn_away_do_not_fill_the_heap(bus: Bus) -> None:
    def interrupt() -> None:
        bus.sleep(0.001)
        raise KeyboardInterrupt

    bus.stub("shop", "never").never()
    for _ in range(1000):
        bus.spawn(interrupt)
        with pytest.raises(KeyboardInterrupt):
            bus.call(None, "shop", message("never"), timeout=60)
        assert len(bus._loop._deadlines._heap) <= 130
    assert bus._loop._deadlines._dead == sum(entry[3].over for entry in bus._loop._deadlines._heap)


def test_timeouts_cost_no_more_memory_than_their_records(bus: Bus) -> None:
    bus.stub("shop", "never").never()
    for _ in range(100):
        call_in_vain(bus)
    gc.collect()
    tracemalloc.start()
    try:
        rows = len(bus._broker.rows)
        for _ in range(2_000):
            call_in_vain(bus)
        gc.collect()
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(bus._broker.rows) - rows == 3 * 2_000
    assert size / 2_000 < 1024


def test_workers_are_as_many_as_ran_at_once(bus: Bus) -> None:
    bus.serve("shop", service(nap=lambda: bus.sleep(1)))
    for _ in range(50):
        for _ in range(7):
            bus.cast(None, "shop", message("nap"))
        bus.advance(1)
    assert len(bus._loop._crew.all) == 7
