"""CONTEXT: what travels beside the args of each message."""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

from hypothesis import strategies as st

from rpcfake.contract.clause import MUST, SHOULD, clause
from rpcfake.contract.forms import FORMS
from rpcfake.contract.scene import Scene
from rpcfake.contract.strategies import contexts, names, simple, simple_contexts, some

OWN_NAMES = (
    "reply", "to_dict", "self", "context", "_request", "items", "keys", "get", "values", "update",
    "copy", "pop", "__class__", "__dict__", "_dict", "msg_id", "method", "args", "from_dict", "",
)  # fmt: skip
"""Keys that a context class might take for its own."""

HOLLOW: dict[str, Any] = {
    "none": None,
    "false": False,
    "zero": 0,
    "empty": "",
    "list": [],
    "dict": {},
}
"""Values that a careless test of truth takes for nothing."""

own_keys = st.builds(dict.fromkeys, some(OWN_NAMES), simple)
attributes = st.dictionaries(names.map(lambda name: f"k_{name}"), simple, max_size=4)
sendings = st.sampled_from(["call", "multicall", "cast", "fanout_cast"])


@clause(
    "RPC-CONTEXT-001",
    MUST,
    "A dict arrives as the handler's context, equal to what was sent.",
    hint="what is put into the context on its way, or left out",
    context=contexts | own_keys,
    kind=sendings,
)
def dict_arrives(scene: Scene, context: dict[str, Any], kind: str) -> None:
    topic, connection = scene.topic(), scene.connect()
    scene.declare(connection, topic, scene.actor())
    scene.declare(connection, topic, scene.actor(), fanout=True)
    scene.start(connection)
    context = {**HOLLOW, **context}
    if kind == "call" or (kind == "multicall" and not scene.has("multicall")):
        scene.call(topic, "spoils", context=context)
    elif kind == "multicall":
        list(scene.multicall(topic, "spoils", context=context))
    elif kind == "cast":
        scene.cast(topic, "spoils", context=context)
    else:
        scene.fanout_cast(topic, "spoils", context=context)
    scene.await_taken(1)
    seen = [event.value[1] for event in scene.history.of("taken")]
    scene.same(seen, [context], "the context of the handler")


@clause(
    "RPC-CONTEXT-002",
    MUST,
    "None as a context arrives as an empty mapping, with everything that a context has.",
    hint="the context is made of what arrived, also where that is nothing",
)
def none_arrives_empty(scene: Scene) -> None:
    topic = scene.serve(scene.actor())
    told = scene.send("call", None, topic, {"method": "tells_context"}, scene.patience)
    scene.same(told, {}, "the handler's context")
    args = {"values": [1], "then": 2}
    got = scene.send("call", None, topic, {"method": "replies", "args": args}, scene.patience)
    scene.same(got, 2, "what a handler gave that replies by its context")


@clause(
    "RPC-CONTEXT-003",
    MUST,
    "Any mapping, and any object with to_dict(), is a context.",
    bugs=("nova LP 934575: a context carries a pool",),
    hint="whether it is a dict is the wrong question; only what to_dict() gives may travel",
    wire=contexts,
    forms=some(sorted(FORMS)),
)
def all_forms_arrive(scene: Scene, wire: dict[str, Any], forms: list[str]) -> None:
    topic = scene.serve(scene.actor())
    for form in forms:
        got = scene.call_as(form, wire, topic, "tells_context")
        scene.same(got, wire, f"the handler's context, sent as {form}")


@clause(
    "RPC-CONTEXT-004",
    SHOULD,
    "What is neither None, a mapping nor an object with to_dict() is refused at the sender, and"
    " nothing is sent.",
    hint="the context is checked before anything is sent",
    kind=sendings,
)
def no_context_is_refused(scene: Scene, kind: str) -> None:
    if kind == "multicall" and not scene.has("multicall"):
        kind = "call"
    actor = scene.actor()
    topic = scene.serve(actor)
    scene.serve(actor, topic, fanout=True)
    msg = {"method": "note", "args": {"tag": "refused"}}
    timeout = scene.patience if kind in ("call", "multicall") else None
    for context in (5, "context", True, [], [["key", 1]], ("key", 1), 0, ""):
        scene.refused(
            f"a {kind} with the context {context!r}",
            partial(scene.send, kind, context, topic, msg, timeout),
        )
    scene.fanout_fence(topic, actor)
    scene.fence(topic)
    scene.same(scene.await_taken(2, actor), ["fence", "fence"], "what was handled")


@clause(
    "RPC-CONTEXT-005",
    MUST,
    "A handler is called with the context and the args by their names.",
    hint="method(context=ctxt, **args), nothing by position",
    context=contexts,
    value=simple,
)
def called_by_names(scene: Scene, context: dict[str, Any], value: Any) -> None:
    topic = scene.serve(scene.actor())
    got = scene.call(topic, "value_first", value=value, context=context)
    scene.same(got, [value, context], "the value and the context of a handler that wants it last")


@clause(
    "RPC-CONTEXT-006",
    MUST,
    "The handler's context is a mapping with attributes, and to_dict() gives it as a plain dict.",
    hint="the class of the context that handlers get",
    context=attributes,
)
def mapping_with_attributes(scene: Scene, context: dict[str, Any]) -> None:
    topic = scene.serve(scene.actor())
    keys = sorted(context)
    values = [context[key] for key in keys]
    got = scene.call(topic, "inspects", keys=keys, context=context)
    expected = {
        "is a Mapping": True,
        "[key]": values,
        "get(key)": values,
        ".key": values,
        "key in": [True] * len(keys),
        "len": True,
        "iteration": True,
        "items": True,
        "== what was sent": True,
        "a missing key": "none",
        "a missing attribute": "none",
        "to_dict() is a plain dict": True,
    }
    for what, answer in expected.items():
        scene.same(got.get(what), answer, f"of the context: {what}")


@clause(
    "RPC-CONTEXT-007",
    MUST,
    "Keys that are also names of the context's methods travel too, and hide no method.",
    hint="a context class that is made with **wire, or that looks keys up before methods",
    context=own_keys,
)
def own_names_as_keys(scene: Scene, context: dict[str, Any]) -> None:
    topic = scene.serve(scene.actor())
    got = scene.call(topic, "tells_context", context=context)
    scene.same(got, context, "the handler's context")
    got = scene.call(topic, "replies", values=[1], ending=True, then=2, context=context)
    scene.same(got, 1, "what a handler gave that replies by its context")


@clause(
    "RPC-CONTEXT-008",
    MUST,
    "In a cast and in a fanout cast the context has reply() as well; what is replied goes nowhere.",
    hint="a handler does not know whether it was called or cast",
    kind=st.sampled_from(["cast", "fanout_cast"]),
    value=simple,
)
def reply_in_a_cast(scene: Scene, kind: str, value: Any) -> None:
    topic = scene.serve(scene.actor())
    scene.serve(scene.actor(), topic, fanout=True)
    send = scene.cast if kind == "cast" else scene.fanout_cast
    send(topic, "replies_in_passing", value=value)
    scene.holds(
        scene.happens(lambda: scene.history.of("replied")),
        f"context.reply() in a {kind} to do nothing",
        "the handler did not get past it",
    )
    scene.same(scene.call(topic, "give", value="own"), "own", "what the next call returned")


@clause(
    "RPC-CONTEXT-009",
    MUST,
    "Requests under way at the same time never see each other's context.",
    bugs=("nova LP 915608", "oslo.messaging fedf06d7, LP 2106547"),
    hint="a context that is kept in the consumer, in a thread's local storage or in a global",
    sent=st.lists(simple_contexts, min_size=2, max_size=5),
)
def contexts_at_the_same_time(scene: Scene, sent: list[dict[str, Any]]) -> None:
    actor = scene.actor()
    topic = scene.serve(actor)
    callers = [
        scene.call_beside(topic, "holds_context", gate="all", context=context) for context in sent
    ]
    scene.await_taken(len(sent), actor)
    scene.open_gate("all")
    for context, caller in zip(sent, callers, strict=True):
        got = scene.result(caller, "the call")
        scene.same(got, [context, context], "a context before and after others came")


@clause(
    "RPC-CONTEXT-010",
    MUST,
    "What a handler writes into its context no later request sees.",
    bugs=("nova LP 915608",),
    hint="a context object that is used again, or defaults that are shared",
    sent=st.lists(simple_contexts, min_size=2, max_size=4),
)
def written_contexts(scene: Scene, sent: list[dict[str, Any]]) -> None:
    topic = scene.serve(scene.actor())
    for context in [*sent, {}]:
        was = copy.deepcopy(context)
        got = scene.call(topic, "writes_context", key="written", context=context)
        scene.same(got, was, "the handler's context")


@clause(
    "RPC-CONTEXT-011",
    MUST,
    "A handler may pass its context on: it arrives equal, and what is replied by the one that"
    " arrives goes to the handler's own call.",
    bugs=("oslo.messaging 8b366b30: the driver's own fields travel on",),
    hint="what a context needs to reply with must not travel in it",
    context=contexts,
    value=simple,
)
def context_passed_on(scene: Scene, context: dict[str, Any], value: Any) -> None:
    inner = scene.serve(scene.actor())
    outer = scene.serve(scene.actor())
    got = scene.call(
        outer, "forwards", topic=inner, method="tells_context", args={}, context=context
    )
    scene.same(got, context, "the context that was passed on")
    got = scene.call(
        outer,
        "gathers" if scene.has("multicall") else "forwards",
        topic=inner,
        method="replies",
        args={"values": [value], "ending": True},
        context=context,
    )
    expected = [value] if scene.has("multicall") else value
    scene.same(got, expected, "what the handler's own call got")


@clause(
    "RPC-CONTEXT-012",
    SHOULD,
    "A handler can copy its context, shallow and deep.",
    bugs=("nova LP 934575, LP 1007043: copying a context copies a pool, and breaks",),
    hint="what a context replies with must not be copied with it: define __deepcopy__",
    context=contexts,
)
def context_is_copied(scene: Scene, context: dict[str, Any]) -> None:
    topic = scene.serve(scene.actor())
    got = scene.call(topic, "copies_context", context=context)
    scene.same(got, [context, context, context], "its copies, and then itself")
