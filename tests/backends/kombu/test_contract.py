"""Groups of the contract in which this backend has most to lose; `rpcfake verify kombu` judges by
all of them."""

from __future__ import annotations

import pytest

from rpcfake.contract import PROFILES, Judge, all_clauses
from rpcfake.contract.verdict import Verdict

from .brokers import Broker

GROUPS = ("CONC", "LOSS")


@pytest.mark.parametrize("group", GROUPS)
def test_the_rules_hold(broker: Broker, group: str) -> None:
    clauses = [clause for clause in all_clauses() if clause.group == group]
    report = Judge(broker.backend, "kombu", profile=PROFILES["quick"]).judge(clauses)
    wrong = [
        f"{finding.clause.id}: expected {finding.expected}; {finding.actual}\n{finding.program}"
        for finding in report.findings
        if finding.verdict is not Verdict.PASS
    ]
    assert wrong == []
    assert len(report.findings) == len(clauses) > 0
