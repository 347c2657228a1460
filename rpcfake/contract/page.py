"""The matrix clauses x backends as one page that needs no network."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rpcfake.contract.clause import GROUPS, Clause
from rpcfake.contract.outputs import to_dict
from rpcfake.contract.verdict import Report, Verdict

if TYPE_CHECKING:
    from markupsafe import Markup

_FILES = Path(__file__).parent / "page_files"

PARTS = 24
"""Of the bar that shows a backend's verdicts."""


def write_page(reports: Sequence[Report], folder: Path) -> Path:
    """Write ``index.html`` into the folder, which is made if it is not there; gives its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "index.html"
    path.write_text(page(reports), encoding="utf-8")
    return path


def page(reports: Sequence[Report]) -> str:
    """The page as text."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_FILES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["printable"] = printable
    environment.filters["breakable"] = breakable
    script = (_FILES / "page.js").read_text(encoding="utf-8")
    # A style attribute would break the page's own policy.
    width = 13 if len(reports) < 3 else 8.2
    columns = f":root {{ --columns: {len(reports)}; --cell: {width}rem; }}\n"
    style = (_FILES / "page.css").read_text(encoding="utf-8") + columns
    groups = _groups(reports)
    return environment.get_template("page.html").render(
        reports=[
            {**to_dict(report), "bar": _bar(report), "broken": _broken(report)}
            for report in reports
        ],
        groups=groups,
        clauses=sum(len(group["clauses"]) for group in groups),
        totals={str(one): sum(report.count(one) for report in reports) for one in Verdict},
        data=_embedded(_data(reports)),
        script=script,
        style=style,
        script_hash=_hash(script),
        style_hash=_hash(style),
    )


def printable(text: str) -> str:
    """A text in which nothing is unseen, and nothing turns it around."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def breakable(text: str) -> Markup:
    """`printable`, and a line may end at the joints of a URL or of a module's name."""
    from markupsafe import Markup, escape

    return Markup(re.sub(r"([=/@.:_]+)", r"\1<wbr>", str(escape(printable(text)))))


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


def _embedded(data: Any) -> str:
    """JSON that can stand in a script element: nothing in it ends the element."""
    text = json.dumps(data, ensure_ascii=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _hash(text: str) -> str:
    """What a Content-Security-Policy names an inline element by."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
