"""What the page is told of one bus: its lanes, its records, and the lines of its diagram."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
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

KINDS = tuple(map(str, Kind))
WRONG = ("failure", "timeout", "dropped")


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
        return cls.with_redactor(traffic, make_redactor(traffic, redact))

    @classmethod
    def with_redactor(cls, traffic: Traffic, redactor: Redactor | None) -> Sheet:
        """The sheet of some traffic; its secrets are known from then on."""
        log, seqs = traffic._log, traffic._seqs
        if redactor is not None:
            log = _redacted(log, redactor)
        counts = dict.fromkeys(KINDS, 0)
        for seq in seqs:
            counts[log.rows[seq][KIND]] += 1
        text = json.dumps(_Data(log, seqs).to_dict(), separators=(",", ":"))
        sent = sum(counts[kind] for kind in SENDS)
        return cls(text, sent, sum(map(counts.__getitem__, WRONG)), tuple(traffic._topics()))


def make_redactor(traffic: Traffic, redact: bool | Redaction) -> Redactor | None:
    """What takes the secrets out of traffic and of all that is told beside; None: nothing does."""
    rules = check_redaction(redact)
    return None if rules is None else Redactor(rules)


def _redacted(log: Log, redactor: Redactor) -> Log:
    """The same rows, without the secrets in what they carried."""
    Screen(log, redactor, tracebacks=True)  # a secret may be told before it is known as one
    decode, opaque = log.decode, log.origin.texts == "opaque"

    def decode_redacted(text: str) -> Any:
        value = decode(text)
        if opaque:
            return redactor.redact(_told(value, redactor))
        return redactor.redact(value) if redactor.suspects(text) else value

    return Log(log.rows, decode_redacted, log.stop, log.origin)


class _Told:
    """Stands for an object of a codec of its own, and looks like it without its secrets."""

    def __init__(self, shown: str) -> None:
        self._shown = shown

    def __repr__(self) -> str:
        return self._shown


def _told(value: Any, redactor: Redactor) -> Any:
    """A value in which what is no JSON only tells what it is."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case dict():
            return {key: _told(each, redactor) for key, each in value.items()}
        case list() | tuple():
            return [_told(each, redactor) for each in value]
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
    return (name, int(number), "") if number.isdecimal() else (lane, 0, number)


def _repr(value: Any) -> str:
    try:
        return repr(value)
    except Exception as error:
        return f"<{type(value).__name__} whose repr raises {type(error).__name__}>"
