"""SEND: what may be sent. Judged through the functions of `rpcfake`, with the backend active."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from types import MappingProxyType
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from rpcfake.contract.clause import MUST, clause
from rpcfake.contract.forms import Giving
from rpcfake.contract.scene import Scene
from rpcfake.contract.strategies import contexts, payloads, several
from rpcfake.errors import InvalidMessage

KINDS = ("call", "multicall", "cast", "fanout_cast")

kinds = st.sampled_from(KINDS)
quiet_kinds = st.sampled_from(["call", "cast", "fanout_cast"])
"""Those for which a backend without multicall can be asked."""

no_dicts: SearchStrategy[Any] = st.sampled_from(
    [
        None,
        "note",
        b"note",
        7,
        True,
        [],
        ["note", {}],
        ("note", {}),
        [("method", "note")],
        MappingProxyType({"method": "note"}),
    ]
)
no_methods = st.sampled_from(
    [
        {},
        {"args": {}},
        {"Method": "note"},
        {"method": None},
        {"method": b"note"},
        {"method": 7},
        {"method": ["note"], "args": {}},
        {"method": Ellipsis, "args": {"tag": 1}},
    ]
)
no_args = st.sampled_from([None, [], ["tag"], [["tag", 1]], "tag", 0, True, (), {"tag"}])
no_topics: dict[str, Callable[[str], Any]] = {
    "empty": lambda topic: "",
    "None": lambda topic: None,
    "bytes": lambda topic: topic.encode(),
    "int": lambda topic: 7,
    "list": lambda topic: [topic],
    "tuple": lambda topic: (topic,),
    "class": lambda topic: str,
}
"""What is no topic, made of one that is."""


@clause(
    "RPC-SEND-001",
    MUST,
    "A message that is no dict is refused with InvalidMessage.",
    hint="the check of the message comes before the backend sees it, in each of the functions",
    kind=kinds,
    msg=no_dicts,
)
def refuses_what_is_no_dict(scene: Scene, kind: str, msg: Any) -> None:
    _refuses(scene, kind, scene.topic(), msg)


@clause(
    "RPC-SEND-002",
    MUST,
    "A message whose method is missing or no str is refused with InvalidMessage.",
    hint="the check of msg['method']",
    kind=kinds,
    msg=no_methods,
)
def refuses_without_method(scene: Scene, kind: str, msg: Any) -> None:
    _refuses(scene, kind, scene.topic(), msg)


@clause(
    "RPC-SEND-003",
    MUST,
    "A message whose args are there and no dict is refused with InvalidMessage.",
    hint="the check of msg['args']: not a test of truth, since [] and 0 are no dicts either",
    kind=kinds,
    args=no_args,
)
def refuses_wrong_args(scene: Scene, kind: str, args: Any) -> None:
    _refuses(scene, kind, scene.topic(), {"method": "note", "args": args})


@clause(
    "RPC-SEND-004",
    MUST,
    "A message with any other key than method and args is refused with InvalidMessage.",
    bugs=("FastStream#1415",),
    hint="the check of the message's keys: what is neither method nor args would be lost unseen",
    kind=kinds,
    key=st.sampled_from(["arg", "kwargs", "namespace", "version", "_msg_id", "timeout", "", 1]),
    has_args=st.booleans(),
)
def refuses_other_keys(scene: Scene, kind: str, key: Any, has_args: bool) -> None:
    message: dict[Any, Any] = {"method": "note", key: {}}
    if has_args:
        message["args"] = {"tag": 1}
    _refuses(scene, kind, scene.topic(), message)


@clause(
    "RPC-SEND-005",
    MUST,
    "A topic that is no str, or an empty one, is refused with InvalidMessage.",
    hint="the check of the topic, for each of the four functions",
    kind=kinds,
    what=st.sampled_from(sorted(no_topics)),
)
def refuses_what_is_no_topic(scene: Scene, kind: str, what: str) -> None:
    _refuses(scene, kind, no_topics[what](scene.topic()), {"method": "note", "args": {}})


@clause(
    "RPC-SEND-006",
    MUST,
    "Of what is refused nothing is sent.",
    hint="everything is checked before the first byte goes out",
    kind=kinds,
    fault=st.sampled_from(["key", "method", "args", "bytes", "list"]),
)
def sends_nothing_of_what_is_refused(scene: Scene, kind: str, fault: str) -> None:
    topic = scene.topic()
    fanout = kind == "fanout_cast"
    (actor,) = scene.consumers([0], topic, fanout)
    to: Any = no_topics[fault](topic) if fault in no_topics else topic
    message: dict[str, Any] = {"method": "note", "args": {"tag": "refused"}}
    if fault == "key":
        message["more"] = 1
    elif fault == "method":
        message["method"] = b"note"
    elif fault == "args":
        message["args"] = [["tag", "refused"]]
    _refuses(scene, kind, to, message)
    if fanout:
        scene.fanout_fence(topic, actor)
    else:
        scene.fence(topic)
    scene.await_once([], "nothing of a refused message to arrive", actor)


@clause(
    "RPC-SEND-007",
    MUST,
    "args may be left out, which is the same as an empty dict.",
    hint="msg['args'] is optional: the method is then called with the context alone",
    kind=quiet_kinds,
    left_out=st.booleans(),
)
def args_may_be_left_out(scene: Scene, kind: str, left_out: bool) -> None:
    topic = scene.topic()
    (actor,) = scene.consumers([0], topic, fanout=kind == "fanout_cast")
    message: dict[str, Any] = {"method": "note"} if left_out else {"method": "note", "args": {}}
    scene.facade(kind, {}, topic, message)
    scene.await_once([None], "the method to be called once, with no arguments", actor)


@clause(
    "RPC-SEND-008",
    MUST,
    "call, cast and fanout_cast do not change the message.",
    bugs=("nova rpc/amqp.py multicall: msg.update()", "celery PR#10624"),
    hint="what travels with a message goes into an envelope of its own, not into the caller's dict",
    kind=quiet_kinds,
    value=payloads,
)
def leaves_the_message(scene: Scene, kind: str, value: Any) -> None:
    message = {"method": "note", "args": {"tag": 1, "value": value}}
    _leaves(scene, kind, {}, message)
    del message["args"]
    _leaves(scene, kind, {}, message)


@clause(
    "RPC-SEND-009",
    MUST,
    "call, cast and fanout_cast do not change a context that is a dict.",
    bugs=("celery PR#10624",),
    hint="what travels with a context goes into a copy of it",
    kind=quiet_kinds,
    context=contexts,
)
def leaves_the_context(scene: Scene, kind: str, context: dict[str, Any]) -> None:
    _leaves(scene, kind, context, {"method": "note", "args": {"tag": 1}})


@clause(
    "RPC-SEND-010",
    MUST,
    "call, cast and fanout_cast change neither a context object nor what its to_dict() gave.",
    bugs=("celery PR#10624",),
    hint="to_dict() may give the object's own dict: copy it before adding to it",
    kind=quiet_kinds,
    context=contexts,
)
def leaves_the_context_object(scene: Scene, kind: str, context: dict[str, Any]) -> None:
    _leaves(scene, kind, Giving(context), {"method": "note", "args": {"tag": 1}})


@clause(
    "RPC-SEND-011",
    MUST,
    "multicall changes neither message nor context.",
    needs="multicall",
    bugs=("nova rpc/amqp.py multicall: msg.update()",),
    hint="the id of the request goes into an envelope of its own, not into the caller's dict",
    context=contexts,
    value=payloads,
)
def multicall_leaves_both(scene: Scene, context: dict[str, Any], value: Any) -> None:
    message = {"method": "note", "args": {"tag": 1, "value": value}}
    _leaves(scene, "multicall", context, message)
    _leaves(scene, "multicall", Giving(context), message)


@clause(
    "RPC-SEND-012",
    MUST,
    "rpcfake.multicall numbers the values from 0, in order.",
    needs="multicall",
    hint="the backend's own multicall gives bare values; the facade numbers them",
    values=several,
)
def multicall_numbers(scene: Scene, values: list[Any]) -> None:
    topic = scene.serve(scene.actor())
    message = {"method": "yields", "args": {"values": values}}
    given = [list(pair) for pair in scene.facade("multicall", {}, topic, message)]
    scene.same(given, [[number, value] for number, value in enumerate(values)], "what it gave")


@clause(
    "RPC-SEND-013",
    MUST,
    "What goes through the functions of rpcfake arrives as it was sent, and a call's value comes"
    " back as it was given.",
    bugs=("oslo.messaging 8b366b30", "oslo.messaging 5464229e"),
    hint="a backend's functions take (context, topic, msg) in this order, as rpcfake's do",
    context=contexts,
    value=payloads,
)
def the_facade_adds_nothing(scene: Scene, context: dict[str, Any], value: Any) -> None:
    actor = scene.actor()
    topic = scene.serve(actor)
    told = scene.facade("call", context, topic, {"method": "tells_context", "args": {"tag": 1}})
    scene.same(told, context, "the context at the handler")
    given = scene.facade("call", {}, topic, {"method": "give", "args": {"value": value, "tag": 2}})
    scene.same(given, value, "what the call returned")
    scene.facade("cast", {}, topic, {"method": "note", "args": {"value": value, "tag": 3}})
    scene.await_once([1, 2, 3], "all three messages to be taken once", actor)
    (event,) = [one for one in scene.history.of("taken") if one.request == 3]
    scene.same(event.value, value, "the value that was cast")


@clause(
    "RPC-SEND-014",
    MUST,
    "close() of the iterator that rpcfake.multicall gives abandons the call.",
    needs=("multicall", "cancels_abandoned"),
    hint="what numbers the values passes close() on to the backend's iterator",
)
def the_facade_abandons(scene: Scene) -> None:
    topic = scene.serve(scene.actor())
    values = scene.facade("multicall", {}, topic, {"method": "streams", "args": {}})
    next(values)
    values.close()
    scene.holds(
        scene.happens(lambda: scene.history.of("closed")),
        "the remote generator to be closed",
        "it went on",
    )


def _refuses(scene: Scene, kind: str, topic: Any, msg: Any) -> None:
    # No value of a multicall is asked for: the refusal is the call's own.
    with scene.fails(InvalidMessage, what=f"the {kind}"):
        scene.facade(kind, {}, topic, msg)


def _leaves(scene: Scene, kind: str, context: Any, message: dict[str, Any]) -> None:
    topic = scene.topic()
    (actor,) = scene.consumers([0], topic, fanout=kind == "fanout_cast")
    before = deepcopy(message)
    values = deepcopy(context.values if isinstance(context, Giving) else context)
    scene.keep(message, "message")
    scene.keep(context, "context")
    given = scene.facade(kind, context, topic, message)
    if kind == "multicall":
        list(given)
    scene.first(scene.happens(lambda: scene.taken(actor)), "the message did not arrive")
    scene.same(message, before, "the sender's message")
    after = context.values if isinstance(context, Giving) else context
    scene.same(after, values, "the sender's context")
