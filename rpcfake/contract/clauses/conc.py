"""CONC: a handler that waits holds up nobody, and each caller gets its own replies."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from rpcfake.contract.clause import MUST, clause
from rpcfake.contract.scene import Scene
from rpcfake.contract.strategies import payloads, plain, several

LEAST = 32
"""The least that a backend's ``concurrency`` may be."""

MOST = 64
"""How many waiting handlers are tried, whatever a backend declares."""

CALLERS = 24
"""How many callers wait at once: more than a pool of ten or twenty holds."""


@clause(
    "RPC-CONC-001",
    MUST,
    "While a handler waits, other messages of its topic are handled on the same connection.",
    hint="the loop that takes messages does not run the handlers itself",
    method=st.sampled_from(["holds", "yields_at", "replies_at"]),
)
def the_topic_goes_on(scene: Scene, method: str) -> None:
    actor = scene.actor()
    topic = scene.serve(actor)
    args = {} if method == "holds" else {"values": [1, 2]}
    scene.cast(topic, method, gate="gate", tag="waits", **args)
    scene.await_taken(1, actor)
    scene.same(scene.call(topic, "give", value="meanwhile"), "meanwhile", "what the call returned")
    scene.open_gate("gate")


@clause(
    "RPC-CONC-002",
    MUST,
    "While a handler waits, other topics are handled on the same connection.",
    hint="the loop that takes messages does not run the handlers itself",
    fanout=st.booleans(),
)
def other_topics_go_on(scene: Scene, fanout: bool) -> None:
    topics, actors = [scene.topic(), scene.topic()], [scene.actor(), scene.actor()]
    connection = scene.connect()
    scene.declare(connection, topics[0], actors[0], fanout)
    scene.declare(connection, topics[1], actors[1])
    scene.start(connection)
    send = scene.fanout_cast if fanout else scene.cast
    send(topics[0], "holds", gate="gate", tag="waits")
    scene.await_taken(1, actors[0])
    given = scene.call(topics[1], "give", value="meanwhile")
    scene.same(given, "meanwhile", "what the call returned")
    send(topics[0], "note", tag="next")
    scene.await_once(["waits", "next"], "the next message to be handled meanwhile", actors[0])
    scene.open_gate("gate")


@clause(
    "RPC-CONC-003",
    MUST,
    "As many handlers of a connection as it declares (32 at least) can wait at once.",
    hint="the pool of workers, or the prefetch count, is smaller than what is declared",
)
def as_many_as_declared(scene: Scene) -> None:
    scene.holds(
        scene.concurrency >= LEAST,
        f"a concurrency of {LEAST} at least",
        f"it is {scene.concurrency}",
    )
    actor = scene.actor()
    topic = scene.serve(actor)
    number = min(scene.concurrency, MOST)
    for tag in range(number):
        scene.cast(topic, "holds", gate="gate", tag=tag)
    scene.await_once(list(range(number)), "all handlers to begin, while they wait", actor)
    scene.open_gate("gate")


@clause(
    "RPC-CONC-004",
    MUST,
    "With one less waiting than it declares, a connection still handles other topics.",
    hint="the limit is one of waiting handlers, and the messages of one topic do not use it up",
)
def room_for_one_more(scene: Scene) -> None:
    topics, actors = [scene.topic(), scene.topic()], [scene.actor(), scene.actor()]
    connection = scene.connect()
    for topic, actor in zip(topics, actors, strict=True):
        scene.declare(connection, topic, actor)
    scene.start(connection)
    for tag in range(min(scene.concurrency, MOST) - 1):
        scene.cast(topics[0], "holds", gate="gate", tag=tag)
    scene.await_taken(min(scene.concurrency, MOST) - 1, actors[0])
    given = scene.call(topics[1], "give", value="meanwhile")
    scene.same(given, "meanwhile", "what the call returned")
    scene.open_gate("gate")


@clause(
    "RPC-CONC-005",
    MUST,
    "A handler waiting in call does not count: with any number of them the connection goes on.",
    bugs=("nameko#338",),
    hint="a worker gives its slot back while its handler waits in call",
)
def waiting_in_call_does_not_count(scene: Scene) -> None:
    _waits_in(scene, "forwards")


@clause(
    "RPC-CONC-006",
    MUST,
    "A handler waiting in multicall does not count: with any number of them the connection goes"
    " on.",
    needs="multicall",
    bugs=("nameko#338",),
    hint="a worker gives its slot back while its handler waits for the next value",
)
def waiting_in_multicall_does_not_count(scene: Scene) -> None:
    _waits_in(scene, "gathers")


@clause(
    "RPC-CONC-007",
    MUST,
    "A handler may call its own topic, deeper than its connection has handlers at once.",
    bugs=("nameko#338",),
    hint="a worker gives its slot back while its handler waits in call",
)
def calls_nest(scene: Scene) -> None:
    _nests(scene, "call")


@clause(
    "RPC-CONC-008",
    MUST,
    "A handler may multicall its own topic, deeper than its connection has handlers at once.",
    needs="multicall",
    bugs=("nameko#338",),
    hint="a worker gives its slot back while its handler waits for the next value",
)
def multicalls_nest(scene: Scene) -> None:
    _nests(scene, "multicall")


@clause(
    "RPC-CONC-009",
    MUST,
    "Services call each other in a circle, to any depth, on one connection or on several.",
    bugs=("nameko#338",),
    hint="a handler that waits in call holds neither its connection nor what it sends on",
    layout=st.lists(st.integers(0, 1), min_size=2, max_size=3),
    depth=st.integers(2, 7),
)
def circles(scene: Scene, layout: list[int], depth: int) -> None:
    connections = {place: scene.connect() for place in sorted(set(layout))}
    topics = [scene.topic() for _ in layout]
    for topic, place in zip(topics, layout, strict=True):
        scene.declare(connections[place], topic, scene.actor())
    for connection in connections.values():
        scene.start(connection)
    given = scene.call(topics[-1], "nests", topics=topics, depth=depth)
    scene.same(given, list(range(depth, -1, -1)), "what the outermost call returned")


@clause(
    "RPC-CONC-010",
    MUST,
    "A handler may cast to its own topic and wait for what that does.",
    bugs=("nova f529b3c9b nova/rpc/impl_fake.py",),
    hint="what a handler casts is handled while it waits",
)
def casts_and_waits(scene: Scene) -> None:
    actor = scene.actor()
    topic = scene.serve(actor)
    scene.same(
        scene.call(topic, "casts_and_holds", topic=topic, gate="gate", tag="asked"),
        None,
        "what the call returned",
    )
    scene.await_once(["asked", None], "both messages to be handled", actor)


@clause(
    "RPC-CONC-011",
    MUST,
    "A handler gets what it called for, and its caller gets what the handler gave.",
    bugs=("nova 10516fbfb",),
    hint="the reply to a nested call is told from the reply to the outer one",
    inner=payloads,
    outer=several,
)
def nested_replies(scene: Scene, inner: Any, outer: list[Any]) -> None:
    topic, other = scene.serve(scene.actor()), scene.serve(scene.actor())
    args = {"value": inner}
    given = scene.call(topic, "combines", value=outer, topic=other, method="give", args=args)
    scene.same(given, [outer, inner], "what the outer call returned")
    args = {"values": [inner, *outer], "ending": True, "then": "then"}
    given = scene.call(topic, "combines", value=inner, topic=other, method="replies", args=args)
    scene.same(given, [inner, outer[-1]], "what the outer call returned")


@clause(
    "RPC-CONC-012",
    MUST,
    "A handler that multicalls gets all values of it, and its caller one answer.",
    needs="multicall",
    bugs=("nova 10516fbfb",),
    hint="the reply to a nested call is told from the reply to the outer one",
    values=several,
)
def nested_values(scene: Scene, values: list[Any]) -> None:
    topic, other = scene.serve(scene.actor()), scene.serve(scene.actor())
    args = {"values": values}
    given = scene.call(topic, "gathers", topic=other, method="yields", args=args)
    scene.same(given, values, "what was gathered")


@clause(
    "RPC-CONC-013",
    MUST,
    "Callers that wait at once get each its own reply, in whatever order the replies come.",
    bugs=(
        "nova 10516fbfb",
        "oslo.messaging aebe53f2",
        "oslo.messaging a3a684d2",
        "rabbitmq-dotnet-client#28",
    ),
    hint="a reply is told by the id of its request, and given to who waits for that",
    order=st.permutations(range(5)),
    values=st.lists(plain, min_size=5, max_size=5),
)
def each_caller_its_own(scene: Scene, order: list[int], values: list[Any]) -> None:
    actor = scene.actor()
    topic = scene.serve(actor)
    callers = [
        scene.call_beside(topic, "holds", gate=f"gate{number}", value=[number, value], tag=number)
        for number, value in enumerate(values)
    ]
    scene.await_taken(5, actor)
    for number in order:
        scene.open_gate(f"gate{number}")
        given = scene.result(callers[number], "the call whose handler may go on")
        scene.same(given, [number, values[number]], f"what caller {number} got")


@clause(
    "RPC-CONC-014",
    MUST,
    "Multicalls that are read in turns give each its own values, in order.",
    needs="multicall",
    bugs=("nova 10516fbfb", "oslo.messaging aebe53f2"),
    hint="values are told by the id of their request, and wait for who asked for them",
    turns=st.lists(st.integers(0, 2), min_size=3, max_size=9),
    number=st.integers(2, 4),
)
def each_reader_its_own(scene: Scene, turns: list[int], number: int) -> None:
    topic = scene.serve(scene.actor())
    wanted = [[[place, index] for index in range(number)] for place in range(3)]
    readings = [scene.multicall(topic, "yields", values=values) for values in wanted]
    given: list[list[Any]] = [[], [], []]
    for place in turns:
        if len(given[place]) < number:
            given[place].append(next(readings[place]))
    for place, reading in enumerate(readings):
        given[place] += list(reading)
        scene.same(given[place], wanted[place], f"what multicall {place} gave")


@clause(
    "RPC-CONC-015",
    MUST,
    "24 callers that wait at once all get their replies.",
    bugs=(
        "oslo.messaging d5780ad3, LP 1474698",
        "nova dd9cb8354, LP 968843",
    ),
    hint="a caller that waits holds nothing of which there are few",
)
def many_callers(scene: Scene) -> None:
    actor = scene.actor()
    topic = scene.serve(actor)
    callers = [
        scene.call_beside(topic, "holds", gate="gate", value=number, tag=number)
        for number in range(CALLERS)
    ]
    scene.await_once(list(range(CALLERS)), "all calls to be taken", actor)
    scene.open_gate("gate")
    given = [scene.result(caller, "each call") for caller in callers]
    scene.same(given, list(range(CALLERS)), "what the callers got")


@clause(
    "RPC-CONC-016",
    MUST,
    "A call that is answered at once comes back though another caller still waits.",
    bugs=("oslo.messaging aebe53f2",),
    hint="who waits for a reply does not keep others from reading theirs",
    value=plain,
)
def a_quick_call_passes(scene: Scene, value: Any) -> None:
    actor = scene.actor()
    topic, other = scene.serve(actor), scene.serve(scene.actor())
    slow = scene.call_beside(topic, "holds", gate="gate", value="slow", tag="slow")
    scene.await_taken(1, actor)
    scene.same(scene.call(other, "give", value=value), value, "what the quick call returned")
    scene.open_gate("gate")
    scene.same(scene.result(slow, "the slow call"), "slow", "what the slow call returned")


def _waits_in(scene: Scene, method: str) -> None:
    actor, second = scene.actor(), scene.actor()
    topic, later = scene.serve(actor), scene.topic()
    connection = scene.connect()
    scene.declare(connection, later, second)
    number = min(scene.concurrency, MOST) + 8
    for tag in range(number):
        args = {"tag": f"inner {tag}", "value": tag}
        scene.cast(topic, method, topic=later, method="give", args=args, tag=tag)
    scene.await_once(list(range(number)), "all handlers to begin, while they wait", actor)
    scene.same(scene.call(topic, "give", value="more"), "more", "what a further call returned")
    scene.start(connection)
    inner = [f"inner {tag}" for tag in range(number)]
    scene.await_once(inner, "what the handlers called to be handled", second)


def _nests(scene: Scene, by: str) -> None:
    topic = scene.serve(scene.actor())
    depth = min(scene.concurrency, MOST) + 8
    given = scene.call(
        topic, "nests", topics=[topic], depth=depth, by=by, timeout=10 * scene.patience
    )
    scene.same(given, list(range(depth, -1, -1)), "what the outermost call returned")
