"""Any value has a short text on one line."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcfake.traffic.text import arguments, brief, clean, columns, signature, span

from .rows import any_text

values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(any_text, inner, max_size=4)
        | st.tuples(inner)
        | st.tuples(inner, inner)
    ),
    max_leaves=8,
)


@given(values, st.integers(1, 200))
def test_brief_is_a_bounded_repr(value: Any, limit: int) -> None:
    text = brief(value, limit)
    assert len(text) <= limit
    assert text.isprintable()
    if len(repr(value)) <= limit:
        assert text == repr(value)


@given(st.dictionaries(any_text, values), st.integers(1, 200))
def test_arguments_and_signatures_are_bounded(args: dict[str, Any], limit: int) -> None:
    assert len(arguments(args, limit)) <= limit
    for method in ("buy", "x" * 300, "\u202ebuy\n"):
        text = signature(method, args, limit)
        assert len(text) <= max(limit, 17)
        assert text.isprintable()


@given(any_text, st.integers(1, 100))
def test_clean_escapes_what_can_not_be_printed(name: str, limit: int) -> None:
    text = clean(name, limit)
    assert text.isprintable()
    assert len(text) <= limit
    if name.isprintable() and len(name) <= limit:
        assert text == name


def test_arguments_look_like_those_of_a_call() -> None:
    assert arguments({"item": "tea", "count": 2}) == "item='tea', count=2"
    assert arguments({"a b": 1, "": None}) == "'a b'=1, ''=None"
    assert signature("buy", {}) == "buy()"
    assert signature("buy", {"item": "x" * 1000}, 20) == "buy(item='xxxxxxxx…)"


def test_huge_and_endless_values_are_cheap() -> None:
    endless: list[Any] = []
    endless += [endless, endless]
    wide: dict[str, Any] = {}
    for _ in range(60):
        wide = {"a": wide, "b": wide, "c": [wide, wide]}
    for value in (endless, wide, "x" * 2**20, ["x" * 2**20] * 1000, {"x" * 2**20: 1}, 10**5000):
        assert len(brief(value)) <= 60
    assert brief(10**5000) == "<an int of 16610 bits>"


def test_a_repr_that_fails_is_told() -> None:
    class Rude:
        def __repr__(self) -> str:
            raise RuntimeError("no")

    assert brief(Rude()) == "<Rude whose repr raises RuntimeError>"
    assert brief([1, Rude()]) == "[1, <Rude whose repr raises RuntimeError>]"


@pytest.mark.parametrize(
    ("microseconds", "text"),
    [(0, "0 s"), (60_000_000, "60 s"), (250_000, "0.25 s"), (1, "0.000001 s"), (10**7, "10 s")],
)
def test_a_span_has_no_needless_zeros(microseconds: int, text: str) -> None:
    assert span(microseconds) == text


def test_columns_counts_wide_and_combining_characters() -> None:
    assert [columns(text) for text in ("shop", "店", "e\u0301", "")] == [4, 2, 1, 0]
