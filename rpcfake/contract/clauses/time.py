"""TIME: how long a caller waits, and what becomes of what comes later."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

from hypothesis import strategies as st

from rpcfake.contract.clause import MUST, SHOULD, clause
from rpcfake.contract.scene import Scene
from rpcfake.contract.strategies import some

EARLY = 0.005
"""Seconds by which a clock may be coarse."""

timeouts = st.sampled_from([0.1, 0.2, 0.3])


def unanswered(scene: Scene) -> str:
    """A topic whose consumer is not started."""
    topic = scene.topic()
    scene.declare(scene.connect(), topic, scene.actor())
    return topic


def time_out(scene: Scene, topic: str, method: str, timeout: float, **args: Any) -> float:
    """Judge that a call ends in Timeout; gives after how many seconds."""
    began = scene.now()
    with scene.fails(scene.Timeout, what=f"a call with a timeout of {timeout} s"):
        scene.call(topic, method, timeout=timeout, **args)
    return scene.now() - began


def in_time(scene: Scene, took: float, timeout: float) -> None:
    """Judge that a wait was not ended early, and not much later."""
    scene.holds(took >= timeout - EARLY, f"a wait of {timeout} s", f"it was {took:.3f} s")
    scene.holds(
        took <= timeout + scene.patience / 2,
        f"a wait of {timeout} s, and not much more",
        f"it was {took:.3f} s",
    )


@clause(
    "RPC-TIME-001",
    MUST,
    "A call that is not answered raises Timeout when its time is up, not earlier and not much"
    " later.",
    needs="timeouts",
    bugs=("nova LP 843200: call waits for ever", "nova e2105bb7c: None in place of a timeout"),
    hint="the wait for the reply needs a deadline on a monotonic clock",
    timeout=timeouts,
    taken=st.booleans(),
    waits=True,
)
def call_times_out(scene: Scene, timeout: float, taken: bool) -> None:
    topic = scene.serve(scene.actor()) if taken else unanswered(scene)
    in_time(scene, time_out(scene, topic, "holds", timeout, gate="gate"), timeout)


@clause(
    "RPC-TIME-002",
    MUST,
    "A multicall whose first value does not come raises Timeout when its time is up, not earlier"
    " and not much later.",
    needs=("timeouts", "multicall"),
    bugs=("nova LP 843200: multicall waits for ever",),
    hint="the wait for each value needs a deadline",
    timeout=timeouts,
    taken=st.booleans(),
    waits=True,
)
def multicall_times_out(scene: Scene, timeout: float, taken: bool) -> None:
    topic = scene.serve(scene.actor()) if taken else unanswered(scene)
    began = scene.now()
    reading = scene.multicall(topic, "holds", gate="gate", timeout=timeout)
    with scene.fails(scene.Timeout, what="the first value"):
        next(reading)
    in_time(scene, scene.now() - began, timeout)


@clause(
    "RPC-TIME-003",
    MUST,
    "A multicall's timeout bounds the wait for each next value, not all of them together.",
    needs=("timeouts", "multicall"),
    hint="the deadline begins anew with each wait",
    waits=True,
)
def timeout_of_each_value(scene: Scene) -> None:
    topic = scene.serve(scene.actor())
    reading = scene.multicall(topic, "yields_slowly", values=[1, 2, 3, 4], pause=0.2, timeout=0.6)
    scene.same(list(reading), [1, 2, 3, 4], "the values, none of which came late")


@clause(
    "RPC-TIME-004",
    MUST,
    "A multicall whose next value does not come raises Timeout, after the values that came.",
    needs=("timeouts", "multicall"),
    hint="the wait for each value needs a deadline, not the first alone",
    waits=True,
)
def later_value_times_out(scene: Scene) -> None:
    topic = scene.serve(scene.actor())
    reading = scene.multicall(topic, "yields_at", gate="gate", values=[1, 2], timeout=0.7)
    scene.same(next(reading), 1, "the first value")
    began = scene.now()
    with scene.fails(scene.Timeout, what="the second value"):
        next(reading)
    in_time(scene, scene.now() - began, 0.7)


@clause(
    "RPC-TIME-005",
    MUST,
    "The time that a caller takes between two values does not count.",
    needs=("timeouts", "multicall"),
    hint="the deadline begins with the wait, not with the value before",
    waits=True,
)
def callers_own_time(scene: Scene) -> None:
    topic = scene.serve(scene.actor())
    reading = scene.multicall(topic, "yields", values=[1, 2, 3], timeout=0.8)
    scene.same(next(reading), 1, "the first value")
    scene.sleep(0.9)
    scene.same(list(reading), [2, 3], "the values that were there for long")


@clause(
    "RPC-TIME-006",
    MUST,
    "A call's timeout bounds it as a whole: values on the way do not give it more time.",
    needs="timeouts",
    hint="the deadline of a call is set once",
    waits=True,
)
def call_as_a_whole(scene: Scene) -> None:
    topic = scene.serve(scene.actor())
    caller = scene.call_beside(topic, "streams", timeout=0.4)
    scene.holds(
        scene.happens(lambda: caller.done),
        "a call with a timeout of 0.4 s to end, though values come all the time",
        "it goes on and on",
    )
    with scene.fails(scene.Timeout, what="the call"):
        scene.result(caller, "the call")


@clause(
    "RPC-TIME-007",
    MUST,
    "Without a timeout a call waits for 60 s.",
    needs="timeouts",
    bugs=("oslo.messaging 44132d43, LP 1408370: timeout=None breaks",),
    hint="None is the default of 60 s: neither 0 nor for ever",
    waits=True,
)
def default_timeout(scene: Scene) -> None:
    if getattr(scene.harness, "virtual", False):
        topic, began = unanswered(scene), scene.now()
        with scene.fails(scene.Timeout, what="a call without a timeout"):
            scene.send("call", {}, topic, {"method": "note"})
        in_time(scene, scene.now() - began, 60)
        return
    # 60 real seconds are too long to see the end of it.
    topic = scene.serve(scene.actor())
    msg = {"method": "holds", "args": {"gate": "gate", "value": "answer"}}
    caller = scene.spawn(lambda: scene.send("call", {}, topic, msg))
    scene.await_taken(1)
    scene.sleep(0.5)
    scene.holds(not caller.done, "a call without a timeout to wait", "it came back")
    scene.open_gate("gate")
    scene.same(scene.result(caller, "the call"), "answer", "what the call returned")


@clause(
    "RPC-TIME-008",
    MUST,
    "A timeout may be an int, a float or None, be it small or a year, for call and multicall.",
    needs="timeouts",
    bugs=("oslo.messaging 776871f1, LP 1579029: a float breaks", "oslo.messaging 44132d43"),
    hint="what the timeout is turned into: milliseconds, a header, an int",
    timeouts=some([None, 2, 2.5, 60, 86_400 * 365, 3.0000001]),
    kind=st.sampled_from(["call", "multicall"]),
)
def kinds_of_timeouts(scene: Scene, timeouts: list[float | None], kind: str) -> None:
    topic = scene.serve(scene.actor())
    msg = {"method": "give", "args": {"value": 7}}
    for timeout in timeouts:
        if kind == "call" or not scene.has("multicall"):
            scene.same(scene.send("call", {}, topic, msg, timeout), 7, "what the call returned")
        else:
            got = list(scene.send("multicall", {}, topic, msg, timeout))
            scene.same(got, [7], "what the multicall gave")


@clause(
    "RPC-TIME-009",
    SHOULD,
    "timeout=math.inf is no limit, and no error.",
    needs="timeouts",
    hint="infinity fits neither into milliseconds nor into a lock's timeout",
    kind=st.sampled_from(["call", "multicall"]),
)
def infinite_timeout(scene: Scene, kind: str) -> None:
    kinds_of_timeouts(scene, [math.inf], kind)


@clause(
    "RPC-TIME-010",
    MUST,
    "A late reply goes nowhere, above all not to the next call.",
    needs="timeouts",
    bugs=(
        "rabbitmq-dotnet-client#28: a late reply raises",
        "celery#4363, #6335: a reply goes to another call",
    ),
    hint="replies are told apart by what they answer; those that nobody waits for are dropped",
    late=st.sampled_from(["holds", "raises"]),
    waits=True,
)
def late_reply(scene: Scene, late: str) -> None:
    actor = scene.actor()
    topic = scene.serve(actor)
    args = {"value": "late"} if late == "holds" else {"error": "ValueError", "text": "late"}
    for _ in range(5):
        time_out(scene, topic, late, 0.2, gate="late", **args)
        if scene.taken(actor):
            break
    scene.first(scene.taken(actor), "no call was taken before it timed out")
    waiting = scene.call_beside(topic, "holds", gate="own", value="own", tag="own")
    scene.holds(
        scene.happens(lambda: "own" in scene.taken(actor)), "a call to be taken", "it was not"
    )
    scene.open_gate("late")
    # Where the late handler goes on, as it need not, its reply comes before the other's.
    scene.happens(lambda: scene.passed("late"))
    for value in range(3):
        scene.same(scene.call(topic, "give", value=value), value, "what the next call returned")
    scene.open_gate("own")
    scene.same(scene.result(waiting, "the call"), "own", "what a call got that waited meanwhile")


@clause(
    "RPC-TIME-011",
    MUST,
    "The late values of a multicall go nowhere, above all not to the next one.",
    needs=("timeouts", "multicall"),
    bugs=("celery#4363, #6335: a reply goes to another call",),
    hint="replies are told apart by what they answer; those that nobody waits for are dropped",
    waits=True,
)
def late_values(scene: Scene) -> None:
    actor = scene.actor()
    topic = scene.serve(actor)
    reading = scene.multicall(topic, "yields_at", gate="late", values=[1, 2, 3], timeout=0.6)
    scene.same(next(reading), 1, "the first value")
    with scene.fails(scene.Timeout, what="the second value"):
        next(reading)
    after = scene.multicall(topic, "yields_at", gate="own", values=[10, 20, 30])
    scene.same(next(after), 10, "the next multicall's first value")
    for index in (1, 2):
        scene.open_gate(f"late{index}")
        # Where the late handler goes on, as it need not, its values come before the other's.
        scene.happens(partial(scene.passed, f"late{index}"))
    scene.same(scene.call(topic, "give", value=5), 5, "what a call returned")
    for index in (1, 2):
        scene.open_gate(f"own{index}")
    scene.same(list(after), [20, 30], "the next multicall's other values")


@clause(
    "RPC-TIME-012",
    MUST,
    "Timeouts leak nothing: after many of them as many calls work as before.",
    needs="timeouts",
    bugs=(
        "nova LP 968843: a timeout leaks a pooled connection",
        "oslo.messaging 286659a3, LP 1460652; daddb827, LP 1521958: replies to dead clients starve"
        " the pool",
    ),
    hint="what a call holds must be given back in a finally, and late replies be dropped",
    kind=st.sampled_from(["call", "multicall"]),
    waits=True,
)
def timeouts_leak_nothing(scene: Scene, kind: str) -> None:
    actor = scene.actor()
    topic = scene.serve(actor)
    number = min(scene.concurrency, 40)

    def wait_in_vain(silent: str) -> None:
        if kind == "call" or not scene.has("multicall"):
            scene.call(silent, "holds", gate="late", timeout=0.2)
        else:
            next(scene.multicall(silent, "holds", gate="late", timeout=0.2))

    for silent in (unanswered(scene), topic):
        callers = [scene.spawn(partial(wait_in_vain, silent)) for _ in range(number)]
        for caller in callers:
            with scene.fails(scene.Timeout, what=f"each {kind} that is not answered"):
                scene.result(caller, "each of them")
    scene.open_gate("late")
    callers = [
        scene.call_beside(topic, "holds", gate="gate", value=value, tag="after")
        for value in range(number)
    ]
    scene.holds(
        scene.happens(lambda: scene.taken(actor).count("after") == number),
        f"{number} calls after them to be taken",
        f"{scene.taken(actor).count('after')} were",
    )
    scene.open_gate("gate")
    for value, caller in enumerate(callers):
        scene.same(scene.result(caller, "a call after them"), value, "what a call after them got")


@clause(
    "RPC-TIME-013",
    MUST,
    "A call that timed out before it was taken is not handled any more.",
    needs=("timeouts", "expires"),
    bugs=("oslo.messaging 18.3.1 fake://: a call that timed out is executed later all the same",),
    hint="look at the deadline just before dispatch; a broker's own expiry comes on top",
    number=st.integers(1, 3),
    waits=True,
)
def expired_call(scene: Scene, number: int) -> None:
    topic, connection, actor = scene.topic(), scene.connect(), scene.actor()
    scene.declare(connection, topic, actor)
    for tag in range(number):
        time_out(scene, topic, "note", 0.15, tag=tag)
    scene.start(connection)
    scene.fence(topic)
    scene.fence(topic)
    scene.same(scene.taken(actor), ["fence", "fence"], "what was handled")


@clause(
    "RPC-TIME-014",
    MUST,
    "A multicall that timed out before it was taken is not handled any more.",
    needs=("timeouts", "expires", "multicall"),
    bugs=("oslo.messaging 18.3.1 fake://: a call that timed out is executed later all the same",),
    hint="look at the deadline just before dispatch",
    waits=True,
)
def expired_multicall(scene: Scene) -> None:
    topic, connection, actor = scene.topic(), scene.connect(), scene.actor()
    scene.declare(connection, topic, actor)
    reading = scene.multicall(topic, "yields", values=[1], tag="dead", timeout=0.15)
    with scene.fails(scene.Timeout, what="the first value"):
        next(reading)
    scene.start(connection)
    scene.fence(topic)
    scene.fence(topic)
    scene.same(scene.taken(actor), ["fence", "fence"], "what was handled")


@clause(
    "RPC-TIME-015",
    MUST,
    "What has not timed out is handled, though it waited longer than others had: a cast always.",
    needs=("timeouts", "durable_topics"),
    hint="each message has a deadline of its own, and a cast has none",
    waits=True,
)
def not_expired(scene: Scene) -> None:
    topic, connection, actor = scene.topic(), scene.connect(), scene.actor()
    scene.declare(connection, topic, actor)
    scene.cast(topic, "note", tag="cast")
    waiting = scene.call_beside(topic, "give", value="answer", tag="call", timeout=5.0)
    time_out(scene, topic, "note", 0.3, tag="dead")
    scene.start(connection)
    scene.same(scene.result(waiting, "the call"), "answer", "a call with more time")
    scene.holds(
        scene.happens(lambda: "cast" in scene.taken(actor)),
        "the cast to be handled, however long it waited",
        "it was not",
    )


@clause(
    "RPC-TIME-016",
    MUST,
    "Of callers at the same time each has its own timeout.",
    needs="timeouts",
    hint="one timer, or one deadline, for all who wait",
    waits=True,
)
def each_its_own_timeout(scene: Scene) -> None:
    topic = unanswered(scene)
    took: dict[float, float] = {}

    def wait(timeout: float) -> None:
        took[timeout] = time_out(scene, topic, "note", timeout)

    waiting = [scene.spawn(partial(wait, timeout)) for timeout in (0.5, 0.15, 0.3)]
    for one in waiting:
        scene.result(one, "each call")
    for timeout, seconds in took.items():
        in_time(scene, seconds, timeout)


@clause(
    "RPC-TIME-017",
    MUST,
    "A reply that comes in time is the answer, though it comes late in it.",
    needs="timeouts",
    hint="a deadline that is too early, or in the wrong unit",
    waits=True,
)
def reply_within_the_timeout(scene: Scene) -> None:
    topic = scene.serve(scene.actor())
    caller = scene.call_beside(topic, "holds", gate="gate", value="answer", timeout=1.5)
    scene.sleep(0.5)
    scene.open_gate("gate")
    scene.same(scene.result(caller, "the call"), "answer", "what the call returned")
