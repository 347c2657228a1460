"""Near misses come in the order of their likeness, which is the same in every run."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcfake.message import SENDS
from rpcfake.traffic.explain import NearMiss, near_misses, nearest
from rpcfake.traffic.match import Incomparable, Wanted, covers

from .rows import METHODS, TOPICS, Picky, Script, any_text, plain_args, scripts

LONG = "compute.a-very-long-name-of-a-host"


def near(script: Script, wanted: Wanted, most: int = 3) -> list[NearMiss]:
    traffic = script.traffic.sent
    return near_misses(wanted, traffic._log, traffic._seqs, most)


@pytest.mark.parametrize(
    ("name", "names", "expected"),
    [
        ("shpo", ["shop", "mail"], "shop"),
        ("shop", ["shop", "shops"], "shops"),
        ("shop", ["shop"], None),
        ("shop", [], None),
        ("Shop", ["chop", "SHOP"], "SHOP"),
        ("compute", [LONG, "network"], LONG),
        ("shop", ["zebra"], None),
        ("x" * 2**20, ["x" * 2**20 + "y"], None),
        ("", ["shop"], None),
    ],
)
def test_nearest(name: str, names: list[str], expected: str | None) -> None:
    assert nearest(name, names) == expected
    assert nearest(name, reversed(names)) == expected


@given(any_text, st.lists(any_text))
def test_the_nearest_is_another_one_of_the_names(name: str, names: list[str]) -> None:
    assert nearest(name, names) in {None, *names} - {name}


@given(scripts(), st.sampled_from(SENDS), plain_args)
def test_near_misses_do_not_depend_on_the_order_of_the_rows(
    script: Script, kind: str, args: dict[str, Any]
) -> None:
    wanted = Wanted(kind, "shop", "buy", args)
    log, seqs = script.traffic._log, list(script.traffic.sent._seqs)
    assert near_misses(wanted, log, seqs) == near_misses(wanted, log, seqs[::-1])


@given(scripts(), st.sampled_from(TOPICS), st.sampled_from(METHODS))
def test_every_message_of_the_same_name_is_nearer_than_all_others(
    script: Script, topic: str, method: str
) -> None:
    found = near(script, Wanted("cast", topic, method), most=100)
    same = [(miss.record.topic, miss.record.method) == (topic, method) for miss in found]
    assert same == sorted(same, reverse=True)
    assert sum(same) == sum(
        (record.topic, record.method) == (topic, method) for record in script.traffic.sent
    )


def test_the_order_of_likeness() -> None:
    script = Script()
    args = {"item": "tea", "count": 2}
    far = script.send("fanout_cast", "news", "publish", args)
    other_topic = script.send("call", "news", "buy", args)
    other_method = script.send("call", "shop", "sell", args)
    one_arg = script.send("call", "shop", "buy", {"item": "tea", "count": 1})
    again = script.send("call", "shop", "buy", {"item": "tea", "count": 3})
    no_arg = script.send("call", "shop", "buy", {"item": "cup", "count": 1})
    other_kind = script.send("cast", "shop", "buy", args)
    wanted = Wanted("call", "shop", "buy", args)
    order = [miss.record.seq for miss in near(script, wanted, most=10)]
    assert order == [one_arg, again, other_kind, no_arg, other_topic, other_method]
    assert far not in order


def test_what_nobody_asked_for_is_unlike_too() -> None:
    script = Script()
    more = script.send("call", "shop", "buy", {"item": "tea", "a": 1, "b": 2})
    less = script.send("call", "shop", "buy", {"item": "tea"})
    args = {"item": "tea", "count": 2}
    nearest_first = near(script, Wanted("call", "shop", "buy", args))
    assert [miss.record.seq for miss in nearest_first] == [less, more]
    nearest_first = near(script, Wanted("call", "shop", "buy", args, partial=True))
    assert [miss.record.seq for miss in nearest_first] == [more, less]


def test_a_name_that_is_nearly_right_is_a_near_miss() -> None:
    script = Script()
    script.send("call", "mail", "send")
    script.send("call", "shops", "buys")
    (miss,) = near(script, Wanted("call", "shop", "buy"))
    assert [str(difference) for difference in miss.differences] == [
        "topic: expected 'shop', was 'shops'",
        "method: expected 'buy', was 'buys'",
    ]


def test_of_very_many_messages_only_some_are_decoded() -> None:
    script = Script()
    for n in range(5_000):
        script.send("call", "shop", "buy", {"n": n})
    decode = mock.Mock(wraps=script.traffic._log.decode)
    log = script.traffic._log
    log.decode = decode
    assert len(near_misses(Wanted("call", "shop", "buy", {"n": -1}), log, range(5_000))) == 3
    assert decode.call_count < 2_500


@given(plain_args, plain_args, st.booleans())
def test_covers(expected: dict[str, Any], actual: dict[str, Any], partial: bool) -> None:
    compared = {key: actual[key] for key in actual if key in expected} if partial else actual
    assert covers(expected, actual, partial) == (expected == compared)


@pytest.mark.parametrize("partial", [True, False])
def test_the_expected_value_stands_at_the_left(partial: bool) -> None:
    class Left:
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = None  # type: ignore[assignment]

    class Right(str):
        def __eq__(self, other: object) -> bool:
            return False

        __hash__ = None  # type: ignore[assignment]

    for depth in (lambda x: x, lambda x: {"a": x}, lambda x: [{"a": [x]}]):
        assert covers(depth(Left()), depth(Right("x")), partial)


@pytest.mark.parametrize("partial", [True, False])
def test_a_comparison_that_raises_is_incomparable(partial: bool) -> None:
    with pytest.raises(Incomparable, match="ValueError: the truth value is ambiguous"):
        covers({"a": Picky()}, {"a": 1}, partial)
