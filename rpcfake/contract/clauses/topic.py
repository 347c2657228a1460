"""TOPIC: topics are exact names, and nothing in them means anything."""

from __future__ import annotations

from functools import partial
from typing import Any

from hypothesis import strategies as st

from rpcfake.contract.clause import INFO, MUST, clause
from rpcfake.contract.scene import Scene
from rpcfake.contract.strategies import some
from rpcfake.contract.watching import FENCE

BYTES = 200
"""How long a topic may be, in UTF-8."""

VARIANTS = (
    "{}.x", "{}.*", "{}.#", "*.{}", "#.{}", "{}*", "{}#", "{}.", ".{}", "{}..x", "{}?", "{}[a-z]",
    "{} ", " {}", "{}\n", "{}\t", "{}\x00", "\x01{}", "{}\x7f", "{}\r\n",
    "{}%", "{}%2A", "{}%23", "{}%00", "{}\\", "{}/", "{}:", "{}@", "{}+", "{}>", "{}é", "{}e\u0301",
    "{}_fanout", "{}.fanout", "fanout.{}", "{}_fanout_1", "{}.reply", "reply_{}", "{}#1", "amq.{}",
    "{}{}",
)  # fmt: skip
"""Names that some broker or driver could take for another: patterns, escapes, its own names."""

variants = some(VARIANTS)

LETTERS = ("x", "é", "€", "🐍", "*", "#", "%", ".", "\x00", "/")

REFUSED: tuple[Any, ...] = (
    None, 5, b"topic", ["topic"], ("topic",), True, "", "\ud800", "a\udfffb", "x" * 201, "é" * 101,
    "🐍" * 51,
)  # fmt: skip
"""What is no topic."""

sendings = st.sampled_from(["call", "multicall", "cast", "fanout_cast"])


def lookalikes(scene: Scene, patterns: list[str]) -> list[str]:
    """Topics that are all different, and look alike."""
    base = scene.topic("Topic")
    found = [base, base.upper(), base.lower(), base[:-1]]
    found += [pattern.format(base, base) for pattern in patterns]
    return [scene.own(topic) for topic in found]


def only_its_own(scene: Scene, patterns: list[str], fanout: bool) -> None:
    """Judge that what is sent to topics that look alike reaches none but their own consumers.

    Each topic has a shared and a fanout consumer; one of them gets everything, the other nothing.
    """
    topics = lookalikes(scene, patterns)
    connection = scene.connect()
    actors = {topic: (scene.actor(), scene.actor()) for topic in topics}
    for topic, (shared, fanned) in actors.items():
        scene.declare(connection, topic, shared)
        scene.declare(connection, topic, fanned, fanout=True)
    scene.start(connection)
    for topic in topics:
        for _ in range(2):  # who shares a queue with another gets one of two
            (scene.fanout_cast if fanout else scene.cast)(topic, "note", tag=topic)
    for topic, (shared, fanned) in actors.items():
        got = scene.call(topic, "names_itself", tag=FENCE)
        scene.same(got, shared._name, f"who answers for {topic!r}")
        scene.fanout_fence(topic, fanned)
    for topic, (shared, fanned) in actors.items():
        for actor, tags in ((shared, [] if fanout else [topic]), (fanned, [topic] * fanout)):
            what = f"{actor._name} to take just what is for it"
            scene.await_once(tags, what, actor, each=2)


@clause(
    "RPC-TOPIC-001",
    MUST,
    "Topics are exact: case, dots, *, #, control characters and prefixes mean nothing.",
    bugs=("nova b0e44f1b7: topics match by prefix",),
    hint="how a topic becomes the name of a queue and a routing key: it must be injective",
    patterns=variants,
    waits=True,  # no time must pass, but an example is dear: it has many consumers
)
def topics_are_exact(scene: Scene, patterns: list[str]) -> None:
    only_its_own(scene, patterns, fanout=False)


@clause(
    "RPC-TOPIC-002",
    MUST,
    "Topics are exact for fanout casts as well.",
    bugs=("nova b0e44f1b7: topics match by prefix", "kombu#1987: fanout crosses vhosts"),
    hint="how a topic becomes the name of an exchange or a binding key: it must be injective",
    patterns=variants,
    waits=True,  # as above
)
def fanout_topics_are_exact(scene: Scene, patterns: list[str]) -> None:
    only_its_own(scene, patterns, fanout=True)


@clause(
    "RPC-TOPIC-003",
    MUST,
    "Any str that UTF-8 can encode, up to 200 bytes of it, works as a topic.",
    hint="what the transport can't have in a name must be encoded",
    tail=st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    filled=st.none() | st.sampled_from(LETTERS),
)
def any_topic_works(scene: Scene, tail: str, filled: str | None) -> None:
    topic = scene.topic() + tail
    if filled is not None:
        topic += filled * BYTES
    topic = scene.own(topic.encode()[:BYTES].decode(errors="ignore"))
    actor, fanned, connection = scene.actor(), scene.actor(), scene.connect()
    scene.declare(connection, topic, actor)
    scene.declare(connection, topic, fanned, fanout=True)
    scene.start(connection)
    scene.same(scene.call(topic, "give", value=1, tag=1), 1, "what a call returned")
    scene.cast(topic, "note", tag=2)
    scene.fanout_cast(topic, "note", tag=3)
    scene.await_once([1, 2], "what was sent to the topic to be taken", actor)
    scene.await_once([3], "what was fanned out on the topic to be taken", fanned)


@clause(
    "RPC-TOPIC-004",
    MUST,
    "Long topics that differ in one character are different topics.",
    hint="a name that is cut, or a hash of a part of it",
    place=st.sampled_from(["first", "middle", "last"]),
    letter=st.sampled_from(["x", "🐍"]),
)
def long_topics_differ(scene: Scene, place: str, letter: str) -> None:
    base = scene.topic()
    room = (BYTES - len(base.encode()) - 1) // len(letter.encode())
    at = {"first": 0, "middle": room // 2, "last": room}[place]
    topics = [scene.own(base + letter * at + mark + letter * (room - at)) for mark in ("a", "b")]
    actors = [scene.actor() for _ in topics]
    for topic, actor in zip(topics, actors, strict=True):
        scene.serve(actor, topic)
        scene.serve(actor, topic, fanout=True)
    for tag, topic in enumerate(topics):
        scene.cast(topic, "note", tag=tag)
        scene.fanout_cast(topic, "note", tag=tag + 10)
    for tag, (topic, actor) in enumerate(zip(topics, actors, strict=True)):
        scene.fence(topic)
        scene.await_once([tag, tag + 10], "each topic's consumers to take what is for it", actor)


@clause(
    "RPC-TOPIC-005",
    MUST,
    "What is no topic is refused at the sender: no str, the empty str, a lone surrogate, more than"
    " 200 bytes.",
    hint="check the topic before anything is sent",
    topics=some(REFUSED),
    kind=sendings,
)
def no_topic_is_refused(scene: Scene, topics: list[Any], kind: str) -> None:
    if kind == "multicall" and not scene.has("multicall"):
        kind = "call"
    timeout = scene.patience if kind in ("call", "multicall") else None
    msg = {"method": "note", "args": {}}
    for topic in topics:
        scene.refused(f"a {kind} to {topic!r}", partial(scene.send, kind, {}, topic, msg, timeout))


@clause(
    "RPC-TOPIC-006",
    MUST,
    "What is no topic is refused by create_consumer, and the connection lives on.",
    hint="check the topic before anything is declared",
    fanout=st.booleans(),
)
def no_topic_is_declared(scene: Scene, fanout: bool) -> None:
    connection, actor = scene.connect(), scene.actor()
    for topic in REFUSED:
        scene.refused(
            f"create_consumer on {topic!r}",
            partial(scene.declare, connection, topic, actor, fanout),
        )
    good = scene.topic()
    scene.declare(connection, good, actor)
    scene.start(connection)
    scene.same(scene.call(good, "give", value=1), 1, "what a call to another topic returned")


@clause(
    "RPC-TOPIC-007",
    MUST,
    "A cast or a fanout cast to a topic that no consumer ever declared raises nothing.",
    hint="the sender does not know who listens",
    kind=st.sampled_from(["cast", "fanout_cast"]),
)
def nobody_there(scene: Scene, kind: str) -> None:
    send = scene.cast if kind == "cast" else scene.fanout_cast
    scene.same(send(scene.topic(), "note"), None, f"what the {kind} returned")


@clause(
    "RPC-TOPIC-008",
    INFO,
    "A cast to a topic that no consumer ever declared is dropped, not kept for who comes first.",
    hint="either is right",
)
def dropped_or_kept(scene: Scene) -> None:
    topic = scene.topic()
    scene.cast(topic, "note", tag="early")
    actor = scene.actor()
    scene.serve(actor, topic)
    scene.fence(topic)
    scene.fence(topic)
    tags = scene.taken(actor)
    scene.holds("early" not in tags, "the cast to be dropped", "it was kept")


@clause(
    "RPC-TOPIC-009",
    MUST,
    "A call or multicall to a topic that no consumer ever declared ends in Timeout.",
    needs="timeouts",
    bugs=("nova e2105bb7c: no consumer returns None, not a timeout",),
    hint="that nobody is there is not an answer",
    kind=st.sampled_from(["call", "multicall"]),
    waits=True,
)
def call_to_nobody(scene: Scene, kind: str) -> None:
    topic = scene.topic()
    with scene.fails(scene.Timeout, what=f"a {kind} to a topic without consumers"):
        if kind == "call" or not scene.has("multicall"):
            scene.call(topic, "give", timeout=0.2)
        else:
            next(scene.multicall(topic, "give", timeout=0.2))


@clause(
    "RPC-TOPIC-010",
    MUST,
    "A call to a topic that has fanout consumers only ends in Timeout.",
    needs="timeouts",
    bugs=("oslo.messaging 09cd9c0f, LP 1336759: call with fanout is accepted",),
    hint="fanout consumers do not read the topic's own queue",
    waits=True,
)
def call_to_fanout_consumers(scene: Scene) -> None:
    topic, actor = scene.topic(), scene.actor()
    scene.serve(actor, topic, fanout=True)
    with scene.fails(scene.Timeout, what="a call to a topic with fanout consumers only"):
        scene.call(topic, "give", timeout=0.2)
    scene.same(scene.taken(actor), [], "what the fanout consumer took")
