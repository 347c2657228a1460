"""Answers find their requests: what was tapped becomes the records of a cassette."""

from __future__ import annotations

import base64
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from rpcfake.tap.messages import (
    Abandoned,
    Answer,
    Ending,
    Failed,
    Heartbeat,
    Meaning,
    Request,
    Tapped,
    Value,
)
from rpcfake.traffic.cassette import Names, failure
from rpcfake.traffic.text import plural

MOST_PENDING = 100_000
"""How many requests wait for an answer at the most; then the oldest are forgotten."""

OPAQUE = "(opaque)"
"""The method of a message that nobody here understands."""

Entry = dict[str, Any]


@dataclass
class _Pending:
    id: str
    """In the cassette."""
    topic: str
    by: Entry = field(default_factory=dict)
    """Who took it, where that is seen; and which time, where it was not the first."""


@dataclass
class _Sent:
    id: str
    """In the cassette."""
    answers: str
    """What answers name it by."""
    takings: Counter[str] = field(default_factory=Counter)
    """How often which consumer took it."""


class Pairing:
    """Writes a line for each message that is seen.

    Args:
        dialects: functions that say what a message means, or None; the first that does counts.
        write: takes each line of the cassette.
        only: the exchanges whose messages count, and the answers to them wherever they go; None:
            all.

    Attributes:
        counts: how many requests of each topic were seen.
        waiting: how many of them wait for an answer.
        seen: how many messages were seen.
        unpaired: how many answers to requests that were not seen.
        opaque: how many messages that no dialect understands.
    """

    def __init__(
        self,
        dialects: Sequence[Callable[[Tapped], Meaning | None]],
        write: Callable[[Entry], object],
        only: Collection[str] | None = None,
    ) -> None:
        self._only = only
        self._dialects = dialects
        self._write = write
        self._names = Names()
        self._pending: OrderedDict[str, _Pending] = OrderedDict()
        self._sent: OrderedDict[str, _Sent] = OrderedDict()
        self._queues: dict[str, dict[str, str]] = {}
        self._before: int | None = None
        self.counts: Counter[str] = Counter()
        self.waiting: Counter[str] = Counter()
        self.seen = 0
        self.unpaired = 0
        self.opaque = 0

    def summary(self) -> str:
        """What was seen so far, in a few words."""
        parts = [plural(self.seen, "message"), plural(self.counts.total(), "request")]
        if self._pending:
            parts.append(f"{len(self._pending):,} not answered")
        if self.unpaired:
            parts.append(f"{plural(self.unpaired, 'answer')} to what was not seen")
        if self.opaque:
            parts.append(f"{self.opaque:,} not understood")
        return ", ".join(parts)

    def see(self, tapped: Tapped, now: int) -> None:
        """A message passed, at this time in microseconds."""
        meaning = next(filter(None, (dialect(tapped) for dialect in self._dialects)), None)
        if self._only is not None and tapped.exchange not in self._only:
            answers = isinstance(meaning, Answer) and meaning.id in self._pending
            if not answers or tapped.queue:
                return
        self.seen += 1
        match meaning:
            case Request() if tapped.queue:
                self._add_taken(meaning, tapped.queue, now)
            case _ if tapped.queue:
                pass  # that an answer was delivered says nothing new
            case None:
                self._add_opaque(tapped, now)
            case Request():
                self._add_request(meaning, now)
            case Value() | Ending() | Failed() | Heartbeat() | Abandoned():
                self._add_answer(meaning, now)

    def _add_request(self, request: Request, now: int) -> None:
        self.counts[request.topic] += 1
        id = self._names.new(request.topic, request.method)
        if request.kind in ("call", "multicall"):
            self._pending[request.id] = _Pending(id, request.topic)
            self.waiting[request.topic] += 1
            if len(self._pending) > MOST_PENDING:
                self._forget(next(iter(self._pending)))
        if request.unique:
            self._sent[request.unique] = _Sent(id, request.id)
            if len(self._sent) > MOST_PENDING:
                self._sent.popitem(last=False)
        entry: Entry = {"kind": request.kind, "id": id}
        entry |= {"topic": request.topic, "method": request.method}
        for name in ("args", "context", "headers"):
            if value := getattr(request, name):
                entry[name] = value
        if request.timeout is not None:
            entry["timeout"] = request.timeout
        self._put(entry, now)

    def _add_taken(self, request: Request, queue: str, now: int) -> None:
        """A request was delivered from a queue: who reads it has taken it."""
        sent = self._sent.get(request.unique)
        if sent is None:
            return
        # Queues have names that differ with each run: here they are numbered.
        queues = self._queues.setdefault(request.topic, {})
        consumer = queues.setdefault(queue, f"{request.topic}#{len(queues) + 1}")
        by: Entry = {"consumer": consumer}
        # It is delivered again where it was not acknowledged: who had it is gone, or gave it back.
        sent.takings[consumer] += 1
        if sent.takings[consumer] > 1:
            by["taking"] = sent.takings[consumer]
        if sent.answers in self._pending:
            self._pending[sent.answers].by = by
        self._put({"kind": "taken", "id": sent.id, **by}, now)

    def _add_answer(self, answer: Answer, now: int) -> None:
        pending = self._pending.get(answer.id)
        if pending is None:
            # After a failure nothing comes that counts; an abandoned call may still be answered.
            self.unpaired += 1
            return
        of: Entry = {"id": pending.id}
        by = of | pending.by
        over = True
        match answer:
            case Value(value=value, last=over):
                self._put({"kind": "reply", **by, "value": value}, now)
                if over:
                    self._put({"kind": "ending", **by}, now)
            case Ending():
                self._put({"kind": "ending", **by}, now)
            case Failed(exc_type=exc_type, text=text, traceback=traceback):
                kept = failure((exc_type, text, traceback), tracebacks=False)
                self._put({"kind": "failure", **by, "failure": kept}, now)
            case Heartbeat():
                over = False
                self._put({"kind": "heartbeat", **by}, now)
            case Abandoned():
                self._put({"kind": "abandoned", **of}, now)
        if over:
            self._forget(answer.id)

    def _forget(self, id: str) -> None:
        self.waiting[self._pending.pop(id).topic] -= 1

    def _add_opaque(self, tapped: Tapped, now: int) -> None:
        self.opaque += 1
        topic = tapped.key or tapped.exchange or "(default)"
        try:
            body = tapped.body.decode()
        except UnicodeDecodeError:
            body = "base64:" + base64.b64encode(tapped.body).decode()
        headers = {"exchange": tapped.exchange, "opaque": True}
        self._put(
            {
                "kind": "cast",
                "id": self._names.new(topic, OPAQUE),
                "topic": topic,
                "method": OPAQUE,
                "args": {"body": body},
                "headers": headers,
            },
            now,
        )

    def _put(self, entry: Entry, now: int) -> None:
        if self._before is not None and now > self._before:
            entry["after"] = (now - self._before) / 1e6
        self._before = now
        self._write(entry)
