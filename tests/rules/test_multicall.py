"""MULTICALL: every value in order, each as soon as it was given, and then the end."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rpcfake
from rpcfake import RemoteError

from .harness import AnyBus, Echo, Recorder, Serving, kinds, message, relaxed
from .scripts import Step, expected_values, scripts, serve_script
from .strategies import payloads


@given(values=st.lists(payloads, max_size=5))
@relaxed
def test_every_value_in_order_numbered_from_0_by_the_facade(
    new_bus: type[AnyBus], values: list[Any]
) -> None:
    with new_bus() as bus, bus.installed():
        bus.serve("shop", Echo())
        msg = message("values", values=values)
        assert list(bus.multicall(None, "shop", msg)) == values
        assert list(rpcfake.multicall(None, "shop", msg)) == list(enumerate(values))


@given(script=scripts)
@relaxed
def test_replies_and_yields_and_the_return_up_to_the_ending(
    new_bus: type[AnyBus], script: list[Step]
) -> None:
    with new_bus() as bus:
        serve_script(bus, "shop", script)
        assert list(bus.multicall(None, "shop", message("act"))) == expected_values(script)
        bus.settle()
        # What was given after the ending is on record as dropped; an ending is none.
        late = [step for step in script[len(expected_values(script)) :] if step.way != "ending"]
        assert kinds(bus)["dropped"] == len([step for step in late if step.way != "return"])


def test_each_value_comes_as_soon_as_it_was_given(bus: AnyBus) -> None:
    gates = [bus.gate(), bus.gate(), bus.gate()]

    def ask(context: Any) -> Iterator[int]:
        for number, gate in enumerate(gates):
            yield number
            gate.wait()

    bus.serve("desk", Serving(ask=ask))
    values = bus.multicall(None, "desk", message("ask"))
    for number, gate in enumerate(gates):
        assert next(values) == number
        gate.open()
    with pytest.raises(StopIteration):
        next(values)


def test_replies_come_as_soon_as_they_were_given(bus: AnyBus) -> None:
    gate = bus.gate()

    def ask(context: Any) -> int:
        context.reply(1)
        gate.wait()
        return 2

    bus.serve("desk", Serving(ask=ask))
    values = bus.multicall(None, "desk", message("ask"))
    assert next(values) == 1
    gate.open()
    assert list(values) == [2]


def test_it_ends_at_the_ending_though_the_handler_goes_on(bus: AnyBus) -> None:
    gate = bus.gate()

    def ask(context: Any) -> int:
        context.reply(1)
        context.reply(ending=True)
        gate.wait()
        context.reply(2)
        return 3

    bus.serve("desk", Serving(ask=ask))
    assert list(bus.multicall(None, "desk", message("ask"))) == [1]
    gate.open()
    bus.settle()
    assert [record.value for record in bus.traffic.dropped()] == [2]


def test_after_the_end_it_stays_at_the_end(bus: AnyBus) -> None:
    bus.serve("shop", Echo())
    values = bus.multicall(None, "shop", message("values", values=[1]))
    assert list(values) == [1]
    assert list(values) == []
    failing = bus.multicall(None, "shop", message("nothing"))
    with pytest.raises(RemoteError):
        next(failing)
    assert list(failing) == []


def test_it_sends_when_it_is_called(bus: AnyBus) -> None:
    proxy = Recorder()
    bus.serve("shop", proxy)
    values = bus.multicall(None, "shop", message("ask"))
    assert kinds(bus)["multicall"] == 1
    bus.settle()
    assert proxy.methods == ["ask"]
    assert list(values) == [None]


def test_it_sends_when_the_facade_is_called(bus: AnyBus) -> None:
    proxy = Recorder()
    bus.serve("shop", proxy)
    with bus.installed():
        values = rpcfake.multicall(None, "shop", message("ask"))
        bus.settle()
        assert proxy.methods == ["ask"]
        assert list(values) == [(0, None)]


def close(holder: list[Any]) -> None:
    holder.pop().close()


def let_go(holder: list[Any]) -> None:
    holder.pop()
    gc.collect()


def leave_the_loop(holder: list[Any]) -> None:
    for _ in holder.pop():
        break
    gc.collect()


abandoning = pytest.mark.parametrize("abandon", [close, let_go, leave_the_loop])


@abandoning
@pytest.mark.parametrize("facade", [False, True], ids=["bus", "facade"])
def test_abandoned_the_remote_generator_is_closed_at_its_first_yield(
    bus: AnyBus, abandon: Callable[[list[Any]], None], facade: bool
) -> None:
    gate, events = bus.gate(), []

    def ask(context: Any) -> Iterator[int]:
        try:
            yield 1
            yield 2
            gate.wait()
            for number in range(3, 9):
                events.append(number)
                yield number
        finally:
            events.append("closed")

    bus.serve("desk", Serving(ask=ask))
    with bus.installed():
        multicall = rpcfake.multicall if facade else bus.multicall
        holder: list[Any] = [multicall(None, "desk", message("ask"))]
        assert next(holder[0]) == ((0, 1) if facade else 1)
        bus.until(lambda: gate.waiting)
        abandon(holder)
        gate.open()
        bus.until(lambda: "closed" in events)
        bus.settle()
    assert events == [3, "closed"]
    assert kinds(bus)["abandoned"] == 1
    assert kinds(bus)["ending"] == 0
    assert bus.problems() == []


@pytest.mark.parametrize("abandon", [close, let_go])
def test_abandoned_before_it_was_taken_it_is_never_handled(
    bus: AnyBus, abandon: Callable[[list[Any]], None]
) -> None:
    proxy = Recorder()
    connection = bus.create_connection()
    connection.create_consumer("shop", proxy)
    abandon([bus.multicall(None, "shop", message("ask"))])
    bus.settle()
    assert len(bus.queue("shop")) == 0
    assert kinds(bus) == {"multicall": 1, "abandoned": 1}
    connection.consume_in_thread()
    bus.settle()
    assert proxy.got == []
    assert bus.problems() == []


def test_letting_go_counts_without_anything_else_that_happens(bus: AnyBus) -> None:
    bus.serve("shop", Echo())
    values = bus.multicall(None, "shop", message("values", values=[1, 2]))
    bus.settle()
    del values
    gc.collect()
    bus.settle()
    assert kinds(bus)["abandoned"] == 1


def test_many_can_be_let_go_at_once(bus: AnyBus) -> None:
    connection = bus.create_connection()
    connection.create_consumer("shop", Echo())
    many = [bus.multicall(None, "shop", message("echo")) for _ in range(2_000)]
    del many[:]
    gc.collect()
    connection.consume_in_thread()
    assert bus.call(None, "shop", message("value", value=1)) == 1
    assert kinds(bus) == {
        "multicall": 2_000,
        "abandoned": 2_000,
        "call": 1,
        "taken": 1,
        "reply": 1,
        "ending": 1,
    }


def test_closing_twice_is_closing_once_and_it_ends_there(bus: AnyBus) -> None:
    bus.serve("shop", Echo())
    values = bus.multicall(None, "shop", message("values", values=[1, 2]))
    assert next(values) == 1
    values.close()
    values.close()
    assert list(values) == []
    assert kinds(bus)["abandoned"] == 1


def test_closing_after_the_end_abandons_nothing(bus: AnyBus) -> None:
    bus.serve("shop", Echo())
    values = bus.multicall(None, "shop", message("values", values=[1]))
    assert list(values) == [1]
    values.close()
    del values
    gc.collect()
    bus.settle()
    assert kinds(bus)["abandoned"] == 0


def test_the_remote_generator_is_closed_though_its_proxy_keeps_it(bus: AnyBus) -> None:
    gate, kept, events = bus.gate(), [], []

    def generate() -> Iterator[int]:
        try:
            yield 1
            gate.wait()
            yield 2
            events.append("went on")
        finally:
            events.append("closed")

    def ask(context: Any) -> Iterator[int]:
        kept.append(generate())
        return kept[-1]

    bus.serve("desk", Serving(ask=ask))
    values = bus.multicall(None, "desk", message("ask"))
    assert next(values) == 1
    values.close()
    gate.open()
    bus.settle()
    assert events == ["closed"]
    assert len(kept) == 1


def test_a_handler_that_replies_to_an_abandoned_multicall_goes_on(bus: AnyBus) -> None:
    gate, done = bus.gate(), []

    def ask(context: Any) -> str:
        context.reply(1)
        gate.wait()
        context.reply(2)
        done.append(True)
        return "3"

    bus.serve("desk", Serving(ask=ask))
    values = bus.multicall(None, "desk", message("ask"))
    assert next(values) == 1
    values.close()
    gate.open()
    bus.settle()
    assert done == [True]
    assert [record.value for record in bus.traffic.dropped()] == [2, "3"]
    assert bus.problems() == []


def test_an_error_after_the_abandoning_was_seen_by_nobody(bus: AnyBus) -> None:
    gate = bus.gate()

    def ask(context: Any) -> None:
        context.reply(1)
        gate.wait()
        raise KeyError("lost")

    bus.serve("desk", Serving(ask=ask))
    values = bus.multicall(None, "desk", message("ask"))
    assert next(values) == 1
    values.close()
    gate.open()
    bus.settle()
    assert [problem.allow for problem in bus.problems()] == ["handler_errors"]


def test_two_multicalls_at_once_each_get_their_own(bus: AnyBus) -> None:
    bus.serve("shop", Echo())
    one = bus.multicall(None, "shop", message("values", values=[1, 2, 3]))
    other = bus.multicall(None, "shop", message("values", values=["a", "b"]))
    assert [next(one), next(other), next(other), next(one), next(one)] == [1, "a", "b", 2, 3]
    assert list(one) == list(other) == []
