"""Each mutant is caught by the clauses that name it, and correct backends by none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from rpcfake.backends.registry import find_backend
from rpcfake.contract import PROFILES, Clause, Judge, Report, Verdict, all_clauses

from .group_b import Brokered
from .mutant import MUTANTS
from .plain import PlainBackend

GROUPS = ("ERROR", "WIRE", "CONTEXT", "CONN", "TIME", "TOPIC", "LOSS")
CLAUSES = {clause.id: clause for clause in all_clauses() if clause.group in GROUPS}
WRONG = [mutant for mutant in MUTANTS if mutant.__module__.endswith("group_b")]
SEED = 2011
CAUGHT = (Verdict.FAIL, Verdict.NONSTRICT)

# A smaller example would be found; here it is enough that one is.
QUICK = replace(PROFILES["quick"], shrink_seconds=0.0)


def judge(make: Any, clauses: list[Clause]) -> Report:
    return Judge(make, "judged", profile=QUICK, seed=SEED).judge(clauses)


@pytest.mark.parametrize("mutant", WRONG, ids=lambda mutant: mutant.__name__)
def test_the_mutant_is_caught(mutant: Any) -> None:
    # Each on a new one: what a clause leaves behind must not fail the next.
    findings = [judge(mutant, [CLAUSES[id]]).findings[0] for id in mutant.caught_by]
    assert [one.clause.id for one in findings if one.verdict not in CAUGHT] == []
    # Caught for what it does, and not because it is broken itself.
    assert [one.note for one in findings if "/tests/mutants/" in innermost(one.note)] == []


def innermost(note: str) -> str:
    """The last place of a traceback that raised what was no error of the bus."""
    places = [line for line in note.splitlines() if line.startswith('  File "')]
    mistaken = any(name in note for name in ("NameError:", "AttributeError:", "AssertionError:"))
    return places[-1] if places and mistaken else ""


@pytest.mark.parametrize("name", ["memory", "memory-threads", "plain", "brokered"])
def test_a_correct_backend_passes(name: str) -> None:
    makers: dict[str, Any] = {"plain": PlainBackend, "brokered": Brokered}
    make = makers.get(name, lambda: find_backend(name))
    lost = [clause for clause in CLAUSES.values() if clause.group == "LOSS"]
    report = judge(make, lost if name == "brokered" else list(CLAUSES.values()))
    assert [
        (one.clause.id, one.verdict, one.expected, one.actual, one.note)
        for one in report.findings
        if one.verdict is not Verdict.PASS
    ] == []


def test_every_clause_has_a_mutant() -> None:
    named = {id for mutant in WRONG for id in mutant.caught_by}
    assert sorted(CLAUSES.keys() - named) == []
    assert sorted(named - CLAUSES.keys()) == []
