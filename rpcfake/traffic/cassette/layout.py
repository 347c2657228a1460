"""What stands in a cassette: a header, a line for each record, and an end.

``schema.json`` beside this file says the same as a JSON Schema, and a test holds the two together.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rpcfake.message import SENDS, Kind
from rpcfake.traffic.cassette.redaction import Redaction

VERSION = 1
"""Of the format. A reader refuses what is newer."""

LONGEST = 64 * 2**20
"""Characters of a line: a mebibyte of text fits, however it is escaped."""

END = '{"end": true}\n'
"""The last line. A file without it was cut off, or is still being written."""

_COMMON = frozenset({"kind", "id", "after", "aside"})
_BY_ONE = _COMMON | {"consumer", "taking"}

REQUIRED: dict[str, frozenset[str]] = {
    **dict.fromkeys(SENDS, frozenset({"kind", "id", "topic", "method"})),
    **dict.fromkeys(set(map(str, Kind)) - set(SENDS), frozenset({"kind", "id"})),
    **dict.fromkeys(("taken", "requeued"), frozenset({"kind", "id", "consumer"})),
    "reply": frozenset({"kind", "id", "value"}),
    "failure": frozenset({"kind", "id", "failure"}),
}
"""What the line of a record of each kind must have."""

ALLOWED: dict[str, frozenset[str]] = {
    **dict.fromkeys(
        SENDS, _COMMON | {"topic", "method", "args", "context", "headers", "cause", "timeout"}
    ),
    **dict.fromkeys(("timeout", "abandoned", "purged"), _COMMON),
    **dict.fromkeys(("taken", "ending", "heartbeat", "requeued"), _BY_ONE),
    **dict.fromkeys(("reply", "dropped"), _BY_ONE | {"value"}),
    "failure": _BY_ONE | {"failure"},
}
"""What it may have."""


@dataclass(frozen=True)
class Header:
    """The first line of a cassette.

    Attributes:
        codec: the name of the codec that the messages were carried by. Whatever it is, the values
            stand in the file as JSON.
        clock: ``virtual`` or ``real``: what the times are times of; ``none`` where none are kept.
        made_by: what recorded it: its name, and what it needs to do so again.
        redacted: the rules by which secrets were taken out; None where none were.
    """

    codec: str = "json"
    clock: str = "virtual"
    made_by: Mapping[str, Any] = field(default_factory=dict)
    redacted: Redaction | None = None

    def to_line(self) -> str:
        """It as the line that stands in the file."""
        fields = {
            "cassette": VERSION,
            "codec": self.codec,
            "clock": self.clock,
            "made_by": dict(self.made_by),
            "redacted": None if self.redacted is None else self.redacted.to_dict(),
        }
        return dump(fields) + "\n"


CLOCKS = ("virtual", "real", "none")

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False).encode

# What a terminal or a diff would not show as what it is; the line separators too, since some
# programs split lines there.
_UNSEEN = re.compile("[\x7f-\x9f\xad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]")


def dump(value: Any) -> str:
    """A value as JSON on one line, with whatever can't be seen escaped."""
    return visible(_encode(value))


def visible(text: str) -> str:
    """JSON with whatever can't be seen escaped; it means the same."""
    if text.isascii() and "\x7f" not in text:
        return text
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def seconds(microseconds: int) -> str:
    """``0.25``: exact, and without needless zeros."""
    return f"{microseconds // 1_000_000}.{microseconds % 1_000_000:06d}".rstrip("0").rstrip(".")


_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}\b")


def failure(parts: Any, tracebacks: bool) -> dict[str, str]:
    """What a cassette keeps of a failure.

    Addresses in its text are 0x0, since they differ with each run. The traceback names lines of
    code, which move."""
    kept = {"type": parts[0], "value": _ADDRESS.sub("0x0", parts[1])}
    return kept | {"traceback": parts[2]} if tracebacks else kept
