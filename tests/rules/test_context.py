"""CONTEXT: what travels with a message, and what the handler gets of it."""

from __future__ import annotations

import contextvars
import copy
import pickle
from collections import ChainMap, OrderedDict, UserDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcfake import Context, InvalidMessage, RemoteError

from .harness import AnyBus, Recorder, Serving, few, message, relaxed, unchanged
from .strategies import names, on_the_wire, payloads, texts


class Request:
    """A project's own context, as nova's was."""

    def __init__(self, user: str = "", **more: Any) -> None:
        self.user = user
        self.more = more

    def to_dict(self) -> dict[str, Any]:
        return {"user": self.user, **self.more}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Request:
        return cls(**fields)


KINDS_OF_CONTEXT: dict[str, Any] = {
    "dict": {"user": "u"},
    "MappingProxyType": MappingProxyType({"user": "u"}),
    "UserDict": UserDict({"user": "u"}),
    "ChainMap": ChainMap({"user": "u"}, {"user": "hidden"}),
    "OrderedDict": OrderedDict(user="u"),
    "to_dict": Request("u"),
    "to_dict of a mapping": SimpleNamespace(to_dict=lambda: MappingProxyType({"user": "u"})),
    "Context": Context({"user": "u"}),
}

PARTS = st.dictionaries(texts, payloads, max_size=4)


@given(fields=PARTS, way=st.sampled_from([dict, UserDict, MappingProxyType, "to_dict"]))
@relaxed
def test_the_handler_gets_what_was_sent(
    new_bus: type[AnyBus], fields: dict[str, Any], way: Any
) -> None:
    context = SimpleNamespace(to_dict=lambda: fields) if way == "to_dict" else way(fields)
    got: list[Any] = []
    with new_bus() as bus:
        proxy = Serving(handle=lambda context: got.append(context))
        bus.serve("desk", proxy)
        bus.serve("desk", proxy, fanout=True)
        for send in (bus.call, bus.cast, bus.fanout_cast):
            send(context, "desk", message("handle"))
            bus.settle()
        assert len(got) == 3
        for each in got:
            assert isinstance(each, Mapping)
            assert each == fields
            assert each.to_dict() == fields
            assert type(each.to_dict()) is dict


@pytest.mark.parametrize("context", KINDS_OF_CONTEXT.values(), ids=KINDS_OF_CONTEXT)
def test_a_mapping_or_an_object_with_to_dict(bus: AnyBus, context: Any) -> None:
    bus.serve("desk", Serving(handle=lambda context: [context.user, context["user"], len(context)]))
    assert bus.call(context, "desk", message("handle")) == ["u", "u", 1]


@pytest.mark.parametrize("context", [None, {}, MappingProxyType({}), Request], ids=repr)
def test_none_is_an_empty_context(bus: AnyBus, context: Any) -> None:
    if context is Request:
        context = SimpleNamespace(to_dict=dict)
    bus.serve("desk", Serving(handle=lambda context: [context, context.to_dict()]))
    assert bus.call(context, "desk", message("handle")) == [{}, {}]


@given(fields=st.dictionaries(names, payloads, max_size=4))
@relaxed
def test_its_keys_are_attributes(new_bus: type[AnyBus], fields: dict[str, Any]) -> None:
    methods = set(dir(dict)) | {"reply", "to_dict"}
    with new_bus() as bus:
        bus.serve(
            "desk",
            Serving(
                handle=lambda context: {
                    name: getattr(context, name) for name in context if name not in methods
                }
            ),
        )
        expected = {name: value for name, value in fields.items() if name not in methods}
        assert bus.call(fields, "desk", message("handle")) == expected


def test_a_missing_attribute_is_an_attribute_error_that_names_what_there_is(bus: AnyBus) -> None:
    bus.serve("desk", Serving(handle=lambda context: context.project))
    with pytest.raises(RemoteError, match=r"project.*user") as caught:
        bus.call({"user": "u"}, "desk", message("handle"))
    assert caught.value.exc_type == "AttributeError"
    bus.serve("default", Serving(handle=lambda context: getattr(context, "project", "none")))
    assert bus.call(None, "default", message("handle")) == "none"


@pytest.mark.parametrize("key", ["reply", "to_dict", "items", "_request", "__class__", "self", ""])
def test_a_key_with_the_name_of_a_method_breaks_nothing(bus: AnyBus, key: str) -> None:
    def handle(context: Any) -> list[Any]:
        context.reply(context[key])
        return [context[key], context.to_dict(), dict(context.items())]

    bus.serve("desk", Serving(handle=handle))
    values = list(bus.multicall({key: 1}, "desk", message("handle")))
    assert values == [1, [1, {key: 1}, {key: 1}]]


def test_keys_are_strings_on_the_wire(bus: AnyBus) -> None:
    sent = {1: "a", None: ("b",), False: {2: 3}, 1.5: ()}
    bus.serve("desk", Serving(handle=lambda context: context))
    assert bus.call(sent, "desk", message("handle")) == on_the_wire(sent)


def test_it_is_always_passed_by_keyword_beside_the_args(bus: AnyBus) -> None:
    def keyword_only(*, context: Any, size: int) -> int:
        return size + int(context.more)

    def reversed_(size: int, context: Any) -> int:
        return size + int(context.more)

    bus.serve("desk", Serving(keyword_only=keyword_only, reversed=reversed_))
    for method in ("keyword_only", "reversed"):
        assert bus.call({"more": 1}, "desk", message(method, size=2)) == 3


@given(fields=st.lists(PARTS, min_size=2, max_size=5), seed=st.integers(0))
@few
def test_one_request_never_sees_anothers(
    new_bus: type[AnyBus], fields: list[dict[str, Any]], seed: int
) -> None:
    # nova 2c4e543b8 (LP 915608): one request's context showed in another.
    with new_bus(schedule="random", seed=seed) as bus:
        gate = bus.gate()

        def handle(context: Any, number: int) -> list[Any]:
            before = context.to_dict()
            context[f"mark {number}"] = number
            gate.wait()
            return [before, context]

        bus.serve("desk", Serving(handle=handle))
        many = [
            bus.multicall(sent, "desk", message("handle", number=number))
            for number, sent in enumerate(fields)
        ]
        bus.until(lambda: gate.waiting == len(fields))
        gate.open()
        for number, (sent, values) in enumerate(zip(fields, many, strict=True)):
            assert list(values) == [[sent, {**sent, f"mark {number}": number}]]


_who: contextvars.ContextVar[str] = contextvars.ContextVar("who", default="nobody")


def test_each_message_starts_with_fresh_contextvars(bus: AnyBus) -> None:
    # oslo.messaging fedf06d7 (LP 2106547): a request's context leaked into the next one.
    gate = bus.gate()

    def handle(context: Any) -> list[str]:
        before = _who.get()
        _who.set(context.user)
        gate.wait()
        return [before, _who.get()]

    bus.serve("desk", Serving(handle=handle, look=lambda context: _who.get()))
    token = _who.set("the test")
    try:
        many = [bus.multicall({"user": str(n)}, "desk", message("handle")) for n in range(4)]
        bus.until(lambda: gate.waiting == 4)
        gate.open()
        assert [list(values) for values in many] == [[["nobody", str(n)]] for n in range(4)]
        assert bus.call(None, "desk", message("look")) == "nobody"
        assert _who.get() == "the test"
    finally:
        _who.reset(token)


def test_reply_answers_its_own_request_only(bus: AnyBus) -> None:
    kept: list[Any] = []

    def keep(context: Any) -> Iterator[int]:
        kept.append(context)
        if len(kept) == 2:
            kept[0].reply("from the second")
        yield len(kept)

    bus.serve("desk", Serving(keep=keep))
    first = bus.multicall(None, "desk", message("keep"))
    assert list(first) == [1]
    assert list(bus.multicall(None, "desk", message("keep"))) == [2]
    assert [record.value for record in bus.traffic.dropped()] == ["from the second"]


def test_reply_takes_one_value_and_ending_by_keyword_only(bus: AnyBus) -> None:
    def positional(context: Any) -> None:
        context.reply(1, True)

    def two(context: Any) -> None:
        context.reply(1, 2)

    bus.serve("desk", Serving(positional=positional, two=two, bare=lambda context: context.reply()))
    for method in ("positional", "two"):
        with pytest.raises(RemoteError, match="TypeError"):
            bus.call(None, "desk", message(method))
    assert list(bus.multicall(None, "desk", message("bare"))) == [None, None]


@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy], ids=["copy", "deepcopy"])
def test_a_copy_answers_the_same_request_and_shares_nothing(bus: AnyBus, way: Any) -> None:
    # nova 1095bf0b3 (LP 934575): the context carried a pool, and copying it broke.
    def handle(context: Any) -> str:
        other = way(context)
        assert type(other) is type(context)
        assert other == context
        other["more"] = 1
        other.reply("by the copy")
        if way is copy.deepcopy:
            other.inner.append(2)
        return "returned" if context == {"inner": [1]} else f"shared: {context}"

    bus.serve("desk", Serving(handle=handle))
    values = list(bus.multicall({"inner": [1]}, "desk", message("handle")))
    assert values == ["by the copy", "returned"]


def test_it_can_be_pickled_without_the_request(bus: AnyBus) -> None:
    def handle(context: Any) -> list[Any]:
        other = pickle.loads(pickle.dumps(context))
        other.reply("to nobody")
        return [other == context, other.user]

    bus.serve("desk", Serving(handle=handle))
    assert list(bus.multicall({"user": "u"}, "desk", message("handle"))) == [[True, "u"]]


def test_a_handlers_context_can_be_sent_on(bus: AnyBus) -> None:
    proxy = Recorder()
    bus.serve("next", proxy)
    bus.serve("desk", Serving(handle=lambda context: bus.call(context, "next", message("handle"))))
    bus.call({"user": "u"}, "desk", message("handle"))
    assert proxy.got == [("handle", {"user": "u"}, {})]
    assert [record.context for record in bus.traffic.calls()] == [{"user": "u"}] * 2


class Failing:
    def to_dict(self) -> dict[str, Any]:
        raise KeyError("no fields")


class FailingMapping(Mapping[str, Any]):
    def __getitem__(self, key: str) -> Any:
        raise RuntimeError("no value")

    def __iter__(self) -> Iterator[str]:
        return iter(["a"])

    def __len__(self) -> int:
        return 1


REFUSED: list[tuple[Any, str]] = [
    (5, "5"),
    ("user", "'user'"),
    ([("user", "u")], "user"),
    (b"", "b''"),
    (0, "0"),
    (False, "False"),
    (object(), "object"),
    (Request, "Request"),
    (Failing(), "Failing.*KeyError.*no fields"),
    (FailingMapping(), "FailingMapping.*RuntimeError.*no value"),
    (SimpleNamespace(to_dict=5), "to_dict"),
    (SimpleNamespace(to_dict=lambda: None), "None"),
    (SimpleNamespace(to_dict=lambda: [("user", "u")]), "user"),
]


@pytest.mark.parametrize(("context", "text"), REFUSED, ids=[text for _, text in REFUSED])
def test_anything_else_is_refused(bus: AnyBus, context: Any, text: str) -> None:
    bus.serve("desk", Recorder())
    bus.serve("desk", Recorder(), fanout=True)
    for send in (bus.call, bus.multicall, bus.cast, bus.fanout_cast):
        with unchanged(bus), pytest.raises(InvalidMessage, match=rf"(?s)^context.*{text}"):
            send(context, "desk", message("handle"))
    assert bus.call(None, "desk", message("handle")) is None


@dataclass
class Plain:
    user: str
    reply: Any = None

    @property
    def loud(self) -> str:
        return self.user.upper()


@dataclass(frozen=True)
class Frozen:
    user: str
    extra: dict[str, Any] = field(default_factory=dict)


FACTORIES: dict[str, Any] = {
    "from_dict": Request.from_dict,
    "dataclass": lambda fields: Plain(**fields),
    "frozen": lambda fields: Frozen(**fields),
    "namespace": lambda fields: SimpleNamespace(**fields),
}


@pytest.mark.parametrize("factory", FACTORIES.values(), ids=FACTORIES)
def test_context_factory_rebuilds_the_projects_own_class(
    new_bus: type[AnyBus], factory: Any
) -> None:
    def handle(context: Any) -> str:
        context.reply(type(context).__name__)
        return str(context.user)

    with new_bus(context_factory=factory) as bus:
        bus.serve("desk", Serving(handle=handle))
        [name, user] = bus.multicall(Request("u"), "desk", message("handle"))
        assert user == "u"
        assert name == type(factory({"user": "u"})).__name__


def test_context_factory_gets_a_dict_of_its_own(new_bus: type[AnyBus]) -> None:
    given: list[Any] = []

    def factory(fields: dict[str, Any]) -> SimpleNamespace:
        given.append(fields)
        made = SimpleNamespace(**fields)
        fields.clear()
        return made

    with new_bus(context_factory=factory) as bus:
        bus.serve("desk", Serving(handle=lambda context: context.user))
        assert bus.call({"user": "u"}, "desk", message("handle")) == "u"
        assert bus.call({"user": "v"}, "desk", message("handle")) == "v"
        assert [type(each) for each in given] == [dict, dict]
        assert given[0] is not given[1]
        assert [record.context for record in bus.traffic.calls()] == [{"user": "u"}, {"user": "v"}]


class Slotted:
    __slots__ = ("user",)


@pytest.mark.parametrize(
    ("factory", "text"),
    [
        (lambda fields: 1 / 0, "ZeroDivisionError"),
        (lambda fields: Slotted(), "TypeError.*context_factory.*Slotted"),
        (lambda fields: dict(fields), "TypeError.*context_factory.*dict"),
        (lambda fields: None, "TypeError.*context_factory.*NoneType"),
        (lambda: None, "TypeError"),
    ],
)
def test_a_factory_that_fails_is_a_remote_error(
    new_bus: type[AnyBus], factory: Any, text: str
) -> None:
    with new_bus(context_factory=factory) as bus:
        bus.serve("desk", Recorder())
        for _ in range(2):
            with pytest.raises(RemoteError, match=f"(?s){text}"):
                bus.call({"user": "u"}, "desk", message("handle"))
