"""Each mutant is caught by the clauses that name it, and correct backends by none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from rpcfake import rpc
from rpcfake.backends.registry import find_backend
from rpcfake.contract import PROFILES, Clause, Judge, Report, Verdict, all_clauses

from .group_a import PoolLooksUpWhenever
from .mutant import MUTANTS
from .plain import PlainBackend

GROUPS = ("SEND", "CALL", "MULTICALL", "CAST", "FANOUT", "SHARE", "ORDER", "CONC")
CLAUSES = {clause.id: clause for clause in all_clauses() if clause.group in GROUPS}
WRONG: list[Any] = [
    *(mutant for mutant in MUTANTS if mutant.__module__.endswith("group_a")),
    PoolLooksUpWhenever,
]
SEED = 2011
CAUGHT = (Verdict.FAIL, Verdict.NONSTRICT)
MISTAKES = ("AttributeError", "NameError", "TypeError", "AssertionError")

# A smaller example would be found; here it is enough that one is.
QUICK = replace(PROFILES["quick"], shrink_seconds=0.0)


def judge(make: Any, clauses: list[Clause]) -> Report:
    return Judge(make, "judged", profile=QUICK, seed=SEED).judge(clauses)


@pytest.mark.parametrize("mutant", WRONG, ids=lambda mutant: mutant.__name__)
def test_the_mutant_is_caught(mutant: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, wrong in mutant.facade.items():
        monkeypatch.setattr(rpc, name, wrong)
    # Each on a new one: what a clause leaves behind must not fail the next.
    findings = [judge(mutant, [CLAUSES[id]]).findings[0] for id in mutant.caught_by]
    assert [one.clause.id for one in findings if one.verdict not in CAUGHT] == []
    # Caught for what it does, and not because it is broken itself.
    told = [one.actual + one.note for one in findings]
    assert [text for text in told if any(name in text for name in MISTAKES)] == []


@pytest.mark.parametrize("name", ["memory", "memory-threads", "plain"])
def test_a_correct_backend_passes(name: str) -> None:
    make = PlainBackend if name == "plain" else lambda: find_backend(name)
    report = judge(make, list(CLAUSES.values()))
    assert [
        (one.clause.id, one.verdict, one.expected, one.actual, one.note)
        for one in report.findings
        if one.verdict is not Verdict.PASS
    ] == []


def test_every_clause_has_a_mutant() -> None:
    named = {id for mutant in WRONG for id in mutant.caught_by}
    assert sorted(CLAUSES.keys() - named) == []
    assert sorted(named - CLAUSES.keys()) == []
