"""Stubs answer in place of a consumer, on both buses alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcfake import InvalidMessage, RemoteError, RpcError, SerializationError, Stub, Timeout

from .rules.harness import (
    BUSES,
    AnyBus,
    Echo,
    Recorder,
    Serving,
    kinds,
    message,
    relaxed,
    unchanged,
)
from .rules.strategies import arguments, payloads, uncarried_anywhere


@pytest.fixture(scope="module", params=BUSES, ids=["Bus", "ThreadedBus"])
def new_bus(request: pytest.FixtureRequest) -> type[AnyBus]:
    made: type[AnyBus] = request.param
    return made


@pytest.fixture
def bus(new_bus: type[AnyBus]) -> Iterator[AnyBus]:
    with new_bus() as made:
        yield made


def ask(bus: AnyBus, method: str = "price", **args: Any) -> Any:
    return bus.call(None, "shop", {"method": method, "args": args}, timeout=30)


# Actions


@given(value=payloads)
@relaxed
def test_returns(new_bus: type[AnyBus], value: Any) -> None:
    with new_bus() as bus:
        bus.stub("shop", "price").returns(value)
        assert ask(bus) == value
        assert list(bus.multicall(None, "shop", message("price"))) == [value]


def test_without_an_action_it_returns_none(bus: AnyBus) -> None:
    bus.stub("shop", "price")
    assert ask(bus, item="tea") is None
    assert list(bus.multicall(None, "shop", message("price"))) == [None]


def test_what_it_returns_is_shared_with_nobody(bus: AnyBus) -> None:
    price = {"tea": [3]}
    bus.stub("shop", "price").returns(price)
    price["tea"].append(4)
    first = ask(bus)
    assert first == {"tea": [3]}
    first["tea"].append(5)
    assert ask(bus) == {"tea": [3]}
    values = [{"tea": [3]}]
    bus.stub("shop", "prices").yields(values, values)
    values.clear()
    assert list(bus.multicall(None, "shop", message("prices"))) == [[{"tea": [3]}]] * 2


@given(values=st.lists(payloads, max_size=4))
@relaxed
def test_yields(new_bus: type[AnyBus], values: list[Any]) -> None:
    with new_bus() as bus:
        bus.stub("shop", "prices").yields(*values)
        assert list(bus.multicall(None, "shop", message("prices"))) == values
        assert ask(bus, "prices") == (values[-1] if values else None)


class OutOfStock(Exception):
    def __init__(self, item: str, *, since: int) -> None:
        super().__init__(f"no {item} since {since}")


@pytest.mark.parametrize(
    ("error", "name", "text"),
    [
        (KeyError("tea"), "KeyError", "'tea'"),
        (KeyError, "KeyError", ""),
        (OutOfStock("tea", since=3), "OutOfStock", "no tea since 3"),
        (SystemExit(3), "SystemExit", "3"),
        (ExceptionGroup("two", [KeyError(1)]), "ExceptionGroup", "two (1 sub-exception)"),
    ],
    ids=repr,
)
def test_raises(bus: AnyBus, error: Any, name: str, text: str) -> None:
    bus.stub("shop", "price").raises(error)
    for _ in range(3):
        with pytest.raises(RemoteError) as caught:
            ask(bus)
        assert (caught.value.exc_type, caught.value.value) == (name, text)
        assert name in caught.value.traceback
    assert bus.problems() == []


def test_a_remote_error_reaches_the_caller_as_it_is(bus: AnyBus) -> None:
    bus.stub("shop", "price").raises(RemoteError("shop.OutOfStock", "no tea", "the traceback"))
    with pytest.raises(RemoteError) as caught:
        ask(bus)
    error = caught.value
    assert (error.exc_type, error.value, error.traceback) == (
        "shop.OutOfStock",
        "no tea",
        "the traceback",
    )


def test_raised_at_a_cast_it_is_an_error_that_nobody_saw(bus: AnyBus) -> None:
    bus.stub("shop", "restock").raises(KeyError("tea"))
    bus.cast(None, "shop", message("restock"))
    bus.settle()
    [problem] = bus.problems()
    assert problem.allow == "handler_errors"
    assert "stub:shop#1" in problem.text


@given(args=arguments)
@relaxed
def test_runs_is_called_as_a_handler_is(new_bus: type[AnyBus], args: dict[str, Any]) -> None:
    with new_bus() as bus:
        bus.stub("shop", "price").runs(lambda context, **given: [dict(context), given])
        msg = {"method": "price", "args": args}
        assert bus.call({"user": "u"}, "shop", msg) == [{"user": "u"}, args]


def test_runs_may_be_a_generator_reply_and_call(bus: AnyBus) -> None:
    def prices(context: Any, items: list[str]) -> Iterator[Any]:
        context.reply("first")
        for item in items:
            yield bus.call(context, "store", message("value", value=item))

    bus.serve("store", Echo())
    bus.stub("shop", "prices").runs(prices)
    msg = message("prices", items=["tea", "milk"])
    assert list(bus.multicall(None, "shop", msg)) == ["first", "tea", "milk"]


@pytest.mark.parametrize("args", [{"self": 1}, {"self": 1, "args": 2, "action": 3, "method": 4}])
def test_args_may_have_any_name_but_context(bus: AnyBus, args: dict[str, Any]) -> None:
    bus.stub("shop", "price").runs(lambda context, **given: given).returns("second").yields("third")
    msg = {"method": "price", "args": args}
    answers = [bus.call(None, "shop", msg) for _ in range(3)]
    assert answers == [args, "second", "third"]


def test_never_takes_the_message_and_gives_no_answer(bus: AnyBus) -> None:
    bus.stub("shop", "price").never()
    with pytest.raises(Timeout):
        bus.call(None, "shop", message("price"), timeout=0.02)
    values = bus.multicall(None, "shop", message("price"), timeout=0.02)
    with pytest.raises(Timeout):
        next(values)
    bus.cast(None, "shop", message("price"))
    bus.settle()
    assert kinds(bus)["taken"] == 3
    assert kinds(bus)["timeout"] == 2
    assert kinds(bus)["ending"] == 0
    assert bus.problems() == []


def test_never_then_an_answer_is_a_retry(bus: AnyBus) -> None:
    bus.stub("shop", "price").never().returns(3)
    with pytest.raises(Timeout):
        bus.call(None, "shop", message("price"), timeout=0.02)
    assert ask(bus) == 3


# Chains and times


@given(values=st.lists(st.integers(), min_size=1, max_size=5), more=st.integers(0, 3))
@relaxed
def test_each_action_answers_one_message_and_the_last_all_that_follow(
    new_bus: type[AnyBus], values: list[int], more: int
) -> None:
    with new_bus() as bus:
        stub = bus.stub("shop", "price")
        for value in values:
            assert stub.returns(value) is stub
        answers = [ask(bus) for _ in range(len(values) + more)]
        assert answers == values + values[-1:] * more
        assert stub.used == len(values) + more


def test_actions_of_all_kinds_chain(bus: AnyBus) -> None:
    stub: Stub = bus.stub("shop", "price")
    chained = stub.raises(KeyError("tea")).returns(3).yields(4, 5).runs(lambda context: 6)
    assert chained is stub
    with pytest.raises(RemoteError, match="tea"):
        ask(bus)
    assert [ask(bus) for _ in range(4)] == [3, 5, 6, 6]


def test_actions_may_be_added_later(bus: AnyBus) -> None:
    stub = bus.stub("shop", "price")
    assert ask(bus) is None
    stub.returns(1)
    assert [ask(bus), ask(bus)] == [1, 1]


@pytest.mark.parametrize("times", [1, 2, 3])
def test_after_so_many_times_the_others_go_on_to_the_consumer(bus: AnyBus, times: int) -> None:
    bus.serve("shop", Serving(price=lambda context: "consumer"))
    bus.stub("shop", "price", times=times).returns("stub")
    answers = [ask(bus) for _ in range(times + 2)]
    assert answers == ["stub"] * times + ["consumer"] * 2


@given(
    stubs=st.lists(st.none() | st.integers(1, 3), min_size=1, max_size=4), asked=st.integers(0, 8)
)
@relaxed
def test_the_newest_that_has_uses_left_answers(
    new_bus: type[AnyBus], stubs: list[int | None], asked: int
) -> None:
    with new_bus() as bus:
        bus.serve("shop", Serving(price=lambda context: "consumer"))
        made = [
            bus.stub("shop", "price", times=times).returns(number)
            for number, times in enumerate(stubs)
        ]
        left = dict(enumerate(stubs))
        expected: list[Any] = []
        for _ in range(asked):
            usable = [number for number, uses in left.items() if uses != 0]
            expected.append(max(usable) if usable else "consumer")
            if usable and (uses := left[max(usable)]) is not None:
                left[max(usable)] = uses - 1
        assert [ask(bus) for _ in range(asked)] == expected
        assert [stub.used for stub in made] == [expected.count(number) for number in left]
        unused = [
            number
            for number, times in enumerate(stubs)
            if expected.count(number) < (1 if times is None else times)
        ]
        assert [problem.allow for problem in bus.problems()] == ["unused_stubs"] * len(unused)


def test_a_stub_is_used_no_more_often_than_it_may_be_whoever_asks_meanwhile(bus: AnyBus) -> None:
    class Asks:
        """Compares equal, and while it compares somebody else uses up the stub."""

        asked = False

        def __eq__(self, other: object) -> bool:
            if other == "outer" and not self.asked:
                self.asked = True
                bus.cast(None, "shop", message("price", item="inner"))
            return True

        __hash__ = None  # type: ignore[assignment]

    bus.serve("shop", Serving(price=lambda context, item: "consumer"))
    stub = bus.stub("shop", "price", {"item": Asks()}, times=1).returns("stub")
    assert ask(bus, item="outer") == "consumer"
    bus.settle()
    assert stub.used == 1
    assert bus.problems() == []


# Which messages


@given(args=arguments, other=arguments)
@relaxed
def test_args_compare_exactly(
    new_bus: type[AnyBus], args: dict[str, Any], other: dict[str, Any]
) -> None:
    with new_bus() as bus:
        bus.serve("shop", Serving(price=lambda context, **given: "consumer"))
        bus.stub("shop", "price", args).returns("stub")
        assert bus.call(None, "shop", {"method": "price", "args": args}) == "stub"
        expected = "stub" if args == other else "consumer"
        assert bus.call(None, "shop", {"method": "price", "args": other}) == expected


def test_values_may_have_an_equality_of_their_own(bus: AnyBus) -> None:
    class Even:
        def __eq__(self, other: object) -> bool:
            return isinstance(other, int) and other % 2 == 0

        __hash__ = None  # type: ignore[assignment]

    bus.serve("shop", Serving(price=lambda context, **given: "consumer"))
    bus.stub("shop", "price", {"item": mock.ANY, "count": Even()}).returns("stub")
    assert ask(bus, item="tea", count=2) == "stub"
    assert ask(bus, item=None, count=0) == "stub"
    assert ask(bus, item="tea", count=3) == "consumer"
    assert ask(bus, item="tea") == "consumer"
    assert ask(bus, item="tea", count=2, more=1) == "consumer"


def test_no_args_are_not_any_args(bus: AnyBus) -> None:
    bus.serve("shop", Serving(price=lambda context, **given: "consumer"))
    bus.stub("shop", "price", {}).returns("stub")
    assert ask(bus) == "stub"
    assert bus.call(None, "shop", {"method": "price"}) == "stub"
    assert ask(bus, item="tea") == "consumer"


def test_args_are_compared_as_they_arrive(bus: AnyBus) -> None:
    bus.stub("shop", "price", {"items": ["tea"], "counts": {"1": 2}}).returns("stub")
    assert ask(bus, items=("tea",), counts={1: 2}) == "stub"


def test_a_comparison_that_raises_refuses_the_send(bus: AnyBus) -> None:
    class Broken:
        def __eq__(self, other: object) -> bool:
            raise RuntimeError("can't say")

        __hash__ = None  # type: ignore[assignment]

    stub = bus.stub("shop", "price", {"item": Broken()}).returns("stub")
    with unchanged(bus), pytest.raises(RuntimeError, match="can't say"):
        ask(bus, item="tea")
    assert stub.used == 0


def test_only_its_topic_and_method(bus: AnyBus) -> None:
    proxy = Recorder()
    for topic in ("shop", "shop.", "SHOP"):
        bus.serve(topic, proxy)
    bus.stub("shop", "price")
    bus.cast(None, "shop", message("price"))
    bus.cast(None, "shop", message("prices"))
    bus.cast(None, "shop.", message("price"))
    bus.cast(None, "SHOP", message("price"))
    bus.settle()
    assert sorted(proxy.methods) == ["price", "price", "prices"]


def test_the_timeout_tells_which_args_differ(bus: AnyBus) -> None:
    bus.stub("shop", "price", {"item": "cup"}, times=1)
    bus.stub("shop", "price", {"item": "tea", "spec": {"size": 1, "kind": mock.ANY}})
    ask(bus, item="cup")
    args = {"item": "tea", "spec": {"size": 2, "kind": "green"}}
    with pytest.raises(Timeout) as timeout:
        bus.call(None, "shop", message("price", **args), timeout=0)
    told = str(timeout.value).splitlines()[2:]
    assert told[0].startswith("  the stub for shop.price with args {'item': 'tea'")
    assert told[0].endswith(" wants other args:")
    assert told[1:3] == [
        """    args["spec"]["size"]: expected 1, was 2""",
        "  the stub for shop.price with args {'item': 'cup'} is used up: times=1",
    ]
    assert not told[3].startswith("    ")


def test_the_timeout_tells_of_few_stubs_and_few_differences(bus: AnyBus) -> None:
    for n in range(10):
        bus.stub("shop", "price", {f"a{each}": n for each in range(9)})
    bus.stub("shop", "sell", {"item": "tea"})  # of another name: it is not told
    with pytest.raises(Timeout) as timeout:
        bus.call(None, "shop", message("price"), timeout=0)
    text = str(timeout.value)
    assert text.count("wants other args") == 3
    assert text.count("missing, expected 9") == 5
    assert "    … 4 more\n" in text


def test_the_timeout_tells_of_fanout_consumers_only(bus: AnyBus) -> None:
    bus.serve("shop", Recorder(), fanout=True)
    with pytest.raises(Timeout, match="which no call reaches: create one without fanout=True"):
        bus.call(None, "shop", message("price"), timeout=0)


def test_a_stub_needs_no_consumer_and_declares_none(bus: AnyBus) -> None:
    bus.stub("shop", "price").returns(3)
    assert ask(bus) == 3
    assert bus.topics == ()
    bus.cast(None, "shop", message("restock"))
    assert kinds(bus)["dropped"] == 1


def test_a_stub_wins_over_a_consumer_that_was_there_before_and_one_that_comes(bus: AnyBus) -> None:
    before, after = Recorder(), Recorder()
    bus.serve("shop", before)
    bus.stub("shop", "price").returns("stub")
    bus.serve("shop", after)
    assert [ask(bus) for _ in range(4)] == ["stub"] * 4
    assert before.got == after.got == []


def test_what_was_sent_before_the_stub_is_not_its_own(bus: AnyBus) -> None:
    proxy = Recorder()
    connection = bus.create_connection()
    connection.create_consumer("shop", proxy)
    bus.cast(None, "shop", message("price"))
    bus.stub("shop", "price")
    connection.consume_in_thread()
    bus.settle()
    assert proxy.methods == ["price"]
    assert [problem.allow for problem in bus.problems()] == ["unused_stubs"]


@pytest.mark.parametrize("kind", ["cast", "fanout_cast"])
def test_what_a_stub_matches_reaches_the_stub_alone(bus: AnyBus, kind: str) -> None:
    shared, fanout, ran = Recorder(), Recorder(), Recorder()
    bus.serve("shop", shared)
    bus.serve("shop", fanout, fanout=True)
    bus.serve("shop", fanout, fanout=True)
    bus.stub("shop", "tell", times=1).runs(ran.tell)
    for number in range(2):
        getattr(bus, kind)(None, "shop", message("tell", number=number))
    bus.settle()
    assert ran.args == [{"number": 0}]
    others = shared.args if kind == "cast" else fanout.args
    assert others == [{"number": 1}] * (1 if kind == "cast" else 2)
    assert len(shared.got) + len(fanout.got) == len(others)


def test_two_stubs_of_one_message_one_answers(bus: AnyBus) -> None:
    older, newer = Recorder(), Recorder()
    bus.stub("shop", "tell").runs(older.tell)
    bus.stub("shop", "tell").runs(newer.tell)
    bus.fanout_cast(None, "shop", message("tell"))
    bus.settle()
    assert (older.methods, newer.methods) == ([], ["tell"])


def test_its_name_is_on_record(bus: AnyBus) -> None:
    bus.stub("shop", "price").returns(1)
    bus.stub("shop", "restock")
    bus.stub("desk", "price")
    ask(bus)
    ask(bus, "restock")
    bus.call(None, "desk", message("price"))
    names = [record.consumer for record in bus.traffic.taken()]
    assert names == ["stub:shop#1", "stub:shop#2", "stub:desk#1"]


def test_a_stub_waits_like_a_handler_and_holds_up_nobody(bus: AnyBus) -> None:
    gate = bus.gate()

    def wait(context: Any, number: int) -> int:
        gate.wait()
        return number

    bus.stub("shop", "price").runs(wait)
    many = [bus.multicall(None, "shop", message("price", number=number)) for number in range(5)]
    bus.until(lambda: gate.waiting == 5)
    gate.open()
    assert [list(values) for values in many] == [[number] for number in range(5)]


# Used or not


def test_unused_stubs_are_problems_that_name_them(bus: AnyBus) -> None:
    bus.stub("shop", "price")
    bus.stub("shop", "price", {"item": "tea"}, times=3)
    ask(bus, item="tea")
    assert sorted(problem.text for problem in bus.problems()) == [
        "the stub for shop.price was never used",
        "the stub for shop.price with args {'item': 'tea'} was used 1 of 3 times",
    ]
    assert {problem.allow for problem in bus.problems()} == {"unused_stubs"}
    with pytest.raises(AssertionError, match="unused_stubs"):
        bus.assert_clean()
    bus.assert_clean(allow={"unused_stubs"})
    ask(bus, item="tea")
    ask(bus, item="tea")
    ask(bus)
    bus.assert_clean()


def test_its_repr_says_what_it_answers_and_how_often_it_did(bus: AnyBus) -> None:
    stub = bus.stub("shop", "price", {"item": "tea"})
    ask(bus, item="tea")
    assert repr(stub) == "<stub shop.price, {'item': 'tea'}, used 1 times>"
    assert repr(bus.stub("shop", "price")) == "<stub shop.price, used 0 times>"


# Bad input

REFUSED: list[tuple[Callable[[Stub], object], type[Exception], str]] = [
    (lambda stub: stub.raises(5), TypeError, "error is 5"),  # type: ignore[arg-type]
    (lambda stub: stub.raises("KeyError"), TypeError, "error is 'KeyError'"),  # type: ignore[arg-type]
    (lambda stub: stub.raises(int), TypeError, "error is <class 'int'>"),  # type: ignore[arg-type]
    (lambda stub: stub.raises(OutOfStock), TypeError, "OutOfStock.*without arguments"),
    (lambda stub: stub.raises(Timeout("x")), ValueError, r"never\(\)"),
    (lambda stub: stub.raises(Timeout), TypeError, "Timeout.*without arguments"),
    (lambda stub: stub.runs(5), TypeError, "function is 5"),  # type: ignore[arg-type]
    (lambda stub: stub.runs(None), TypeError, "function is None"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("refused", "error", "text"), REFUSED, ids=[text for *_, text in REFUSED])
def test_a_wrong_action_is_refused_and_not_added(
    bus: AnyBus, refused: Callable[[Stub], object], error: type[Exception], text: str
) -> None:
    stub = bus.stub("shop", "price").returns(1)
    with pytest.raises(error, match=text):
        refused(stub)
    assert [ask(bus), ask(bus)] == [1, 1]


@given(value=uncarried_anywhere)
@relaxed
def test_a_value_that_the_codec_can_not_carry_is_refused(new_bus: type[AnyBus], value: Any) -> None:
    with new_bus() as bus:
        stub = bus.stub("shop", "price").returns(1)
        with pytest.raises(SerializationError):
            stub.returns(value)
        with pytest.raises(SerializationError):
            stub.yields(1, value)
        assert [ask(bus), ask(bus)] == [1, 1]


@pytest.mark.parametrize(
    ("args", "options", "error", "text"),
    [
        (("", "m"), {}, InvalidMessage, "topic"),
        ((5, "m"), {}, InvalidMessage, "topic is 5"),
        (("shop", 5), {}, InvalidMessage, "method is 5"),
        (("shop", None), {}, InvalidMessage, "method is None"),
        (("shop", "m", []), {}, InvalidMessage, r"args is \[\]"),
        (("shop", "m", mock.ANY), {}, InvalidMessage, "args"),
        (("shop", "m"), {"times": 0}, ValueError, "times is 0.*assert_not_sent"),
        (("shop", "m"), {"times": -1}, ValueError, "times is -1"),
        (("shop", "m"), {"times": True}, TypeError, "times is True"),
        (("shop", "m"), {"times": 1.0}, TypeError, "times is 1.0"),
        (("shop", "m"), {"times": "1"}, TypeError, "times is '1'"),
    ],
)
def test_a_wrong_stub_is_refused_and_matches_nothing(
    bus: AnyBus, args: Any, options: Any, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        bus.stub(*args, **options)
    assert bus.problems() == []


def test_a_closed_bus_takes_no_stub(bus: AnyBus) -> None:
    bus.close()
    with pytest.raises(RpcError, match="closed"):
        bus.stub("shop", "price")
