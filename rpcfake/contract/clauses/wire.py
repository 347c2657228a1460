"""WIRE: sender and receiver share nothing, and values arrive as the codec makes them."""

from __future__ import annotations

import copy
import json
import math
from functools import partial
from typing import Any

from hypothesis import strategies as st

from rpcfake.contract.clause import MUST, clause
from rpcfake.contract.scene import Scene
from rpcfake.contract.strategies import contexts, payloads, some, text
from rpcfake.contract.trouble import ODD
from rpcfake.contract.watching import FENCE

kinds = st.sampled_from(["call", "cast", "multicall", "fanout_cast"])
ways = st.sampled_from(["return", "yield", "reply"])

plain_text = st.text(max_size=8)
keys = st.integers() | st.booleans() | st.none() | plain_text
loose: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | plain_text,
    lambda inner: (
        st.tuples(inner, inner)
        | st.lists(inner, max_size=3)
        | st.dictionaries(keys, inner, max_size=3)
    ),
    max_leaves=8,
).filter(lambda value: json.loads(json.dumps(value)) != value)
"""What JSON carries, but not as it was: tuples, and keys that are no str."""

containers = st.recursive(
    st.integers(0, 9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(plain_text, inner, max_size=3),
    max_leaves=6,
).filter(lambda value: isinstance(value, list | dict))
"""What can be changed in place."""

OWN_FIELDS = (
    "method", "args", "context", "topic", "msg", "id", "msg_id", "_msg_id", "_unique_id",
    "_reply_q", "reply_to", "correlation_id", "result", "failure", "error", "ending", "exc_type",
    "value", "traceback", "timeout", "fanout", "namespace", "version", "oslo.version",
    "_context_user", "__type__", "__value__", "py/object", "$ref", "task", "kwargs",
)  # fmt: skip
"""Names that some bus or codec keeps for itself."""

look_alikes = st.builds(
    lambda names, value: dict.fromkeys(names, value),
    some(OWN_FIELDS),
    st.sampled_from([None, True, 0, "datetime", "ValueError", [], {"__type__": "datetime"}, {}]),
)

EVERYTHING: list[Any] = [None, True, False, 0, 1, -1, 0.0, 1.0, "", "1", [], [[]], {}, {"": None}]
"""One of each sort, and those that are easily taken for each other."""

WORDS = (
    "\ud800",
    "\udfff\ud800",
    "\x00",
    "\ufeff",
    "\uffff",
    "\U0001f40d",
    "e\u0301",
    "\u2028",
    "\\",
)
"""Texts that some codec or transport has trouble with."""

FLOATS = (-0.0, 1.0, 1e16, 5e-324, 1.7976931348623157e308, 0.1 + 0.2)

SIZES = (65_535, 65_536, 2**20)
LETTERS = ("a", '"', "\x00", "é", "\u2028", "🐍")


def on_the_wire(value: Any) -> Any:
    """The value as JSON makes it."""
    return json.loads(json.dumps(value))


def receive(scene: Scene, kind: str, topic: str, value: Any, context: Any = None) -> list[Any]:
    """Send a value; gives what each consumer saw of it."""
    if kind in ("call", "multicall"):
        if kind == "call" or not scene.has("multicall"):
            scene.call(topic, "note", value=value, context=context)
        else:
            list(scene.multicall(topic, "note", value=value, context=context))
    elif kind == "cast":
        scene.cast(topic, "note", value=value, context=context)
    else:
        scene.fanout_cast(topic, "note", value=value, context=context)
    scene.await_taken(1)
    return [event.value for event in scene.history.of("taken") if event.kind == "note"]


def serve_both(scene: Scene, start: bool = True) -> tuple[str, Any]:
    """A topic with a shared consumer and a fanout consumer, and their connection."""
    topic, connection = scene.topic(), scene.connect()
    scene.declare(connection, topic, scene.actor())
    scene.declare(connection, topic, scene.actor(), fanout=True)
    if start:
        scene.start(connection)
    return topic, connection


def refused_with(scene: Scene, kind: str, odd: list[str], where: str) -> None:
    """Judge that sendings of values that JSON can't carry are refused, and that nothing arrives."""
    if kind == "multicall" and not scene.has("multicall"):
        kind = "call"
    topic, fanned = scene.topic(), scene.actor()
    scene.serve(scene.actor(), topic)
    scene.serve(fanned, topic, fanout=True)
    timeout = scene.patience if kind in ("call", "multicall") else None
    for which in odd:
        value = {"args": 1, "context": 1, where: scene.odd(which)}
        msg = {"method": "note", "args": {"value": value["args"]}}
        context = {"key": value["context"]}
        scene.refused(
            f"a {kind} with {which} in its {where}",
            partial(scene.send, kind, context, topic, msg, timeout),
        )
    scene.fanout_fence(topic, fanned)
    scene.fence(topic)
    scene.same(scene.await_taken(2), [FENCE, FENCE], "what was handled")


@clause(
    "RPC-WIRE-001",
    MUST,
    "Every JSON value arrives in the handler as it was sent.",
    hint="the codec, and what the transport makes of its text",
    value=payloads,
    kind=kinds,
)
def args_arrive(scene: Scene, value: Any, kind: str) -> None:
    topic, _ = serve_both(scene)
    for seen in receive(scene, kind, topic, [value, EVERYTHING]):
        scene.same(seen, [value, EVERYTHING], "what the handler got")


@clause(
    "RPC-WIRE-002",
    MUST,
    "Every JSON value that a handler gives arrives at its caller as it was given.",
    bugs=("nova LP 897155: None is lost",),
    hint="replies go through the codec as messages do",
    value=payloads,
    how=ways,
)
def replies_arrive(scene: Scene, value: Any, how: str) -> None:
    topic = scene.serve(scene.actor())
    for each in (value, EVERYTHING):
        if not scene.has("multicall"):
            got = [scene.call(topic, "builds", source=repr(each))]
        else:
            got = list(scene.multicall(topic, "builds", source=repr(each), how=how))
        scene.same(got[:1], [each], "the first value that was given")


@clause(
    "RPC-WIRE-003",
    MUST,
    "In args tuples arrive as lists, and keys as strings, at any depth.",
    bugs=("celery#2703, #4008: int keys become strings in production only",),
    hint="a fake that copies objects, or pickles them, instead of encoding them",
    value=loose,
    kind=kinds,
)
def args_become_json(scene: Scene, value: Any, kind: str) -> None:
    topic, _ = serve_both(scene)
    for seen in receive(scene, kind, topic, value):
        scene.same(seen, on_the_wire(value), "what the handler got")


@clause(
    "RPC-WIRE-004",
    MUST,
    "In replies tuples arrive as lists, and keys as strings, at any depth.",
    bugs=("FastStream#1437: the reply is not serialized in the fake",),
    hint="the reply must go through the codec too",
    value=loose,
    how=ways,
)
def replies_become_json(scene: Scene, value: Any, how: str) -> None:
    topic = scene.serve(scene.actor())
    got = scene.call(topic, "builds", source=repr(value), how="return")
    scene.same(got, on_the_wire(value), "what the call returned")
    if scene.has("multicall"):
        values = list(scene.multicall(topic, "builds", source=repr(value), how=how))
        scene.same(values[0], on_the_wire(value), "what the multicall gave")


@clause(
    "RPC-WIRE-005",
    MUST,
    "In contexts tuples arrive as lists, and keys as strings, at any depth.",
    hint="the context must go through the codec too",
    value=loose,
)
def contexts_become_json(scene: Scene, value: Any) -> None:
    topic = scene.serve(scene.actor())
    got = scene.call(topic, "tells_context", context={"key": value})
    scene.same(got, {"key": on_the_wire(value)}, "the handler's context")


@clause(
    "RPC-WIRE-006",
    MUST,
    "Args that JSON can't carry are refused at the sender, and nothing is sent.",
    bugs=("nova LP 933584: the fake accepts what is not JSON",),
    hint="strict JSON: no NaN, no default=, no extended types; encoded by the sending call itself",
    odd=some(sorted(ODD)),
    kind=kinds,
)
def odd_args(scene: Scene, odd: list[str], kind: str) -> None:
    refused_with(scene, kind, odd, "args")


@clause(
    "RPC-WIRE-007",
    MUST,
    "A context that JSON can't carry is refused at the sender, and nothing is sent.",
    bugs=("nova LP 934575: a context carries a pool",),
    hint="the context is encoded as strictly as the args",
    odd=some(sorted(ODD)),
    kind=kinds,
)
def odd_context(scene: Scene, odd: list[str], kind: str) -> None:
    refused_with(scene, kind, odd, "context")


@clause(
    "RPC-WIRE-008",
    MUST,
    "What the sender changes in args, message or context after sending, the handler does not see.",
    bugs=("oslo.messaging 18.3.1 fake://: args and contexts by reference",),
    hint="encode when sending, not when taking",
    value=containers,
    kind=st.sampled_from(["cast", "multicall", "fanout_cast"]),
)
def sender_changes_later(scene: Scene, value: Any, kind: str) -> None:
    if kind == "multicall" and not scene.has("multicall"):
        kind = "cast"
    topic, connection = serve_both(scene, start=False)
    was = copy.deepcopy(value)
    scene.keep(value, "value")
    context = scene.keep({"key": value}, "context")
    msg = scene.keep({"method": "spoils", "args": {"value": value}}, "msg")
    timeout = scene.patience if kind == "multicall" else None
    given = scene.send(kind, context, topic, msg, timeout)
    scene.spoil(value)
    scene.spoil(context)
    scene.spoil(msg)
    msg["method"] = "give"
    scene.write("msg['method'] = 'give'")
    scene.start(connection)
    scene.await_taken(1)
    seen = [event.value for event in scene.history.of("taken")]
    scene.same(seen, [[was, {"key": was}]], "the args and the context that the handler saw")
    del given


@clause(
    "RPC-WIRE-009",
    MUST,
    "What a handler changes in its args or context, the sender does not see.",
    bugs=("oslo.messaging 18.3.1 fake://: args and contexts by reference",),
    hint="decode for each handler, never pass the sender's objects on",
    value=containers,
    kind=kinds,
)
def handler_changes_args(scene: Scene, value: Any, kind: str) -> None:
    topic, _ = serve_both(scene)
    was, context = copy.deepcopy(value), {"key": copy.deepcopy(value)}
    scene.keep(value, "value")
    scene.keep(context, "context")
    if kind == "call" or (kind == "multicall" and not scene.has("multicall")):
        scene.call(topic, "spoils", value=value, context=context)
    elif kind == "multicall":
        list(scene.multicall(topic, "spoils", value=value, context=context))
    else:
        send = scene.cast if kind == "cast" else scene.fanout_cast
        send(topic, "spoils", value=value, context=context)
        scene.await_taken(1)
        scene.call(topic, "give")
    scene.same(value, was, "the sender's args")
    scene.same(context, {"key": was}, "the sender's context")


@clause(
    "RPC-WIRE-010",
    MUST,
    "What a handler changes later in what it has given, the caller does not see.",
    bugs=("oslo.messaging 18.3.1 fake://: replies by reference",),
    hint="encode a reply when it is given",
    value=containers,
    how=ways,
)
def handler_changes_reply(scene: Scene, value: Any, how: str) -> None:
    was = copy.deepcopy(value)
    topic = scene.serve(scene.actor())
    got = scene.call(topic, "lends", value=copy.deepcopy(value))
    scene.call(topic, "spoils_lent")
    scene.same(got, was, "the reply, after the handler changed its own")
    if scene.has("multicall"):
        reading = scene.multicall(topic, "lends", value=value, how=how)
        got = next(reading)
        scene.call(topic, "spoils_lent")
        scene.same(got, was, "the first value, after the handler changed its own")
        list(reading)


@clause(
    "RPC-WIRE-011",
    MUST,
    "What a caller changes in a reply, the handler's side does not see.",
    bugs=("oslo.messaging 18.3.1 fake://: replies by reference",),
    hint="decode a reply for the caller",
    value=containers,
)
def caller_changes_reply(scene: Scene, value: Any) -> None:
    topic = scene.serve(scene.actor())
    scene.spoil(scene.call(topic, "lends", value=copy.deepcopy(value)))
    scene.same(scene.call(topic, "lent"), value, "what the handler kept")


@clause(
    "RPC-WIRE-012",
    MUST,
    "A value is what it was when it was given, though the handler goes on to change it.",
    needs="multicall",
    hint="encode each value as it is given, not when it is read",
    number=st.integers(1, 5),
    how=st.sampled_from(["yield", "reply"]),
)
def growing_value(scene: Scene, number: int, how: str) -> None:
    topic = scene.serve(scene.actor())
    got = list(scene.multicall(topic, "grows", number=number, how=how))
    expected = [list(range(index + 1)) for index in range(number)]
    scene.same(got[:number], expected, "the values of a list that grows")


@clause(
    "RPC-WIRE-013",
    MUST,
    "Fanout consumers share nothing of the message: what one changes no other sees.",
    hint="decode for each consumer",
    value=containers,
    number=st.integers(2, 4),
)
def fanout_shares_nothing(scene: Scene, value: Any, number: int) -> None:
    topic = scene.topic()
    scene.consumers(list(range(number)), topic, fanout=True)
    was = copy.deepcopy(value)
    scene.fanout_cast(topic, "spoils", value=value, context={"key": value})
    scene.await_taken(number)
    for event in scene.history.of("taken"):
        scene.same(event.value, [was, {"key": was}], "the args and the context of each consumer")


@clause(
    "RPC-WIRE-014",
    MUST,
    "Any unicode survives, lone surrogates too, in values, in keys and in the names of arguments.",
    hint="escape what UTF-8 can't encode; never `errors='replace'`",
    words=text,
)
def unicode_survives(scene: Scene, words: str) -> None:
    topic = scene.serve(scene.actor())
    value: dict[str, Any] = {each: [each] for each in (words, *WORDS)}
    scene.same(scene.call(topic, "give", value=value), value, "what the call returned")
    args = {f"a{each}": each for each in (words, *WORDS)}
    got = scene.send("call", args, topic, {"method": "takes", "args": args}, scene.patience)
    scene.same(got, args, "the arguments that the handler got")


@clause(
    "RPC-WIRE-015",
    MUST,
    "Integers of up to 4,300 digits survive.",
    hint="integers that become floats, or are cut to 64 bits",
    digits=st.sampled_from([1, 16, 17, 19, 20, 39, 309, 4300]),
    sign=st.sampled_from([1, -1]),
    last=st.integers(0, 9),
)
def integers_survive(scene: Scene, digits: int, sign: int, last: int) -> None:
    value = sign * (10**digits - 1 - last)
    topic = scene.serve(scene.actor())
    scene.same(scene.call(topic, "give", value=value), value, "what the call returned")


@clause(
    "RPC-WIRE-016",
    MUST,
    "Floats survive exactly, and stay floats.",
    hint="floats that are rounded, or that become integers",
    value=st.floats(allow_nan=False, allow_infinity=False),
)
def floats_survive(scene: Scene, value: float) -> None:
    topic = scene.serve(scene.actor())
    values = [value, *FLOATS]
    got = scene.call(topic, "give", value=values)
    scene.same(got, values, "what the call returned")
    signs = [math.copysign(1, each) for each in got]
    scene.same(signs, [math.copysign(1, each) for each in values], "their signs")


@clause(
    "RPC-WIRE-017",
    MUST,
    "Strings of up to 1 MiB survive, in args, context and reply.",
    bugs=("nova LP 1175808: a string of more than 65,535 characters fails",),
    hint="limits of the transport's short strings, and of its frames",
    size=st.sampled_from(SIZES),
    letter=st.sampled_from(LETTERS),
    where=st.sampled_from(["args", "context"]),
)
def long_strings_survive(scene: Scene, size: int, letter: str, where: str) -> None:
    topic = scene.serve(scene.actor())
    value = letter * (size // len(letter.encode()))
    if where == "args":
        got = scene.call(topic, "give", value=value)
    else:
        got = scene.call(topic, "tells_context", context={"key": value})["key"]
    scene.holds(
        got == value,
        f"a string of {len(value)} times {letter!r} to survive",
        f"what came back has {len(got)} characters",
    )


@clause(
    "RPC-WIRE-018",
    MUST,
    "Lists and dicts of depth 100 survive, in args, context and reply.",
    hint="a limit on depth in the codec, or recursion on a deep stack",
    shape=st.lists(st.booleans(), min_size=1, max_size=4),
    where=st.sampled_from(["args", "context"]),
)
def deep_values_survive(scene: Scene, shape: list[bool], where: str) -> None:
    value: Any = 1
    for level in range(100):
        value = [value] if shape[level % len(shape)] else {"k": value}
    topic = scene.serve(scene.actor())
    if where == "args":
        got = scene.call(topic, "give", value=value)
    else:
        got = scene.call(topic, "tells_context", context={"key": value})["key"]
    scene.same(got, value, "what came back")


@clause(
    "RPC-WIRE-019",
    MUST,
    "A handler gets the arguments that were sent and no others, whatever their names.",
    bugs=("oslo.messaging 8b366b30, 5464229e: the driver's own fields leak into the handler",),
    hint="the bus's own fields stand beside the args, not among them",
    own=some([name for name in OWN_FIELDS if name != "context"]),
    others=st.dictionaries(text.filter(lambda name: name != "context"), payloads, max_size=2),
    context=contexts,
)
def arguments_as_sent(
    scene: Scene, own: list[str], others: dict[str, Any], context: dict[str, Any]
) -> None:
    topic = scene.serve(scene.actor())
    args = {**dict.fromkeys(own, 1), **others}
    got = scene.send("call", context, topic, {"method": "takes", "args": args}, scene.patience)
    scene.same(got, args, "the arguments that the handler got")


@clause(
    "RPC-WIRE-020",
    MUST,
    "Data that looks like a bus's or a codec's own is data: in args, in contexts and in replies.",
    bugs=("kombu: a dict with __type__ blows up the receiver",),
    hint="the bus's own fields must stand where no data can; no object hooks in the codec",
    value=look_alikes,
)
def look_alikes_are_data(scene: Scene, value: dict[str, Any]) -> None:
    topic = scene.serve(scene.actor())
    scene.same(scene.call(topic, "give", value=value), value, "what the call returned")
    got = scene.call(topic, "tells_context", context=value)
    scene.same(got, value, "the handler's context")
    if scene.has("multicall"):
        values = list(scene.multicall(topic, "yields", values=[value, [value]]))
        scene.same(values, [value, [value]], "what the multicall gave")


@clause(
    "RPC-WIRE-021",
    MUST,
    "A message without args arrives as one with none.",
    hint="args may be left out of a message",
    kind=kinds,
)
def message_without_args(scene: Scene, kind: str) -> None:
    if kind == "multicall" and not scene.has("multicall"):
        kind = "call"
    topic, _ = serve_both(scene)
    timeout = scene.patience if kind in ("call", "multicall") else None
    given = scene.send(kind, {}, topic, {"method": "takes"}, timeout)
    if kind == "call":
        scene.same(given, {}, "the arguments that the handler got")
    if kind == "multicall":
        scene.same(list(given), [{}], "the arguments that the handler got")
    scene.await_taken(1)
