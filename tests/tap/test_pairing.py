"""What was tapped becomes records: answers find their requests, and nothing is lost."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rpcfake import Traffic
from rpcfake.tap import pairing, rpcfake_wire
from rpcfake.tap.messages import Abandoned, Ending, Failed, Request, Silent, Tapped, Value
from rpcfake.tap.pairing import Pairing
from rpcfake.traffic.cassette import CassetteWriter, Header, read_entries


def tapped(type: str, id: str = "1", body: Any = None, key: str = "shop", **more: Any) -> Tapped:
    properties = {"type": type, "correlation_id": id} | more
    return Tapped("rpcfake.topics", key, properties, {}, json.dumps(body).encode())


def request(kind: str = "call", id: str = "1", method: str = "buy", **args: Any) -> Tapped:
    return tapped(kind, id, {"method": method, "args": args, "context": {"user": "ann"}})


def paired(*messages: Tapped) -> tuple[list[dict[str, Any]], Pairing]:
    entries: list[dict[str, Any]] = []
    made = Pairing([rpcfake_wire.understand], entries.append)
    for now, message in enumerate(messages):
        made.see(message, now * 1_000_000)
    return entries, made


# The wire of our own backend


def test_what_our_own_wire_means() -> None:
    understand = rpcfake_wire.understand
    assert understand(request(item="tea")) == Request(
        "call", "1", "shop", "buy", {"user": "ann"}, {"item": "tea"}, unique="1"
    )
    assert understand(tapped("value", body=3)) == Value("1", 3)
    assert understand(tapped("result", body=3)) == Value("1", 3, last=True)
    assert understand(tapped("ending")) == Ending("1")
    assert understand(tapped("failure", body=["KeyError", "'x'", "…"])) == Failed(
        "1", "KeyError", "'x'", "…"
    )
    assert understand(tapped("cancel")) == Abandoned("1")
    assert isinstance(understand(tapped("accepted")), Silent)


def test_topics_are_decoded_and_times_are_seconds() -> None:
    body = {"method": "buy", "args": {}, "context": {}}
    meaning = rpcfake_wire.understand(
        tapped("cast", body=body, key="shop%2A%23 %C3%BC", expiration="2500")
    )
    assert isinstance(meaning, Request)
    assert (meaning.topic, meaning.timeout) == ("shop*# ü", 2.5)


@given(type=st.sampled_from(["call", "value", "failure", "odd", ""]), body=st.binary(max_size=40))
def test_what_is_something_else_is_not_understood(type: str, body: bytes) -> None:
    meaning = rpcfake_wire.understand(
        Tapped("x", "y", {"type": type, "correlation_id": "1"}, {}, body)
    )
    assert meaning is None or type == "value"
    assert rpcfake_wire.understand(Tapped("x", "y", {}, {}, body)) is None


# Pairing


def test_answers_find_their_requests() -> None:
    entries, made = paired(
        request(id="one", item="tea"),
        request("multicall", id="two", item="milk"),
        tapped("value", "two", 1),
        tapped("result", "one", 3),
        tapped("value", "two", 2),
        tapped("ending", "two"),
        request("cast", id="three"),
    )
    assert [(each["kind"], each["id"]) for each in entries] == [
        ("call", "shop.buy#1"),
        ("multicall", "shop.buy#2"),
        ("reply", "shop.buy#2"),
        ("reply", "shop.buy#1"),
        ("ending", "shop.buy#1"),
        ("reply", "shop.buy#2"),
        ("ending", "shop.buy#2"),
        ("cast", "shop.buy#3"),
    ]
    assert [each.get("after", 0) for each in entries] == [0, 1, 1, 1, 0, 1, 1, 1]
    assert made.summary() == "7 messages, 3 requests"


def test_failures_and_abandoned_ones_end_it() -> None:
    entries, made = paired(
        request(id="one"),
        tapped("failure", "one", ["KeyError", "at 0x7f0123456789", "Traceback"]),
        request("multicall", id="two"),
        tapped("cancel", "two"),
        tapped("value", "two", 1),
    )
    assert entries[1]["failure"] == {"type": "KeyError", "value": "at 0x0"}
    assert entries[3]["kind"] == "abandoned"
    assert made.summary() == "5 messages, 2 requests, 1 answer to what was not seen"


def test_who_took_it_is_told_where_it_was_seen() -> None:
    sent = request("fanout_cast", id="one")
    took = [replace(sent, queue=queue) for queue in ("q-7f", "q-01")]
    call = request(id="two", item="tea")
    entries, _ = paired(
        sent,
        *took,
        call,
        replace(call, queue="shared"),
        replace(tapped("result", "two", 3), queue="reply-1"),
        tapped("result", "two", 3),
        replace(request(id="unseen"), queue="shared"),
    )
    assert [(each["kind"], each.get("consumer")) for each in entries] == [
        ("fanout_cast", None),
        ("taken", "shop#1"),
        ("taken", "shop#2"),
        ("call", None),
        ("taken", "shop#3"),
        ("reply", "shop#3"),
        ("ending", "shop#3"),
    ]


def test_what_is_given_twice_is_taken_twice(tmp_path: Path) -> None:
    """Whoever had it first is gone, or has given it back: it was not acknowledged."""
    call = request(id="one", item="tea")
    given = replace(call, queue="shared")
    entries, _ = paired(call, given, given, given, tapped("result", "one", 3))
    assert [each.get("taking") for each in entries] == [None, None, 2, 3, 3, 3]
    assert {each.get("consumer") for each in entries[1:]} == {"shop#1"}
    with CassetteWriter(tmp_path / "one.jsonl", Header(clock="real")) as writer:
        for entry in entries:
            writer.write(entry)
    traffic = Traffic.load(tmp_path / "one.jsonl")
    third = traffic.taken()[2]
    assert [each.cause for each in traffic.replies()] == [third.seq]
    traffic.save(tmp_path / "again.jsonl")
    assert [*read_entries(tmp_path / "again.jsonl")] == entries


def test_who_took_it_is_known_for_as_long_as_it_is(monkeypatch: Any) -> None:
    monkeypatch.setattr(pairing, "MOST_PENDING", 2)
    sent = request("fanout_cast", id="one")
    took = [replace(sent, queue=f"q-{number}") for number in range(4)]
    entries, _ = paired(sent, *took, took[0])
    assert entries[-1]["taking"] == 2


def test_what_is_not_answered_is_counted() -> None:
    _, made = paired(request(id="one"), request(id="two"), tapped("result", "one", 1))
    assert made.waiting == {"shop": 1}
    assert "1 not answered" in made.summary()


def test_it_forgets_the_oldest_where_nobody_answers(monkeypatch: Any) -> None:
    monkeypatch.setattr(pairing, "MOST_PENDING", 2)
    entries, made = paired(
        *(request(id=str(number)) for number in range(3)),
        tapped("result", "0", 1),
        tapped("result", "2", 1),
    )
    assert made.unpaired == 1
    assert [each["id"] for each in entries if each["kind"] == "reply"] == ["shop.buy#3"]
    assert made.waiting["shop"] == 1


def test_what_nobody_understands_is_kept_as_it_is() -> None:
    entries, made = paired(
        Tapped("logs", "app.info", {}, {}, b"hello"), Tapped("", "queue", {}, {}, b"\xff\x00")
    )
    assert [(each["topic"], each["method"], each["args"]) for each in entries] == [
        ("app.info", "(opaque)", {"body": "hello"}),
        ("queue", "(opaque)", {"body": "base64:/wA="}),
    ]
    assert entries[0]["headers"] == {"exchange": "logs", "opaque": True}
    assert made.summary() == "2 messages, 0 requests, 2 not understood"


def test_of_some_exchanges_only_what_belongs_to_them_counts() -> None:
    entries: list[dict[str, Any]] = []
    made = Pairing([rpcfake_wire.understand], entries.append, {"rpcfake.topics"})
    for message in (
        request(id="one"),
        replace(request(id="two"), exchange="others"),
        replace(tapped("result", "one", 3), exchange=""),
        replace(tapped("result", "two", 3), exchange=""),
        Tapped("", "queue", {}, {}, b"hello"),
    ):
        made.see(message, 0)
    assert [each["kind"] for each in entries] == ["call", "reply", "ending"]
    assert made.summary() == "2 messages, 1 request"


_ids = st.sampled_from(["1", "2", "3"])
_messages = st.one_of(
    st.builds(request, st.sampled_from(["call", "multicall", "cast", "fanout_cast"]), _ids),
    st.builds(
        tapped, st.sampled_from(["value", "result", "ending", "cancel"]), _ids, st.integers()
    ),
    st.builds(tapped, st.just("failure"), _ids, st.just(["E", "text", ""])),
    st.builds(Tapped, st.just("x"), st.text(max_size=3), body=st.binary(max_size=5)),
)


@given(messages=st.lists(_messages, max_size=12))
def test_whatever_passes_the_cassette_is_sound(
    messages: list[Tapped], tmp_path_factory: Any
) -> None:
    path: Path = tmp_path_factory.getbasetemp() / "tapped.jsonl"
    with CassetteWriter(path, Header(clock="real")) as writer:
        made = Pairing([rpcfake_wire.understand], writer.write)
        for now, message in enumerate(messages):
            made.see(message, now)
    loaded = Traffic.load(path)
    assert len(loaded.sent) == made.counts.total() + made.opaque
    assert loaded.diagram() is not None
