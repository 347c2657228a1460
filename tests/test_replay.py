"""bus.replay: recorded answers in place of the services that gave them."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rpcfake
from rpcfake import Bus, CassetteError, NotRecorded, RemoteError, ThreadedBus, Timeout, Traffic
from rpcfake.against import replay_against

from .traffic.rows import Script


class Stock:
    """The service that is recorded, and then is not there."""

    def price(self, context: Any, item: str) -> int:
        time.sleep(0.5)  # virtual
        return {"tea": 3, "milk": 2}[item]

    def each(self, context: Any, count: int) -> Any:
        yield from range(count)

    def login(self, context: Any, password: str) -> str:
        return f"{password} it is"

    def note(self, context: Any, text: str) -> None:
        pass


class Shop:
    """The code under test, which asks it."""

    def buy(self, context: Any, items: list[str]) -> int:
        ask = [{"method": "price", "args": {"item": item}} for item in items]
        return sum(rpcfake.call(context, "stock", msg) for msg in ask)


def send(bus: Any, kind: str, method: str, **args: Any) -> Any:
    given = getattr(bus, kind)({}, "stock", {"method": method, "args": args})
    return list(given) if kind == "multicall" else given


def record(*steps: Callable[[Bus], object]) -> Traffic:
    bus = Bus()
    bus.serve("stock", Stock())
    bus.serve("shop", Shop())
    with bus.installed():
        for step in steps:
            step(bus)
        bus.run()
    return bus.traffic


def price(item: str) -> Callable[[Any], Any]:
    return lambda bus: send(bus, "call", "price", item=item)


def test_calls_are_answered_as_they_were() -> None:
    recorded = record(
        price("tea"),
        lambda bus: send(bus, "multicall", "each", count=3),
        lambda bus: send(bus, "cast", "note", text="hello"),
    )
    bus = Bus()
    replay = bus.replay(recorded)
    assert send(bus, "multicall", "each", count=3) == [0, 1, 2]
    assert send(bus, "call", "price", item="tea") == 3
    send(bus, "cast", "note", text="hello")
    bus.run()
    assert len(replay.unused) == 0
    assert bus.problems() == []


def test_the_same_requests_give_the_same_answers(tmp_path: Path) -> None:
    steps = (price("tea"), price("milk"), lambda bus: send(bus, "multicall", "each", count=2))
    recorded = record(*steps)
    recorded.save(tmp_path / "one.jsonl")
    bus = Bus()
    bus.replay(tmp_path / "one.jsonl", order="strict")
    for step in steps:
        step(bus)
    assert bus.traffic.compare(recorded, ignore=["consumer"], times=True)
    assert bus.problems() == []


def test_a_failure_is_a_failure_again() -> None:
    def fails(bus: Any) -> None:
        with pytest.raises(RemoteError) as caught:
            send(bus, "call", "price", item="salt")
        assert (caught.value.exc_type, caught.value.value) == ("KeyError", "'salt'")

    bus = Bus()
    bus.replay(record(fails))
    fails(bus)


def test_of_what_was_answered_twice_the_first_answer_is_what_was_heard() -> None:
    script = Script()
    call, many = (
        script.send(kind, "stock", "each", {"count": 2}) for kind in ("call", "multicall")
    )
    for last in (1, 8):
        for sent, values in ((call, [last]), (many, [0, last])):
            taken = script.taken(sent, "stock#1")
            for value in values:
                script.reply(taken, value)
            script.ending(taken)
    bus = Bus()
    bus.replay(script.traffic)
    assert send(bus, "call", "each", count=2) == 1
    assert send(bus, "multicall", "each", count=2) == [0, 1]
    outcomes = replay_against(script.traffic, Stock(), "stock")
    assert [outcome.differences for outcome in outcomes] == [(), ()]


def test_what_was_not_answered_is_not_answered() -> None:
    stock = Bus()
    stock.stub("stock", "price").never()
    with pytest.raises(Timeout):
        send(stock, "call", "price", item="tea")
    bus = Bus()
    bus.replay(stock.traffic)
    with pytest.raises(Timeout):
        bus.call({}, "stock", {"method": "price", "args": {"item": "tea"}}, timeout=5)
    assert bus.now == 5


def test_answers_take_the_time_that_they_took_or_none() -> None:
    recorded = record(price("tea"))
    for gaps, seconds in ((True, 0.5), (False, 0.0)):
        bus = Bus()
        bus.replay(recorded, gaps=gaps)
        price("tea")(bus)
        assert bus.now == seconds


def test_what_is_served_is_not_replayed() -> None:
    recorded = record(
        lambda bus: bus.call({}, "shop", {"method": "buy", "args": {"items": ["tea", "milk"]}})
    )
    bus = Bus()
    bus.serve("shop", Shop())
    bus.replay(recorded)
    with bus.installed():
        assert bus.call({}, "shop", {"method": "buy", "args": {"items": ["milk", "tea"]}}) == 5
    assert [each.consumer for each in bus.traffic.replies("stock")] == ["replay:stock"] * 2
    assert [each.consumer for each in bus.traffic.replies("shop")] == ["shop#1"]


def test_named_topics_are_replayed_whoever_serves_them() -> None:
    bus = Bus()
    bus.serve("stock", Shop())
    bus.replay(record(price("tea")), ["stock"])
    assert price("tea")(bus) == 3


def test_stubs_win_over_it() -> None:
    bus = Bus()
    bus.replay(record(price("tea")))
    bus.stub("stock", "price", times=1).returns(99)
    assert [price("tea")(bus), price("tea")(bus)] == [99, 3]


def test_other_topics_are_left_alone() -> None:
    bus = Bus()
    bus.replay(record(price("tea")))
    bus.cast({}, "mail", {"method": "send"})
    assert [each.topic for each in bus.traffic.dropped()] == ["mail"]


@given(order=st.permutations(["tea", "milk", "tea", "milk"]))
def test_in_any_order_each_is_answered_once(order: list[str]) -> None:
    bus = Bus()
    bus.replay(record(price("tea"), price("milk"), price("milk"), price("tea")))
    assert [price(item)(bus) for item in order] == [{"tea": 3, "milk": 2}[item] for item in order]
    with pytest.raises(NotRecorded):
        price("tea")(bus)


def test_what_changes_meanwhile_is_answered_in_the_recorded_order() -> None:
    stock = Bus()
    stock.stub("stock", "price").returns(1).returns(2).returns(3)
    for _ in range(3):
        price("tea")(stock)
    bus = Bus()
    bus.replay(stock.traffic)
    assert [price("tea")(bus) for _ in range(3)] == [1, 2, 3]


# What none answers


def test_what_was_not_recorded_is_refused_and_the_nearest_are_shown() -> None:
    recorded = record(*(price(item) for item in ("tea", "milk", "tea", "milk")))
    bus = Bus()
    bus.replay(recorded)
    with pytest.raises(NotRecorded) as caught:
        price("salt")(bus)
    assert (caught.value.topic, caught.value.method) == ("stock", "price")
    assert str(caught.value).splitlines() == [
        "nothing that was recorded answers call stock.price(item='salt')",
        "the nearest that were recorded:",
        "  #0 at 0 s: call stock.price(item='tea')",
        "    args[\"item\"]: recorded as 'tea', is 'salt'",
        "  #4 at 0.5 s: call stock.price(item='milk')",
        "    args[\"item\"]: recorded as 'milk', is 'salt'",
        "  #8 at 1 s: call stock.price(item='tea')",
        "    args[\"item\"]: recorded as 'tea', is 'salt'",
    ]
    assert len(bus.traffic) == 0


def test_what_was_answered_already_is_told_so() -> None:
    bus = Bus()
    bus.replay(record(price("tea")))
    price("tea")(bus)
    with pytest.raises(NotRecorded, match=r"#0 at 0 s: .*item='tea'\) \(answered already\)"):
        price("tea")(bus)


def test_more_and_less_args_are_told() -> None:
    bus = Bus()
    bus.replay(record(price("tea")))
    with pytest.raises(NotRecorded) as caught:
        send(bus, "call", "price", what="tea")
    assert str(caught.value).splitlines()[3:] == [
        "    args[\"what\"]: was not recorded, is 'tea'",
        "    args[\"item\"]: recorded as 'tea', is not there",
    ]


def test_a_handler_that_asks_what_was_not_recorded_fails() -> None:
    bus = Bus()
    bus.serve("shop", Shop())
    bus.replay(record(price("tea")))
    with bus.installed(), pytest.raises(RemoteError, match="NotRecorded: nothing that was"):
        bus.call({}, "shop", {"method": "buy", "args": {"items": ["salt"]}})


# In the recorded order


def test_strict_wants_the_recorded_order() -> None:
    bus = Bus()
    replay = bus.replay(record(price("tea"), price("milk")), order="strict")
    with pytest.raises(NotRecorded) as caught:
        price("milk")(bus)
    assert str(caught.value).splitlines() == [
        "call stock.price(item='milk') is not what comes next in the recorded order",
        "expected next:",
        "  #0 at 0 s: call stock.price(item='tea')",
        "    args[\"item\"]: recorded as 'tea', is 'milk'",
    ]
    price("tea")(bus)
    assert [each.args for each in replay.unused] == [{"item": "milk"}]
    (problem,) = bus.problems()
    assert problem == ("unused_stubs", "1 recorded request nobody made: #4 of the cassette")
    price("milk")(bus)
    assert bus.problems() == []
    with pytest.raises(NotRecorded, match="comes after all that was recorded"):
        price("milk")(bus)


# What counts


def test_keys_may_be_left_out_and_matched() -> None:
    recorded = record(price("tea"))
    for options in ({"ignore": ["item"]}, {"match": {"args.item": mock.ANY}}):
        bus = Bus()
        bus.replay(recorded, **options)  # type: ignore[arg-type]
        assert price("salt")(bus) == 3


def test_the_context_counts_if_asked() -> None:
    recorded = record(price("tea"))
    msg = {"method": "price", "args": {"item": "tea"}}
    for context in (False, True):
        bus = Bus()
        bus.replay(recorded, context=context)
        if context:
            with pytest.raises(NotRecorded):
                bus.call({"user": "ann"}, "stock", msg)
        else:
            assert bus.call({"user": "ann"}, "stock", msg) == 3


def test_secrets_count_as_what_stands_for_them(tmp_path: Path) -> None:
    def login(password: str) -> Callable[[Any], Any]:
        return lambda bus: send(bus, "call", "login", password=password)

    record(*map(login, ("first", "second", "first"))).save(tmp_path / "one")
    bus = Bus()
    bus.replay(tmp_path / "one", order="strict")
    assert [login(word)(bus) for word in ("uno", "due")] == [
        "[redacted #1] it is",
        "[redacted #2] it is",
    ]
    with pytest.raises(NotRecorded):
        login("due")(bus)
    assert login("uno")(bus) == "[redacted #1] it is"


@pytest.mark.parametrize("order", ["match", "strict"])
def test_a_secret_that_was_known_from_elsewhere_is_found(order: Any, tmp_path: Path) -> None:
    token = {"auth_token": "tok-12345"}

    def ask(bus: Any) -> list[Any]:
        first = bus.call(token, "s", {"method": "m", "args": {"t": "tok-12345"}})
        return [first, bus.call({}, "s", {"method": "use", "args": {"text": "by tok-12345!"}})]

    stock = Bus()
    stock.stub("s", "m").returns(1)
    stock.stub("s", "use").returns(2)
    ask(stock)
    stock.traffic.save(tmp_path / "one")
    bus = Bus()
    bus.replay(tmp_path / "one", order=order)
    assert ask(bus) == [1, 2]


def test_a_text_that_looks_redacted_is_refused_in_words(tmp_path: Path) -> None:
    def login(bus: Any, text: str) -> Any:
        args = {"password": "hunter22", "n": text}
        return bus.call({}, "s", {"method": "m", "args": args})

    stock = Bus()
    stock.stub("s", "m").returns(1)
    login(stock, "x hunter22")
    stock.traffic.save(tmp_path / "one")
    bus = Bus()
    bus.replay(tmp_path / "one")
    with pytest.raises(NotRecorded) as caught:
        login(bus, "x [redacted]")
    assert "hunter22" not in str(caught.value)
    assert login(bus, "x hunter22") == 1


def test_what_a_replayed_service_sent_itself_is_not_asked_for() -> None:
    class Self(Stock):
        def price(self, context: Any, item: str) -> int:
            rpcfake.cast(context, "stock", {"method": "note", "args": {"text": item}})
            return 3

    recorded = Bus()
    recorded.serve("stock", Self())
    with recorded.installed():
        for item in ("tea", "milk"):
            price(item)(recorded)
        recorded.run()
    for topics in (None, ["stock"]):
        bus = Bus()
        replay = bus.replay(recorded.traffic, topics, order="strict")
        assert [price(item)(bus) for item in ("tea", "milk")] == [3, 3]
        assert len(replay.unused) == 0
        assert bus.problems() == []


def test_thousands_of_equal_requests_take_no_time() -> None:
    stock = Bus()
    stock.stub("stock", "price").returns(3)
    for _ in range(3000):
        price("tea")(stock)
    bus = Bus()
    replay = bus.replay(stock.traffic, order="strict")
    assert {price("tea")(bus) for _ in range(3000)} == {3}
    assert len(replay.unused) == 0


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"topics": "stock"}, "topics is 'stock': it must be a list of topics, or None"),
        ({"topics": ["stok"]}, "topics has 'stok': the cassette has 'stock'"),
        ({"order": "any"}, "order is 'any': it must be match, strict"),
        ({"gaps": 1}, "gaps is 1: it must be True or False"),
        ({"context": {}}, "context is {}: it must be True or False"),
        ({"ignore": "item"}, "ignore is 'item': it must be a list of keys"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], text: str) -> None:
    with pytest.raises((TypeError, ValueError), match=text):
        Bus().replay(record(price("tea")), **options)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("hello\n")
    with pytest.raises(CassetteError, match="line 1, column 1"):
        Bus().replay(tmp_path / "one")


def test_threads_are_answered_too_and_wait_for_nothing() -> None:
    recorded = record(price("tea"), price("milk"))
    bus = ThreadedBus()
    try:
        bus.replay(recorded)
        with ThreadPoolExecutor(2) as pool:
            asked = [pool.submit(price(item), bus) for item in ("milk", "tea")]
            assert [each.result(10) for each in asked] == [2, 3]
    finally:
        bus.close()
