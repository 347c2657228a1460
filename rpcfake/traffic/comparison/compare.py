"""How two traffics differ, told by message: added, missing, moved, and of what changed only the
keys that did."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from typing import Any

from rpcfake.traffic.cassette.redaction import MARK
from rpcfake.traffic.comparison.common import common
from rpcfake.traffic.comparison.outcome import Comparison, Difference, Teller
from rpcfake.traffic.comparison.rules import Comparing, Order
from rpcfake.traffic.comparison.secrets import as_text
from rpcfake.traffic.comparison.shape import Shape, shapes
from rpcfake.traffic.log import Log


def compare(
    expected: tuple[Log, Sequence[int]], actual: tuple[Log, Sequence[int]], rules: Comparing
) -> Comparison:
    """Compare two traffics. Where one is redacted the other is taken as if it were, too."""
    redaction = expected[0].origin.redacted or actual[0].origin.redacted
    left = [*shapes(*expected, rules, redaction, actual=False)]
    right = [*shapes(*actual, rules, redaction, actual=True)]
    alike = rules.order == "total" and len(left) == len(right) and all(map(_same, left, right))
    if alike and not any(_marks_that_differ(zip(left, right, strict=True))):
        return Comparison(())
    found: list[Difference] = []
    pairs: list[tuple[Shape, Shape]] = []
    tell = Teller(expected[0], actual[0])
    for one, other in _groups(left, right, rules.order):
        found += _differ(one, other, rules, tell, pairs)
    found += _wrong_marks(sorted(pairs), tell)
    return Comparison(sorted(found, key=_place))


def _place(found: Difference) -> tuple[int, int]:
    seq = found.actual if found.actual is not None else found.expected
    return seq or 0, found.actual is not None


def _groups(
    left: list[Shape], right: list[Shape], order: Order
) -> Iterator[tuple[list[Shape], list[Shape]]]:
    if order != "topic":
        yield left, right
        return
    groups: dict[str, tuple[list[Shape], list[Shape]]] = defaultdict(lambda: ([], []))
    for side, those in enumerate((left, right)):
        for shape in those:
            groups[shape.head[1]][side].append(shape)
    yield from groups.values()


def _same(one: Shape, other: Shape) -> bool:
    if one.head != other.head or one.after != other.after:
        return False
    # Their repr is quick, and tells 1 from True and from 1.0, which Python takes for equal.
    return repr(one.payload) == repr(other.payload) or _key(one) == _key(other)


def _key(shape: Shape) -> tuple[Any, ...]:
    """Equal for shapes that are equal but for which secret is which."""
    return shape.head, shape.after, MARK.sub("[redacted]", as_text(shape.payload))


def _differ(
    left: list[Shape],
    right: list[Shape],
    rules: Comparing,
    tell: Teller,
    pairs: list[tuple[Shape, Shape]],
) -> Iterator[Difference]:
    """What differs between two sequences; the pairs of those that don't are added to ``pairs``."""
    ones, others = [*map(_key, left)], [*map(_key, right)]
    gone, come = [*range(len(left))], [*range(len(right))]
    if rules.order != "none":
        known: dict[Any, int] = {}
        numbers = [[known.setdefault(key, len(known)) for key in keys] for keys in (ones, others)]
        blocks = _matching(*numbers)
        same = [(a + n, b + n) for a, b, size in blocks for n in range(size)]
        pairs += [(left[a], right[b]) for a, b in same]
        gone = [*_left_over(len(left), (a for a, _ in same))]
        come = [*_left_over(len(right), (b for _, b in same))]
    left_there = dict.fromkeys(come)
    elsewhere: dict[Any, deque[int]] = defaultdict(deque)
    for b in come:
        elsewhere[others[b]].append(b)
    changed: dict[Any, deque[int]] = defaultdict(deque)
    left_over = []
    for a in gone:
        if elsewhere[ones[a]]:
            b = elsewhere[ones[a]].popleft()
            del left_there[b]
            pairs.append((left[a], right[b]))
            if rules.order != "none":
                yield tell.moved(left[a], right[b])
        else:
            left_over.append(a)
    for b in left_there:
        changed[right[b].head].append(b)
    for a in left_over:
        if changed[left[a].head]:
            b = changed[left[a].head].popleft()
            del left_there[b]
            yield tell.changed(left[a], right[b])
        else:
            yield tell.missing(left[a])
    for b in left_there:
        yield tell.added(right[b])


def _matching(one: list[int], other: list[int]) -> list[tuple[int, int, int]]:
    """Blocks (a, b, size) that are in both. What both begin and end with is found at once."""
    start = 0
    most = min(len(one), len(other))
    while start < most and one[start] == other[start]:
        start += 1
    end = 0
    while end < most - start and one[-1 - end] == other[-1 - end]:
        end += 1
    middle = one[start : len(one) - end], other[start : len(other) - end]
    blocks = [(a + start, b + start, 1) for a, b in common(*middle)]
    return [(0, 0, start), *blocks, (len(one) - end, len(other) - end, end)]


def _left_over(count: int, taken: Iterator[int]) -> Iterator[int]:
    known = set(taken)
    return (index for index in range(count) if index not in known)


def _marks_that_differ(
    pairs: Iterator[tuple[Shape, Shape]],
) -> Iterator[tuple[Shape, Shape, str, str]]:
    """Where a secret is another than before: equal secrets must be equal on both sides."""
    there: dict[str, str] = {}
    back: dict[str, str] = {}
    for one, other in pairs:
        if "[redacted #" not in repr(one.payload):
            continue
        texts = as_text(one.payload), as_text(other.payload)
        for mine, its in zip(MARK.findall(texts[0]), MARK.findall(texts[1]), strict=False):
            if there.setdefault(mine, its) != its or back.setdefault(its, mine) != mine:
                yield one, other, mine, its
                break


def _wrong_marks(pairs: list[tuple[Shape, Shape]], tell: Teller) -> Iterator[Difference]:
    for one, other, mine, its in _marks_that_differ(iter(pairs)):
        yield tell.marks(one, other, mine, its)
