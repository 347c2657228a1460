"""Virtual time: integer microseconds from 0, never back; it jumps to the next deadline when nothing
is runnable, and each deadline is met at its own time."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcfake import Bus, Stalled, Timeout

from .helpers import message, relaxed, service

SECOND = 1_000_000

naps = st.lists(st.integers(0, 5 * SECOND), min_size=1, max_size=12)
"""Microseconds that somebody sleeps."""


def times(bus: Bus) -> list[int]:
    """The clock as the records have it, in microseconds."""
    return [row[1] for row in bus._broker.rows]


def sleepers(bus: Bus, naps: list[int]) -> list[tuple[int, int]]:
    """Spawn a sleeper for each nap; the list gets (who, when) as they wake."""
    woken: list[tuple[int, int]] = []

    def sleep(who: int, nap: int) -> None:
        bus.sleep(nap / SECOND)
        woken.append((who, round(bus.now * SECOND)))

    for who, nap in enumerate(naps):
        bus.spawn(sleep, who, nap)
    return woken


def test_time_begins_at_zero_and_stands_while_nothing_waits(bus: Bus) -> None:
    bus.serve("shop", service(price=lambda: 3))
    assert bus.now == 0
    for _ in range(100):
        bus.call(None, "shop", message("price"))
    bus.run()
    assert bus.now == 0
    assert set(times(bus)) == {0}


def test_advance_adds_exactly_what_is_asked(bus: Bus) -> None:
    for _ in range(10):
        bus.advance(0.1)  # ten tenths are one, which they are not in floats
    assert bus.now == 1.0


@relaxed
@given(naps)
def test_each_sleeper_wakes_at_its_own_time_in_order(naps: list[int]) -> None:
    bus = Bus()
    woken = sleepers(bus, naps)
    bus.advance(max(naps) / SECOND)
    expected = sorted(range(len(naps)), key=lambda who: naps[who])
    assert woken == [(who, naps[who]) for who in expected]
    assert bus.now == max(naps) / SECOND
    bus.close()


@relaxed
@given(naps, st.lists(st.integers(0, SECOND), max_size=8))
def test_it_does_not_matter_in_how_many_parts_time_is_advanced(
    naps: list[int], parts: list[int]
) -> None:
    whole, split = Bus(), Bus()
    in_one, in_parts = sleepers(whole, naps), sleepers(split, naps)
    whole.advance(sum(parts) / SECOND)
    for part, end in zip(parts, accumulate(parts), strict=True):
        split.advance(part / SECOND)
        assert split.now == end / SECOND
    split.advance(0)
    assert in_parts == in_one
    whole.close()
    split.close()


@relaxed
@given(st.lists(st.lists(st.integers(0, SECOND), min_size=1, max_size=4), max_size=6))
def test_sleepers_that_go_on_sleeping_wake_at_each_sum(days: list[list[int]]) -> None:
    bus = Bus()
    seen: list[list[int]] = [[] for _ in days]

    def sleep(who: int) -> None:
        for nap in days[who]:
            bus.sleep(nap / SECOND)
            seen[who].append(round(bus.now * SECOND))

    for who in range(len(days)):
        bus.spawn(sleep, who)
    bus.advance(5)
    assert seen == [list(accumulate(day)) for day in days]
    bus.close()


KINDS = ["cast", "call", "nap", "step", "run"]


@relaxed
@given(st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 4))))
def test_records_never_go_back_in_time(steps: list[tuple[str, int]]) -> None:
    bus = Bus()
    bus.serve("shop", service(nap=lambda s: bus.sleep(s)))
    for what, s in steps:
        if what == "cast":
            bus.cast(None, "shop", message("nap", s=s))
        elif what == "call":
            try:
                bus.call(None, "shop", message("nap", s=s), timeout=2)
            except Timeout:
                assert s > 2
        elif what == "nap":
            bus.sleep(s)
        elif what == "step":
            bus.step()
        else:
            bus.run()
    assert times(bus) == sorted(times(bus))
    assert all(type(moment) is int for moment in times(bus))
    bus.close()


def test_sleepers_of_the_same_moment_wake_in_the_order_in_which_they_lay_down(bus: Bus) -> None:
    woken = sleepers(bus, [SECOND] * 50)
    bus.advance(1)
    assert [who for who, _ in woken] == list(range(50))


def test_no_sleep_is_rounded_to_none(bus: Bus) -> None:
    moments = []

    def nap() -> None:
        for _ in range(3):
            bus.sleep(1e-9)
            moments.append(round(bus.now * SECOND))

    bus.spawn(nap)
    bus.run()
    assert moments == []  # each of them needs time to pass
    bus.advance(1)
    assert moments == [1, 2, 3]


def test_a_sleep_of_nothing_lets_the_others_go_first(bus: Bus) -> None:
    order: list[str] = []

    def polite() -> None:
        order.append("polite")
        bus.sleep(0)
        order.append("polite again")

    bus.spawn(polite)
    bus.spawn(order.append, "other")
    bus.run()
    assert order == ["polite", "other", "polite again"]
    assert bus.now == 0


def test_what_the_woken_begin_is_done_before_time_goes_on(bus: Bus) -> None:
    seen = []
    bus.serve("log", service(add=lambda who: seen.append((who, bus.now))))

    def wake(who: str, s: float) -> None:
        bus.sleep(s)
        bus.cast(None, "log", message("add", who=who))

    bus.spawn(wake, "second", 2)
    bus.spawn(wake, "first", 1)
    bus.advance(10)
    assert seen == [("first", 1), ("second", 2)]


def test_sleep_in_the_tests_own_code_advances(bus: Bus) -> None:
    woken = sleepers(bus, [SECOND, 3 * SECOND])
    bus.sleep(2)
    assert woken == [(0, SECOND)]
    assert bus.now == 2


def test_run_lets_no_time_pass_but_does_what_is_due(bus: Bus) -> None:
    woken = sleepers(bus, [0, 1])
    bus.run()
    assert woken == [(0, 0)]
    assert bus.now == 0


def test_a_call_jumps_to_the_answer(bus: Bus) -> None:
    bus.serve("shop", service(nap=lambda s: bus.sleep(s)))
    began = time.perf_counter()
    bus.call(None, "shop", message("nap", s=3600 * 24 * 365), timeout=math.inf)
    assert bus.now == 3600 * 24 * 365
    assert time.perf_counter() - began < 5


# Timeouts


@relaxed
@given(nap=st.integers(0, 3 * SECOND), timeout=st.integers(0, 3 * SECOND))
def test_a_call_ends_at_its_answer_or_exactly_at_its_deadline(nap: int, timeout: int) -> None:
    bus = Bus()
    bus.serve("shop", service(nap=lambda s: bus.sleep(s)))
    bus.advance(1)  # the deadline counts from the sending
    try:
        bus.call(None, "shop", message("nap", s=nap / SECOND), timeout=timeout / SECOND)
        answered = True
    except Timeout as error:
        answered = False
        assert error.seconds == timeout / SECOND
        assert (error.topic, error.method) == ("shop", "nap")
    assert answered is (nap <= timeout)  # an answer at the very deadline is in time
    assert times(bus)[-1] == SECOND + min(nap, timeout)
    bus.close()


def test_a_call_waits_60_seconds_unless_told_otherwise(bus: Bus) -> None:
    bus.stub("shop", "price").never()
    with pytest.raises(Timeout):
        bus.call(None, "shop", message("price"))
    assert bus.now == 60


def test_a_timeout_bounds_a_call_as_a_whole(bus: Bus) -> None:
    def slowly() -> Any:
        for n in range(10):
            bus.sleep(1)
            yield n

    bus.serve("shop", service(count=slowly))
    with pytest.raises(Timeout):
        bus.call(None, "shop", message("count"), timeout=5)
    assert bus.now == 5


def test_a_timeout_bounds_each_wait_for_the_next_value_of_a_multicall(bus: Bus) -> None:
    def slowly() -> Any:
        for n in range(4):
            bus.sleep(2)
            yield n
        bus.sleep(4)
        yield "too late"

    bus.serve("shop", service(count=slowly))
    values = bus.multicall(None, "shop", message("count"), timeout=3)
    assert [next(values) for _ in range(4)] == [0, 1, 2, 3]
    assert bus.now == 8
    with pytest.raises(Timeout):
        next(values)
    assert bus.now == 11
    assert list(values) == []


def test_the_wait_for_a_value_begins_when_it_is_asked_for(bus: Bus) -> None:
    def late() -> Any:
        bus.sleep(10)
        yield 1

    bus.serve("shop", service(count=late))
    values = bus.multicall(None, "shop", message("count"), timeout=5)
    bus.advance(8)
    assert next(values) == 1
    assert bus.now == 10


def test_a_timeout_of_zero_takes_what_needs_no_time(bus: Bus) -> None:
    bus.serve("shop", service(price=lambda: 3, nap=lambda: bus.sleep(1e-6)))
    assert bus.call(None, "shop", message("price"), timeout=0) == 3
    with pytest.raises(Timeout):
        bus.call(None, "shop", message("nap"), timeout=0)
    assert bus.now == 0


def test_at_the_same_moment_sleepers_go_on_before_callers_give_up(bus: Bus) -> None:
    """Also where the answer takes several more steps, and the caller lay down first."""
    bus.serve("back", service(price=lambda: 3))

    def relay() -> Any:
        bus.sleep(5)
        return bus.call(None, "back", message("price"))

    bus.serve("front", service(price=relay))
    assert bus.call(None, "front", message("price"), timeout=5) == 3
    assert bus.now == 5


@pytest.mark.parametrize("seconds", [1e-300, 1e-7, 0.4e-6, 1e-6])
def test_no_timeout_is_rounded_to_none(bus: Bus, seconds: float) -> None:
    bus.stub("shop", "price").never()
    with pytest.raises(Timeout):
        bus.call(None, "shop", message("price"), timeout=seconds)
    assert bus.now == 1e-6


def test_a_late_answer_reaches_nobody(bus: Bus) -> None:
    bus.serve("shop", service(nap=lambda s: (bus.sleep(s), s)[1]))
    with pytest.raises(Timeout):
        bus.call(None, "shop", message("nap", s=2), timeout=1)
    assert bus.call(None, "shop", message("nap", s=3), timeout=10) == 3
    assert [(record.kind, record.id) for record in bus.traffic.where(lambda r: r.time == 2)] == [
        ("dropped", 0)
    ]


def test_a_call_that_timed_out_in_its_queue_is_not_handled(bus: Bus) -> None:
    connection = bus.create_connection()
    handled: list[str] = []
    connection.create_consumer("shop", service(buy=handled.append))
    with pytest.raises(Timeout):
        bus.call(None, "shop", message("buy"), timeout=1)
    connection.consume_in_thread()
    bus.run()
    assert handled == []


@pytest.mark.parametrize("seconds", [1e12, 1e300, sys.float_info.max])
def test_an_absurd_number_of_seconds_is_a_long_time_and_no_error(bus: Bus, seconds: float) -> None:
    bus.serve("shop", service(price=lambda: 3))
    assert bus.call(None, "shop", message("price"), timeout=seconds) == 3
    assert bus.now == 0
    with pytest.raises(Timeout):
        bus.run_until(lambda: False, timeout=seconds)
    assert bus.now >= 1e12


# Where nothing can ever wake the caller


def waits_for_ever(bus: Bus) -> list[Callable[[], object]]:
    return [
        lambda: bus.call(None, "shop", message("price"), timeout=math.inf),
        lambda: next(bus.multicall(None, "shop", message("price"), timeout=math.inf)),
        lambda: bus.run_until(lambda: False),
        lambda: bus.spawn(bus.call, None, "shop", message("price"), math.inf).join(),
        lambda: bus.spawn(bus.call, None, "shop", message("price"), math.inf).result(),
    ]


@pytest.mark.parametrize("number", range(5))
def test_waiting_for_ever_for_nothing_is_stalled_at_once(bus: Bus, number: int) -> None:
    bus.advance(2)
    bus.serve("depot", service(wait=lambda: bus.call(None, "void", message("x"), math.inf)))
    bus.serve("shop", service(price=lambda: bus.call(None, "depot", message("wait"), math.inf)))
    with pytest.raises(Stalled, match="no task is runnable") as stalled:
        waits_for_ever(bus)[number]()
    assert bus.now == 2
    if number != 2:
        text = str(stalled.value)
        assert "shop#1 handling" in text
        assert "depot#1 handling call depot.wait" in text
        assert "void.x" in text
        told = "\n".join(stalled.value.waiting)
        assert "shop#1 handling" in told
        assert "depot#1 handling" in told


def test_what_is_stalled_is_abandoned_and_the_bus_goes_on(bus: Bus) -> None:
    bus.stub("shop", "price").never()
    bus.stub("shop", "name").returns("tea")
    with pytest.raises(Stalled):
        bus.call(None, "shop", message("price"), timeout=math.inf)
    assert bus.traffic[-1].kind == "abandoned"
    assert bus.call(None, "shop", message("name")) == "tea"
    bus.assert_clean()


def test_a_deadline_ahead_keeps_hope_alive(bus: Bus) -> None:
    """An unbounded wait is not stalled while somebody else's deadline may bring the answer."""
    bus.stub("depot", "ask").never()

    def ask() -> str:
        try:
            bus.call(None, "depot", message("ask"), timeout=7)
        except Timeout:
            return "nobody there"
        raise AssertionError

    bus.serve("shop", service(ask=ask))
    assert bus.call(None, "shop", message("ask"), timeout=math.inf) == "nobody there"
    assert bus.now == 7


@pytest.mark.parametrize("waits", ["run_until", "call"])
def test_the_deadline_of_a_caller_who_was_torn_away_is_forgotten(bus: Bus, waits: str) -> None:
    def interrupt() -> None:
        bus.sleep(1)
        raise KeyboardInterrupt

    bus.stub("shop", "price").never()
    bus.spawn(interrupt)
    with pytest.raises(KeyboardInterrupt):
        bus.call(None, "shop", message("price"), timeout=60)
    assert bus.now == 1
    with pytest.raises(Stalled):
        if waits == "run_until":
            bus.run_until(lambda: False)
        else:
            bus.call(None, "shop", message("price"), timeout=math.inf)
    assert bus.now == 1
