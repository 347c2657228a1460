"""Which rows may hold a secret: nearly none, so the others need not even be decoded."""

from __future__ import annotations

from typing import Any

from rpcfake.message import SENDS
from rpcfake.traffic.cassette.layout import failure
from rpcfake.traffic.cassette.redaction import Redactor
from rpcfake.traffic.log import KIND, PAYLOAD, TEXT, Log

AT_ONCE = 500
"""How many rows are looked at in one go."""


class Screen:
    """Looks for secrets in all rows first: one may be told before it is known as one, and what
    tells it may be filtered out."""

    def __init__(self, log: Log, redactor: Redactor, tracebacks: bool = False) -> None:
        self._redactor = redactor
        seqs = range(log.stop)
        self._suspected: set[int] = set()
        if log.origin.redacted is not None:  # what is redacted keeps its marks
            for seq in seqs:
                redactor.reserve(_text(log, seq) or "")
        # What a codec of its own made of a secret may look like anything.
        opaque = log.origin.texts == "opaque"
        for start in range(0, len(seqs), AT_ONCE):
            texts = [
                (seq, text) for seq in seqs[start : start + AT_ONCE] if (text := _text(log, seq))
            ]
            if not opaque and not redactor.suspects("\n".join([text for _, text in texts])):
                continue
            for seq, text in texts:
                if opaque or redactor.suspects(text):
                    self._suspected.add(seq)
                    redactor.learn(_values(log, seq, tracebacks))

    def is_clean(self, seq: int, text: str) -> bool:
        """Whether there is no secret in a row, whose text this is."""
        return seq not in self._suspected and not self._redactor.has_known(text)


def _text(log: Log, seq: int) -> str | None:
    row = log.rows[seq]
    kind = row[KIND]
    if kind in SENDS:
        return row[PAYLOAD]  # type: ignore[no-any-return]
    return row[TEXT] if kind in ("reply", "failure", "dropped") else None


def _values(log: Log, seq: int, tracebacks: bool) -> list[Any]:
    """All that may be secret in a row, in the order in which it is written."""
    row = log.rows[seq]
    value = log.decode(_text(log, seq) or "")
    if row[KIND] in SENDS:
        context, args, *headers = value
        return [args, context, *headers]
    return [failure(value, tracebacks) if row[KIND] == "failure" else value]
