"""FANOUT: every fanout consumer declared before, exactly once each, and nobody else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcfake import Timeout

from .harness import AnyBus, Recorder, kinds, message, relaxed

FUTURE = st.sampled_from(["started", "started later", "never started", "shared"])


@given(
    consumers=st.lists(FUTURE, max_size=6),
    late=st.integers(0, 2),
    casts=st.integers(0, 5),
    one_connection=st.booleans(),
)
@relaxed
def test_each_declared_fanout_consumer_gets_each_message_once(
    new_bus: type[AnyBus], consumers: list[str], late: int, casts: int, one_connection: bool
) -> None:
    with new_bus() as bus:
        connections = {way: bus.create_connection() for way in consumers}
        proxies, later = [], []
        for way in consumers:
            connection = connections[way] if one_connection else bus.create_connection()
            proxy = Recorder()
            connection.create_consumer("news", proxy, fanout=way != "shared")
            if way in ("started", "shared"):
                connection.consume_in_thread()
            elif way == "started later":
                later.append(connection)
            proxies.append(proxy)
        for number in range(casts):
            assert bus.fanout_cast(None, "news", message("tell", number=number)) is None
        too_late = [Recorder() for _ in range(late)]
        for proxy in too_late:
            bus.serve("news", proxy, fanout=True)
        bus.settle()
        for connection in later:
            connection.consume_in_thread()
        bus.settle()
        for way, proxy in zip(consumers, proxies, strict=True):
            numbers = sorted(args["number"] for args in proxy.args)
            assert numbers == ([] if way in ("never started", "shared") else list(range(casts)))
        assert [proxy.got for proxy in too_late] == [[]] * late
        assert len(bus.queue("news")) == casts * consumers.count("never started")
        assert kinds(bus)["fanout_cast"] == casts


@given(fanouts=st.integers(1, 4), casts=st.integers(1, 4), calls=st.integers(0, 2))
@relaxed
def test_a_topic_message_reaches_no_fanout_consumer(
    new_bus: type[AnyBus], fanouts: int, casts: int, calls: int
) -> None:
    with new_bus() as bus:
        deaf = [Recorder() for _ in range(fanouts)]
        shared = Recorder()
        for proxy in deaf:
            bus.serve("news", proxy, fanout=True)
        bus.serve("news", shared)
        for _ in range(casts):
            bus.cast(None, "news", message("tell"))
        for _ in range(calls):
            bus.call(None, "news", message("ask"))
            list(bus.multicall(None, "news", message("ask")))
        bus.settle()
        assert len(shared.got) == casts + 2 * calls
        assert [proxy.got for proxy in deaf] == [[]] * fanouts


def test_fanout_consumers_alone_answer_no_call(bus: AnyBus) -> None:
    deaf = Recorder()
    bus.serve("news", deaf, fanout=True)
    with pytest.raises(Timeout):
        bus.call(None, "news", message("ask"), timeout=0.01)
    bus.settle()
    assert deaf.got == []


def test_none_is_no_error(bus: AnyBus) -> None:
    shared = Recorder()
    assert bus.fanout_cast(None, "nowhere", message("tell")) is None
    bus.serve("news", shared)
    assert bus.fanout_cast(None, "news", message("tell")) is None
    bus.settle()
    assert shared.got == []
    assert kinds(bus) == {"fanout_cast": 2}
    assert bus.problems() == []


def test_one_proxy_declared_twice_is_two_consumers(bus: AnyBus) -> None:
    proxy = Recorder()
    connection = bus.serve("news", proxy, fanout=True)
    connection.create_consumer("news", proxy, fanout=True)
    bus.fanout_cast(None, "news", message("tell"))
    bus.settle()
    assert proxy.methods == ["tell", "tell"]


def test_a_closed_consumer_is_none_any_more(bus: AnyBus) -> None:
    gone, there = Recorder(), Recorder()
    bus.serve("news", gone, fanout=True).close()
    bus.serve("news", there, fanout=True)
    bus.fanout_cast(None, "news", message("tell"))
    bus.settle()
    assert (gone.methods, there.methods) == ([], ["tell"])


def test_topics_do_not_hear_each_others_news(bus: AnyBus) -> None:
    proxies = {topic: Recorder() for topic in ("news", "news.", "new", "NEWS", "#", "*")}
    for topic, proxy in proxies.items():
        bus.serve(topic, proxy, fanout=True)
    bus.fanout_cast(None, "news", message("tell"))
    bus.settle()
    assert {topic: proxy.methods for topic, proxy in proxies.items() if proxy.got} == {
        "news": ["tell"]
    }


def test_a_fanout_cast_before_the_first_start_waits_for_it(bus: AnyBus) -> None:
    # oslo.messaging e582da68 (LP 1331453): a fanout sent before the first poll was lost.
    proxy = Recorder()
    connection = bus.create_connection()
    connection.create_consumer("news", proxy, fanout=True)
    bus.fanout_cast({"user": "u"}, "news", message("tell", number=1))
    bus.settle()
    assert proxy.got == []
    connection.consume_in_thread()
    bus.settle()
    assert proxy.got == [("tell", {"user": "u"}, {"number": 1})]


def test_each_consumer_gets_a_copy_of_its_own(bus: AnyBus) -> None:
    seen: list[Any] = []

    class Changing:
        def tell(self, context: Any, items: list[int]) -> None:
            seen.append((context.to_dict(), list(items)))
            items.append(len(items))
            context["seen"] = True

    for _ in range(3):
        bus.serve("news", Changing(), fanout=True)
    bus.fanout_cast({"a": 1}, "news", message("tell", items=[]))
    bus.settle()
    assert seen == [({"a": 1}, [])] * 3
