"""CALL: the last value that the method gave."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from rpcfake.contract.clause import MUST, SHOULD, clause
from rpcfake.contract.scene import Scene
from rpcfake.contract.strategies import empties, payloads, plain, several


@clause(
    "RPC-CALL-001",
    MUST,
    "A call returns the value that the method returned.",
    bugs=("pact-python 4.2: a verifier that never compares the reply",),
    hint="how the reply finds its caller, and that its value is the method's own",
    value=payloads,
)
def returns_the_value(scene: Scene, value: Any) -> None:
    topic = scene.serve(scene.actor())
    scene.same(scene.call(topic, "give", value=value), value, "what the call returned")


@clause(
    "RPC-CALL-002",
    MUST,
    "None, 0, False and the empty string, list and dict are returned like any value.",
    bugs=("nova LP 897155", "oslo.messaging c79bd1f2"),
    hint="a test of truth where `is None`, or a sentinel, is meant",
    value=empties,
)
def returns_the_empty(scene: Scene, value: Any) -> None:
    topic = scene.serve(scene.actor())
    scene.same(scene.call(topic, "give", value=value), value, "what the call returned")


@clause(
    "RPC-CALL-003",
    MUST,
    "A call of a generator returns its last yield.",
    hint="a call waits for the ending, and keeps the newest value until then",
    values=several,
)
def returns_the_last_yield(scene: Scene, values: list[Any]) -> None:
    topic = scene.serve(scene.actor())
    scene.same(scene.call(topic, "yields", values=values), values[-1], "what the call returned")


@clause(
    "RPC-CALL-004",
    MUST,
    "An empty value, yielded last, is what a call of a generator returns.",
    bugs=("nova e75df856e, LP 897155",),
    hint="`value or last` where `value` is meant",
    values=several,
    last=empties,
)
def returns_an_empty_last_yield(scene: Scene, values: list[Any], last: Any) -> None:
    topic = scene.serve(scene.actor())
    given = scene.call(topic, "yields", values=[*values, last])
    scene.same(given, last, "what the call returned")


@clause(
    "RPC-CALL-005",
    MUST,
    "After context.reply(x) a call returns what the method returned, also if that is None.",
    hint="a method's return value is its last value, whatever it replied before",
    values=several,
    then=st.none() | plain,
)
def returns_the_value_after_replies(scene: Scene, values: list[Any], then: Any) -> None:
    topic = scene.serve(scene.actor())
    given = scene.call(topic, "replies", values=values, then=then)
    scene.same(given, then, "what the call returned")


@clause(
    "RPC-CALL-006",
    MUST,
    "After context.reply(ending=True) a call returns the last x of context.reply(x), and not what"
    " the method returned.",
    hint="an ending is final: the return value is not a value any more",
    values=several,
    then=plain,
)
def returns_the_last_reply(scene: Scene, values: list[Any], then: Any) -> None:
    topic = scene.serve(scene.actor())
    given = scene.call(topic, "ends", values=values, then=then)
    scene.same(given, values[-1], "what the call returned")


@clause(
    "RPC-CALL-007",
    MUST,
    "An empty value, replied last before the ending, is what a call returns.",
    bugs=("nova e75df856e, LP 897155",),
    hint="`value or last` where `value` is meant",
    values=several,
    last=empties,
)
def returns_an_empty_last_reply(scene: Scene, values: list[Any], last: Any) -> None:
    topic = scene.serve(scene.actor())
    given = scene.call(topic, "ends", values=[*values, last], then="then")
    scene.same(given, last, "what the call returned")


@clause(
    "RPC-CALL-008",
    MUST,
    "The ending carries no value: an x beside ending=True is ignored.",
    hint="context.reply(x, ending=True) is the ending and nothing else",
    values=st.lists(plain, max_size=2),
    beside=plain.filter(lambda value: value is not None),
)
def the_ending_carries_no_value(scene: Scene, values: list[Any], beside: Any) -> None:
    topic = scene.serve(scene.actor())
    given = scene.call(topic, "ends", values=values, beside=["beside", beside])
    scene.same(given, values[-1] if values else None, "what the call returned")


@clause(
    "RPC-CALL-009",
    MUST,
    "A call of a method that gave no value at all returns None.",
    bugs=("nova LP 843200",),
    hint="a generator without a yield and an ending without a reply end the call like any other",
    method=st.sampled_from(["yields", "ends"]),
    then=plain,
)
def no_value_is_none(scene: Scene, method: str, then: Any) -> None:
    topic = scene.serve(scene.actor())
    scene.same(scene.call(topic, method, values=[], then=then), None, "what the call returned")


@clause(
    "RPC-CALL-010",
    MUST,
    "What a generator returns is no value.",
    hint="StopIteration.value is not given to the caller",
    values=several,
    then=plain.filter(lambda value: value is not None),
)
def a_generators_return_is_no_value(scene: Scene, values: list[Any], then: Any) -> None:
    topic = scene.serve(scene.actor())
    given = scene.call(topic, "yields", values=values, then=["then", then])
    scene.same(given, values[-1], "what the call returned")


@clause(
    "RPC-CALL-011",
    MUST,
    "What is replied after the ending changes nothing for a call.",
    bugs=("rabbitmq-dotnet-client#28",),
    hint="values that come after the ending are dropped, here or there",
    values=several,
    late=several,
)
def late_replies_are_dropped(scene: Scene, values: list[Any], late: list[Any]) -> None:
    topic = scene.serve(scene.actor())
    given = scene.call(topic, "ends", values=values, late=[["late", value] for value in late])
    scene.same(given, values[-1], "what the call returned")
    scene.same(scene.call(topic, "give", value="next"), "next", "what the next call returned")


@clause(
    "RPC-CALL-012",
    MUST,
    "Values given by yield and by context.reply in one generator count alike: a call returns the"
    " last.",
    hint="both go the same way to the caller, in the order given",
    values=several,
    last=st.sampled_from(["yield", "reply"]),
)
def yields_and_replies_count_alike(scene: Scene, values: list[Any], last: str) -> None:
    topic = scene.serve(scene.actor())
    other = {"yield": "reply", "reply": "yield"}[last]
    steps = [[other, value] for value in values[:-1]] + [[last, values[-1]]]
    scene.same(scene.call(topic, "mixes", steps=steps), values[-1], "what the call returned")


@clause(
    "RPC-CALL-013",
    MUST,
    "A call of a generator that waits between two yields waits for the last.",
    hint="a call ends with the ending, not with the first value or a pause",
    values=several,
)
def waits_for_the_last(scene: Scene, values: list[Any]) -> None:
    actor = scene.actor()
    topic = scene.serve(actor)
    beside = scene.call_beside(topic, "yields_at", gate="gate", values=values, tag="slow")
    scene.await_taken(1, actor)
    scene.fence(topic)
    scene.holds(not beside.done, "the call to wait for the last yield", "it came back before")
    for number in range(1, len(values)):
        scene.open_gate(f"gate{number}")
    scene.same(scene.result(beside, "the call"), values[-1], "what the call returned")


@clause(
    "RPC-CALL-014",
    MUST,
    "Calls made one after the other get each its own value.",
    bugs=("nova 10516fbfb", "celery#4363", "celery#6335"),
    hint="a reply is told by the id of its request, not by who waits first",
    values=several,
    methods=st.lists(st.sampled_from(["give", "yields", "ends"]), min_size=5, max_size=5),
)
def each_call_gets_its_own(scene: Scene, values: list[Any], methods: list[str]) -> None:
    topic = scene.serve(scene.actor())
    for value, method in zip(values, methods, strict=False):
        args = {"value": value} if method == "give" else {"values": ["first", value]}
        scene.same(scene.call(topic, method, **args), value, "what the call returned")


@clause(
    "RPC-CALL-015",
    MUST,
    "A call is handled once.",
    bugs=("oslo.messaging da02bc21", "oslo.messaging 129c2233, LP 1935883", "celery#5935"),
    hint="a request is acknowledged once and sent once, also where the reply is slow to come",
    number=st.integers(1, 4),
)
def a_call_is_handled_once(scene: Scene, number: int) -> None:
    actor = scene.actor()
    topic = scene.serve(actor)
    for tag in range(number):
        scene.call(topic, "give", tag=tag)
    scene.fence(topic)
    scene.await_once(list(range(number)), "each call to be handled once", actor)


@clause(
    "RPC-CALL-016",
    SHOULD,
    "The ending ends a call at once, though the method goes on.",
    hint="an ending is sent when it is replied, not when the method returns",
    value=plain,
)
def the_ending_ends_a_call(scene: Scene, value: Any) -> None:
    topic = scene.serve(scene.actor())
    given = scene.call(topic, "ends_and_holds", values=[value], gate="gate")
    scene.same(given, value, "what the call returned")
    scene.open_gate("gate")
