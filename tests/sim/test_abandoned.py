"""Multicalls whose iterators are closed, or let go: what they held is released, and the remote
generator is closed at its first yield after that."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import rpcfake
from rpcfake import Bus

from .helpers import message, service

Let = Callable[[list[Any]], None]
"""Lets go of the iterator that is in the list."""


def close(held: list[Any]) -> None:
    held[0].close()


def drop(held: list[Any]) -> None:
    del held[0]


def drop_in_a_cycle(held: list[Any]) -> None:
    cycle: list[Any] = [held.pop()]
    cycle.append(cycle)
    del cycle
    gc.collect()


def drop_in_another_thread(held: list[Any]) -> None:
    thread = threading.Thread(target=held.clear)
    thread.start()
    thread.join()


def close_in_another_thread(held: list[Any]) -> None:
    thread = threading.Thread(target=held[0].close)
    thread.start()
    thread.join()


def leave_a_loop(held: list[Any]) -> None:
    """By an exception, after one more value."""
    with pytest.raises(ZeroDivisionError):
        for _ in held.pop():
            raise ZeroDivisionError


WAYS: list[Let] = [
    close,
    drop,
    drop_in_a_cycle,
    drop_in_another_thread,
    close_in_another_thread,
    leave_a_loop,
]


@pytest.fixture
def log() -> list[str]:
    """What the remote generator did."""
    return []


@pytest.fixture
def counting(installed: Bus, log: list[str]) -> Bus:
    """A bus with a generator that gives a value each second, and tells what it does."""

    def count() -> Iterator[int]:
        try:
            for n in range(10):
                log.append(f"gives {n}")
                yield n
                installed.sleep(1)
        finally:
            log.append("closed")

    installed.serve("shop", service(count=count))
    return installed


@pytest.mark.parametrize("let_go", WAYS)
@pytest.mark.parametrize("facade", [False, True], ids=["bus", "facade"])
def test_the_remote_generator_is_closed_at_its_next_yield(
    counting: Bus, log: list[str], let_go: Let, facade: bool
) -> None:
    multicall = rpcfake.multicall if facade else counting.multicall
    held: list[Any] = [multicall(None, "shop", message("count"))]
    next(held[0])
    next(held[0])
    let_go(held)
    read = list(log)
    counting.advance(100)
    assert log == [*read, f"gives {len(read)}", "closed"]
    kinds = [record.kind for record in counting.traffic]
    assert kinds == ["multicall", "taken", *["reply"] * len(read), "abandoned", "dropped"]
    assert counting.traffic[-2].id == 0
    counting.assert_clean()


@pytest.mark.parametrize("let_go", [way for way in WAYS if way is not leave_a_loop])
def test_what_was_not_taken_is_never_handled(bus: Bus, let_go: Let) -> None:
    connection = bus.create_connection()
    handled: list[str] = []
    connection.create_consumer("shop", service(count=lambda: handled.append("count")))
    held: list[Any] = [bus.multicall(None, "shop", message("count"))]
    let_go(held)
    bus.assert_clean()
    assert len(bus.queue("shop")) == 0
    connection.consume_in_thread()
    bus.run()
    assert handled == []


def test_what_is_let_go_counts_without_a_step(bus: Bus) -> None:
    """Nothing is runnable, and yet the bus has been told."""
    bus.stub("shop", "count").never()
    held = [bus.multicall(None, "shop", message("count"))]
    bus.run()
    held.clear()
    steps = bus.steps
    bus.run()
    assert bus.steps == steps
    assert [record.kind for record in bus.traffic] == ["multicall", "taken", "abandoned"]


def test_problems_do_not_tell_of_what_was_let_go(bus: Bus) -> None:
    bus.create_connection().create_consumer("shop", object())
    held = [bus.multicall(None, "shop", message("count"))]
    assert [problem.allow for problem in bus.problems()] == ["untaken"]
    held.clear()
    assert bus.problems() == []


def test_a_finalizer_only_leaves_a_note(counting: Bus, log: list[str]) -> None:
    """It may run in the middle of anything."""
    held = [counting.multicall(None, "shop", message("count"))]
    next(held[0])
    rows = len(counting.traffic)
    held.clear()
    assert len(counting._broker.rows) == rows
    counting.run()
    assert counting.traffic[-1].kind == "abandoned"


def test_closing_is_told_at_once(counting: Bus) -> None:
    values = counting.multicall(None, "shop", message("count"))
    next(values)
    values.close()
    assert counting.traffic[-1].kind == "abandoned"
    values.close()
    assert list(values) == []
    assert [record.kind for record in counting.traffic].count("abandoned") == 1


@pytest.mark.parametrize("let_go", [close, drop])
def test_what_has_ended_cannot_be_abandoned(bus: Bus, let_go: Let) -> None:
    bus.serve("shop", service(price=lambda: 3))
    held: list[Any] = [bus.multicall(None, "shop", message("price"))]
    assert list(held[0]) == [3]
    let_go(held)
    bus.run()
    assert [record.kind for record in bus.traffic] == ["multicall", "taken", "reply", "ending"]


def test_an_error_that_nobody_read_is_a_problem_after_all(bus: Bus) -> None:
    """It was on its way to the caller, who let go before."""
    bus.serve("shop", service(price=lambda: 1 / 0))
    held = [bus.multicall(None, "shop", message("price"))]
    bus.run()
    assert bus.problems() == []
    held.clear()
    assert [problem.allow for problem in bus.problems()] == ["handler_errors"]


def test_a_handler_that_abandons_what_it_asked_for(counting: Bus, log: list[str]) -> None:
    def first() -> Any:
        return next(counting.multicall(None, "shop", message("count")))

    counting.serve("front", service(first=first))
    assert counting.call(None, "front", message("first")) == 0
    counting.advance(10)
    assert log == ["gives 0", "gives 1", "closed"]


def test_a_chain_of_generators_is_closed_from_end_to_end(bus: Bus) -> None:
    log: list[str] = []

    def relay(name: str, to: str) -> Iterator[Any]:
        try:
            if to:
                yield from bus.multicall(None, to, message("go"))
            else:
                for n in range(100):
                    yield n
                    bus.sleep(1)
        finally:
            log.append(name)

    for name, to in (("a", "b"), ("b", "c"), ("c", "")):
        bus.serve(name, service(go=lambda name=name, to=to: relay(name, to)))
    values = bus.multicall(None, "a", message("go"))
    assert [next(values) for _ in range(3)] == [0, 1, 2]
    values.close()
    bus.advance(10)
    # Each notices at its own next yield, and lets go of the one before it.
    assert log == ["a", "b", "c"]
    bus.assert_clean()


def test_a_generator_is_closed_though_somebody_else_holds_it(bus: Bus) -> None:
    """As a handler does that keeps it in a list, or a traceback that is kept."""
    log: list[str] = []
    kept: list[Any] = []

    def count() -> Any:
        def values() -> Iterator[int]:
            try:
                for n in range(3):
                    yield n
                    bus.sleep(1)
            finally:
                log.append("closed")

        kept.append(values())
        return kept[-1]

    bus.serve("shop", service(count=count))
    values = bus.multicall(None, "shop", message("count"))
    next(values)
    values.close()
    bus.advance(1)
    assert log == ["closed"]


def test_a_generator_whose_caller_timed_out_is_closed_too(bus: Bus) -> None:
    log: list[str] = []

    def count() -> Iterator[int]:
        try:
            bus.sleep(10)
            yield 1
            bus.sleep(10)
            yield 2
        finally:
            log.append(f"closed at {bus.now:g}")

    bus.serve("shop", service(count=count))
    with pytest.raises(rpcfake.Timeout):
        next(bus.multicall(None, "shop", message("count"), timeout=5))
    bus.advance(60)
    assert log == ["closed at 10"]


def test_a_generator_of_a_call_or_cast_runs_to_its_end(bus: Bus) -> None:
    given: list[int] = []

    def count() -> Iterator[int]:
        for n in range(3):
            given.append(n)
            yield n
            bus.sleep(1)

    bus.serve("shop", service(count=count))
    with pytest.raises(rpcfake.Timeout):
        bus.call(None, "shop", message("count"), timeout=0.5)
    bus.cast(None, "shop", message("count"))
    bus.advance(10)
    assert sorted(given) == [0, 0, 1, 1, 2, 2]


def test_thousands_let_go_at_once(bus: Bus) -> None:
    bus.stub("shop", "count").never()
    held = [bus.multicall(None, "shop", message("count")) for _ in range(3000)]
    bus.run()
    held.clear()
    bus.run()
    assert sum(record.kind == "abandoned" for record in bus.traffic) == 3000
