"""LOSS: what happens while the broker is away, and when it is back."""

from __future__ import annotations

from rpcfake.contract.clause import INFO, clause
from rpcfake.contract.scene import Scene
from rpcfake.contract.stage import Spawned
from rpcfake.contract.watching import FENCE

AWAY = 0.3
"""For how many seconds the broker is away."""


def comes_back(scene: Scene, spawned: Spawned, what: str) -> None:
    """Judge that something is done, in five times the usual patience: to reconnect takes time."""
    for _ in range(5):
        if scene.happens(lambda: spawned.done):
            return
    raise scene.violated(f"{what} to come back", "it did not")


def answered(scene: Scene, topic: str) -> None:
    """Judge that calls are answered again, sooner or later."""
    for _ in range(10):
        caller = scene.call_beside(
            topic, "give", value="answer", timeout=scene.patience / 2, tag=FENCE
        )
        comes_back(scene, caller, "a call after the interruption")
        if caller.error is None:
            scene.same(caller.value, "answer", "what a call after the interruption returned")
            return
        scene.sleep(0.1)
    raise scene.violated("calls to be answered again once the broker is back", "none is")


@clause(
    "RPC-LOSS-001",
    INFO,
    "Consumers resume when the broker is back, and callers get replies again.",
    needs="broker",
    bugs=(
        "nameko PR#504; EasyNetQ#1483: the reply queue is lost on reconnect",
        "celery#8030: a consumer stops silently after a reconnect",
    ),
    hint="after a reconnect declare and consume everything again, the reply queue too",
    waits=True,
)
def consumers_resume(scene: Scene) -> None:
    topic = scene.serve(scene.actor())
    scene.same(scene.call(topic, "give", value=1), 1, "what a call before returned")
    for _ in range(2):
        with scene.interrupted():
            scene.sleep(AWAY)
        answered(scene, topic)


@clause(
    "RPC-LOSS-002",
    INFO,
    "Fanout consumers resume when the broker is back.",
    needs="broker",
    bugs=("oslo.messaging 5988c7bf, LP 2031497: messages are skipped after a reconnect",),
    hint="after a reconnect bind the queues of fanout consumers again",
    waits=True,
)
def fanout_resumes(scene: Scene) -> None:
    actor, topic, connection = scene.actor(), scene.topic(), scene.connect()
    scene.declare(connection, topic, scene.actor())
    scene.declare(connection, topic, actor, fanout=True)
    scene.start(connection)
    with scene.interrupted():
        scene.sleep(AWAY)
    answered(scene, topic)
    for tag in range(5):
        scene.fanout_cast(topic, "note", tag=tag)
        if scene.happens(lambda tag=tag: tag in scene.taken(actor)):  # type: ignore[misc]
            return
    raise scene.violated("fanout casts to arrive again once the broker is back", "none does")


@clause(
    "RPC-LOSS-003",
    INFO,
    "A call that was pending when the broker went away ends in its reply or in Timeout.",
    needs=("broker", "timeouts"),
    bugs=("nameko PR#504: callers hang after a reconnect",),
    hint="the caller's deadline holds, whatever the connection does",
    waits=True,
)
def pending_call_is_indefinite(scene: Scene) -> None:
    actor = scene.actor()
    topic = scene.serve(actor)
    timeout = scene.patience
    caller = scene.call_beside(topic, "holds", gate="gate", value="answer", timeout=timeout)
    scene.await_taken(1, actor)
    with scene.interrupted():
        scene.sleep(AWAY)
    scene.open_gate("gate")
    comes_back(scene, caller, "the call that was pending")
    if caller.error is None:
        scene.same(caller.value, "answer", "what the pending call returned")
    else:
        with scene.fails(scene.Timeout, what="the pending call, which gave no value,"):
            raise caller.error


@clause(
    "RPC-LOSS-004",
    INFO,
    "A cast while the broker is away raises, or arrives when it is back.",
    needs="broker",
    hint="without a publisher confirm nobody knows whether a cast arrived",
    waits=True,
)
def cast_meanwhile(scene: Scene) -> None:
    actor = scene.actor()
    topic = scene.serve(actor)
    with scene.interrupted():
        casting = scene.spawn(lambda: scene.cast(topic, "note", tag="meanwhile"))
        scene.sleep(AWAY)
    comes_back(scene, casting, "the cast")
    answered(scene, topic)
    if casting.error is None:
        scene.holds(
            scene.happens(lambda: "meanwhile" in scene.taken(actor)),
            "a cast that raised nothing to arrive",
            "it did not",
        )


@clause(
    "RPC-LOSS-005",
    INFO,
    "A call while the broker is away ends in an error within its timeout: it can't be confirmed.",
    needs=("broker", "timeouts"),
    hint="connecting, publishing and confirming must be bounded by what is left of the call's time",
    waits=True,
)
def call_meanwhile(scene: Scene) -> None:
    topic = scene.serve(scene.actor())
    timeout = 0.5
    with scene.interrupted():
        began = scene.now()
        caller = scene.call_beside(topic, "give", value=1, timeout=timeout)
        done = scene.happens(lambda: caller.done)
        took = scene.now() - began
    scene.holds(
        done and took <= timeout + scene.patience / 2,
        f"a call with a timeout of {timeout} s to come back though the broker is away",
        f"after {took:.3f} s it " + ("did" if done else "had not"),
    )
    scene.holds(caller.error is not None, "the call to raise", f"it returned {caller.value!r}")
    answered(scene, topic)


@clause(
    "RPC-LOSS-006",
    INFO,
    "What waited for a consumer when the connection was lost is taken when it is back.",
    needs=("broker", "durable_topics"),
    bugs=("oslo.messaging 5988c7bf, LP 2031497: messages are skipped after a reconnect",),
    hint="queues that hold messages must outlive a lost connection",
    waits=True,
)
def waiting_casts_survive(scene: Scene) -> None:
    topic, connection, actor = scene.topic(), scene.connect(), scene.actor()
    scene.declare(connection, topic, actor)
    for tag in range(3):
        scene.cast(topic, "note", tag=tag)
    with scene.interrupted():
        scene.sleep(AWAY)
    scene.start(connection)
    answered(scene, topic)
    scene.await_once([0, 1, 2], "each to be taken once", actor)
