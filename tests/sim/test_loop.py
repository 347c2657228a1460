"""The loop: who drives it, tasks, circles of waiting, deep recursion, and what goes on for ever."""

from __future__ import annotations

import contextvars
import gc
import math
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

import rpcfake
from rpcfake import Bus, Livelock, RemoteError, RpcError, Stalled, Task, Timeout, WrongThread
from rpcfake.sim.worker import Task as _Task

from .helpers import message, service

# Steps


def test_nothing_runs_until_somebody_waits(bus: Bus) -> None:
    handled: list[int] = []
    bus.serve("shop", service(buy=lambda n: handled.append(n)))
    for n in range(3):
        bus.cast(None, "shop", message("buy", n=n))
    assert handled == []
    bus.run()
    assert handled == [0, 1, 2]


def test_a_step_runs_one_task_until_it_waits(bus: Bus) -> None:
    seen: list[str] = []

    def work(name: str) -> None:
        seen.append(f"{name} begins")
        bus.sleep(0)
        seen.append(f"{name} ends")

    bus.serve("shop", service(work=work))
    bus.cast(None, "shop", message("work", name="a"))
    bus.cast(None, "shop", message("work", name="b"))
    trace = []
    while bus.step():
        trace.append(seen[-1])
    assert trace == ["a begins", "b begins", "a ends", "b ends"]
    assert bus.steps == 4
    assert not bus.step()
    assert bus.steps == 4


def test_a_step_lets_no_time_pass(bus: Bus) -> None:
    bus.spawn(bus.sleep, 1)
    assert bus.step()
    assert not bus.step()
    assert bus.now == 0


def test_run_until_asks_after_each_step(bus: Bus) -> None:
    handled: list[int] = []
    bus.serve("shop", service(buy=lambda n: handled.append(n)))
    for n in range(9):
        bus.cast(None, "shop", message("buy", n=n))
    bus.run_until(lambda: len(handled) == 4)
    assert handled == [0, 1, 2, 3]
    bus.run_until(lambda: True)
    assert len(handled) == 4


def test_run_until_lets_time_pass_to_the_moment_and_no_further(bus: Bus) -> None:
    bus.spawn(bus.sleep, 9)
    done = bus.spawn(bus.sleep, 4)
    bus.run_until(lambda: done.done, timeout=5)
    assert bus.now == 4


def test_run_until_times_out_exactly_and_names_who_still_waits(bus: Bus) -> None:
    bus.serve("shop", service(nap=lambda: bus.sleep(100)))
    bus.cast(None, "shop", message("nap"))
    with pytest.raises(Timeout, match="within 5 s") as timeout:
        bus.run_until(lambda: False, timeout=5)
    assert bus.now == 5
    assert timeout.value.seconds == 5
    assert "shop#1 handling cast shop.nap" in str(timeout.value)
    assert "sleeps until 100 s" in str(timeout.value)


def test_run_until_asks_once_more_at_its_deadline(bus: Bus) -> None:
    bus.run_until(lambda: bus.now >= 5, timeout=5)
    assert bus.now == 5


def test_an_error_in_the_predicate_surfaces_and_the_bus_goes_on(bus: Bus) -> None:
    bus.serve("shop", service(price=lambda: 3))
    with pytest.raises(ZeroDivisionError):
        bus.run_until(lambda: 1 / 0)
    assert bus.call(None, "shop", message("price")) == 3


def test_a_predicate_may_itself_call(bus: Bus) -> None:
    prices = iter([1, 2, 3])
    bus.serve("shop", service(price=lambda: next(prices)))
    bus.spawn(bus.sleep, 10)
    bus.run_until(lambda: bus.call(None, "shop", message("price")) == 2)
    assert next(prices) == 3


DRIVING: dict[str, Callable[[Bus], object]] = {
    "run": lambda bus: bus.run(),
    "step": lambda bus: bus.step(),
    "advance": lambda bus: bus.advance(1),
    "run_until": lambda bus: bus.run_until(lambda: True),
}


@pytest.mark.parametrize("name", DRIVING)
@pytest.mark.parametrize("where", ["handler", "task"])
def test_only_the_test_drives_the_bus(bus: Bus, name: str, where: str) -> None:
    drive = DRIVING[name]
    if where == "task":
        task = bus.spawn(drive, bus)
        with pytest.raises(RpcError, match=r"task .* tried to run the bus; only the test"):
            task.result()
    else:
        bus.serve("shop", service(drive=lambda: drive(bus)))
        with pytest.raises(RemoteError) as error:
            bus.call(None, "shop", message("drive"))
        assert error.value.exc_type == "RpcError"
        assert "shop#1 handling call shop.drive" in error.value.value
        assert "only the test drives it" in error.value.value
    bus.advance(1)


def test_what_a_test_runner_raises_in_a_handler_surfaces_where_the_bus_is_driven(bus: Bus) -> None:
    def fail() -> None:
        pytest.fail("this handler must not be reached")

    bus.serve("shop", service(fail=fail, price=lambda: 3))
    bus.cast(None, "shop", message("fail"))
    with pytest.raises(pytest.fail.Exception, match="must not be reached"):
        bus.run()
    assert bus.running is None
    assert bus.call(None, "shop", message("price")) == 3


def test_running_says_who_runs(bus: Bus) -> None:
    bus.serve("shop", service(who=lambda: bus.running))
    assert bus.running is None
    assert bus.call(None, "shop", message("who")) == "shop#1 handling call shop.who (record 0)"
    assert bus.spawn(lambda: bus.running).result() == "task <lambda>#1"
    assert bus.running is None


# Tasks


def test_a_task_starts_at_the_next_step_and_gives_its_result(bus: Bus) -> None:
    started = []

    def add(a: int, b: int) -> int:
        started.append(bus.now)
        bus.sleep(2)
        return a + b

    task = bus.spawn(add, 1, 2)
    assert started == []
    assert not task.done
    assert repr(task) == "<task add#1: running>"
    assert task.result() == 3
    assert started == [0]
    assert bus.now == 2
    assert task.done
    assert task.result() == 3
    assert repr(task) == "<task add#1: done>"


def test_the_result_of_a_failed_task_is_what_it_raised(bus: Bus) -> None:
    def fail() -> None:
        raise KeyError("milk")

    task = bus.spawn(fail)
    task.join()
    assert isinstance(task.error, KeyError)
    assert [problem.allow for problem in bus.problems()] == ["handler_errors"]
    for _ in range(2):
        with pytest.raises(KeyError, match="milk"):
            task.result()
    assert bus.problems() == []


def test_tasks_that_are_over_are_forgotten(bus: Bus) -> None:
    def fail() -> None:
        raise KeyError("milk")

    for function in (fail, lambda: None):
        task = bus.spawn(function)
        task.join()
        if task.error is not None:
            with pytest.raises(KeyError):
                task.result()
    assert bus._loop.tasks == []


def test_join_waits_no_longer_than_told(bus: Bus) -> None:
    task = bus.spawn(bus.sleep, 10)
    with pytest.raises(Timeout, match=r"the task sleep#1 has not ended within 3 s") as timeout:
        task.join(timeout=3)
    assert timeout.value.seconds == 3
    assert bus.now == 3
    task.join(timeout=7)
    assert bus.now == 10


def test_several_may_join_one_task(bus: Bus) -> None:
    task = bus.spawn(lambda: (bus.sleep(4), "done")[1])
    waiting = [bus.spawn(task.result) for _ in range(5)]
    impatient = bus.spawn(task.result, 1)
    assert [each.result() for each in waiting] == ["done"] * 5
    assert bus.now == 4
    with pytest.raises(Timeout):
        impatient.result()


def test_tasks_may_call_join_and_spawn(bus: Bus) -> None:
    bus.serve("shop", service(price=lambda item: {"tea": 3, "milk": 2}[item]))

    def ask(item: str) -> Any:
        return bus.call(None, "shop", message("price", item=item))

    def add() -> Any:
        return sum(task.result() for task in [bus.spawn(ask, item) for item in ("tea", "milk")])

    assert bus.spawn(add).result() == 5


def test_a_task_that_was_not_joined_in_vain_leaves_no_waiter(bus: Bus) -> None:
    task = bus.spawn(bus.sleep, 10_000)
    for _ in range(100):
        with pytest.raises(Timeout):
            task.join(timeout=1)
    assert task._waits == []


def test_task_is_public() -> None:
    assert Task is _Task


# Who waits for whom


def heads(text: str) -> list[str]:
    """The messages and tasks that a text names, in order, without the numbers of their records."""
    lines = [line.strip() for line in text.splitlines()[1:]]
    return [line.split(" (record")[0].split(":")[0] for line in lines]


def test_two_handlers_that_wait_for_each_other_end_in_a_timeout_that_tells_the_circle(
    bus: Bus,
) -> None:
    """What they share is the iterator of the first one's own request."""
    shared: list[Any] = []

    def first() -> Any:
        yield bus.call(None, "b", message("second"), timeout=5)

    bus.serve("a", service(first=first))
    bus.serve("b", service(second=lambda: next(shared[0])))
    shared.append(bus.multicall(None, "a", message("first")))
    bus.run()
    a, b = bus._blocked()
    assert a.startswith("a#1 handling multicall a.first (record 0): its handler waits for\n")
    assert b.startswith("b#1 handling call b.second (record 2): its handler waits for\n")
    assert heads(a) == ["call b.second", "multicall a.first", "call b.second"]
    assert heads(b) == ["multicall a.first", "call b.second", "multicall a.first"]
    bus.advance(5)
    failure = bus.traffic.failures()[0].value
    assert failure.exc_type == "Timeout"
    assert failure.value.startswith("no answer to call b.second within 5 s")
    assert heads(failure.value) == ["call b.second", "multicall a.first", "call b.second"]
    assert failure.value.endswith("here the circle closes, each waits for the next")


def test_a_circle_of_three(bus: Bus) -> None:
    shared: list[Any] = []

    def first() -> Any:
        yield bus.call(None, "b", message("second"))

    bus.serve("a", service(first=first))
    bus.serve("b", service(second=lambda: bus.call(None, "c", message("third"), timeout=5)))
    bus.serve("c", service(third=lambda: next(shared[0])))
    shared.append(bus.multicall(None, "a", message("first")))
    bus.advance(5)
    failure = bus.traffic.failures()[0].value
    assert failure.value.startswith("no answer to call c.third within 5 s")
    assert heads(failure.value) == [
        "call c.third",
        "multicall a.first",
        "call b.second",
        "call c.third",
    ]
    assert failure.value.endswith("here the circle closes, each waits for the next")


def test_a_circle_through_a_task(bus: Bus) -> None:
    """A handler joins the task that waits for the handler's own answer."""
    tasks: list[Task] = []
    bus.serve("shop", service(work=lambda: tasks[0].join()))
    tasks.append(bus.spawn(bus.call, None, "shop", message("work"), 5))
    with pytest.raises(Timeout) as timeout:
        tasks[0].result()
    assert heads(str(timeout.value)) == ["call shop.work", "task call#1", "call shop.work"]
    assert str(timeout.value).endswith("here the circle closes, each waits for the next")


def test_two_tasks_that_join_each_other(bus: Bus) -> None:
    tasks: list[Task] = []
    for n in (0, 1):
        tasks.append(bus.spawn(lambda other: tasks[other].join(timeout=5), 1 - n))
    with pytest.raises(Timeout) as timeout:
        tasks[0].result()
    text = str(timeout.value)
    assert text.startswith("the task <lambda>#2 has not ended within 5 s")
    assert heads(text)[:4] == [f"task <lambda>#{n}" for n in (1, 2, 1, 2)]
    assert "here the circle closes" in text


def test_a_task_that_waits_for_itself_is_stalled(bus: Bus) -> None:
    tasks: list[Task] = []
    tasks.append(bus.spawn(lambda: tasks[0].join()))
    with pytest.raises(Stalled) as stalled:
        tasks[0].join()
    (told,) = stalled.value.waiting
    assert told.startswith("task <lambda>#1: it waits for\n  task <lambda>#1: it waits for\n")
    assert told.endswith("here the circle closes, each waits for the next")
    assert "here the circle closes" in str(stalled.value)


def test_a_chain_that_ends_in_something_over_says_so(bus: Bus) -> None:
    """The one that waits was answered, and has not gone on yet."""
    task = bus.spawn(lambda: bus.call(None, "shop", message("price")))
    bus.serve("shop", service(price=lambda: 3))
    bus.step()
    bus.step()
    assert bus._blocked() == ["task <lambda>#1: it can go on"]
    assert task.result() == 3


def test_a_crowd_of_waiters_is_told_in_part_and_held_in_full(bus: Bus) -> None:
    for _ in range(500):
        bus.spawn(bus.call, None, "void", message("x"), math.inf)
    with pytest.raises(Stalled) as stalled:
        bus.run_until(lambda: False)
    assert len(str(stalled.value).splitlines()) < 60
    assert "… and 480 more" in str(stalled.value)
    assert len(stalled.value.waiting) == 500


def test_two_cannot_wait_for_the_values_of_one_multicall(bus: Bus) -> None:
    """Neither can with a generator; one of them would never be woken."""

    def slowly() -> Any:
        bus.sleep(1)
        yield 1

    bus.serve("shop", service(count=slowly))
    values = bus.multicall(None, "shop", message("count"))
    first, second = bus.spawn(next, values), bus.spawn(next, values)
    with pytest.raises(RpcError, match="somebody else waits for the next value"):
        second.result()
    assert first.result() == 1
    assert list(values) == []
    bus.assert_clean()


def test_a_timeout_tells_the_chain_to_who_sleeps(bus: Bus) -> None:
    bus.serve("a", service(go=lambda: bus.call(None, "b", message("go"))))
    bus.serve("b", service(go=lambda: bus.sleep(1000)))
    with pytest.raises(Timeout) as timeout:
        bus.call(None, "a", message("go"), timeout=5)
    assert str(timeout.value).splitlines()[1:] == [
        "  call a.go (record 0) was taken by a#1: its handler waits for",
        "  call b.go (record 2) was taken by b#1: its handler sleeps until 1000 s",
    ]


class Latest:
    """Who became runnable last goes on first."""

    name = "latest"

    def choose(self, count: int) -> int:
        return count - 1


def test_an_answer_at_the_deadline_is_in_time_though_both_were_woken_by_it() -> None:
    """Caller and handler lie in wait until the same moment, and the handler goes on first."""
    bus = Bus(schedule=Latest())
    told: list[str] = []

    def slow() -> int:
        with pytest.raises(Timeout):
            bus.call(None, "void", message("x"), timeout=5)
        return 3

    def ask() -> Any:
        answer = bus.call(None, "shop", message("slow"), timeout=5)
        told.extend(bus._blocked())
        return answer

    bus.serve("shop", service(slow=slow))
    assert bus.spawn(ask).result() == 3
    assert told == ["task ask#1: it can go on"]
    assert bus.now == 5
    bus.close()


# Depth


@pytest.mark.parametrize("depth", [200, 500])
@pytest.mark.parametrize("schedule", ["fifo", "random"])
def test_nested_calls_to_one_consumer(depth: int, schedule: str) -> None:
    bus = Bus(schedule=schedule)
    down: list[int] = []

    def count(n: int) -> int:
        down.append(n)
        return 0 if n == 0 else 1 + bus.call(None, "shop", message("count", n=n - 1))

    bus.serve("shop", service(count=count))
    assert bus.call(None, "shop", message("count", n=depth)) == depth
    assert down == list(range(depth, -1, -1))
    bus.close()


@pytest.mark.parametrize("depth", [200, 500])
def test_mutually_recursive_calls_and_multicalls(bus: Bus, depth: int) -> None:
    def ping(n: int) -> Any:
        yield "ping"
        if n:
            yield list(bus.multicall(None, "pong", message("pong", n=n - 1)))[-1] + 1
        else:
            yield 0

    def pong(n: int) -> Any:
        yield bus.call(None, "ping", message("ping", n=n - 1)) + 1 if n else 0

    bus.serve("ping", service(ping=ping))
    bus.serve("pong", service(pong=pong))
    assert list(bus.multicall(None, "ping", message("ping", n=depth))) == ["ping", depth]


def test_the_last_of_a_long_chain_has_as_much_stack_as_the_first(bus: Bus) -> None:
    def room() -> int:
        try:
            return 1 + room()
        except RecursionError:
            return 1

    def deep(n: int) -> list[int]:
        if n == 0:
            return [room()]
        rest = bus.call(None, "shop", message("deep", n=n - 1))
        return [room(), *rest] if n == 300 else rest

    bus.serve("shop", service(deep=deep))
    first, last = bus.call(None, "shop", message("deep", n=300))
    assert abs(first - last) < 20
    assert first > sys.getrecursionlimit() // 2


def test_a_test_deep_in_its_own_stack_may_still_call(bus: Bus) -> None:
    bus.serve("shop", service(price=lambda: 3))

    def descend(n: int) -> Any:
        return descend(n - 1) if n else bus.call(None, "shop", message("price"))

    here, frame = 0, sys._getframe()
    while frame.f_back is not None:
        here, frame = here + 1, frame.f_back
    assert descend(sys.getrecursionlimit() - here - 100) == 3


def test_recursion_without_end_in_a_handler_fails_that_handler_alone(bus: Bus) -> None:
    def endless() -> Any:
        return endless()

    bus.serve("shop", service(endless=endless, price=lambda: 3))
    with pytest.raises(RemoteError) as error:
        bus.call(None, "shop", message("endless"))
    assert error.value.exc_type == "RecursionError"
    assert bus.call(None, "shop", message("price")) == 3


# What goes on for ever


def cast_to_each_other(bus: Bus) -> None:
    for one, other in (("a", "b"), ("b", "a")):
        bus.serve(one, service(go=lambda to=other: bus.cast(None, to, message("go"))))
    bus.cast(None, "a", message("go"))


@pytest.mark.parametrize("schedule", ["fifo", "random"])
@pytest.mark.parametrize("name", ["run", "advance", "run_until", "run_until a time", "call"])
def test_handlers_that_send_to_each_other_for_ever_are_told_apart_from_work(
    name: str, schedule: str
) -> None:
    drive = {
        "run": lambda: bus.run(),
        "advance": lambda: bus.advance(1),
        "run_until": lambda: bus.run_until(lambda: False),
        "run_until a time": lambda: bus.run_until(lambda: False, timeout=1),
        "call": lambda: bus.call(None, "void", message("x"), timeout=1),
    }
    bus = Bus(schedule=schedule)
    bus.livelock_limit = 500
    cast_to_each_other(bus)
    with pytest.raises(Livelock, match="tasks go on and on") as livelock:
        drive[name]()
    assert bus.now == 0
    assert isinstance(livelock.value, Stalled)
    assert "livelock_limit" in str(livelock.value)
    # Nothing is broken: it can be looked at, and goes on.
    before = bus.steps
    for _ in range(10):
        assert bus.step()
    assert bus.steps == before + 10
    bus.close()


def test_a_method_that_calls_itself_for_ever_is_a_livelock(bus: Bus) -> None:
    class Mirror:
        def look(self, context: Any) -> Any:
            return bus.call({}, "mirror", {"method": "look"})

    bus.livelock_limit = 15_000
    bus.serve("mirror", Mirror())
    with pytest.raises(Livelock, match="1,500 handlers and tasks are begun and not done") as told:
        bus.call({}, "mirror", {"method": "look"})
    lines = str(told.value).splitlines()
    assert lines[1] == "  mirror#1 handling call mirror.look (record 0): its handler waits for"
    assert lines[-1] == "  … and 1498 more"
    assert len(lines) < 50
    bus.close()


def test_the_limit_for_livelocks_is_200_000_steps(bus: Bus) -> None:
    assert bus.livelock_limit == 200_000


def test_much_work_is_no_livelock(bus: Bus) -> None:
    """What is queued already does not count, nor do steps between which time passes."""
    bus.livelock_limit = 100
    done: list[int] = []
    bus.serve("shop", service(buy=lambda n: done.append(n)))
    for n in range(1000):
        bus.cast(None, "shop", message("buy", n=n))
    bus.run()
    assert len(done) == 1000

    def tick() -> None:
        for _ in range(1000):
            bus.sleep(1)

    bus.spawn(tick)
    bus.advance(2000)
    bus.spawn(tick).join(timeout=2000)


def test_many_deadlines_at_one_moment_are_no_livelock(bus: Bus) -> None:
    bus.livelock_limit = 100
    done: list[int] = []

    def nap(n: int) -> None:
        bus.sleep(1)
        done.append(n)

    for n in range(1000):
        bus.spawn(nap, n)
    bus.advance(1)
    assert done == list(range(1000))


def test_a_loop_that_only_reads_the_virtual_clock_is_stopped(installed: Bus) -> None:
    installed.livelock_limit = 1000

    def spin() -> None:
        end = time.monotonic() + 5
        while time.monotonic() < end:
            pass

    installed.serve("shop", service(spin=spin, price=lambda: 3))
    with pytest.raises(RemoteError) as error:
        rpcfake.call(None, "shop", message("spin"))
    assert error.value.exc_type == "Livelock"
    assert "shop#1 handling call shop.spin (record 0) read time.monotonic()" in error.value.value
    assert rpcfake.call(None, "shop", message("price")) == 3
    assert installed.now == 0


def test_the_same_in_nanoseconds_and_in_a_task(installed: Bus) -> None:
    installed.livelock_limit = 1000

    def spin() -> None:
        end = time.monotonic_ns() + 1
        while time.monotonic_ns() < end:
            pass

    with pytest.raises(Livelock, match=r"task spin#1 read time\.monotonic\(\)"):
        installed.spawn(spin).result()


def test_reading_the_clock_often_is_fine_where_the_task_also_waits(installed: Bus) -> None:
    installed.livelock_limit = 50

    def poll() -> int:
        reads, end = 0, time.monotonic() + 10
        while time.monotonic() < end:
            reads += 1
            time.sleep(0.1)
        return reads

    assert installed.spawn(poll).result() == 100
    assert installed.now == 10


@pytest.mark.parametrize("waits", ["call", "run_until", "join"])
def test_waiting_for_real_time_with_virtual_sleep_is_stopped(installed: Bus, waits: str) -> None:
    """As after ``from time import monotonic``, which no patch reaches: virtual time passes, but not
    the time that the loop looks at."""
    installed.livelock_limit = 200
    monotonic = rpcfake.threads.bus._REAL["monotonic"]

    def poll() -> None:
        end = monotonic() + 3600
        while monotonic() < end:
            time.sleep(0.1)

    installed.serve("shop", service(poll=poll))
    with pytest.raises(Livelock, match="`from time import monotonic` is not patched"):
        if waits == "call":
            installed.call(None, "shop", message("poll"), timeout=math.inf)
        elif waits == "run_until":
            installed.spawn(poll)
            installed.run_until(lambda: False)
        else:
            installed.spawn(poll).join()


def test_sleeping_for_no_time_for_ever_is_a_livelock(bus: Bus) -> None:
    bus.livelock_limit = 200

    def poll() -> None:
        while True:
            bus.sleep(0)

    bus.spawn(poll)
    with pytest.raises(Livelock):
        bus.advance(1)
    with pytest.raises(Livelock):
        bus.call(None, "void", message("x"), timeout=1)
    assert bus.now == 0


def test_a_poller_in_the_background_is_no_livelock_for_who_has_a_deadline(bus: Bus) -> None:
    bus.livelock_limit = 100

    def poll() -> None:
        while True:
            bus.sleep(0.1)

    bus.spawn(poll)
    with pytest.raises(Timeout):
        bus.call(None, "void", message("x"), timeout=60)
    assert bus.now == 60
    bus.advance(60)
    assert bus.now == 120


# Threads


FROM_ANOTHER_THREAD: dict[str, Callable[[Bus, dict[str, Any]], object]] = {
    "call": lambda bus, had: bus.call(None, "shop", message("price")),
    "multicall": lambda bus, had: bus.multicall(None, "shop", message("price")),
    "cast": lambda bus, had: bus.cast(None, "shop", message("price")),
    "fanout_cast": lambda bus, had: bus.fanout_cast(None, "shop", message("price")),
    "create_connection": lambda bus, had: bus.create_connection(),
    "create_consumer": lambda bus, had: had["connection"].create_consumer("shop", object()),
    "consume_in_thread": lambda bus, had: had["connection"].consume_in_thread(),
    "next": lambda bus, had: next(had["values"]),
    "run": lambda bus, had: bus.run(),
    "step": lambda bus, had: bus.step(),
    "advance": lambda bus, had: bus.advance(1),
    "sleep": lambda bus, had: bus.sleep(1),
    "run_until": lambda bus, had: bus.run_until(lambda: True),
    "spawn": lambda bus, had: bus.spawn(print),
    "join": lambda bus, had: had["task"].join(),
    "result": lambda bus, had: had["task"].result(),
    "stub": lambda bus, had: bus.stub("shop", "price"),
    "close": lambda bus, had: bus.close(),
    "installed": lambda bus, had: bus.installed().__enter__(),
    "reply": lambda bus, had: had["context"].reply(1),
}


@pytest.mark.parametrize("name", FROM_ANOTHER_THREAD)
@pytest.mark.parametrize("while_a_task_runs", [False, True], ids=["idle", "busy"])
def test_another_thread_is_sent_to_the_threaded_bus(
    bus: Bus, name: str, while_a_task_runs: bool
) -> None:
    had: dict[str, Any] = {}

    class Shop:
        def hold(self, context: Any) -> None:
            had["context"] = context
            bus.sleep(5)

    bus.serve("shop", Shop())
    bus.cast(None, "shop", message("hold"))
    had["task"] = bus.spawn(bus.sleep, 5)
    bus.run()
    had["connection"] = bus.create_connection()
    had["connection"].create_consumer("other", Shop())
    had["values"] = bus.multicall(None, "other", message("hold"))
    before = bus.traffic
    errors: list[BaseException] = []

    def use() -> None:
        try:
            FROM_ANOTHER_THREAD[name](bus, had)
        except BaseException as error:
            errors.append(error)

    def elsewhere() -> None:
        thread = threading.Thread(target=use)
        thread.start()
        thread.join()

    if while_a_task_runs:
        bus.spawn(elsewhere)
        bus.run()
    else:
        elsewhere()
    assert [type(error) for error in errors] == [WrongThread]
    assert "rpcfake.ThreadedBus" in str(errors[0])
    assert "rpc_threaded_bus" in str(errors[0])
    # Nothing has changed, and the bus is as it was for its own thread.
    assert bus.traffic == before
    assert not had["task"].done
    had["connection"].consume_in_thread()
    assert list(had["values"]) == [None]
    assert bus.now == 5
    bus.advance(10)
    assert had["task"].done


def test_the_facade_refuses_another_thread_too(installed: Bus) -> None:
    errors: list[BaseException] = []

    def use() -> None:
        try:
            rpcfake.cast(None, "shop", message("buy"))
        except WrongThread as error:
            errors.append(error)

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert len(errors) == 1
    assert len(installed.traffic) == 0


def test_any_thread_may_have_a_bus_of_its_own() -> None:
    made: list[Bus] = []

    def use() -> None:
        bus = Bus()
        bus.serve("shop", service(price=lambda: (time.sleep(5), time.monotonic())[1]))
        with bus.installed():
            assert rpcfake.call(None, "shop", message("price")) == 5
        made.append(bus)

    for _ in range(3):
        thread = threading.Thread(target=use)
        thread.start()
        thread.join()
    assert [bus.now for bus in made] == [5, 5, 5]
    while made:  # their thread is gone
        bus = made.pop()
        assert len(bus.traffic) == 4
        if bus._loop.thread != threading.get_ident():
            with pytest.raises(WrongThread):
                bus.run()
        del bus
        gc.collect()


# What belongs to one message, and what is shared


def test_each_message_begins_with_a_fresh_context_of_variables(bus: Bus) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="fresh")
    variable.set("of the test")
    seen = []

    def handle(name: str, nap: float) -> None:
        seen.append((name, variable.get()))
        variable.set(name)
        bus.sleep(nap)
        seen.append((name, variable.get()))

    bus.serve("shop", service(handle=handle))
    for name, nap in (("a", 2), ("b", 1), ("c", 0)):
        bus.cast(None, "shop", message("handle", name=name, nap=nap))
    bus.advance(3)
    bus.cast(None, "shop", message("handle", name="d", nap=0))  # on a worker used before
    bus.spawn(handle, "e", 0)
    bus.run()
    assert seen == [
        ("a", "fresh"),
        ("b", "fresh"),
        ("c", "fresh"),
        ("c", "c"),
        ("b", "b"),
        ("a", "a"),
        ("d", "fresh"),
        ("e", "fresh"),
        ("d", "d"),
        ("e", "e"),
    ]
    assert variable.get() == "of the test"


def test_thread_locals_are_shared_since_there_is_one_thread(bus: Bus) -> None:
    local = threading.local()
    local.value = "of the test"
    idents: list[int] = []

    def handle(value: str) -> str:
        idents.append(threading.get_ident())
        before, local.value = local.value, value
        return before

    bus.serve("shop", service(handle=handle))
    assert bus.call(None, "shop", message("handle", value="a")) == "of the test"
    assert bus.call(None, "shop", message("handle", value="b")) == "a"
    assert local.value == "b"
    assert set(idents) == {threading.get_ident()}
