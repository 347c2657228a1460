"""FANOUT: every fanout consumer, and nobody else."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from rpcfake.contract.clause import MUST, clause
from rpcfake.contract.scene import Scene
from rpcfake.contract.strategies import layouts, several

FAR = "each fanout cast to reach the consumer once"


@clause(
    "RPC-FANOUT-001",
    MUST,
    "A fanout cast reaches every fanout consumer of the topic once.",
    bugs=(
        "oslo.messaging de2de36a, LP 1300539",
        "oslo.messaging f2f2d07c, LP 1551661",
        "nova f529b3c9b nova/rpc/impl_fake.py: fanout_cast builds a generator that never runs",
        "kombu#195",
    ),
    hint="each fanout consumer has a queue of its own, also on a connection that it shares",
    layout=layouts,
    number=st.integers(1, 4),
)
def reaches_everybody_once(scene: Scene, layout: list[int], number: int) -> None:
    topic = scene.topic()
    actors = scene.consumers(layout, topic, fanout=True)
    tags = list(range(number))
    for tag in tags:
        scene.fanout_cast(topic, "note", tag=tag)
    scene.fanout_fence(topic, *actors)
    for actor in actors:
        scene.await_once(tags, FAR, actor)


@clause(
    "RPC-FANOUT-002",
    MUST,
    "A fanout cast arrives at each with the arguments that were sent.",
    hint="the same message for everybody, not what is left of it after the first",
    layout=layouts,
    values=several,
)
def arrives_as_sent(scene: Scene, layout: list[int], values: list[Any]) -> None:
    topic = scene.topic()
    actors = scene.consumers(layout, topic, fanout=True)
    for tag, value in enumerate(values):
        scene.fanout_cast(topic, "note", tag=tag, value=value)
    scene.await_taken(len(values) * len(actors), *actors)
    for actor in actors:
        arrived = {event.request: event.value for event in scene.history.of("taken", actor._name)}
        for tag, value in enumerate(values):
            scene.same(arrived.get(tag), value, f"the value of fanout cast {tag} at one consumer")


@clause(
    "RPC-FANOUT-003",
    MUST,
    "A fanout cast reaches no shared consumer.",
    hint="topics and fanouts are two places, though they have one name",
    same_connection=st.booleans(),
    number=st.integers(1, 4),
)
def no_shared_consumer(scene: Scene, same_connection: bool, number: int) -> None:
    topic = scene.topic()
    shared, fanout = _both(scene, topic, same_connection)
    for tag in range(number):
        scene.fanout_cast(topic, "note", tag=tag)
    scene.fanout_fence(topic, fanout)
    scene.fence(topic)
    scene.await_once([], "no fanout cast to reach a shared consumer", shared)
    scene.await_once(list(range(number)), FAR, fanout)


@clause(
    "RPC-FANOUT-004",
    MUST,
    "A cast and a call to a topic reach no fanout consumer of it.",
    bugs=("oslo.messaging 09cd9c0f, LP 1336759",),
    hint="topics and fanouts are two places, though they have one name",
    same_connection=st.booleans(),
    number=st.integers(1, 4),
)
def no_message_of_the_topic(scene: Scene, same_connection: bool, number: int) -> None:
    topic = scene.topic()
    shared, fanout = _both(scene, topic, same_connection)
    for tag in range(number):
        scene.cast(topic, "note", tag=tag)
    scene.same(scene.call(topic, "give", value=1, tag="call"), 1, "what the call returned")
    scene.fanout_fence(topic, fanout)
    scene.await_once([], "no message of the topic to reach a fanout consumer", fanout)
    scene.await_once([*range(number), "call"], "each message to reach the shared one", shared)


@clause(
    "RPC-FANOUT-005",
    MUST,
    "A call to a topic that has fanout consumers only is handled by none of them.",
    needs="timeouts",
    bugs=("oslo.messaging 09cd9c0f, LP 1336759",),
    hint="a fanout consumer reads its own queue and not the topic's",
    waits=True,
)
def no_call(scene: Scene) -> None:
    topic = scene.topic()
    (fanout,) = scene.consumers([0], topic, fanout=True)
    with scene.fails(scene.Timeout, what="a call that only fanout consumers could take"):
        scene.call(topic, "give", value=1, tag="call", timeout=0.2)
    scene.fanout_fence(topic, fanout)
    scene.await_once([], "no call to reach a fanout consumer", fanout)


@clause(
    "RPC-FANOUT-006",
    MUST,
    "A fanout cast to nobody is no error, and reaches nobody who is not a fanout consumer.",
    hint="None is returned, and nothing is kept",
    has_shared=st.booleans(),
)
def nobody_is_no_error(scene: Scene, has_shared: bool) -> None:
    topic = scene.topic()
    actors = scene.consumers([0], topic) if has_shared else []
    scene.same(scene.fanout_cast(topic, "note", tag=1), None, "what fanout_cast returned")
    if has_shared:
        scene.fence(topic)
        scene.await_once([], "no fanout cast to reach a shared consumer", *actors)


@clause(
    "RPC-FANOUT-007",
    MUST,
    "A fanout cast reaches a consumer that was declared before, and starts only after it.",
    bugs=("oslo.messaging e582da68, LP 1331453",),
    hint="the consumer's queue exists from create_consumer on, not from the start",
    number=st.integers(1, 4),
    started=st.booleans(),
)
def reaches_the_not_yet_started(scene: Scene, number: int, started: bool) -> None:
    topic = scene.topic()
    others = scene.consumers([0], topic, fanout=True) if started else []
    connection, actor = scene.connect(), scene.actor()
    scene.declare(connection, topic, actor, fanout=True)
    for tag in range(number):
        scene.fanout_cast(topic, "note", tag=tag)
    scene.start(connection)
    scene.fanout_fence(topic, actor, *others)
    for one in (actor, *others):
        scene.await_once(list(range(number)), FAR, one)


@clause(
    "RPC-FANOUT-008",
    MUST,
    "A consumer that is declared after a fanout cast does not get it.",
    hint="fanout casts are not kept for who may come",
    early=st.booleans(),
)
def not_who_comes_later(scene: Scene, early: bool) -> None:
    topic = scene.topic()
    others = scene.consumers([0], topic, fanout=True) if early else []
    scene.fanout_cast(topic, "note", tag="before")
    (late,) = scene.consumers([0], topic, fanout=True)
    scene.fanout_fence(topic, late, *others)
    scene.await_once([], "no earlier fanout cast to reach a later consumer", late)
    for one in others:
        scene.await_once(["before"], FAR, one)


@clause(
    "RPC-FANOUT-009",
    MUST,
    "A fanout cast reaches no consumer of another topic.",
    bugs=("kombu#1987", "nova b0e44f1b7"),
    hint="fanouts are told apart by the whole name of the topic",
    more=st.sampled_from([".more", "-2", "x"]),
)
def no_other_topic(scene: Scene, more: str) -> None:
    topic = scene.topic()
    other = scene.own(topic + more)
    (here,) = scene.consumers([0], topic, fanout=True)
    (there,) = scene.consumers([0], other, fanout=True)
    scene.fanout_cast(topic, "note", tag="here")
    scene.fanout_cast(other, "note", tag="there")
    scene.fanout_fence(topic, here)
    scene.fanout_fence(other, there)
    scene.await_once(["here"], "the topic's own fanout casts", here)
    scene.await_once(["there"], "the topic's own fanout casts", there)


@clause(
    "RPC-FANOUT-010",
    MUST,
    "fanout_cast returns None while the handlers still wait.",
    bugs=("nova f529b3c9b nova/rpc/impl_fake.py",),
    hint="fanout_cast hands the message over; it neither runs a handler nor waits for one",
)
def does_not_wait(scene: Scene) -> None:
    topic = scene.topic()
    actors = scene.consumers([0, 1], topic, fanout=True)
    beside = scene.spawn(lambda: scene.fanout_cast(topic, "holds", gate="gate", tag="held"))
    given = scene.result(beside, "a fanout cast whose handlers wait")
    scene.same(given, None, "what fanout_cast returned")
    for actor in actors:
        scene.await_once(["held"], FAR, actor)
    scene.open_gate("gate")


@clause(
    "RPC-FANOUT-011",
    MUST,
    "The error of one fanout handler reaches neither the caster nor the other consumers.",
    bugs=("nova 704aafd74, LP 699910",),
    hint="each consumer handles its own copy",
    layout=layouts,
    number=st.integers(1, 3),
)
def errors_stay_there(scene: Scene, layout: list[int], number: int) -> None:
    topic = scene.topic()
    actors = scene.consumers(layout, topic, fanout=True)
    for tag in range(number):
        given = scene.fanout_cast(topic, "fails", text="wrong", tag=tag)
        scene.same(given, None, "what fanout_cast returned")
    scene.fanout_fence(topic, *actors)
    for actor in actors:
        scene.await_once(list(range(number)), FAR, actor)


@clause(
    "RPC-FANOUT-012",
    MUST,
    "When one fanout consumer's connection is closed, the others get what is sent after it.",
    bugs=("oslo.messaging 18.3.1 fake://: cleanup of one transport clears all",),
    hint="a close takes away what belongs to that connection, and no more",
    closed=st.integers(0, 1),
)
def others_stay(scene: Scene, closed: int) -> None:
    topic = scene.topic()
    connections = [scene.connect() for _ in range(2)]
    actors = [scene.actor() for _ in range(2)]
    for connection, actor in zip(connections, actors, strict=True):
        scene.declare(connection, topic, actor, fanout=True)
        scene.start(connection)
    scene.fanout_cast(topic, "note", tag="before")
    scene.fanout_fence(topic, *actors)
    scene.close(connections[closed])
    scene.fanout_cast(topic, "note", tag="after")
    other = actors[1 - closed]
    scene.fanout_fence(topic, other)
    scene.await_once(["before", "after"], FAR, other)


@clause(
    "RPC-FANOUT-013",
    MUST,
    "One proxy can be a shared and a fanout consumer of a topic on one connection: it gets each"
    " message once.",
    hint="consumers are told apart by what they were declared as, not by their proxy",
    number=st.integers(1, 3),
)
def one_proxy_twice(scene: Scene, number: int) -> None:
    topic = scene.topic()
    connection, actor = scene.connect(), scene.actor()
    scene.declare(connection, topic, actor)
    scene.declare(connection, topic, actor, fanout=True)
    scene.start(connection)
    for tag in range(number):
        scene.cast(topic, "note", tag=f"cast {tag}")
        scene.fanout_cast(topic, "note", tag=f"fanout {tag}")
    scene.fence(topic)
    scene.fanout_fence(topic, actor)
    expected = [f"{kind} {tag}" for kind in ("cast", "fanout") for tag in range(number)]
    scene.await_once(expected, "each message to be handled once", actor)


def _both(scene: Scene, topic: str, same_connection: bool) -> tuple[Any, Any]:
    """A shared and a fanout consumer of one topic."""
    shared, fanout = scene.actor(), scene.actor()
    first = scene.connect()
    second = first if same_connection else scene.connect()
    scene.declare(first, topic, shared)
    scene.declare(second, topic, fanout, fanout=True)
    scene.start(first)
    if second is not first:
        scene.start(second)
    return shared, fanout
