"""What was recorded without its secrets, against what is live and has them."""

from __future__ import annotations

import json
import re
from typing import Any

from rpcfake.traffic.cassette.redaction import MARK


class Secrets:
    """Which secret a mark stands for, as far as requests have shown it: equal ones must be
    equal."""

    def __init__(self) -> None:
        self._of: dict[str, str] = {}
        self._marks: dict[str, str] = {}

    def fit(self, recorded: Any, live: Any) -> bool:
        """Whether a live value is the recorded one, but for what is secret; if so it is noted."""
        found: list[tuple[str, Any]] = []
        if not _walk(recorded, live, found):
            return False
        of, marks = dict(self._of), dict(self._marks)
        for mark, secret in found:
            text = as_text(secret)
            if of.setdefault(mark, text) != text or marks.setdefault(text, mark) != mark:
                return False
        self._of, self._marks = of, marks
        return True


def as_text(payload: Any) -> str:
    """A value as JSON; the same for what is equal."""
    try:
        return json.dumps(payload, sort_keys=True, default=repr)
    except TypeError:  # keys of several types, which a codec of its own may carry
        return repr(payload)


def _walk(recorded: Any, live: Any, found: list[tuple[str, Any]]) -> bool:
    """Whether they are alike; what stands live for each mark is added to ``found``."""
    if isinstance(recorded, str) and MARK.search(recorded):
        if MARK.fullmatch(recorded):
            found.append((recorded, live))
            return True
        return isinstance(live, str) and _fits_text(recorded, live, found)
    if type(recorded) is not type(live):
        return False
    if isinstance(recorded, dict):
        return len(recorded) == len(live) and all(
            key in live and _walk(each, live[key], found) for key, each in recorded.items()
        )
    if isinstance(recorded, list):
        return len(recorded) == len(live) and all(
            _walk(one, other, found) for one, other in zip(recorded, live, strict=True)
        )
    return bool(recorded == live)


def _fits_text(recorded: str, live: str, found: list[tuple[str, Any]]) -> bool:
    pattern = "(.+?)".join(map(re.escape, MARK.split(recorded)))
    match = re.fullmatch(pattern, live, re.S)
    if match is None:
        return False
    found += zip(MARK.findall(recorded), match.groups(), strict=True)
    return True
