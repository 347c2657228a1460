"""Records one below the other, as a text: bounded, with numbers and times in columns."""

from __future__ import annotations

from collections.abc import Sequence

from rpcfake.message import SENDS
from rpcfake.traffic.log import KIND, TIME, Log
from rpcfake.traffic.record import describe
from rpcfake.traffic.text import clean, plural


def listing(log: Log, seqs: Sequence[int], most: int) -> list[str]:
    """One line for each of these rows; of a long list the first and the last ``most``."""
    head, tail = ends(seqs, most)
    shown = [*head, *tail]
    if not shown:
        return []
    numbers = max(len(f"#{seq}") for seq in shown)
    times = clock([log.rows[seq][TIME] for seq in shown])
    wide = max(map(len, times))
    lines = [
        f"{f'#{seq}':>{numbers}}  {time:>{wide}} s  {_line(log, seq)}"
        for seq, time in zip(shown, times, strict=True)
    ]
    if left_out := len(seqs) - len(shown):
        lines.insert(len(head), f"… {plural(left_out, 'record')} left out …")
    return lines


def numbers(seqs: Sequence[int], most: int = 5) -> str:
    """``#4, #9``, and how many more there are."""
    shown = ", ".join(f"#{seq}" for seq in seqs[:most])
    return shown if len(seqs) <= most else f"{shown} and {len(seqs) - most:,} more"


def ends(seqs: Sequence[int], most: int | None) -> tuple[Sequence[int], Sequence[int]]:
    """The first and the last ``most``; all and none where that leaves nothing out."""
    if most is None or len(seqs) <= 2 * most:
        return seqs, ()
    return seqs[:most], seqs[len(seqs) - most :]


def clock(times: Sequence[int]) -> list[str]:
    """Microseconds as seconds, with as many digits as all of them need: three or six."""
    digits = 3 if all(time % 1000 == 0 for time in times) else 6
    return [f"{time // 1_000_000}.{time % 1_000_000:06d}"[: digits - 6 or None] for time in times]


def _line(log: Log, seq: int) -> str:
    text = describe(log.build(seq))
    sender = log.find_sender(seq) if log.rows[seq][KIND] in SENDS else None
    return f"{text}  (from {clean(sender, 66)})" if sender else text
