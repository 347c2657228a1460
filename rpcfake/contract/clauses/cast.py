"""CAST: sent and forgotten."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from rpcfake.contract.clause import MUST, clause
from rpcfake.contract.scene import Scene
from rpcfake.contract.strategies import payloads, several

FAILURES: list[tuple[str, dict[str, Any]]] = [
    ("fails", {"error": "ValueError", "text": "wrong"}),
    ("fails", {"error": "KeyError"}),
    ("fails", {"error": "SystemExit"}),
    ("yields_then_fails", {"values": [1], "text": "wrong"}),
    ("no_such_method", {}),
    ("note", {"no_such_argument": 1}),
]
"""Methods that fail in their own ways, with their arguments."""


@clause(
    "RPC-CAST-001",
    MUST,
    "cast returns None, whatever the method returns.",
    hint="nobody waits for what the handler of a cast gives",
    value=payloads,
)
def returns_none(scene: Scene, value: Any) -> None:
    actor = scene.actor()
    topic = scene.serve(actor)
    scene.same(scene.cast(topic, "give", value=["value", value]), None, "what cast returned")
    scene.await_taken(1, actor)


@clause(
    "RPC-CAST-002",
    MUST,
    "cast returns while the handler still waits.",
    bugs=("nova f529b3c9b nova/rpc/impl_fake.py: cast runs the handler before it returns",),
    hint="cast hands the message over; it neither runs the handler nor waits for it",
)
def does_not_wait(scene: Scene) -> None:
    actor = scene.actor()
    topic = scene.serve(actor)
    beside = scene.spawn(lambda: scene.cast(topic, "holds", gate="gate", tag="held"))
    scene.same(scene.result(beside, "a cast whose handler waits"), None, "what cast returned")
    scene.await_once(["held"], "the cast to be taken", actor)
    scene.open_gate("gate")


@clause(
    "RPC-CAST-003",
    MUST,
    "The error of a cast's handler never reaches the caster, nor who sends next.",
    bugs=("nova 704aafd74, LP 699910", "nova LP 894683"),
    hint="a failure belongs to the request that failed; a cast has nobody who waits for it",
    failure=st.sampled_from(FAILURES),
)
def errors_stay_there(scene: Scene, failure: tuple[str, dict[str, Any]]) -> None:
    topic = scene.serve(scene.actor())
    method, args = failure
    scene.same(scene.cast(topic, method, **args), None, "what cast returned")
    scene.same(scene.cast(topic, method, **args), None, "what cast returned")
    scene.same(scene.call(topic, "give", value="next"), "next", "what the next call returned")


@clause(
    "RPC-CAST-004",
    MUST,
    "Each cast is handled once.",
    bugs=("kombu#593", "oslo.messaging da02bc21", "oslo.messaging c70bf40b"),
    hint="nothing sent is lost, and nothing acknowledged comes again",
    number=st.integers(2, 8),
)
def each_is_handled_once(scene: Scene, number: int) -> None:
    actor = scene.actor()
    topic = scene.serve(actor)
    for tag in range(number):
        scene.cast(topic, "note", tag=tag)
    scene.fence(topic)
    scene.await_once(list(range(number)), "each cast to be handled once", actor)


@clause(
    "RPC-CAST-005",
    MUST,
    "Each cast arrives with its own arguments.",
    hint="a message is complete when it is sent: nothing is shared between two of them",
    values=several,
)
def each_has_its_own_arguments(scene: Scene, values: list[Any]) -> None:
    actor = scene.actor()
    topic = scene.serve(actor)
    for tag, value in enumerate(values):
        scene.cast(topic, "note", tag=tag, value=value)
    scene.await_taken(len(values), actor)
    arrived = {event.request: event.value for event in scene.history.of("taken", actor._name)}
    for tag, value in enumerate(values):
        scene.same(arrived.get(tag), value, f"the value of cast {tag}")


@clause(
    "RPC-CAST-006",
    MUST,
    "A generator that is cast runs to its end.",
    bugs=("nova f529b3c9b nova/rpc/impl_fake.py: fanout_cast builds a generator that never runs",),
    hint="what a method returns is drained if it is a generator, whether or not anybody waits",
    values=several,
)
def generators_run(scene: Scene, values: list[Any]) -> None:
    actor = scene.actor()
    topic = scene.serve(actor)
    scene.cast(topic, "yields", values=values, tag="cast")
    scene.holds(
        scene.happens(lambda: scene.history.of("ended", actor._name)),
        "the generator to come to its end",
        "it did not",
    )


@clause(
    "RPC-CAST-007",
    MUST,
    "What the handler of a cast replies goes nowhere, and does not disturb it.",
    bugs=("rabbitmq-dotnet-client#28",),
    hint="context.reply() of a cast does nothing: there is no place to send it to",
    values=several,
)
def replies_go_nowhere(scene: Scene, values: list[Any]) -> None:
    actor = scene.actor()
    topic = scene.serve(actor)
    late = [["late", value] for value in values]
    scene.same(scene.cast(topic, "ends", values=values, late=late), None, "what cast returned")
    scene.holds(
        scene.happens(lambda: scene.history.of("ended", actor._name)),
        "the handler to go on after its replies",
        "it did not",
    )
    scene.same(scene.call(topic, "give", value="next"), "next", "what the next call returned")


@clause(
    "RPC-CAST-008",
    MUST,
    "A cast to a topic that nobody ever declared returns None and raises nothing.",
    hint="a message that can't be routed is kept or dropped: the caster does not learn of it",
)
def nobody_is_no_error(scene: Scene) -> None:
    scene.same(scene.cast(scene.topic(), "note"), None, "what cast returned")


@clause(
    "RPC-CAST-009",
    MUST,
    "A handler may cast, also to its own topic; each cast is handled once.",
    bugs=("nova f529b3c9b nova/rpc/impl_fake.py: cast runs the handler before it returns",),
    hint="what a handler sends goes the same way as what anybody else sends",
    number=st.integers(1, 5),
)
def handlers_may_cast(scene: Scene, number: int) -> None:
    actor = scene.actor()
    topic = scene.serve(actor)
    messages = [{"method": "note", "args": {"tag": tag}} for tag in range(number)]
    scene.call(topic, "sends", kind="cast", messages=messages, topic=topic, tag="sends")
    expected = ["sends", *range(number)]
    scene.await_once(expected, "each message to be handled once", actor)
    scene.fence(topic)
    scene.await_once(expected, "each message to be handled once", actor)
