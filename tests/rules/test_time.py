"""TIME: a call does not wait for ever, and what comes too late goes nowhere."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rpcfake
from rpcfake import ConnectionClosed, Timeout

from .harness import AnyBus, Echo, Recorder, Serving, Simulated, Threaded, kinds, message, relaxed

SHORT = 0.02
"""Seconds; of real time on the threaded bus. No test is faster or fails because of it."""


def ask_in_vain(bus: AnyBus, timeout: float | None = SHORT, topic: str = "desk") -> Timeout:
    with pytest.raises(Timeout) as caught:
        bus.call(None, topic, message("wait"), timeout)
    return caught.value


def waiting(bus: AnyBus) -> Any:
    """A consumer of "desk" whose method ``wait`` stops at the gate that is returned."""
    gate = bus.gate()

    def wait(context: Any) -> str:
        context.reply("early")
        gate.wait()
        return "late"

    bus.serve("desk", Serving(wait=wait, value=Echo().value, values=Echo().values))
    return gate


@pytest.mark.parametrize("timeout", [0, 0.0, 1e-9, SHORT])
def test_a_call_without_an_answer_ends_in_timeout_and_not_earlier(
    bus: AnyBus, timeout: float
) -> None:
    waiting(bus)
    began = bus.now
    error = ask_in_vain(bus, timeout)
    assert bus.now - began >= timeout
    assert (error.topic, error.method, error.seconds) == ("desk", "wait", timeout)
    assert "desk.wait" in str(error)


@given(timeout=st.floats(0, 1e9), before=st.floats(0, 1e6))
@relaxed
def test_in_virtual_time_it_ends_at_its_deadline_exactly(timeout: float, before: float) -> None:
    with Simulated() as bus:
        bus.create_connection().create_consumer("desk", Echo())
        bus.advance(before)
        began = bus.now
        with pytest.raises(Timeout):
            bus.call(None, "desk", message("wait"), timeout)
        assert bus.now - began == pytest.approx(timeout, abs=2e-6)
        assert bus.now - began >= timeout - 1e-6


def test_the_default_is_60_seconds() -> None:
    with Simulated() as bus:
        waiting(bus)
        assert ask_in_vain(bus, None).seconds == 60
        assert bus.now == 60
        values = bus.multicall(None, "desk", message("wait"))
        assert next(values) == "early"
        with pytest.raises(Timeout):
            next(values)
        assert bus.now == 120


def test_the_facade_has_the_same_default_and_passes_timeouts_on() -> None:
    with Simulated() as bus, bus.installed():
        for ask in (rpcfake.call, lambda *asked: next(rpcfake.multicall(*asked))):
            for asked, seconds in (((), 60), ((None,), 60), ((2.5,), 2.5), ((0,), 0)):
                began = bus.now
                with pytest.raises(Timeout) as caught:
                    ask(None, "nowhere", message("m"), *asked)
                assert (caught.value.seconds, bus.now - began) == (seconds, seconds)


def test_a_float_and_an_int_are_seconds(bus: AnyBus) -> None:
    # oslo.messaging 44132d43 (LP 1408370), 776871f1 (LP 1579029): None or a float broke it.
    bus.serve("desk", Echo())
    for timeout in (None, 30, 30.0, 10**6, 1e300, 10**400, math.inf):
        msg = message("value", value=1)
        assert bus.call(None, "desk", msg, timeout) == 1
        assert bus.call(None, "desk", msg, timeout=timeout) == 1
        assert list(bus.multicall(None, "desk", msg, timeout)) == [1]


@pytest.mark.parametrize("timeout", [1e12, 1e300, 10**400], ids=["1e12", "1e300", "10**400"])
def test_a_very_long_timeout_is_waited_with(bus: AnyBus, timeout: float) -> None:
    gate = waiting(bus)
    values = bus.multicall(None, "desk", message("wait"), timeout)
    assert next(values) == "early"
    if bus.simulated:
        # A task waits beside it, so that there is something to wait for.
        bus.spawn(lambda: (bus.sleep(100), gate.event.set()))
        assert next(values) == "late"
    else:
        bus.until(lambda: gate.waiting)
        assert bus.together(lambda: next(values), gate.open) == ["late", None]


def test_a_call_is_bounded_as_a_whole() -> None:
    # Values that come before do not prolong it.
    with Simulated() as bus:

        def ask(context: Any) -> Iterator[int]:
            for number in range(10):
                bus.sleep(1)
                yield number

        bus.serve("desk", Serving(ask=ask))
        with pytest.raises(Timeout):
            bus.call(None, "desk", message("ask"), timeout=5)
        assert bus.now == 5
        assert bus.call(None, "desk", message("ask"), timeout=10) == 9


def test_on_threads_too_values_before_do_not_prolong_a_call(bus: AnyBus) -> None:
    waiting(bus)  # it replies once, and then no more
    assert ask_in_vain(bus).seconds == SHORT


def test_a_multicall_is_bounded_at_each_next_value() -> None:
    with Simulated() as bus:

        def ask(context: Any) -> Iterator[int]:
            for seconds in (1, 4.999, 5, 3, 6):
                bus.sleep(seconds)
                yield int(seconds)

        bus.serve("desk", Serving(ask=ask))
        values = bus.multicall(None, "desk", message("ask"), timeout=5)
        assert [next(values), next(values), next(values), next(values)] == [1, 4, 5, 3]
        began = bus.now
        with pytest.raises(Timeout):
            next(values)
        assert bus.now - began == pytest.approx(5)
        assert list(values) == []


def test_the_wait_for_a_next_value_begins_with_that_next() -> None:
    with Simulated() as bus:

        def ask(context: Any) -> Iterator[int]:
            yield 1
            bus.sleep(4)
            yield 2

        bus.serve("desk", Serving(ask=ask))
        values = bus.multicall(None, "desk", message("ask"), timeout=5)
        assert next(values) == 1
        bus.advance(3)
        assert next(values) == 2
        bus.advance(100)  # the caller's own time does not count
        assert list(values) == []


def test_an_answer_at_the_very_deadline_is_in_time() -> None:
    with Simulated() as bus:

        def ask(context: Any, seconds: float) -> str:
            bus.sleep(seconds)
            return "in time"

        bus.serve("desk", Serving(ask=ask))
        assert bus.call(None, "desk", message("ask", seconds=5), timeout=5) == "in time"
        with pytest.raises(Timeout):
            bus.call(None, "desk", message("ask", seconds=5.000001), timeout=5)


def test_an_answer_that_is_there_needs_no_time(bus: AnyBus) -> None:
    bus.serve("desk", Echo())
    values = bus.multicall(None, "desk", message("values", values=[1, 2]), timeout=0)
    bus.settle()
    assert list(values) == [1, 2]


def test_a_call_with_timeout_0_is_answered_where_no_time_passes() -> None:
    with Simulated() as bus:
        bus.serve("desk", Echo())
        assert bus.call(None, "desk", message("value", value=1), timeout=0) == 1


def test_a_late_reply_goes_nowhere_above_all_not_to_the_next_call(bus: AnyBus) -> None:
    gate = waiting(bus)
    ask_in_vain(bus)
    gate.open()
    for number in range(3):
        assert bus.call(None, "desk", message("value", value=number)) == number
        assert list(bus.multicall(None, "desk", message("values", values=[number]))) == [number]
    bus.settle()
    late = bus.traffic.dropped()
    assert [record.value for record in late] == ["late"]
    assert late[0].id == 0


def test_late_values_and_endings_of_a_multicall_go_nowhere_too(bus: AnyBus) -> None:
    gate = waiting(bus)
    values = bus.multicall(None, "desk", message("wait"), SHORT)
    assert next(values) == "early"
    with pytest.raises(Timeout):
        next(values)
    gate.open()
    bus.settle()
    assert list(values) == []
    assert [record.value for record in bus.traffic.dropped()] == ["late"]
    assert kinds(bus)["ending"] == 0


def test_a_late_failure_was_seen_by_nobody(bus: AnyBus) -> None:
    gate = bus.gate()

    def wait(context: Any) -> None:
        gate.wait()
        raise KeyError("late")

    bus.serve("desk", Serving(wait=wait, value=Echo().value))
    ask_in_vain(bus)
    gate.open()
    assert bus.call(None, "desk", message("value", value=1)) == 1
    bus.settle()
    assert [problem.allow for problem in bus.problems()] == ["handler_errors"]


def test_a_generator_whose_multicall_timed_out_is_closed(bus: AnyBus) -> None:
    gate, events = bus.gate(), []

    def ask(context: Any) -> Iterator[int]:
        try:
            gate.wait()
            for number in range(5):
                events.append(number)
                yield number
        finally:
            events.append("closed")

    bus.serve("desk", Serving(ask=ask))
    values = bus.multicall(None, "desk", message("ask"), SHORT)
    with pytest.raises(Timeout):
        next(values)
    gate.open()
    bus.settle()
    assert events == [0, "closed"]


@pytest.mark.parametrize("ask", ["call", "multicall"])
def test_what_timed_out_before_it_was_taken_is_not_handled_any_more(bus: AnyBus, ask: str) -> None:
    # oslo.messaging's fake:// executes it later all the same.
    proxy = Recorder()
    connection = bus.create_connection()
    connection.create_consumer("desk", proxy)
    for _ in range(3):
        with pytest.raises(Timeout):
            if ask == "call":
                bus.call(None, "desk", message("m"), SHORT)
            else:
                next(bus.multicall(None, "desk", message("m"), SHORT))
        bus.cast(None, "desk", message("kept"))
    assert [record.method for record in bus.queue("desk").pending] == ["kept"] * 3
    connection.consume_in_thread()
    bus.settle()
    assert proxy.methods == ["kept"] * 3
    assert bus.problems() == []


@given(count=st.integers(1, 30), taken=st.booleans())
@relaxed
def test_timeouts_leak_nothing(count: int, taken: bool) -> None:
    # nova dd9cb8354 (LP 968843): a timeout leaked a pooled connection.
    with Simulated() as bus:
        gate = waiting(bus)
        topic = "desk" if taken else "elsewhere"
        bus.create_connection().create_consumer("elsewhere", Echo())
        for _ in range(count):
            ask_in_vain(bus, 1, topic)
        gate.open()
        assert bus.call(None, "desk", message("value", value=1)) == 1
        bus.settle()
        assert len(bus.queue(topic)) == 0
        assert bus.problems() == []
        assert kinds(bus)["timeout"] == count
        assert kinds(bus)["dropped"] == (count if taken else 0)
        assert bus.now == pytest.approx(count + bus.STEP)


def test_on_threads_the_record_never_goes_back_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    # A thread that read the clock first may come second.
    with Threaded() as bus:
        connection = bus.create_connection()
        connection.create_consumer("desk", Echo())
        read = iter([5_000_000, 3_000_000, 9_000_000, 1_000_000, 7_000_000])
        with monkeypatch.context() as patched:
            patched.setattr(bus, "_now", lambda: next(read))
            for _ in range(3):
                bus.cast(None, "desk", message("m"))
            bus.multicall(None, "desk", message("m")).close()
        assert [record.time for record in bus.traffic] == [5, 5, 9, 9, 9]


def test_on_threads_timeouts_leak_no_thread() -> None:
    with Threaded() as bus:
        gate = waiting(bus)
        for _ in range(5):
            ask_in_vain(bus, 0)
        gate.open()
        bus.settle()
        for number in range(20):
            assert bus.call(None, "desk", message("value", value=number)) == number
        assert bus.problems() == []
        assert len(bus._pool.workers) <= 6


@pytest.mark.parametrize("depth", [1, 5])
def test_the_outermost_deadline_ends_a_chain(bus: AnyBus, depth: int) -> None:
    gate = bus.gate()

    def down(context: Any, left: int) -> str:
        if left:
            return str(bus.call(context, "desk", message("down", left=left - 1)))
        gate.wait()
        return "the ground"

    bus.serve("desk", Serving(down=down))
    with pytest.raises(Timeout, match=r"desk\.down"):
        bus.call(None, "desk", message("down", left=depth), SHORT)
    gate.open()
    bus.settle()
    assert [record.value for record in bus.traffic.dropped()] == ["the ground"]


def test_two_that_wait_for_each_other_end_in_timeout() -> None:
    with Simulated() as bus:

        def ask(context: Any, other: str) -> None:
            bus.call(context, other, message("wait"), timeout=10)

        bus.serve("a", Serving(ask=ask, wait=lambda context: bus.sleep(20)))
        with pytest.raises(rpcfake.RemoteError, match="Timeout"):
            bus.call(None, "a", message("ask", other="a"))
        assert bus.now == 10


@pytest.mark.parametrize("timeout", [-1, -0.001, math.nan, -math.inf])
def test_a_timeout_that_is_no_duration_is_refused(bus: AnyBus, timeout: float) -> None:
    for ask in (bus.call, bus.multicall):
        with pytest.raises(ValueError, match="timeout"):
            ask(None, "desk", message("m"), timeout)
    assert kinds(bus) == {}


def test_closing_the_bus_ends_the_wait(bus: AnyBus) -> None:
    gate, ended = bus.gate(), []

    def ask(context: Any) -> None:
        try:
            bus.call(context, "desk", message("wait"))
        except BaseException as error:
            ended.append(error)
            raise

    bus.serve("desk", Serving(wait=lambda context: gate.wait()))
    bus.serve("front", Serving(ask=ask))
    bus.cast(None, "front", message("ask"))
    bus.until(lambda: gate.waiting)
    gate.event.set() if not bus.simulated else None
    bus.close()
    assert len(ended) <= 1
    with pytest.raises(ConnectionClosed):
        bus.call(None, "front", message("ask"))
