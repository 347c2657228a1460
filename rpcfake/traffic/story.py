"""Traffic as the lines of a diagram: which rows get one, what it shows and what it says."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from rpcfake.message import SENDS, Kind
from rpcfake.traffic.log import CONSUMER, KIND, METHOD, TEXT, TIME, TOPIC, Log
from rpcfake.traffic.text import brief, clean, clip, first_line, signature, span

TEST = "test"
"""The lane of what no handler sent."""

AT_ONCE = 10_000
"""Microseconds: on real threads a message that nothing holds up is taken sooner than that."""

NOT_TAKEN, NOT_HEARD, NOT_SERVED = "not taken", "nobody took it", "nothing serves it"
"""Why a message reached nobody: not yet, or a fanout cast, or for good."""
HINTS = {
    NOT_HEARD: "a fanout_cast needs create_consumer(..., fanout=True)",
    NOT_SERVED: "neither a stub nor a consumer without fanout=True",
}

ANSWERS = (Kind.REPLY, Kind.FAILURE, Kind.ENDING)

Mark = Literal["", "taken", "waits", "lost", "broken"]


@dataclass(frozen=True, slots=True)
class Stroke:
    """What a line shows.

    Attributes:
        lane: where it happens, or where the arrow starts.
        heads: the lanes that the arrow points to, with whether it arrives at once.
        dashed: the arrow carries an answer.
        mark: a sign in the lane, ``taken`` or ``broken`` (failure, timeout and the like); or one at
            the end of a short arrow that reaches no lane, ``waits`` or ``lost``.
    """

    lane: str
    heads: tuple[tuple[str, bool], ...] = ()
    dashed: bool = False
    mark: Mark = ""


def find_lines(log: Log, seqs: Sequence[int]) -> list[int]:
    """The rows, in order, that get a line of their own.

    No line of its own has what the line of another row tells already: a message taken or dropped as
    soon as it was sent, and the ending of a call that had a reply.
    """
    members: Collection[int] = seqs if isinstance(seqs, range) else set(seqs)
    rows = log.rows
    lines = []
    fresh: int | None = None  # the message of the row before: just sent, or just taken
    takers: set[str] = set()  # of that message: who takes it once more has a line of its own
    replies: dict[int, int] = {}
    for seq in range(max(seqs, default=-1) + 1):
        row = rows[seq]
        kind, time, cause = row[:3]
        told_by: int | None = None
        if kind in SENDS:
            fresh = seq
            takers.clear()
        elif fresh is not None and cause == fresh and kind in (Kind.TAKEN, Kind.DROPPED):
            again = kind == Kind.TAKEN and row[CONSUMER] in takers
            told_by = fresh if time - rows[fresh][TIME] < AT_ONCE and not again else None
            if kind == Kind.TAKEN:
                takers.add(row[CONSUMER])
        else:
            fresh = None
            if kind == Kind.REPLY:
                replies[cause] = seq
            elif kind == Kind.ENDING and rows[log.find_send(seq)][KIND] == Kind.CALL:
                told_by = replies.pop(cause, None)
        if seq in members and (told_by is None or told_by not in members):
            lines.append(seq)
    return lines


class Story:
    """The strokes and the words of these lines."""

    def __init__(self, log: Log, lines: Sequence[int]) -> None:
        self.log = log
        self._numbered = set(_mistakable(log, lines))
        self._takers: dict[int, list[int]] = {log.find_send(seq): [] for seq in lines}
        self._again: set[int] = set()
        """Where who takes a message has taken it before."""
        self._over: dict[int, int] = {}
        self._answered: set[int] = set()
        """Messages that somebody answered who was not seen to take them."""
        rows = log.rows
        known: set[tuple[int, str]] = set()
        for seq in range(min(self._takers, default=log.stop), log.stop):
            kind, _, cause = rows[seq][:3]
            if kind == Kind.TAKEN and cause in self._takers:
                self._takers[cause].append(seq)
                taking = cause, rows[seq][CONSUMER]
                if taking in known:
                    self._again.add(seq)
                known.add(taking)
            elif kind in (Kind.TIMEOUT, Kind.ABANDONED):
                self._over.setdefault(cause, seq)
            elif kind == Kind.ENDING:
                self._over.setdefault(log.find_send(seq), seq)
            if kind in ANSWERS and rows[cause][KIND] in SENDS:
                self._answered.add(cause)

    def stroke(self, seq: int) -> Stroke:
        """What the line of this row shows."""
        log = self.log
        kind = log.rows[seq][KIND]
        sender = log.find_sender(seq) or TEST
        consumer = log.find_consumer(seq)
        if kind in SENDS:
            return self._stroke_of_send(seq, sender)
        if consumer is None and kind in ANSWERS:
            consumer = self._unseen(log.find_send(seq))
        if consumer is None:
            return Stroke(sender, mark="broken")
        if kind == Kind.TAKEN:
            return Stroke(consumer, mark="taken")
        if kind == Kind.DROPPED:
            return Stroke(consumer, dashed=True, mark="lost")
        mark: Mark = "broken" if kind in (Kind.FAILURE, Kind.REQUEUED) else ""
        if self._is_awaited(seq):
            return Stroke(consumer, ((sender, True),), dashed=True, mark=mark)
        return Stroke(consumer, mark=mark or "broken")

    def words(self, seq: int, room: int) -> str:
        """What the line of this row says, in at most ``room`` characters."""
        return clip(self._words(seq, room), room)

    def hints(self, lines: Iterable[int]) -> list[str]:
        """What may help where a message of these lines reached nobody."""
        rows, takers = self.log.rows, self._takers
        sent = (seq for seq in lines if rows[seq][KIND] in SENDS and seq not in self._answered)
        untaken = (seq for seq in sent if not takers[seq])
        whys = {self._why_untaken(seq) for seq in untaken}
        return [f"{why}: {hint}" for why, hint in HINTS.items() if why in whys]

    def _why_untaken(self, seq: int) -> str:
        if self._is_dropped_at_once(seq):
            return NOT_SERVED
        return NOT_HEARD if self.log.rows[seq][KIND] == Kind.FANOUT_CAST else NOT_TAKEN

    def _stroke_of_send(self, seq: int, sender: str) -> Stroke:
        takers = self._takers[seq]
        if seq in self._answered and not takers:
            return Stroke(sender, ((self._unseen(seq), True),))
        if not takers:
            return Stroke(sender, mark="lost" if self._is_dropped_at_once(seq) else "waits")
        rows = self.log.rows
        soon = rows[seq][TIME] + AT_ONCE
        heads = {}
        for place, taken in enumerate(takers, 1):
            if taken not in self._again:  # that has a line of its own
                heads[rows[taken][CONSUMER]] = taken == seq + place and rows[taken][TIME] < soon
        return Stroke(sender, tuple(heads.items()))

    def _unseen(self, send: int) -> str:
        """The lane of who took a message unseen."""
        return f"{self.log.rows[send][TOPIC]}#?"

    def _is_dropped_at_once(self, seq: int) -> bool:
        if seq + 1 >= self.log.stop:
            return False
        kind, _, cause = self.log.rows[seq + 1][:3]
        return bool(kind == Kind.DROPPED and cause == seq)

    def _is_awaited(self, answer: int) -> bool:
        """Whether someone waited for this answer at that moment."""
        send = self.log.find_send(answer)
        asks = self.log.rows[send][KIND] in (Kind.CALL, Kind.MULTICALL)
        return asks and self._over.get(send, answer) >= answer

    def _words(self, seq: int, room: int) -> str:
        log = self.log
        row = log.rows[seq]
        send = log.find_send(seq)
        sent = log.rows[send]
        number = f"#{send} " if send in self._numbered else ""
        name = number + clean(sent[METHOD], 40)
        match row[KIND]:
            case Kind.TAKEN:
                head = f"takes again {number}" if seq in self._again else f"takes {number}"
                return head + self._signature(send, room - len(head))
            case Kind.REPLY:
                return self._with_value(f"reply to {name}: ", seq, room)
            case Kind.FAILURE:
                head = f"failure in {name}: "
                return head + first_line(str(log.load_value(seq)), max(room - len(head), 20))
            case Kind.ENDING if sent[KIND] == Kind.CALL:
                return f"end of {name}, without a value"
            case Kind.ENDING:
                return f"end of {name}"
            case Kind.TIMEOUT:
                return f"timeout of {name} after {span(row[TIME] - sent[TIME])}"
            case Kind.ABANDONED:
                return f"abandons {name}"
            case Kind.HEARTBEAT:
                return f"still at {name}"
            case Kind.REQUEUED:
                return f"{name} is given back to its queue"
            case Kind.PURGED:
                return f"{name} is purged from its queue"
            case Kind.DROPPED if row[TEXT] is None:
                return f"{name} is dropped: nothing serves {brief(sent[TOPIC], 40)}"
            case Kind.DROPPED:
                return self._with_value(f"reply to {name} is dropped: ", seq, room)
        head, tail = f"{row[KIND]} ", ""
        if not self._takers[seq] and seq not in self._answered:
            head += f"{clean(sent[TOPIC], 30)}."
            tail = f" ({self._why_untaken(seq)})"
        return head + self._signature(seq, room - len(head) - len(tail)) + tail

    def _signature(self, send: int, room: int) -> str:
        return signature(self.log.rows[send][METHOD], self.log.load_message(send)[1], room)

    def _with_value(self, head: str, seq: int, room: int) -> str:
        return head + brief(self.log.load_value(seq), max(room - len(head), 20))


def _mistakable(log: Log, lines: Iterable[int]) -> Iterable[int]:
    """The messages that need their number: others of the same name go on while they do."""
    rows = log.rows
    last: dict[int, int] = {}
    for seq in lines:
        last[log.find_send(seq)] = seq
    open_until: dict[tuple[str, str], tuple[int, int]] = {}
    for send in sorted(last):
        name = rows[send][TOPIC], rows[send][METHOD]
        end, other = open_until.get(name, (-1, -1))
        if send < end:
            yield from (send, other)
        open_until[name] = max((end, other), (last[send], send))
