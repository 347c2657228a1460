"""What no single step shows: judgements over the history of a scene.

Pure functions. Each takes events (`rpcfake.contract.history.Event`) in the order in which they were
seen and gives what is wrong, as lines; an empty list is fine. A request that timed out is
*indefinite*: it may have been taken or not, and both are right."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rpcfake.contract.history import Event
from rpcfake.contract.violation import same, tell

ONE = ("call", "multicall", "cast")
"""The kinds that exactly one consumer handles."""


@dataclass(frozen=True)
class Totals:
    """What became of the requests that one consumer each should have taken."""

    lost: tuple[Any, ...] = ()
    """Sent, and never taken."""
    duplicated: tuple[Any, ...] = ()
    """Taken more than once."""
    unexpected: tuple[Any, ...] = ()
    """Taken, and never sent."""
    recovered: tuple[Any, ...] = ()
    """Taken although the caller had given up: right, and good to know."""

    def wrong(self) -> list[str]:
        """What breaks the rule, as lines."""
        named = (
            ("lost", self.lost),
            ("duplicated", self.duplicated),
            ("unexpected", self.unexpected),
        )
        return [f"{name}: {tell(list(tags))}" for name, tags in named if tags]


def request_totals(events: Iterable[Event], kept: Iterable[Hashable] = ()) -> Totals:
    """Count each request of `ONE` that was sent against its takings.

    Args:
        kept: requests that nobody could take yet; they are not lost.
    """
    events = list(events)
    sent = [event.request for event in events if event.what == "sent" and event.kind in ONE]
    fanned = {
        event.request for event in events if event.what == "sent" and event.kind == "fanout_cast"
    }
    indefinite = {event.request for event in events if event.what == "timed_out"}
    waiting = set(kept)
    taken = Counter(event.request for event in events if event.what == "taken")
    known = set(sent)
    return Totals(
        lost=tuple(
            tag for tag in sent if not taken[tag] and tag not in indefinite and tag not in waiting
        ),
        duplicated=tuple(tag for tag in dict.fromkeys(sent) if taken[tag] > 1),
        unexpected=tuple(tag for tag in taken if tag not in known and tag not in fanned),
        recovered=tuple(tag for tag in dict.fromkeys(sent) if taken[tag] and tag in indefinite),
    )


def reply_correlation(events: Iterable[Event]) -> list[str]:
    """Each value that a caller got is one that the handler of its own request gave."""
    gave: defaultdict[Any, list[Any]] = defaultdict(list)
    wrong = []
    for event in events:
        if event.what == "gave":
            gave[event.request].append(event.value)
        elif event.what == "value" and not any(
            same(event.value, value) for value in gave[event.request]
        ):
            wrong.append(
                f"request {tell(event.request)} got {tell(event.value)},"
                f" its handler gave {tell(gave[event.request])}"
            )
    return wrong


def sender_order(events: Iterable[Event], exempt: Iterable[Hashable] = ()) -> list[str]:
    """What one sender sent to one topic is taken by each consumer in the order sent.

    Args:
        exempt: requests that a close or a lost connection handed back.
    """
    place: dict[Any, tuple[tuple[str, str], int]] = {}
    last: dict[tuple[Any, ...], tuple[int, Any]] = {}
    free = set(exempt)
    wrong = []
    for number, event in enumerate(events):
        if event.what == "sent":
            place[event.request] = ((event.who, event.topic), number)
        elif event.what == "taken" and event.request in place and event.request not in free:
            stream, sent = place[event.request]
            before, request = last.get((*stream, event.who), (-1, None))
            if sent < before:
                wrong.append(
                    f"{event.who} took {tell(event.request)} after {tell(request)},"
                    f" {stream[0]} had sent it before"
                )
            else:
                last[(*stream, event.who)] = (sent, event.request)
    return wrong


def fanout_membership(events: Iterable[Event]) -> list[str]:
    """Each fanout cast reaches whoever was declared when it was sent, once, and nobody else.

    Declarations and closings are events ``declared`` (kind ``fanout`` or ``shared``) and
    ``closed_consumer``. Who closed since may have got it or not."""
    members: defaultdict[str, list[str]] = defaultdict(list)
    expected: dict[Any, list[str]] = {}
    closed: set[str] = set()
    got: defaultdict[Any, Counter[str]] = defaultdict(Counter)
    for event in events:
        if event.what == "declared" and event.kind == "fanout":
            members[event.topic].append(event.who)
        elif event.what == "closed_consumer":
            closed.add(event.who)
            for present in members.values():
                if event.who in present:
                    present.remove(event.who)
        elif event.what == "sent" and event.kind == "fanout_cast":
            expected[event.request] = list(members[event.topic])
        elif event.what == "taken":
            got[event.request][event.who] += 1
    wrong = []
    for request, names in expected.items():
        for name in names:
            if not got[request][name] and name not in closed:
                wrong.append(f"{name} did not get {tell(request)}")
        for name, times in got[request].items():
            if name not in names:
                wrong.append(f"{name} got {tell(request)}, and was not to")
            elif times > 1:
                wrong.append(f"{name} got {tell(request)} {times} times")
    return wrong


def fair_shares(takers: Sequence[str], members: Sequence[str], slack: int = 1) -> list[str]:
    """Consumers of one topic get equal shares.

    Args:
        takers: who took each message, in any order.
        members: the consumers that were started before the first was sent.
        slack: by how much two shares may differ.
    """
    shares = Counter(takers)
    wrong = [
        f"{name} took {shares[name]}, and shares nothing" for name in shares if name not in members
    ]
    counts = [shares[name] for name in members]
    if counts and max(counts) - min(counts) > slack:
        told = ", ".join(f"{name}: {shares[name]}" for name in members)
        wrong.append(f"the shares differ by more than {slack}: {told}")
    return wrong


def nobody_starves(takers: Sequence[str], members: Sequence[str]) -> list[str]:
    """Each consumer of a topic gets something."""
    return [f"{name} got none of {len(takers)}" for name in members if name not in takers]


def quiescence(before: Mapping[str, int], after: Mapping[str, int]) -> list[str]:
    """Counts (of threads, queues, consumers, pool slots, …) are back where they were."""
    return [
        f"{name}: {before.get(name, 0)} before, {after.get(name, 0)} after"
        for name in dict.fromkeys([*before, *after])
        if before.get(name, 0) != after.get(name, 0)
    ]
