"""Every wrong argument of a public function: an error that names the argument, the value and what
is allowed, and nothing has happened."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rpcfake
from rpcfake import (
    Bus,
    ConnectionClosed,
    InvalidMessage,
    RpcError,
    SerializationError,
    ThreadedBus,
    WrongThread,
)

from .rules.harness import (
    BUSES,
    AnyBus,
    Echo,
    Recorder,
    Simulated,
    message,
    relaxed,
    state,
    unchanged,
)
from .rules.strategies import TOO_LONG, bad_contexts, bad_messages, bad_topics, uncarried_anywhere


@pytest.fixture(scope="module", params=BUSES, ids=["Bus", "ThreadedBus"])
def new_bus(request: pytest.FixtureRequest) -> type[AnyBus]:
    made: type[AnyBus] = request.param
    return made


@pytest.fixture
def bus(new_bus: type[AnyBus]) -> Iterator[AnyBus]:
    with new_bus() as made:
        yield made


Wrong = tuple[Callable[[Any], object], type[Exception], str]
MSG = {"method": "m"}


def failing(context: Any) -> None:
    raise ValueError


WRONG_SENDS: dict[str, Wrong] = {
    "topic None": (lambda send: send(None, None, MSG), InvalidMessage, "topic is None: .* a str"),
    "topic bytes": (lambda send: send(None, b"t", MSG), InvalidMessage, "topic is b't': .* a str"),
    "topic empty": (
        lambda send: send(None, "", MSG),
        InvalidMessage,
        "topic is '': .*not be empty",
    ),
    "topic long": (
        lambda send: send(None, "x" * 201, MSG),
        InvalidMessage,
        "topic is 'xxx.*201 bytes.*at most 200",
    ),
    "topic surrogate": (
        lambda send: send(None, "\ud800", MSG),
        InvalidMessage,
        r"topic is '\\ud800': UTF-8",
    ),
    "topic huge int": (lambda send: send(None, TOO_LONG, MSG), InvalidMessage, "topic is <int>: "),
    "msg None": (lambda send: send(None, "t", None), InvalidMessage, "msg is None: .*a dict"),
    "msg str": (lambda send: send(None, "t", "m"), InvalidMessage, "msg is 'm': .*a dict"),
    "no method": (
        lambda send: send(None, "t", {"args": {}}),
        InvalidMessage,
        "msg has no \"method\": {'args'",
    ),
    "method": (
        lambda send: send(None, "t", {"method": 5}),
        InvalidMessage,
        r'msg\["method"\] is 5: .*a str',
    ),
    "args": (
        lambda send: send(None, "t", {"method": "m", "args": [1]}),
        InvalidMessage,
        r'msg\["args"\] is \[1\]: .*a dict',
    ),
    "more": (
        lambda send: send(None, "t", {"method": "m", "version": "1.0"}),
        InvalidMessage,
        'msg has \'version\': only "method" and "args" are allowed',
    ),
    "context": (
        lambda send: send(5, "t", MSG),
        InvalidMessage,
        r"context is 5: .*None, a mapping, or an object with to_dict\(\)",
    ),
    "context of a factory": (
        lambda send: send(dict, "t", MSG),
        InvalidMessage,
        "context is <class 'dict'>: ",
    ),
    "args value": (
        lambda send: send(None, "t", message("m", when=object)),
        SerializationError,
        r"args\['when'\] can't be carried as JSON: .* is of type type",
    ),
    "context value": (
        lambda send: send({"when": {1}}, "t", MSG),
        SerializationError,
        r"context\['when'\] can't be carried as JSON: \{1\} is of type set",
    ),
}
WRONG_TIMEOUTS: dict[str, Wrong] = {
    "str": (lambda ask: ask(None, "t", MSG, "5"), TypeError, "timeout is '5': .*seconds, or None"),
    "bool": (lambda ask: ask(None, "t", MSG, True), TypeError, "timeout is True: .*seconds"),
    "negative": (lambda ask: ask(None, "t", MSG, -0.5), ValueError, "timeout is -0.5: .*0 or more"),
    "nan": (lambda ask: ask(None, "t", MSG, math.nan), ValueError, "timeout is nan: .*0 or more"),
    "huge": (lambda ask: ask(None, "t", MSG, -TOO_LONG), ValueError, "timeout is <int>: "),
}
SENDS = ("call", "multicall", "cast", "fanout_cast")


@pytest.mark.parametrize("name", SENDS)
@pytest.mark.parametrize(("wrong", "error", "text"), WRONG_SENDS.values(), ids=WRONG_SENDS)
@pytest.mark.parametrize("facade", [False, True], ids=["bus", "facade"])
def test_a_wrong_send(
    bus: AnyBus, name: str, wrong: Any, error: type[Exception], text: str, facade: bool
) -> None:
    bus.serve("t", Recorder())
    with bus.installed(), unchanged(bus), pytest.raises(error, match=text):
        wrong(getattr(rpcfake if facade else bus, name))


@pytest.mark.parametrize("name", ["call", "multicall"])
@pytest.mark.parametrize(("wrong", "error", "text"), WRONG_TIMEOUTS.values(), ids=WRONG_TIMEOUTS)
@pytest.mark.parametrize("facade", [False, True], ids=["bus", "facade"])
def test_a_wrong_timeout(
    bus: AnyBus, name: str, wrong: Any, error: type[Exception], text: str, facade: bool
) -> None:
    with bus.installed(), unchanged(bus), pytest.raises(error, match=text):
        wrong(getattr(rpcfake if facade else bus, name))


WRONG_ON_ANY_BUS: dict[str, Wrong] = {
    "create_connection new": (
        lambda bus: bus.create_connection("new"),
        TypeError,
        "new is 'new': .*True or False",
    ),
    "create_connection new None": (
        lambda bus: bus.create_connection(new=None),
        TypeError,
        "new is None: .*True or False",
    ),
    "facade create_connection": (
        lambda bus: rpcfake.create_connection(1),  # type: ignore[arg-type]
        TypeError,
        "new is 1: .*True or False",
    ),
    "serve topic": (lambda bus: bus.serve(5, Echo()), InvalidMessage, "topic is 5: .*a str"),
    "serve proxy": (lambda bus: bus.serve("t", None), TypeError, "proxy is None: .*object"),
    "serve fanout": (
        lambda bus: bus.serve("t", Echo(), fanout=1),
        TypeError,
        "fanout is 1: .*True or False",
    ),
    "create_consumer topic": (
        lambda bus: bus.create_connection().create_consumer("", Echo()),
        InvalidMessage,
        "topic is '': .*empty",
    ),
    "create_consumer proxy": (
        lambda bus: bus.create_connection().create_consumer("t", None),
        TypeError,
        "proxy is None: .*object",
    ),
    "create_consumer fanout": (
        lambda bus: bus.create_connection().create_consumer("t", Echo(), "yes"),
        TypeError,
        "fanout is 'yes': .*True or False",
    ),
    "run_until predicate": (
        lambda bus: bus.run_until(True),
        TypeError,
        "predicate is True: .*callable",
    ),
    "run_until timeout": (
        lambda bus: bus.run_until(lambda: True, timeout="1"),
        TypeError,
        "timeout is '1': .*seconds",
    ),
    "run_until timeout negative": (
        lambda bus: bus.run_until(lambda: True, timeout=-1),
        ValueError,
        "timeout is -1: .*0 or more",
    ),
    "run_until timeout infinite": (
        lambda bus: bus.run_until(lambda: True, timeout=math.inf),
        ValueError,
        "timeout is inf: .*finite",
    ),
    "queue": (lambda bus: bus.queue(None), InvalidMessage, "topic is None: .*a str"),
    "spec topic": (lambda bus: bus.spec("", Echo), InvalidMessage, "topic is '': .*empty"),
    "spec cls": (lambda bus: bus.spec("t", "Echo"), TypeError, "cls is 'Echo': .*a class"),
    "stub topic": (lambda bus: bus.stub(5, "m"), InvalidMessage, "topic is 5: .*a str"),
    "stub method": (lambda bus: bus.stub("t", 5), InvalidMessage, "method is 5: .*a str"),
    "stub args": (
        lambda bus: bus.stub("t", "m", [1]),
        InvalidMessage,
        r"args is \[1\]: .*a dict",
    ),
    "stub times": (lambda bus: bus.stub("t", "m", times=0), ValueError, "times is 0: .*1 or more"),
    "stub times str": (
        lambda bus: bus.stub("t", "m", times="2"),
        TypeError,
        "times is '2': .*an int, or None",
    ),
    "assert_clean str": (
        lambda bus: bus.assert_clean("untaken"),
        TypeError,
        "allow is 'untaken': .*'handler_errors', 'untaken'",
    ),
    "assert_clean int": (lambda bus: bus.assert_clean(5), TypeError, "allow is 5: .*words"),
    "assert_clean word": (
        lambda bus: bus.assert_clean({"untakn"}),
        ValueError,
        "allow has 'untakn'; did you mean 'untaken'.*allowed: ",
    ),
    "assert_clean no word": (
        lambda bus: bus.assert_clean([None]),
        ValueError,
        "allow has None.*allowed: ",
    ),
    "assert_cast topic": (lambda bus: bus.assert_cast(5), TypeError, "topic is 5: .*a str"),
    "assert_cast method": (lambda bus: bus.assert_cast("t", 5), TypeError, "method is 5: .*a str"),
    "assert_call args": (
        lambda bus: bus.assert_call("t", "m", 5),
        TypeError,
        "args is 5: .*a dict",
    ),
    "assert_call context": (
        lambda bus: bus.assert_call("t", "m", context=5),
        TypeError,
        "context is 5: .*a dict",
    ),
    "assert_multicall times": (
        lambda bus: bus.assert_multicall("t", times=-1),
        ValueError,
        "times is -1: .*0 or more",
    ),
    "assert_fanout_cast partial": (
        lambda bus: bus.assert_fanout_cast("t", partial="yes"),
        TypeError,
        "partial is 'yes': .*True or False",
    ),
    "assert_not_sent topic": (
        lambda bus: bus.assert_not_sent(5),
        TypeError,
        "topic is 5: .*a str",
    ),
    "assert_not_sent method": (
        lambda bus: bus.assert_not_sent("t", b"m"),
        TypeError,
        "method is b'm': .*a str",
    ),
    "assert_sequence": (
        lambda bus: bus.assert_sequence("cast"),
        TypeError,
        "items is 'cast': .*tuples",
    ),
    "assert_sequence item": (
        lambda bus: bus.assert_sequence([("cast",)]),
        ValueError,
        r"items\[0\] is \('cast',\).*tuple",
    ),
    "assert_sequence kind": (
        lambda bus: bus.assert_sequence([("csat", "t")]),
        ValueError,
        r"items\[0\] has kind 'csat': .*\"cast\"",
    ),
    "assert_sequence empty": (lambda bus: bus.assert_sequence([]), ValueError, "items is empty"),
    "use_backend": (lambda bus: rpcfake.use_backend(5), TypeError, "backend is 5: .*name"),
}


@pytest.mark.parametrize(
    ("wrong", "error", "text"), WRONG_ON_ANY_BUS.values(), ids=WRONG_ON_ANY_BUS
)
def test_a_wrong_argument_on_either_bus(
    bus: AnyBus, wrong: Callable[[Any], object], error: type[Exception], text: str
) -> None:
    bus.serve("served", Echo())
    with bus.installed(), unchanged(bus), pytest.raises(error, match=f"(?s)^{text}"):
        wrong(bus)
    assert bus.problems() == []
    assert bus.call(None, "served", message("value", value=1)) == 1


WRONG_ON_BUS: dict[str, Wrong] = {
    "advance str": (lambda bus: bus.advance("1"), TypeError, "seconds is '1': .*seconds"),
    "advance bool": (lambda bus: bus.advance(True), TypeError, "seconds is True: .*seconds"),
    "advance None": (lambda bus: bus.advance(None), TypeError, "seconds is None: .*seconds"),
    "advance back": (lambda bus: bus.advance(-1), ValueError, "seconds is -1: .*0 or more"),
    "advance nan": (lambda bus: bus.advance(math.nan), ValueError, "seconds is nan: .*finite"),
    "advance inf": (lambda bus: bus.advance(math.inf), ValueError, "seconds is inf: .*finite"),
    "sleep str": (lambda bus: bus.sleep("1"), TypeError, "seconds is '1': .*seconds"),
    "sleep back": (lambda bus: bus.sleep(-0.5), ValueError, "seconds is -0.5: .*0 or more"),
    "sleep inf": (lambda bus: bus.sleep(math.inf), ValueError, "seconds is inf: .*finite"),
    "spawn": (lambda bus: bus.spawn(5), TypeError, "fn is 5: .*callable"),
    "spawn None": (lambda bus: bus.spawn(None), TypeError, "fn is None: .*callable"),
    "livelock_limit str": (
        lambda bus: setattr(bus, "livelock_limit", "many"),
        TypeError,
        "livelock_limit is 'many': .*int",
    ),
    "livelock_limit bool": (
        lambda bus: setattr(bus, "livelock_limit", True),
        TypeError,
        "livelock_limit is True: .*int",
    ),
    "livelock_limit 0": (
        lambda bus: setattr(bus, "livelock_limit", 0),
        ValueError,
        "livelock_limit is 0: .*1 or more",
    ),
    "codec name": (lambda bus: Bus(codec="jsn"), ValueError, "codec is 'jsn': .*'json'.*did you"),
    "codec object": (lambda bus: Bus(codec=5), TypeError, "codec is 5: .*name, encode"),  # type: ignore[arg-type]
    "codec class": (
        lambda bus: Bus(codec=SimpleNamespace),  # type: ignore[arg-type]
        TypeError,
        "codec is <class.*: .*name, encode",
    ),
    "schedule name": (
        lambda bus: Bus(schedule="fifi"),
        ValueError,
        "schedule is 'fifi': .*'fifo', 'random'.*did you mean 'fifo'",
    ),
    "schedule object": (
        lambda bus: Bus(schedule=5),  # type: ignore[arg-type]
        TypeError,
        "schedule is 5: .*name and choose",
    ),
    "seed": (lambda bus: Bus(seed="7"), TypeError, "seed is '7': .*an int"),  # type: ignore[arg-type]
    "seed bool": (lambda bus: Bus(seed=True), TypeError, "seed is True: .*an int"),
    "context_factory": (
        lambda bus: Bus(context_factory=5),  # type: ignore[arg-type]
        TypeError,
        "context_factory is 5: .*callable.*None",
    ),
    "ThreadedBus codec": (
        lambda bus: ThreadedBus(codec="jsn"),
        ValueError,
        "codec is 'jsn': .*'json'",
    ),
    "ThreadedBus context_factory": (
        lambda bus: ThreadedBus(context_factory=5),  # type: ignore[arg-type]
        TypeError,
        "context_factory is 5: .*callable",
    ),
    "ThreadedBus seed": (lambda bus: ThreadedBus(seed=1), TypeError, ".*no seed: .*rpcfake.Bus"),
    "ThreadedBus schedule": (
        lambda bus: ThreadedBus(schedule="fifo"),
        TypeError,
        ".*no schedule: .*rpcfake.Bus",
    ),
    "ThreadedBus workers": (
        lambda bus: ThreadedBus(workers=4),
        TypeError,
        ".*no argument 'workers'.*codec, context_factory",
    ),
}


@pytest.mark.parametrize(("wrong", "error", "text"), WRONG_ON_BUS.values(), ids=WRONG_ON_BUS)
def test_a_wrong_argument_on_the_simulated_bus(
    wrong: Callable[[Any], object], error: type[Exception], text: str
) -> None:
    with Simulated() as bus:
        bus.serve("served", Echo())
        with unchanged(bus), pytest.raises(error, match=f"(?s)^{text}"):
            wrong(bus)
        assert bus.now == 0
        assert bus.problems() == []
        assert bus.call(None, "served", message("value", value=1)) == 1


@pytest.mark.parametrize("name", ["join", "result"])
@pytest.mark.parametrize(
    ("timeout", "error", "text"),
    [
        ("1", TypeError, "timeout is '1': .*seconds"),
        (True, TypeError, "timeout is True: .*seconds"),
        (-1, ValueError, "timeout is -1: .*0 or more"),
        (math.nan, ValueError, "timeout is nan: .*finite"),
    ],
)
def test_a_wrong_timeout_of_a_task(
    name: str, timeout: Any, error: type[Exception], text: str
) -> None:
    with Simulated() as bus:
        for task in (bus.spawn(lambda: 1), bus.spawn(lambda: bus.sleep(1))):
            for _ in range(2):
                with pytest.raises(error, match=text):
                    getattr(task, name)(timeout)
                bus.run()
            task.join(1)


@pytest.mark.parametrize(
    ("timeout", "error", "text"),
    [
        ("1", TypeError, "timeout is '1': .*seconds"),
        (None, TypeError, "timeout is None: .*seconds"),
        (-1, ValueError, "timeout is -1: .*0 or more"),
        (math.inf, ValueError, "timeout is inf: .*finite"),
    ],
)
def test_a_wrong_timeout_of_the_threaded_bus(
    timeout: Any, error: type[Exception], text: str
) -> None:
    bus = ThreadedBus()
    try:
        for wrong in (bus.run, bus.close, lambda timeout: bus.run_until(lambda: True, timeout)):
            with pytest.raises(error, match=text):
                wrong(timeout)
        bus.serve("served", Echo())
        assert bus.call(None, "served", message("value", value=1)) == 1
    finally:
        bus.close()


@pytest.mark.parametrize("name", ["step", "advance", "sleep", "spawn", "schedule", "seed"])
def test_what_only_the_simulated_bus_has_names_it(name: str) -> None:
    bus = ThreadedBus()
    try:
        with pytest.raises(RpcError, match=rf"no {name}.*rpcfake\.Bus"):
            found = getattr(bus, name)
            found(*{"advance": (1,), "sleep": (1,), "spawn": (len,)}.get(name, ()))
    finally:
        bus.close()


# Nothing half-sent

SITUATION = st.fixed_dictionaries(
    {
        "consumers": st.lists(st.sampled_from(["started", "waiting", "fanout", "closed"])),
        "pending": st.integers(0, 3),
        "stub": st.booleans(),
        "spec": st.booleans(),
    }
)
REFUSAL = st.one_of(
    st.tuples(st.just("topic"), bad_topics),
    st.tuples(st.just("msg"), bad_messages),
    st.tuples(st.just("context"), bad_contexts),
    st.tuples(st.just("args value"), uncarried_anywhere),
    st.tuples(st.just("context value"), uncarried_anywhere),
    st.tuples(st.just("timeout"), st.sampled_from([-1, "1", True, math.nan])),
    st.tuples(st.just("spec"), st.just(None)),
)


class Spec:
    def m(self, context: Any, **more: Any) -> None:
        pass


@given(situation=SITUATION, refusal=REFUSAL, send=st.sampled_from(SENDS), facade=st.booleans())
@relaxed
def test_after_a_refused_send_traffic_and_queues_are_as_before(
    new_bus: type[AnyBus],
    situation: dict[str, Any],
    refusal: tuple[str, Any],
    send: str,
    facade: bool,
) -> None:
    what, value = refusal
    with new_bus() as bus, bus.installed():
        proxy = Recorder()
        for way in situation["consumers"][:4]:
            connection = bus.create_connection()
            connection.create_consumer("t", proxy, fanout=way == "fanout")
            if way == "started":
                connection.consume_in_thread()
            elif way == "closed":
                connection.close()
        for _ in range(situation["pending"]):
            bus.cast(None, "t", MSG)
            bus.fanout_cast(None, "t", MSG)
        bus.settle()
        handled = len(proxy.got)
        stub = bus.stub("t", "m", times=1) if situation["stub"] else None
        if situation["spec"] or what == "spec":
            bus.spec("t", Spec)
        sent: dict[str, Any] = {"context": {"user": "u"}, "topic": "t", "msg": message("m", a=1)}
        if what in sent:
            sent[what] = value
        elif what == "args value":
            sent["msg"] = message("m", a=value)
        elif what == "context value":
            sent["context"] = {"a": value}
        elif what == "timeout":
            if send in ("cast", "fanout_cast"):
                return
            sent["timeout"] = value
        elif what == "spec":
            sent["msg"] = message("other")
        function = getattr(rpcfake if facade else bus, send)
        before = state(bus)
        with pytest.raises((RpcError, TypeError, ValueError)):
            function(*sent.values())
        bus.settle()
        assert state(bus) == before
        assert len(proxy.got) == handled
        if stub is not None:
            assert stub.used == 0
            bus.cast(None, "t", MSG)
            assert stub.used == 1


def test_another_thread_is_refused_by_a_simulated_bus_with_the_name_of_the_other() -> None:
    with Simulated() as bus:
        connection = bus.serve("t", Echo())
        task = bus.spawn(lambda: bus.sleep(1))
        values = bus.multicall(None, "t", message("values", values=[1]))
        uses: dict[str, Callable[[], object]] = {
            "call": lambda: bus.call(None, "t", MSG),
            "multicall": lambda: bus.multicall(None, "t", MSG),
            "next": lambda: next(values),
            "cast": lambda: bus.cast(None, "t", MSG),
            "fanout_cast": lambda: bus.fanout_cast(None, "t", MSG),
            "create_connection": bus.create_connection,
            "create_consumer": lambda: connection.create_consumer("t", Echo()),
            "consume_in_thread": connection.consume_in_thread,
            "serve": lambda: bus.serve("t", Echo()),
            "run": bus.run,
            "step": bus.step,
            "advance": lambda: bus.advance(1),
            "sleep": lambda: bus.sleep(1),
            "run_until": lambda: bus.run_until(lambda: True),
            "spawn": lambda: bus.spawn(len),
            "join": task.join,
            "stub": lambda: bus.stub("t", "m"),
            "close": bus.close,
        }
        errors: dict[str, BaseException | None] = {}

        def use_all() -> None:
            for name, use in uses.items():
                errors[name] = None
                try:
                    use()
                except BaseException as error:
                    errors[name] = error

        with unchanged(bus):
            thread = threading.Thread(target=use_all)
            thread.start()
            thread.join(30)
        wrong = {
            name: error for name, error in errors.items() if not isinstance(error, WrongThread)
        }
        assert wrong == {}
        assert all("ThreadedBus" in str(error) for error in errors.values())
        assert bus.problems() == [] or bus.run() is None
        assert list(values) == [1]
        task.join(2)


def test_a_closed_bus_refuses_everything_that_would_do_something(bus: AnyBus) -> None:
    connection = bus.serve("t", Echo())
    values = bus.multicall(None, "t", message("values", values=[1, 2]))
    assert next(values) == 1
    bus.close()
    bus.close()
    before = len(bus.traffic)
    refused: list[Callable[[], object]] = [
        lambda: bus.call(None, "t", MSG),
        lambda: bus.multicall(None, "t", MSG),
        lambda: bus.cast(None, "t", MSG),
        lambda: bus.fanout_cast(None, "t", MSG),
        bus.create_connection,
        lambda: bus.serve("t", Echo()),
        lambda: connection.create_consumer("t", Echo()),
        connection.consume_in_thread,
        lambda: bus.stub("t", "m"),
        bus.run,
        lambda: bus.run_until(lambda: False),
        lambda: bus.installed().__enter__(),
    ]
    if isinstance(bus, Bus):
        refused += [
            bus.step,
            lambda: bus.advance(1),
            lambda: bus.sleep(1),
            lambda: bus.spawn(len),
        ]
    for use in refused:
        with pytest.raises(ConnectionClosed, match="closed"):
            use()
    # Looking back is always allowed.
    assert len(bus.traffic) == before
    assert bus.queue("t").pending == ()
    bus.assert_multicall("t", "values")
    bus.assert_clean()
    connection.close()
    values.close()
    assert "closed" in repr(bus)
