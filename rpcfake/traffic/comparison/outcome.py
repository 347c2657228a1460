"""What came of comparing two traffics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from rpcfake.traffic.comparison.shape import Shape
from rpcfake.traffic.diff import diff
from rpcfake.traffic.log import Log
from rpcfake.traffic.record import describe

SHOWN = 10
"""How many differences are shown of each sort."""


class Difference(NamedTuple):
    """One message that is not as it should be.

    Attributes:
        what: ``missing``, ``added``, ``changed`` or ``moved``.
        expected, actual: the seq in each traffic; None where there is none.
        text: what the record says.
        details: of what changed each key, and of what moved from where to where.
    """

    what: Literal["missing", "added", "changed", "moved"]
    expected: int | None
    actual: int | None
    text: str
    details: tuple[str, ...] = ()


class Comparison:
    """What came of comparing; true where nothing differs.

    Attributes:
        differences: all of them, in the order in which they stand.
    """

    def __init__(self, differences: Sequence[Difference]) -> None:
        self.differences = tuple(differences)

    def __bool__(self) -> bool:
        return not self.differences

    def __len__(self) -> int:
        return len(self.differences)

    def lines(self, most: int = SHOWN) -> Iterator[str]:
        """A headline, and a few lines for each difference."""
        if not self.differences:
            yield "no difference"
            return
        counts = Counter(each.what for each in self.differences)
        yield ", ".join(f"{count:,} {what}" for what, count in counts.items())
        shown: Counter[str] = Counter()
        for each in self.differences:
            shown[each.what] += 1
            if shown[each.what] > most:
                continue
            place = f"#{each.actual if each.actual is not None else each.expected}"
            yield f"{each.what:<8} {place:>4}  {each.text}"
            yield from (f"{'':15}{detail}" for detail in each.details)
        for what, count in counts.items():
            if count > most:
                yield f"… and {count - most:,} more {what}"

    def __str__(self) -> str:
        return "\n".join(self.lines())


class Teller:
    """Tells what differs."""

    def __init__(self, expected: Log, actual: Log) -> None:
        self._expected = expected
        self._actual = actual

    def missing(self, one: Shape) -> Difference:
        return Difference("missing", one.seq, None, self._text(self._expected, one))

    def added(self, other: Shape) -> Difference:
        return Difference("added", None, other.seq, self._text(self._actual, other))

    def moved(self, one: Shape, other: Shape) -> Difference:
        where = f"was #{one.seq}, is #{other.seq}"
        return Difference("moved", one.seq, other.seq, self._text(self._actual, other), (where,))

    def changed(self, one: Shape, other: Shape) -> Difference:
        details: list[str] = []
        for name in dict.fromkeys((*one.payload, *other.payload)):
            details += map(str, diff(one.payload.get(name), other.payload.get(name), name))
        if one.after != other.after:
            details.append(f"after: expected {one.after / 1e6:g} s, was {other.after / 1e6:g} s")
        if not details:
            details.append("a value is of another type, as 1 and True, or 1 and 1.0")
        text = self._text(self._actual, other)
        return Difference("changed", one.seq, other.seq, text, tuple(details))

    def marks(self, one: Shape, other: Shape, mine: str, its: str) -> Difference:
        why = f"{mine} stood for another secret before than {its}"
        return Difference("changed", one.seq, other.seq, self._text(self._actual, other), (why,))

    def _text(self, log: Log, shape: Shape) -> str:
        sender = shape.head[4]
        text = describe(log.build(shape.seq))
        return f"{text} (from {sender})" if sender else text
