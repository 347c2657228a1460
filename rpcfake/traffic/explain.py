"""Near misses: which of the messages that were sent come closest to what was asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from heapq import nsmallest
from typing import Any

from rpcfake import hints
from rpcfake.message import TOPIC_BYTES
from rpcfake.traffic.diff import Difference, differences
from rpcfake.traffic.log import KIND, METHOD, TOPIC, Log
from rpcfake.traffic.match import Incomparable, Wanted, covers
from rpcfake.traffic.record import Record

CANDIDATES = 2_000
"""How many messages, of those with the likest names, are decoded in search of the nearest."""

TOPIC_WEIGHT = METHOD_WEIGHT = 1000
CLOSE_NAME_WEIGHT = 300
ARGS_WEIGHT = 300
KIND_WEIGHT = 200
CONTEXT_WEIGHT = 100
"""What counts for likeness. The same topic and method outweigh all the rest together."""


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A record of something sent, with all that keeps it from being what was asked for."""

    record: Record
    differences: list[Difference]


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The one of the other names that looks most like this one, or None if none does.

    Names too long for a topic are passed over: looking for likeness takes quadratic time.
    """
    others = sorted({other for other in names if other != name and len(other) <= TOPIC_BYTES})
    if len(name) > TOPIC_BYTES:
        return None
    for other in others:
        if other.casefold() == name.casefold():
            return other
    below = (other for other in others if other.startswith(f"{name}."))
    return hints.nearest(name, others) or next(below, None)


def near_misses(wanted: Wanted, log: Log, sends: Sequence[int], most: int = 3) -> list[NearMiss]:
    """Of these rows the ones most like what was wanted, the likest first, ties by number.

    What has the same topic and method is nearer than what has not; then count names that are nearly
    the same, the share of equal args, the kind, and the share of equal context. What has neither
    name in common with the wanted, not even nearly, is no near miss.
    """
    like = _like_by_head(wanted, log, sends)
    ranked = ((-like(seq), seq) for seq in sends)
    chosen = nsmallest(CANDIDATES, (pair for pair in ranked if pair[0] < -KIND_WEIGHT))
    records = ((head, log.build(seq)) for head, seq in chosen)
    scored = ((head - _like_by_payload(wanted, record), record) for head, record in records)
    best = nsmallest(most, scored, key=lambda pair: (pair[0], pair[1].seq))
    return [NearMiss(record, differences(wanted, record)) for _, record in best]


def _like_by_head(wanted: Wanted, log: Log, sends: Sequence[int]) -> Callable[[int], int]:
    rows = log.rows
    near_topic = wanted.topic and nearest(wanted.topic, {rows[seq][TOPIC] for seq in sends})
    near_method = wanted.method and nearest(wanted.method, {rows[seq][METHOD] for seq in sends})

    @cache
    def like(kind: str, topic: str, method: str) -> int:
        return (
            (TOPIC_WEIGHT if topic == wanted.topic else 0)
            + (CLOSE_NAME_WEIGHT if topic == near_topic else 0)
            + (METHOD_WEIGHT if method == wanted.method else 0)
            + (CLOSE_NAME_WEIGHT if method == near_method else 0)
            + (KIND_WEIGHT if kind == wanted.kind else 0)
        )

    return lambda seq: like(rows[seq][KIND], rows[seq][TOPIC], rows[seq][METHOD])


def _like_by_payload(wanted: Wanted, record: Record) -> int:
    return _share(wanted.args, record.args, wanted.partial, ARGS_WEIGHT) + _share(
        wanted.context, record.context, wanted.partial, CONTEXT_WEIGHT
    )


def _share(expected: Any, actual: Any, partial: bool, weight: int) -> int:
    """The weight, times the share of the keys whose values are equal."""
    if expected is None or _covers(expected, actual, partial):
        return weight
    if not (isinstance(expected, Mapping) and isinstance(actual, Mapping)):
        return 0
    alike = sum(key in actual and _covers(expected[key], actual[key]) for key in expected)
    others = 0 if partial else sum(key not in expected for key in actual)
    return weight * alike // max(len(expected) + others, 1)


def _covers(expected: Any, actual: Any, partial: bool = False) -> bool:
    try:
        return covers(expected, actual, partial)
    except Incomparable:
        return False
