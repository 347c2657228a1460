"""Reports made by hand, of clauses that there are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rpcfake.contract import Clause, Finding, Report, Verdict, all_clauses

CLAUSES = {clause.id: clause for clause in all_clauses()}


def finding(clause: str | Clause, verdict: str = "pass", **told: Any) -> Finding:
    """A finding on a clause, by its id."""
    found = CLAUSES[clause] if isinstance(clause, str) else clause
    return Finding(found, Verdict(verdict), **{"examples": 5, "seconds": 0.25, **told})


def failed(clause: str = "RPC-CALL-001") -> Finding:
    """A finding with everything that one can have."""
    return finding(
        clause,
        "fail",
        expected="what the call returned to be 1",
        actual="it was 2",
        program="from rpcfake.contract import play\n\nwith play('it') as scene:\n    pass\n",
        note="where it stood:\nthread rpcfake-judge",
    )


def report(name: str, *findings: Finding, **more: Any) -> Report:
    """A report of these findings."""
    made = Report(
        name, 7, "quick", list(findings), {"python": "3.11"}, 1.5, f"rpcfake verify {name}"
    )
    return replace(made, **more)


def full(name: str, **verdicts: str) -> Report:
    """A report on all clauses: passes, but for the groups that are named."""
    return report(
        name,
        *(finding(one, verdicts.get(one.group, "pass")) for one in CLAUSES.values()),
    )
