"""What the recorder keeps of one event, as users see it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rpcfake.message import SENDS, Kind
from rpcfake.traffic.text import brief, clean, first_line, signature, span


@dataclass(frozen=True, slots=True, repr=False)
class Record:
    """One event of the traffic: a message sent, taken, answered, given up or lost.

    Attributes:
        seq: its number in the whole traffic, from 0: ``bus.traffic[record.seq]`` is this record.
        time: when it happened, in seconds of the bus's clock.
        kind: what happened; see `rpcfake.message.Kind`.
        topic, method, args, context: of the message that the event belongs to, as they were on the
            wire. They are decoded anew for each Record, so changing them changes no traffic.
        id: the ``seq`` of the record in which that message was sent; a sent record's own ``seq``.
        cause: the ``seq`` of the record that this one follows from. For what was sent it is the
            *taken* record of the handler that sent it, and None where no handler did.
        consumer: whose handler it is about, such as ``"shop#2"`` (a stub is ``"stub:shop#1"``);
            None for what was sent, timed out, abandoned, purged, or dropped before it was taken.
        value: what a reply (or a dropped reply) carried; a `rpcfake.message.Failure` for a failure;
            else None.
        headers: what the message carried beside context and args: with oslo.messaging its version,
            namespace and the like.
    """

    seq: int
    time: float
    kind: Kind
    topic: str
    method: str
    args: dict[str, Any]
    context: dict[str, Any]
    id: int
    cause: int | None
    consumer: str | None
    value: Any
    headers: dict[str, Any] = field(default_factory=dict)

    def __hash__(self) -> int:
        return hash((self.seq, self.time))

    def __str__(self) -> str:
        return f"#{self.seq} at {span(round(self.time * 1e6))}: {describe(self)}"

    def __repr__(self) -> str:
        return f"<Record {self}>"


def describe(record: Record, limit: int = 100) -> str:
    """What happened, in about ``limit`` characters: ``call shop.buy(item='tea')``."""
    if record.kind in SENDS:
        topic = clean(record.topic, 60)
        room = max(limit - len(record.kind) - len(topic) - 2, 20)
        return f"{record.kind} {topic}.{signature(record.method, record.args, room)}"
    about = f"{clean(record.topic, 60)}.{clean(record.method, 40)}"
    who = clean(record.consumer or "nobody", 66)
    match record.kind:
        case Kind.TAKEN:
            return f"{about} taken by {who}"
        case Kind.REPLY:
            return f"reply of {who} to {about}: {brief(record.value, limit)}"
        case Kind.FAILURE:
            return f"failure of {who} in {about}: {first_line(str(record.value), limit)}"
        case Kind.ENDING:
            return f"ending of {about} by {who}"
        case Kind.TIMEOUT:
            return f"timeout of {about}"
        case Kind.ABANDONED:
            return f"abandoned {about}"
        case Kind.DROPPED if record.consumer is None:
            return f"dropped {about}: no consumer that takes it was ever declared"
        case Kind.DROPPED:
            return f"dropped reply of {who} to {about}: {brief(record.value, limit)}"
        case Kind.HEARTBEAT:
            return f"heartbeat of {who} in {about}"
        case Kind.REQUEUED:
            return f"{about} given back by {who}"
        case _:
            return f"purged {about} from the queue"
