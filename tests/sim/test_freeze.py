"""Under freezegun and time-machine the frozen clock and the bus's are one."""

from __future__ import annotations

import gc
import sys
import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import freezegun
import freezegun.api
import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

import rpcfake
from rpcfake import Bus, RealTimeWarning, RemoteError, Timeout
from rpcfake.sim import frozen

from .helpers import message, relaxed, service

START = "2026-01-01 00:00:00+00:00"
EPOCH = 1767225600
"""The same in seconds since 1970."""
BEGIN = datetime.fromisoformat(START)
SECOND = 1_000_000


@pytest.fixture(autouse=True)
def nothing_is_collected() -> Iterator[None]:
    """Hypothesis times each collection, wherever one happens, and a clock that ticks whenever it is
    read goes on by two ticks then."""
    gc.disable()
    yield
    gc.enable()


def clock() -> int:
    """What the code under test reads, in microseconds since the start of the freezes."""
    return (datetime.now(UTC) - BEGIN) // timedelta(microseconds=1)


class Library(ABC):
    """One of the libraries that freeze the clock."""

    @abstractmethod
    def freeze(self, start: str = START, tick: bool = False) -> AbstractContextManager[Any]:
        """Freeze the clock for a ``with`` block."""

    @abstractmethod
    def tick(self, freeze: Any, seconds: float) -> None:
        """Let frozen time pass, as a test does."""


class Freezegun(Library):
    def freeze(self, start: str = START, tick: bool = False) -> AbstractContextManager[Any]:
        return freezegun.freeze_time(start, tick=tick)

    def tick(self, freeze: Any, seconds: float) -> None:
        freeze.tick(timedelta(seconds=seconds))


class TimeMachine(Library):
    @contextmanager
    def freeze(self, start: str = START, tick: bool = False) -> Iterator[Any]:
        with time_machine.travel(datetime.fromisoformat(start), tick=tick) as traveller:
            yield traveller

    def tick(self, freeze: Any, seconds: float) -> None:
        freeze.shift(timedelta(seconds=seconds))


LIBRARIES = {"freezegun": Freezegun(), "time_machine": TimeMachine()}


@pytest.fixture(params=LIBRARIES)
def library(request: pytest.FixtureRequest) -> Library:
    """Each library in turn."""
    return LIBRARIES[request.param]


def naps(bus: Bus, *seconds: float) -> list[tuple[int, int]]:
    """Spawn a sleeper for each; the list gets (bus, frozen) times in microseconds as they wake."""
    woken: list[tuple[int, int]] = []

    def nap(s: float) -> None:
        bus.sleep(s)
        woken.append((round(bus.now * SECOND), clock()))

    for s in seconds:
        bus.spawn(nap, s)
    return woken


# The ways to freeze


@freezegun.freeze_time(START)
def test_the_decorator_of_freezegun(bus: Bus) -> None:
    bus.advance(60)
    assert (bus.now, time.time()) == (60, EPOCH + 60)


def test_the_decorator_with_its_argument(bus: Bus) -> None:
    @freezegun.freeze_time(START, as_kwarg="frozen_time")
    def work(frozen_time: Any) -> None:
        bus.advance(1)
        frozen_time.tick(2)
        assert (bus.now, time.time()) == (3, EPOCH + 3)

    work()
    assert bus.now == 3


@freezegun.freeze_time(START)
class TestTheDecoratorOnAClass:
    def test_it(self, bus: Bus) -> None:
        bus.advance(60)
        assert (bus.now, time.time()) == (60, EPOCH + 60)


@time_machine.travel(datetime.fromisoformat(START), tick=False)
def test_the_decorator_of_time_machine(bus: Bus) -> None:
    bus.advance(60)
    assert (bus.now, time.time()) == (60, EPOCH + 60)


def test_the_fixture_freezer_after_the_bus(installed: Bus, freezer: Any) -> None:
    follow_freezer(installed, freezer)


def test_the_fixture_freezer_before_the_bus(freezer: Any, installed: Bus) -> None:
    follow_freezer(installed, freezer)


def follow_freezer(bus: Bus, freezer: Any) -> None:
    began = time.time()
    bus.advance(60)
    assert time.time() - began == 60
    freezer.tick(5)
    assert bus.now == 65
    freezer.move_to(datetime.fromtimestamp(began) + timedelta(seconds=100))
    time.sleep(10)
    assert (bus.now, time.time() - began) == (110, 110)


def test_the_fixture_time_machine(installed: Bus, time_machine: Any) -> None:
    time_machine.move_to(datetime.fromisoformat(START), tick=False)
    time.sleep(60)
    time_machine.shift(5)
    assert (installed.now, clock()) == (65, 65 * SECOND)


# One clock


def test_advance_moves_the_frozen_clock_and_each_timer_fires_at_its_own_time(
    bus: Bus, library: Library
) -> None:
    with library.freeze():
        woken = naps(bus, 3, 1, 2, 0.000001)
        bus.advance(10)
        assert woken == [(t, t) for t in (1, SECOND, 2 * SECOND, 3 * SECOND)]
        assert (bus.now, clock()) == (10, 10 * SECOND)
        assert datetime.now().second == 10


def test_handlers_see_the_frozen_clock_move(bus: Bus, library: Library) -> None:
    bus.serve("shop", service(nap=lambda s: (bus.sleep(s), datetime.now().isoformat())[1]))
    with library.freeze():
        began = datetime.now()
        answer = bus.call(None, "shop", message("nap", s=2.5))
        assert datetime.fromisoformat(answer) - began == timedelta(seconds=2.5)


def test_a_timeout_takes_frozen_time_and_no_real_time(bus: Bus, library: Library) -> None:
    bus.stub("shop", "price").never()
    with library.freeze():
        with pytest.raises(Timeout):
            bus.call(None, "shop", message("price"))
        assert (bus.now, clock()) == (60, 60 * SECOND)
        assert bus.traffic[-1].time == 60


def test_sleep_in_the_tests_body_moves_the_frozen_clock(installed: Bus, library: Library) -> None:
    with library.freeze():
        time.sleep(1.5)
        assert (installed.now, clock()) == (1.5, 1_500_000)


def test_tick_moves_the_bus_and_what_is_due_fires_at_the_next_run(
    bus: Bus, library: Library
) -> None:
    with library.freeze() as freeze:
        woken = naps(bus, 1, 2, 3)
        bus.run()
        library.tick(freeze, 2)
        assert bus.now == 2
        assert woken == []
        bus.run()
        assert woken == [(2 * SECOND, 2 * SECOND)] * 2
        bus.advance(1)
        assert woken[2:] == [(3 * SECOND, 3 * SECOND)]


def test_a_tick_in_a_handler_counts_at_once(bus: Bus, library: Library) -> None:
    with library.freeze() as freeze:
        bus.serve("shop", service(work=lambda: (library.tick(freeze, 7), bus.now)[1]))
        assert bus.call(None, "shop", message("work"), timeout=5) == 7
        assert bus.traffic[-1].time == 7


def test_a_wait_counts_from_the_frozen_now(bus: Bus, library: Library) -> None:
    """Also where the clock was ticked since the bus last looked."""
    bus.stub("shop", "price").never()
    with library.freeze() as freeze:
        assert bus.now == 0
        waits: list[Callable[[], object]] = [
            lambda: bus.call(None, "shop", message("price"), timeout=5),
            lambda: next(bus.multicall(None, "shop", message("price"), timeout=5)),
            lambda: bus.run_until(lambda: False, timeout=5),
            lambda: bus.spawn(bus.sleep, 1e6).join(timeout=5),
        ]
        for wait in waits:
            library.tick(freeze, 100)
            before = clock()
            with pytest.raises(Timeout):
                wait()
            assert clock() - before == 5 * SECOND
            assert round(bus.now * SECOND) == clock()
        values = bus.multicall(None, "shop", message("price"), timeout=5)
        library.tick(freeze, 100)
        before = clock()
        with pytest.raises(Timeout):
            next(values)
        assert clock() - before == 5 * SECOND


def test_a_freeze_that_starts_and_ends_while_timers_are_pending(bus: Bus, library: Library) -> None:
    ends: list[float] = []
    task = bus.spawn(lambda: (bus.sleep(10), ends.append(bus.now)))
    bus.run()
    bus.advance(1)
    with library.freeze() as freeze:
        assert bus.now == 1
        library.tick(freeze, 3)
        assert bus.now == 4
        bus.advance(2)
        assert (bus.now, clock()) == (6, 5 * SECOND)
    assert bus.now == 6
    bus.advance(3)
    assert not task.done
    bus.advance(1)
    assert ends == [10]


def test_the_bus_joins_at_its_first_operation_inside(bus: Bus, library: Library) -> None:
    with library.freeze() as freeze:
        library.tick(freeze, 100)  # the bus was not there
        assert bus.now == 0
        library.tick(freeze, 1)
        assert bus.now == 1
    assert bus.now == 1


def test_a_freeze_after_the_other(bus: Bus) -> None:
    for library in [*LIBRARIES.values()] * 2:
        with library.freeze() as freeze:
            before = bus.now
            bus.advance(1)
            library.tick(freeze, 1)
            assert bus.now == before + 2
            assert clock() == 2 * SECOND
    assert bus.now == 8


def test_nested_freezes(bus: Bus, library: Library) -> None:
    with library.freeze() as outer:
        bus.advance(1)
        with library.freeze("2020-01-01 00:00:00+00:00") as inner:
            assert bus.now == 1
            bus.advance(1)
            library.tick(inner, 1)
            assert bus.now == 3
            with library.freeze("2040-01-01 00:00:00+00:00"):
                assert bus.now == 3
                bus.advance(1)
            assert bus.now == 4
        assert bus.now == 4
        assert clock() == SECOND
        library.tick(outer, 1)
        assert bus.now == 5
        bus.advance(1)
        assert (bus.now, clock()) == (6, 3 * SECOND)


def test_the_bus_stays_where_it_is_when_the_frozen_clock_is_set_back(
    bus: Bus, library: Library
) -> None:
    with library.freeze() as freeze:
        bus.advance(10)
        freeze.move_to(datetime.fromisoformat("2025-12-31T00:00:00+00:00"))
        assert bus.now == 10
        bus.advance(5)
        assert bus.now == 15
        assert clock() == (-24 * 3600 + 5) * SECOND
        freeze.move_to(datetime.fromisoformat("2026-01-01T00:00:00+00:00"))
        assert bus.now == 10 + 24 * 3600


def test_two_buses_in_one_freeze_move_each_other(library: Library) -> None:
    one, other = Bus(), Bus()
    with library.freeze():
        assert one.now == other.now == 0
        one.advance(2)
        assert other.now == 2
        other.advance(3)
        assert one.now == 5
    one.close()
    other.close()


def test_a_new_bus_begins_at_zero_whatever_the_frozen_clock_says(library: Library) -> None:
    with library.freeze() as freeze:
        library.tick(freeze, 50)
        bus = Bus()
        assert bus.now == 0
        bus.close()


Op = tuple[str, int]

ops = st.lists(
    st.tuples(
        st.sampled_from(["advance", "tick", "back", "nap", "enter", "leave", "call", "look"]),
        st.integers(0, 3 * SECOND),
    ),
    max_size=25,
)


@pytest.mark.parametrize("name", LIBRARIES)
@relaxed
@given(ops=ops)
def test_both_clocks_move_alike_whatever_happens(name: str, ops: list[Op]) -> None:
    """A model of both: the bus's time, and the frozen times of the freezes that are active."""
    library = LIBRARIES[name]
    bus = Bus()
    bus.stub("shop", "price").never()
    now = 0
    freezes: list[tuple[Any, Any]] = []
    model: list[int] = []
    try:
        for op, n in ops:
            if op == "enter":
                context = library.freeze()
                freezes.append((context, context.__enter__()))
                model.append(0)
            elif op == "leave" and freezes:
                freezes.pop()[0].__exit__(None, None, None)
                model.pop()
            elif op == "tick" and freezes:
                library.tick(freezes[-1][1], n / SECOND)
                model[-1] += n
                now += n
            elif op == "back" and freezes:
                library.tick(freezes[-1][1], -n / SECOND)
                model[-1] -= n
            elif op in ("advance", "nap", "call"):
                if op == "advance":
                    bus.advance(n / SECOND)
                elif op == "nap":
                    bus.spawn(bus.sleep, n / SECOND).join()
                else:
                    with pytest.raises(Timeout):
                        bus.call(None, "shop", message("price"), timeout=n / SECOND)
                now += n
                if model:
                    model[-1] += n
            assert round(bus.now * SECOND) == now
            if model:
                assert clock() == model[-1]
    finally:
        while freezes:
            freezes.pop()[0].__exit__(None, None, None)
        bus.close()


def test_a_thousand_small_jumps_do_not_add_up_to_an_error(bus: Bus, library: Library) -> None:
    with library.freeze():
        for n in range(1, 2000):
            bus.advance(n * 7e-6)
            assert clock() == round(bus.now * SECOND)


def test_time_past_the_end_of_all_calendars(bus: Bus) -> None:
    """The library says no; the bus is as it was."""
    with freezegun.freeze_time(START):
        with pytest.raises(OverflowError):
            bus.advance(1e12)
        assert (bus.now, clock()) == (0, 0)
        bus.advance(1)
        assert (bus.now, clock()) == (1, SECOND)


# Clocks that move by themselves


def test_looking_at_the_bus_does_not_tick_an_auto_ticking_clock(bus: Bus) -> None:
    with freezegun.freeze_time(START, auto_tick_seconds=5):
        for _ in range(3):
            assert bus.now == 0
            bus.run()
        time.time()
        assert bus.now == 5
        datetime.now()
        assert bus.now == 10
        bus.advance(1)
        assert bus.now == 11


def test_a_step_ticking_clock_moves_by_its_steps_and_by_the_bus(bus: Bus) -> None:
    with freezegun.freeze_time(START, auto_tick_seconds=2) as freeze:
        assert isinstance(freeze, freezegun.api.StepTickTimeFactory)
        assert bus.now == 0
        freeze.tick()
        assert bus.now == 2
        freeze.tick(timedelta(seconds=3))
        assert bus.now == 5
        freeze.update_step_width(10)
        time.time()
        assert bus.now == 15
        freeze.move_to("2026-01-01 00:01:00")
        assert bus.now == 60


def test_what_handlers_read_makes_an_auto_ticking_clock_go_on(bus: Bus) -> None:
    bus.serve("shop", service(now=lambda: time.time() - EPOCH))
    with freezegun.freeze_time(START, auto_tick_seconds=5):
        answers = [bus.call(None, "shop", message("now")) for _ in range(3)]
        assert answers == [0, 5, 10]
        assert bus.now == 15


def test_real_time_that_leaks_in_is_warned_of_once(bus: Bus, library: Library) -> None:
    bus.serve("shop", service(price=lambda: 3))
    with library.freeze(tick=True):
        with pytest.warns(RealTimeWarning, match="tick=False") as caught:
            bus.advance(60)
        assert len(caught) == 1
        assert bus.now >= 60
        bus.call(None, "shop", message("price"))
    with library.freeze(tick=True):  # warnings are errors here: a second one would be noticed
        bus.advance(1)


def test_the_warning_points_at_the_code_that_uses_the_bus(bus: Bus, library: Library) -> None:
    with library.freeze(tick=True), pytest.warns(RealTimeWarning) as caught:
        bus.advance(60)
    assert caught[0].filename == __file__


def test_a_ticking_freeze_goes_on_in_real_time(bus: Bus, library: Library) -> None:
    bus.serve("shop", service(price=lambda: 3))
    with library.freeze(tick=True), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = bus.now
        while bus.now == before:  # real time passes, with nothing else
            pass
        assert bus.call(None, "shop", message("price"), timeout=60) == 3
        with pytest.raises(Timeout):
            bus.call(None, "void", message("price"), timeout=60)
        assert bus.now > before + 60


def test_where_warnings_are_errors_nothing_breaks_but_the_first_use(
    bus: Bus, library: Library
) -> None:
    bus.serve("shop", service(price=lambda: 3))
    with library.freeze(tick=True):
        with pytest.raises(RealTimeWarning):
            bus.cast(None, "shop", message("price"))
        assert len(bus.traffic) == 0
        assert bus.call(None, "shop", message("price")) == 3


def test_a_handler_that_freezes_ticking_time_where_warnings_are_errors(
    bus: Bus, library: Library
) -> None:
    def work() -> int:
        with library.freeze(tick=True):
            bus.sleep(1)
        raise AssertionError

    bus.serve("shop", service(work=work, price=lambda: 3))
    with pytest.raises(RemoteError) as error:
        bus.call(None, "shop", message("work"))
    assert error.value.exc_type == "RealTimeWarning"
    assert bus.call(None, "shop", message("price")) == 3


# What is read of the libraries. These hold for each version that is supported; run them with it.


def test_nothing_is_active_outside_a_freeze() -> None:
    assert frozen.active_freeze() is None


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({}, "FrozenDateTimeFactory"),
        ({"tick": True}, "TickingDateTimeFactory"),
        ({"auto_tick_seconds": 5}, "StepTickTimeFactory"),
    ],
)
def test_what_is_read_of_freezegun(options: dict[str, Any], kind: str) -> None:
    assert freezegun.api.freeze_factories == []
    with freezegun.freeze_time(START, **options) as freeze:
        assert freezegun.api.freeze_factories == [freeze]
        assert frozen.active_freeze() is freeze
        assert type(freeze).__name__ == kind
        assert isinstance(freeze.time_to_freeze, datetime)
        assert not hasattr(freeze, "time_ns")
        assert not hasattr(freeze, "shift")
        assert frozen.leaks(freeze) is (kind == "TickingDateTimeFactory")
        assert frozen.fakes_monotonic(freeze)
        assert time.monotonic is freezegun.api.fake_monotonic
        assert time.monotonic_ns is freezegun.api.fake_monotonic_ns
        before = frozen.read(freeze)
        frozen.move(freeze, 1_500_000)
        if kind == "TickingDateTimeFactory":
            assert frozen.read(freeze) >= before + 1_500_000 - SECOND
        else:
            assert before == EPOCH * SECOND
            assert frozen.read(freeze) == before + 1_500_000
        with freezegun.freeze_time("2020-01-01") as inner:
            assert frozen.active_freeze() is inner
        assert frozen.active_freeze() is freeze
    assert frozen.active_freeze() is None
    assert type(freezegun.api.real_monotonic) is type(time.monotonic)


@pytest.mark.parametrize("tick", [False, True])
def test_what_is_read_of_time_machine(tick: bool) -> None:
    monotonic = time.monotonic
    with time_machine.travel(datetime.fromisoformat(START), tick=tick) as traveller:
        freeze = frozen.active_freeze()
        assert freeze is traveller
        assert freeze is not None
        assert frozen.leaks(freeze) is tick
        assert not frozen.fakes_monotonic(freeze)
        assert time.monotonic is monotonic
        before = frozen.read(freeze)
        frozen.move(freeze, 1_500_000)
        if tick:
            assert frozen.read(freeze) >= before + 1_500_000
        else:
            assert before == EPOCH * SECOND
            assert frozen.read(freeze) == before + 1_500_000
        with time_machine.travel(0, tick=False) as inner:
            assert frozen.active_freeze() is inner
        assert frozen.active_freeze() is traveller
    assert frozen.active_freeze() is None


@relaxed
@given(start=st.integers(0, 10**15), delta=st.integers(1, 10**14))
def test_time_machine_is_moved_to_the_microsecond(start: int, delta: int) -> None:
    """Before 3.3 its shift loses a nanosecond now and then."""
    with time_machine.travel(start / 1e6, tick=False) as freeze:
        before = frozen.read(freeze)
        frozen.move(freeze, delta)
        assert frozen.read(freeze) == before + delta


def test_the_libraries_are_not_imported_by_the_bus() -> None:
    """Each costs more than a whole test."""
    import subprocess

    program = (
        "import sys, rpcfake\n"
        "bus = rpcfake.Bus(); bus.advance(1)\n"
        "with bus.installed(): bus.run()\n"
        "print([name for name in ('freezegun', 'time_machine') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_the_bus_is_first_imported_inside_a_freeze() -> None:
    """As the plugin does it, whose fixtures import it late."""
    import subprocess

    program = """
import freezegun, time
with freezegun.freeze_time("2026-01-01") as freeze:
    import rpcfake
    bus = rpcfake.Bus()
    with bus.installed():
        bus.advance(5)
        freeze.tick(5)
        assert bus.now == 10, bus.now
        task = bus.spawn(lambda: (time.sleep(5), time.monotonic())[1])
        assert task.result() == time.monotonic()
        assert bus.now == 15, bus.now
    bus.close()
    threaded = rpcfake.ThreadedBus()
    before = threaded.now
    while threaded.now == before:
        pass
    try:
        threaded.call(None, "void", {"method": "x"}, timeout=0.01)
    except rpcfake.Timeout:
        print("in time")
    threaded.close()
bus = rpcfake.Bus()
with bus.installed():
    assert bus.spawn(time.monotonic).result() == 0
assert type(time.monotonic) is type(len)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30
    )
    assert (done.stdout, done.stderr) == ("in time\n", "")


def test_rpcfake_knows_the_warning() -> None:
    assert issubclass(rpcfake.RealTimeWarning, UserWarning)
