"""The matrix clauses x backends as one page that needs no network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rpcfake import pages
from rpcfake.contract.clause import GROUPS, Clause
from rpcfake.contract.outputs import to_dict
from rpcfake.contract.verdict import Report, Verdict

_FILES = Path(__file__).parent / "page_files"

PARTS = 24
"""Of the bar that shows a backend's verdicts."""


def write_page(reports: Sequence[Report], folder: Path) -> Path:
    """Write ``index.html`` into the folder, which is made if it is not there; gives its path."""
    return pages.write(folder, _parts(reports))


def page(reports: Sequence[Report]) -> str:
    """The page as text."""
    return "".join(_parts(reports))


def _parts(reports: Sequence[Report]) -> Iterator[str]:
    width = 13 if len(reports) < 3 else 8.2
    groups = _groups(reports)
    return pages.render(
        _FILES,
        "page",
        [("data", pages.to_json(_data(reports)))],
        style=f":root {{ --columns: {len(reports)}; --cell: {width}rem; }}\n",
        reports=[
            {**to_dict(report), "bar": _bar(report), "broken": _broken(report)}
            for report in reports
        ],
        groups=groups,
        clauses=sum(len(group["clauses"]) for group in groups),
        totals={str(one): sum(report.count(one) for report in reports) for one in Verdict},
    )


def _bar(report: Report) -> list[str]:
    """The verdicts in parts of a whole; each that occurs has one."""
    counts = [(str(one), report.count(one)) for one in Verdict if report.count(one)]
    return [
        verdict
        for verdict, count in counts
        for _ in range(max(1, round(count * PARTS / len(report.findings))))
    ]


def _broken(report: Report) -> int:
    return sum(finding.breaks for finding in report.findings)


def _data(reports: Sequence[Report]) -> dict[str, Any]:
    """What the script needs; what is said of a clause alone is there once for all backends."""
    alone = ("level", "rule", "needs", "bugs", "hint")
    clauses: dict[str, Any] = {}
    told = []
    for report in reports:
        findings = to_dict(report)["findings"]
        for finding in findings:
            clauses[finding["clause"]] = {name: finding.pop(name) for name in alone}
        told.append({"backend": report.backend, "findings": findings})
    return {"clauses": clauses, "reports": told}


def _groups(reports: Sequence[Report]) -> list[dict[str, Any]]:
    """The rows: for each group its clauses, for each clause the verdicts in the order of the
    reports."""
    cells: dict[str, dict[int, Any]] = {}
    clauses: dict[str, Clause] = {}
    for number, report in enumerate(reports):
        for place, finding in enumerate(report.findings):
            clauses[finding.clause.id] = finding.clause
            cells.setdefault(finding.clause.id, {})[number] = {
                "verdict": str(finding.verdict),
                "breaks": finding.breaks,
                "place": place,
            }
    rows = []
    for group in GROUPS:
        members = [clauses[id] for id in sorted(clauses) if clauses[id].group == group]
        if members:
            lines = [
                {
                    "clause": clause,
                    "text": _searched(clause),
                    "cells": [cells[clause.id].get(number) for number in range(len(reports))],
                }
                for clause in members
            ]
            shares = [_share(report, group) for report in reports]
            rows.append({"name": group, "clauses": lines, "shares": shares})
    return rows


def _share(report: Report, group: str) -> dict[str, Any]:
    """How much passes of what a backend claims of a group: as a text, and from 0 to 4."""
    findings = [one for one in report.findings if one.clause.group == group]
    claimed = [one for one in findings if one.verdict is not Verdict.UNSUPPORTED]
    passed = sum(one.verdict is Verdict.PASS for one in claimed)
    if not claimed:
        return {"text": "", "grade": "none"}
    return {"text": f"{passed} of {len(claimed)}", "grade": 4 * passed // len(claimed)}


def _searched(clause: Clause) -> str:
    return " ".join((clause.id, clause.rule, *clause.bugs, *clause.needs)).lower()
