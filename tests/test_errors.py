"""What goes wrong in the hands of a bus: what comes of it, and that it is usable afterwards."""

from __future__ import annotations

import copy
import pickle
import sys
import threading
import unittest
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from greenlet import GreenletExit
from hypothesis import given
from hypothesis import strategies as st

import rpcfake
from rpcfake import (
    InvalidMessage,
    Livelock,
    RemoteError,
    RpcError,
    SerializationError,
    Stalled,
    Timeout,
)

from .rules.harness import (
    BUSES,
    AnyBus,
    Echo,
    Recorder,
    Serving,
    Simulated,
    Threaded,
    kinds,
    message,
    relaxed,
    unchanged,
)


@pytest.fixture(scope="module", params=BUSES, ids=["Bus", "ThreadedBus"])
def new_bus(request: pytest.FixtureRequest) -> type[AnyBus]:
    made: type[AnyBus] = request.param
    return made


@pytest.fixture
def bus(new_bus: type[AnyBus]) -> Iterator[AnyBus]:
    with new_bus() as made:
        yield made


def assert_usable(bus: AnyBus) -> None:
    """All that a bus can do it still does."""
    topic = f"usable.{len(bus.topics)}"
    proxy, told = Recorder(), Recorder()
    connection = bus.serve(topic, Serving(**vars(Serving(tell=proxy.tell)), value=Echo().value))
    connection.create_consumer(topic, told, fanout=True)
    connection.create_consumer(topic, Serving(tell=proxy.tell, value=Echo().value))
    for number in range(4):
        assert bus.call(None, topic, message("value", value=number)) == number
        assert list(bus.multicall(None, topic, message("value", value=number))) == [number]
        bus.cast(None, topic, message("tell", number=number))
        bus.fanout_cast(None, topic, message("tell", number=number))
    bus.settle()
    numbers = [{"number": number} for number in range(4)]
    assert sorted(proxy.args, key=str) == sorted(told.args, key=str) == numbers
    assert len(bus.queue(topic)) == 0
    connection.close()


def throw(error: BaseException | type[BaseException]) -> Callable[..., Any]:
    def method(context: Any = None, **args: Any) -> None:
        raise error

    return method


# The errors themselves

ERRORS: list[RpcError] = [
    RpcError("text"),
    RemoteError("ValueError", "text", "traceback"),
    RemoteError("ValueError", ""),
    Timeout("text", topic="t", method="m", seconds=2.5),
    Timeout("text"),
    Stalled("text", ("one", "other")),
    Livelock("text"),
    InvalidMessage("text"),
    SerializationError("text", "args['a']"),
    rpcfake.ConnectionClosed("text"),
    rpcfake.BackendUnavailable("text"),
    rpcfake.WrongThread("text"),
]


@pytest.mark.parametrize("error", ERRORS, ids=repr)
@pytest.mark.parametrize("way", [lambda error: pickle.loads(pickle.dumps(error)), copy.copy])
def test_errors_keep_their_fields_when_they_travel(error: RpcError, way: Any) -> None:
    # pytest-xdist and multiprocessing send them to another process.
    other = way(error)
    assert type(other) is type(error)
    assert str(other) == str(error)
    assert vars(other) == vars(error)
    assert other.args == error.args


def test_errors_are_rpc_errors_and_what_python_would_raise() -> None:
    for name in dir(rpcfake.errors):
        found = getattr(rpcfake.errors, name)
        if isinstance(found, type) and issubclass(found, Exception) and found is not UserWarning:
            assert issubclass(found, RpcError) or issubclass(found, Warning)
            assert getattr(rpcfake, name) is found
            assert name in rpcfake.__all__
    assert issubclass(InvalidMessage, ValueError)
    assert issubclass(SerializationError, TypeError)
    assert issubclass(Livelock, Stalled)


def test_a_remote_error_shows_the_remote_traceback(bus: AnyBus) -> None:
    bus.serve("t", Serving(fail=throw(KeyError("milk"))))
    with pytest.raises(RemoteError) as caught:
        bus.call(None, "t", message("fail"))
    assert str(caught.value) == "KeyError: 'milk'"
    (note,) = caught.value.__notes__
    assert note.startswith("\nRemote traceback:\nTraceback")
    assert note.endswith("KeyError: 'milk'")
    assert not hasattr(RemoteError("KeyError", "x"), "__notes__")
    assert str(RemoteError("KeyError", "", "")) == "KeyError"
    assert str(RemoteError("KeyError", "x")) == "KeyError: x"


def test_a_remote_error_grows_by_as_much_at_each_hop(bus: AnyBus) -> None:
    class Chain:
        def go(self, context: Any, left: int) -> None:
            if not left:
                raise KeyError("milk")
            bus.call(None, "t", message("go", left=left - 1))

    def size(hops: int) -> int:
        with pytest.raises(RemoteError) as caught:
            bus.call(None, "t", message("go", left=hops))
        assert caught.value.traceback.count("in go\n") >= hops
        assert str(caught.value).count("KeyError") == 1
        return len(caught.value.traceback)

    bus.serve("t", Chain())
    sizes = [size(hops) for hops in (5, 10, 15)]
    assert sizes[2] - sizes[1] < 1.2 * (sizes[1] - sizes[0])


# What a handler may raise

BASE = {
    "KeyboardInterrupt": KeyboardInterrupt,
    "SystemExit": SystemExit,
    "SystemExit(3)": SystemExit(3),
    "GreenletExit": GreenletExit,
    "GeneratorExit": GeneratorExit,
    "BaseException": BaseException,
    "BaseExceptionGroup": BaseExceptionGroup("group", [SystemExit()]),
    "MemoryError": MemoryError,
    "StopIteration": StopIteration,
    "StopAsyncIteration": StopAsyncIteration,
}


def yielding(error: Any) -> Callable[..., Any]:
    def method(context: Any) -> Iterator[int]:
        yield 1
        raise error

    return method


@pytest.mark.parametrize("error", BASE.values(), ids=BASE)
@pytest.mark.parametrize("make", [throw, yielding])
@pytest.mark.parametrize("way", ["call", "multicall", "cast", "fanout_cast"])
def test_no_exception_costs_the_bus_a_worker(
    bus: AnyBus, error: Any, make: Callable[..., Any], way: str
) -> None:
    bus.serve("t", Serving(fail=make(error)))
    bus.serve("t", Serving(fail=make(error)), fanout=True)
    surfaces = error is KeyboardInterrupt
    expected = KeyboardInterrupt if surfaces else RemoteError
    for _ in range(10):
        if way in ("call", "multicall"):
            with pytest.raises(expected):
                if way == "call":
                    bus.call(None, "t", message("fail"))
                else:
                    list(bus.multicall(None, "t", message("fail")))
        else:
            getattr(bus, way)(None, "t", message("fail"))
            if surfaces:
                with pytest.raises(KeyboardInterrupt):
                    bus.settle()
        bus.settle()
    assert kinds(bus)["failure"] == 10
    workers = bus._loop._crew.all if isinstance(bus, Simulated) else bus._pool.workers
    assert len(workers) <= 2  # the last one may not have been idle again when the next was needed
    assert_usable(bus)
    expected_problems = 0 if surfaces or way in ("call", "multicall") else 10
    assert [problem.allow for problem in bus.problems()] == ["handler_errors"] * expected_problems


@pytest.mark.parametrize("error", BASE.values(), ids=BASE)
def test_a_proxy_may_raise_anything_in_getattr(bus: AnyBus, error: Any) -> None:
    class Proxy:
        def __getattr__(self, name: str) -> Any:
            raise error

    bus.serve("t", Proxy())
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt if error is KeyboardInterrupt else RemoteError):
            bus.call(None, "t", message("m"))
    bus.settle()
    assert_usable(bus)


@pytest.mark.parametrize("error", BASE.values(), ids=BASE)
def test_a_context_whose_to_dict_raises_sends_nothing(bus: AnyBus, error: Any) -> None:
    class Context:
        def to_dict(self) -> Any:
            raise error

    bus.serve("t", Recorder())
    kind = error if isinstance(error, type) else type(error)
    ordinary = issubclass(kind, Exception)
    for send in (bus.call, bus.multicall, bus.cast, bus.fanout_cast):
        with unchanged(bus), pytest.raises(InvalidMessage if ordinary else kind) as caught:
            send(Context(), "t", message("m"))
        if ordinary:
            assert kind.__name__ in str(caught.value)
            assert "to_dict" in str(caught.value)
    assert_usable(bus)
    assert bus.problems() == []


@pytest.mark.parametrize("error", BASE.values(), ids=BASE)
def test_str_of_an_exception_may_raise_anything(bus: AnyBus, error: Any) -> None:
    class Unspeakable(Exception):
        def __str__(self) -> str:
            raise error

        __repr__ = __str__

    bus.serve("t", Serving(fail=throw(Unspeakable())))
    with pytest.raises(RemoteError) as caught:
        bus.call(None, "t", message("fail"))
    assert caught.value.exc_type == "Unspeakable"
    assert "str()" in caught.value.value
    bus.cast(None, "t", message("fail"))
    bus.settle()
    assert_usable(bus)
    [problem] = bus.problems()
    assert "Unspeakable" in problem.text
    with pytest.raises(AssertionError, match="Unspeakable"):
        bus.assert_clean()


def test_an_exception_that_is_raised_again_and_again_stays_the_same(bus: AnyBus) -> None:
    error = ValueError("one and the same")
    bus.serve("t", Serving(fail=throw(error)))
    texts = set()
    for _ in range(5):
        with pytest.raises(RemoteError) as caught:
            bus.call(None, "t", message("fail"))
        texts.add(caught.value.traceback.count("in method"))
    assert max(texts) <= 5  # Python itself adds a frame for each time it is raised
    assert_usable(bus)


def test_a_predicate_that_raises_is_heard(bus: AnyBus) -> None:
    bus.serve("t", Echo())
    bus.cast(None, "t", message("value", value=1))
    for error in (KeyError("predicate"), KeyboardInterrupt("predicate")):
        with pytest.raises(type(error), match="predicate"):
            bus.until(throw(error))
    assert_usable(bus)
    assert bus.problems() == []


# Recursion


def depth_left() -> int:
    try:
        return 1 + depth_left()
    except RecursionError:
        return 0


def dive(frames: int, then: Callable[[], Any]) -> Any:
    return then() if frames <= 0 else dive(frames - 1, then)


def test_recursion_to_the_limit_inside_a_handler(bus: AnyBus) -> None:
    def endless(context: Any) -> None:
        endless(context)

    bus.serve("t", Serving(endless=endless, left=lambda context: depth_left()))
    before = bus.call(None, "t", message("left"))
    for _ in range(5):
        with pytest.raises(RemoteError) as caught:
            bus.call(None, "t", message("endless"))
        assert caught.value.exc_type == "RecursionError"
        assert "endless" in caught.value.traceback
    assert bus.call(None, "t", message("left")) == before
    assert_usable(bus)


def test_a_handler_deep_in_a_chain_of_calls_has_as_much_room_as_the_first(bus: AnyBus) -> None:
    def left(context: Any, below: int) -> int:
        if below == 0:
            return depth_left()
        return int(bus.call(context, "t", message("left", below=below - 1)))

    bus.serve("t", Serving(left=left))
    shallow = bus.call(None, "t", message("left", below=0))
    assert abs(bus.call(None, "t", message("left", below=100)) - shallow) < 20
    assert shallow > sys.getrecursionlimit() * 0.8


def test_however_deep_the_test_itself_is_a_handler_has_its_room(bus: AnyBus) -> None:
    bus.serve("t", Serving(left=lambda context: depth_left()))
    shallow = bus.call(None, "t", message("left"))
    deep = dive(depth_left() - 150, lambda: bus.call(None, "t", message("left")))
    assert abs(deep - shallow) < 20


SENDS = ("cast", "fanout_cast", "call", "multicall")


@pytest.mark.parametrize("send", SENDS)
@pytest.mark.parametrize("where", ["test", "handler"])
@pytest.mark.parametrize("warm", [False, True])
def test_however_little_room_is_left_nothing_is_half_sent(
    new_bus: type[AnyBus], send: str, where: str, warm: bool
) -> None:
    refused = sent = 0
    for left in range(0, 100, 1 if new_bus is Simulated else 3):
        with new_bus() as bus:
            proxy = Recorder()

            def act(bus: AnyBus = bus) -> None:
                given = getattr(bus, send)(None, "t", message("m", number=1))
                if send == "multicall":
                    list(given)

            def deep(context: Any, left: int = left, act: Callable[[], None] = act) -> None:
                dive(depth_left() - left, act)

            for fanout in (False, True):
                bus.serve("t", proxy, fanout=fanout)
            bus.serve("diver", Serving(deep=deep))
            if warm:
                bus.call(None, "t", message("warm"))
            try:
                if where == "test":
                    deep(None)
                else:
                    bus.call(None, "diver", message("deep"))
                sent += 1
            except (RecursionError, RemoteError) as error:
                assert "Recursion" in f"{type(error)} {error}"
                refused += 1
            bus.settle()
            of_m = bus.traffic.sent.where(lambda record: record.method == "m")
            given_up = kinds(bus)["abandoned"]
            assert proxy.methods.count("m") in (len(of_m), len(of_m) - given_up)
            assert len(bus.queue("t")) == 0
            assert_usable(bus)
            assert bus.problems() == []
    assert refused
    assert sent


@pytest.mark.parametrize("send", SENDS)
def test_code_that_sends_at_each_level_of_an_endless_recursion(bus: AnyBus, send: str) -> None:
    proxy = Recorder()
    for fanout in (False, True):
        bus.serve("t", proxy, fanout=fanout)

    def endless(number: int) -> None:
        given = getattr(bus, send)(None, "t", message("m"))
        if send == "multicall":
            list(given)
        endless(number + 1)

    with pytest.raises(RecursionError):
        endless(0)
    bus.settle()
    assert len(proxy.got) + kinds(bus)["abandoned"] >= len(bus.traffic.sent) > 300
    assert_usable(bus)
    assert bus.problems() == []


@pytest.mark.parametrize("send", SENDS)
@pytest.mark.parametrize("started", [0, 1, 2])
def test_where_no_thread_can_be_started_nothing_is_half_sent(
    monkeypatch: pytest.MonkeyPatch, send: str, started: int
) -> None:
    real, left = threading.Thread.start, [started]

    def start(thread: threading.Thread) -> None:
        if not left[0]:
            raise RuntimeError("can't start new thread")
        left[0] -= 1
        real(thread)

    with Threaded() as bus:
        gate = bus.gate()
        bus.serve("busy", Serving(wait=lambda context: gate.wait()))
        for fanout in (False, True, True, True):
            bus.serve("t", Recorder(), fanout=fanout)
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", start)
            if send != "fanout_cast":
                for _ in range(started):
                    bus.cast(None, "busy", message("wait"))
                bus.until(lambda: gate.waiting == started)
            with unchanged(bus), pytest.raises(RuntimeError, match="can't start new thread"):
                getattr(bus, send)(None, "t", message("m"))
        gate.open()
        assert_usable(bus)
        assert bus.problems() == []


# What surfaces

OUTCOMES: dict[str, Callable[..., Any]] = {
    "pytest.fail": lambda **given: pytest.fail("said in a handler"),
    "pytest.skip": lambda **given: pytest.skip("said in a handler"),
    "pytest.xfail": lambda **given: pytest.xfail("said in a handler"),
    "pytest.exit": lambda **given: pytest.exit("said in a handler"),
    "pytest.importorskip": lambda **given: pytest.importorskip(
        "no_such_module", reason="said in a handler"
    ),
    "KeyboardInterrupt": throw(KeyboardInterrupt("said in a handler")),
    "SkipTest": throw(unittest.SkipTest("said in a handler")),
}
SURFACING = (
    pytest.fail.Exception,
    pytest.skip.Exception,
    pytest.xfail.Exception,
    pytest.exit.Exception,
    KeyboardInterrupt,
    unittest.SkipTest,
)
DRIVING: dict[str, Callable[[Any], object]] = {
    "settle": lambda bus: bus.settle(),
    "run_until": lambda bus: bus.until(lambda: False),
    "call": lambda bus: bus.call(None, "t", message("outcome")),
    "assert_clean": lambda bus: bus.assert_clean(),
}
DRIVING_SIMULATED: dict[str, Callable[[Any], object]] = {
    "step": lambda bus: bus.step(),
    "advance": lambda bus: bus.advance(1),
    "sleep": lambda bus: bus.sleep(1),
    "another call": lambda bus: bus.call(None, "t", message("value", value=1)),
    "join": lambda bus: bus.spawn(bus.sleep, 1).join(),
}


@pytest.mark.parametrize("outcome", OUTCOMES.values(), ids=OUTCOMES)
@pytest.mark.parametrize("drive", DRIVING.values(), ids=DRIVING)
def test_outcomes_surface_in_whatever_drives_the_bus(
    bus: AnyBus, outcome: Callable[..., Any], drive: Callable[[Any], object]
) -> None:
    bus.serve("t", Serving(outcome=outcome, value=Echo().value))
    if drive is not DRIVING["call"]:
        bus.cast(None, "t", message("outcome"))
    with pytest.raises(SURFACING) as caught:
        drive(bus)
    assert "said in a handler" in str(caught.value)
    assert_usable(bus)
    assert bus.problems() == []


@pytest.mark.parametrize("drive", DRIVING_SIMULATED.values(), ids=DRIVING_SIMULATED)
def test_outcomes_surface_in_all_that_drives_the_simulated_bus(
    drive: Callable[[Any], object],
) -> None:
    with Simulated() as bus:
        bus.serve("t", Serving(outcome=OUTCOMES["pytest.fail"], value=Echo().value))
        bus.cast(None, "t", message("outcome"))
        with pytest.raises(pytest.fail.Exception, match="said in a handler"):
            drive(bus)
        bus.advance(2)
        assert_usable(bus)
        assert bus.problems() == []


@pytest.mark.parametrize("outcome", OUTCOMES.values(), ids=OUTCOMES)
def test_outcomes_surface_from_a_spawned_task(outcome: Callable[..., Any]) -> None:
    with Simulated() as bus:
        task = bus.spawn(outcome)
        with pytest.raises(SURFACING, match="said in a handler"):
            bus.run()
        with pytest.raises(SURFACING, match="said in a handler"):
            task.result()
        assert_usable(bus)
        assert bus.problems() == []


def test_each_outcome_surfaces_once_and_none_is_forgotten(bus: AnyBus) -> None:
    bus.serve("t", Serving(outcome=OUTCOMES["pytest.fail"]))
    for _ in range(3):
        bus.cast(None, "t", message("outcome"))
    for _ in range(3):
        with pytest.raises(pytest.fail.Exception):
            bus.settle()
    bus.settle()
    assert_usable(bus)


def test_an_outcome_at_a_threads_own_call_is_raised_in_that_thread() -> None:
    with Threaded() as bus:
        bus.serve("t", Serving(outcome=OUTCOMES["pytest.fail"], value=Echo().value))

        def ask() -> Any:
            with pytest.raises(pytest.fail.Exception):
                bus.call(None, "t", message("outcome"))

        bus.together(ask)
        bus.settle()
        assert_usable(bus)


def test_a_handler_that_waits_meanwhile_is_not_harmed(bus: AnyBus) -> None:
    gate = bus.gate()

    def wait(context: Any) -> str:
        gate.wait()
        return "unharmed"

    bus.serve("t", Serving(wait=wait, outcome=OUTCOMES["pytest.fail"]))
    values = bus.multicall(None, "t", message("wait"))
    bus.until(lambda: gate.waiting)
    for _ in range(3):
        with pytest.raises(pytest.fail.Exception):
            bus.call(None, "t", message("outcome"))
    gate.open()
    assert list(values) == ["unharmed"]
    assert_usable(bus)


@pytest.mark.parametrize("error", [ValueError("x"), SystemExit(3), GreenletExit("x")], ids=repr)
def test_a_tasks_own_error_waits_until_somebody_asks(error: BaseException) -> None:
    with Simulated() as bus:
        task = bus.spawn(throw(error))
        bus.run()
        [problem] = bus.problems()
        assert problem.allow == "handler_errors"
        assert type(error).__name__ in problem.text
        task.join()
        assert bus.problems() == [problem]
        with pytest.raises(type(error)) as caught:
            task.result()
        assert caught.value is error
        assert bus.problems() == []
        assert_usable(bus)


# Several at once


@given(
    script=st.lists(
        st.sampled_from(["value", "fail", "exit", "missing", "_private", "uncarried", "midway"]),
        max_size=15,
    ),
    ways=st.lists(st.sampled_from(["call", "multicall", "cast", "fanout_cast"]), min_size=1),
)
@relaxed
def test_after_any_series_of_failures_the_bus_is_usable(
    new_bus: type[AnyBus], script: list[str], ways: list[str]
) -> None:
    proxy = Serving(
        value=lambda context: 1,
        fail=throw(ValueError),
        exit=throw(SystemExit),
        uncarried=lambda context: {1, 2},
        midway=yielding(KeyError),
    )
    with new_bus() as bus:
        bus.serve("t", proxy)
        bus.serve("t", proxy, fanout=True)
        failed = 0
        for number, method in enumerate(script):
            way = ways[number % len(ways)]
            asks = way in ("call", "multicall")
            fails = method != "value" and (asks or method != "uncarried")
            failed += fails and not asks
            try:
                given = getattr(bus, way)(None, "t", message(method))
                if way == "multicall":
                    list(given)
                assert not (fails and asks)
            except RemoteError:
                assert fails
                assert asks
        bus.settle()
        assert_usable(bus)
        assert len(bus.problems()) == failed


def test_no_thread_outlives_a_bus_that_met_errors() -> None:
    before = set(threading.enumerate())
    with Threaded() as bus:
        bus.serve("t", Serving(fail=throw(SystemExit), stop=throw(KeyboardInterrupt)))
        for _ in range(5):
            bus.cast(None, "t", message("fail"))
            bus.cast(None, "t", message("stop"))
        for _ in range(5):
            with pytest.raises(KeyboardInterrupt):
                bus.settle()
    assert set(threading.enumerate()) <= before
