"""ERROR: whatever goes wrong in a handler is a RemoteError at its caller, and nothing hangs."""

from __future__ import annotations

import inspect
import unittest
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from greenlet import GreenletExit
from hypothesis import given
from hypothesis import strategies as st

from rpcfake import InvalidMessage, RemoteError

from .harness import AnyBus, Echo, Recorder, Serving, kinds, message, relaxed
from .strategies import ANY_CHARACTER, payloads, uncarried_anywhere


class NeedsArguments(Exception):
    """oslo.messaging 001d66e6: exceptions with required arguments became TypeError."""

    def __init__(self, code: int, *, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code

    def __str__(self) -> str:
        return f"code {self.code}"


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


class SpeaksNonsense(Exception):
    def __str__(self) -> str:
        return 5  # type: ignore[return-value]


class Endless(Exception):
    def __str__(self) -> str:
        return str(self)


class Leaves(Exception):
    def __str__(self) -> str:
        raise SystemExit


def raise_deep(context: Any) -> None:
    raise_deep(context)


def chained(context: Any) -> None:
    try:
        raise KeyError("the cause")
    except KeyError as error:
        raise ValueError("the effect") from error


def grouped(context: Any) -> None:
    raise ExceptionGroup("several", [ValueError("a"), KeyError("b")])


def throw(error: BaseException | type[BaseException]) -> Callable[..., Any]:
    def method(context: Any) -> None:
        raise error

    return method


FAILURES: dict[str, tuple[Callable[..., Any], str, str]] = {
    "ValueError": (throw(ValueError("x")), "ValueError", "x"),
    "no text": (throw(ValueError), "ValueError", ""),
    "surrogate": (throw(ValueError("\ud800")), "ValueError", "\ud800"),
    "KeyError": (throw(KeyError("x")), "KeyError", "'x'"),
    "StopIteration": (throw(StopIteration("x")), "StopIteration", "x"),
    "AssertionError": (throw(AssertionError("x")), "AssertionError", "x"),
    "SystemExit": (throw(SystemExit(3)), "SystemExit", "3"),
    "GreenletExit": (throw(GreenletExit("x")), "GreenletExit", "x"),
    "GeneratorExit": (throw(GeneratorExit("x")), "GeneratorExit", "x"),
    "BaseException": (throw(BaseException("x")), "BaseException", "x"),
    "needs arguments": (throw(NeedsArguments(7, reason="r")), "NeedsArguments", "code 7"),
    "str() raises": (throw(Unspeakable()), "Unspeakable", "RuntimeError"),
    "str() is no str": (throw(SpeaksNonsense()), "SpeaksNonsense", "TypeError"),
    "str() never ends": (throw(Endless()), "Endless", "RecursionError"),
    "str() exits": (throw(Leaves()), "Leaves", "SystemExit"),
    "recursion": (raise_deep, "RecursionError", "recursion"),
    "chained": (chained, "ValueError", "the effect"),
    "group": (grouped, "ExceptionGroup", "several"),
    "RemoteError": (throw(RemoteError("Far", "away", "tb")), "RemoteError", "Far: away"),
}

failing = pytest.mark.parametrize(("method", "name", "text"), FAILURES.values(), ids=FAILURES)


def works_on(bus: AnyBus, topic: str = "desk") -> None:
    """The consumer lives on."""
    for number in range(3):
        assert bus.call(None, topic, message("value", value=number)) == number


@failing
def test_an_exception_is_a_remote_error_of_its_name_and_text(
    bus: AnyBus, method: Callable[..., Any], name: str, text: str
) -> None:
    bus.serve("desk", Serving(fail=method, value=Echo().value))
    for ask in (bus.call, lambda *asked: list(bus.multicall(*asked))):
        with pytest.raises(RemoteError) as caught:
            ask(None, "desk", message("fail"))
        assert caught.value.exc_type == name
        assert text in caught.value.value
        assert name in caught.value.traceback
        assert str(caught.value).startswith(name)
        works_on(bus)
    assert bus.problems() == []


@failing
def test_midway_the_values_before_it_are_delivered_first(
    bus: AnyBus, method: Callable[..., Any], name: str, text: str
) -> None:
    def yields(context: Any) -> Iterator[int]:
        yield 1
        yield 2
        method(context)

    def replies(context: Any) -> None:
        context.reply(1)
        context.reply(2)
        method(context)

    bus.serve("desk", Serving(yields=yields, replies=replies, value=Echo().value))
    for way in ("yields", "replies"):
        values = bus.multicall(None, "desk", message(way))
        assert [next(values), next(values)] == [1, 2]
        # A generator turns a StopIteration that it raises into a RuntimeError (PEP 479).
        expected = "RuntimeError" if (way, name) == ("yields", "StopIteration") else name
        with pytest.raises(RemoteError, match=expected):
            next(values)
        assert list(values) == []
        with pytest.raises(RemoteError, match=expected):
            bus.call(None, "desk", message(way))
    works_on(bus)


@failing
def test_at_a_cast_and_a_fanout_cast_it_stays_on_the_bus(
    bus: AnyBus, method: Callable[..., Any], name: str, text: str
) -> None:
    proxy = Serving(fail=method, value=Echo().value)
    bus.serve("desk", proxy)
    bus.serve("desk", proxy, fanout=True)
    bus.cast(None, "desk", message("fail"))
    bus.fanout_cast(None, "desk", message("fail"))
    bus.settle()
    values: list[Any] = [record.value for record in bus.traffic.failures()]
    assert [value.exc_type for value in values] == [name, name]
    works_on(bus)


@given(text=st.text(ANY_CHARACTER, max_size=30), before=st.lists(payloads, max_size=3))
@relaxed
def test_any_text_and_the_values_before_it(
    new_bus: type[AnyBus], text: str, before: list[Any]
) -> None:
    def fail(context: Any) -> Iterator[Any]:
        yield from before
        raise ValueError(text)

    with new_bus() as bus:
        bus.serve("desk", Serving(fail=fail))
        values = bus.multicall(None, "desk", message("fail"))
        assert [next(values) for _ in before] == before
        with pytest.raises(RemoteError) as caught:
            next(values)
        assert (caught.value.exc_type, caught.value.value) == ("ValueError", text)


def test_the_traceback_names_the_remote_line_and_not_the_bus(bus: AnyBus) -> None:
    def inner() -> None:
        raise ValueError("x")  # this very line

    def outer(context: Any) -> None:
        inner()

    bus.serve("desk", Serving(fail=outer))
    with pytest.raises(RemoteError) as caught:
        bus.call(None, "desk", message("fail"))
    _, first = inspect.getsourcelines(inner)
    text = caught.value.traceback
    assert f'{__file__}", line {first + 1}, in inner' in text
    assert "in outer" in text
    assert "this very line" in text
    assert "handling.py" not in text


def test_the_cause_is_in_the_traceback_too(bus: AnyBus) -> None:
    bus.serve("desk", Serving(fail=chained))
    with pytest.raises(RemoteError) as caught:
        bus.call(None, "desk", message("fail"))
    assert "the cause" in caught.value.traceback


class Guarded:
    secret = "no method"

    def __getattr__(self, name: str) -> Any:
        if name == "broken":
            raise RuntimeError("a property that fails")
        if name == "leaving":
            raise SystemExit
        raise AttributeError(name)

    def __dir__(self) -> list[str]:
        raise RuntimeError("no directory")

    def _private(self, context: Any) -> str:
        return "never"

    def __call__(self, context: Any) -> str:
        return "never"

    def value(self, context: Any, value: Any) -> Any:
        return value

    def plain(self) -> None:
        """Takes no context."""

    def positional(self, context: Any, a: int, /) -> None:
        """Can't be called by keyword."""


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("nothing", {}, "AttributeError"),
    ("", {}, "AttributeError"),
    ("\ud800", {}, "AttributeError"),
    ("a.b", {}, "AttributeError"),
    ("_private", {}, "AttributeError"),
    ("__call__", {}, "AttributeError"),
    ("__class__", {}, "AttributeError"),
    ("__init__", {}, "AttributeError"),
    ("secret", {}, "TypeError"),
    ("broken", {}, "RuntimeError"),
    ("leaving", {}, "SystemExit"),
    ("plain", {}, "TypeError"),
    ("positional", {"a": 1}, "TypeError"),
    ("value", {}, "TypeError"),
    ("value", {"value": 1, "more": 2}, "TypeError"),
    ("value", {"": 1}, "TypeError"),
    ("value", {"self": 1, "value": 1}, "TypeError"),
    ("value", {"context": {}, "value": 1}, "TypeError"),
]


@pytest.mark.parametrize(("method", "args", "name"), WRONG, ids=str)
def test_what_can_not_be_called_is_a_remote_error_too(
    bus: AnyBus, method: str, args: dict[str, Any], name: str
) -> None:
    # nova 6b97b3721 (LP 894683): the caller of an unknown method waited for ever.
    msg = {"method": method, "args": args}
    bus.serve("desk", Guarded())
    for ask in (bus.call, lambda *asked: list(bus.multicall(*asked))):
        with pytest.raises(RemoteError) as caught:
            ask(None, "desk", msg)
        assert caught.value.exc_type == name
    bus.cast(None, "desk", msg)
    bus.settle()
    assert kinds(bus)["failure"] == 3
    works_on(bus)


def test_the_text_for_an_unknown_method_names_it_and_the_nearest(bus: AnyBus) -> None:
    bus.serve("desk", Echo())
    with pytest.raises(RemoteError, match="did you mean 'values'") as caught:
        bus.call(None, "desk", message("valuess"))
    assert "'valuess'" in caught.value.value
    assert "desk#1" in caught.value.value
    with pytest.raises(RemoteError, match="private"):
        bus.call(None, "desk", message("_value"))


def test_a_private_method_is_not_even_looked_up(bus: AnyBus) -> None:
    proxy = Recorder()
    bus.serve("desk", proxy)
    for name in ("_private", "__init__", "_"):
        with pytest.raises(RemoteError):
            bus.call(None, "desk", message(name))
    assert proxy.got == []


@given(value=uncarried_anywhere)
@relaxed
def test_a_reply_that_the_codec_can_not_carry(new_bus: type[AnyBus], value: Any) -> None:
    refused = []

    def yields(context: Any) -> Iterator[Any]:
        yield 1
        yield value

    def replies(context: Any) -> int:
        context.reply(1)
        try:
            context.reply(value)
        except TypeError as error:
            refused.append(error)
        return 2

    with new_bus() as bus:
        bus.serve(
            "desk",
            Serving(
                returns=lambda context: value,
                yields=yields,
                replies=replies,
                lets=lambda context: context.reply(value),
                value=Echo().value,
            ),
        )
        for way in ("returns", "yields", "lets"):
            with pytest.raises(RemoteError, match="SerializationError"):
                bus.call(None, "desk", message(way))
        values = bus.multicall(None, "desk", message("yields"))
        assert next(values) == 1
        with pytest.raises(RemoteError, match="SerializationError"):
            next(values)
        # The handler itself is told, and may go on.
        assert list(bus.multicall(None, "desk", message("replies"))) == [1, 2]
        assert len(refused) == 1
        works_on(bus)


def test_a_generator_that_will_not_close_is_an_error_of_its_own(bus: AnyBus) -> None:
    def yields(context: Any) -> Iterator[Any]:
        try:
            yield object()
        finally:
            yield 2

    bus.serve("desk", Serving(yields=yields, value=Echo().value))
    with pytest.raises(RemoteError, match="RuntimeError"):
        bus.call(None, "desk", message("yields"))
    works_on(bus)


def test_args_that_are_no_dict_are_refused_at_the_sender(bus: AnyBus) -> None:
    bus.serve("desk", Echo())
    for args in (None, [], "abc", 5):
        with pytest.raises(InvalidMessage):
            bus.call(None, "desk", {"method": "echo", "args": args})
    works_on(bus)


SURFACING = {
    "KeyboardInterrupt": KeyboardInterrupt("x"),
    "pytest.fail": pytest.fail.Exception("x"),
    "pytest.skip": pytest.skip.Exception("x"),
    "pytest.exit": pytest.exit.Exception("x"),
    "pytest.xfail": pytest.xfail.Exception("x"),
    "unittest.SkipTest": unittest.SkipTest("x"),
}


@pytest.mark.parametrize("error", SURFACING.values(), ids=SURFACING)
@pytest.mark.parametrize("way", ["call", "multicall", "cast", "fanout_cast", "nested"])
def test_only_the_test_runners_own_outcomes_surface_in_the_test(
    bus: AnyBus, error: BaseException, way: str
) -> None:
    proxy = Serving(
        fail=throw(error),
        value=Echo().value,
        pass_on=lambda context: bus.call(context, "desk", message("fail")),
    )
    bus.serve("desk", proxy)
    bus.serve("desk", proxy, fanout=True)
    with pytest.raises(type(error)) as caught:
        if way == "multicall":
            next(bus.multicall(None, "desk", message("fail")))
        elif way == "nested":
            bus.call(None, "desk", message("pass_on"))
        else:
            getattr(bus, way)(None, "desk", message("fail"))
        bus.settle()
    assert caught.value is error
    bus.settle()
    works_on(bus)


def test_what_surfaced_was_seen(bus: AnyBus) -> None:
    bus.serve("desk", Serving(fail=lambda context: pytest.fail("x"), value=Echo().value))
    bus.cast(None, "desk", message("fail"))
    with pytest.raises(pytest.fail.Exception, match="x"):
        bus.settle()
    works_on(bus)
    assert bus.problems() == []
