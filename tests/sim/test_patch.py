"""`time.sleep` and `time.monotonic` while a bus is installed, and afterwards."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from time import monotonic as monotonic_by_name
from time import sleep as sleep_by_name
from typing import Any
from unittest import mock

import freezegun
import pytest
import time_machine

import rpcfake
from rpcfake import Bus
from rpcfake.sim import patch

from .helpers import message, service

REAL = {"sleep": time.sleep, "monotonic": time.monotonic, "monotonic_ns": time.monotonic_ns}
START = datetime(2026, 1, 1, tzinfo=UTC)


def virtual(bus: Bus) -> bool:
    """Whether all three are virtual in a task of the bus."""

    def look() -> bool:
        before = bus.now
        time.sleep(3)
        return (
            bus.now == before + 3
            and time.monotonic() == bus.now
            and time.monotonic_ns() == round(bus.now * 1e6) * 1000
        )

    return bool(bus.spawn(look).result())


@pytest.fixture(autouse=True)
def _real_afterwards() -> Iterator[None]:
    """Whatever a test does, the real functions are there before and after it."""
    assert {name: getattr(time, name) for name in REAL} == REAL
    yield
    now = {name: getattr(time, name) for name in REAL}
    for name, real in REAL.items():
        setattr(time, name, real)
    assert now == REAL
    assert patch._installed == []
    assert patch._real == {}


def test_in_tasks_and_handlers_both_are_virtual(installed: Bus) -> None:
    assert virtual(installed)
    installed.serve("shop", service(look=lambda: virtual_here(installed)))
    assert rpcfake.call(None, "shop", message("look"))


def virtual_here(bus: Bus) -> bool:
    before = time.monotonic()
    time.sleep(2)
    return time.monotonic() == before + 2 == bus.now


def test_in_the_tests_body_sleep_is_virtual_and_monotonic_is_real(installed: Bus) -> None:
    began = REAL["monotonic"]()
    time.sleep(3600)
    assert installed.now == 3600
    assert began <= time.monotonic() <= REAL["monotonic"]() < began + 60
    assert began * 1e9 <= time.monotonic_ns() <= REAL["monotonic_ns"]()


def test_sleeping_in_the_body_lets_the_others_work(installed: Bus) -> None:
    seen: list[float] = []
    installed.spawn(lambda: [(time.sleep(1), seen.append(installed.now)) for _ in range(3)])
    time.sleep(2)
    assert seen == [1, 2]


def test_in_other_threads_both_are_real(installed: Bus) -> None:
    seen: list[Any] = []

    def look() -> None:
        seen.append(time.monotonic() >= REAL["monotonic"]() - 60)
        began = REAL["monotonic"]()
        time.sleep(0.001)
        seen.append(REAL["monotonic"]() - began >= 0.001)

    def in_a_thread() -> None:
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()

    in_a_thread()
    installed.spawn(in_a_thread).result()
    assert seen == [True] * 4
    assert installed.now == 0


def test_names_imported_before_are_not_patched(installed: Bus) -> None:
    def look() -> None:
        assert monotonic_by_name is REAL["monotonic"]
        assert sleep_by_name is REAL["sleep"]
        assert monotonic_by_name() != installed.now

    installed.spawn(look).result()


def test_a_bus_that_is_not_installed_patches_nothing(bus: Bus) -> None:
    def look() -> None:
        assert {name: getattr(time, name) for name in REAL} == REAL

    bus.spawn(look).result()


def test_the_arguments_are_checked_as_the_real_sleep_does(installed: Bus) -> None:
    wrong: list[tuple[Any, type[Exception]]] = [
        (-1, ValueError),
        (float("nan"), ValueError),
        ("1", TypeError),
        (None, TypeError),
    ]
    for sleep in (REAL["sleep"], time.sleep):
        for argument, error in wrong:
            with pytest.raises(error):
                sleep(argument)
            with pytest.raises(error):
                installed.spawn(sleep, argument).result()
        with pytest.raises(TypeError):
            sleep(secs=1)
    assert installed.now == 0


def test_a_sleep_of_zero_is_a_pause(installed: Bus) -> None:
    order: list[str] = []
    installed.spawn(lambda: (time.sleep(0), order.append("slept")))
    installed.spawn(order.append, "other")
    time.sleep(0)
    assert order == ["other", "slept"]
    assert installed.now == 0


# Several, one after the other and at the same time


def test_uninstalled_by_an_error() -> None:
    bus = Bus()
    with pytest.raises(ZeroDivisionError), bus.installed():
        raise ZeroDivisionError
    assert time.sleep is REAL["sleep"]


def test_installed_twice() -> None:
    bus = Bus()
    with bus.installed():
        with bus.installed():
            assert virtual(bus)
        assert virtual(bus)
    assert time.sleep is REAL["sleep"]


def test_the_newest_counts_in_the_body_and_each_for_its_own_tasks() -> None:
    one, other = Bus(), Bus()
    with one.installed():
        with other.installed():
            time.sleep(5)
            assert (one.now, other.now) == (0, 5)
            assert virtual(one)
            assert virtual(other)
            assert (one.now, other.now) == (3, 8)
        time.sleep(1)
        assert (one.now, other.now) == (4, 8)


@pytest.mark.parametrize("newest_drives", [False, True])
def test_a_task_of_one_bus_that_drives_another(newest_drives: bool) -> None:
    one, other = Bus(), Bus()
    driver, driven = (other, one) if newest_drives else (one, other)

    def nap() -> float:
        time.sleep(5)
        return time.monotonic()

    driven.serve("shop", service(nap=nap))
    with one.installed(), other.installed():
        task = driver.spawn(driven.call, None, "shop", message("nap"))
        assert task.result() == 5
    assert (driver.now, driven.now) == (0, 5)


def test_uninstalled_in_the_wrong_order() -> None:
    one, other = Bus(), Bus()
    first, second = ExitStack(), ExitStack()
    first.enter_context(one.installed())
    second.enter_context(other.installed())
    first.close()
    assert virtual(other)
    rpcfake.cast(None, "shop", message("x"))
    assert (len(one.traffic), len(other.traffic)) == (0, 2)
    second.close()
    assert time.sleep is REAL["sleep"]


def test_sleep_is_real_again_on_a_bus_that_was_closed_inside() -> None:
    bus = Bus()
    with bus.installed():
        bus.close()
        began = REAL["monotonic"]()
        time.sleep(0.001)
        assert REAL["monotonic"]() - began >= 0.001
        assert bus.now == 0


# Beside libraries that freeze the clock


def freezegun_freeze() -> Any:
    return freezegun.freeze_time(START)


def time_machine_freeze() -> Any:
    return time_machine.travel(START, tick=False)


FREEZES: list[Callable[[], Any]] = [freezegun_freeze, time_machine_freeze]


def frozen_and_virtual(bus: Bus) -> bool:
    """Whether time is virtual in tasks of the bus under a freeze, which freezegun's own
    ``monotonic`` is as good for."""

    def look() -> bool:
        before, began = time.monotonic(), bus.now
        time.sleep(3)
        return time.monotonic() - before == 3 == bus.now - began

    return bool(bus.spawn(look).result())


@pytest.mark.parametrize("freeze", FREEZES)
def test_a_freeze_inside(freeze: Callable[[], Any]) -> None:
    bus = Bus()
    with bus.installed():
        assert virtual(bus)
        with freeze():
            assert frozen_and_virtual(bus)
        assert virtual(bus)


@pytest.mark.parametrize("freeze", FREEZES)
def test_a_freeze_inside_that_the_bus_did_not_notice(freeze: Callable[[], Any]) -> None:
    bus = Bus()
    with bus.installed():
        for _ in range(2):
            with freeze():
                pass
            assert virtual(bus)


@pytest.mark.parametrize("freeze", FREEZES)
def test_a_freeze_within_one_task(installed: Bus, freeze: Callable[[], Any]) -> None:
    def work() -> None:
        with freeze():
            time.sleep(1)
        time.sleep(1)
        assert time.monotonic() == installed.now == 2

    installed.spawn(work).result()


@pytest.mark.parametrize("freeze", FREEZES)
def test_a_freeze_around(freeze: Callable[[], Any]) -> None:
    bus = Bus()
    with freeze():
        with bus.installed():
            assert frozen_and_virtual(bus)
        assert time.sleep is REAL["sleep"]


@pytest.mark.parametrize("freeze", FREEZES)
def test_a_freeze_that_begins_before_and_ends_inside(freeze: Callable[[], Any]) -> None:
    bus = Bus()
    with ExitStack() as frozen:
        frozen.enter_context(freeze())
        with bus.installed():
            assert frozen_and_virtual(bus)
            frozen.close()
            assert virtual(bus)


@pytest.mark.parametrize("freeze", FREEZES)
@pytest.mark.parametrize("used", [False, True])
def test_a_freeze_that_begins_inside_and_ends_after(freeze: Callable[[], Any], used: bool) -> None:
    bus = Bus()
    with ExitStack() as frozen:
        with bus.installed():
            frozen.enter_context(freeze())
            if used:
                assert frozen_and_virtual(bus)
            monotonic = time.monotonic
        assert time.sleep is REAL["sleep"]
        if freeze is freezegun_freeze:
            assert time.monotonic is monotonic is not REAL["monotonic"]


@pytest.mark.parametrize("freeze", FREEZES)
def test_nested_installs_and_freezes(freeze: Callable[[], Any]) -> None:
    one, other = Bus(), Bus()
    with one.installed(), freeze(), other.installed(), freeze():
        assert frozen_and_virtual(one)
        assert frozen_and_virtual(other)
    with freeze(), one.installed(), freeze(), other.installed():
        assert frozen_and_virtual(one)
        assert frozen_and_virtual(other)
    with one.installed():
        assert virtual(one)


IMPORTED_INSIDE = """
import time
real = {name: getattr(time, name) for name in ("sleep", "monotonic", "monotonic_ns")}
import rpcfake

def look(bus):
    before = time.monotonic()
    time.sleep(3)
    return time.monotonic() - before == 3

def virtual(bus):
    return bus.spawn(look, bus).result()

bus = rpcfake.Bus()
with bus.installed():
    import freezegun
    assert virtual(bus)
    with freezegun.freeze_time("2026-01-01"):
        assert virtual(bus)
    assert virtual(bus)
for _ in range(2):
    # freezegun takes ours for the real ones, and puts them back; they are as good.
    assert abs(time.monotonic() - real["monotonic"]()) < 60
    assert abs(time.monotonic_ns() - real["monotonic_ns"]()) < 60e9
    assert time.sleep is real["sleep"]
    with freezegun.freeze_time("2026-01-01"):
        first = time.monotonic()
        assert time.monotonic() == first
    other = rpcfake.Bus()
    with other.installed():
        assert virtual(other)
        with freezegun.freeze_time("2026-01-01"):
            assert virtual(other)
        assert virtual(other)
print("well")
"""


def test_freezegun_imported_while_a_bus_is_installed() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORTED_INSIDE], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("well\n", "")


# Beside other patches


def test_a_mock_of_sleep_stays_on_top(installed: Bus) -> None:
    """A test that replaces sleep wants its own."""
    with mock.patch("time.sleep") as sleep:
        installed.spawn(time.sleep, 5).result()
        with freezegun.freeze_time(START):
            installed.run()
            installed.spawn(time.sleep, 6).result()
    assert [call.args for call in sleep.call_args_list] == [(5,), (6,)]
    assert installed.now == 0
    assert virtual(installed)


def test_a_mock_of_sleep_from_before_comes_back() -> None:
    with mock.patch("time.sleep") as sleep:
        bus = Bus()
        with bus.installed():
            assert virtual(bus)
        time.sleep(5)
    assert [call.args for call in sleep.call_args_list] == [(5,)]


def test_a_mock_that_outlives_the_bus() -> None:
    bus = Bus()
    mocked = mock.patch("time.sleep")
    with bus.installed():
        mocked.start()
    mocked.stop()
    # It has put back what it found: ours. That must be as good as the real one.
    began = REAL["monotonic"]()
    time.sleep(0.001)
    assert REAL["monotonic"]() - began >= 0.001
    with bus.installed():
        assert virtual(bus)
    time.sleep = REAL["sleep"]
