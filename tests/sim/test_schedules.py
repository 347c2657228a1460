"""Schedules: who runs next. Whatever they choose, a consumer takes what was sent to it in order."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcfake import Bus

from .helpers import message, relaxed, service

Sends = list[tuple[str, int]]

sends = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c"]), st.integers(0, 3)), min_size=1, max_size=40
)
"""Casts to these topics, whose handlers sleep that long."""


def run(bus: Bus, sends: Sends) -> list[tuple[str, int]]:
    """What was begun, in order, by topic and number of the message."""
    begun: list[tuple[str, int]] = []

    def work(topic: str, n: int, nap: int) -> None:
        begun.append((topic, n))
        bus.sleep(nap)

    for topic in ("a", "b", "c"):
        bus.serve(topic, service(work=work))
    for n, (topic, nap) in enumerate(sends):
        bus.cast(None, topic, message("work", topic=topic, n=n, nap=nap))
    bus.advance(10)
    return begun


def rows(bus: Bus) -> list[tuple[Any, ...]]:
    return list(bus._broker.rows)


@relaxed
@given(sends)
def test_fifo_takes_messages_of_all_topics_in_the_order_of_sending(sends: Sends) -> None:
    bus = Bus()
    assert [n for _, n in run(bus, sends)] == list(range(len(sends)))
    bus.close()


@relaxed
@given(sends, st.integers())
def test_one_seed_is_one_traffic(sends: Sends, seed: int) -> None:
    buses = [Bus(schedule="random", seed=seed) for _ in range(2)]
    assert run(buses[0], sends) == run(buses[1], sends)
    assert rows(buses[0]) == rows(buses[1])
    for bus in buses:
        bus.close()


@relaxed
@given(sends, st.integers(), st.sampled_from(["fifo", "random"]))
def test_each_consumer_takes_and_begins_in_the_order_of_sending(
    sends: Sends, seed: int, schedule: str
) -> None:
    bus = Bus(schedule=schedule, seed=seed)
    begun = run(bus, sends)
    assert sorted(n for _, n in begun) == list(range(len(sends)))
    for topic in ("a", "b", "c"):
        mine = [n for name, n in begun if name == topic]
        assert mine == sorted(mine)
        taken = [row[2] for row in rows(bus) if row[0] == "taken" and row[3] == f"{topic}#1"]
        assert taken == sorted(taken)
    bus.close()


def test_seeds_differ() -> None:
    sends: Sends = [(topic, 0) for _ in range(10) for topic in ("a", "b", "c")]
    orders = set()
    for seed in range(20):
        bus = Bus(schedule="random", seed=seed)
        orders.add(tuple(run(bus, sends)))
        bus.close()
    assert len(orders) == 20


def test_random_gives_every_topic_its_chance_first() -> None:
    sends: Sends = [("a", 0)] * 9 + [("b", 0), ("c", 0)]  # a long queue counts no more
    first = []
    for seed in range(300):
        bus = Bus(schedule="random", seed=seed)
        first.append(run(bus, sends)[0][0])
        bus.close()
    assert all(60 < first.count(topic) < 140 for topic in "abc")


def test_random_chooses_among_those_who_can_go_on_too() -> None:
    orders = set()
    for seed in range(30):
        bus = Bus(schedule="random", seed=seed)
        done: list[int] = []

        def nap(n: int, bus: Bus = bus, done: list[int] = done) -> None:
            bus.sleep(1)
            done.append(n)

        for n in range(4):
            bus.spawn(nap, n)
        bus.advance(1)
        assert sorted(done) == [0, 1, 2, 3]
        orders.add(tuple(done))
        bus.close()
    assert len(orders) > 10


class Recorded:
    """Takes the last, and writes down how many there were to choose from."""

    name = "recorded"

    def __init__(self) -> None:
        self.counts: list[int] = []

    def choose(self, count: int) -> int:
        self.counts.append(count)
        return count - 1


def test_a_schedule_of_ones_own() -> None:
    schedule = Recorded()
    bus = Bus(schedule=schedule)
    assert bus.schedule is schedule
    begun = run(bus, [("a", 0), ("b", 0), ("c", 0)])
    assert begun == [("c", 2), ("b", 1), ("a", 0)]
    assert schedule.counts[:3] == [3, 2, 1]
    bus.close()


def test_ten_thousand_queued_messages_are_one_candidate() -> None:
    schedule = Recorded()
    bus = Bus(schedule=schedule)
    handled: list[int] = []
    bus.serve("shop", service(buy=lambda n: handled.append(n)))
    for n in range(10_000):
        bus.cast(None, "shop", message("buy", n=n))
    bus.run()
    assert handled == list(range(10_000))
    assert len(schedule.counts) == 10_000
    assert sum(schedule.counts) == 10_000


class Counting(list[Any]):
    """A list of candidates that counts what is done to it, in the work of a scan."""

    work = 0

    def __contains__(self, item: object) -> bool:
        Counting.work += len(self)
        return super().__contains__(item)


def test_ten_thousand_sleepers_that_wake_at_once_are_not_searched_for_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Counting, "work", 0)
    bus = Bus(schedule="random")
    bus._loop.line._items = Counting()  # type: ignore[attr-defined]
    done: list[int] = []

    def nap(n: int) -> None:
        bus.sleep(1)
        done.append(n)

    for n in range(10_000):
        bus.spawn(nap, n)
    bus.advance(1)
    assert sorted(done) == list(range(10_000))
    assert Counting.work < 1_000_000
    bus.close()


@pytest.mark.parametrize("schedule", ["fifo", "random"])
def test_what_was_taken_away_meanwhile_is_passed_over(schedule: str) -> None:
    """A queue stands in the line, and is empty or unread when its turn comes."""
    bus = Bus(schedule=schedule)
    handled: list[str] = []
    connection = bus.serve("shop", service(buy=lambda: handled.append("bought")))
    bus.cast(None, "shop", message("buy"))
    bus.queue("shop").purge()
    bus.run()
    bus.cast(None, "shop", message("buy"))
    connection.close()
    bus.run()
    assert handled == []
    bus.serve("shop", service(buy=lambda: handled.append("bought later")))
    bus.run()
    assert handled == ["bought later"]
    bus.close()


@relaxed
@given(
    st.lists(st.sampled_from(["cast", "close", "serve", "step", "purge"]), max_size=30),
    st.sampled_from(["fifo", "random"]),
)
def test_what_can_be_taken_is_never_forgotten(ops: list[str], schedule: str) -> None:
    """However consumers come and go: what was not purged is handled once, in order."""
    bus = Bus(schedule=schedule)
    handled: list[int] = []
    proxy = service(buy=lambda n: handled.append(n))
    bus.create_connection().create_consumer("shop", proxy)  # keeps the queue, and never starts
    connections = []
    purged = set()
    for n, op in enumerate(ops):
        if op == "cast":
            bus.cast(None, "shop", message("buy", n=n))
        elif op == "serve":
            connections.append(bus.serve("shop", proxy))
        elif op == "close" and connections:
            connections.pop(0).close()
        elif op == "step":
            bus.step()
        elif op == "purge":
            purged |= {record.args["n"] for record in bus.queue("shop").pending}
            bus.queue("shop").purge()
    bus.serve("shop", proxy)
    bus.run()
    assert handled == [n for n, op in enumerate(ops) if op == "cast" and n not in purged]
    assert not bus.step()
    bus.close()
