"""The rows that the recorder wrote, and what each of them means.

A row is a tuple whose first three fields are its kind, its time in microseconds, and its cause: the
index of another row. A row that tells of a message finds it by following the causes up to the first
row that was sent::

    send <- taken <- reply, failure, ending, and what the handler sends
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from rpcfake.message import SENDS, Failure, Kind
from rpcfake.traffic.cassette.redaction import Redaction
from rpcfake.traffic.record import Record

Row = tuple[Any, ...]

KIND, TIME, CAUSE = 0, 1, 2
"""The fields of every row."""
TOPIC, METHOD, PAYLOAD = 3, 4, 5
"""The other fields of a row that was sent."""
CONSUMER = 3
"""The other field of a row that was taken."""
TEXT = 3
"""The other field of a reply, a failure and a dropped row."""


class Origin(NamedTuple):
    """Where rows come from; a cassette tells it.

    Attributes:
        codec: the name of the codec that the messages were carried by.
        clock: ``virtual`` or ``real``, or ``none`` where no times were kept.
        made_by: what recorded them: its name, and what it needs to do so again.
        texts: what the texts in the rows are: ``json``, as a cassette has it and ready to be
            copied; ``line``, of a cassette; or ``opaque``, what a codec of its own makes of it.
        redacted: by which rules secrets were taken out of a cassette; None where none were.
    """

    codec: str = "json"
    clock: str = "virtual"
    made_by: Mapping[str, Any] = {}
    texts: Literal["json", "line", "opaque"] = "opaque"
    redacted: Redaction | None = None


class Log:
    """The first ``stop`` rows of a list that only ever grows, with the codec's decoder for them."""

    __slots__ = ("decode", "origin", "rows", "stop")

    def __init__(
        self,
        rows: Sequence[Row],
        decode: Callable[[str], Any],
        stop: int | None = None,
        origin: Origin = Origin(),  # noqa: B008 - it is immutable
    ) -> None:
        self.rows = rows
        self.decode = decode
        self.stop = len(rows) if stop is None else stop
        self.origin = origin

    def find_send(self, seq: int) -> int:
        """The row in which the message of this row was sent."""
        rows = self.rows
        row = rows[seq]
        while row[KIND] not in SENDS:
            seq = row[CAUSE]
            row = rows[seq]
        return seq

    def find_consumer(self, seq: int) -> str | None:
        """Who had taken the message of this row when it was written."""
        row = self.rows[seq]
        if row[KIND] in SENDS:
            return None
        if row[KIND] != Kind.TAKEN:
            row = self.rows[row[CAUSE]]
        return row[CONSUMER] if row[KIND] == Kind.TAKEN else None

    def find_sender(self, seq: int) -> str | None:
        """The consumer whose handler sent the message of this row; None: a test sent it."""
        cause = self.rows[self.find_send(seq)][CAUSE]
        return None if cause is None else self.rows[cause][CONSUMER]

    def load_message(self, send: int) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        """Context, args and headers of a row that was sent, decoded anew; empty where there were
        none."""
        context, args, *headers = self.decode(self.rows[send][PAYLOAD])
        return context or {}, args or {}, headers[0] if headers else {}

    def load_value(self, seq: int) -> Any:
        """What a reply, a failure or a dropped reply carried; else None."""
        row = self.rows[seq]
        if row[KIND] == Kind.FAILURE:
            return Failure(*self.decode(row[TEXT])[:3])
        if row[KIND] == Kind.REPLY or (row[KIND] == Kind.DROPPED and row[TEXT] is not None):
            return self.decode(row[TEXT])
        return None

    def build(self, seq: int) -> Record:
        """The Record of a row."""
        kind, time, cause = self.rows[seq][:3]
        send = self.find_send(seq)
        context, args, headers = self.load_message(send)
        _, _, _, topic, method, _ = self.rows[send]
        return Record(
            seq=seq,
            time=time / 1e6,
            kind=Kind(kind),
            topic=topic,
            method=method,
            args=args,
            context=context,
            id=send,
            cause=cause,
            consumer=self.find_consumer(seq),
            value=self.load_value(seq),
            headers=headers,
        )
