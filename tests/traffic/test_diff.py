"""A diff names the places that differ, all of them and no others."""

from __future__ import annotations

import copy
import json
from decimal import Decimal
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcfake.traffic.diff import Difference, diff

from .rows import Picky, any_text, plain_args, plain_values


def texts(differences: list[Difference]) -> list[str]:
    return [str(difference) for difference in differences]


def patch(actual: Any, differences: list[Difference]) -> Any:
    """What was sent, changed at the places that the differences name to what was expected."""
    root = {"args": copy.deepcopy(actual)}
    too_much = [each for each in differences if each.what == "unexpected"]
    rest = [each for each in differences if each.what != "unexpected"]
    for each in (*reversed(too_much), *rest):
        where, _, key = f'["args"]{each.path[4:]}'.rpartition("[")
        inside = eval(f"root{where}", {"root": root})
        place = json.loads(key[:-1])
        if each.what == "unexpected":
            del inside[place]
        elif each.what == "missing" and isinstance(inside, list):
            inside.insert(place, each.expected)
        else:
            inside[place] = each.expected
    return root["args"]


@given(plain_values, plain_values)
def test_nothing_differs_exactly_where_they_are_equal(expected: Any, actual: Any) -> None:
    assert (diff(expected, actual) == []) == (expected == actual)


@given(plain_args, plain_args)
def test_the_differences_are_the_whole_way_from_one_to_the_other(
    expected: dict[str, Any], actual: dict[str, Any]
) -> None:
    assert patch(actual, diff(expected, actual)) == expected


@given(plain_args, plain_args)
def test_every_place_that_is_named_differs(
    expected: dict[str, Any], actual: dict[str, Any]
) -> None:
    differences = diff(expected, actual)
    assert len({each.path for each in differences}) == len(differences)
    for each in differences:
        assert each.what in ("missing", "unexpected") or each.expected != each.actual
        assert not (isinstance(each.expected, dict) and isinstance(each.actual, dict))


@given(plain_args, plain_args)
def test_at_the_top_the_named_keys_are_those_that_differ(
    expected: dict[str, Any], actual: dict[str, Any]
) -> None:
    named = {each.path.split("]")[0] + "]" for each in diff(expected, actual)}
    keys = expected.keys() | actual.keys()
    absent = object()
    assert named == {
        f'args["{key}"]' for key in keys if expected.get(key, absent) != actual.get(key, absent)
    }


@given(plain_args, plain_args)
def test_partial_leaves_out_what_nobody_asked_for_at_the_top(
    expected: dict[str, Any], actual: dict[str, Any]
) -> None:
    whole = diff(expected, actual)
    top = {f'args["{key}"]' for key in actual.keys() - expected.keys()}
    assert diff(expected, actual, partial=True) == [each for each in whole if each.path not in top]


@given(plain_values)
def test_a_matcher_decides_for_itself_at_every_depth(value: Any) -> None:
    assert diff(mock.ANY, value) == []
    assert diff({"a": [mock.ANY]}, {"a": [value]}) == []


def test_the_texts() -> None:
    expected = {"spec": {"flavor": "m1.small", "disks": [1, 2]}, "name": "vm1", "n": 1}
    actual = {"spec": {"flavor": "m1.large", "disks": [1, 3, 4]}, "n": 1, "zone": "north"}
    assert texts(diff(expected, actual)) == [
        "args[\"spec\"][\"flavor\"]: expected 'm1.small', was 'm1.large'",
        'args["spec"]["disks"][1]: expected 2, was 3',
        'args["spec"]["disks"][2]: not expected, was 4',
        "args[\"name\"]: missing, expected 'vm1'",
        "args[\"zone\"]: not expected, was 'north'",
    ]


def test_what_the_wire_makes_of_tuples_and_keys_is_noted() -> None:
    expected = {"pair": (1, 2), "ports": {80: "http", True: 1, None: 2}, "deep": [(1,)]}
    actual = {"pair": [1, 2], "ports": {"80": "http", "true": 1, "null": 2}, "deep": [[2]]}
    notes = {each.path: each.note for each in diff(expected, actual) if each.note}
    assert notes == {
        'args["pair"]': 'a tuple arrives as a list: expect a list at args["pair"]',
        'args["deep"][0][0]': 'a tuple arrives as a list: expect a list at args["deep"][0]',
        **{
            f'args["ports"][{key}]': "a key that is no str arrives as one: expect a str at"
            f' args["ports"][{key}]'
            for key in (80, True, None)
        },
    }
    assert [each.note for each in diff({1: 2, (1, 2): 3}, {"a": (1,)})] == ["", "", ""]


def test_a_comparison_that_raises_is_told_and_the_others_go_on() -> None:
    assert texts(diff({"a": Picky(), "b": 1}, {"a": [1], "b": 2})) == [
        'args["a"]: comparing Picky() with [1] raised ValueError: the truth value is ambiguous',
        'args["b"]: expected 1, was 2',
    ]


def test_an_error_without_a_text_is_told_too() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    class Worse(Picky):
        def __eq__(self, other: object) -> bool:
            raise Mute

        __hash__ = None

    (line,) = texts(diff(Worse(), 1))
    assert line == "args: comparing Picky() with 1 raised Mute: (its str() raises too)"


@pytest.mark.parametrize(
    ("expected", "actual", "text"),
    [
        (Decimal(1), "1", "args: expected Decimal('1'), was '1'"),
        ("x" * 900 + "a", "x" * 900 + "b", None),
        ("x" * 900, "x" * 901, None),
        (list(range(900)), "long", None),
        ({"a" * 900: 1}, {"b" * 900: 1}, None),
    ],
)
def test_long_values_are_bounded_and_look_different(
    expected: Any, actual: Any, text: str | None
) -> None:
    found = texts(diff(expected, actual))
    assert text is None or found == [text]
    for line in found:
        assert len(line) < 240
        if " expected " in line and ", was " in line:
            one, _, other = line.partition(": expected ")[2].partition(", was ")
            assert one != other


def test_long_texts_are_shown_where_they_differ() -> None:
    expected, actual = "x" * 900 + "left" + "y" * 99, "x" * 900 + "right" + "y" * 99
    assert texts(diff(expected, actual)) == [
        f"args: expected …'{'x' * 15}left{'y' * 39}… (from character 885 of 1,003),"
        f" was …'{'x' * 15}right{'y' * 38}… (from character 885 of 1,004)"
    ]


def test_values_that_look_alike_are_told_apart_by_their_type() -> None:
    class Fake:
        def __repr__(self) -> str:
            return "1"

    assert texts(diff(Fake(), 1)) == ["args: expected 1 (Fake), was 1 (int)"]
    assert texts(diff(float("nan"), float("nan"))) == ["args: expected nan, was nan"]


@given(st.dictionaries(any_text, any_text), st.dictionaries(any_text, any_text))
def test_no_text_breaks_a_difference(expected: Any, actual: Any) -> None:
    for line in texts(diff(expected, actual)):
        assert line.isprintable()


def test_deep_nesting() -> None:
    expected: Any = 1
    actual: Any = 2
    for _ in range(100):
        expected, actual = {"k": expected}, {"k": actual}
    (line,) = texts(diff(expected, actual))
    assert line.endswith('["k"]: expected 1, was 2')
    assert len(line) < 200
