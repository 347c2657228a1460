"""Words for error texts: bounded reprs, and the nearest known name."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable
from difflib import get_close_matches


def brief(value: object) -> str:
    """A repr that is bounded in length, and that a failing ``__repr__`` can't break."""
    try:
        return reprlib.repr(value)
    except Exception:  # reprlib can't: an integer of too many digits, a class named like a builtin
        return f"<{type(value).__name__}>"


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that looks most like this one, or None."""
    found = get_close_matches(name, list(known), 1)
    return found[0] if found else None


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """``"; did you mean 'x'?"``, or nothing where no known name is near."""
    found = nearest(name, known) if isinstance(name, str) else None
    return f"; did you mean {found!r}?" if found else ""


def listing(names: Iterable[str], most: int = 10) -> str:
    """Names for a text: quoted, with commas, and bounded."""
    quoted = [repr(name) for name in names]
    more = f" and {len(quoted) - most} more" if len(quoted) > most else ""
    return ", ".join(quoted[:most]) + more
