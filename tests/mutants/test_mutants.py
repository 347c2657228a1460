"""Each mutant is caught by the clauses that name it."""

from __future__ import annotations

from typing import Any

import pytest

from rpcfake import rpc
from rpcfake.contract import Verdict

from .judging import CLAUSES, MUTANTS, judge

CAUGHT = (Verdict.FAIL, Verdict.NONSTRICT)
MISTAKES = ("AttributeError:", "NameError:", "TypeError:", "AssertionError:")


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_the_mutant_is_caught(mutant: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, wrong in mutant.facade.items():
        monkeypatch.setattr(rpc, name, wrong)
    # Each on a new one: what a clause leaves behind must not fail the next.
    findings = [judge(mutant, [CLAUSES[id]]).findings[0] for id in mutant.caught_by]
    assert [one.clause.id for one in findings if one.verdict not in CAUGHT] == []
    # Caught for what it does, and not because it is broken itself.
    assert [one.note for one in findings if "/tests/mutants/" in innermost(one.note)] == []


def innermost(note: str) -> str:
    """The last place of a traceback that raised what was no error of the bus."""
    places = [line for line in note.splitlines() if line.startswith('  File "')]
    mistaken = any(name in note for name in MISTAKES)
    return places[-1] if places and mistaken else ""


def test_every_clause_has_a_mutant() -> None:
    named = {id for mutant in MUTANTS for id in mutant.caught_by}
    assert sorted(CLAUSES.keys() - named) == []
    assert sorted(named - CLAUSES.keys()) == []
