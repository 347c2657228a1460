"""SHARE: each message is handled by exactly one of the consumers of its topic."""

from __future__ import annotations

from hypothesis import strategies as st

from rpcfake.contract.actor import Actor
from rpcfake.contract.checkers import fair_shares, nobody_starves
from rpcfake.contract.clause import MUST, clause
from rpcfake.contract.scene import Scene
from rpcfake.contract.strategies import layouts

ONE = "each message to be handled by exactly one consumer"

kinds = st.lists(st.sampled_from(["cast", "call"]), min_size=2, max_size=12)


@clause(
    "RPC-SHARE-001",
    MUST,
    "Each cast and call is handled by exactly one of the consumers that share the topic.",
    bugs=("oslo.messaging 9ff4d998, LP 1257293", "FastStream#302"),
    hint="the consumers of a topic read one queue, and not one each",
    layout=layouts,
    kinds=kinds,
)
def exactly_one(scene: Scene, layout: list[int], kinds: list[str]) -> None:
    topic = scene.topic()
    actors = scene.consumers(layout, topic)
    for tag, kind in enumerate(kinds):
        getattr(scene, kind)(topic, "give", tag=tag)
    scene.fence(topic, len(actors))
    scene.await_once(list(range(len(kinds))), ONE)


@clause(
    "RPC-SHARE-002",
    MUST,
    "Each multicall is handled by exactly one of the consumers, and gives the values of that one.",
    needs="multicall",
    bugs=("oslo.messaging 9ff4d998, LP 1257293",),
    hint="the consumers of a topic read one queue, and not one each",
    layout=layouts,
    number=st.integers(1, 4),
)
def exactly_one_multicall(scene: Scene, layout: list[int], number: int) -> None:
    topic = scene.topic()
    actors = scene.consumers(layout, topic)
    for tag in range(number):
        given = list(scene.multicall(topic, "yields", values=[tag, "end"], tag=tag))
        scene.same(given, [tag, "end"], "what it gave")
    scene.fence(topic, len(actors))
    scene.await_once(list(range(number)), ONE)


@clause(
    "RPC-SHARE-003",
    MUST,
    "A call is answered by the consumer that handled it.",
    bugs=("oslo.messaging 3e6c0b38, LP 1301723", "oslo.messaging 9ff4d998, LP 1257293"),
    hint="the method is looked up on the proxy of the consumer that took the message",
    layout=layouts,
)
def the_taker_answers(scene: Scene, layout: list[int]) -> None:
    topic = scene.topic()
    scene.consumers(layout, topic)
    answers = [scene.call(topic, "names_itself", tag=tag) for tag in range(2 * len(layout))]
    scene.fence(topic, len(layout))
    for tag, name in enumerate(answers):
        takers = [event.who for event in scene.history.of("taken") if event.request == tag]
        scene.same(takers, [name], f"who took call {tag}, against who answered it")


@clause(
    "RPC-SHARE-004",
    MUST,
    "Calls made one after the other are split so that counts differ by at most 1.",
    needs="round_robin",
    bugs=(
        "oslo.messaging 18.3.1 fake://: 14 calls over three servers go [0, 0, 14]",
        "nova f529b3c9b nova/rpc/impl_fake.py: CONSUMERS[topic][0] takes every message",
        "kombu 5.7 memory://: of two consumers the second gets everything",
    ),
    hint="the consumers take turns, also those that share a connection",
    layout=layouts,
    number=st.integers(4, 14),
)
def calls_are_split(scene: Scene, layout: list[int], number: int) -> None:
    topic = scene.topic()
    actors = scene.consumers(layout, topic)
    takers = [str(scene.call(topic, "names_itself", tag=tag)) for tag in range(number)]
    _fair(scene, takers, actors)


@clause(
    "RPC-SHARE-005",
    MUST,
    "Casts and calls, sent without waiting, are split so that counts differ by at most 1.",
    needs="round_robin",
    bugs=(
        "nova f529b3c9b nova/rpc/impl_fake.py: CONSUMERS[topic][0] takes every message",
        "kombu 5.7 memory://: of two consumers the second gets everything",
    ),
    hint="the consumers take turns; none prefetches more than its share",
    layout=layouts,
    kinds=st.lists(st.sampled_from(["cast", "call"]), min_size=8, max_size=14),
)
def messages_are_split(scene: Scene, layout: list[int], kinds: list[str]) -> None:
    topic = scene.topic()
    actors = scene.consumers(layout, topic)
    for tag, kind in enumerate(kinds):
        getattr(scene, kind)(topic, "give", tag=tag)
    scene.await_taken(len(kinds))
    _fair(scene, _takers(scene), actors)


@clause(
    "RPC-SHARE-006",
    MUST,
    "A consumer that joins gets its equal share of what is sent from then on.",
    needs="round_robin",
    bugs=("nova f529b3c9b nova/rpc/impl_fake.py: CONSUMERS[topic][0] takes every message",),
    hint="whose turn it is follows from who is there, and not from a list made at the start",
    layout=layouts,
    before=st.integers(1, 5),
    number=st.integers(6, 12),
)
def who_joins_shares(scene: Scene, layout: list[int], before: int, number: int) -> None:
    topic = scene.topic()
    actors = scene.consumers(layout, topic)
    for _ in range(before):
        scene.call(topic, "give", tag="before")
    actors += scene.consumers([0], topic)
    takers = [str(scene.call(topic, "names_itself", tag=tag)) for tag in range(number)]
    _fair(scene, takers, actors)


@clause(
    "RPC-SHARE-007",
    MUST,
    "The turns of one topic do not depend on what is sent to another.",
    needs="round_robin",
    hint="each topic has turns of its own",
    number=st.integers(2, 6),
)
def topics_have_their_own_turns(scene: Scene, number: int) -> None:
    topics = [scene.topic(), scene.topic()]
    actors = [scene.consumers([0, 1], topic) for topic in topics]
    takers: list[list[str]] = [[], []]
    for tag in range(number):
        for topic, names in zip(topics, takers, strict=True):
            names.append(str(scene.call(topic, "names_itself", tag=tag)))
    for members, names in zip(actors, takers, strict=True):
        _fair(scene, names, members)


@clause(
    "RPC-SHARE-008",
    MUST,
    "Fanout consumers of the topic have no turn in sharing it.",
    needs="round_robin",
    hint="only shared consumers are counted",
    place=st.integers(0, 2),
    number=st.integers(6, 12),
)
def fanout_consumers_have_no_turn(scene: Scene, place: int, number: int) -> None:
    topic = scene.topic()
    actors = []
    for index in range(3):
        made = scene.consumers([0], topic, fanout=index == place)
        actors += made if index != place else []
    takers = [str(scene.call(topic, "names_itself", tag=tag)) for tag in range(number)]
    _fair(scene, takers, actors)


@clause(
    "RPC-SHARE-009",
    MUST,
    "No consumer of a topic starves.",
    bugs=(
        "oslo.messaging 18.3.1 fake://: 14 calls over three servers go [0, 0, 14]",
        "nova c34771e7d",
        "kombu 5.7 memory://: of two consumers the second gets everything",
    ),
    hint="every consumer that is started gets messages, in whatever shares",
    layout=layouts,
)
def nobody_starves_here(scene: Scene, layout: list[int]) -> None:
    topic = scene.topic()
    names = [actor._name for actor in scene.consumers(layout, topic)]
    takers: list[str] = []
    while len(takers) < 50 * len(names) and nobody_starves(takers, names):
        takers.append(str(scene.call(topic, "names_itself", tag=len(takers))))
    wrong = nobody_starves(takers, names)
    scene.holds(not wrong, "each consumer to get messages", "; ".join(wrong))


@clause(
    "RPC-SHARE-010",
    MUST,
    "What waited for the start of several consumers is handled by exactly one of them.",
    bugs=("oslo.messaging 3f3c489a", "oslo.messaging 5a98303e"),
    hint="a start takes what waits from the one queue, however many start at once",
    layout=layouts,
    number=st.integers(1, 8),
)
def what_waited_is_handled_once(scene: Scene, layout: list[int], number: int) -> None:
    topic = scene.topic()
    connections = {place: scene.connect() for place in sorted(set(layout))}
    for place in layout:
        scene.declare(connections[place], topic, scene.actor())
    for tag in range(number):
        scene.cast(topic, "note", tag=tag)
    for connection in connections.values():
        scene.start(connection)
    scene.await_once(list(range(number)), ONE)
    scene.fence(topic, len(layout))
    scene.await_once(list(range(number)), ONE)


@clause(
    "RPC-SHARE-011",
    MUST,
    "A message whose handler failed is not handed to another consumer.",
    bugs=("celery#5935", "oslo.messaging da02bc21"),
    hint="a message is acknowledged when its handler begins; its failure is an answer",
    layout=layouts,
    kinds=kinds,
)
def failures_are_not_handed_on(scene: Scene, layout: list[int], kinds: list[str]) -> None:
    topic = scene.topic()
    actors = scene.consumers(layout, topic)
    for tag, kind in enumerate(kinds):
        if kind == "cast":
            scene.cast(topic, "fails", text="wrong", tag=tag)
        else:
            with scene.fails(scene.RemoteError, what="the call"):
                scene.call(topic, "fails", text="wrong", tag=tag)
    scene.fence(topic, len(actors))
    scene.await_once(list(range(len(kinds))), ONE)


def _takers(scene: Scene) -> list[str]:
    return [event.who for event in scene.history.of("taken")]


def _fair(scene: Scene, takers: list[str], actors: list[Actor]) -> None:
    wrong = fair_shares(takers, [actor._name for actor in actors])
    scene.holds(not wrong, "shares that differ by at most 1", "; ".join(wrong))
