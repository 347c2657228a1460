"""What two sequences have in common, in order."""

from __future__ import annotations

from difflib import SequenceMatcher

MOST_EDITS = 1000
"""Beyond so many differences what is found need no longer be the most there is."""


def common(one: list[int], other: list[int]) -> list[tuple[int, int]]:
    """Pairs of places that hold the same, rising on both sides; as many as there can be, unless
    very much differs.

    Source: Myers, An O(ND) Difference Algorithm and Its Variations (1986): it takes the longer the
    more differs, however often the same comes again.
    """
    trail: list[dict[int, int]] = []
    furthest = {1: 0}
    for edits in range(min(len(one) + len(other), MOST_EDITS) + 1):
        trail.append(dict(furthest))
        for diagonal in range(-edits, edits + 1, 2):
            down = diagonal == -edits or (
                diagonal != edits and furthest[diagonal - 1] < furthest[diagonal + 1]
            )
            a = furthest[diagonal + 1] if down else furthest[diagonal - 1] + 1
            b = a - diagonal
            while a < len(one) and b < len(other) and one[a] == other[b]:
                a += 1
                b += 1
            furthest[diagonal] = a
            if a >= len(one) and b >= len(other):
                return _walk_back(trail, len(one), len(other))
    blocks = SequenceMatcher(None, one, other, autojunk=True).get_matching_blocks()
    return [(a + n, b + n) for a, b, size in blocks for n in range(size)]


def _walk_back(trail: list[dict[int, int]], a: int, b: int) -> list[tuple[int, int]]:
    """The diagonal steps of the way that led here."""
    pairs = []
    for edits in range(len(trail) - 1, -1, -1):
        furthest, diagonal = trail[edits], a - b
        down = diagonal == -edits or (
            diagonal != edits and furthest[diagonal - 1] < furthest[diagonal + 1]
        )
        before = diagonal + 1 if down else diagonal - 1
        start = furthest[before] if edits else 0
        while a > start + (0 if down or not edits else 1) and b > 0 and a > 0:
            a, b = a - 1, b - 1
            pairs.append((a, b))
        if edits:
            a, b = start, start - before
    return pairs[::-1]
