"""Reports as data: JSON for programs, JUnit for CI."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree as xml

from rpcfake.contract.verdict import Finding, Report, Verdict

_NO_XML = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF), "\ufffd")
"""Characters that XML 1.0 has no way to write."""


def to_dict(report: Report) -> dict[str, Any]:
    """A report as JSON: the backend, how it was judged, counts, and each finding."""
    return {
        "backend": report.backend,
        "holds": report.holds,
        "profile": report.profile,
        "seed": report.seed,
        "seconds": round(report.seconds, 3),
        "about": report.about,
        "counts": {str(verdict): report.count(verdict) for verdict in Verdict},
        "left_out": [clause.id for clause in report.left_out],
        "findings": [_finding(finding, report) for finding in report.findings],
    }


def _finding(finding: Finding, report: Report) -> dict[str, Any]:
    clause = finding.clause
    return {
        "clause": clause.id,
        "level": str(clause.level),
        "rule": clause.rule,
        "needs": list(clause.needs),
        "bugs": list(clause.bugs),
        "hint": clause.hint,
        "verdict": str(finding.verdict),
        "expected": finding.expected,
        "actual": finding.actual,
        "program": finding.program,
        "note": finding.note,
        "again": report.again(finding),
        "examples": finding.examples,
        "seconds": round(finding.seconds, 3),
    }


def to_junit(reports: Sequence[Report]) -> str:
    """Reports as JUnit XML: a suite for each backend, a case for each clause.

    A broken MUST is a failure; what could not be judged is an error; what is unsupported is
    skipped."""
    root = xml.Element("testsuites", name="rpcfake verify")
    for report in reports:
        suite = xml.SubElement(
            root,
            "testsuite",
            name=_clean(report.backend),
            tests=str(len(report.findings)),
            failures=str(sum(_tag(finding) == "failure" for finding in report.findings)),
            errors=str(sum(_tag(finding) == "error" for finding in report.findings)),
            skipped=str(sum(_tag(finding) == "skipped" for finding in report.findings)),
            time=f"{report.seconds:.3f}",
        )
        for finding in report.findings:
            case = xml.SubElement(
                suite,
                "testcase",
                classname=f"rpcfake.{finding.clause.group}",
                name=f"{finding.clause.id} {finding.clause.rule}",
                time=f"{finding.seconds:.3f}",
            )
            tag = _tag(finding)
            if tag:
                text = finding.actual or finding.note
                element = xml.SubElement(case, tag, message=_clean(text))
                element.text = _clean(_body(finding, report))
    xml.indent(root)
    # By itself ElementTree would declare the encoding of the locale.
    declaration = '<?xml version="1.0" encoding="UTF-8"?>'
    return f"{declaration}\n{xml.tostring(root, encoding='unicode')}\n"


def _tag(finding: Finding) -> str:
    if finding.verdict is Verdict.FAIL:
        return "failure"
    if finding.verdict is Verdict.UNSUPPORTED:
        return "skipped"
    if finding.verdict in (Verdict.UNKNOWN, Verdict.HARNESS_ERROR):
        return "error" if finding.breaks else "skipped"
    return ""


def _body(finding: Finding, report: Report) -> str:
    return "\n".join(
        f"{heading}:\n{text}" if "\n" in text else f"{heading}: {text}"
        for heading, text in finding.told(report.again(finding))
    )


def _clean(text: str) -> str:
    return text.translate(_NO_XML).encode("utf-8", "replace").decode("utf-8")
