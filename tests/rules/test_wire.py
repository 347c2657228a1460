"""WIRE: what arrives is decode(encode(x)), and nothing is shared."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rpcfake import Bus, Codec, SerializationError, ThreadedBus

from .harness import AnyBus, Echo, Serving, few, message, relaxed, unchanged
from .strategies import (
    ANY_CHARACTER,
    TOO_LONG,
    large,
    loose,
    on_the_wire,
    payloads,
    uncarried_anywhere,
)


def tour(bus: AnyBus, value: Any) -> list[Any]:
    """What becomes of a value on every way over the bus: in args, in the context, in answers."""
    seen: list[Any] = []

    def take(context: Any, value: Any) -> Any:
        seen.extend([value, context["value"]])

    def yields(context: Any) -> Iterator[Any]:
        yield value

    proxy = Serving(
        take=take,
        returns=lambda context: value,
        yields=yields,
        replies=lambda context: context.reply(value) or value,
    )
    bus.serve("desk", proxy)
    bus.serve("desk", proxy, fanout=True)
    for send in (bus.call, bus.cast, bus.fanout_cast):
        send({"value": value}, "desk", message("take", value=value))
        bus.settle()
    answers = [bus.call(None, "desk", message(way)) for way in ("returns", "yields", "replies")]
    for way in ("returns", "yields", "replies"):
        answers += bus.multicall(None, "desk", message(way))
    assert len(seen) == 6
    assert len(answers) == 7
    return seen + answers


@given(value=payloads)
@relaxed
def test_json_survives_every_way(new_bus: type[AnyBus], value: Any) -> None:
    with new_bus() as bus:
        for arrived in tour(bus, value):
            assert arrived == value
            assert repr(arrived) == repr(value)  # True is not 1, -0.0 is not 0.0


@given(value=loose)
@relaxed
def test_tuples_become_lists_and_keys_strings(new_bus: type[AnyBus], value: Any) -> None:
    with new_bus() as bus:
        expected = on_the_wire(value)
        for arrived in tour(bus, value):
            assert arrived == expected
            assert repr(arrived) == repr(expected)


@given(value=large)
@few
def test_a_mebibyte_of_any_text_survives(new_bus: type[AnyBus], value: str) -> None:
    # nova 648782964 (LP 1175808): a string of more than 65,535 characters failed.
    with new_bus() as bus:
        bus.serve("desk", Echo())
        assert bus.call({"value": value}, "desk", message("value", value=value)) == value


@pytest.mark.parametrize("digits", [4_299, 4_300])
@pytest.mark.parametrize("sign", [1, -1])
def test_integers_of_4300_digits_survive(bus: AnyBus, digits: int, sign: int) -> None:
    value = sign * (10**digits - 1)
    assert all(arrived == value for arrived in tour(bus, value))


@pytest.mark.parametrize("leaf", [None, "x", 5])
@pytest.mark.parametrize("kind", ["list", "dict", "tuple"])
def test_depth_100_survives(bus: AnyBus, kind: str, leaf: Any) -> None:
    value = leaf
    for _ in range(100):
        value = {"list": [value], "dict": {"in": value}, "tuple": (value,)}[kind]
    assert all(arrived == on_the_wire(value) for arrived in tour(bus, value))


def test_depth_100_survives_deep_in_a_chain_of_calls(bus: AnyBus) -> None:
    value: Any = None
    for _ in range(100):
        value = [value]

    def down(context: Any, left: int, value: Any) -> Any:
        if left == 0:
            return value
        return bus.call(context, "desk", message("down", left=left - 1, value=value))

    bus.serve("desk", Serving(down=down))
    assert bus.call(None, "desk", message("down", left=100, value=value)) == value


@given(text=st.text(ANY_CHARACTER))
@example(text="\ud83d\ude00")  # two lone surrogates, not one character
@relaxed
def test_any_unicode_survives_also_as_a_key_and_as_the_method(
    new_bus: type[AnyBus], text: str
) -> None:
    called = []

    class Any_:
        def __getattr__(self, name: str) -> Callable[..., Any]:
            called.append(name)
            return lambda context, **args: [args, context.to_dict()]

    with new_bus() as bus:
        bus.serve("desk", Any_())
        sent = {"value": {text: text}}
        name = "m" + text
        assert bus.call(sent, "desk", {"method": name, "args": sent}) == [sent, sent]
        assert called == [name]


@given(value=uncarried_anywhere, where=st.sampled_from(["args", "context"]))
@relaxed
def test_what_is_no_json_is_refused_at_the_sender_and_nothing_is_sent(
    new_bus: type[AnyBus], value: Any, where: str
) -> None:
    with new_bus() as bus:
        bus.serve("desk", Echo())
        bus.serve("desk", Echo(), fanout=True)
        bus.stub("desk", "stubbed")
        context = {"value": value} if where == "context" else None
        args = {"value": value} if where == "args" else {}
        for send in (bus.call, bus.multicall, bus.cast, bus.fanout_cast):
            for method in ("echo", "stubbed"):
                with unchanged(bus), pytest.raises(SerializationError) as caught:
                    send(context, "desk", {"method": method, "args": args})
                assert caught.value.path.startswith(f"{where}['value']")
                assert caught.value.path in str(caught.value)


@pytest.mark.parametrize(
    ("value", "path", "why"),
    [
        ({"a": [1, {2}]}, "args['value']['a'][1]", "set"),
        ([{"k": float("nan")}], "args['value'][0]['k']", "nan"),
        ((1, (2, b"x")), "args['value'][1][1]", "bytes"),
        ({"a": {(1, 2): 3}}, "args['value']['a'][(1, 2)]", "tuple"),
        ({"a": [TOO_LONG]}, "args['value']['a'][0]", "4,300 digits"),
        ({"a": {TOO_LONG: 3}}, "args['value']['a'][<int>]", "4,300 digits"),
        ({"a": {float("inf"): 3}}, "args['value']['a'][inf]", "inf"),
        ({"a": {1: {2: {3: object}}}}, "args['value']['a'][1][2][3]", "type"),
    ],
    ids=["set", "nan", "bytes", "key", "long", "long key", "inf key", "object"],
)
def test_the_refusal_names_where_it_stands_and_why(
    bus: AnyBus, value: Any, path: str, why: str
) -> None:
    with unchanged(bus), pytest.raises(SerializationError, match=why) as caught:
        bus.cast(None, "desk", message("m", value=value))
    assert caught.value.path == path
    assert str(caught.value).startswith(path)


def test_what_contains_itself_is_refused(bus: AnyBus) -> None:
    ring: list[Any] = [1]
    ring.append({"again": ring})
    with unchanged(bus), pytest.raises(SerializationError, match="contains itself"):
        bus.cast(None, "desk", message("m", ring=ring))
    pair: dict[str, Any] = {}
    pair["self"] = pair
    with unchanged(bus), pytest.raises(SerializationError, match="contains itself"):
        bus.cast(pair, "desk", message("m"))


def test_what_is_nested_far_too_deep_is_refused(bus: AnyBus) -> None:
    value: Any = []
    for _ in range(100_000):
        value = [value]
    with unchanged(bus), pytest.raises(SerializationError, match="nested too deeply"):
        bus.cast(None, "desk", message("m", value=value))
    while value:
        value = value.pop()  # or its end would recurse as deep


class Sharing:
    """Keeps what it gets, changes it, and changes what it gave."""

    def __init__(self) -> None:
        self.kept: list[Any] = []
        self.own: dict[str, list[int]] = {"numbers": [1]}

    def keep(self, context: Any, items: list[int]) -> None:
        self.kept.append((context, items))
        items.append(99)
        context["inner"].append(99)
        context.added = True

    def give(self, context: Any) -> dict[str, list[int]]:
        return self.own

    def give_more(self, context: Any) -> Iterator[list[int]]:
        numbers: list[int] = []
        for number in range(3):
            numbers.append(number)
            yield numbers

    def reply(self, context: Any) -> list[int]:
        numbers = [0]
        context.reply(numbers)
        numbers.append(1)
        return numbers


def test_the_receiver_changes_nothing_of_the_senders(bus: AnyBus) -> None:
    # oslo.messaging's fake:// shares args, contexts and replies.
    bus.serve("desk", Sharing())
    bus.serve("desk", Sharing(), fanout=True)
    context, items = {"inner": [1]}, [1]
    for send in (bus.call, bus.cast, bus.fanout_cast, bus.multicall):
        send(context, "desk", message("keep", items=items))
        bus.settle()
    assert (context, items) == ({"inner": [1]}, [1])
    for record in bus.traffic.sent:
        assert (record.context, record.args) == ({"inner": [1]}, {"items": [1]})


def test_the_sender_changes_nothing_of_the_receivers(bus: AnyBus) -> None:
    proxy = Sharing()
    connection = bus.create_connection()
    connection.create_consumer("desk", proxy)
    context, items = {"inner": [1]}, [1]
    msg = message("keep", items=items)
    bus.cast(context, "desk", msg)
    context["inner"].append(2)
    context.update(later=[])
    items.append(2)
    msg["method"] = "nothing"
    msg["args"]["more"] = 1
    connection.consume_in_thread()
    bus.settle()
    [(got, kept)] = proxy.kept
    assert kept == [1, 99]
    assert got == {"inner": [1, 99], "added": True}


def test_the_caller_changes_nothing_of_what_was_given_and_gives_no_more(bus: AnyBus) -> None:
    proxy = Sharing()
    bus.serve("desk", proxy)
    got = bus.call(None, "desk", message("give"))
    got["numbers"].append(2)
    assert proxy.own == {"numbers": [1]}
    proxy.own["numbers"].append(3)
    assert got == {"numbers": [1, 2]}
    assert bus.call(None, "desk", message("give")) == {"numbers": [1, 3]}


def test_each_value_is_as_it_was_when_it_was_given(bus: AnyBus) -> None:
    bus.serve("desk", Sharing())
    assert list(bus.multicall(None, "desk", message("give_more"))) == [[0], [0, 1], [0, 1, 2]]
    assert list(bus.multicall(None, "desk", message("reply"))) == [[0], [0, 1]]
    assert bus.call(None, "desk", message("reply")) == [0, 1]


def test_what_a_record_shows_can_not_be_changed_by_who_looks(bus: AnyBus) -> None:
    bus.serve("desk", Sharing())
    bus.call({"inner": [1]}, "desk", message("keep", items=[1]))
    bus.call(None, "desk", message("give"))
    for _ in range(2):
        sent, given = bus.traffic.calls()[0], bus.traffic.replies()[1]
        assert (sent.args, sent.context, given.value) == (
            {"items": [1]},
            {"inner": [1]},
            {"numbers": [1]},
        )
        sent.args["items"].append(2)
        sent.context.clear()
        value: Any = given.value
        value["numbers"].append(2)


class Upper:
    """A wire of its own, to which JSON is nothing special."""

    name = "upper"

    def encode(self, value: Any) -> str:
        try:
            return json.dumps(value, default=sorted).upper()
        except ValueError as error:
            raise SerializationError(str(error)) from None

    def decode(self, text: str) -> Any:
        return json.loads(text.replace("NULL", "null"))


@pytest.mark.parametrize("kind", [Bus, ThreadedBus])
def test_with_another_codec_what_arrives_is_what_that_decodes(
    kind: type[Bus] | type[ThreadedBus],
) -> None:
    codec: Codec = Upper()
    bus = kind(codec=codec)
    try:
        bus.serve("desk", Serving(ASK=lambda context, **args: [args, dict(context)]))
        answer = bus.call({"who": "me"}, "desk", {"method": "ASK", "args": {"set": {2, 1}}})
        assert answer == [{"SET": [1, 2]}, {"WHO": "ME"}]
        assert bus.traffic.replies()[0].value == answer
    finally:
        bus.close()
