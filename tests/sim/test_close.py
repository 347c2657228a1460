"""`Bus.close` ends what runs, in the order in which it was started; and what happens to a bus that
nobody closes."""

from __future__ import annotations

import gc
import subprocess
import sys
import time
import weakref
from collections.abc import Callable
from typing import Any

import pytest

import rpcfake
from rpcfake import Bus, ConnectionClosed, RemoteError

from .helpers import message, service


def linger(bus: Bus, log: list[str]) -> Callable[[str], None]:
    """A handler that sleeps, and tells when it ends."""

    def wait(name: str) -> None:
        try:
            bus.sleep(1000)
        finally:
            log.append(name)

    return wait


@pytest.mark.parametrize("schedule", ["fifo", "random"])
def test_handlers_and_tasks_end_in_the_order_in_which_they_were_started(schedule: str) -> None:
    bus = Bus(schedule=schedule, seed=4)
    log: list[str] = []
    started: list[str] = []
    wait = linger(bus, log)

    def begin(name: str) -> None:
        started.append(name)
        wait(name)

    for topic in ("a", "b", "c"):
        bus.serve(topic, service(begin=begin))
        for n in range(3):
            bus.cast(None, topic, message("begin", name=f"{topic}{n}"))
    bus.run()
    bus.spawn(wait, "task")
    bus.run()
    bus.close()
    assert len(started) == 9
    assert log == [*started, "task"]


def test_workers_used_before_count_from_their_newest_start(bus: Bus) -> None:
    log: list[str] = []
    bus.serve("shop", service(wait=linger(bus, log), nap=bus.sleep))
    bus.cast(None, "shop", message("nap", seconds=1))
    bus.cast(None, "shop", message("wait", name="first"))
    bus.advance(1)
    bus.cast(None, "shop", message("wait", name="second"))  # on the worker of the nap
    bus.run()
    bus.close()
    assert log == ["first", "second"]


def test_a_task_that_has_not_begun_never_does() -> None:
    bus = Bus()
    begun: list[int] = []
    bus.spawn(begun.append, 1)
    bus.close()
    assert begun == []


def test_a_generator_in_the_middle_is_closed() -> None:
    bus = Bus()
    log: list[str] = []

    def count() -> Any:
        try:
            yield 1
            bus.sleep(1000)
            yield 2
        finally:
            log.append("closed")

    bus.serve("shop", service(count=count))
    values = bus.multicall(None, "shop", message("count"))
    assert next(values) == 1
    bus.close()
    assert log == ["closed"]


USES: dict[str, Callable[[Bus], object]] = {
    "call": lambda bus: bus.call(None, "shop", message("x")),
    "multicall": lambda bus: bus.multicall(None, "shop", message("x")),
    "cast": lambda bus: bus.cast(None, "shop", message("x")),
    "fanout_cast": lambda bus: bus.fanout_cast(None, "shop", message("x")),
    "create_connection": lambda bus: bus.create_connection(),
    "serve": lambda bus: bus.serve("shop", object()),
    "stub": lambda bus: bus.stub("shop", "x"),
    "spawn": lambda bus: bus.spawn(print),
    "sleep": lambda bus: bus.sleep(1),
    "installed": lambda bus: bus.installed().__enter__(),
}
DRIVES: dict[str, Callable[[Bus], object]] = {
    "run": lambda bus: bus.run(),
    "step": lambda bus: bus.step(),
    "advance": lambda bus: bus.advance(1),
    "run_until": lambda bus: bus.run_until(lambda: True),
}


@pytest.mark.parametrize("name", {**USES, **DRIVES})
def test_a_closed_bus_refuses_everything(name: str) -> None:
    bus = Bus()
    bus.close()
    bus.close()
    assert bus.closed
    with pytest.raises(ConnectionClosed):
        {**USES, **DRIVES}[name](bus)
    assert len(bus.traffic) == 0
    assert bus.problems() == []
    assert "closed" in repr(bus)


@pytest.mark.parametrize("name", USES)
def test_a_finally_clause_may_try_to_use_the_bus(name: str) -> None:
    bus = Bus()
    errors: list[BaseException] = []
    after: list[str] = []

    def wait(who: str) -> None:
        try:
            bus.sleep(1000)
        finally:
            try:
                USES[name](bus)
            except Exception as error:
                errors.append(error)
            after.append(who)

    bus.serve("shop", service(wait=wait))
    bus.cast(None, "shop", message("wait", who="handler"))
    bus.spawn(wait, "task")
    bus.run()
    rows = len(bus.traffic)
    bus.close()
    assert after == ["handler", "task"]
    assert [type(error) for error in errors] == [ConnectionClosed] * 2
    assert len(bus.traffic) == rows


def test_what_was_given_before_the_close_may_be_read_after_it() -> None:
    bus = Bus()
    bus.serve("shop", service(count=lambda: (n for n in (1, 2))))
    values = bus.multicall(None, "shop", message("count"))
    unanswered = bus.multicall(None, "void", message("count"))
    bus.run()
    bus.close()
    assert list(values) == [1, 2]
    with pytest.raises(ConnectionClosed):
        next(unanswered)
    unanswered.close()


def test_a_task_that_sleeps_in_its_finally_clause_is_not_waited_for() -> None:
    bus = Bus()
    log: list[str] = []

    def wait() -> None:
        try:
            time.sleep(1000)
        finally:
            log.append("before")
            time.sleep(5)
            log.append("after")

    with bus.installed():
        bus.spawn(wait)
        bus.run()
        workers = list(bus._loop._crew.all)
        bus.close()
    assert log == ["before"]
    assert bus.now == 0
    assert [worker.greenlet.dead for worker in workers] == [True]


def test_an_error_in_a_finally_clause_keeps_nobody_alive() -> None:
    bus = Bus()
    log: list[str] = []

    def fail(name: str) -> None:
        try:
            bus.sleep(1000)
        finally:
            log.append(name)
            raise ValueError("in finally")

    bus.serve("shop", service(fail=fail))
    bus.cast(None, "shop", message("fail", name="handler"))
    bus.spawn(fail, "task")
    bus.spawn(linger(bus, log), "last")
    bus.run()
    bus.close()
    assert log == ["handler", "task", "last"]


def test_a_handler_that_catches_its_end_and_returns_is_gone_too() -> None:
    bus = Bus()

    def stubborn() -> str:
        try:
            bus.sleep(1000)
        except BaseException:
            return "still here"
        raise AssertionError

    bus.serve("shop", service(stubborn=stubborn))
    bus.cast(None, "shop", message("stubborn"))
    task = bus.spawn(stubborn)
    bus.run()
    bus.close()
    assert task.result() == "still here"
    assert bus._loop.busy() == []


def test_what_the_closing_itself_ends_is_no_error_of_a_handler_or_task() -> None:
    bus = Bus()
    bus.serve("shop", service(nap=lambda: bus.sleep(1000)))
    bus.cast(None, "shop", message("nap"))
    bus.spawn(bus.sleep, 1000)
    bus.run()
    rows = len(bus.traffic)
    bus.close()
    assert bus.problems() == []
    assert len(bus.traffic) == rows


def test_what_went_wrong_before_the_closing_is_still_told() -> None:
    bus = Bus()
    bus.serve("shop", service(fail=lambda: 1 / 0))
    bus.cast(None, "shop", message("fail"))
    bus.spawn(lambda: 1 / 0)
    bus.run()
    bus.close()
    assert [problem.allow for problem in bus.problems()] == ["handler_errors"] * 2


def test_a_handler_may_close_the_bus() -> None:
    bus = Bus()
    log: list[str] = []

    def stop() -> str:
        bus.close()
        log.append("closed")
        with pytest.raises(ConnectionClosed):
            bus.cast(None, "shop", message("stop"))
        return "done"

    bus.serve("shop", service(stop=stop, wait=linger(bus, log)))
    bus.cast(None, "shop", message("wait", name="other"))
    with pytest.raises(ConnectionClosed, match="closed by a task"):
        bus.call(None, "shop", message("stop"))
    assert log == ["other", "closed"]
    assert bus.closed
    assert bus.running is None


def test_a_handler_that_closes_the_bus_is_not_interrupted_by_who_sleeps_in_the_end() -> None:
    bus = Bus()
    log: list[str] = []

    def sleepy() -> None:
        try:
            time.sleep(1000)
        finally:
            log.append("ends")
            time.sleep(5)

    def stop() -> None:
        bus.close()
        log.append("closed")

    bus.serve("shop", service(stop=stop, sleepy=sleepy))
    with bus.installed():
        bus.cast(None, "shop", message("sleepy"))
        with pytest.raises(ConnectionClosed):
            bus.call(None, "shop", message("stop"))
    assert log == ["ends", "closed"]


def test_a_predicate_may_close_the_bus(bus: Bus) -> None:
    bus.spawn(bus.sleep, 5)
    with pytest.raises(ConnectionClosed):
        bus.run_until(lambda: bus.close())


def test_close_within_installed(bus: Bus) -> None:
    with bus.installed():
        bus.close()
        with pytest.raises(ConnectionClosed):
            rpcfake.cast(None, "shop", message("x"))


def test_nothing_of_a_closed_bus_stays_behind() -> None:
    def use() -> weakref.ref[Any]:
        bus = Bus()
        bus.serve("shop", service(nap=lambda: bus.sleep(1000)))
        for _ in range(3):
            bus.cast(None, "shop", message("nap"))
        bus.run()
        bus.close()
        return weakref.ref(bus._loop)

    loop = use()
    gc.collect()
    assert loop() is None


# A bus that nobody closes


def fresh(bus: Bus) -> None:
    pass


def used(bus: Bus) -> None:
    bus.serve("shop", service(price=lambda: 3, go=lambda: bus.call(None, "shop", message("price"))))
    assert bus.call(None, "shop", message("go")) == 3
    assert bus.spawn(lambda: 3).result() == 3


def spawning(bus: Bus) -> None:
    bus.spawn(lambda: bus.spawn(lambda: bus.spawn(lambda: 3).result()).result()).result()


def let_go(bus: Bus) -> None:
    bus.serve("shop", service(count=lambda: (n for n in range(3))))
    next(bus.multicall(None, "shop", message("count")))


@pytest.mark.parametrize("use", [fresh, used, spawning, let_go])
def test_a_bus_on_which_nothing_waits_need_not_be_closed(use: Callable[[Bus], None]) -> None:
    """Hypothesis makes hundreds of them in one test."""
    bus = Bus()
    use(bus)
    loop, broker = weakref.ref(bus._loop), weakref.ref(bus._broker)
    del bus
    gc.collect()
    assert loop() is None
    assert broker() is None


PROGRAM = """
import gc, sys
from types import SimpleNamespace
import rpcfake

def begin():
    bus = rpcfake.Bus()
    def wait(context=None):
        try:
            bus.sleep(1000)
        finally:
            bus.cast(None, "shop", {"method": "wait"})
    bus.serve("shop", SimpleNamespace(wait=wait))
    bus.cast(None, "shop", {"method": "wait"})
    bus.spawn(wait)
    bus.run()
    return bus

kept = begin()
begin()
gc.collect()
print("end")
"""


def test_a_program_that_ends_with_open_buses_ends_silently() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", PROGRAM], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "end\n", "")


# The loop loses no worker


class Brittle:
    """A codec that can't carry every text, as UTF-8 can't carry a lone surrogate."""

    name = "brittle"

    def encode(self, value: Any) -> str:
        text = rpcfake.codec.JSON.encode(value)
        text.encode()
        return text

    def decode(self, text: str) -> Any:
        return rpcfake.codec.JSON.decode(text)


def test_a_failure_that_the_codec_cannot_carry_is_a_failure_all_the_same() -> None:
    bus = Bus(codec=Brittle())

    def fail() -> None:
        raise ValueError("\ud800")

    bus.serve("shop", service(fail=fail, price=lambda: 3))
    for _ in range(3):
        with pytest.raises(RemoteError) as error:
            bus.call(None, "shop", message("fail"))
        assert error.value.exc_type == "ValueError"
        assert "UnicodeEncodeError" in error.value.value
        assert bus.call(None, "shop", message("price")) == 3
    bus.close()


def test_an_error_in_the_bus_itself_surfaces_and_costs_no_worker(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus.serve("shop", service(price=lambda: 3))
    with monkeypatch.context() as patch:
        patch.setattr(bus._broker, "end", lambda *args: 1 / 0)
        patch.setattr(bus._broker, "fail", lambda *args: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            bus.call(None, "shop", message("price"))
    assert bus.running is None
    assert bus.call(None, "shop", message("price")) == 3
    assert bus.spawn(lambda: 3).result() == 3
