"""Messages, payloads, contexts and topics for properties, with the edges that rules name."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

ANY_CHARACTER = st.characters(codec=None)
"""Lone surrogates and control characters too."""

texts = st.text(ANY_CHARACTER, max_size=12)
names = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
"""Names of methods and of args that a handler can have."""

integers = st.integers() | st.sampled_from(
    [2**31, 2**63 - 1, 2**63, -(2**63), 10**4300 - 1, 1 - 10**4300]
)
atoms = (
    st.none() | st.booleans() | integers | st.floats(allow_nan=False, allow_infinity=False) | texts
)


def _deep(depth: int, leaf: Any, as_list: bool) -> Any:
    for _ in range(depth):
        leaf = [leaf] if as_list else {"in": leaf}
    return leaf


deep = st.builds(_deep, st.sampled_from([90, 97]), atoms, st.booleans())
"""With the layers that a message puts around a value this is a depth of about 100."""
large = st.builds(
    lambda character, size: character * size,
    st.sampled_from(["x", "\n", "é", "\U0001f600", "\ud83d"]),
    st.sampled_from([65_535, 65_536, 1 << 20]),
)
payloads: st.SearchStrategy[Any] = (
    st.recursive(
        atoms,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
        max_leaves=12,
    )
    | deep
)
"""What is the same after JSON."""

keys = (
    texts
    | st.integers()
    | st.booleans()
    | st.none()
    | st.floats(allow_nan=False, allow_infinity=False)
)
loose: st.SearchStrategy[Any] = st.recursive(
    atoms,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(keys, inner, max_size=4)
    ),
    max_leaves=12,
)
"""What JSON carries but changes: tuples, and keys that are no strings."""


def on_the_wire(value: Any) -> Any:
    """What arrives of a value, told a second time: RFC 8259 and Python's names for JSON's atoms."""
    if isinstance(value, list | tuple):
        return [on_the_wire(item) for item in value]
    if isinstance(value, dict):
        return {_key(key): on_the_wire(item) for key, item in value.items()}
    return value


def _key(key: Any) -> str:
    if key is None or isinstance(key, bool):
        return {None: "null", True: "true", False: "false"}[key]
    return key if isinstance(key, str) else repr(key)


class Opaque:
    """No codec carries it."""

    def __repr__(self) -> str:
        return "<opaque>"


TOO_LONG = 10**4300
"""Of more digits than a payload may have, and than Python shows."""


def _too_long(kind: object) -> object:
    return TOO_LONG if kind == [] else {TOO_LONG: "a key"}


uncarried = st.sampled_from(
    [
        float("nan"),
        float("inf"),
        float("-inf"),
        b"bytes",
        {1, 2},
        Opaque(),
        object,
        1 + 2j,
        range(3),
        iter([]),
        {(1, 2): "a key"},
        {b"key": 1},
        {float("nan"): 1},
    ]
) | st.sampled_from([[], {}]).map(_too_long)
uncarried_anywhere = st.recursive(
    uncarried,
    lambda inner: (
        st.builds(lambda x, before: [*before, x], inner, st.lists(atoms, max_size=2))
        | st.builds(lambda x, key: {key: x}, inner, texts)
        | st.builds(lambda x: (x, None), inner)
    ),
    max_leaves=3,
)
"""What JSON refuses, at any place in a value."""

arguments = st.dictionaries(
    names.filter(lambda name: name not in ("context", "self")), payloads, max_size=3
)
contexts = st.none() | st.dictionaries(texts, payloads, max_size=3)
messages = st.builds(lambda method: {"method": method}, names) | st.builds(
    lambda method, args: {"method": method, "args": args}, names, arguments
)

_TOPIC_EDGES = [
    "*",
    "#",
    "a.*",
    "a.#",
    "a.b",
    "a",
    "A",
    ".",
    "..",
    "\x00",
    "\n",
    " ",
    "a ",
    "é",
    "x" * 200,
    "é" * 100,
]
topics = st.sampled_from(_TOPIC_EDGES) | st.text(
    st.characters(codec="utf-8"), min_size=1, max_size=200
).filter(lambda topic: len(topic.encode()) <= 200)
bad_topics = (
    st.sampled_from(["", "x" * 201, "é" * 101, "\ud800", "a\udfff"])
    | st.none()
    | st.integers()
    | st.binary(min_size=1)
    | st.lists(st.text(), max_size=1)
    | st.builds(lambda: TOO_LONG)
)

_no_dict = (
    st.none() | st.integers() | st.text() | st.lists(st.integers()) | st.builds(lambda: TOO_LONG)
)
_no_str = (
    st.none()
    | st.integers()
    | st.binary()
    | st.lists(st.text(), max_size=1)
    | st.builds(lambda: TOO_LONG)
)
bad_messages: st.SearchStrategy[Any] = (
    _no_dict
    | st.just({})
    | st.builds(lambda args: {"args": args}, arguments)
    | st.builds(lambda method: {"method": method}, _no_str)
    | st.builds(lambda args: {"method": "m", "args": args}, _no_dict)
    | st.builds(
        lambda key: {"method": "m", key: 1}, texts.filter(lambda k: k not in ("method", "args"))
    )
    | st.builds(lambda key: {"method": "m", "args": {}, key: None}, st.integers())
)
bad_contexts = st.sampled_from(
    [5, "context", b"", [("a", 1)], Opaque(), dict, 0, False, ""]
) | st.builds(lambda: TOO_LONG)
"""Falsy ones too: only None stands for no context."""
