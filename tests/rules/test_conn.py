"""CONN: what a connection promises to those who consume on it."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rpcfake
from rpcfake import ConnectionClosed, InvalidMessage

from .harness import AnyBus, Echo, Recorder, Serving, kinds, message, relaxed, unchanged

SEND = st.sampled_from(["cast", "multicall", "fanout_cast"])


@given(sends=st.lists(SEND, max_size=8), starts=st.integers(1, 3))
@relaxed
def test_nothing_is_handled_before_consume_in_thread_and_everything_after(
    new_bus: type[AnyBus], sends: list[str], starts: int
) -> None:
    with new_bus() as bus:
        proxy = Recorder()
        connection = bus.create_connection()
        connection.create_consumer("desk", proxy)
        connection.create_consumer("desk", proxy, fanout=True)
        held = [getattr(bus, kind)(None, "desk", message(kind)) for kind in sends]
        bus.settle()
        assert proxy.got == []
        assert len(bus.queue("desk")) == len(sends)
        for _ in range(starts):  # twice is once
            connection.consume_in_thread()
        bus.settle()
        assert sorted(proxy.methods) == sorted(sends)
        assert kinds(bus)["taken"] == len(sends)
        assert len(held) == len(sends)


def test_a_call_waits_for_the_start_too(bus: AnyBus) -> None:
    connection = bus.create_connection()
    connection.create_consumer("desk", Echo())

    def start() -> None:
        bus.until(lambda: kinds(bus)["call"]) if not bus.simulated else None
        connection.consume_in_thread()

    assert bus.together(lambda: bus.call(None, "desk", message("value", value=1)), start) == [
        1,
        None,
    ]


def test_a_consumer_created_after_the_start_starts_at_once(bus: AnyBus) -> None:
    connection = bus.create_connection()
    connection.consume_in_thread()
    proxy = Recorder()
    connection.create_consumer("desk", proxy)
    connection.create_consumer("desk", proxy, fanout=True)
    assert bus.call(None, "desk", message("called")) is None
    bus.fanout_cast(None, "desk", message("told"))
    bus.settle()
    assert proxy.methods == ["called", "told"]


def test_starting_again_starts_nothing_twice(bus: AnyBus) -> None:
    connection = bus.create_connection()
    proxies = [Recorder(), Recorder()]
    for proxy in proxies:
        connection.create_consumer("desk", proxy)
        connection.consume_in_thread()
        connection.consume_in_thread()
    for _ in range(6):
        bus.cast(None, "desk", message("m"))
    bus.settle()
    assert [len(proxy.got) for proxy in proxies] == [3, 3]


@given(
    started=st.booleans(),
    before=st.integers(0, 5),
    after=st.integers(0, 5),
    closes=st.integers(1, 3),
    other=st.booleans(),
)
@relaxed
def test_close_stops_the_taking_and_loses_nothing(
    new_bus: type[AnyBus], started: bool, before: int, after: int, closes: int, other: bool
) -> None:
    with new_bus() as bus:
        proxy, heir = Recorder(), Recorder()
        connection = bus.create_connection()
        connection.create_consumer("desk", proxy)
        if started:
            connection.consume_in_thread()
        if other:
            bus.create_connection().create_consumer("desk", heir)  # never started
        for number in range(before):
            bus.cast(None, "desk", message("m", number=number))
        for _ in range(closes):
            connection.close()
        taken = kinds(bus)["taken"]
        for number in range(before, before + after):
            bus.cast(None, "desk", message("m", number=number))
        bus.settle()
        # What had been taken goes on, nothing else is; the rest is kept for whoever comes.
        assert len(proxy.got) == kinds(bus)["taken"] == taken
        assert len(bus.queue("desk")) == before + after - taken
        bus.serve("desk", heir)
        bus.settle()
        numbers = [args["number"] for args in proxy.args + heir.args]
        assert sorted(numbers) == list(range(before + after))
        assert kinds(bus)["taken"] == before + after
        assert kinds(bus)["dropped"] == 0


def test_what_is_left_keeps_its_order_over_a_close(bus: AnyBus) -> None:
    connection = bus.create_connection()
    connection.create_consumer("desk", Recorder())
    for number in range(5):
        bus.cast(None, "desk", message("m", number=number))
    connection.close()
    assert [record.args["number"] for record in bus.queue("desk").pending] == [0, 1, 2, 3, 4]
    taken = bus.traffic.taken
    bus.serve("desk", Recorder())
    bus.settle()
    assert [record.args["number"] for record in taken()] == []  # a snapshot of before
    assert [record.args["number"] for record in bus.traffic.taken()] == [0, 1, 2, 3, 4]


def test_close_leaves_other_connections_alone(bus: AnyBus) -> None:
    kept = Recorder()
    bus.serve("desk", kept)
    bus.serve("news", kept, fanout=True)
    other = bus.serve("desk", Recorder())
    other.create_consumer("news", Recorder(), fanout=True)
    other.close()
    for number in range(4):
        bus.call(None, "desk", message("called", number=number))
        bus.fanout_cast(None, "news", message("told", number=number))
        bus.settle()
    assert sorted(kept.methods) == ["called"] * 4 + ["told"] * 4
    assert bus.queue("desk").consumers == ("desk#1",)
    assert bus.queue("news").consumers == ("news#1",)


def test_close_does_not_wait_for_handlers_begun_and_their_replies_still_go(bus: AnyBus) -> None:
    gate = bus.gate()

    def ask(context: Any) -> str:
        context.reply("first")
        gate.wait()
        context.reply("second")
        return "third"

    connection = bus.serve("desk", Serving(ask=ask))
    values = bus.multicall(None, "desk", message("ask"))
    assert next(values) == "first"
    bus.until(lambda: gate.waiting)
    connection.close()
    assert gate.waiting == 1
    gate.open()
    assert list(values) == ["second", "third"]


def test_a_handler_may_close_its_own_connection(bus: AnyBus) -> None:
    proxy = Recorder()

    def stop(context: Any) -> str:
        connection.close()
        connection.close()
        return "stopped"

    connection = bus.serve("desk", Serving(stop=stop, m=proxy.m))
    assert bus.call(None, "desk", message("stop")) == "stopped"
    bus.cast(None, "desk", message("m"))
    bus.settle()
    assert proxy.got == []
    assert len(bus.queue("desk")) == 1


def test_messages_behind_the_one_that_closes_stay(bus: AnyBus) -> None:
    # oslo.messaging f3780094 (LP 1335086): a stopped server still took messages.
    connection = bus.create_connection()
    began = threading.Event()

    def stop(context: Any) -> None:
        connection.close()
        began.set()

    connection.create_consumer("desk", Serving(stop=stop, m=lambda context: None))
    bus.cast(None, "desk", message("stop"))
    connection.consume_in_thread()
    bus.until(began.is_set)
    for _ in range(3):
        bus.cast(None, "desk", message("m"))
    bus.settle()
    assert kinds(bus)["taken"] == 1
    assert len(bus.queue("desk")) == 3


def test_a_close_duplicates_nothing_that_was_begun(bus: AnyBus) -> None:
    gate, begun = bus.gate(), []

    def work(context: Any, number: int) -> None:
        begun.append(number)
        gate.wait()

    connections = [bus.serve("desk", Serving(work=work)) for _ in range(2)]
    for number in range(4):
        bus.cast(None, "desk", message("work", number=number))
    bus.until(lambda: gate.waiting == 4)
    for connection in connections:
        connection.close()
    bus.serve("desk", Serving(work=work))
    gate.open()
    bus.settle()
    assert sorted(begun) == [0, 1, 2, 3]


def refusals(connection: rpcfake.connection.Connection) -> list[Any]:
    return [
        lambda: connection.create_consumer("desk", Echo()),
        lambda: connection.create_consumer("news", Echo(), fanout=True),
        connection.consume_in_thread,
    ]


@pytest.mark.parametrize("started", [False, True])
def test_a_closed_connection_refuses(bus: AnyBus, started: bool) -> None:
    connection = bus.create_connection()
    connection.create_consumer("desk", Echo())
    if started:
        connection.consume_in_thread()
    connection.close()
    for refused in refusals(connection):
        with unchanged(bus), pytest.raises(ConnectionClosed, match="closed"):
            refused()
    connection.close()


def test_the_connections_of_a_closed_bus_refuse_too(bus: AnyBus) -> None:
    connection = bus.serve("desk", Echo())
    bus.close()
    for refused in refusals(connection):
        with pytest.raises(ConnectionClosed, match="bus"):
            refused()
    connection.close()
    for refused in (
        bus.create_connection,
        lambda: bus.serve("desk", Echo()),
        lambda: bus.call(None, "desk", message("m")),
        lambda: bus.multicall(None, "desk", message("m")),
        lambda: bus.cast(None, "desk", message("m")),
        lambda: bus.fanout_cast(None, "desk", message("m")),
    ):
        with pytest.raises(ConnectionClosed):
            refused()
    assert kinds(bus) == {}


@pytest.mark.parametrize("started", [False, True])
def test_a_consumer_created_while_another_thread_closes_is_closed_too(
    bus: AnyBus, monkeypatch: pytest.MonkeyPatch, started: bool
) -> None:
    # oslo.messaging 3f3c489a, 5a98303e: start and stop race.
    connection = bus.create_connection()
    if started:
        connection.consume_in_thread()
    declare = bus._declare

    def close_meanwhile(*given: Any) -> Any:
        connection.close()
        return declare(*given)

    monkeypatch.setattr(bus, "_declare", close_meanwhile)
    with pytest.raises(ConnectionClosed):
        connection.create_consumer("desk", Recorder())
    assert bus.queue("desk").consumers == ()


def test_with_closes(bus: AnyBus) -> None:
    with bus.create_connection() as connection:
        connection.create_consumer("desk", Echo())
        connection.consume_in_thread()
        assert bus.call(None, "desk", message("value", value=1)) == 1
    with pytest.raises(ConnectionClosed):
        connection.consume_in_thread()
    with pytest.raises(KeyError), bus.create_connection() as connection:
        raise KeyError
    with pytest.raises(ConnectionClosed):
        connection.consume_in_thread()


@pytest.mark.parametrize("new", [True, False])
def test_new_is_accepted_either_way(bus: AnyBus, new: bool) -> None:
    with bus.installed():
        for create in (bus.create_connection, rpcfake.create_connection):
            with create(new=new) as connection:
                connection.create_consumer("desk", Echo())
                connection.consume_in_thread()
                assert bus.call(None, "desk", message("value", value=1)) == 1
            with create(new) as connection:
                connection.consume_in_thread()


def test_a_connection_without_consumers_starts_and_closes(bus: AnyBus) -> None:
    connection = bus.create_connection()
    connection.consume_in_thread()
    connection.close()
    bus.create_connection().close()
    assert bus.topics == ()


def test_one_connection_serves_many_topics(bus: AnyBus) -> None:
    connection = bus.create_connection()
    for number in range(20):
        connection.create_consumer(
            f"desk.{number}", Serving(ask=lambda context, number=number: number)
        )
    connection.consume_in_thread()
    for number in range(20):
        assert bus.call(None, f"desk.{number}", message("ask")) == number
    connection.close()
    assert all(bus.queue(topic).consumers == () for topic in bus.topics)


@pytest.mark.parametrize("topic", ["", 5, None, "x" * 201])
def test_a_refused_consumer_leaves_the_connection_as_it_was(bus: AnyBus, topic: Any) -> None:
    connection = bus.create_connection()
    with unchanged(bus), pytest.raises(InvalidMessage):
        connection.create_consumer(topic, Echo())
    connection.create_consumer("desk", Echo())
    connection.consume_in_thread()
    assert bus.call(None, "desk", message("value", value=1)) == 1


def test_the_last_consumer_may_come_back_again_and_again(bus: AnyBus) -> None:
    proxy = Recorder()
    for number in range(10):
        bus.cast(None, "desk", message("m", number=number))
        with bus.create_connection() as connection:
            connection.create_consumer("desk", proxy)
            bus.cast(None, "desk", message("m", number=-number))
            connection.consume_in_thread()
            bus.settle()
    # The very first one came before any declaration.
    assert sorted(args["number"] for args in proxy.args) == sorted(
        [*range(1, 10), *range(0, -10, -1)]
    )
