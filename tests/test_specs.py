"""A spec lets pass what a handler of the class could be called with, and nothing else."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcfake import InvalidMessage, RemoteError

from .rules.harness import BUSES, AnyBus, message, relaxed, unchanged


@pytest.fixture(scope="module", params=BUSES, ids=["Bus", "ThreadedBus"])
def new_bus(request: pytest.FixtureRequest) -> type[AnyBus]:
    made: type[AnyBus] = request.param
    return made


@pytest.fixture
def bus(new_bus: type[AnyBus]) -> Iterator[AnyBus]:
    with new_bus() as made:
        yield made


def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def around(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return around


class Traced:
    """A decorator that is a descriptor of its own."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        functools.update_wrapper(self, function)

    def __get__(self, instance: object, owner: object = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._function(*args, **kwargs)


class Callable_:
    def __call__(self, context: Any, a: int) -> None:
        pass


class Base:
    def inherited(self, context: Any, a: int) -> None:
        pass


class Shop(Base):
    label = "not a method"
    given = Callable_()

    def plain(self, context: Any, a: int, b: int = 2) -> None:
        pass

    def keyword_only(self, *, context: Any, a: int) -> None:
        pass

    def open_ended(self, context: Any, **more: Any) -> None:
        pass

    def anything(self, *args: Any, **more: Any) -> None:
        pass

    def without_self(*args: Any, **more: Any) -> None:
        pass

    def positional(self, context: Any, a: int, /) -> None:
        pass

    def positional_default(self, context: Any, a: int = 1, /, **more: Any) -> None:
        pass

    def positional_context(self, context: Any, /, a: int) -> None:
        pass

    def no_context(self, a: int) -> None:
        pass

    def generator(self, context: Any, a: int) -> Iterator[int]:
        yield a

    def other_self(this, context: Any, self: int) -> None:
        pass

    @staticmethod
    def static(context: Any, a: int) -> None:
        pass

    @classmethod
    def of_class(cls, context: Any, a: int) -> None:
        pass

    @decorated
    def wrapped(self, context: Any, a: int) -> None:
        pass

    @Traced
    def traced(self, context: Any, a: int) -> None:
        pass

    partial = functools.partialmethod(plain, b=3)

    @property
    def computed(self) -> Callable[..., Any]:
        return lambda context, a: None

    class Inner:
        def __init__(self, context: Any, a: int) -> None:
            pass

    def _private(self, context: Any) -> None:
        pass

    def __call__(self, context: Any) -> None:
        pass


DYNAMIC = "computed"
"""Only an instance can tell what a property gives."""
METHODS = [name for name in dir(Shop) if not name.startswith("_")] + ["_private", "__call__", "x"]
ARGS = st.dictionaries(
    st.sampled_from(["a", "b", "c", "context", "self", "this", "args", "more", "cls", ""]),
    st.integers(0, 9),
    max_size=3,
) | st.just({"a": 1})


def fits(proxy: object, method: str, args: dict[str, Any]) -> bool:
    """Whether a handler can be called so: by calling it."""
    if method.startswith("_"):
        return False
    found = getattr(proxy, method, None)
    try:
        found(context=None, **args)  # type: ignore[misc]
    except TypeError:
        return False
    return True


@given(method=st.sampled_from(METHODS), args=ARGS, by_class=st.booleans())
@relaxed
def test_it_lets_pass_exactly_what_a_handler_can_be_called_with(
    new_bus: type[AnyBus], method: str, args: dict[str, Any], by_class: bool
) -> None:
    msg = {"method": method, "args": args}
    with new_bus() as bus:
        bus.serve("shop", Shop())
        bus.spec("shop", Shop if by_class and method != DYNAMIC else Shop())
        if fits(Shop(), method, args):
            for _ in range(2):
                bus.cast(None, "shop", msg)
                bus.settle()
            assert len(bus.traffic.failures()) == 0
        else:
            for send in (bus.call, bus.multicall, bus.cast, bus.fanout_cast):
                with unchanged(bus), pytest.raises(InvalidMessage, match=r"^shop\.") as caught:
                    send(None, "shop", msg)
                assert method in str(caught.value)


@pytest.mark.parametrize("method", [name for name in METHODS if name != DYNAMIC])
@pytest.mark.parametrize("spec", [Shop, Shop()], ids=["class", "instance"])
@pytest.mark.parametrize("args", [{"a": 1}, {}, {"a": 1, "more": 2}], ids=str)
def test_of_each_kind_of_method(bus: AnyBus, method: str, spec: Any, args: dict[str, Any]) -> None:
    bus.spec("shop", spec)
    if fits(Shop(), method, args):
        bus.cast(None, "shop", {"method": method, "args": args})
    else:
        with pytest.raises(InvalidMessage):
            bus.cast(None, "shop", {"method": method, "args": args})


KINDS = inspect.Parameter


@st.composite
def signatures(draw: st.DrawFn) -> inspect.Signature:
    """A method's signature, without self; context may be anywhere or nowhere."""
    names = draw(st.lists(st.sampled_from(["context", "a", "b", "c"]), unique=True, max_size=4))
    kinds = [KINDS.POSITIONAL_ONLY, KINDS.POSITIONAL_OR_KEYWORD, KINDS.KEYWORD_ONLY]
    parameters = [
        inspect.Parameter(
            name, draw(st.sampled_from(kinds)), default=draw(st.sampled_from([KINDS.empty, 0]))
        )
        for name in names
    ]
    if draw(st.booleans()):
        parameters.append(inspect.Parameter("args", KINDS.VAR_POSITIONAL))
    if draw(st.booleans()):
        parameters.append(inspect.Parameter("more", KINDS.VAR_KEYWORD))

    def order(parameter: inspect.Parameter) -> tuple[Any, bool]:
        return (parameter.kind, parameter.default is not KINDS.empty)

    positional = [one for one in parameters if one.kind < KINDS.VAR_POSITIONAL]
    # A parameter without a default may not follow one with a default, also across the slash.
    if any(one.default is not KINDS.empty for one in positional):
        parameters = [
            one.replace(default=0) if one.kind < KINDS.VAR_POSITIONAL else one for one in parameters
        ]
    return inspect.Signature(sorted(parameters, key=order))


@given(
    signature=signatures(),
    args=st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), st.integers(0, 9), max_size=4),
)
@relaxed
def test_any_signature(
    new_bus: type[AnyBus], signature: inspect.Signature, args: dict[str, Any]
) -> None:
    parameters = str(signature)[1:-1]
    namespace: dict[str, Any] = {}
    exec(f"class Made:\n    def method(self, {parameters}): pass", namespace)
    made = namespace["Made"]
    with new_bus() as bus:
        for spec in (made, made()):
            bus.spec("shop", spec)
            msg = {"method": "method", "args": args}
            if fits(made(), "method", args):
                bus.cast(None, "shop", msg)
            else:
                with pytest.raises(InvalidMessage):
                    bus.cast(None, "shop", msg)


def test_a_property_of_a_class_is_refused(bus: AnyBus) -> None:
    bus.spec("shop", Shop)
    with pytest.raises(InvalidMessage, match="computed"):
        bus.cast(None, "shop", message("computed", a=1))


def test_args_are_judged_as_they_arrive(bus: AnyBus) -> None:
    # On the wire keys are strings: a handler gets this as its argument "1".
    bus.spec("shop", Shop)
    bus.serve("shop", Shop())
    bus.call(None, "shop", {"method": "open_ended", "args": {1: 2}})


def test_the_text_tells_what_does_not_fit_and_what_would(bus: AnyBus) -> None:
    bus.spec("shop", Shop)
    with pytest.raises(InvalidMessage) as caught:
        bus.cast(None, "shop", message("plain", a=1, c=3))
    text = str(caught.value)
    assert text.startswith("shop.plain does not fit Shop.plain(")
    assert "'c'" in text
    assert "a: " in text
    assert "self" not in text
    with pytest.raises(InvalidMessage, match="'a'"):
        bus.cast(None, "shop", message("plain"))
    with pytest.raises(InvalidMessage, match=r"no public method 'plan'; did you mean 'plain'\?"):
        bus.cast(None, "shop", message("plan"))
    with pytest.raises(InvalidMessage, match="no public method '_private'"):
        bus.cast(None, "shop", message("_private"))


def test_from_now_on_and_for_this_topic_only(bus: AnyBus) -> None:
    bus.create_connection().create_consumer("shop", Shop())
    bus.create_connection().create_consumer("shop.", Shop())
    bus.cast(None, "shop", message("nothing"))
    bus.spec("shop", Shop)
    with pytest.raises(InvalidMessage):
        bus.cast(None, "shop", message("nothing"))
    bus.cast(None, "shop.", message("nothing"))
    assert [record.topic for record in bus.traffic.sent] == ["shop", "shop."]


def test_the_newest_spec_of_a_topic_counts(bus: AnyBus) -> None:
    class Newer:
        def fresh(self, context: Any) -> None:
            pass

    bus.spec("shop", Shop)
    bus.spec("shop", Newer)
    bus.cast(None, "shop", message("fresh"))
    with pytest.raises(InvalidMessage, match="Newer"):
        bus.cast(None, "shop", message("plain", a=1))


def test_a_stub_does_not_get_what_the_spec_refuses(bus: AnyBus) -> None:
    bus.spec("shop", Shop)
    stub = bus.stub("shop", "plain").returns(1)
    with pytest.raises(InvalidMessage):
        bus.call(None, "shop", message("plain"))
    assert stub.used == 0
    assert bus.call(None, "shop", message("plain", a=1)) == 1


def test_a_spec_is_not_what_serves(bus: AnyBus) -> None:
    class Half:
        def other(self, context: Any) -> None:
            pass

    bus.spec("shop", Shop)
    bus.serve("shop", Half())
    with pytest.raises(RemoteError, match="no method"):
        bus.call(None, "shop", message("plain", a=1))


def test_a_method_that_tells_no_signature_takes_anything(bus: AnyBus) -> None:
    class Builtins:
        update = dict.update
        minimum = min

    bus.spec("shop", Builtins)
    bus.cast(None, "shop", message("minimum", a=1, b=2))
    with pytest.raises(InvalidMessage):
        bus.cast(None, "shop", message("maximum"))


@pytest.mark.parametrize(
    "cls", [None, 5, 1.5, "Shop", b"Shop", {"m": 1}, [], (), {1}, True], ids=repr
)
def test_what_is_neither_class_nor_object_with_methods_is_refused(bus: AnyBus, cls: Any) -> None:
    with pytest.raises(TypeError, match=r"cls is .*class"):
        bus.spec("shop", cls)
    bus.cast(None, "shop", message("anything", at="all"))


def test_a_class_whose_signature_can_not_be_read_is_no_crash(bus: AnyBus) -> None:
    class Hostile:
        def __dir__(self) -> list[str]:
            raise RuntimeError("no")

        def method(self, context: Any) -> None:
            pass

    bus.spec("shop", Hostile())
    with pytest.raises(InvalidMessage):
        bus.cast(None, "shop", message("nothing"))
