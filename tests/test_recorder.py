"""Recorder: what a bus records of itself, of any backend."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rpcfake
from rpcfake import Bus, Recorder, RemoteError, SerializationError, Timeout, Traffic, use_backend
from rpcfake.backends.memory import memory, memory_threads
from rpcfake.contract import PROFILES, Judge, all_clauses

CONTEXT = {"user": "ann"}


class Shop:
    def buy(self, context: Any, item: str) -> int:
        time.sleep(0.25)
        rpcfake.cast(context, "mail", {"method": "send", "args": {"text": item}})
        return {"tea": 3, "milk": 2}[item]

    def count(self, context: Any, to: int) -> Iterator[int]:
        for number in range(to):
            time.sleep(0.1)
            yield number

    def early(self, context: Any, value: Any) -> str:
        context.reply(value)
        context.reply(ending=True)
        return "too late"

    def relay(self, context: Any, item: str) -> Any:
        return rpcfake.call(context, "shop", {"method": "buy", "args": {"item": item}})

    def late(self, context: Any) -> str:
        time.sleep(10)
        return "late"

    def odd(self, context: Any) -> object:
        return object()

    def hear(self, context: Any) -> None:
        pass


class Mail:
    def send(self, context: Any, text: str) -> None:
        if text == "milk":
            raise ValueError("no milk in the mail")


STEPS = {
    "buy": ("call", {"item": "tea"}),
    "buy milk": ("call", {"item": "milk"}),
    "buy salt": ("call", {"item": "salt"}),
    "relay": ("call", {"item": "tea"}),
    "count": ("multicall", {"to": 3}),
    "early": ("multicall", {"value": 7}),
    "odd": ("call", {}),
    "nothing": ("call", {}),
    "late": ("call", {}),
    "hear": ("fanout_cast", {}),
    "hear you": ("cast", {}),
}


def play(send: Any, steps: list[str]) -> None:
    for step in steps:
        kind, args = STEPS[step]
        msg = {"method": step.split()[0], "args": args}
        timeout = (5,) if kind.endswith("call") else ()
        try:
            given = getattr(send, kind)(CONTEXT, "shop", msg, *timeout)
            if kind == "multicall":
                list(given)
        except (RemoteError, Timeout):
            pass


def serve(backend: Any) -> None:
    connection = backend.create_connection()
    connection.create_consumer("shop", Shop())
    connection.create_consumer("shop", Shop())
    connection.create_consumer("shop", Shop(), fanout=True)
    connection.create_consumer("mail", Mail())
    connection.consume_in_thread()


@given(steps=st.lists(st.sampled_from(sorted(STEPS)), max_size=6))
def test_it_records_what_the_bus_records(steps: list[str]) -> None:
    bus = memory()
    recorder = Recorder(bus)
    serve(recorder)
    with bus.installed(), use_backend(recorder):
        play(recorder, steps)
        bus.run()
        bus.advance(60)
    found = recorder.traffic.compare(bus.traffic, times=True)
    # What is asked of a method that is not there is taken by the bus, and by no method.
    unseen = [each for each in found.differences if "nothing" not in each.text]
    assert unseen == []
    assert ("nothing" in steps) or found


def test_every_rule_holds_with_it_in_between() -> None:
    judge = Judge(lambda: Recorder(memory()), "recorder", profile=PROFILES["quick"], seed=1)
    report = judge.judge(list(all_clauses()))
    assert [one.clause.id for one in report.findings if one.verdict != "pass"] == []


def test_with_threads_each_answer_is_that_of_its_call() -> None:
    backend = memory_threads()
    recorder = Recorder(backend)
    try:
        serve(recorder)
        with use_backend(recorder):
            assert rpcfake.call(CONTEXT, "shop", {"method": "relay", "args": {"item": "tea"}}) == 3
    finally:
        backend.close()
    traffic = recorder.traffic
    assert [each.method for each in traffic.calls()] == ["relay", "buy"]
    relay, buy = traffic.calls()
    assert traffic[buy.cause or 0].id == relay.seq
    assert [(each.id, each.value) for each in traffic.replies()] == [(buy.seq, 3), (relay.seq, 3)]


def test_its_traffic_is_saved_asserted_and_replayed(tmp_path: Path) -> None:
    bus = memory()
    recorder = Recorder(bus)
    serve(recorder)
    with bus.installed(), use_backend(recorder):
        play(recorder, ["buy", "count"])
    recorder.assert_call("shop", "buy", {"item": "tea"}, times=1)
    recorder.traffic.save(tmp_path / "one.jsonl")
    text = (tmp_path / "one.jsonl").read_text()
    assert '"made_by": {"name": "Recorder", "backend": "Memory"}' in text
    bus = Bus()
    bus.replay(tmp_path / "one.jsonl")
    assert bus.call(CONTEXT, "shop", {"method": "buy", "args": {"item": "tea"}}) == 3
    given = bus.multicall(CONTEXT, "shop", {"method": "count", "args": {"to": 3}})
    assert list(given) == [0, 1, 2]


# One end only


def test_what_is_answered_elsewhere_is_recorded_where_it_arrives() -> None:
    backend = memory()
    serve(backend)
    recorder = Recorder(backend)
    with backend.installed():
        play(recorder, ["buy", "count", "buy salt", "late"])
    assert [(str(each.kind), each.method, each.consumer) for each in recorder.traffic] == [
        *[("call", "buy", None), ("reply", "buy", None), ("ending", "buy", None)],
        ("multicall", "count", None),
        *[("reply", "count", None)] * 3,
        ("ending", "count", None),
        *[("call", "buy", None), ("failure", "buy", None)],
        *[("call", "late", None), ("timeout", "late", None)],
    ]
    assert recorder.traffic.failures()[0].value.exc_type == "KeyError"


def test_what_is_sent_elsewhere_is_recorded_where_it_is_taken() -> None:
    backend = memory()
    recorder = Recorder(backend)
    serve(recorder)
    with backend.installed():
        play(backend, ["hear", "hear you"])
        backend.harness.wait_until(lambda: len(recorder.traffic.taken()) == 2, 1.0)
    assert [(str(each.kind), each.headers) for each in recorder.traffic.sent] == [
        ("fanout_cast", {"sent": "elsewhere"}),
        ("cast", {"sent": "elsewhere"}),
    ]


def test_a_call_that_timed_out_is_not_taken_for_the_next_like_it() -> None:
    backend = memory()
    recorder = Recorder(backend)
    connection = recorder.create_connection()
    connection.create_consumer("shop", Shop())
    msg = {"method": "buy", "args": {"item": "tea"}}
    with backend.installed(), use_backend(recorder):
        with pytest.raises(Timeout):
            rpcfake.call(CONTEXT, "shop", msg, timeout=1)
        connection.consume_in_thread()
        rpcfake.call(CONTEXT, "shop", msg)
    first, second = recorder.traffic.calls()
    assert [each.id for each in recorder.traffic.timeouts()] == [first.seq]
    assert {each.id for each in recorder.traffic.taken("shop")} == {second.seq}


def test_a_context_that_grows_on_its_way_is_the_same_request() -> None:
    bus = memory(context_factory=lambda context: Grown(context))
    recorder = Recorder(bus)
    connection = recorder.create_connection()
    connection.create_consumer("mail", Mail())
    connection.consume_in_thread()
    with bus.installed(), use_backend(recorder):
        rpcfake.call(CONTEXT, "mail", {"method": "send", "args": {"text": "tea"}})
    assert [str(each.kind) for each in recorder.traffic] == ["call", "taken", "reply", "ending"]


class Grown:
    def __init__(self, context: dict[str, Any]) -> None:
        self.context = context

    def to_dict(self) -> dict[str, Any]:
        return {**self.context, "at": time.monotonic()}


def test_stop_iteration_is_a_failure_like_any_other() -> None:
    class Stops:
        def stop(self, context: Any) -> None:
            raise StopIteration("now")

    recorder = Recorder(memory())
    connection = recorder.create_connection()
    connection.create_consumer("shop", Stops())
    connection.consume_in_thread()
    with pytest.raises(RemoteError):
        recorder.call({}, "shop", {"method": "stop"})
    assert [each.value.exc_type for each in recorder.traffic.failures()] == ["StopIteration"]


def test_an_abandoned_multicall_is_recorded_so() -> None:
    bus = memory()
    recorder = Recorder(bus)
    serve(recorder)
    with bus.installed(), use_backend(recorder):
        values = recorder.multicall(CONTEXT, "shop", {"method": "count", "args": {"to": 3}})
        assert next(values) == 0
        values.close()  # type: ignore[attr-defined]
        values.close()  # type: ignore[attr-defined]
    kinds = [str(each.kind) for each in recorder.traffic]
    assert kinds == ["multicall", "taken", "reply", "abandoned"]


def test_what_is_refused_is_not_recorded() -> None:
    recorder = Recorder(memory())
    with pytest.raises(rpcfake.InvalidMessage):
        recorder.cast({}, "", {"method": "buy"})
    with pytest.raises(SerializationError):
        recorder.cast({}, "shop", {"method": "buy", "args": {"item": object()}})
    assert len(recorder.traffic) == 0


def test_what_could_not_be_sent_is_recorded_as_dropped() -> None:
    class Broken:
        def cast(self, context: Any, topic: str, msg: Any) -> None:
            raise OSError("no route")

    recorder = Recorder(Broken())  # type: ignore[arg-type]
    with pytest.raises(OSError, match="no route"):
        recorder.cast({}, "shop", {"method": "buy"})
    assert [str(each.kind) for each in recorder.traffic] == ["cast", "dropped"]
    assert isinstance(recorder.traffic, Traffic)


class Twice:
    """A backend that gives each message twice, as one may where an acknowledgement got lost."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bus, name)

    def create_connection(self, new: bool = True) -> Any:
        bus = self._bus

        class Connection:
            def __init__(self) -> None:
                self._connection = bus.create_connection(new)

            def create_consumer(self, topic: str, proxy: Any, fanout: bool = False) -> None:
                class Again:
                    def __getattr__(self, name: str) -> Any:
                        method = getattr(proxy, name)

                        def twice(**args: Any) -> Any:
                            method(**args)
                            return method(**args)

                        return twice

                self._connection.create_consumer(topic, Again(), fanout)

            def __getattr__(self, name: str) -> Any:
                return getattr(self._connection, name)

        return Connection()


@pytest.mark.parametrize("kind", ["call", "cast", "fanout_cast"])
def test_what_a_backend_gives_twice_is_taken_twice(kind: str, tmp_path: Path) -> None:
    recorder = Recorder(Twice(Bus()))  # type: ignore[arg-type]
    connection = recorder.create_connection()
    connection.create_consumer("shop", Mail(), fanout=kind == "fanout_cast")
    connection.consume_in_thread()
    for text in ("tea", "tea", "salt"):
        getattr(recorder, kind)(CONTEXT, "shop", {"method": "send", "args": {"text": text}})
        recorder.run()
    traffic = recorder.traffic
    assert [(each.id, each.consumer) for each in traffic.taken()] == [
        (seq, "shop#1") for seq in (each.seq for each in traffic.sent) for _ in range(2)
    ]
    assert [str(each.kind) for each in traffic.sent] == [kind] * 3  # and none from elsewhere
    if kind == "call":
        assert [each.value for each in traffic.replies()] == [None] * 6
    traffic.save(tmp_path / "one.jsonl")
    assert '"taking": 2' in (tmp_path / "one.jsonl").read_text()
    assert traffic.compare(Traffic.load(tmp_path / "one.jsonl"))
    assert traffic.diagram().count("takes again send(") == 3


def test_what_a_fanout_consumer_takes_once_more_is_the_newest_it_heard() -> None:
    class ByHand:
        """Each message is given to whom, and when, the test wants."""

        def __init__(self) -> None:
            self.proxies: list[Any] = []

        def create_connection(self, new: bool = True) -> Any:
            return self

        def create_consumer(self, topic: str, proxy: Any, fanout: bool = False) -> None:
            self.proxies.append(proxy)

        def fanout_cast(self, context: Any, topic: str, msg: Any) -> None:
            pass

    backend = ByHand()
    recorder = Recorder(backend)  # type: ignore[arg-type]
    for _ in range(2):
        recorder.create_connection().create_consumer("shop", Shop(), fanout=True)
        recorder.fanout_cast(CONTEXT, "shop", {"method": "hear"})
    one, other = backend.proxies
    for proxy in (one, one, other, one):
        proxy.hear(context=CONTEXT)
    assert [(each.id, each.consumer) for each in recorder.traffic.taken()] == [
        (0, "shop#1"),
        (1, "shop#1"),
        (0, "shop#2"),
        (1, "shop#1"),
    ]
