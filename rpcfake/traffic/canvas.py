"""Lanes side by side, and arrows between them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rpcfake.traffic.story import Mark, Stroke
from rpcfake.traffic.text import clip_middle, columns

WORDS = 44
"""How many columns the words at the right need."""
SIGN = 3
"""How many columns a short arrow with a sign at its end takes."""
WIDEST, TIGHTEST = 8, 3
"""How many columns there are from one lane to the next where their names stand elsewhere."""
SHORT = 24
"""How many characters of a lane's name are shown where there are no lanes."""

_SIGNS: dict[Mark, str] = {"taken": "●", "broken": "✗", "waits": "○", "lost": "✗"}
_ASCII = str.maketrans(
    {
        "│": "|", "├": "+", "┤": "+", "┼": "+", "─": "-", "┄": ".", "▶": ">", "◀": "<",
        "▷": ")", "◁": "(", "●": "*", "○": "o", "✗": "x", "↺": "@", "…": "...",
    }
)  # fmt: skip


def to_ascii(text: str) -> str:
    """What the diagram draws with, in ASCII; all else escaped."""
    return text.translate(_ASCII).encode("ascii", "backslashreplace").decode()


def lay_out(
    strokes: Sequence[Stroke], names: dict[str, str], width: int
) -> tuple[list[str], list[str]]:
    """The lines above the diagram, and one line for each stroke.

    Args:
        strokes: what to draw.
        names: what stands above each lane, in the order of the lanes.
        width: how many columns there are, the words at the right included.
    """
    canvas = Canvas(names, width - WORDS)
    if canvas.fits:
        return canvas.header(), [canvas.draw(stroke) for stroke in strokes]
    lines = [in_words(stroke, names) for stroke in strokes]
    size = min(max(map(len, lines)), width // 2)
    return [""], [f"{line:{size}}  " for line in lines]


class Canvas:
    """Where the lanes stand.

    The names stand above the lanes: side by side where there is room, else each on a line of its
    own, a step further right than the one before. ``fits`` tells whether there is room for either.
    """

    def __init__(self, names: dict[str, str], room: int) -> None:
        at, places = 0, []
        for name in names.values():
            places.append(at)
            at += max(columns(name) + 2, WIDEST)
        self.side_by_side = places[-1] + SIGN <= room
        if not self.side_by_side:
            pitch = max(TIGHTEST, min(WIDEST, (room - SIGN) // max(len(names) - 1, 1)))
            places = [pitch * lane for lane in range(len(names))]
        self.names = list(names.values())
        self.size = places[-1] + SIGN
        self.fits = self.size <= room
        self._at = dict(zip(names, places, strict=True))

    def header(self) -> list[str]:
        """The lines with the names of the lanes."""
        places = list(self._at.values())
        if self.side_by_side:
            line = ""
            for at, name in zip(places, self.names, strict=True):
                line += " " * (at - columns(line)) + name
            return [line]
        return [
            "".join(self._blank(places[:lane])[: places[lane]]) + name
            for lane, name in enumerate(self.names)
        ]

    def draw(self, stroke: Stroke) -> str:
        """One line of the diagram, ``size`` columns wide."""
        cells = self._blank(self._at.values())
        start = self._at[stroke.lane]
        if stroke.heads:
            ends = {self._at[name]: at_once for name, at_once in stroke.heads}
            self._draw_arrow(cells, start, ends, stroke.dashed)
        if stroke.mark in ("waits", "lost"):
            cells[start : start + SIGN] = ["├", "┄" if stroke.dashed else "─", _SIGNS[stroke.mark]]
        elif stroke.mark:
            cells[start] = _SIGNS[stroke.mark]
        return "".join(cells)

    def _blank(self, lanes: Iterable[int]) -> list[str]:
        cells = [" "] * self.size
        for at in lanes:
            cells[at] = "│"
        return cells

    def _draw_arrow(
        self, cells: list[str], start: int, ends: dict[int, bool], dashed: bool
    ) -> None:
        first, last = min(start, *ends), max(start, *ends)
        for at in range(first + 1, last):
            if not dashed:
                cells[at] = "─" if cells[at] == " " else "┼"
            elif cells[at] == " ":
                cells[at] = "┄"
        cells[start] = "├" if first == start else "┤" if last == start else "┼"
        for end, at_once in ends.items():
            if end > start:
                cells[end - 1] = "▶" if at_once else "▷"
            elif end < start:
                cells[end + 1] = "◀" if at_once else "◁"
            else:
                cells[start] = "↺"


def in_words(stroke: Stroke, names: dict[str, str]) -> str:
    """A line of the diagram without lanes, for when there are too many: ``test ──▶ shop#1``."""
    line = "┄┄" if stroke.dashed else "──"
    text = clip_middle(names[stroke.lane], SHORT)
    if stroke.mark in ("waits", "lost"):
        return f"{text} {line}{_SIGNS[stroke.mark]}"
    if stroke.mark:
        text += f" {_SIGNS[stroke.mark]}"
    if stroke.heads:
        heads = [clip_middle(names[name], SHORT) for name, _ in stroke.heads[:2]]
        more = len(stroke.heads) - len(heads)
        head = "▶" if any(at_once for _, at_once in stroke.heads) else "▷"
        text += f" {line}{head} {', '.join(heads)}{f' and {more} more' if more else ''}"
    return text
