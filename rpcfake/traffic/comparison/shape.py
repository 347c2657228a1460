"""Records as they are compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from rpcfake.message import SENDS, Failure
from rpcfake.traffic.cassette.layout import failure
from rpcfake.traffic.cassette.redaction import Redaction, Redactor
from rpcfake.traffic.cassette.screening import Screen
from rpcfake.traffic.comparison.rules import Comparing, Picker
from rpcfake.traffic.log import CAUSE, CONSUMER, KIND, METHOD, PAYLOAD, TEXT, TIME, TOPIC, Log


class Shape(NamedTuple):
    """A record as it is compared: who did what, what it carried, and when."""

    seq: int
    head: tuple[str, ...]
    """Kind, topic, method, consumer, and who sent it."""
    payload: dict[str, Any]
    after: int


def shapes(
    log: Log,
    seqs: Sequence[int],
    rules: Comparing,
    redaction: Redaction | None,
    actual: bool,
) -> Iterator[Shape]:
    rows = log.rows
    kinds = None if rules.kinds is None else frozenset(map(str, rules.kinds))
    pick = Picker(rules, actual)
    if log.origin.redacted is not None:
        redaction = None  # nothing is left in it to take out
    redactor = None if redaction is None else Redactor(redaction)
    screen = None if redactor is None else Screen(log, redactor)
    before: int | None = None
    for seq in seqs:
        row = rows[seq]
        kind = row[KIND]
        if kinds is not None and kind not in kinds:
            continue
        send = log.find_send(seq)
        sent = rows[send]
        payload = _payload(log, seq)
        text = row[PAYLOAD] if kind in SENDS else row[TEXT] if payload else ""
        if redactor and screen and payload and not screen.is_clean(seq, text):
            payload = redactor.redact(payload)
        if pick.active:
            payload = pick(payload)
        consumer = sender = ""
        if pick.consumer:
            consumer = log.find_consumer(seq) or ""
            if kind in SENDS and row[CAUSE] is not None:
                by = log.find_send(row[CAUSE])
                sender = f"{rows[row[CAUSE]][CONSUMER]}.{rows[by][METHOD]}"
        after = row[TIME] - before if rules.times and before is not None else 0
        before = row[TIME]
        yield Shape(seq, (kind, sent[TOPIC], sent[METHOD], consumer, sender), payload, after)


def _payload(log: Log, seq: int) -> dict[str, Any]:
    """What a record carried of its own."""
    kind = log.rows[seq][KIND]
    if kind in SENDS:
        context, args, headers = log.load_message(seq)
        return {"args": args, "context": context, "headers": headers}
    value = log.load_value(seq)
    if isinstance(value, Failure):
        return {"failure": failure(value, tracebacks=False)}
    return {} if value is None and kind not in ("reply", "dropped") else {"value": value}
