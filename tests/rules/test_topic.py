"""TOPIC: topics are exact, and up to 200 bytes of any UTF-8."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rpcfake
from rpcfake import InvalidMessage, Timeout

from .harness import AnyBus, Echo, Recorder, kinds, message, relaxed, unchanged
from .strategies import bad_topics, topics


@given(topic=topics)
@relaxed
def test_any_topic_of_200_bytes_of_utf8_works(new_bus: type[AnyBus], topic: str) -> None:
    with new_bus() as bus, bus.installed():
        proxy = Recorder()
        bus.serve(topic, proxy)
        bus.serve(topic, proxy, fanout=True)
        rpcfake.call(None, topic, message("called"))
        list(rpcfake.multicall(None, topic, message("multicalled")))
        rpcfake.cast(None, topic, message("cast"))
        rpcfake.fanout_cast(None, topic, message("told"))
        bus.settle()
        assert sorted(proxy.methods) == ["called", "cast", "multicalled", "told"]
        assert bus.topics == (topic,)
        assert {record.topic for record in bus.traffic} == {topic}


@given(names=st.lists(topics, min_size=2, max_size=6, unique=True), fanout=st.booleans())
@relaxed
def test_topics_are_exact(new_bus: type[AnyBus], names: list[str], fanout: bool) -> None:
    with new_bus() as bus:
        proxies = {topic: Recorder() for topic in names}
        for topic, proxy in proxies.items():
            bus.serve(topic, proxy, fanout=fanout)
        for number, topic in enumerate(names):
            send = bus.fanout_cast if fanout else bus.cast
            send(None, topic, message("m", number=number))
        bus.settle()
        for number, topic in enumerate(names):
            assert proxies[topic].args == [{"number": number}]


LOOKALIKES = [
    ["a", "A"],
    ["a.b", "a.*", "a.#", "*.b", "#", "*", "a", "a.b.c"],
    ["compute", "compute.host", "compute.", "comput", "compute\n", " compute", "compute "],
    ["\x00", "\x00\x00", "\x7f", "\x1f"],
    ["é", "e\u0301", "E\u0301"],
    ["\u017f", "s", "S"],
    ["ﬁ", "fi"],
    ["stub:a", "a#1", "amq.topic", "reply_a", "a_fanout"],
]


@pytest.mark.parametrize("names", LOOKALIKES, ids=lambda names: repr(names[0]))
def test_nothing_in_a_topic_means_anything(bus: AnyBus, names: list[str]) -> None:
    # nova b0e44f1b7: topics matched by prefix.
    proxies = {topic: Recorder() for topic in names}
    for topic, proxy in proxies.items():
        bus.serve(topic, proxy)
        bus.serve(topic, proxy, fanout=True)
    for number, topic in enumerate(names):
        bus.cast(None, topic, message("one", number=number))
        bus.fanout_cast(None, topic, message("all", number=number))
    bus.settle()
    for number, topic in enumerate(names):
        assert sorted(proxies[topic].got) == [
            ("all", {}, {"number": number}),
            ("one", {}, {"number": number}),
        ]


@given(topic=bad_topics)
@relaxed
def test_others_are_invalid(new_bus: type[AnyBus], topic: Any) -> None:
    with new_bus() as bus, unchanged(bus):
        for send in (bus.call, bus.multicall, bus.cast, bus.fanout_cast):
            with pytest.raises(InvalidMessage, match="topic"):
                send(None, topic, message("m"))
        connection = bus.create_connection()
        for refuses in (
            lambda: connection.create_consumer(topic, Recorder()),
            lambda: bus.serve(topic, Recorder()),
            lambda: bus.queue(topic),
            lambda: bus.spec(topic, Recorder),
            lambda: bus.stub(topic, "m"),
        ):
            with pytest.raises(InvalidMessage, match="topic"):
                refuses()


@pytest.mark.parametrize(
    ("character", "count"), [("a", 200), ("é", 100), ("€", 66), ("\U0001f600", 50)]
)
def test_the_limit_is_200_bytes_of_utf8(bus: AnyBus, character: str, count: int) -> None:
    bus.serve(character * count, Echo())
    assert bus.call(None, character * count, message("value", value=1)) == 1
    with unchanged(bus), pytest.raises(InvalidMessage, match="at most 200"):
        bus.cast(None, character * (count + 1), message("m"))
    with unchanged(bus), pytest.raises(InvalidMessage, match="at most 200"):
        bus.serve(character * (count + 1), Echo())


@given(topic=topics)
@relaxed
def test_a_message_to_a_topic_that_nobody_declared_is_dropped(
    new_bus: type[AnyBus], topic: str
) -> None:
    with new_bus() as bus:
        bus.cast(None, topic, message("m"))
        assert kinds(bus) == {"cast": 1, "dropped": 1}
        proxy = Recorder()
        bus.serve(topic, proxy)
        bus.settle()
        assert proxy.got == []
        [problem] = bus.problems()
        assert problem.allow == "untaken"
        assert repr(topic) in problem.text


def test_a_dropped_fanout_cast_is_no_problem_and_a_dropped_call_has_told_its_caller(
    bus: AnyBus,
) -> None:
    bus.fanout_cast(None, "nowhere", message("m"))
    for ask in (bus.call, lambda *asked, timeout: next(bus.multicall(*asked, timeout=timeout))):
        with pytest.raises(Timeout, match="nowhere"):
            ask(None, "nowhere", message("m"), timeout=0.01)
    assert bus.problems() == []


def test_once_declared_a_topic_keeps_what_it_is_sent(bus: AnyBus) -> None:
    bus.serve("desk", Recorder()).close()
    bus.cast(None, "desk", message("m", number=1))
    assert kinds(bus)["dropped"] == 0
    proxy = Recorder()
    bus.serve("desk", proxy)
    bus.settle()
    assert proxy.args == [{"number": 1}]


def test_a_fanout_consumer_declares_no_shared_queue(bus: AnyBus) -> None:
    bus.serve("news", Recorder(), fanout=True)
    bus.cast(None, "news", message("m"))
    assert kinds(bus)["dropped"] == 1


def test_looking_at_a_topic_does_not_declare_it(bus: AnyBus) -> None:
    view = bus.queue("desk")
    assert (view.pending, len(view.history), view.consumers, view.purge()) == ((), 0, (), 0)
    assert bus.topics == ()
    bus.cast(None, "desk", message("m"))
    assert kinds(bus)["dropped"] == 1
    assert len(view.history) == 1
