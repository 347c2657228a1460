"""Recorded requests, sent once more to a real proxy: production traffic as a regression test."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rpcfake.errors import RemoteError, Timeout
from rpcfake.hints import brief
from rpcfake.message import SENDS, Kind
from rpcfake.sim import Bus
from rpcfake.traffic import Traffic
from rpcfake.traffic.cassette.layout import failure
from rpcfake.traffic.cassette.redaction import MARK, Redactor
from rpcfake.traffic.diff import diff
from rpcfake.traffic.log import CAUSE, KIND, TIME, TOPIC, Log
from rpcfake.traffic.record import describe


@dataclass(frozen=True)
class Outcome:
    """What became of a request.

    Attributes:
        seq: of the request in the cassette.
        text: the request.
        differences: what is answered otherwise than it was recorded; empty where nothing is.
    """

    seq: int
    text: str
    differences: tuple[str, ...]


def find_topic(traffic: Traffic, topic: str | None) -> str:
    """The topic whose requests are sent: the given one, or the only one that is asked from outside.

    Raises:
        ValueError: the cassette has no such requests, or nobody can say which.
    """
    known = traffic._topics()
    if topic is not None:
        if topic not in known:
            there = ", ".join(map(repr, known)) or "no requests at all"
            raise ValueError(f"topic is {brief(topic)}: the cassette has {there}")
        return topic
    asked = sorted({record.topic for record in traffic.sent if record.cause is None})
    if len(asked) != 1:
        there = ", ".join(map(repr, asked)) or "no requests at all"
        raise ValueError(f"topic must be given: what the cassette has is sent to {there}")
    return asked[0]


def replay_against(traffic: Traffic, proxy: Any, topic: str, *, gaps: bool = True) -> list[Outcome]:
    """Send the recorded requests of a topic to a proxy, and compare what it answers.

    The proxy serves the topic on a simulated bus. What it sends to other topics is answered as it
    was recorded. What it sent to its own topic it sends again by itself.

    Args:
        traffic: what was recorded.
        proxy: an object with the methods.
        topic: whose requests are sent.
        gaps: whether they are sent, and answered by others, at the (virtual) times at which they
            were; else at once, one after the other.

    Of a call and a multicall what is answered counts; of a cast, that its handler does not fail.

    Returns:
        An outcome for each request, in the recorded order.
    """
    log = traffic._log
    bus = Bus()
    asked: list[tuple[int, list[Any]]] = []
    # By its number on this bus, what is given to each request that nobody waits for.
    live: dict[int, list[Any]] = {}
    try:
        bus.serve(topic, proxy)
        bus.serve(topic, proxy, fanout=True)
        bus.replay(traffic, [each for each in traffic._topics() if each != topic], gaps=gaps)
        began: int | None = None
        with bus.installed():
            for seq in traffic.sent._seqs:
                if not _comes_from_outside(log, seq, topic):
                    continue
                row = log.rows[seq]
                began = row[TIME] if began is None else began
                given: list[Any] = []
                asked.append((seq, given))
                if gaps:
                    bus.advance(max((row[TIME] - began) / 1e6 - bus.now, 0))
                    bus.spawn(_ask, bus, log, seq, given, live)
                else:
                    _ask(bus, log, seq, given, live)
                    bus.run()
            bus.advance(_LONGEST)
        for failed in bus.traffic.failures():
            if not live.get(failed.id, [None]):  # of a fanout cast one tells enough
                kept = failure(failed.value, tracebacks=False)
                live[failed.id].append(_Failed(kept))
    finally:
        bus.close()
    answers = _recorded_answers(traffic)
    return [
        Outcome(seq, describe(log.build(seq)), tuple(_differ(log, answers.get(seq, []), given)))
        for seq, given in asked
    ]


_LONGEST = 3600.0
"""Virtual seconds after the last request in which an answer may come."""


def _comes_from_outside(log: Log, seq: int, topic: str) -> bool:
    row = log.rows[seq]
    if row[TOPIC] != topic or row[KIND] not in (*SENDS[:4],):
        return False
    return row[CAUSE] is None or log.rows[log.find_send(row[CAUSE])][TOPIC] != topic


def _ask(bus: Bus, log: Log, seq: int, given: list[Any], live: dict[int, list[Any]]) -> None:
    record = log.build(seq)
    msg = {"method": record.method, "args": record.args}
    send = getattr(bus, record.kind)
    try:
        if record.kind == Kind.CALL:
            given.append(send(record.context, record.topic, msg))
        elif record.kind == Kind.MULTICALL:
            given += send(record.context, record.topic, msg)
        else:
            live[len(bus.traffic)] = given
            send(record.context, record.topic, msg)
    except RemoteError as error:
        given.append(_Failed({"type": error.exc_type, "value": error.value}))
    except Timeout:
        given.append(_Failed({"type": "Timeout", "value": "no answer"}))


class _Failed(dict[str, str]):
    """A failure in place of a value."""


def _recorded_answers(traffic: Traffic) -> dict[int, list[Any]]:
    log = traffic._log
    answers: dict[int, list[Any]] = {}
    over: set[int] = set()
    for seq in traffic._seqs:
        kind = log.rows[seq][KIND]
        if kind in SENDS:
            continue
        send = log.find_send(seq)
        if send in over:
            continue  # whoever took it once more answered to nobody
        if kind in (Kind.FAILURE, Kind.ENDING):
            over.add(send)
        asks = log.rows[send][KIND] in (Kind.CALL, Kind.MULTICALL)
        given = answers.setdefault(send, [])
        if kind == Kind.REPLY and asks:
            if log.rows[send][KIND] == Kind.CALL:
                given.clear()  # a call returns the last one
            given.append(log.load_value(seq))
        elif kind == Kind.FAILURE:
            if log.rows[send][KIND] != Kind.MULTICALL:
                given.clear()
            failed = log.load_value(seq)
            given.append(_Failed(failure(failed, tracebacks=False)))
        elif kind == Kind.TIMEOUT:
            given.append(_Failed({"type": "Timeout", "value": "no answer"}))
        elif kind == Kind.ENDING and log.rows[send][KIND] == Kind.CALL and not given:
            given.append(None)
    return answers


def _differ(log: Log, expected: list[Any], actual: Sequence[Any]) -> Iterator[str]:
    redaction = log.origin.redacted
    if redaction is not None:
        redactor = Redactor(redaction)
        actual = [_same_type(each, redactor.redact(each)) for each in actual]
    for number in range(max(len(expected), len(actual))):
        path = "value" if max(len(expected), len(actual)) == 1 else f"value {number}"
        if number >= len(expected):
            what = "failure" if isinstance(actual[number], _Failed) else path
            yield f"{what}: was not recorded, is {_shown(actual[number])}"
        elif number >= len(actual):
            yield f"{path}: recorded as {_shown(expected[number])}, is not there"
        elif isinstance(expected[number], _Failed) != isinstance(actual[number], _Failed):
            yield f"{path}: recorded as {_shown(expected[number])}, is {_shown(actual[number])}"
        else:
            blank = _blank(expected[number]), _blank(actual[number])
            for found in diff(*blank, "failure" if isinstance(actual[number], _Failed) else path):
                yield str(found)


def _same_type(before: Any, after: Any) -> Any:
    if isinstance(before, _Failed):
        return _Failed(failure([after["type"], after["value"]], tracebacks=False))
    return after


def _shown(value: Any) -> str:
    return f"{value['type']}: {value['value']}" if isinstance(value, _Failed) else brief(value)


def _blank(value: Any) -> Any:
    """Which secret is which may differ."""
    match value:
        case str():
            return MARK.sub("[redacted]", value)
        case dict():
            return {key: _blank(each) for key, each in value.items()}
        case list():
            return [_blank(each) for each in value]
    return value
