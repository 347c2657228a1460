"""Whether the line of a record is as it must be, and what is wrong where it is not."""

from __future__ import annotations

from typing import Any

from rpcfake.hints import brief, did_you_mean
from rpcfake.message import SENDS, Kind
from rpcfake.traffic.cassette.layout import ALLOWED, REQUIRED

KINDS = {str(kind): str(kind) for kind in Kind}
_SENDS = frozenset(SENDS)


def find_fault(entry: dict[str, Any]) -> tuple[str, str] | None:
    """What is wrong with a line, and at which key; None where it is sound."""
    try:
        if _is_sound(entry):  # as nearly every line is
            return None
    except (KeyError, TypeError):
        pass
    if "end" in entry:
        return "end", 'the end is {"end": true}, and nothing else'
    if "kind" not in entry:
        return "", 'it has no "kind"'
    kind = entry["kind"]
    if kind not in [*KINDS]:
        near = did_you_mean(kind, KINDS)
        return "kind", f"kind is {brief(kind)}: it must be one of {', '.join(KINDS)}{near}"
    for name in entry:
        if name not in ALLOWED[kind]:
            return name, f"a {kind} has no {brief(name)}{did_you_mean(name, ALLOWED[kind])}"
    for name in sorted(REQUIRED[kind] - entry.keys()):
        return "", f'a {kind} must have "{name}"'
    for name, value in entry.items():
        if must := _must_be(name, value):
            return name, f"{name} is {brief(value)}: it must be {must}"
    raise AssertionError(entry)  # `_is_sound` and this disagree


def _is_sound(entry: dict[str, Any]) -> bool:
    kind = entry["kind"]
    keys = entry.keys()
    if not (REQUIRED[kind] <= keys <= ALLOWED[kind]):
        return False
    if type(entry["id"]) is not str:
        return False
    if kind in _SENDS:
        if not (entry["topic"].__class__ is str is entry["method"].__class__ and entry["topic"]):
            return False
        if "args" in entry and type(entry["args"]) is not dict:
            return False
    plain = keys - _CHEAP
    return not plain or not any(_must_be(name, entry[name]) for name in plain)


_CHEAP = frozenset({"kind", "id", "topic", "method", "args", "value"})


def _must_be(name: str, value: Any) -> str:
    """What the value of a key must be, where it is not."""
    match name:
        case "id" | "method" | "consumer":
            sound, must = isinstance(value, str), "a text"
        case "topic":
            sound, must = isinstance(value, str) and value != "", "a non-empty text"
        case "args" | "context" | "headers":
            sound, must = isinstance(value, dict), "an object"
        case "after" | "timeout":
            number = type(value) in (int, float)
            sound, must = number and 0 <= value < 1e12, "seconds, 0 or more"
        case "taking":
            sound, must = type(value) is int and value > 0, "a whole number, 1 or more"
        case "aside":
            sound, must = value is True, "true"
        case "cause":
            sound, must = _is_cause(value), "[the id of a message, its consumer]"
        case "failure":
            texts = isinstance(value, dict) and all(
                isinstance(each, str) for each in value.values()
            )
            names = set(value) if texts else set()
            sound = {"type", "value"} <= names <= {"type", "value", "traceback"}
            must = 'an object of texts: "type", "value" and maybe "traceback"'
        case _:
            sound, must = True, ""
    return "" if sound else must


def _is_cause(value: Any) -> bool:
    if not (isinstance(value, list) and len(value) in (2, 3)):
        return False
    if not all(isinstance(each, str) for each in value[:2]):
        return False
    return len(value) == 2 or (type(value[2]) is int and value[2] > 0)


def _is_failure(value: Any) -> bool:
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        return False
    return {"type", "value"} <= value.keys() <= {"type", "value", "traceback"}
