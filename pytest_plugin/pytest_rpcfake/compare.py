"""`assert traffic == …` and `assert record == …`, explained: where they differ, and only that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import TypeGuard

from rpcfake import Record, Traffic
from rpcfake.traffic.diff import Difference, diff, show_both
from rpcfake.traffic.match import Incomparable, equal
from rpcfake.traffic.text import brief, plural

SHOWN = 3
"""How many records that differ are shown."""


def explain(op: str, left: object, right: object) -> list[str] | None:
    """The lines of the explanation; None where this is not for us."""
    if op != "==":
        return None
    for cassette, other in ((right, left), (left, right)):
        if isinstance(other, Traffic) and hasattr(cassette, "explanation"):
            return [f"{brief(left, 80)} == {brief(right, 200)}", *cassette.explanation]
    head = f"{brief(left, 80)} == {brief(right, 80)}"
    if isinstance(left, Record) and isinstance(right, Record):
        return [head, *_between(left, right)]
    if isinstance(left, Traffic) and _is_listing(right):
        return [head, *_all_between(left, right)]
    if isinstance(right, Traffic) and _is_listing(left):
        return [head, *_all_between(left, right)]
    return None


def _is_listing(value: object) -> TypeGuard[Sequence[object]]:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _between(left: Record, right: Record) -> Iterator[str]:
    for field in fields(Record):
        was, wanted = getattr(left, field.name), getattr(right, field.name)
        if field.name == "kind":
            was, wanted = str(was), str(wanted)
        for found in diff(wanted, was, field.name):
            yield _show(found)


def _show(found: Difference) -> str:
    left, right = show_both(found.actual, found.expected)
    match found.what:
        case "missing":
            return f"{found.path}: only right: {brief(found.expected)}"
        case "unexpected":
            return f"{found.path}: only left: {brief(found.actual)}"
        case "undecided":
            return f"{found.path}: comparing {left} with {right} raised {found.error}"
    return f"{found.path}: left {left}, right {right}"


def _all_between(left: Sequence[object], right: Sequence[object]) -> Iterator[str]:
    if len(left) != len(right):
        yield f"left has {plural(len(left), 'record')}, right {len(right)}"
    pairs = [
        (place, one, other)
        for place, (one, other) in enumerate(zip(left, right, strict=False))
        if _differ(one, other)
    ]
    for place, one, other in pairs[:SHOWN]:
        if isinstance(one, Record) and isinstance(other, Record):
            yield f"[{place}] {one}"
            yield from (f"  {line}" for line in _between(one, other))
        else:
            yield f"[{place}] left {brief(one, 80)}, right {brief(other, 80)}"
    if len(pairs) > SHOWN:
        yield f"and {plural(len(pairs) - SHOWN, 'record')} more differ"
    for name, longer, shorter in (("left", left, right), ("right", right, left)):
        extra = longer[len(shorter) :]
        for offset, record in enumerate(extra[:SHOWN]):
            yield f"only {name}: [{len(shorter) + offset}] {_one(record)}"
        if len(extra) > SHOWN:
            yield f"only {name}: {plural(len(extra) - SHOWN, 'record')} more"


def _differ(left: object, right: object) -> bool:
    try:
        return not equal(right, left)
    except Incomparable:
        return True


def _one(value: object) -> str:
    return str(value) if isinstance(value, Record) else brief(value, 80)
