"""A correct backend is caught by no clause."""

from __future__ import annotations

from typing import Any

import pytest

from rpcfake.backends.registry import find_backend
from rpcfake.contract import Clause, Verdict

from .groups.loss import Brokered
from .judging import CLAUSES, judge
from .plain import PlainBackend


@pytest.mark.parametrize("name", ["memory", "memory-threads", "plain"])
def test_a_correct_backend_passes(name: str) -> None:
    make = PlainBackend if name == "plain" else lambda: find_backend(name)
    assert wrong(make, list(CLAUSES.values())) == []


def test_the_correct_backend_with_a_broker_passes() -> None:
    assert wrong(Brokered, [each for each in CLAUSES.values() if each.group == "LOSS"]) == []


def wrong(make: Any, clauses: list[Clause]) -> list[Any]:
    """All findings but passes."""
    return [
        (one.clause.id, one.verdict, one.expected, one.actual, one.note)
        for one in judge(make, clauses).findings
        if one.verdict is not Verdict.PASS
    ]
