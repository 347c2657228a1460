"""Answers that were recorded: a cassette in place of the services that it was recorded with."""

from __future__ import annotations

import json
import re
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from rpcfake.errors import NotRecorded
from rpcfake.handling import Unanswered, Verbatim
from rpcfake.hints import brief
from rpcfake.message import SENDS, Kind
from rpcfake.traffic import Comparing, Traffic
from rpcfake.traffic.cassette.redaction import Redactor
from rpcfake.traffic.comparison.rules import Picker
from rpcfake.traffic.explain import near_misses
from rpcfake.traffic.listing import numbers
from rpcfake.traffic.log import CAUSE, KIND, METHOD, TIME, TOPIC, Log
from rpcfake.traffic.match import Wanted
from rpcfake.traffic.text import plural, signature

Mode = Literal["match", "strict"]
MODES = ("match", "strict")

_MARK = re.compile(r"\[redacted #\d+\]")


@dataclass
class Recorded:
    """A request of the cassette, and what was answered.

    Attributes:
        seq: of its record.
        key: what a request must be to be this one.
        marks: the secrets in it, in order.
        answers: pairs of the microseconds since the one before, and the row.
    """

    seq: int
    key: tuple[str, ...]
    marks: list[str]
    answers: list[tuple[int, int]] = field(default_factory=list)


class Replay:
    """Answers requests as they were answered when a cassette was recorded; made by `Bus.replay`.

    Attributes:
        traffic: what was recorded.
    """

    def __init__(
        self,
        traffic: Traffic,
        topics: Collection[str] | None,
        mode: Mode,
        rules: Comparing,
        context: bool,
        sleep: Callable[[float], object] | None,
    ) -> None:
        if mode not in MODES:
            raise ValueError(f"order is {brief(mode)}: it must be {', '.join(MODES)}")
        if isinstance(topics, str) or not isinstance(topics, Collection | None):
            raise TypeError(f"topics is {brief(topics)}: it must be a list of topics, or None")
        known = {record.topic for record in traffic.sent}
        for topic in topics or ():
            if topic not in known:
                there = ", ".join(map(repr, sorted(known))) or "none at all"
                raise ValueError(f"topics has {brief(topic)}: the cassette has {there}")
        self.traffic = traffic
        self._topics = None if topics is None else frozenset(topics)
        self._known = known
        self._strict = mode == "strict"
        self._context = context
        self._sleep = sleep
        self._pick = Picker(rules)
        self._log: Log = traffic._log
        redaction = self._log.origin.redacted
        self._redactor = None if redaction is None else Redactor(redaction)
        self._secrets: tuple[dict[str, str], dict[str, str]] = ({}, {})
        self._left: dict[tuple[str, ...], deque[Recorded]] = defaultdict(deque)
        self._order: deque[Recorded] = deque()
        self._index()

    def wants(self, topic: str, served: bool) -> bool:
        """Whether messages to a topic are for it: those that were named, or that nobody serves."""
        if self._topics is not None:
            return topic in self._topics
        return topic in self._known and not served

    def find(self, kind: str, topic: str, method: str, context: Any, args: Any) -> Recorded:
        """The recorded request that a message is, which is used up by this.

        Raises:
            NotRecorded: there is none.
        """
        key, marks = self._key(kind, topic, method, context, args)
        left = self._left[key]
        if self._strict:
            while self._order and self._is_used(self._order[0]):
                self._order.popleft()
            expected = self._order[0] if self._order else None
            if expected is None or expected.key != key or not self._same_secrets(expected, marks):
                raise self._unknown(kind, topic, method, args, expected)
            left.remove(expected)
            return expected
        for recorded in left:
            if self._same_secrets(recorded, marks):
                left.remove(recorded)
                return recorded
        raise self._unknown(kind, topic, method, args, None)

    @property
    def unused(self) -> Traffic:
        """The recorded requests that nobody has made yet, of those that it answers."""
        seqs = sorted(recorded.seq for left in self._left.values() for recorded in left)
        return self.traffic._narrow(seqs)

    @property
    def problem(self) -> str:
        """What is left at the end, where all must be asked for; else empty."""
        unused = self.unused if self._strict else ()
        if not unused:
            return ""
        which = numbers([record.seq for record in unused])
        return f"{plural(len(unused), 'recorded request')} nobody made: {which} of the cassette"

    def __repr__(self) -> str:
        return f"<Replay of {plural(len(self.traffic.sent), 'request')}, {len(self.unused)} left>"

    def play(self, recorded: Recorded) -> Iterator[Any]:
        """Answer as it was recorded, and at the times at which it was; as a handler would."""
        log, sleep = self._log, self._sleep
        ended = log.rows[recorded.seq][KIND] not in (Kind.CALL, Kind.MULTICALL)
        for pause, seq in recorded.answers:
            if sleep is not None and pause:
                sleep(pause / 1e6)
            kind = log.rows[seq][KIND]
            if kind == "failure":
                failure = log.load_value(seq)
                raise Verbatim(failure.exc_type, failure.value, failure.traceback)
            if kind == "ending":
                ended = True
            else:
                yield log.load_value(seq)
                ended |= log.rows[recorded.seq][KIND] == Kind.CALL
        if not ended:
            raise Unanswered

    def _index(self) -> None:
        log = self._log
        rows = log.rows
        by_send: dict[int, Recorded] = {}
        last: dict[int, int] = {}
        for seq in self.traffic._seqs:
            row = rows[seq]
            kind = row[KIND]
            send = log.find_send(seq)
            topic, method = rows[send][TOPIC], rows[send][METHOD]
            if self._topics is not None and topic not in self._topics:
                continue
            if kind in SENDS:
                context, args, _ = log.load_message(seq)
                key, marks = self._key(kind, topic, method, context, args)
                by_send[seq] = recorded = Recorded(seq, key, marks)
                self._left[key].append(recorded)
                self._order.append(recorded)
                last[seq] = row[TIME]
            elif send in by_send and kind in ("taken", "reply", "failure", "ending"):
                if kind != "taken":
                    pause = row[TIME] - last[send]
                    by_send[send].answers.append((pause, seq))
                elif row[CAUSE] != send:
                    continue
                last[send] = row[TIME]

    def _key(
        self, kind: str, topic: str, method: str, context: Any, args: Any
    ) -> tuple[tuple[str, ...], list[str]]:
        payload: Any = {"args": args or {}}
        if self._context:
            payload["context"] = context or {}
        if self._redactor is not None:
            payload = self._redactor.redact(payload)
        text = json.dumps(self._pick(payload), sort_keys=True)
        return (kind, topic, method, _MARK.sub("[redacted]", text)), _MARK.findall(text)

    def _same_secrets(self, recorded: Recorded, marks: list[str]) -> bool:
        """Whether equal secrets are equal on both sides; then it is noted which is which."""
        there, back = self._secrets
        pairs = [*zip(marks, recorded.marks, strict=True)]
        for mine, its in pairs:
            if there.get(mine, its) != its or back.get(its, mine) != mine:
                return False
        there.update(pairs)
        back.update((its, mine) for mine, its in pairs)
        return True

    def _is_used(self, recorded: Recorded) -> bool:
        return recorded not in self._left[recorded.key]

    def _unknown(
        self, kind: str, topic: str, method: str, args: Any, expected: Recorded | None
    ) -> NotRecorded:
        asked = f"{kind} {topic}.{signature(method, args)}"
        lines = [f"nothing that was recorded answers {asked}"]
        shown = args if self._redactor is None else self._redactor.redact(args)
        wanted = Wanted(kind, topic, method, shown)
        seqs = self.traffic.sent._seqs
        if self._strict:
            if expected is None:
                lines = [f"{asked} comes after all that was recorded"]
            else:
                seqs = [expected.seq]
                lines = [f"{asked} is not what comes next in the recorded order"]
        near = near_misses(wanted, self._log, seqs) if seqs else []
        if near:
            lines.append("expected next:" if self._strict else "the nearest that were recorded:")
        for miss in near:
            used = "" if self._strict or miss.differences else " (answered already)"
            lines.append(f"  {miss.record}{used}")
            lines += [f"    {_turned(each)}" for each in miss.differences]
        return NotRecorded("\n".join(lines), topic, method)


def _turned(found: Any) -> str:
    """What differs, where what is asked for now stands against what was recorded."""
    was, now = brief(found.actual), brief(found.expected)
    match found.what:
        case "missing":
            return f"{found.path}: was not recorded, is {now}"
        case "unexpected":
            return f"{found.path}: recorded as {was}, is not there"
    return f"{found.path}: recorded as {was}, is {now}"
