"""ORDER: what one sender sends to one consumer is taken in the order sent.

A backend may have a pool of workers, so the order in which handlers run says nothing: the clauses
look at the order in which methods are looked up on the proxy.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from hypothesis import strategies as st

from rpcfake.contract.actor import Listener
from rpcfake.contract.clause import MUST, clause
from rpcfake.contract.scene import Scene

WHAT = "the order in which methods were looked up"

numbers = st.integers(3, 20)


@clause(
    "RPC-ORDER-001",
    MUST,
    "The casts of one sender to one consumer are taken in the order sent.",
    needs="ordered",
    bugs=("kombu#593",),
    hint="one queue, one reader: a pool of workers looks methods up before it lets go of the turn",
    number=numbers,
)
def casts(scene: Scene, number: int) -> None:
    listener = scene.listener()
    topic = scene.serve(listener)
    for method in _methods(number):
        scene.cast(topic, method)
    scene.same(_order(scene, listener, number), _methods(number), WHAT)


@clause(
    "RPC-ORDER-002",
    MUST,
    "Casts and calls of one sender to one consumer are taken in the order sent.",
    needs="ordered",
    bugs=("kombu#593",),
    hint="all kinds of messages go through the same queue",
    kinds=st.lists(st.sampled_from(["cast", "call"]), min_size=3, max_size=12),
)
def casts_and_calls(scene: Scene, kinds: list[str]) -> None:
    listener = scene.listener()
    topic = scene.serve(listener)
    kinds = ["cast", "call", *kinds]
    for method, kind in zip(_methods(len(kinds)), kinds, strict=True):
        getattr(scene, kind)(topic, method)
    scene.same(_order(scene, listener, len(kinds)), _methods(len(kinds)), WHAT)


@clause(
    "RPC-ORDER-003",
    MUST,
    "Multicalls are taken in the order sent, with the casts before and after them.",
    needs=("ordered", "multicall"),
    bugs=("kombu#593",),
    hint="a multicall is sent when it is called, through the same queue as a cast",
    kinds=st.lists(st.sampled_from(["cast", "multicall"]), min_size=2, max_size=8),
)
def casts_and_multicalls(scene: Scene, kinds: list[str]) -> None:
    listener = scene.listener()
    topic = scene.serve(listener)
    kinds = ["multicall", "cast", *kinds]
    begun: list[Any] = []  # no value is read: the iterators are kept until all was sent
    for method, kind in zip(_methods(len(kinds)), kinds, strict=True):
        begun.append(getattr(scene, kind)(topic, method))
    scene.same(_order(scene, listener, len(kinds)), _methods(len(kinds)), WHAT)


@clause(
    "RPC-ORDER-004",
    MUST,
    "Each fanout consumer takes the fanout casts of one sender in the order sent.",
    needs="ordered",
    bugs=("kombu#593",),
    hint="each fanout consumer has one queue",
    number=numbers,
)
def fanout_casts(scene: Scene, number: int) -> None:
    topic = scene.topic()
    listeners = [scene.listener(), scene.listener()]
    for listener in listeners:
        scene.serve(listener, topic, fanout=True)
    for method in _methods(number):
        scene.fanout_cast(topic, method)
    for listener in listeners:
        scene.same(_order(scene, listener, number), _methods(number), WHAT)


@clause(
    "RPC-ORDER-005",
    MUST,
    "Of consumers that share a topic, each takes its part in the order sent.",
    needs="ordered",
    bugs=("kombu#593",),
    hint="the parts of one stream keep its order",
    consumers=st.integers(2, 3),
    number=st.integers(6, 20),
)
def shared_casts(scene: Scene, consumers: int, number: int) -> None:
    topic = scene.topic()
    listeners = [scene.listener() for _ in range(consumers)]
    for listener in listeners:
        scene.serve(listener, topic)
    methods = _methods(number)
    for method in methods:
        scene.cast(topic, method)
    scene.happens(lambda: sum(len(_seen(scene, one)) for one in listeners) >= number)
    parts = [_seen(scene, listener) for listener in listeners]
    for part in parts:
        scene.same(part, [method for method in methods if method in part], WHAT)
    scene.same(
        sorted(method for part in parts for method in part),
        sorted(methods),
        "what all of them looked up",
    )


@clause(
    "RPC-ORDER-006",
    MUST,
    "Of two senders, what each sends is taken in the order in which it sent.",
    needs="ordered",
    bugs=("kombu#593",),
    hint="the messages of two senders may mix, those of one keep their order",
    numbers=st.tuples(st.integers(3, 10), st.integers(3, 10)),
)
def two_senders(scene: Scene, numbers: tuple[int, int]) -> None:
    listener = scene.listener()
    topic = scene.serve(listener)
    names = [_methods(number, name) for number, name in zip(numbers, "ab", strict=True)]

    def sends(methods: list[str]) -> None:
        for method in methods:
            scene.cast(topic, method)

    senders = [scene.spawn(partial(sends, methods)) for methods in names]
    for sender in senders:
        scene.result(sender, "a sender of casts")
    order = _order(scene, listener, sum(numbers))
    for methods in names:
        of_one = [method for method in order if method in methods]
        scene.same(of_one, methods, f"{WHAT}, of one sender's messages")


@clause(
    "RPC-ORDER-007",
    MUST,
    "What waited for the consumer's start is taken in the order sent, before what came after it.",
    needs="ordered",
    bugs=("kombu#593", "oslo.messaging 3f3c489a"),
    hint="what waits is at the head of the queue",
    before=st.integers(2, 10),
    after=st.integers(1, 5),
)
def what_waited(scene: Scene, before: int, after: int) -> None:
    topic, connection, listener = scene.topic(), scene.connect(), scene.listener()
    scene.declare(connection, topic, listener)
    methods = _methods(before + after)
    for method in methods[:before]:
        scene.cast(topic, method)
    scene.start(connection)
    for method in methods[before:]:
        scene.cast(topic, method)
    scene.same(_order(scene, listener, len(methods)), methods, WHAT)


@clause(
    "RPC-ORDER-008",
    MUST,
    "Messages are taken in the order sent also while handlers of earlier ones wait.",
    needs="ordered",
    bugs=("kombu#593",),
    hint="who takes over while a handler waits goes on where it stopped",
    waiting=st.lists(st.booleans(), min_size=3, max_size=12),
)
def while_handlers_wait(scene: Scene, waiting: list[bool]) -> None:
    listener = scene.listener()
    topic = scene.serve(listener)
    methods = [f"{'holds' if waits else 'm'}{number}" for number, waits in enumerate(waiting)]
    for method in ["holds", *methods]:
        scene.cast(topic, method)
    scene.same(_order(scene, listener, len(methods) + 1), ["holds", *methods], WHAT)


@clause(
    "RPC-ORDER-009",
    MUST,
    "What one handler sends to a consumer is taken in the order sent.",
    needs="ordered",
    bugs=("kombu#593",),
    hint="a handler is a sender like any other",
    number=numbers,
)
def a_handlers_casts(scene: Scene, number: int) -> None:
    listener = scene.listener()
    topic, other = scene.serve(listener), scene.serve(scene.actor())
    messages = [{"method": method, "args": {}} for method in _methods(number)]
    scene.call(other, "sends", kind="cast", topic=topic, messages=messages)
    scene.same(_order(scene, listener, number), _methods(number), WHAT)


def _methods(number: int, name: str = "m") -> list[str]:
    return [f"{name}{index}" for index in range(number)]


def _seen(scene: Scene, listener: Listener) -> list[str]:
    """The methods in the order in which they were first looked up: a backend may look twice."""
    return scene.looked_up(listener)


def _order(scene: Scene, listener: Listener, number: int) -> list[str]:
    scene.happens(lambda: len(_seen(scene, listener)) >= number)
    return _seen(scene, listener)
