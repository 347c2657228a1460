"""CONC: a handler that waits holds up nobody, and handlers may call to any depth."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcfake import RemoteError

from .harness import AnyBus, Echo, Serving, few, message, relaxed


@pytest.mark.parametrize("waiting", [1, 32, 100])
def test_waiting_handlers_hold_up_no_other_message_of_their_connection(
    bus: AnyBus, waiting: int
) -> None:
    gate, done = bus.gate(), []

    def wait(context: Any, number: int) -> None:
        gate.wait()
        done.append(number)

    def quick(context: Any) -> str:
        return "done"

    connection = bus.serve("work", Serving(wait=wait, quick=quick))
    connection.create_consumer("other", Serving(quick=quick))
    for number in range(waiting):
        bus.cast(None, "work", message("wait", number=number))
    assert bus.call(None, "work", message("quick")) == "done"
    assert bus.call(None, "other", message("quick")) == "done"
    bus.until(lambda: gate.waiting == waiting)
    assert done == []
    gate.open()
    bus.settle()
    assert sorted(done) == list(range(waiting))


@pytest.mark.parametrize("way", ["call", "multicall"])
def test_a_handler_that_waits_in_a_call_does_not_count(bus: AnyBus, way: str) -> None:
    gate, done = bus.gate(), []

    def ask(context: Any, number: int) -> None:
        if way == "call":
            assert bus.call(context, "slow", message("wait", number=number)) == number
        else:
            assert list(bus.multicall(context, "slow", message("wait", number=number))) == [number]
        done.append(number)

    def wait(context: Any, number: int) -> int:
        gate.wait()
        return number

    bus.serve("slow", Serving(wait=wait))
    bus.serve("work", Serving(ask=ask, quick=lambda context: "done"))
    for number in range(50):
        bus.cast(None, "work", message("ask", number=number))
    bus.until(lambda: gate.waiting == 50)
    assert bus.call(None, "work", message("quick")) == "done"
    gate.open()
    bus.settle()
    assert sorted(done) == list(range(50))


class Tower:
    """Each floor asks the next one, by the topic it is told."""

    def __init__(self, bus: AnyBus, topics: list[str]) -> None:
        self.bus = bus
        self.topics = topics

    def climb(self, context: Any, left: int) -> int:
        if left == 0:
            return 0
        topic = self.topics[left % len(self.topics)]
        return 1 + int(self.bus.call(context, topic, message("climb", left=left - 1)))

    def climb_many(self, context: Any, left: int) -> Iterator[int]:
        yield left
        if left:
            topic = self.topics[left % len(self.topics)]
            yield from self.bus.multicall(context, topic, message("climb_many", left=left - 1))

    def fall(self, context: Any, left: int) -> None:
        if left == 0:
            raise KeyError("the ground")
        self.bus.call(context, self.topics[0], message("fall", left=left - 1))


@pytest.mark.parametrize("topics", [["own"], ["one", "other"]], ids=len)
@pytest.mark.parametrize("depth", [1, 2, 200, 300])
def test_handlers_call_to_any_depth_also_to_their_own_topic(
    bus: AnyBus, topics: list[str], depth: int
) -> None:
    # nameko#338: nested calls hang.
    tower = Tower(bus, topics)
    for topic in topics:
        bus.serve(topic, tower)
    assert bus.call(None, topics[0], message("climb", left=depth)) == depth


def test_handlers_multicall_to_their_own_topic(bus: AnyBus) -> None:
    bus.serve("own", Tower(bus, ["own"]))
    values = bus.multicall(None, "own", message("climb_many", left=40))
    assert list(values) == list(range(40, -1, -1))


def test_an_error_climbs_the_same_way_up(bus: AnyBus) -> None:
    bus.serve("own", Tower(bus, ["own"]))
    with pytest.raises(RemoteError, match="the ground") as caught:
        bus.call(None, "own", message("fall", left=3))
    assert caught.value.exc_type == "RemoteError"
    assert "KeyError" in caught.value.value


@given(
    finish=st.permutations(range(6)),
    schedule=st.sampled_from(["fifo", "random"]),
    seed=st.integers(0),
)
@few
def test_concurrent_callers_each_get_their_own_replies(
    new_bus: type[AnyBus], finish: list[int], schedule: str, seed: int
) -> None:
    with new_bus(schedule=schedule, seed=seed) as bus:
        turns = [threading.Event() for _ in finish]

        def ask(context: Any, number: int) -> int:
            if bus.simulated:
                bus.sleep(1 + finish.index(number))
            else:
                place = finish.index(number)
                if place:
                    assert turns[place - 1].wait(30)
                turns[place].set()
            return number

        bus.serve("work", Serving(ask=ask))
        results = bus.together(
            *(
                lambda number=number: bus.call(None, "work", message("ask", number=number))
                for number in finish
            )
        )
        assert results == finish


@given(callers=st.integers(2, 5), calls=st.integers(1, 8), seed=st.integers(0))
@few
def test_many_calls_of_many_callers_at_once(
    new_bus: type[AnyBus], callers: int, calls: int, seed: int
) -> None:
    with new_bus(schedule="random", seed=seed) as bus:
        for _ in range(2):
            bus.serve("shop", Echo())

        def ask(caller: int) -> None:
            for number in range(calls):
                args = {"caller": caller, "number": number}
                assert bus.call(None, "shop", {"method": "echo", "args": args}) == args
                values = [[caller, number, place] for place in range(3)]
                msg = message("values", values=values)
                assert list(bus.multicall(None, "shop", msg)) == values

        bus.together(*(lambda caller=caller: ask(caller) for caller in range(callers)))


@given(spread=st.lists(st.integers(0, 3), min_size=1, max_size=4))
@relaxed
def test_a_tree_of_calls_adds_up(new_bus: type[AnyBus], spread: list[int]) -> None:
    with new_bus() as bus:

        def count(context: Any, below: list[int]) -> int:
            if not below:
                return 1
            return 1 + sum(
                int(bus.call(context, "tree", message("count", below=below[1:])))
                for _ in range(below[0])
            )

        bus.serve("tree", Serving(count=count))
        expected = 1
        for each in reversed(spread):
            expected = 1 + each * expected
        assert bus.call(None, "tree", message("count", below=spread)) == expected
