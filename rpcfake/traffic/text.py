"""Values and names as text for humans: bounded in length, on one line, and never raising.

What crosses a bus may hold anything: a mebibyte of text, control characters, right-to-left marks,
lone surrogates. None of it may garble a failure text or a terminal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any
from unicodedata import combining, east_asian_width

ELLIPSIS = "…"


def clip(text: str, limit: int) -> str:
    """The text, or its beginning and an ellipsis: at most ``limit`` characters."""
    return text if len(text) <= limit else text[: max(limit - 1, 0)] + ELLIPSIS


def clip_middle(text: str, limit: int) -> str:
    """The text, or its beginning and its end, where the number of a consumer stands."""
    return text if len(text) <= limit else f"{text[: limit - 9]}{ELLIPSIS}{text[-8:]}"


def clean(text: str, limit: int = 200) -> str:
    """A name without its quotes: what can't be printed is escaped, as `repr` does it."""
    start = text[: limit + 1]
    if not start.isprintable():
        start = "".join(
            char if char.isprintable() else char.encode("unicode_escape").decode() for char in start
        )
    return clip(start, limit)


def first_line(text: str, limit: int = 200) -> str:
    """The first line of a text, with an ellipsis where there are more."""
    line, _, more = text.partition("\n")
    return clip(clean(line, limit) + ELLIPSIS * bool(more), limit)


def brief(value: object, limit: int = 60) -> str:
    """A repr of at most ``limit`` characters; a failing ``__repr__`` is told as such."""
    return clean(_bounded(value, limit), limit)


def arguments(args: object, limit: int = 60) -> str:
    """Arguments as in a Python call: ``item='tea', count=2``; at most ``limit`` characters."""
    if not isinstance(args, Mapping):
        return brief(args, limit)
    return clean(_joined(args.items(), _keyword, limit), limit)


def signature(method: str, args: object, limit: int = 80) -> str:
    """``method(item='tea')``, of at most ``limit`` characters or not much more."""
    name = clean(method, max(limit - 8, 8))
    return f"{name}({arguments(args, max(limit - len(name) - 2, 6))})"


def span(microseconds: int) -> str:
    """A time or a duration in seconds, without needless zeros: ``60 s``, ``0.25 s``."""
    whole, rest = divmod(microseconds, 1_000_000)
    digits = f"{rest:06d}".rstrip("0")
    return f"{whole}.{digits} s" if digits else f"{whole} s"


def plural(count: int, noun: str) -> str:
    """``1 message``, ``1,200 messages``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def columns(text: str) -> int:
    """How many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    return sum(
        0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text
    )


def _bounded(value: Any, room: int) -> str:
    """A repr that stops soon after ``room`` characters, however large or deep the value is."""
    if room <= 0:
        return ELLIPSIS
    kind = type(value)
    if kind is str or kind is bytes:
        return repr(value[: room + 1])
    if kind is list:
        return f"[{_joined(value, _bounded, room - 1)}]"
    if kind is tuple:
        return f"({_joined(value, _bounded, room - 1)}{',' * (len(value) == 1)})"
    if kind is dict:
        return f"{{{_joined(value.items(), _pair, room - 1)}}}"
    try:
        return repr(value)
    except Exception as error:
        if kind is int:  # it has more digits than Python agrees to print
            return f"<an int of {value.bit_length()} bits>"
        return f"<{kind.__name__} whose repr raises {type(error).__name__}>"


def _joined(items: Iterable[Any], show: Callable[[Any, int], str], room: int) -> str:
    """The items with commas between them, for as long as there is room."""
    parts = []
    for item in items:
        if room <= 0:
            parts.append(ELLIPSIS)
            break
        parts.append(show(item, room))
        room -= len(parts[-1]) + 2
    return ", ".join(parts)


def _pair(item: tuple[Any, Any], room: int) -> str:
    key = _bounded(item[0], room)
    return f"{key}: {_bounded(item[1], room - len(key))}"


def _keyword(item: tuple[Any, Any], room: int) -> str:
    key = item[0]
    plain = isinstance(key, str) and len(key) <= 60 and key.isidentifier()
    name = key if plain else _bounded(key, room)
    return f"{name}={_bounded(item[1], room - len(name))}"
