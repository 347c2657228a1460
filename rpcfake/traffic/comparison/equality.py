"""Whether two traffics have equal records, without building them."""

from __future__ import annotations

from collections.abc import Sequence

from rpcfake.traffic.log import CAUSE, KIND, METHOD, TIME, TOPIC, Log


def equal(one: Log, other: Log, seqs: Sequence[int]) -> bool:
    """Whether these rows of both make equal Records."""
    messages: dict[int, bool] = {}
    for seq in seqs:
        mine, its = one.rows[seq], other.rows[seq]
        if mine[KIND] != its[KIND] or mine[TIME] != its[TIME] or mine[CAUSE] != its[CAUSE]:
            return False
        send = one.find_send(seq)
        if send not in messages:
            messages[send] = send == other.find_send(seq) and _same_message(one, other, send)
        if not messages[send] or one.find_consumer(seq) != other.find_consumer(seq):
            return False
        if mine[KIND] in _TELLING and one.load_value(seq) != other.load_value(seq):
            return False
    return True


_TELLING = ("reply", "failure", "dropped")


def _same_message(one: Log, other: Log, send: int) -> bool:
    mine, its = one.rows[send], other.rows[send]
    names = mine[TOPIC] == its[TOPIC] and mine[METHOD] == its[METHOD]
    return names and one.load_message(send) == other.load_message(send)
