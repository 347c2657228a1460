"""MULTICALL: every value, in order, as soon as it was given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from rpcfake.contract.clause import MUST, SHOULD, clause
from rpcfake.contract.reading import Reading
from rpcfake.contract.scene import Scene
from rpcfake.contract.strategies import empties, payloads, plain, several

WAYS: dict[str, Callable[[Reading], None]] = {"close": Reading.close, "let go": Reading.let_go}
"""How an iterator is abandoned."""

MANY = 40
"""More than any pool of connections or channels is likely to hold."""

ways = st.sampled_from(sorted(WAYS))


@clause(
    "RPC-MULTICALL-001",
    MUST,
    "A multicall of a generator gives every yield, in order, and ends.",
    needs="multicall",
    bugs=("kombu#593",),
    hint="no value overtakes another, and the ending overtakes none",
    values=several,
)
def gives_every_yield(scene: Scene, values: list[Any]) -> None:
    topic = scene.serve(scene.actor())
    scene.same(list(scene.multicall(topic, "yields", values=values)), values, "what it gave")


@clause(
    "RPC-MULTICALL-002",
    MUST,
    "A multicall gives every x of context.reply(x), in order, then what the method returned.",
    needs="multicall",
    hint="the return value is a value like those that were replied, also if it is None",
    values=several,
    then=st.none() | plain,
)
def gives_every_reply(scene: Scene, values: list[Any], then: Any) -> None:
    topic = scene.serve(scene.actor())
    given = list(scene.multicall(topic, "replies", values=values, then=then))
    scene.same(given, [*values, then], "what it gave")


@clause(
    "RPC-MULTICALL-003",
    MUST,
    "A multicall of a method that returns gives the one value, also an empty one.",
    needs="multicall",
    bugs=("nova e75df856e, LP 897155",),
    hint="None is a value and not the mark of the end",
    value=empties | payloads,
)
def gives_the_return_value(scene: Scene, value: Any) -> None:
    topic = scene.serve(scene.actor())
    scene.same(list(scene.multicall(topic, "give", value=value)), [value], "what it gave")


@clause(
    "RPC-MULTICALL-004",
    MUST,
    "A multicall of a method that gave no value ends without one.",
    needs="multicall",
    bugs=("nova LP 843200",),
    hint="the ending is sent though no value was",
    method=st.sampled_from(["yields", "ends"]),
)
def gives_nothing(scene: Scene, method: str) -> None:
    topic = scene.serve(scene.actor())
    scene.same(list(scene.multicall(topic, method, values=[])), [], "what it gave")


@clause(
    "RPC-MULTICALL-005",
    MUST,
    "None, 0, False and the empty string, list and dict are values among others.",
    needs="multicall",
    bugs=("nova e75df856e, LP 897155", "oslo.messaging c79bd1f2"),
    hint="an empty value neither ends a multicall nor is left out of it",
    values=st.lists(empties, min_size=2, max_size=5),
    method=st.sampled_from(["yields", "ends"]),
)
def gives_the_empty(scene: Scene, values: list[Any], method: str) -> None:
    topic = scene.serve(scene.actor())
    values = ["first", *values, "last"]
    scene.same(list(scene.multicall(topic, method, values=values)), values, "what it gave")


@clause(
    "RPC-MULTICALL-006",
    MUST,
    "Each yield arrives while the generator waits for its next.",
    needs="multicall",
    hint="a value is sent when it is given; nothing collects the values first",
    values=several,
)
def each_yield_at_once(scene: Scene, values: list[Any]) -> None:
    topic = scene.serve(scene.actor())
    reading = scene.multicall(topic, "yields_at", gate="gate", values=values)
    for number, value in enumerate(values):
        if number:
            scene.open_gate(f"gate{number}")
        scene.same(next(reading), value, f"value {number}")
    scene.same(list(reading), [], "what came after the last value")


@clause(
    "RPC-MULTICALL-007",
    MUST,
    "Each x of context.reply(x) arrives while the method goes on.",
    needs="multicall",
    hint="a reply is sent when it is given, not when the method returns",
    values=several,
)
def each_reply_at_once(scene: Scene, values: list[Any]) -> None:
    topic = scene.serve(scene.actor())
    reading = scene.multicall(topic, "replies_at", gate="gate", values=values, then="then")
    for number, value in enumerate(values):
        if number:
            scene.open_gate(f"gate{number}")
        scene.same(next(reading), value, f"value {number}")
    scene.open_gate(f"gate{len(values)}")
    scene.same(list(reading), ["then"], "what came after the last reply")


@clause(
    "RPC-MULTICALL-008",
    MUST,
    "What is replied or returned after the ending is dropped.",
    needs="multicall",
    bugs=("rabbitmq-dotnet-client#28",),
    hint="values that come after the ending are dropped, here or there",
    values=several,
    late=several,
)
def late_values_are_dropped(scene: Scene, values: list[Any], late: list[Any]) -> None:
    actor = scene.actor()
    topic = scene.serve(actor)
    reading = scene.multicall(topic, "ends", values=values, late=late, then="then")
    scene.same(list(reading), values, "what it gave")
    again = list(scene.multicall(topic, "yields", values=["next"]))
    scene.same(again, ["next"], "what the next multicall gave")


@clause(
    "RPC-MULTICALL-009",
    MUST,
    "The ending carries no value: an x beside ending=True is ignored.",
    needs="multicall",
    hint="context.reply(x, ending=True) is the ending and nothing else",
    values=st.lists(plain, max_size=3),
    beside=plain,
)
def the_ending_carries_no_value(scene: Scene, values: list[Any], beside: Any) -> None:
    topic = scene.serve(scene.actor())
    given = list(scene.multicall(topic, "ends", values=values, beside=["beside", beside]))
    scene.same(given, values, "what it gave")


@clause(
    "RPC-MULTICALL-010",
    MUST,
    "What a generator returns is no value.",
    needs="multicall",
    hint="StopIteration.value is not given to the caller",
    values=st.lists(plain, max_size=3),
    then=plain,
)
def a_generators_return_is_no_value(scene: Scene, values: list[Any], then: Any) -> None:
    topic = scene.serve(scene.actor())
    given = list(scene.multicall(topic, "yields", values=values, then=["then", then]))
    scene.same(given, values, "what it gave")


@clause(
    "RPC-MULTICALL-011",
    MUST,
    "Values given by yield and by context.reply come in the order in which they were given.",
    needs="multicall",
    hint="both go the same way to the caller",
    values=several,
    ways=st.lists(st.sampled_from(["yield", "reply"]), min_size=5, max_size=5),
)
def yields_and_replies_in_order(scene: Scene, values: list[Any], ways: list[str]) -> None:
    topic = scene.serve(scene.actor())
    steps = [["yield", "first"], ["reply", "second"]]
    steps += [[way, value] for way, value in zip(ways, values, strict=False)]
    given = list(scene.multicall(topic, "mixes", steps=steps))
    scene.same(given, [value for _, value in steps], "what it gave")


@clause(
    "RPC-MULTICALL-012",
    MUST,
    "A multicall sends when it is called, not at the first next.",
    needs="multicall",
    bugs=("nova f529b3c9b nova/rpc/impl_fake.py: fanout_cast builds a generator that never runs",),
    hint="a generator function sends nothing before its first next: send outside of it",
)
def sends_when_called(scene: Scene) -> None:
    actor = scene.actor()
    topic = scene.serve(actor)
    reading = scene.multicall(topic, "note", tag="asked")
    scene.await_once(["asked"], "the multicall to be taken before its first next", actor)
    scene.same(list(reading), [None], "what it gave")


@clause(
    "RPC-MULTICALL-013",
    MUST,
    "Values that are read late are all there, in order.",
    needs="multicall",
    bugs=("kombu#593",),
    hint="what arrived is kept until it is read, however many other replies come meanwhile",
    values=several,
)
def late_readers_get_everything(scene: Scene, values: list[Any]) -> None:
    topic = scene.serve(scene.actor())
    reading = scene.multicall(topic, "yields", values=values)
    for _ in range(3):
        scene.fence(topic)
    scene.same(list(reading), values, "what it gave")


@clause(
    "RPC-MULTICALL-014",
    MUST,
    "A multicall that ended stays ended.",
    needs="multicall",
    hint="next() after the end raises StopIteration, and waits for nothing",
    values=several,
)
def stays_ended(scene: Scene, values: list[Any]) -> None:
    topic = scene.serve(scene.actor())
    reading = scene.multicall(topic, "yields", values=values)
    scene.same(list(reading), values, "what it gave")
    for _ in range(2):
        scene.same(list(reading), [], "what it gave after its end")


@clause(
    "RPC-MULTICALL-015",
    MUST,
    "A multicall of 300 values gives all of them, in order.",
    needs="multicall",
    bugs=("kombu#593", "nova LP 1012374"),
    hint="a limit of unacknowledged or buffered replies that nothing lifts",
)
def gives_many(scene: Scene) -> None:
    topic = scene.serve(scene.actor())
    values = list(range(300))
    scene.same(list(scene.multicall(topic, "yields", values=values)), values, "what it gave")


@clause(
    "RPC-MULTICALL-016",
    MUST,
    "A multicall is handled once.",
    needs="multicall",
    bugs=("oslo.messaging da02bc21", "oslo.messaging 129c2233, LP 1935883"),
    hint="a request is acknowledged once and sent once",
    number=st.integers(1, 4),
)
def is_handled_once(scene: Scene, number: int) -> None:
    actor = scene.actor()
    topic = scene.serve(actor)
    for tag in range(number):
        list(scene.multicall(topic, "yields", values=[tag], tag=tag))
    scene.fence(topic)
    scene.await_once(list(range(number)), "each multicall to be handled once", actor)


@clause(
    "RPC-MULTICALL-017",
    MUST,
    "An abandoned multicall releases what it held: the next call works after any number of them.",
    needs="multicall",
    bugs=(
        "nova dd9cb8354, LP 968843",
        "oslo.messaging d5780ad3, LP 1474698",
        "oslo.messaging 286659a3, LP 1460652",
        "oslo.messaging daddb827, LP 1521958",
    ),
    hint="what a multicall takes from a pool goes back when it is closed or let go, not at its end",
    way=ways,
    read=st.integers(0, 1),
)
def abandoning_releases(scene: Scene, way: str, read: int) -> None:
    topic = scene.serve(scene.actor())
    for _ in range(MANY):
        reading = scene.multicall(topic, "yields", values=[0, 1, 2])
        for number in range(read):
            scene.same(next(reading), number, "a value before the abandoning")
        WAYS[way](reading)
    scene.same(scene.call(topic, "give", value="after"), "after", "what the call returned")


@clause(
    "RPC-MULTICALL-018",
    MUST,
    "What an abandoned multicall would have given reaches no later call.",
    needs="multicall",
    bugs=("rabbitmq-dotnet-client#28", "celery#4363", "celery#6335"),
    hint="a late value is told by the id of its request, and dropped",
    way=ways,
    read=st.integers(0, 1),
    values=several,
)
def abandoned_values_go_nowhere(scene: Scene, way: str, read: int, values: list[Any]) -> None:
    actor = scene.actor()
    topic = scene.serve(actor)
    late = [["late", number] for number in range(3)]
    reading = scene.multicall(topic, "replies_at", gate="gate", values=late, tag="abandoned")
    scene.await_taken(1, actor)
    for _ in range(read):
        next(reading)
    WAYS[way](reading)
    for number in range(1, 4):
        scene.open_gate(f"gate{number}")
    ended = scene.happens(lambda: scene.history.of("ended", actor._name))
    scene.first(ended, "the abandoned method did not come to its end")
    scene.same(scene.call(topic, "give", value="next"), "next", "what the next call returned")
    given = list(scene.multicall(topic, "yields", values=values))
    scene.same(given, values, "what the next multicall gave")


@clause(
    "RPC-MULTICALL-019",
    MUST,
    "After close() the remote generator is closed when the notice has arrived there.",
    needs=("multicall", "cancels_abandoned"),
    hint="close() sends a notice, and who drains the generator looks for it after each value",
    read=st.integers(0, 3),
)
def close_closes_the_generator(scene: Scene, read: int) -> None:
    _closes(scene, "close", read)


@clause(
    "RPC-MULTICALL-020",
    MUST,
    "When the iterator is let go the remote generator is closed as after close().",
    needs=("multicall", "cancels_abandoned"),
    hint="the iterator's finalizer leaves a note, and nothing else of the backend refers to it",
    read=st.integers(0, 3),
)
def letting_go_closes_the_generator(scene: Scene, read: int) -> None:
    _closes(scene, "let go", read)


@clause(
    "RPC-MULTICALL-021",
    MUST,
    "Abandoning one multicall leaves the others alone.",
    needs=("multicall", "cancels_abandoned"),
    bugs=("oslo.messaging aebe53f2", "oslo.messaging a3a684d2"),
    hint="a notice names the request that it is for",
    way=ways,
)
def others_go_on(scene: Scene, way: str) -> None:
    topic = scene.serve(scene.actor())
    kept = scene.multicall(topic, "streams", tag="kept")
    reading = scene.multicall(topic, "streams", tag="abandoned")
    next(reading)
    scene.same(next(kept), 0, "the first value of the other")
    WAYS[way](reading)
    closed = scene.history.of
    scene.holds(
        scene.happens(lambda: closed("closed")), "the abandoned generator to be closed", "none was"
    )
    for number in range(1, 4):
        scene.same(next(kept), number, f"value {number} of the other")
    tags = [event.request for event in closed("closed")]
    scene.same(tags, ["abandoned"], "which generators were closed")
    kept.close()


@clause(
    "RPC-MULTICALL-022",
    MUST,
    "A generator whose caller reads on is not closed before its end.",
    needs="multicall",
    hint="only an abandoned multicall closes its generator",
    values=several,
)
def reads_to_the_end(scene: Scene, values: list[Any]) -> None:
    actor = scene.actor()
    topic = scene.serve(actor)
    scene.same(list(scene.multicall(topic, "yields", values=values)), values, "what it gave")
    scene.holds(
        scene.happens(lambda: scene.history.of("ended", actor._name)),
        "the generator to come to its own end",
        "it was closed" if scene.history.of("closed", actor._name) else "it did not",
    )


@clause(
    "RPC-MULTICALL-023",
    SHOULD,
    "The ending ends a multicall at once, though the method goes on.",
    needs="multicall",
    hint="an ending is sent when it is replied, not when the method returns",
    values=several,
)
def the_ending_ends_it(scene: Scene, values: list[Any]) -> None:
    topic = scene.serve(scene.actor())
    given = list(scene.multicall(topic, "ends_and_holds", values=values, gate="gate"))
    scene.same(given, values, "what it gave")
    scene.open_gate("gate")


def _closes(scene: Scene, way: str, read: int) -> None:
    actor = scene.actor()
    topic = scene.serve(actor)
    reading = scene.multicall(topic, "streams", tag="abandoned")
    scene.await_taken(1, actor)
    for number in range(read):
        scene.same(next(reading), number, f"value {number}")
    WAYS[way](reading)
    scene.holds(
        scene.happens(lambda: scene.history.of("closed", actor._name)),
        "the remote generator to be closed",
        "it went on yielding",
    )
