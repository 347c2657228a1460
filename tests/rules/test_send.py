"""SEND: what may be sent, judged through the facade; nothing of what may not is half-sent."""

from __future__ import annotations

import copy
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rpcfake
from rpcfake import InvalidMessage, SerializationError

from .harness import AnyBus, Recorder, relaxed, unchanged
from .strategies import (
    bad_contexts,
    bad_messages,
    bad_topics,
    contexts,
    messages,
    payloads,
    uncarried_anywhere,
)

Send = Callable[..., Any]


def multicall(context: Any, topic: Any, msg: Any) -> list[Any]:
    return list(rpcfake.multicall(context, topic, msg))


SENDS = {
    "call": rpcfake.call,
    "multicall": multicall,
    "cast": rpcfake.cast,
    "fanout_cast": rpcfake.fanout_cast,
}


@pytest.fixture(scope="session", params=SENDS.values(), ids=SENDS)
def send(request: pytest.FixtureRequest) -> Send:
    made: Send = request.param
    return made


@given(msg=messages, context=contexts)
@relaxed
def test_a_str_method_and_an_optional_dict_of_args_arrive(
    new_bus: type[AnyBus], send: Send, msg: dict[str, Any], context: Any
) -> None:
    with new_bus() as bus, bus.installed():
        proxy = Recorder()
        bus.serve("shop", proxy, fanout=send is rpcfake.fanout_cast)
        send(context, "shop", msg)
        bus.settle()
        assert proxy.got == [(msg["method"], context or {}, msg.get("args", {}))]


@given(msg=bad_messages)
@relaxed
def test_any_other_message_is_refused(new_bus: type[AnyBus], send: Send, msg: Any) -> None:
    with new_bus() as bus, bus.installed():
        bus.serve("shop", Recorder())
        bus.serve("shop", Recorder(), fanout=True)
        with unchanged(bus), pytest.raises(InvalidMessage, match="msg"):
            send(None, "shop", msg)


@given(topic=bad_topics)
@relaxed
def test_any_other_topic_is_refused(new_bus: type[AnyBus], send: Send, topic: Any) -> None:
    refused = pytest.raises(InvalidMessage, match="topic")
    with new_bus() as bus, bus.installed(), unchanged(bus), refused:
        send(None, topic, {"method": "m"})


@given(context=bad_contexts)
@relaxed
def test_any_other_context_is_refused(new_bus: type[AnyBus], send: Send, context: Any) -> None:
    with new_bus() as bus, bus.installed():
        bus.serve("shop", Recorder())
        with unchanged(bus), pytest.raises(InvalidMessage, match="context"):
            send(context, "shop", {"method": "m"})


@pytest.mark.parametrize(
    "msg",
    [
        MappingProxyType({"method": "m"}),
        [("method", "m")],
        ("m", {}),
        {"method": "m", "args": [("a", 1)]},
        {"method": "m", "args": None},
        {"method": None},
        {"method": b"m"},
        {"METHOD": "m"},
        {"method": "m", "kwargs": {}},
        {"method": "m", "args": {}, "namespace": None},
    ],
    ids=repr,
)
def test_near_misses_are_refused(bus: AnyBus, send: Send, msg: Any) -> None:
    with bus.installed(), unchanged(bus), pytest.raises(InvalidMessage, match="msg"):
        send(None, "shop", msg)


def test_the_bus_itself_refuses_what_the_facade_refuses(bus: AnyBus) -> None:
    # The facade checks first, so this is seen on the backend's own functions only.
    for function in (bus.call, bus.multicall, bus.cast, bus.fanout_cast):
        for topic, msg in [("", {"method": "m"}), ("shop", {"method": 1}), ("shop", None)]:
            with unchanged(bus), pytest.raises(InvalidMessage):
                function(None, topic, msg)


@given(msg=messages, context=contexts, refused=st.booleans(), bad=uncarried_anywhere)
@relaxed
def test_sending_changes_neither_msg_nor_context(
    new_bus: type[AnyBus], send: Send, msg: dict[str, Any], context: Any, refused: bool, bad: Any
) -> None:
    def change(context: Any, **args: Any) -> None:
        context["changed"] = context.changed = True
        for value in args.values():
            if isinstance(value, list | dict):
                value.clear()

    class Changing:
        def __getattr__(self, name: str) -> Callable[..., Any]:
            return change

    kept = copy.deepcopy((msg, context))
    with new_bus() as bus, bus.installed():
        bus.serve("shop", Changing(), fanout=send is rpcfake.fanout_cast)
        if refused:
            sent = {**msg, "args": {**msg.get("args", {}), "bad": bad}}
            with pytest.raises(SerializationError):
                send(context, "shop", sent)
            assert list(sent) == ["method", "args"]
            assert sent["args"]["bad"] is bad
        else:
            send(context, "shop", msg)
        bus.settle()
    assert (msg, context) == kept


@given(value=payloads)
@relaxed
def test_what_to_dict_gave_is_not_changed(new_bus: type[AnyBus], send: Send, value: Any) -> None:
    class Request:
        fields: dict[str, Any]

        def to_dict(self) -> dict[str, Any]:
            return self.fields

    request = Request()
    request.fields = {"value": value}
    with new_bus() as bus, bus.installed():
        bus.serve("shop", Recorder(), fanout=send is rpcfake.fanout_cast)
        send(request, "shop", {"method": "m"})
        bus.settle()
    assert request.fields == {"value": value}
