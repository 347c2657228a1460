"""CALL: the last value that the method gave."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcfake import RemoteError

from .harness import AnyBus, Echo, Serving, kinds, message, relaxed
from .scripts import Step, expected_values, scripts, serve_script
from .strategies import payloads

FALSY = [None, 0, 0.0, "", [], {}, False]


@given(value=payloads)
@relaxed
def test_its_return_value(new_bus: type[AnyBus], value: Any) -> None:
    with new_bus() as bus:
        bus.serve("shop", Echo())
        assert bus.call(None, "shop", message("value", value=value)) == value


@given(values=st.lists(payloads, max_size=4))
@relaxed
def test_of_a_generator_the_last_yield(new_bus: type[AnyBus], values: list[Any]) -> None:
    with new_bus() as bus:
        bus.serve("shop", Echo())
        result = bus.call(None, "shop", message("values", values=values))
        assert result == (values[-1] if values else None)


@given(script=scripts)
@relaxed
def test_of_replies_and_the_return_the_last_before_the_ending(
    new_bus: type[AnyBus], script: list[Step]
) -> None:
    with new_bus() as bus:
        serve_script(bus, "shop", script)
        values = expected_values(script)
        assert bus.call(None, "shop", message("act")) == (values[-1] if values else None)


@pytest.mark.parametrize("value", FALSY, ids=repr)
def test_falsy_values_are_values(bus: AnyBus, value: Any) -> None:
    bus.serve("shop", Echo())
    for way, args in (("value", {"value": value}), ("values", {"values": [1, value]})):
        result = bus.call(None, "shop", {"method": way, "args": args})
        assert result == value
        assert type(result) is type(value)
    bus.serve(
        "desk", Serving(ask=lambda context: context.reply(1) or context.reply(value) or value)
    )
    assert bus.call(None, "desk", message("ask")) == value


def test_the_return_value_comes_after_replies(bus: AnyBus) -> None:
    def ask(context: Any) -> str:
        context.reply("first")
        return "returned"

    def forget(context: Any) -> None:
        context.reply("first")

    bus.serve("desk", Serving(ask=ask, forget=forget))
    assert bus.call(None, "desk", message("ask")) == "returned"
    # None is a value like any other, and it is what this method returned.
    assert bus.call(None, "desk", message("forget")) is None


def test_an_ending_carries_no_value(bus: AnyBus) -> None:
    def ask(context: Any) -> str:
        context.reply("kept")
        context.reply("beside the ending", ending=True)
        return "after it"

    def only(context: Any) -> str:
        context.reply("beside the ending", ending=True)
        return "after it"

    bus.serve("desk", Serving(ask=ask, only=only))
    assert bus.call(None, "desk", message("ask")) == "kept"
    assert bus.call(None, "desk", message("only")) is None


def test_the_caller_goes_on_at_the_ending(bus: AnyBus) -> None:
    gate = bus.gate()

    def ask(context: Any) -> str:
        context.reply("early")
        context.reply(ending=True)
        gate.wait()
        return "late"

    bus.serve("desk", Serving(ask=ask))
    assert bus.call(None, "desk", message("ask")) == "early"
    gate.open()
    bus.settle()
    assert kinds(bus) == {"call": 1, "taken": 1, "reply": 1, "ending": 1}


def test_a_generator_without_a_value_gives_none(bus: AnyBus) -> None:
    def ask(context: Any) -> Iterator[Any]:
        yield from ()
        return "what a generator returns is no value"

    bus.serve("desk", Serving(ask=ask))
    assert bus.call(None, "desk", message("ask")) is None
    assert list(bus.multicall(None, "desk", message("ask"))) == []


def test_a_generator_is_asked_only_once_for_each_value(bus: AnyBus) -> None:
    asked = []

    def ask(context: Any) -> Iterator[int]:
        for number in range(3):
            asked.append(number)
            yield number

    bus.serve("desk", Serving(ask=ask))
    assert bus.call(None, "desk", message("ask")) == 2
    assert asked == [0, 1, 2]


def test_a_failure_after_values_is_what_the_caller_gets(bus: AnyBus) -> None:
    def ask(context: Any) -> Iterator[int]:
        yield 1
        raise KeyError("lost")

    bus.serve("desk", Serving(ask=ask))
    with pytest.raises(RemoteError, match="lost"):
        bus.call(None, "desk", message("ask"))


def test_what_a_cast_returns_goes_nowhere(bus: AnyBus) -> None:
    given: list[Any] = []

    def ask(context: Any) -> Any:
        context.reply("a value")
        context.reply({1, 2})  # of a cast nothing is carried, so nothing can be refused
        context.reply(ending=True)
        given.append(context)
        return object()

    bus.serve("desk", Serving(ask=ask))
    bus.cast(None, "desk", message("ask"))
    bus.settle()
    assert len(given) == 1
    assert kinds(bus) == {"cast": 1, "taken": 1}
