"""What may help where an assertion failed: how it would match more, and what else to look at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from rpcfake.message import Kind
from rpcfake.traffic.explain import NearMiss
from rpcfake.traffic.listing import numbers
from rpcfake.traffic.log import Log
from rpcfake.traffic.match import Wanted
from rpcfake.traffic.text import plural


def find_ways(
    wanted: Wanted,
    log: Log,
    sends: Sequence[int],
    near: Sequence[NearMiss],
    found: int,
    *,
    partial: bool,
) -> list[str]:
    """One sentence for each way, the most likely first; only ways that would change something.

    Args:
        wanted: what was asked for.
        log, sends: what was sent, and might have matched.
        near: the near misses among it.
        found: how many did match.
        partial: whether the assertion has an argument ``partial``.
    """
    ways = [*_other_kind(wanted, near), *_wire_notes(near), *_any_value(near)]
    for step, looser in _looser(wanted, partial):
        count = len(looser.find(log, sends)[0])
        if count > found:
            found = count
            verb = "matches" if count == 1 else "match"
            ways.append(f"{step}, {plural(count, str(wanted.kind))} {verb}.")
    return [*ways, *_waiting(log)]


def _looser(wanted: Wanted, partial: bool) -> Iterator[tuple[str, Wanted]]:
    dicts = isinstance(wanted.args, Mapping) or isinstance(wanted.context, Mapping)
    if partial and dicts and not wanted.partial:
        step = "With partial=True, which compares only the named keys"
        yield step, replace(wanted, partial=True)
    given = [name for name in ("context", "args", "method") if getattr(wanted, name) is not None]
    for dropped in (["context"], ["args"], ["args", "context"], given):
        if dropped and set(dropped) <= set(given):
            nothing: dict[str, Any] = dict.fromkeys(dropped)
            yield f"Without {' and '.join(dropped)}", replace(wanted, **nothing)


def _any_value(near: Sequence[NearMiss]) -> list[str]:
    """The nearest that differs only in a few values."""
    for miss in near:
        values = [each for each in miss.differences if each.what in ("different", "undecided")]
        paths = [each.path for each in values if "[" in each.path]
        if len(paths) == len(miss.differences) <= 3 and not any(each.note for each in values):
            places = " and ".join(paths)
            return [f"With unittest.mock.ANY for {places}, #{miss.record.seq} matches."]
    return []


def _other_kind(wanted: Wanted, near: Sequence[NearMiss]) -> list[str]:
    for miss in near:
        paths = {each.path for each in miss.differences}
        if "kind" in paths and not paths & {"topic", "method"}:
            seq, kind = miss.record.seq, miss.record.kind
            rest = "." if paths - {"kind"} else ", and matches otherwise."
            return [f"#{seq} was sent as a {kind}, not as a {wanted.kind}{rest}"]
    return []


def _wire_notes(near: Sequence[NearMiss]) -> list[str]:
    notes = (each.note for miss in near for each in miss.differences if each.note)
    return [f"On the wire {note}." for note in islice(dict.fromkeys(notes), 3)]


def _waiting(log: Log) -> list[str]:
    """What is sent but not taken: its handlers would have sent, or may yet send, what was asked
    for."""
    rows = log.rows
    waiting, unheard = set(), set()
    for seq in range(log.stop):
        kind, _, cause = rows[seq][:3]
        if kind in (Kind.CALL, Kind.CAST, Kind.MULTICALL):
            waiting.add(seq)
        elif kind == Kind.FANOUT_CAST:
            unheard.add(seq)
        waiting.discard(cause)
        unheard.discard(cause)
    ways = []
    if waiting:
        ways.append(
            f"Not taken yet: {numbers(sorted(waiting))}. What handlers of these send is there only"
            " after bus.run()."
        )
    if unheard:
        ways.append(
            f"Nobody took {numbers(sorted(unheard))}: a fanout cast needs"
            " create_consumer(..., fanout=True), and bus.run()."
        )
    return ways
