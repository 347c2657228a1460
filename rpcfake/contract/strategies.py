"""What is drawn for the examples of clauses that vary."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

text: SearchStrategy[str] = st.text(st.characters(exclude_categories=()), max_size=20)
"""Any unicode, lone surrogates too."""

atoms: SearchStrategy[Any] = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | text
)

payloads: SearchStrategy[Any] = st.recursive(
    atoms,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=10,
)
"""Anything that JSON carries and gives back as it was."""

simple: SearchStrategy[Any] = st.none() | st.integers() | text | st.lists(st.integers(), max_size=2)
"""Values for where it is not the point what they are: they are drawn much faster."""

contexts: SearchStrategy[dict[str, Any]] = st.dictionaries(text, payloads, max_size=4)

simple_contexts: SearchStrategy[dict[str, Any]] = st.dictionaries(text, simple, max_size=3)

names: SearchStrategy[str] = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)

empties: SearchStrategy[Any] = st.sampled_from([None, 0, 0.0, "", [], {}, False]).map(deepcopy)
"""What a careless test takes for nothing."""

plain: SearchStrategy[Any] = st.sampled_from(
    [None, False, True, 0, 1, -1.5, "", "a", "\u20ac", [], [1, None], {}, {"a": 0}]
).map(deepcopy)
"""Values where it does not matter which: drawing `payloads` costs more than a call."""

several: SearchStrategy[list[Any]] = st.lists(plain, min_size=2, max_size=5).map(
    lambda values: [[number, value] for number, value in enumerate(values)]
)
"""At least two values, no two equal."""

layouts: SearchStrategy[list[int]] = st.lists(st.integers(0, 2), min_size=2, max_size=4)
"""For each of some consumers, on which connection it is."""


def some(options: Sequence[Any]) -> SearchStrategy[list[Any]]:
    """Most of the options, in their order; what fails shrinks to the one that does."""
    number = len(options)
    return st.lists(st.integers(0, 3), min_size=number, max_size=number).map(
        lambda drawn: [option for option, digit in zip(options, drawn, strict=True) if digit]
    )
