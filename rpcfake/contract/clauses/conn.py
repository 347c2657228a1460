"""CONN: consumers start and close with their connection, and that loses and doubles nothing."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from rpcfake.contract.clause import MUST, clause
from rpcfake.contract.scene import Scene

few = st.integers(1, 3)


class Oops(Exception):
    """What a test raises in a `with`."""


def note(scene: Scene, topic: str, number: int, fanout: bool = False, start: int = 0) -> list[int]:
    """Cast messages with the tags from ``start`` on; gives the tags."""
    tags = list(range(start, start + number))
    for tag in tags:
        (scene.fanout_cast if fanout else scene.cast)(topic, "note", tag=tag)
    return tags


def declared(scene: Scene, topic: str, fanout: bool = False) -> tuple[Any, Any]:
    """A consumer that is not started: its connection and its actor."""
    connection, actor = scene.connect(), scene.actor()
    scene.declare(connection, topic, actor, fanout)
    return connection, actor


def started(scene: Scene, topic: str, fanout: bool = False) -> tuple[Any, Any]:
    """A consumer that is started: its connection and its actor."""
    connection, actor = declared(scene, topic, fanout)
    scene.start(connection)
    return connection, actor


def takes_only(scene: Scene, actor: Any, tags: list[Any], when: str) -> None:
    """Judge that an actor took just these, after some traffic elsewhere that lets it take more."""
    elsewhere = scene.serve(scene.actor())
    for _ in range(3):
        scene.fence(elsewhere)
    scene.same(scene.taken(actor), tags, f"what was taken {when}")


@clause(
    "RPC-CONN-001",
    MUST,
    "Nothing is handled before consume_in_thread.",
    bugs=("nova f529b3c9b impl_fake: no start needed",),
    hint="messages are taken from the declaration on",
    number=few,
    fanout=st.booleans(),
)
def nothing_before_the_start(scene: Scene, number: int, fanout: bool) -> None:
    topic = scene.topic()
    connection, actor = declared(scene, topic, fanout)
    tags = note(scene, topic, number, fanout)
    takes_only(scene, actor, [], "before consume_in_thread")
    scene.start(connection)
    scene.await_once(tags, "all to be taken once after consume_in_thread", actor)


@clause(
    "RPC-CONN-002",
    MUST,
    "What arrives after create_consumer waits for consume_in_thread: be it cast, fanned out or"
    " called.",
    bugs=("oslo.messaging e582da68, LP 1331453: what is sent before the first poll is lost",),
    hint="the queue must exist once create_consumer has returned",
    number=few,
)
def waits_for_the_start(scene: Scene, number: int) -> None:
    topic, connection = scene.topic(), scene.connect()
    shared, fanned = scene.actor(), scene.actor()
    scene.declare(connection, topic, shared)
    scene.declare(connection, topic, fanned, fanout=True)
    tags = note(scene, topic, number)
    fanned_tags = note(scene, topic, number, fanout=True, start=100)
    caller = scene.call_beside(topic, "give", value="answer", tag="call")
    scene.start(connection)
    scene.same(scene.result(caller, "the call"), "answer", "what a call from before got")
    scene.await_once([*tags, "call"], "all that was sent before to be taken once", shared)
    scene.await_once(fanned_tags, "all that was fanned out before to be taken once", fanned)


@clause(
    "RPC-CONN-003",
    MUST,
    "Calling consume_in_thread twice is calling it once.",
    hint="a second start must not subscribe a second time",
    number=few,
    times=st.integers(2, 3),
)
def started_twice(scene: Scene, number: int, times: int) -> None:
    topic, connection = scene.topic(), scene.connect()
    shared, fanned = scene.actor(), scene.actor()
    scene.declare(connection, topic, shared)
    scene.declare(connection, topic, fanned, fanout=True)
    for _ in range(times):
        scene.start(connection)
    tags = note(scene, topic, number)
    fanned_tags = note(scene, topic, number, fanout=True, start=100)
    scene.fanout_fence(topic, fanned)
    scene.fence(topic)
    scene.await_once(tags, "each to be taken once", shared)
    scene.await_once(fanned_tags, "each fanout cast to be taken once", fanned)


@clause(
    "RPC-CONN-004",
    MUST,
    "A consumer that is created after consume_in_thread starts at once.",
    hint="consumers that come later are not in what was started",
    number=few,
    fanout=st.booleans(),
    others=st.integers(0, 2),
)
def created_after_the_start(scene: Scene, number: int, fanout: bool, others: int) -> None:
    connection, actor = scene.connect(), scene.actor()
    for _ in range(others):
        scene.declare(connection, scene.topic(), scene.actor())
    scene.start(connection)
    topic = scene.topic()
    scene.declare(connection, topic, actor, fanout)
    tags = note(scene, topic, number, fanout)
    scene.await_once(tags, "each to be taken once", actor)


@clause(
    "RPC-CONN-005",
    MUST,
    "Each consumer of a connection gets the messages of its own topic and kind, by its own proxy.",
    bugs=("nova c34771e7d: one consumer only", "kombu 5.7 memory://: the last consumer gets all"),
    hint="one callback, queue or proxy for a whole connection",
    layout=st.lists(st.booleans(), min_size=2, max_size=3),
)
def each_its_own(scene: Scene, layout: list[bool]) -> None:
    connection = scene.connect()
    topics = [scene.topic() for _ in layout]
    actors = [scene.actor() for _ in layout]
    for topic, actor, fanout in zip(topics, actors, layout, strict=True):
        scene.declare(connection, topic, actor, fanout)
    scene.start(connection)
    for number, (topic, fanout) in enumerate(zip(topics, layout, strict=True)):
        note(scene, topic, 2, fanout, start=10 * number)
    for number, actor in enumerate(actors):
        tags = [10 * number, 10 * number + 1]
        scene.await_once(tags, f"{actor._name} to take what is for its topic", actor)


@clause(
    "RPC-CONN-006",
    MUST,
    "A consumer that is not started takes no messages away from one that is.",
    hint="who is declared gets its turn, or has messages set aside for it, before it is started",
    number=st.sampled_from([2, 5]),
    first=st.booleans(),
)
def not_started_takes_nothing(scene: Scene, number: int, first: bool) -> None:
    topic = scene.topic()
    if first:
        _, idle = declared(scene, topic)
        _, actor = started(scene, topic)
    else:
        _, actor = started(scene, topic)
        _, idle = declared(scene, topic)
    tags = note(scene, topic, number)
    scene.await_once(tags, "the one that is started to take each once", actor)
    scene.same(scene.taken(idle), [], "what the one that is not started took")


@clause(
    "RPC-CONN-007",
    MUST,
    "close may be called twice, and of a connection without consumers, or that was never started.",
    bugs=("oslo.messaging a4508412, LP 1458917: close raises and the connection stays",),
    hint="close must be idempotent",
    consumers=st.integers(0, 2),
    starts=st.booleans(),
    times=st.integers(2, 3),
)
def close_is_idempotent(scene: Scene, consumers: int, starts: bool, times: int) -> None:
    connection, topic = scene.connect(), scene.topic()
    for _ in range(consumers):
        scene.declare(connection, topic, scene.actor())
    if starts:
        scene.start(connection)
    for _ in range(times):
        scene.close(connection)
    other, actor = declared(scene, topic)
    scene.start(other)
    tags = note(scene, topic, 2)
    scene.await_once(tags, "another connection to take what comes later", actor)


@clause(
    "RPC-CONN-008",
    MUST,
    "close stops the taking of messages: what comes later goes to the other consumers.",
    bugs=("oslo.messaging f3780094, LP 1335086: a stopped server still takes messages",),
    hint="the consumer must be cancelled by the time that close returns",
    before=st.sampled_from([0, 3]),
    after=st.sampled_from([2, 5]),
    others=st.integers(1, 2),
)
def close_stops_taking(scene: Scene, before: int, after: int, others: int) -> None:
    topic = scene.topic()
    connection, closed = started(scene, topic)
    open_ones = [started(scene, topic)[1] for _ in range(others)]
    tags = note(scene, topic, before)
    scene.await_once(tags, "each to be taken once", closed, *open_ones)
    scene.close(connection)
    had = scene.taken(closed)
    later = note(scene, topic, after, start=100)
    scene.await_taken(before + after)
    scene.fence(topic, others)
    scene.same(scene.taken(closed), had, "what the closed one took")
    scene.await_once(tags + later, "each to be taken once")


@clause(
    "RPC-CONN-009",
    MUST,
    "A closed connection's only consumer takes nothing any more, shared or fanout.",
    bugs=("oslo.messaging f3780094, LP 1335086: a stopped server still takes messages",),
    hint="the consumer must be cancelled by the time that close returns",
    fanout=st.booleans(),
    starts=st.booleans(),
)
def close_stops_the_last(scene: Scene, fanout: bool, starts: bool) -> None:
    topic = scene.topic()
    connection, actor = declared(scene, topic, fanout)
    if starts:
        scene.start(connection)
    scene.close(connection)
    note(scene, topic, 2, fanout)
    takes_only(scene, actor, [], "after close")


@clause(
    "RPC-CONN-010",
    MUST,
    "close leaves other connections alone: their consumers, their queues and their fanout casts.",
    bugs=(
        "oslo.messaging 18.3.1 fake://: cleanup of one transport clears all",
        "oslo.messaging d1dac1c1, LP 1714055",
    ),
    hint="what a close deletes must be its own",
    number=few,
)
def close_leaves_others_alone(scene: Scene, number: int) -> None:
    topic, waiting = scene.topic(), scene.topic()
    connection, _ = started(scene, topic)
    scene.declare(connection, topic, scene.actor(), fanout=True)
    _, shared = started(scene, topic)
    _, fanned = started(scene, topic, fanout=True)
    later, kept = declared(scene, waiting)
    scene.declare(later, waiting, kept, fanout=True)
    tags = note(scene, waiting, number)
    tags += note(scene, waiting, number, fanout=True, start=100)
    scene.close(connection)
    fanned_tags = note(scene, topic, number, fanout=True, start=200)
    shared_tags = note(scene, topic, number, start=300)
    scene.await_once(fanned_tags, "another's fanout consumer to take each once", fanned)
    scene.await_once(shared_tags, "another's consumer to take each once", shared)
    scene.start(later)
    scene.await_once(tags, "another's consumers to take what waited for them", kept)


@clause(
    "RPC-CONN-011",
    MUST,
    "close does not touch the handlers and the calls of other connections.",
    hint="what a close ends must be its own",
)
def close_leaves_others_running(scene: Scene) -> None:
    topic = scene.topic()
    connection, _ = started(scene, scene.topic())
    _, actor = started(scene, topic)
    caller = scene.call_beside(topic, "holds", gate="gate", value="answer")
    scene.await_taken(1, actor)
    scene.close(connection)
    scene.open_gate("gate")
    scene.same(scene.result(caller, "the call"), "answer", "what a call beside the close got")


@clause(
    "RPC-CONN-012",
    MUST,
    "close loses nothing that was not yet taken, while another consumer is there.",
    bugs=("kombu#593; kombu 5.7 memory://: what is unacknowledged vanishes with its channel",),
    hint="what was delivered, but not begun, must go back to its queue",
    number=few,
    starts=st.booleans(),
)
def close_hands_over(scene: Scene, number: int, starts: bool) -> None:
    topic = scene.topic()
    connection, _ = declared(scene, topic)
    other, actor = declared(scene, topic)
    tags = note(scene, topic, number)
    caller = scene.call_beside(topic, "give", value="answer", tag="call")
    if starts:
        scene.start(connection)
    scene.close(connection)
    scene.start(other)
    scene.same(scene.result(caller, "the call"), "answer", "what a call got")
    if starts:
        scene.await_once([*tags, "call"], "each to be taken once, by one or the other")
    else:
        scene.await_once([*tags, "call"], "the other consumer to take each once", actor)


@clause(
    "RPC-CONN-013",
    MUST,
    "close loses nothing that was not yet taken, also when no other consumer is left.",
    needs="durable_topics",
    hint="the queue of a topic must outlive its consumers",
    number=few,
    starts=st.booleans(),
    later=st.sampled_from([0, 2]),
)
def close_keeps_the_queue(scene: Scene, number: int, starts: bool, later: int) -> None:
    topic = scene.topic()
    connection, _ = declared(scene, topic)
    tags = note(scene, topic, number)
    if starts:
        scene.start(connection)
    scene.close(connection)
    tags += note(scene, topic, later, start=100)
    started(scene, topic)
    scene.await_once(tags, "each to be taken once, by one or the other")


@clause(
    "RPC-CONN-014",
    MUST,
    "What a consumer has no room to handle is not lost when it closes, and not handled twice.",
    bugs=("oslo.messaging c70bf40b: a message is lost", "celery#5935: duplicates"),
    hint="what was fetched in advance, or waits for a worker, must go back to its queue",
    extra=few,
)
def close_with_a_backlog(scene: Scene, extra: int) -> None:
    topic = scene.topic()
    connection, busy = started(scene, topic)
    other, _ = declared(scene, topic)
    at_once = min(scene.concurrency, 40)
    tags = list(range(at_once + extra))
    for tag in tags:
        scene.cast(topic, "holds", gate="gate", tag=tag)
    scene.await_taken(at_once, busy)
    elsewhere = scene.serve(scene.actor())
    for _ in range(3):  # by then it has fetched in advance what it fetches
        scene.fence(elsewhere)
    scene.close(connection)
    scene.open_gate("gate")
    scene.start(other)
    scene.await_once(tags, "each to be taken once, by one or the other")
    scene.fence(topic)
    scene.await_once(tags, "each to be taken once, by one or the other")


@clause(
    "RPC-CONN-015",
    MUST,
    "A close makes nothing happen twice: what was begun is not handled by another consumer.",
    bugs=("oslo.messaging da02bc21; 129c2233, LP 1935883: duplicates",),
    hint="acknowledge when the handler begins, not when it ends",
    number=few,
)
def close_duplicates_nothing(scene: Scene, number: int) -> None:
    topic = scene.topic()
    connection, first = started(scene, topic)
    tags = list(range(number))
    for tag in tags:
        scene.cast(topic, "holds", gate="gate", tag=tag)
    scene.await_once(tags, "each to be taken once", first)
    scene.close(connection)
    _, second = started(scene, topic)
    scene.fence(topic)
    scene.fence(topic)
    scene.same(scene.taken(second), ["fence", "fence"], "what the next consumer took")
    scene.open_gate("gate")


@clause(
    "RPC-CONN-016",
    MUST,
    "What was handled is gone: the next consumer does not get it.",
    bugs=("nova LP 1012374: never acknowledged",),
    hint="acknowledge; what is left unacknowledged comes again",
    number=few,
    error=st.booleans(),
)
def handled_is_gone(scene: Scene, number: int, error: bool) -> None:
    topic = scene.topic()
    connection, first = started(scene, topic)
    tags = list(range(number))
    for tag in tags:
        if error:
            scene.cast(topic, "raises", error="ValueError", tag=tag)
        else:
            scene.cast(topic, "note", tag=tag)
    scene.await_once(tags, "each to be taken once", first)
    scene.close(connection)
    _, second = started(scene, topic)
    scene.fence(topic)
    scene.fence(topic)
    scene.same(scene.taken(second), ["fence", "fence"], "what the next consumer took")


@clause(
    "RPC-CONN-017",
    MUST,
    "close does not wait for handlers that have begun, and their replies still go.",
    hint="a close that joins its workers, or that takes away what replies need",
    number=st.integers(1, 3),
)
def close_does_not_wait(scene: Scene, number: int) -> None:
    topic = scene.topic()
    connection, actor = started(scene, topic)
    callers = [
        scene.call_beside(topic, "holds", gate="gate", value=value) for value in range(number)
    ]
    scene.await_taken(number, actor)
    closing = scene.close_beside(connection)
    done = scene.happens(lambda: closing.done)
    scene.open_gate("gate")
    scene.holds(done, "close to come back while a handler waits", "it waits too")
    if closing.error is not None:
        raise closing.error
    for value, caller in enumerate(callers):
        scene.same(scene.result(caller, "the call"), value, "the reply that went after the close")


@clause(
    "RPC-CONN-018",
    MUST,
    "After a close a multicall that has begun still gets its further values, and its ending.",
    needs="multicall",
    hint="a close that takes away what replies need",
    values=st.lists(st.integers(), min_size=2, max_size=4),
)
def close_within_a_multicall(scene: Scene, values: list[int]) -> None:
    topic = scene.topic()
    connection, _ = started(scene, topic)
    reading = scene.multicall(topic, "yields_at", gate="gate", values=values)
    got = [next(reading)]
    scene.close(connection)
    for index in range(1, len(values)):
        scene.open_gate(f"gate{index}")
    scene.same(got + list(reading), values, "the values of the multicall")


@clause(
    "RPC-CONN-019",
    MUST,
    "A handler may close its own connection: it replies, and nothing is taken after it.",
    bugs=("oslo.messaging 3f3c489a, 5a98303e: start and stop race",),
    hint="a close that waits for the thread or the worker in which it runs",
    number=few,
)
def handler_closes(scene: Scene, number: int) -> None:
    topic = scene.topic()
    _, actor = started(scene, topic)
    got = scene.call(topic, "closes", number=1, value="closed", tag="closes")
    scene.same(got, "closed", "what the handler that closes returned")
    note(scene, topic, number)
    takes_only(scene, actor, ["closes"], "also after the close")


@clause(
    "RPC-CONN-020",
    MUST,
    "A closed connection refuses create_consumer and consume_in_thread.",
    hint="a closed connection must raise (ours: ConnectionClosed)",
    starts=st.booleans(),
)
def closed_refuses(scene: Scene, starts: bool) -> None:
    topic = scene.topic()
    connection, actor = declared(scene, topic)
    if starts:
        scene.start(connection)
    scene.close(connection)
    scene.refused(
        "create_consumer on a closed connection",
        lambda: scene.declare(connection, topic, actor),
    )
    scene.refused("consume_in_thread on a closed connection", lambda: scene.start(connection))
    note(scene, topic, 1)
    takes_only(scene, actor, [], "after close")


@clause(
    "RPC-CONN-021",
    MUST,
    "create_connection(new=False) gives a connection like any other, also after one was closed.",
    bugs=("oslo.messaging d5780ad3, LP 1474698: a failed reset leaks a pool slot",),
    hint="what is shared must be replaced once it is closed",
    rounds=st.integers(1, 3),
)
def shared_connection(scene: Scene, rounds: int) -> None:
    for _ in range(rounds):
        connection, actor, topic = scene.connect(new=False), scene.actor(), scene.topic()
        scene.declare(connection, topic, actor)
        scene.start(connection)
        tags = note(scene, topic, 2)
        scene.await_once(tags, "each to be taken once", actor)
        scene.same(scene.call(topic, "give", value=1), 1, "what a call returned")
        scene.close(connection)


@clause(
    "RPC-CONN-022",
    MUST,
    "`with` gives the connection, closes it at its end, and lets an exception pass.",
    hint="__enter__ and __exit__ of the connection",
    fails=st.booleans(),
)
def with_closes(scene: Scene, fails: bool) -> None:
    topic, actor, connection = scene.topic(), scene.actor(), scene.connect()
    passed = False
    try:
        with scene.entered(connection) as entered:
            scene.holds(entered is not None, "`with` to give a connection", "it gave None")
            scene.declare(entered, topic, actor)
            scene.start(entered)
            scene.same(scene.call(topic, "give", value=1, tag=1), 1, "what a call returned")
            if fails:
                scene.write("raise Exception('oops')")
                raise Oops
    except Oops:
        passed = True
    scene.same(passed, fails, "whether the exception came out")
    scene.refused("consume_in_thread after the `with`", lambda: scene.start(connection))
    note(scene, topic, 1, start=2)
    takes_only(scene, actor, [1], "also after the `with`")


@clause(
    "RPC-CONN-023",
    MUST,
    "Connections that come and go while messages are sent lose and double nothing.",
    bugs=("oslo.messaging 3f3c489a, 5a98303e: start and stop race",),
    hint="what was delivered to a connection that closes is either begun or goes back",
    rounds=st.lists(st.integers(0, 4), min_size=1, max_size=3),
)
def connections_come_and_go(scene: Scene, rounds: list[int]) -> None:
    topic = scene.topic()
    keeper, _ = declared(scene, topic)
    tags: list[int] = []
    for number in rounds:
        connection, _ = declared(scene, topic)
        tags += note(scene, topic, number, start=len(tags))
        scene.start(connection)
        tags += note(scene, topic, number, start=len(tags))
        scene.close(connection)
        tags += note(scene, topic, 1, start=len(tags))
    scene.start(keeper)
    scene.await_once(tags, "each to be taken once")
    scene.fence(topic)
    scene.await_once(tags, "each to be taken once")


@clause(
    "RPC-CONN-024",
    MUST,
    "A fanout consumer that closes takes its own copies with it, and nobody else's.",
    hint="the queue of a fanout consumer is its own",
    number=few,
)
def fanout_consumer_closes(scene: Scene, number: int) -> None:
    topic = scene.topic()
    connection, closed = declared(scene, topic, fanout=True)
    _, open_one = started(scene, topic, fanout=True)
    tags = note(scene, topic, number, fanout=True)
    scene.close(connection)
    tags += note(scene, topic, number, fanout=True, start=100)
    scene.fanout_fence(topic, open_one)
    scene.await_once(tags, "the open one to take each once", open_one)
    scene.same(scene.taken(closed), [], "what the closed one took")
