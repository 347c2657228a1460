"""What the page is told of one bus: its lanes, its records, and the lines of its diagram."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

from rpcfake.message import SENDS, Kind
from rpcfake.traffic.cassette.layout import dump
from rpcfake.traffic.cassette.redaction import Redaction, Redactor, check_redaction
from rpcfake.traffic.cassette.screening import Screen
from rpcfake.traffic.listing import ends
from rpcfake.traffic.log import CAUSE, CONSUMER, KIND, METHOD, PAYLOAD, TEXT, TIME, TOPIC, Log
from rpcfake.traffic.story import TEST, Story, Stroke, find_lines
from rpcfake.traffic.traffic import Traffic

WORDS = 160
"""Characters of what a line says."""
MOST = 20_000
"""How many lines there are from the beginning and again from the end. Others are left out."""
LONGEST = 100_000
"""Characters of one payload."""
ROOM = 32 * 2**20
"""Characters of all payloads; those that come when it is used up are cut to `SHORT`."""
SHORT = 1_000
DEEPEST = 200
"""Levels of a value of a codec of its own. What is below is told as Python tells it."""

KINDS = tuple(map(str, Kind))
WRONG = ("failure", "timeout", "dropped")
OVER = ("failure", "ending", "requeued")
"""After these a handler is not at work any more."""


class Sheet(NamedTuple):
    """One bus on the page.

    Attributes:
        text: its data as JSON.
        sent: how many messages were sent.
        wrong: how many failures, timeouts and dropped messages there are.
        topics: where messages were sent to, sorted.
    """

    text: str
    sent: int
    wrong: int
    topics: tuple[str, ...]

    @classmethod
    def of(cls, traffic: Traffic, redact: bool | Redaction = True) -> Sheet:
        """The sheet of some traffic, without its secrets."""
        rules = check_redaction(redact)
        redactor = None if rules is None else Redactor(rules)
        if redactor is not None:
            learn(traffic, redactor)
        return cls.redacted(traffic, redactor)

    @classmethod
    def redacted(cls, traffic: Traffic, redactor: Redactor | None) -> Sheet:
        """The sheet of some traffic, without the secrets that the redactor has learnt."""
        log, seqs = traffic._log, traffic._seqs
        if redactor is not None:
            log = _redacted(log, redactor)
        counts = dict.fromkeys(KINDS, 0)
        for seq in seqs:
            counts[log.rows[seq][KIND]] += 1
        text = json.dumps(_Data(log, seqs).to_dict(), separators=(",", ":"))
        sent = sum(counts[kind] for kind in SENDS)
        return cls(text, sent, sum(map(counts.__getitem__, WRONG)), tuple(traffic._topics()))


def learn(traffic: Traffic, redactor: Redactor) -> None:
    """Have the secrets of traffic known, before any of it is told: one may be told before it is
    known as one."""
    log = traffic._log
    opaque = log.origin.texts == "opaque"
    decode = partial(_decode_told, log, redactor) if opaque else log.decode
    Screen(Log(log.rows, decode, log.stop, log.origin), redactor, tracebacks=True)


def _redacted(log: Log, redactor: Redactor) -> Log:
    """The same rows, without the secrets in what they carried."""
    decode, opaque = log.decode, log.origin.texts == "opaque"

    def decode_redacted(text: str) -> Any:
        if opaque:
            return redactor.redact(_decode_told(log, redactor, text))
        value = decode(text)
        return redactor.redact(value) if redactor.suspects(text) else value

    return Log(log.rows, decode_redacted, log.stop, log.origin)


def _decode_told(log: Log, redactor: Redactor, text: str) -> Any:
    return _told(log.decode(text), redactor)


class _Told:
    """Stands for an object of a codec of its own, and looks like it without its secrets."""

    def __init__(self, shown: str) -> None:
        self._shown = shown

    def __repr__(self) -> str:
        return self._shown


def _told(value: Any, redactor: Redactor, depth: int = 0) -> Any:
    """A value in which what is no JSON only tells what it is."""
    match value:
        case None | bool() | int() | float() | str() | bytes():
            return value
        case dict() if depth < DEEPEST:
            return {
                key if isinstance(key, str | int | float | None) else _shown(key, redactor): _told(
                    each, redactor, depth + 1
                )
                for key, each in value.items()
            }
        case list() | tuple() if depth < DEEPEST:
            return [_told(each, redactor, depth + 1) for each in value]
    return _shown(value, redactor)


def _shown(value: Any, redactor: Redactor) -> _Told:
    return _Told(redactor.redact(_repr(value)))


class _Data:
    """Gathers what the script of the page reads; names that recur stand there once."""

    def __init__(self, log: Log, seqs: Sequence[int]) -> None:
        self._log = log
        self._names: dict[str, int] = {}
        self._room = ROOM
        lines = find_lines(log, seqs)
        head, tail = ends(lines, MOST)
        self._lines = [*head, *tail]
        self._left_out = len(lines) - len(self._lines)
        kept = (seq for seq in seqs if not tail or seq <= head[-1] or seq >= tail[0])
        self._seqs = sorted(self._with_causes(kept))
        self._topics = self._find_topics()

    def to_dict(self) -> dict[str, Any]:
        log = self._log
        story = Story(log, self._lines)
        strokes = [story.stroke(seq) for seq in self._lines]
        lanes = {name: place for place, name in enumerate(self._find_lanes(strokes))}
        lines = [
            [seq, lanes[stroke.lane], story.words(seq, WORDS), stroke.mark, int(stroke.dashed)]
            + [2 * lanes[name] + at_once for name, at_once in stroke.heads]
            for seq, stroke in zip(self._lines, strokes, strict=True)
        ]
        origin = log.origin
        return {
            "clock": origin.clock,
            "made_by": {str(name): str(value) for name, value in origin.made_by.items()},
            "left_out": self._left_out,
            "split": MOST,
            "kinds": KINDS,
            "records": [self._record(seq) for seq in self._seqs],
            "lines": lines,
            "lanes": [[name, self._topic_of(name)] for name in lanes],
            "busy": self._busy(lanes),
            "hints": story.hints(self._lines),
            "names": list(self._names),
        }

    def _with_causes(self, chosen: Iterable[int]) -> Collection[int]:
        rows = self._log.rows
        needed: set[int] = set()
        for seq in chosen:
            each: int | None = seq
            while each is not None and each not in needed:
                needed.add(each)
                each = rows[each][CAUSE]
        return needed

    def _find_topics(self) -> dict[str, str]:
        """The topic of each consumer."""
        rows = self._log.rows
        return {
            rows[seq][CONSUMER]: rows[self._log.find_send(seq)][TOPIC]
            for seq in self._seqs
            if rows[seq][KIND] == Kind.TAKEN
        }

    def _find_lanes(self, strokes: Sequence[Stroke]) -> list[str]:
        """The lanes: topics in the order of their first appearance, and of each its consumers."""
        named = dict.fromkeys(
            chain.from_iterable((one.lane, *(name for name, _ in one.heads)) for one in strokes)
        )
        groups: dict[str, list[str]] = {}
        for name in named:
            groups.setdefault(self._topic_of(name), []).append(name)
        return list(chain.from_iterable(sorted(names, key=_by_number) for names in groups.values()))

    def _topic_of(self, lane: str) -> str:
        """The topic of a consumer; nothing for the test, and of one unseen what its name says."""
        return self._topics.get(lane, "" if lane == TEST else lane.removesuffix("#?"))

    def _busy(self, lanes: Mapping[str, int]) -> list[list[int]]:
        """From which line to which a lane has a handler at work: its number, first, last.

        Of a cast nobody tells when its handler ended: here it does with the last that it did.
        """
        log, rows, lines = self._log, self._log.rows, self._lines
        last: dict[int, int] = {}
        over: set[int] = set()
        for seq in range(min(self._seqs, default=log.stop), log.stop):
            kind, _, cause = rows[seq][:3]
            if cause is None:
                continue
            last[cause] = seq
            if kind in OVER or (kind == Kind.REPLY and _asks(log, seq) == Kind.CALL):
                over.add(cause)
        spans: dict[int, list[list[int]]] = {}
        for seq in self._seqs:
            row = rows[seq]
            if row[KIND] != Kind.TAKEN or row[CONSUMER] not in lanes:
                continue
            at_work = _asks(log, seq) in (Kind.CALL, Kind.MULTICALL) and seq not in over
            # Where it was taken at once, the line of what was sent tells it.
            begin = (
                bisect_right(lines, seq) - 1 if self._told_by_send(seq) else bisect_left(lines, seq)
            )
            end = len(lines) - 1 if at_work else bisect_right(lines, last.get(seq, seq)) - 1
            if begin <= end:
                _join(spans.setdefault(lanes[row[CONSUMER]], []), begin, end)
        return [[lane, *span] for lane, found in spans.items() for span in found]

    def _told_by_send(self, taken: int) -> bool:
        """Whether a message was taken as soon as it was sent, in the same line."""
        place = bisect_right(self._lines, taken) - 1
        return place >= 0 and self._lines[place] == self._log.rows[taken][CAUSE]

    def _record(self, seq: int) -> list[Any]:
        log = self._log
        row = log.rows[seq]
        kind = row[KIND]
        told = [seq, row[TIME], KINDS.index(kind), row[CAUSE]]
        if kind in SENDS:
            names = [self._name(row[TOPIC]), self._name(row[METHOD])]
            context, args, *headers = log.decode(row[PAYLOAD])
            parts = (args, context, *headers)
            told += names + [self._payload(part) if part else "" for part in parts]
        elif kind == Kind.TAKEN:
            told.append(self._name(row[CONSUMER]))
        elif kind == Kind.FAILURE:
            told += [self._cut(str(part)) for part in log.decode(row[TEXT])[:3]]
        elif kind == Kind.REPLY or (kind == Kind.DROPPED and row[TEXT] is not None):
            told.append(self._payload(log.decode(row[TEXT])))
        return told

    def _name(self, name: str) -> int:
        return self._names.setdefault(name, len(self._names))

    def _payload(self, value: Any) -> Any:
        """A value as JSON text; what JSON can't say, as Python shows it: ``{"repr": …}``."""
        try:
            return self._cut(dump(value))
        except (TypeError, ValueError, RecursionError):
            return {"repr": self._cut(_repr(value))}

    def _cut(self, text: str) -> Any:
        """The text; or its beginning, and how many characters are left out: ``[text, 17]``."""
        limit = LONGEST if self._room > 0 else SHORT
        self._room -= min(len(text), limit)
        return text if len(text) <= limit else [text[:limit], len(text) - limit]


def _by_number(lane: str) -> tuple[str, int, str]:
    """Sorts ``shop#2`` before ``shop#10``."""
    name, _, number = lane.rpartition("#")
    counts = number.isdecimal() and len(number) < 20
    return (name, int(number), "") if counts else (lane, 0, number)


def _asks(log: Log, seq: int) -> Any:
    """How the message of a row was sent."""
    return log.rows[log.find_send(seq)][KIND]


def _join(spans: list[list[int]], begin: int, end: int) -> None:
    """One more, in the order of their beginnings; with the last where both overlap."""
    if spans and begin <= spans[-1][1]:
        spans[-1][1] = max(spans[-1][1], end)
    else:
        spans.append([begin, end])


def _repr(value: Any) -> str:
    try:
        return repr(value)
    except Exception as error:
        return f"<{type(value).__name__} whose repr raises {type(error).__name__}>"
