"""What `traffic.compare` says: nothing of what is the same, and all that is not."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcfake import Traffic
from rpcfake.traffic import Comparing
from rpcfake.traffic.comparison.common import common
from rpcfake.traffic.record import Record

from .rows import Picky, Script, scripts


def seen(record: Record) -> Any:
    """All of a record that counts."""
    value = record.value
    own = (record.args, record.context) if record.id == record.seq else value
    return str(record.kind), record.topic, record.method, record.consumer, repr(own)


def calls(*items: Any) -> Traffic:
    script = Script()
    for item in items:
        script.send("call", "shop", "buy", {"item": item}, context={"request_id": len(script.rows)})
    return script.traffic


@given(script=scripts())
def test_it_is_the_same_as_itself(script: Script) -> None:
    for order in ("total", "topic", "none"):
        found = script.traffic.compare(script.traffic, order=order)  # type: ignore[arg-type]
        assert found
        assert str(found) == "no difference"


@given(script=scripts(), path=st.just("one.jsonl"), redact=st.booleans())
def test_it_is_the_same_as_what_was_saved(
    script: Script, path: str, redact: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.getbasetemp() / path
    script.traffic.save(file, redact=redact)
    assert script.traffic.compare(Traffic.load(file))


@given(one=scripts(), other=scripts())
def test_in_any_order_it_finds_what_one_has_more_often(one: Script, other: Script) -> None:
    mine, its = Counter(map(seen, one.traffic)), Counter(map(seen, other.traffic))
    found = one.traffic.compare(other.traffic, order="none", ignore=["nothing.at.all"])
    counts = Counter(each.what for each in found.differences)
    assert counts["added"] + counts["changed"] >= (mine - its).total()
    assert counts["missing"] + counts["changed"] >= (its - mine).total()
    assert counts["moved"] == 0
    if mine == its:
        assert {each.details for each in found.differences} <= {()}


@given(script=scripts(), data=st.data())
def test_one_more_is_told_as_added_and_one_less_as_missing(
    script: Script, data: st.DataObject
) -> None:
    more = Script()
    more.rows = [*script.rows]
    seq = more.send("cast", "only here", "buy")
    for found, what in (
        (more.traffic.compare(script.traffic), "added"),
        (script.traffic.compare(more.traffic), "missing"),
    ):
        assert [each.what for each in found.differences] == [what]
        assert str(found).splitlines()[1].split() == [what, f"#{seq}", "cast", "only", "here.buy()"]


def test_what_moved_is_told_as_moved() -> None:
    found = calls("b", "c", "a").compare(calls("a", "b", "c"), ignore=["request_id"])
    assert str(found).splitlines() == [
        "1 moved",
        "moved      #2  call shop.buy(item='a')",
        "               was #0, is #2",
    ]
    assert calls("b", "c", "a").compare(calls("a", "b", "c"), ignore=["request_id"], order="none")


def test_of_what_changed_only_the_keys_that_did_are_told() -> None:
    found = calls({"id": 1, "name": "tea"}).compare(calls({"id": 2, "name": "tea"}))
    assert str(found).splitlines() == [
        "1 changed",
        "changed    #0  call shop.buy(item={'id': 1, 'name': 'tea'})",
        '               args["item"]["id"]: expected 2, was 1',
    ]


def test_on_each_topic_in_order() -> None:
    one, other = Script(), Script()
    for script, topics in ((one, "aab"), (other, "aba")):
        for topic in topics:
            script.send("cast", topic, "hear")
    assert not one.traffic.compare(other.traffic)
    assert one.traffic.compare(other.traffic, order="topic")


@pytest.mark.parametrize(
    ("options", "same"),
    [
        ({}, False),
        ({"ignore": ["id"]}, True),
        ({"ignore": ["args.item.id"]}, True),
        ({"ignore": ["args.*.id"]}, True),
        ({"ignore": ["args.id"]}, False),
        ({"ignore": ["context.item.id"]}, False),
        ({"match": {"id": mock.ANY}}, True),
        ({"match": {"args.item.id": 5}}, False),
        ({"match": {"id": Picky()}}, False),
        ({"kinds": ["cast"]}, True),
    ],
)
def test_what_counts(options: dict[str, Any], same: bool) -> None:
    one, other = calls({"id": 1, "name": "tea"}), calls({"id": 2, "name": "tea"})
    assert bool(one.compare(other, **options)) is same


def test_times_count_where_that_is_asked() -> None:
    one, other = Script(), Script()
    for script, pause in ((one, 1_000_000), (other, 3_000_000)):
        script.send("cast", "a", "b")
        script.now += pause
        script.send("cast", "a", "b")
    assert one.traffic.compare(other.traffic)
    found = one.traffic.compare(other.traffic, times=True)
    assert "after: expected 3 s, was 1 s" in str(found)


def test_who_took_it_and_who_sent_it_count() -> None:
    def relayed(consumer: str) -> Traffic:
        script = Script()
        taken = script.taken(script.send("call", "a", "b"), consumer)
        script.send("cast", "c", "d", by=taken)
        return script.traffic

    found = relayed("a#2").compare(relayed("a#1"))
    assert [each.what for each in found.differences] == ["missing", "added", "missing", "added"]
    assert "(from a#2.b)" in str(found)
    assert relayed("a#2").compare(relayed("a#1"), ignore=["consumer"])


def test_a_secret_counts_as_what_stands_for_it(tmp_path: Path) -> None:
    def login(*passwords: str) -> Traffic:
        script = Script()
        for password in passwords:
            script.send("call", "auth", "login", {"password": password})
        return script.traffic

    login("one", "two", "one").save(tmp_path / "one")
    expected = Traffic.load(tmp_path / "one")
    assert login("red", "blue", "red").compare(expected)
    found = login("red", "blue", "blue").compare(expected)
    assert "#1] stood for another secret before than [redacted #2]" in str(found)


def test_many_differences_are_told_in_few_lines() -> None:
    lines = str(calls(*range(100)).compare(calls())).splitlines()
    assert lines[0] == "100 added"
    assert lines[-1] == "… and 90 more added"
    assert len(lines) == 12


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"kinds": "call"}, "kinds is 'call': it must be a collection of kinds, or None"),
        ({"kinds": ["cal"]}, "kinds has 'cal': .*did you mean 'call'"),
        ({"order": "any"}, "order is 'any': it must be total, topic, none"),
        ({"ignore": "id"}, "ignore is 'id': it must be a list of keys"),
        ({"ignore": ["a..b"]}, "ignore has 'a..b': it must be a key, or a path"),
        ({"match": ["id"]}, r"match is \['id'\]: it must be a dict"),
        ({"match": {3: 4}}, "match has 3: it must be a key"),
        ({"times": "yes"}, "times is 'yes': it must be True or False"),
        ({"times": True, "order": "topic"}, "times=True needs order='total', not 'topic'"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], text: str) -> None:
    with pytest.raises((TypeError, ValueError), match=text):
        Comparing(**options)
    with pytest.raises((TypeError, ValueError), match=text):
        calls().compare(calls(), **options)


def test_long_traffic_that_repeats_itself_is_told_in_few_words() -> None:
    items: list[Any] = [number % 5 for number in range(4000)]
    changed = [*items]
    changed[10], changed[-10] = "A", "B"
    found = calls(*changed).compare(calls(*items), ignore=["request_id"])
    assert [each.what for each in found.differences] == ["changed", "changed"]
    more = [*items[:10], "A", *items[10:-10], "B", *items[-10:]]
    found = calls(*more).compare(calls(*items), ignore=["request_id"])
    assert [each.what for each in found.differences] == ["added", "added"]


@given(one=st.lists(st.integers(0, 3), max_size=12), other=st.lists(st.integers(0, 3), max_size=12))
def test_as_much_as_can_be_is_found_in_common(one: list[int], other: list[int]) -> None:
    pairs = common(one, other)
    assert all(one[a] == other[b] for a, b in pairs)
    assert all(a < c and b < d for (a, b), (c, d) in pairwise(pairs))
    lengths = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
    for a, mine in enumerate(one):
        for b, its in enumerate(other):
            longest = max(lengths[a][b + 1], lengths[a + 1][b])
            lengths[a + 1][b + 1] = lengths[a][b] + 1 if mine == its else longest
    assert len(pairs) == lengths[-1][-1]


def test_quite_different_traffic_takes_no_time() -> None:
    found = calls(*range(4000)).compare(calls(*range(10_000, 14_000)), order="total")
    assert Counter(each.what for each in found.differences) == {"changed": 4000}


@pytest.mark.parametrize(("one", "other"), [(1, True), (1, 1.0), ([0], [False])])
def test_what_is_equal_in_python_only_differs(one: Any, other: Any) -> None:
    found = calls(one).compare(calls(other))
    assert "a value is of another type" in str(found)


def test_what_the_matcher_refuses_is_a_difference_even_if_it_was_recorded() -> None:
    assert not calls("x").compare(calls("x"), match={"item": 5})


def test_only_traffic_can_be_compared() -> None:
    with pytest.raises(TypeError, match="expected is '/tmp/x': it must be a Traffic"):
        calls().compare("/tmp/x")  # type: ignore[arg-type]


def test_no_difference_is_true() -> None:
    found = calls("a").compare(calls("b"))
    assert not found
    assert len(found) == 1
    assert json.loads(json.dumps([each._asdict() for each in found.differences]))
