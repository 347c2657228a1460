"""Answers that were recorded: a cassette in place of the services that it was recorded with."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from rpcfake.errors import NotRecorded
from rpcfake.handling import Unanswered, Verbatim
from rpcfake.hints import brief
from rpcfake.message import SENDS, Kind
from rpcfake.traffic import Comparing, Traffic
from rpcfake.traffic.cassette.redaction import MARK, Redactor
from rpcfake.traffic.comparison.rules import Picker
from rpcfake.traffic.comparison.secrets import Secrets, as_text
from rpcfake.traffic.explain import near_misses
from rpcfake.traffic.listing import numbers
from rpcfake.traffic.log import CAUSE, KIND, METHOD, TIME, TOPIC, Log
from rpcfake.traffic.match import Wanted
from rpcfake.traffic.text import plural, signature

Mode = Literal["match", "strict"]
MODES = ("match", "strict")


@dataclass(eq=False)
class Recorded:
    """A request of the cassette, and what was answered.

    Attributes:
        seq: of its record.
        cause: the seq of the request whose handler sent it, or None.
        name: kind, topic and method.
        payload: what must be equal in a request that is this one.
        key: the same as text; None where something in it is redacted.
        answers: pairs of the microseconds since the one before, and the row.
        used: whether it was made, and answered.
    """

    seq: int
    cause: int | None
    name: tuple[str, str, str]
    payload: Any
    key: str | None
    answers: list[tuple[int, int]] = field(default_factory=list)
    used: bool = False


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
        known = traffic._topics()
        for topic in topics or ():
            if topic not in known:
                there = ", ".join(map(repr, known)) or "none at all"
                raise ValueError(f"topics has {brief(topic)}: the cassette has {there}")
        self.traffic = traffic
        self._topics = None if topics is None else frozenset(topics)
        self._known = frozenset(known)
        self._strict = mode == "strict"
        self._context = context
        self._sleep = sleep
        self._pick = Picker(rules)
        self._log: Log = traffic._log
        self._secrets = Secrets()
        self._all: dict[int, Recorded] = {}
        self._plain: dict[tuple[str, ...], deque[Recorded]] = defaultdict(deque)
        self._redacted: dict[tuple[str, str, str], list[Recorded]] = defaultdict(list)
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
        name, payload = (kind, topic, method), self._payload(context, args)
        look = self._find_next if self._strict else self._find_any
        found = look(name, payload, as_text(payload))
        if found is None:
            raise self._unknown(kind, topic, method, args)
        found.used = True
        return found

    @property
    def unused(self) -> Traffic:
        """The recorded requests that nobody has made yet, of those that it answers."""
        left = (each for each in self._all.values() if not self._is_over(each))
        return self.traffic._narrow([each.seq for each in left])

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
        last: dict[int, int] = {}
        over: set[int] = set()
        for seq in self.traffic._seqs:
            row = rows[seq]
            kind = row[KIND]
            send = log.find_send(seq)
            topic, method = rows[send][TOPIC], rows[send][METHOD]
            if self._topics is not None and topic not in self._topics:
                continue
            if kind in SENDS:
                context, args, _ = log.load_message(seq)
                cause = None if row[CAUSE] is None else log.find_send(row[CAUSE])
                self._add(seq, cause, (kind, topic, method), self._payload(context, args))
                last[seq] = row[TIME]
            elif send in over:
                continue  # whoever took it once more answered to nobody
            elif send in self._all and kind in ("taken", "reply", "failure", "ending"):
                if kind != "taken":
                    pause = row[TIME] - last[send]
                    self._all[send].answers.append((pause, seq))
                last[send] = row[TIME]
                if kind in ("failure", "ending"):
                    over.add(send)

    def _add(self, seq: int, cause: int | None, name: tuple[str, str, str], payload: Any) -> None:
        text = as_text(payload)
        recorded = Recorded(seq, cause, name, payload, None if MARK.search(text) else text)
        self._all[seq] = recorded
        self._order.append(recorded)
        if recorded.key is None:
            self._redacted[name].append(recorded)
        else:
            self._plain[(*name, text)].append(recorded)

    def _payload(self, context: Any, args: Any) -> Any:
        payload: Any = {"args": args or {}}
        if self._context:
            payload["context"] = context or {}
        return self._pick(payload)

    def _find_next(self, name: tuple[str, str, str], payload: Any, key: str) -> Recorded | None:
        while self._order and self._is_over(self._order[0]):
            self._order.popleft()
        expected = self._order[0] if self._order else None
        if expected is None or expected.name != name or not self._fits(expected, payload, key):
            return None
        return expected

    def _find_any(self, name: tuple[str, str, str], payload: Any, key: str) -> Recorded | None:
        plain = self._plain[(*name, key)]
        while plain and self._is_over(plain[0]):
            plain.popleft()
        if plain:
            return plain[0]
        left = (each for each in self._redacted[name] if not self._is_over(each))
        return next((each for each in left if self._fits(each, payload, key)), None)

    def _fits(self, recorded: Recorded, payload: Any, key: str) -> bool:
        if recorded.key is not None:
            return recorded.key == key
        return self._secrets.fit(recorded.payload, payload)

    def _is_over(self, recorded: Recorded) -> bool:
        """Whether it was made; or nobody will make it, since a service sent it whose answers are
        played here."""
        if recorded.used:
            return True
        cause = None if recorded.cause is None else self._all.get(recorded.cause)
        return cause is not None and (cause.used or self._topics is not None)

    def _unknown(self, kind: str, topic: str, method: str, args: Any) -> NotRecorded:
        # What is secret in the cassette is none of a test's output's business either.
        redaction = self._log.origin.redacted
        shown = args if redaction is None else Redactor(redaction).redact(args)
        asked = f"{kind} {topic}.{signature(method, shown)}"
        lines = [f"nothing that was recorded answers {asked}"]
        wanted = Wanted(kind, topic, method, shown)
        expected = self._order[0] if self._order else None
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
            recorded = self._all.get(miss.record.seq)
            used = " (answered already)" if recorded is not None and recorded.used else ""
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
