"""What differs between what was expected and what was sent: only that, and where it stands."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any, Literal

from rpcfake.traffic.match import Incomparable, Wanted, covers
from rpcfake.traffic.record import Record
from rpcfake.traffic.text import ELLIPSIS, brief, clean, clip_middle

What = Literal["different", "missing", "unexpected", "undecided"]

_ABSENT: Any = object()

TUPLES = "a tuple arrives as a list: expect a list at {}"
KEYS = "a key that is no str arrives as one: expect a str at {}"


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where two values differ.

    Attributes:
        path: the place, such as ``args["spec"]["flavor"]``.
        what: ``different``; ``missing`` (expected, but not sent); ``unexpected`` (sent, but not
            expected); ``undecided`` (comparing raised).
        expected, actual: the values there; None where there is none.
        note: what happens on the wire to values of this sort, or "".
        error: what comparing raised, or "".
    """

    path: str
    what: What
    expected: Any = None
    actual: Any = None
    note: str = ""
    error: str = ""

    def __str__(self) -> str:
        path = clip_middle(self.path, 160)
        expected, actual = show_both(self.expected, self.actual)
        match self.what:
            case "missing":
                return f"{path}: missing, expected {brief(self.expected)}"
            case "unexpected":
                return f"{path}: not expected, was {brief(self.actual)}"
            case "undecided":
                return f"{path}: comparing {expected} with {actual} raised {self.error}"
        return f"{path}: expected {expected}, was {actual}"


def differences(wanted: Wanted, record: Record) -> list[Difference]:
    """All that keeps a record of something sent from being what was asked for."""
    found = [
        Difference(name, "different", asked, was)
        for name, asked, was in (
            ("kind", wanted.kind and str(wanted.kind), str(record.kind)),
            ("topic", wanted.topic, record.topic),
            ("method", wanted.method, record.method),
        )
        if asked not in (None, was)
    ]
    for name, asked, sent in (
        ("args", wanted.args, record.args),
        ("context", wanted.context, record.context),
    ):
        if asked is not None:
            found += diff(asked, sent, name, wanted.partial)
    return found


def diff(expected: Any, actual: Any, path: str = "args", partial: bool = False) -> list[Difference]:
    """The places where two values differ, in the order of the expected keys; [] if they are equal.

    It goes into mappings and lists on both sides; all else is compared whole. With ``partial`` the
    keys that are not expected at the top level are no difference.
    """
    error = ""
    try:
        if covers(expected, actual, partial):
            return []
    except Incomparable as raised:
        error = str(raised)
    inside: list[Difference] = []
    if isinstance(expected, Mapping) and isinstance(actual, Mapping):
        inside = _diff_mappings(expected, actual, path, partial)
    elif isinstance(expected, list | tuple) and isinstance(actual, list | tuple):
        inside = _diff_lists(expected, actual, path)
    is_made_list = isinstance(expected, tuple) and isinstance(actual, list)
    note = TUPLES.format(clip_middle(path, 160)) if is_made_list else ""
    if inside:
        return [replace(inside[0], note=inside[0].note or note), *inside[1:]]
    what: What = "undecided" if error else "different"
    return [Difference(path, what, expected, actual, note, error)]


def _diff_mappings(
    expected: Mapping[Any, Any], actual: Mapping[Any, Any], path: str, partial: bool
) -> list[Difference]:
    found: list[Difference] = []
    for key in expected:
        place = f"{path}[{show_key(key)}]"
        if key in actual:
            found += diff(expected[key], actual[key], place)
        else:
            note = KEYS.format(clip_middle(place, 160)) if _wire_key(key) in actual else ""
            found.append(Difference(place, "missing", expected=expected[key], note=note))
    if not partial:
        found += [
            Difference(f"{path}[{show_key(key)}]", "unexpected", actual=actual[key])
            for key in actual
            if key not in expected
        ]
    return found


def _diff_lists(
    expected: list[Any] | tuple[Any, ...], actual: list[Any] | tuple[Any, ...], path: str
) -> list[Difference]:
    found: list[Difference] = []
    for index, (one, other) in enumerate(zip_longest(expected, actual, fillvalue=_ABSENT)):
        place = f"{path}[{index}]"
        if one is _ABSENT:
            found.append(Difference(place, "unexpected", actual=other))
        elif other is _ABSENT:
            found.append(Difference(place, "missing", expected=one))
        else:
            found += diff(one, other, place)
    return found


def show_key(key: object) -> str:
    """A key as it stands between brackets: ``"flavor"``."""
    if not isinstance(key, str):
        return brief(key)
    quoted = json.dumps(key[:60], ensure_ascii=False)
    return clean(quoted if len(key) <= 60 else f'{quoted[:-1]}{ELLIPSIS}"')


def show_both(expected: object, actual: object, limit: int = 60) -> tuple[str, str]:
    """Both values, bounded, such that they don't look alike."""
    one, other = brief(expected, limit), brief(actual, limit)
    if one != other:
        return one, other
    if isinstance(expected, str) and isinstance(actual, str):
        return _show_from_difference(expected, actual, limit)
    if type(expected) is not type(actual):
        return f"{one} ({type(expected).__name__})", f"{other} ({type(actual).__name__})"
    return one, other


def _show_from_difference(expected: str, actual: str, limit: int) -> tuple[str, str]:
    """Two long texts from shortly before the first character that differs."""
    pairs = enumerate(zip(expected, actual, strict=False))
    first = next((n for n, (a, b) in pairs if a != b), min(len(expected), len(actual)))
    start = max(first - limit // 4, 0)

    def show(text: str) -> str:
        place = f"from character {start:,} of {len(text):,}"
        return f"{ELLIPSIS}{brief(text[start:], limit)} ({place})"

    return show(expected), show(actual)


def _wire_key(key: object) -> object:
    """The str that a key of another type becomes in JSON; the key itself if it becomes none."""
    try:
        return next(iter(json.loads(json.dumps({key: 0}))))
    except (TypeError, ValueError):
        return key
