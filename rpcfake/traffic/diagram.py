"""Traffic as a text sequence diagram: who sent what to whom, when, and what came of it.

Every line is one event: its number (``traffic[4]`` is the record of line #4), its time in seconds,
the lanes (the test and each consumer) with an arrow between them, and at the right what the event
says::

        seconds  test    shop#1  stock#1
    #0    0.000  ├──────▶│       │        call buy(item='tea')
    #2    0.000  │       ├──────▶│        call take(item='tea')
    #4    0.000  │       │◀┄┄┄┄┄┄┤        reply to take: 3
    #6    0.000  │◀┄┄┄┄┄┄┤       │        reply to buy: {'ok': True}

A message that is taken as soon as it was sent is one line. One that waits is two: where it was
sent, with an open arrowhead, and where it was taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

from rpcfake.hints import brief
from rpcfake.traffic.canvas import lay_out, to_ascii
from rpcfake.traffic.listing import clock, ends
from rpcfake.traffic.log import TIME, Log
from rpcfake.traffic.story import Story, Stroke, find_lines
from rpcfake.traffic.text import clean, clip_middle, plural

NARROWEST = 60
NAME = 60
"""How many characters of a lane's name are shown."""
TITLE = "seconds"
LEGEND = "▷ waits to be taken, at ●"


def draw(log: Log, seqs: Sequence[int], *, limit: int | None, ascii: bool, width: int) -> str:
    """The diagram of these rows; see `rpcfake.Traffic.diagram`."""
    if limit is not None:
        _check_int("limit", limit, 1, "an int of 1 or more, or None for all lines")
    _check_int("width", width, NARROWEST, f"an int of {NARROWEST} or more")
    all_lines = find_lines(log, seqs)
    head, tail = ends(all_lines, limit)
    lines = [*head, *tail]
    if not lines:
        return "(no traffic)"
    encode = to_ascii if ascii else str
    story = Story(log, lines)
    strokes = [story.stroke(seq) for seq in lines]
    names = {lane: clip_middle(encode(clean(lane, 1000)), NAME) for lane in _find_lanes(strokes)}
    times = clock([log.rows[seq][TIME] for seq in lines])
    wide = max(map(len, [TITLE, *times]))
    numbers = max(len(f"#{seq}") for seq in lines)
    margin = numbers + 2 + wide
    header, pictures = lay_out(strokes, names, width - margin - 2)
    header = [f"{'':{margin}}  {line}" for line in header]
    header[-1] = f"{TITLE:>{margin}}{header[-1][margin:]}"
    drawn = []
    for seq, time, picture in zip(lines, times, pictures, strict=True):
        room = max(width - margin - len(picture) - 3, NARROWEST // 2)
        words = encode(story.words(seq, room))
        words = words if len(words) <= room else f"{words[: room - 3]}..."
        drawn.append(f"{f'#{seq}':>{numbers}}  {time:>{wide}}  {picture} {words}")
    if tail:
        left_out = f"… {plural(len(all_lines) - len(lines), 'line')} left out …"
        drawn[len(head) : len(head)] = [left_out, *(header if len(header) == 1 else ())]
    if any(not at_once for stroke in strokes for _, at_once in stroke.heads):
        drawn.append(f"{'':{margin}}  {LEGEND}")
    drawn += [f"{'':{margin}}  {hint}" for hint in story.hints(lines)]
    return "\n".join(encode(line).rstrip() for line in (*header, *drawn))


def _find_lanes(strokes: Iterable[Stroke]) -> Iterable[str]:
    """The lanes, in order of their first appearance."""
    lanes = [(stroke.lane, *(name for name, _ in stroke.heads)) for stroke in strokes]
    return dict.fromkeys(chain.from_iterable(lanes))


def _check_int(name: str, value: object, least: int, allowed: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} is {brief(value)}: it must be {allowed}")
    if value < least:
        raise ValueError(f"{name} is {brief(value)}: it must be {allowed}")
