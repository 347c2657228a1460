"""Traffic is a sequence of Records, whose filters do what a list comprehension would do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcfake.message import SENDS, Failure, Kind
from rpcfake.traffic import Record, Traffic

from .rows import METHODS, TOPICS, Script, any_text, scripts

FILTERS = {
    "casts": {"cast"},
    "calls": {"call"},
    "multicalls": {"multicall"},
    "fanout_casts": {"fanout_cast"},
    "taken": {"taken"},
    "replies": {"reply"},
    "failures": {"failure"},
    "timeouts": {"timeout"},
    "dropped": {"dropped"},
}

topics = st.none() | st.sampled_from(TOPICS)
methods = st.none() | st.sampled_from(METHODS)
filters = st.sampled_from(sorted(FILTERS))


def naive(
    records: Sequence[Record], kinds: set[str], topic: str | None, method: str | None
) -> list[Record]:
    return [
        record
        for record in records
        if record.kind in kinds
        and topic in (None, record.topic)
        and method in (None, record.method)
    ]


@given(scripts(), filters, topics, methods)
def test_a_filter_is_a_list_comprehension(
    script: Script, name: str, topic: str | None, method: str | None
) -> None:
    traffic = script.traffic
    filtered = getattr(traffic, name)(topic, method)
    assert isinstance(filtered, Traffic)
    assert list(filtered) == naive(list(traffic), FILTERS[name], topic, method)
    assert filtered == traffic.select(FILTERS[name], topic, method)


@given(scripts(), st.slices(25), filters, topics, st.booleans())
def test_filters_compose(
    script: Script, part: slice, name: str, topic: str | None, sent_first: bool
) -> None:
    traffic = script.traffic
    expected = list(traffic)
    if sent_first:
        traffic = traffic.sent
        expected = [record for record in expected if record.kind in SENDS]
    filtered = getattr(traffic[part], name)(topic).where(lambda record: record.seq % 2)
    assert list(filtered) == [
        record for record in naive(expected[part], FILTERS[name], topic, None) if record.seq % 2
    ]


@given(scripts(), st.data())
def test_caused_by_is_everything_below_in_the_tree(script: Script, data: st.DataObject) -> None:
    traffic = script.traffic
    if not traffic:
        return
    root = data.draw(st.sampled_from(list(traffic)))

    def is_below(record: Record) -> bool:
        cause = record.cause
        while cause is not None and cause != root.seq:
            cause = traffic[cause].cause
        return cause == root.seq

    assert list(traffic.caused_by(root)) == [record for record in traffic if is_below(record)]
    assert traffic.calls().caused_by(root) == traffic.caused_by(root).calls()


@given(scripts(), st.slices(25))
def test_slices_are_those_of_a_list(script: Script, part: slice) -> None:
    for traffic in (script.traffic, script.traffic.sent):
        assert isinstance(traffic[part], Traffic)
        assert list(traffic[part]) == list(traffic)[part]


@given(scripts(), st.integers(-30, 30))
def test_indexes_are_those_of_a_list(script: Script, index: int) -> None:
    traffic = script.traffic.sent
    records = list(traffic)
    assert len(traffic) == len(records)
    if -len(records) <= index < len(records):
        assert traffic[index] == records[index]
    else:
        with pytest.raises(IndexError, match=f"index is {index}: there are"):
            traffic[index]


@given(scripts())
def test_every_record_finds_its_message(script: Script) -> None:
    for record in script.traffic:
        sent = script.traffic[record.id]
        assert sent.kind in SENDS
        assert sent.id == sent.seq
        assert sent.consumer is None
        for name in ("topic", "method", "args", "context"):
            assert getattr(record, name) == getattr(sent, name)
        if record.kind in SENDS:
            assert record.id == record.seq
        else:
            assert record.cause is not None
            assert script.traffic[record.cause].id == record.id


@given(scripts())
def test_equality(script: Script) -> None:
    traffic = script.traffic
    records = list(traffic)
    assert traffic == script.traffic
    assert traffic == Traffic(list(script.rows), json.loads)
    assert traffic == records
    assert records == traffic
    assert traffic == tuple(records)
    assert (traffic.sent == traffic) == (len(traffic.sent) == len(traffic))
    if records:
        assert traffic != records[:-1]
        assert traffic[:-1] != traffic
        assert traffic != [*records[:-1], None]
    assert traffic != "traffic"
    assert (traffic == 3) is False


@given(scripts(), st.data())
def test_traffic_is_equal_where_its_records_are(script: Script, data: st.DataObject) -> None:
    one = script.traffic
    rows = list(script.rows)
    for _ in range(data.draw(st.integers(0, 2)) if rows else 0):
        place = data.draw(st.integers(0, len(rows) - 1))
        field = data.draw(st.integers(1, len(rows[place]) - 1))
        row = list(rows[place])
        if field == 1:
            row[1] += 1
        elif field > 2 and isinstance(row[field], str):
            others = [each[field] for each in rows if len(each) == len(row) and each[0] == row[0]]
            row[field] = data.draw(st.sampled_from(others))
        rows[place] = tuple(row)
    other = Traffic(rows, json.loads)
    assert (one == other) == (list(one) == list(other))
    seqs = data.draw(st.lists(st.integers(0, max(len(rows) - 1, 0)), unique=True)) if rows else []
    some, same = (each.where(lambda record: record.seq in seqs) for each in (one, other))
    assert (some == same) == (list(some) == list(same))


def test_the_same_events_on_two_buses_are_equal_and_others_are_not() -> None:
    one, other = Script(), Script()
    for script in (one, other):
        script.call("shop", "buy", {"a": 1, "b": 2})
    assert one.traffic == other.traffic
    other.rows[0] = (*other.rows[0][:5], json.dumps([{}, {"b": 2, "a": 1}]))
    assert one.traffic == other.traffic  # JSON objects have no order
    other.rows[0] = (*other.rows[0][:5], json.dumps([{}, {"b": 2, "a": 3}]))
    assert one.traffic != other.traffic


def test_a_traffic_is_a_snapshot() -> None:
    script = Script()
    script.call("shop", "buy")
    before = script.traffic
    first, calls = before[:2], before.calls()
    shown = before.diagram()
    script.call("shop", "buy")
    assert [len(before), len(first), len(calls), len(script.traffic)] == [4, 2, 1, 8]
    assert before.diagram() == shown
    assert before != script.traffic
    assert before == script.traffic[:4]


def test_traffic_and_records_can_not_be_changed() -> None:
    script = Script()
    script.call("shop", "buy", {"item": {"name": "tea"}}, value=[1])
    traffic = script.traffic
    with pytest.raises(TypeError):
        hash(traffic)
    with pytest.raises(TypeError):
        traffic[0] = traffic[1]  # type: ignore[index]
    with pytest.raises(AttributeError):
        traffic[0].topic = "mail"  # type: ignore[misc]
    traffic[0].args["item"]["name"] = "cup"
    traffic[2].value.append(2)
    assert traffic[0].args == {"item": {"name": "tea"}}
    assert traffic[2].value == [1]


def test_the_fields_of_each_kind() -> None:
    script = Script()
    send = script.send("multicall", "shop", "buy", {"item": "tea"}, context={"user": "ann"})
    script.now = 1_500_000
    taken = script.taken(send, "shop#2")
    script.reply(taken, {"ok": True})
    script.failure(taken, "KeyError", "'tea'")
    script.ending(taken)
    script.timeout(send)
    script.abandoned(send)
    script.purged(send)
    script.dropped(send)
    script.dropped_reply(taken, None)
    inner = script.send("cast", "mail", "send", by=taken)
    about: dict[str, Any] = {
        "topic": "shop",
        "method": "buy",
        "args": {"item": "tea"},
        "context": {"user": "ann"},
        "id": send,
    }
    failure = Failure("KeyError", "'tea'", "Traceback: …")
    rows: list[tuple[str, int | None, str | None, Any]] = [
        ("multicall", None, None, None),
        ("taken", send, "shop#2", None),
        ("reply", taken, "shop#2", {"ok": True}),
        ("failure", taken, "shop#2", failure),
        ("ending", taken, "shop#2", None),
        ("timeout", send, None, None),
        ("abandoned", send, None, None),
        ("purged", send, None, None),
        ("dropped", send, None, None),
        ("dropped", taken, "shop#2", None),
    ]
    assert script.traffic[:10] == [
        Record(
            seq, 1.5 if seq else 0.0, Kind(kind), **about, cause=cause, consumer=who, value=value
        )
        for seq, (kind, cause, who, value) in enumerate(rows)
    ]
    assert script.traffic[inner] == Record(
        10, 1.5, Kind.CAST, "mail", "send", {}, {}, id=10, cause=taken, consumer=None, value=None
    )
    assert isinstance(script.traffic[3].value, Failure)


def test_equal_records_have_equal_hashes() -> None:
    script = Script()
    script.call("shop", "buy", {"item": "tea"})
    assert len({*script.traffic, *script.traffic}) == 4


def test_the_texts_of_a_record() -> None:
    script = Script()
    send = script.send("call", "shop", "buy", {"item": "tea", "count": 2})
    script.now = 1_500_000
    taken = script.taken(send, "shop#1")
    script.reply(taken, {"ok": True})
    script.failure(taken, "KeyError", "'tea'")
    script.ending(taken)
    script.timeout(send)
    script.abandoned(send)
    script.purged(send)
    script.dropped(send)
    script.dropped_reply(taken, None)
    assert [str(record) for record in script.traffic] == [
        "#0 at 0 s: call shop.buy(item='tea', count=2)",
        "#1 at 1.5 s: shop.buy taken by shop#1",
        "#2 at 1.5 s: reply of shop#1 to shop.buy: {'ok': True}",
        "#3 at 1.5 s: failure of shop#1 in shop.buy: KeyError: 'tea'",
        "#4 at 1.5 s: ending of shop.buy by shop#1",
        "#5 at 1.5 s: timeout of shop.buy",
        "#6 at 1.5 s: abandoned shop.buy",
        "#7 at 1.5 s: purged shop.buy from the queue",
        "#8 at 1.5 s: dropped shop.buy: no consumer that takes it was ever declared",
        "#9 at 1.5 s: dropped reply of shop#1 to shop.buy: None",
    ]
    assert repr(script.traffic[0]) == "<Record #0 at 0 s: call shop.buy(item='tea', count=2)>"
    assert repr(script.traffic) == (
        "<Traffic of 10 records: 1 call, 1 taken, 1 reply, 1 failure, 1 ending, 1 timeout,"
        " 1 abandoned, 2 dropped, 1 purged>"
    )
    assert repr(script.traffic[:0]) == "<Traffic of 0 records>"


def test_the_listing() -> None:
    script = Script()
    script.now = 250_000
    send = script.send("call", "shop", "buy", {"item": "tea"})
    taken = script.taken(send, "shop#1")
    script.now = 61_000_000
    script.send("cast", "mail", "send", {"to": "ann"}, by=taken)
    assert str(script.traffic) == (
        "#0   0.250 s  call shop.buy(item='tea')\n"
        "#1   0.250 s  shop.buy taken by shop#1\n"
        "#2  61.000 s  cast mail.send(to='ann')  (from shop#1)"
    )
    assert str(script.traffic[:0]) == "(no traffic)"
    for _ in range(100):
        script.call("shop", "buy")
    lines = str(script.traffic).splitlines()
    assert len(lines) == 41
    assert lines[20] == "… 363 records left out …"


def test_a_failure_is_told_by_its_first_line() -> None:
    script = Script()
    taken = script.taken(script.send("call", "shop", "buy"), "shop#1")
    script.failure(taken, "RemoteError", "KeyError: 'tea'\n\nRemote traceback:\n…")
    expected = "RemoteError: KeyError: 'tea'…"
    assert str(script.traffic[-1]) == f"#2 at 0 s: failure of shop#1 in shop.buy: {expected}"
    assert script.traffic.diagram().endswith(f"failure in buy: {expected}")


@given(scripts(topics=any_text, methods=any_text, keys=any_text, values=any_text))
def test_no_text_breaks_a_text(script: Script) -> None:
    texts = [repr(script.traffic), *map(str, script.traffic), *map(repr, script.traffic)]
    for text in (*texts, *str(script.traffic).splitlines()):
        assert text.isprintable()
        assert len(text) < 400


def test_filters_look_at_rows_and_never_decode() -> None:
    script = Script()
    for _ in range(5):
        script.call("shop", "buy", {"n": 1})
    traffic = Traffic(script.rows, mock.Mock(side_effect=AssertionError("decoded")))
    for name in FILTERS:
        getattr(traffic, name)("shop", "buy")
    assert len(traffic.sent.calls("shop")[1:]) == 4
    assert traffic == Traffic(script.rows, traffic._log.decode)
    repr(traffic)


@pytest.mark.parametrize(
    ("use", "error", "text"),
    [
        (lambda t: t.calls(3), TypeError, "topic is 3: it must be a str, or None for any"),
        (lambda t: t.calls("shop", b"x"), TypeError, "method is b'x': it must be a str"),
        (lambda t: t.where("x"), TypeError, "pred is 'x': it must be a function of one Record"),
        (lambda t: t.caused_by(0), TypeError, "record is 0: it must be a Record"),
        (lambda t: t[:1].where(len), TypeError, "len"),
        (lambda t: t.select("call"), TypeError, "kinds is 'call': it must be a collection of"),
        (lambda t: t.select(["calls"]), ValueError, "kinds has 'calls': it must have kinds only"),
        (lambda t: t.diagram(0), ValueError, "limit is 0: it must be an int of 1 or more"),
        (lambda t: t.diagram(True), TypeError, "limit is True: it must be an int of 1 or more"),
        (lambda t: t.diagram(width=9), ValueError, "width is 9: it must be an int of 60 or more"),
    ],
)
def test_wrong_arguments_are_named(use: Any, error: type[Exception], text: str) -> None:
    script = Script()
    script.call("shop", "buy")
    with pytest.raises(error) as caught:
        use(script.traffic)
    assert text in str(caught.value)


def test_caused_by_refuses_a_record_of_another_bus() -> None:
    one, other = Script(), Script()
    one.call("shop", "buy")
    other.now = 5
    other.call("shop", "buy")
    with pytest.raises(ValueError, match="it is not from this traffic"):
        one.traffic.caused_by(other.traffic[0])
    before = one.traffic
    one.call("shop", "buy")
    with pytest.raises(ValueError, match="it is not from this traffic"):
        before.caused_by(one.traffic[-1])
