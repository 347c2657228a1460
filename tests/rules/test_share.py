"""SHARE: each message is handled by exactly one consumer of its topic, in turns."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from .harness import AnyBus, Recorder, Serving, few, message, relaxed


def serve_all(bus: AnyBus, count: int, one_connection: bool) -> list[Recorder]:
    proxies = [Recorder() for _ in range(count)]
    connection = bus.create_connection()
    for proxy in proxies:
        connection.create_consumer("work", proxy)
        if not one_connection:
            connection.consume_in_thread()
            connection = bus.create_connection()
    connection.consume_in_thread()
    return proxies


@given(
    count=st.integers(1, 6),
    sends=st.lists(st.sampled_from(["cast", "call", "multicall"]), max_size=25),
    one_connection=st.booleans(),
    settled=st.booleans(),
)
@relaxed
def test_each_message_to_one_and_counts_differ_by_one_at_most(
    new_bus: type[AnyBus], count: int, sends: list[str], one_connection: bool, settled: bool
) -> None:
    with new_bus() as bus:
        proxies = serve_all(bus, count, one_connection)
        for number, kind in enumerate(sends):
            msg = message("do", number=number)
            if kind == "cast":
                bus.cast(None, "work", msg)
            elif kind == "call":
                bus.call(None, "work", msg)
            else:
                list(bus.multicall(None, "work", msg))
            if settled:
                bus.settle()
        bus.settle()
        handled = sorted(args["number"] for proxy in proxies for args in proxy.args)
        assert handled == list(range(len(sends)))
        counts = [len(proxy.got) for proxy in proxies]
        assert max(counts) - min(counts) <= 1


@given(seed=st.integers(0, 2**32), schedule=st.sampled_from(["fifo", "random"]))
@few
def test_several_senders_at_once_are_shared_out_too(
    new_bus: type[AnyBus], seed: int, schedule: str
) -> None:
    with new_bus(schedule=schedule, seed=seed) as bus:
        proxies = serve_all(bus, 3, one_connection=False)

        def send(sender: int) -> None:
            for number in range(10):
                bus.cast(None, "work", message("do", sender=sender, number=number))

        bus.together(*(lambda sender=sender: send(sender) for sender in range(4)))
        bus.settle()
        handled = sorted(
            (args["sender"], args["number"]) for proxy in proxies for args in proxy.args
        )
        assert handled == [(sender, number) for sender in range(4) for number in range(10)]
        counts = sorted(len(proxy.got) for proxy in proxies)
        assert counts == [13, 13, 14]


@given(
    before=st.integers(0, 6),
    after=st.integers(0, 6),
    closing=st.integers(0, 2),
    unstarted=st.booleans(),
)
@relaxed
def test_when_one_of_three_closes_each_message_is_still_handled_once(
    new_bus: type[AnyBus], before: int, after: int, closing: int, unstarted: bool
) -> None:
    with new_bus() as bus:
        proxies = [Recorder() for _ in range(3)]
        connections = [bus.create_connection() for _ in proxies]
        for connection, proxy in zip(connections, proxies, strict=True):
            connection.create_consumer("work", proxy)
            if not unstarted:
                connection.consume_in_thread()
        for number in range(before):
            bus.cast(None, "work", message("do", number=number))
        connections.pop(closing).close()
        for number in range(before, before + after):
            bus.cast(None, "work", message("do", number=number))
        for connection in connections:
            connection.consume_in_thread()
        bus.settle()
        handled = sorted(args["number"] for proxy in proxies for args in proxy.args)
        assert handled == list(range(before + after))


def test_a_consumer_that_waits_does_not_lose_its_turn(bus: AnyBus) -> None:
    gate = bus.gate()
    taken: list[str] = []

    def serving(name: str) -> Serving:
        def do(context: Any) -> None:
            taken.append(name)
            gate.wait()

        return Serving(do=do)

    for name in ("a", "b"):
        bus.serve("work", serving(name))
    for _ in range(6):
        bus.cast(None, "work", message("do"))
    bus.until(lambda: gate.waiting == 6)
    assert sorted(taken) == ["a"] * 3 + ["b"] * 3
    gate.open()


def test_nobody_starves(bus: AnyBus) -> None:
    # The 2011 fake gave every message to the first consumer, kombu's memory:// to the last one.
    proxies = serve_all(bus, 3, one_connection=True)
    for _ in range(14):
        bus.call(None, "work", message("do"))
    assert sorted(len(proxy.got) for proxy in proxies) == [4, 5, 5]


def test_consumers_that_have_not_started_take_no_turn(bus: AnyBus) -> None:
    waiting, working = Recorder(), Recorder()
    connection = bus.create_connection()
    connection.create_consumer("work", waiting)
    bus.serve("work", working)
    for _ in range(4):
        bus.call(None, "work", message("do"))
    assert (len(waiting.got), len(working.got)) == (0, 4)
    connection.consume_in_thread()
    for _ in range(4):
        bus.call(None, "work", message("do"))
    assert (len(waiting.got), len(working.got)) == (2, 6)


def test_names_of_consumers_tell_them_apart(bus: AnyBus) -> None:
    serve_all(bus, 3, one_connection=False)
    for _ in range(3):
        bus.cast(None, "work", message("do"))
    bus.settle()
    assert bus.queue("work").consumers == ("work#1", "work#2", "work#3")
    assert sorted(str(record.consumer) for record in bus.traffic.taken()) == [
        "work#1",
        "work#2",
        "work#3",
    ]
