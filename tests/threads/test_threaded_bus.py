"""`ThreadedBus`: handlers in real threads, on the real clock."""

from __future__ import annotations

import contextvars
import gc
import math
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import freezegun
import pytest

import rpcfake
from rpcfake import ConnectionClosed, RemoteError, RpcError, ThreadedBus, Timeout

from ..sim.helpers import message, service
from .helpers import PATIENCE, Background, wait

# Blocking waits


def test_a_call_blocks_until_the_answer_is_there(bus: ThreadedBus) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def price() -> int:
        begun.set()
        wait(go_on)
        return 3

    bus.serve("shop", service(price=price))
    call = Background(bus.call, None, "shop", message("price"))
    wait(begun)
    assert call.thread.is_alive()
    go_on.set()
    assert call.result() == 3


def test_handlers_run_in_threads_of_their_own(bus: ThreadedBus) -> None:
    bus.serve("shop", service(who=lambda: threading.current_thread().name))
    name = bus.call(None, "shop", message("who"))
    assert name.startswith("rpcfake-worker-")
    assert name != threading.current_thread().name


def test_a_cast_does_not_wait(bus: ThreadedBus) -> None:
    go_on, done = threading.Event(), threading.Event()
    bus.serve("shop", service(buy=lambda: (wait(go_on), done.set())[1]))
    bus.cast(None, "shop", message("buy"))
    assert not done.is_set()
    go_on.set()
    wait(done)
    bus.run()


def test_a_handler_that_waits_holds_up_nobody(bus: ThreadedBus) -> None:
    """Forty at once, on one consumer: each waits for all the others."""
    together = threading.Barrier(40)
    bus.serve("shop", service(meet=lambda: together.wait(PATIENCE) >= 0))
    calls = [Background(bus.call, None, "shop", message("meet")) for _ in range(40)]
    assert [call.result() for call in calls] == [True] * 40


def test_values_of_a_multicall_come_as_they_are_given(bus: ThreadedBus) -> None:
    go_on = threading.Event()

    def count() -> Iterator[int]:
        yield 1
        wait(go_on)
        yield 2

    bus.serve("shop", service(count=count))
    values = bus.multicall(None, "shop", message("count"))
    assert next(values) == 1
    go_on.set()
    assert list(values) == [2]


def test_calls_of_many_threads_get_each_its_own_reply(bus: ThreadedBus) -> None:
    bus.serve("shop", service(echo=lambda value: value, twice=lambda value: (value, value)))
    bus.serve("shop", service(echo=lambda value: value, twice=lambda value: (value, value)))

    def ask(who: int) -> list[Any]:
        return [bus.call(None, "shop", message("echo", value=[who, n])) for n in range(40)]

    callers = [Background(ask, who) for who in range(20)]
    for who, caller in enumerate(callers):
        assert caller.result() == [[who, n] for n in range(40)]


@pytest.mark.parametrize("depth", [200])
def test_nested_calls(bus: ThreadedBus, depth: int) -> None:
    def count(n: int) -> int:
        return 0 if n == 0 else 1 + bus.call(None, "shop", message("count", n=n - 1))

    bus.serve("shop", service(count=count))
    assert bus.call(None, "shop", message("count", n=depth)) == depth


def test_mutually_recursive_multicalls(bus: ThreadedBus) -> None:
    def step(n: int, to: str) -> Iterator[int]:
        yield n
        if n:
            here = {"a": "b", "b": "a"}[to]
            yield from bus.multicall(None, to, message("step", n=n - 1, to=here))

    bus.serve("a", service(step=step))
    bus.serve("b", service(step=step))
    values = bus.multicall(None, "a", message("step", n=60, to="b"))
    assert list(values) == list(range(60, -1, -1))


def test_idle_threads_are_used_again(bus: ThreadedBus) -> None:
    bus.serve("shop", service(price=lambda: 3))
    for _ in range(200):
        bus.call(None, "shop", message("price"))
        bus.run()
    assert len(bus._pool.workers) == 1


def test_each_message_begins_with_a_fresh_context_of_variables(bus: ThreadedBus) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="fresh")

    def look() -> str:
        seen = variable.get()
        variable.set("used")
        return seen

    bus.serve("shop", service(look=look))
    for _ in range(5):
        assert bus.call(None, "shop", message("look")) == "fresh"
        bus.run()


def test_records_know_their_causes(bus: ThreadedBus) -> None:
    bus.serve("back", service(price=lambda: 3))
    bus.serve("front", service(price=lambda: bus.call(None, "back", message("price"))))
    bus.call(None, "front", message("price"))
    front, back = bus.traffic.calls()
    assert front.cause is None
    assert back.cause is not None
    assert bus.traffic[back.cause].kind == "taken"
    assert bus.traffic[back.cause].id == front.id


def test_a_context_may_answer_from_any_thread(bus: ThreadedBus) -> None:
    class Shop:
        def price(self, context: Any) -> Iterator[int]:
            Background(context.reply, 1).result()
            yield 2

    bus.serve("shop", Shop())
    assert list(bus.multicall(None, "shop", message("price"))) == [1, 2]


def test_installed_it_serves_the_facade_in_every_thread(bus: ThreadedBus) -> None:
    with bus.installed():
        rpcfake.create_connection()
        bus.serve("shop", service(price=lambda: 3))
        call = Background(rpcfake.call, None, "shop", message("price"))
        assert call.result() == 3
    assert time.sleep.__module__ == "time"


# Order


class Recording:
    """A proxy that writes down which methods are looked up, and whose handlers wait."""

    def __init__(self, handler: Callable[..., Any]) -> None:
        self.looked_up: list[str] = []
        self._handler = handler

    def __getattr__(self, name: str) -> Callable[..., Any]:
        self.looked_up.append(name)
        return self._handler


def test_methods_are_looked_up_in_the_order_of_sending(bus: ThreadedBus) -> None:
    names = [f"m{n}" for n in range(300)]
    proxies = [Recording(lambda context: None) for _ in range(3)]
    for n, proxy in enumerate(proxies):
        bus.serve(f"shop{n}", proxy)
    for name in names:
        for n in range(3):
            bus.cast(None, f"shop{n}", {"method": name})
    bus.run(PATIENCE)
    assert [proxy.looked_up for proxy in proxies] == [names] * 3


def test_a_handler_that_waits_does_not_hold_up_the_lookups(bus: ThreadedBus) -> None:
    go_on = threading.Event()
    names = [f"m{n}" for n in range(50)]
    proxy = Recording(lambda context: wait(go_on))
    bus.serve("shop", proxy)
    for name in names:
        bus.cast(None, "shop", {"method": name})
    bus.run_until(lambda: len(proxy.looked_up) == 50, PATIENCE)
    go_on.set()
    bus.run(PATIENCE)
    assert proxy.looked_up == names


def test_a_slow_lookup_is_waited_for(bus: ThreadedBus) -> None:
    go_on, looking = threading.Event(), threading.Event()
    order: list[str] = []

    class Slow:
        def __getattr__(self, name: str) -> Callable[..., Any]:
            if name == "first":
                looking.set()
                wait(go_on)
            order.append(name)
            return lambda context: None

    bus.serve("shop", Slow())
    bus.cast(None, "shop", {"method": "first"})
    wait(looking)
    bus.cast(None, "shop", {"method": "_private"})
    bus.cast(None, "shop", {"method": "second"})
    calls = Background(bus.call, None, "shop", {"method": "third"})
    assert order == []
    go_on.set()
    calls.result()
    bus.run(PATIENCE)
    assert order == ["first", "second", "third"]


def test_a_message_that_fails_before_its_lookup_lets_none_overtake() -> None:
    """What comes after it still waits for what was before it."""
    go_on, looking = threading.Event(), threading.Event()
    order: list[str] = []

    class Picky:
        name = "picky"

        def encode(self, value: Any) -> str:
            return rpcfake.codec.JSON.encode(value)

        def decode(self, text: str) -> Any:
            if "unreadable" in text and threading.current_thread() is not threading.main_thread():
                raise ValueError("unreadable")
            return rpcfake.codec.JSON.decode(text)

    class Slow:
        def __getattr__(self, name: str) -> Callable[..., Any]:
            if name == "first":
                looking.set()
                wait(go_on)
            order.append(name)
            return lambda context, **args: None

    bus = ThreadedBus(codec=Picky())
    bus.serve("shop", Slow())
    bus.cast(None, "shop", {"method": "first"})
    wait(looking)
    bus.cast(None, "shop", message("second", text="unreadable"))
    bus.cast(None, "shop", {"method": "third"})
    bus.run_until(lambda: any(row[0] == "failure" for row in bus._broker.rows), PATIENCE)
    go_on.set()
    bus.run(PATIENCE)
    assert order == ["first", "third"]
    bus.close()


def test_consumers_take_turns(bus: ThreadedBus) -> None:
    for _ in range(3):
        bus.serve("shop", service(buy=lambda: None))
    for _ in range(300):
        bus.cast(None, "shop", message("buy"))
    bus.run(PATIENCE)
    taken = Counter(record.consumer for record in bus.traffic.where(lambda r: r.kind == "taken"))
    assert taken == {"shop#1": 100, "shop#2": 100, "shop#3": 100}


# run and run_until


def test_run_waits_until_all_is_handled(bus: ThreadedBus) -> None:
    done: list[int] = []

    def work(n: int) -> None:
        if n:
            bus.cast(None, "shop", message("work", n=n - 1))
            bus.call(None, "shop", message("note", n=n))
        done.append(n)

    bus.serve("shop", service(work=work, note=lambda n: None))
    began = time.monotonic()
    for _ in range(50):
        done.clear()
        bus.cast(None, "shop", message("work", n=5))
        bus.run(PATIENCE)
        assert sorted(done) == [0, 1, 2, 3, 4, 5]
    assert time.monotonic() - began < PATIENCE  # else once nobody woke it


def test_run_is_not_over_while_an_answered_handler_has_not_gone_on(bus: ThreadedBus) -> None:
    """Between the answer and the moment when its thread runs again it counts as busy."""
    finished: list[bool] = []
    too_early: list[int] = []
    idle = bus._pool.idle

    def watched() -> None:
        idle()
        if bus._pool.busy == 0 and not finished:
            too_early.append(1)

    bus._pool.idle = watched  # type: ignore[method-assign]
    bus.serve("back", service(price=lambda: 3))

    def relay() -> None:
        bus.call(None, "back", message("price"))
        bus.call(None, "back", message("price"))
        finished.append(True)

    bus.serve("front", service(relay=relay))
    for _ in range(100):
        finished.clear()
        bus.cast(None, "front", message("relay"))
        bus.run(PATIENCE)
        assert finished
    assert too_early == []


def test_run_is_woken_by_the_very_end_of_the_last_job(bus: ThreadedBus) -> None:
    """Here the thread is held up between the last thing it records and its end, until `run` has
    looked and waits again."""
    served, waiting = threading.Event(), threading.Event()
    work, changed_wait = bus._pool._work, bus._changed.wait

    def slowly(job: Any, worker: Any) -> None:
        work(job, worker)
        with bus._lock:
            served.set()
            bus._changed.notify_all()
        wait(waiting)

    def watched(timeout: float | None = None) -> bool:
        if served.is_set():
            waiting.set()
        return changed_wait(timeout)

    bus._pool._work = slowly  # type: ignore[method-assign]
    bus._changed.wait = watched  # type: ignore[method-assign]
    bus.serve("shop", service(buy=lambda: None))
    bus.cast(None, "shop", message("buy"))
    began = time.monotonic()
    bus.run(PATIENCE)
    assert time.monotonic() - began < PATIENCE


def test_run_on_a_quiet_bus_is_over_at_once(bus: ThreadedBus) -> None:
    bus.run(0)
    bus.create_connection().create_consumer("shop", object())
    bus.cast(None, "shop", message("buy"))  # waits for a start, and counts for nothing
    bus.run(0)


def test_run_is_over_while_handlers_wait_on_the_bus(bus: ThreadedBus) -> None:
    bus.stub("depot", "ask").never()
    bus.serve("shop", service(ask=lambda: bus.call(None, "depot", message("ask"), math.inf)))
    bus.cast(None, "shop", message("ask"))
    bus.run(PATIENCE)
    (blocked,) = bus.problems()
    assert blocked.allow == "blocked"
    assert "shop#1 handling cast shop.ask" in blocked.text
    assert "depot.ask" in blocked.text


def test_run_times_out_naming_who_runs_and_where(bus: ThreadedBus) -> None:
    go_on, begun = threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        wait(go_on)

    bus.serve("shop", service(hold=hold))
    bus.cast(None, "shop", message("hold"))
    wait(begun)
    with pytest.raises(Timeout, match=r"not quiet within 0\.01 s") as timeout:
        bus.run(timeout=0.01)
    assert timeout.value.seconds == 0.01
    assert "shop#1 handling cast shop.hold (record 0)" in str(timeout.value)
    assert "wait() at" in str(timeout.value)
    go_on.set()
    bus.run(PATIENCE)


def test_run_until_is_woken_by_events(bus: ThreadedBus) -> None:
    bus.serve("shop", service(buy=lambda: None))
    waiting = Background(bus.run_until, lambda: len(bus.queue("shop").history) == 3, PATIENCE)
    for _ in range(3):
        bus.cast(None, "shop", message("buy"))
    waiting.result()


def test_run_until_sees_a_handler_s_end(bus: ThreadedBus) -> None:
    """The last thing that happens is no record: the handler of a cast returns."""
    go_on = threading.Event()
    done: list[int] = []
    bus.serve("shop", service(buy=lambda: (wait(go_on), done.append(1))[1]))
    bus.cast(None, "shop", message("buy"))
    bus.run_until(lambda: any(row[0] == "taken" for row in bus._broker.rows), PATIENCE)
    waiting = Background(bus.run_until, lambda: bool(done), PATIENCE)
    go_on.set()
    waiting.result()


def test_run_until_times_out(bus: ThreadedBus) -> None:
    with pytest.raises(Timeout, match=r"was not true within 0\.01 s") as timeout:
        bus.run_until(lambda: False, timeout=0.01)
    assert timeout.value.seconds == 0.01
    bus.run_until(lambda: True, timeout=0)


@pytest.mark.parametrize("name", ["run", "run_until"])
def test_a_handler_cannot_wait_for_the_whole_bus(bus: ThreadedBus, name: str) -> None:
    drive = {"run": lambda: bus.run(), "run_until": lambda: bus.run_until(lambda: True)}[name]
    bus.serve("shop", service(drive=drive))
    with pytest.raises(RemoteError) as error:
        bus.call(None, "shop", message("drive"))
    assert error.value.exc_type == "RpcError"
    assert "only a test can" in error.value.value


# Timeouts


def test_a_call_times_out_not_earlier(bus: ThreadedBus) -> None:
    bus.stub("shop", "price").never()
    began = time.monotonic()
    with pytest.raises(Timeout, match=r"no answer to call shop\.price within 0\.05 s") as timeout:
        bus.call(None, "shop", message("price"), timeout=0.05)
    assert time.monotonic() - began >= 0.05
    assert (timeout.value.topic, timeout.value.method) == ("shop", "price")
    assert bus.traffic[-1].kind == "timeout"


def test_a_timeout_of_zero(bus: ThreadedBus) -> None:
    with pytest.raises(Timeout, match="nothing serves the topic 'void'"):
        bus.call(None, "void", message("price"), timeout=0)


@pytest.mark.parametrize("seconds", [1e10, 1e300, math.inf])
def test_an_absurd_timeout_is_a_long_one(bus: ThreadedBus, seconds: float) -> None:
    begun, go_on = threading.Event(), threading.Event()
    bus.serve("shop", service(price=lambda: (begun.set(), wait(go_on), 3)[2]))
    call = Background(bus.call, None, "shop", message("price"), seconds)
    wait(begun)
    running = Background(bus.run, min(seconds, 1e300))
    go_on.set()
    assert call.result() == 3
    running.result()


def test_a_late_reply_reaches_nobody(bus: ThreadedBus) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def late() -> str:
        begun.set()
        wait(go_on)
        return "late"

    bus.serve("shop", service(late=late, price=lambda: "in time"))
    while not begun.is_set():  # what was not begun in that time is not handled at all
        with pytest.raises(Timeout):
            bus.call(None, "shop", message("late"), timeout=0.01)
    go_on.set()
    assert bus.call(None, "shop", message("price")) == "in time"
    bus.run(PATIENCE)
    dropped = bus.traffic.where(lambda record: record.kind == "dropped")
    assert [record.value for record in dropped] == ["late"]


def test_a_multicall_waits_anew_for_each_value(bus: ThreadedBus) -> None:
    go_on = threading.Event()

    def count() -> Iterator[int]:
        yield 1
        wait(go_on)
        yield 2

    bus.serve("shop", service(count=count))
    values = bus.multicall(None, "shop", message("count"), timeout=0.01)
    bus.run_until(lambda: any(row[0] == "reply" for row in bus._broker.rows), PATIENCE)
    assert next(values) == 1
    with pytest.raises(Timeout):
        next(values)
    assert list(values) == []
    go_on.set()


def test_a_circle_ends_in_a_timeout_that_tells_it(bus: ThreadedBus) -> None:
    shared: list[Any] = []
    ready = threading.Event()

    def first() -> Iterator[Any]:
        wait(ready)
        yield bus.call(None, "b", message("second"), timeout=0.2)

    bus.serve("a", service(first=first))
    bus.serve("b", service(second=lambda: next(shared[0])))
    shared.append(bus.multicall(None, "a", message("first")))
    ready.set()
    bus.run_until(lambda: any(row[0] == "failure" for row in bus._broker.rows), PATIENCE)
    told = next(record.value for record in bus.traffic.failures())
    assert told.exc_type == "Timeout"
    assert "here the circle closes" in told.value


@pytest.mark.parametrize("collects", [True, False])
def test_nothing_is_collected_while_python_lists_its_threads(
    bus: ThreadedBus, monkeypatch: pytest.MonkeyPatch, collects: bool
) -> None:
    """That could deadlock Python before 3.11.9."""
    seen: list[bool] = []
    frames = sys._current_frames

    def watched() -> Any:
        seen.append(gc.isenabled())
        return frames()

    monkeypatch.setattr(sys, "_current_frames", watched)
    begun, go_on = threading.Event(), threading.Event()
    bus.serve("shop", service(hold=lambda: (begun.set(), wait(go_on))[1]))
    bus.cast(None, "shop", message("hold"))
    wait(begun)
    if not collects:
        gc.disable()
    try:
        with pytest.raises(Timeout):
            bus.run(timeout=0)
        assert gc.isenabled() is collects
    finally:
        gc.enable()
    assert seen == [False]
    go_on.set()


@freezegun.freeze_time("2026-01-01")
def test_its_clock_is_the_real_one_also_under_a_freeze(bus: ThreadedBus) -> None:
    before = bus.now
    with pytest.raises(Timeout):
        bus.call(None, "void", message("x"), timeout=0.01)
    assert bus.now - before >= 0.01
    with pytest.raises(Timeout):
        bus.run_until(lambda: False, timeout=0.01)
    bus.close(timeout=1)


def test_timeouts_leave_nothing_behind(bus: ThreadedBus) -> None:
    bus.stub("shop", "price").never()
    for _ in range(200):
        with pytest.raises(Timeout):
            bus.call(None, "shop", message("price"), timeout=0)
    bus.run(PATIENCE)
    assert bus._waiting == []
    assert bus._pool.busy == 0
    assert len(bus.queue("shop")) == 0
    assert bus._gates == {}
    assert bus.problems() == []


def test_no_wait_is_a_poll(bus: ThreadedBus, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits, waits for a notice, at most until its deadline."""
    waits: list[float | None] = []
    condition_wait = threading.Condition.wait

    def watched(self: threading.Condition, timeout: float | None = None) -> bool:
        waits.append(timeout)
        return condition_wait(self, timeout)

    begun, go_on = threading.Event(), threading.Event()

    def price() -> int:
        begun.set()
        wait(go_on)
        return 3

    monkeypatch.setattr(threading.Condition, "wait", watched)
    bus.serve("shop", service(price=price))
    bus.serve("front", service(price=lambda: bus.call(None, "shop", message("price"), 777)))
    call = Background(bus.call, None, "front", message("price"), 888)
    wait(begun)
    running = Background(bus.run, 999)
    go_on.set()
    assert call.result() == 3
    running.result()
    kinds = {None if seconds is None else math.ceil(seconds) for seconds in waits}
    assert kinds <= {None, PATIENCE, 777, 888, 999}
    assert len(waits) < 100


# Abandoned multicalls


@pytest.mark.parametrize("way", ["close", "drop", "in a cycle"])
def test_an_abandoned_generator_is_closed_at_its_next_yield(bus: ThreadedBus, way: str) -> None:
    go_on, closed = threading.Event(), threading.Event()

    def count() -> Iterator[int]:
        try:
            yield 1
            wait(go_on)
            yield 2
            raise AssertionError("it is gone")
        finally:
            closed.set()

    bus.serve("shop", service(count=count))
    held: list[Any] = [bus.multicall(None, "shop", message("count"))]
    assert next(held[0]) == 1
    if way == "close":
        held[0].close()
    elif way == "drop":
        held.clear()
    else:
        cycle: list[Any] = [held.pop()]
        cycle.append(cycle)
        del cycle
        gc.collect()
    go_on.set()
    wait(closed)
    bus.assert_clean()
    kinds = [record.kind for record in bus.traffic]
    assert kinds == ["multicall", "taken", "reply", "abandoned", "dropped"]


def test_thousands_let_go_at_once(bus: ThreadedBus) -> None:
    bus.stub("shop", "count").never()
    held = [bus.multicall(None, "shop", message("count")) for _ in range(2000)]
    bus.run(PATIENCE)
    held.clear()
    bus.run()
    assert sum(record.kind == "abandoned" for record in bus.traffic) == 2000


def test_two_cannot_wait_for_the_values_of_one_multicall(bus: ThreadedBus) -> None:
    go_on = threading.Event()

    def count() -> Iterator[int]:
        wait(go_on)
        yield 1

    bus.serve("shop", service(count=count))
    values = bus.multicall(None, "shop", message("count"))
    bus.serve("front", service(first=lambda: next(values)))
    first = Background(bus.call, None, "front", message("first"))
    bus.run_until(lambda: values._envelope.waiter is not None, PATIENCE)
    with pytest.raises(RpcError, match="somebody else waits"):
        next(values)
    go_on.set()
    assert first.result() == 1


# Closing


def test_no_thread_outlives_the_close() -> None:
    before = set(threading.enumerate())
    bus = ThreadedBus()
    together = threading.Barrier(20)
    bus.serve("shop", service(meet=lambda: together.wait(PATIENCE) and None))
    for _ in range(20):
        bus.cast(None, "shop", message("meet"))
    bus.run(PATIENCE)
    assert len(set(threading.enumerate()) - before) >= 20
    bus.close()
    assert set(threading.enumerate()) <= before
    bus.close()
    assert "closed" in repr(bus)


def test_closing_wakes_whoever_waits_on_the_bus() -> None:
    bus = ThreadedBus()
    errors: list[str] = []
    bus.stub("depot", "ask").never()

    def relay() -> None:
        try:
            bus.call(None, "depot", message("ask"), math.inf)
        except ConnectionClosed:
            errors.append("handler")
            raise

    begun, go_on = threading.Event(), threading.Event()
    bus.serve("shop", service(relay=relay, hold=lambda: (begun.set(), wait(go_on))[1]))
    waiting = [
        Background(bus.call, None, "shop", message("relay"), math.inf),
        Background(bus.call, None, "void", message("x"), 1e6),
        Background(next, bus.multicall(None, "depot", message("ask"), math.inf)),
        Background(bus.run_until, lambda: False, 1e6),
    ]
    bus.run_until(lambda: len(bus.traffic.sent) == 4, PATIENCE)
    bus.cast(None, "shop", message("hold"))
    wait(begun)
    waiting.append(Background(bus.run, 1e6))
    closing = Background(bus.close, PATIENCE)
    for each in waiting:
        with pytest.raises(ConnectionClosed):
            each.result()
    go_on.set()
    closing.result()
    assert errors == ["handler"]
    assert bus.problems() == []


def test_closing_wakes_who_waits_on_a_quiet_bus() -> None:
    bus = ThreadedBus()
    asked = threading.Event()
    waiting = Background(bus.run_until, lambda: asked.set(), 1e6)
    wait(asked)  # the lock is held from then until it waits
    bus.close()
    with pytest.raises(ConnectionClosed):
        waiting.result()


def test_a_handler_that_never_returns_is_named() -> None:
    bus = ThreadedBus()
    begun, go_on = threading.Event(), threading.Event()

    def hold_on() -> None:
        begun.set()
        wait(go_on)

    bus.serve("shop", service(hold=hold_on, price=lambda: 3))
    assert bus.call(None, "shop", message("price")) == 3
    bus.cast(None, "shop", message("hold"))
    wait(begun)
    with pytest.raises(Timeout, match=r"have not returned within 0\.01 s") as timeout:
        bus.close(timeout=0.01)
    text = str(timeout.value)
    assert "shop#1 handling cast shop.hold" in text
    assert "its handler runs, now in wait() at" in text
    assert "helpers.py" in text
    assert text.count("handling") == 1
    assert bus.closed
    go_on.set()
    bus.close()


def test_what_was_not_begun_is_not_handled_after_the_close() -> None:
    bus = ThreadedBus()
    handled: list[int] = []
    connection = bus.create_connection()
    connection.create_consumer("shop", service(buy=lambda: handled.append(1)))
    bus.cast(None, "shop", message("buy"))
    bus.close()
    with pytest.raises(ConnectionClosed):
        connection.consume_in_thread()
    connection.close()
    assert handled == []


USES: dict[str, Callable[[ThreadedBus], object]] = {
    "call": lambda bus: bus.call(None, "shop", message("x")),
    "multicall": lambda bus: bus.multicall(None, "shop", message("x")),
    "cast": lambda bus: bus.cast(None, "shop", message("x")),
    "fanout_cast": lambda bus: bus.fanout_cast(None, "shop", message("x")),
    "create_connection": lambda bus: bus.create_connection(),
    "serve": lambda bus: bus.serve("shop", object()),
    "stub": lambda bus: bus.stub("shop", "x"),
    "run": lambda bus: bus.run(),
    "run_until": lambda bus: bus.run_until(lambda: True),
    "installed": lambda bus: bus.installed().__enter__(),
}


@pytest.mark.parametrize("name", USES)
def test_a_closed_bus_refuses_everything(name: str) -> None:
    bus = ThreadedBus()
    bus.close()
    with pytest.raises(ConnectionClosed):
        USES[name](bus)
    assert len(bus.traffic) == 0


def test_a_handler_may_close_the_bus() -> None:
    before = set(threading.enumerate())
    bus = ThreadedBus()
    bus.serve("shop", service(stop=lambda: bus.close()))
    with pytest.raises((ConnectionClosed, RpcError)):
        bus.call(None, "shop", message("stop"))
        raise ConnectionClosed("its answer went out before")
    bus.close()
    assert set(threading.enumerate()) <= before


def test_several_close_at_once() -> None:
    bus = ThreadedBus()
    bus.serve("shop", service(price=lambda: 3))
    bus.call(None, "shop", message("price"))
    for closing in [Background(bus.close) for _ in range(5)]:
        closing.result()


def test_consumers_come_and_go_while_messages_arrive(bus: ThreadedBus) -> None:
    """Each message is handled once, and all of one sender in order."""
    handled: list[tuple[int, int]] = []
    proxy = Recording(lambda context, who, n: None)

    class Shop:
        def __getattr__(self, name: str) -> Callable[..., Any]:
            _, who, n = name.split("x")
            handled.append((int(who), int(n)))
            return lambda context: None

    bus.create_connection().create_consumer("shop", proxy)

    def send(who: int) -> None:
        for n in range(100):
            bus.cast(None, "shop", {"method": f"mx{who}x{n}"})

    senders = [Background(send, who) for who in range(4)]
    shop = Shop()
    for _ in range(10):
        before = len(handled)
        connection = bus.serve("shop", shop)
        bus.run_until(lambda before=before: len(handled) >= min(before + 30, 400), PATIENCE)
        connection.close()
    for sender in senders:
        sender.result()
    bus.serve("shop", shop)
    bus.run(PATIENCE)
    assert sorted(handled) == [(who, n) for who in range(4) for n in range(100)]
    assert proxy.looked_up == []


# What is asked of it, and what it is not


@pytest.mark.parametrize("name", ["step", "advance", "sleep", "spawn", "schedule", "seed"])
def test_what_only_the_simulated_bus_has_is_refused(bus: ThreadedBus, name: str) -> None:
    uses: dict[str, Callable[[], object]] = {
        "step": lambda: bus.step(),
        "advance": lambda: bus.advance(1),
        "sleep": lambda: bus.sleep(1),
        "spawn": lambda: bus.spawn(print),
        "schedule": lambda: bus.schedule,
        "seed": lambda: bus.seed,
    }
    with pytest.raises(RpcError, match=rf"has no {name}: .*rpcfake\.Bus \(fixture rpc_bus\)"):
        uses[name]()


@pytest.mark.parametrize("name", ["schedule", "seed"])
def test_the_same_as_arguments(name: str) -> None:
    with pytest.raises(TypeError, match=rf"has no {name}: .*rpcfake\.Bus"):
        ThreadedBus(**{name: 1})


def test_looking_at_it_while_others_send(bus: ThreadedBus) -> None:
    """Views are taken in one piece, whatever goes on meanwhile."""
    bus.create_connection().create_consumer("shop", object())
    over = threading.Event()

    def send() -> None:
        n = 0
        while not over.is_set():
            n += 1
            bus.cast(None, "shop", message("buy"))
            if n % 50 == 0:
                bus.queue("shop").purge()
                bus.create_connection().create_consumer(f"new-{n}", object())

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        senders = [Background(send) for _ in range(2)]
        for _ in range(50):
            assert all(record.topic == "shop" for record in bus.queue("shop").pending)
            assert bus.topics[0] == "shop"
            bus.problems()
            len(bus.queue("shop"))
            repr(bus.queue("shop"))
    finally:
        over.set()
        sys.setswitchinterval(interval)
    for sender in senders:
        sender.result()


def test_a_stub_answers_as_many_as_it_may_whoever_asks_at_once(bus: ThreadedBus) -> None:
    together = threading.Barrier(2)

    class Same:
        """Compares equal once two threads compare."""

        def __eq__(self, other: object) -> bool:
            with suppress(threading.BrokenBarrierError):
                together.wait(0.5)
            return True

        __hash__ = None  # type: ignore[assignment]

    bus.stub("shop", "price").returns("other")
    stub = bus.stub("shop", "price", {"item": Same()}, times=1).returns("stub")
    calls = [Background(bus.call, None, "shop", message("price", item=1)) for _ in range(2)]
    assert sorted(call.result() for call in calls) == ["other", "stub"]
    assert stub.used == 1


def test_a_program_that_ends_with_an_open_bus_ends_silently() -> None:
    program = """
import threading
from types import SimpleNamespace
import rpcfake

bus = rpcfake.ThreadedBus()
begun = threading.Event()

def hold(context):
    begun.set()
    threading.Event().wait()

bus.serve("shop", SimpleNamespace(hold=hold, price=lambda context: 3))
assert bus.call(None, "shop", {"method": "price"}) == 3
bus.cast(None, "shop", {"method": "hold"})
begun.wait()
print("end")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "end\n", "")
