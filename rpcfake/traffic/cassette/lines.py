"""The rows of the recorder as lines of a cassette."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator, Sequence
from typing import Any

from rpcfake.errors import SerializationError
from rpcfake.message import SENDS, Kind
from rpcfake.traffic.cassette.layout import dump, failure, seconds, visible
from rpcfake.traffic.cassette.names import Names
from rpcfake.traffic.cassette.redaction import Redactor
from rpcfake.traffic.cassette.screening import Screen
from rpcfake.traffic.log import CAUSE, CONSUMER, KIND, METHOD, PAYLOAD, TEXT, TIME, TOPIC, Log, Row
from rpcfake.traffic.record import describe

PARTS = ("args", "context", "headers")

_scan = json.JSONDecoder().scan_once  # type: ignore[attr-defined]


class Lines:
    """The lines of these rows, in order, and of those that they refer to.

    Payloads that are JSON already are not decoded where nothing in them may be secret: their text
    is put into the line as it is.
    """

    def __init__(
        self,
        log: Log,
        seqs: Sequence[int],
        redactor: Redactor | None,
        times: bool,
        tracebacks: bool,
    ) -> None:
        self._log = log
        self._seqs = seqs
        self._redactor = redactor
        self._times = times
        self._tracebacks = tracebacks
        self._plain = log.origin.texts == "json"
        self._names = Names()
        self._numbers = array("l")
        self._screen: Screen | None = None
        # Of each message the first row that is written in which it was taken; of one that was taken
        # more than once, how often by whom; and which taking a row is, where it is not the first by
        # its consumer.
        self._first = array("l")
        self._takers: dict[int, dict[str, int]] = {}
        self._takings: dict[int, int] = {}
        self._consumers: dict[str, str] = {}

    def __iter__(self) -> Iterator[str]:
        log, rows = self._log, self._log.rows
        chosen: Any = self._seqs
        wanted = needed = chosen
        if chosen != range(log.stop):
            chosen = frozenset(chosen)
            wanted = self._with_causes(chosen)
            needed = sorted(wanted)
        if self._redactor is not None:
            self._screen = Screen(log, self._redactor, self._tracebacks)
        nothing = bytes(array("l").itemsize * (max(needed, default=-1) + 1))
        self._numbers, self._first = array("l", nothing), array("l", nothing)
        before = rows[needed[0]][TIME] if needed else 0
        for seq in range(needed[-1] + 1) if needed else ():
            row = rows[seq]
            if seq not in wanted:
                continue
            kind = row[KIND]
            line = self._sent(seq, row) if kind in SENDS else self._answered(seq, row)
            if self._times and row[TIME] != before:
                line += f', "after": {seconds(max(row[TIME] - before, 0))}'
                before = row[TIME]
            if seq not in chosen:
                line += ', "aside": true'
            yield line + "}\n"

    def _sent(self, seq: int, row: Row) -> str:
        label = self._names.label(row[TOPIC], row[METHOD])
        number = self._numbers[seq] = label.count()
        cause = "" if row[CAUSE] is None else f', "cause": [{self._cause(row[CAUSE])}]'
        return (
            f'{{"kind": "{row[KIND]}", "id": {label.start}{number}"{cause},'
            f' "topic": {label.topic}, "method": {label.method}{self._payload(seq, row[PAYLOAD])}'
        )

    def _answered(self, seq: int, row: Row) -> str:
        log, kind = self._log, row[KIND]
        rows = log.rows
        send = log.find_send(seq)
        line = f'{{"kind": "{kind}", "id": {self._id(send)}'
        if kind == "taken":
            consumer, taking = row[CONSUMER], 1
            if self._first[send]:
                taking = self._count_taking(seq, row)
            else:
                self._first[send] = seq
        elif row[CAUSE] != send:
            consumer, taking = rows[row[CAUSE]][CONSUMER], self._takings.get(row[CAUSE], 1)
        else:
            consumer, taking = None, 1
        if consumer is not None:
            line += f', "consumer": {self._quoted(consumer)}'
        if taking > 1:
            line += f', "taking": {taking}'
        if kind == "failure":
            kept = failure(log.decode(row[TEXT]), self._tracebacks)
            line += f', "failure": {dump(self._redact(kept))}'
        elif kind == "reply" or (kind == Kind.DROPPED and row[TEXT] is not None):
            line += f', "value": {self._value(seq, row[TEXT])}'
        return line

    def _count_taking(self, seq: int, row: Row) -> int:
        """Which taking by its consumer a row is, of those that are written; it is not the first."""
        send, consumer = row[CAUSE], row[CONSUMER]
        takers = self._takers.setdefault(send, {self._log.rows[self._first[send]][CONSUMER]: 1})
        takers[consumer] = takers.get(consumer, 0) + 1
        if takers[consumer] > 1:
            self._takings[seq] = takers[consumer]
        return takers[consumer]

    def _id(self, send: int) -> str:
        row = self._log.rows[send]
        return f'{self._names.label(row[TOPIC], row[METHOD]).start}{self._numbers[send]}"'

    def _cause(self, taken: int) -> str:
        send, consumer = self._log.find_send(taken), self._log.rows[taken][CONSUMER]
        taking = self._takings.get(taken, 1)
        return f"{self._id(send)}, {self._quoted(consumer)}" + (f", {taking}" if taking > 1 else "")

    def _quoted(self, name: str) -> str:
        quoted = self._consumers.get(name)
        if quoted is None:
            quoted = self._consumers[name] = dump(name)
        return quoted

    def _payload(self, seq: int, text: str) -> str:
        """Args, context and headers, but for those that are empty."""
        clean = self._screen is None or self._screen.is_clean(seq, text)
        if self._plain and clean:
            raw = _raw_parts(text)
            if raw is not None:
                return raw
        context, args, *headers = self._log.decode(text)
        line = ""
        for name, value in zip(PARTS, (args, context, *headers), strict=False):
            if value:
                line += f', "{name}": {self._dump(seq, value, clean)}'
        return line

    def _value(self, seq: int, text: str) -> str:
        clean = self._screen is None or self._screen.is_clean(seq, text)
        if self._plain and clean:
            return visible(text)
        value = self._log.decode(text)
        return self._dump(seq, value, clean)

    def _dump(self, seq: int, value: Any, clean: bool) -> str:
        try:
            return dump(value if clean else self._redact(value))
        except (TypeError, ValueError, RecursionError) as error:
            record = describe(self._log.build(seq))
            raise SerializationError(
                f"record {seq} can't be saved as JSON ({record}): {error}"
            ) from error

    def _redact(self, value: Any) -> Any:
        return value if self._redactor is None else self._redactor.redact(value)

    def _with_causes(self, chosen: frozenset[int]) -> set[int]:
        rows = self._log.rows
        needed = set(chosen)
        for seq in chosen:
            cause = rows[seq][CAUSE]
            while cause is not None and cause not in needed:
                needed.add(cause)
                cause = rows[cause][CAUSE]
        return needed


def _raw_parts(text: str) -> str | None:
    """What `_payload` gives, from a text ``[context, args]``; None where that is not its shape."""
    if text.startswith("[null, "):
        context, start = "", 7
    elif text.startswith("[{}, "):
        context, start = "", 5
    else:
        _, end = _scan(text, 1)
        context, start = f', "context": {text[1:end]}', end + 2
    if text[start] != "{" or _scan(text, start)[1] != len(text) - 1:
        return None
    args = text[start:-1]
    return visible((f', "args": {args}' if args != "{}" else "") + context)
