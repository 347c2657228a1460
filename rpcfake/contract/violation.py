"""What a clause raises, and how values are compared."""

from __future__ import annotations

from typing import Any

from rpcfake.hints import brief


class Violation(AssertionError):
    """The backend breaks the rule.

    Attributes:
        expected, actual: one line each.
    """

    def __init__(self, expected: str, actual: str) -> None:
        super().__init__(f"expected {expected}; {actual}")
        self.expected = expected
        self.actual = actual


class Unknown(Exception):
    """The rule could not be judged: something that had to happen first did not."""


def same(left: Any, right: Any) -> bool:
    """Whether two values are the same JSON: 1 is not True, and 1 is not 1.0."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


def tell(value: object) -> str:
    """A value for a text, bounded."""
    return brief(value)
