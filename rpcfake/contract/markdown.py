"""Pages in Markdown: the clauses, and the matrix of backends that were judged by them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from rpcfake.contract.clause import CAPABILITIES, GROUPS, Clause, Level
from rpcfake.contract.verdict import Finding, Report, Verdict

LONGEST = 300
"""Characters of a text in a table."""


def clauses_page(clauses: Sequence[Clause]) -> str:
    """The clauses as a page of the documentation."""
    must = sum(clause.level is Level.MUST for clause in clauses)
    lines = [
        "# The clauses",
        "",
        f"The [rules](contract.md) as {len(clauses)} numbered clauses, {must} of them MUST. An id"
        " is never used again. `rpcfake clauses` lists them too; `rpcfake verify` [judges by"
        " them](../how-to/verify-a-backend.md).",
        "",
        "What a backend may lack, if it says so in its `unsupported`; all else is asked of each:",
        "",
        "| capability | what it is |",
        "|---|---|",
        *(f"| `{name}` | {_cell(about)} |" for name, about in CAPABILITIES.items()),
    ]
    for group in GROUPS:
        members = [clause for clause in clauses if clause.group == group]
        if members:
            lines += ["", f"## {group}"]
        for clause in members:
            needs = ", ".join(f"`{need}`" for need in clause.needs)
            lines += [
                "",
                f"({clause.id.lower()})=",
                "",
                f"{clause.id} ({clause.level})",
                f": {_cell(clause.rule)}" + (f" Needs {needs}." if needs else ""),
                f": *If it fails, look at:* {_cell(clause.hint)}",
                *(f": *Stands for:* {_cell(bug)}" for bug in clause.bugs),
            ]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    """A text in Markdown, where nothing in it means anything but pairs of backquotes."""
    parts = text.split("`")
    for place in range(0, len(parts), 2):
        parts[place] = re.sub(r"([\\*_{}\[\]<>#|$])", r"\\\1", parts[place])
    return "`".join(parts)


def matrix_page(reports: Sequence[Report]) -> str:
    """Reports as a page: what each ran with, the counts, and every clause that some do not pass."""
    names = [f"`{report.backend}`" for report in reports]
    lines = [
        *_table("", names, _counts(reports)),
        "",
        "Made by",
        "",
        *(f"    {report.command}" for report in reports),
        "",
        "with " + ", ".join(f"{name} {version}" for name, version in _versions(reports)) + ".",
    ]
    different = [
        (f"{clause.id} {_cell(clause.rule)}", cells) for clause, cells in _different(reports)
    ]
    if different:
        lines += ["", *_table("clause", names, different)]
    for report in reports:
        reasons: dict[str, list[str]] = {}
        for one in report.findings:
            if one.verdict is not Verdict.PASS:
                reasons.setdefault(f"{one.verdict}: {_why(one)}", []).append(one.clause.id)
        if reasons:
            lines += ["", f"`{report.backend}`:", ""]
            lines += [f"- {', '.join(ids)} {reason}" for reason, ids in reasons.items()]
    return "\n".join(lines) + "\n"


def _table(
    about: str, names: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]]
) -> Iterator[str]:
    """A table with a column for each backend."""
    yield "|" + "|".join(f" {each} " if each else " " for each in (about, *names)) + "|"
    yield "|---" * (len(names) + 1) + "|"
    for label, cells in rows:
        yield f"| {' | '.join((label, *cells))} |"


def _counts(reports: Sequence[Report]) -> Iterator[tuple[str, list[str]]]:
    yield "profile, seed", [f"{one.profile}, {one.seed}" for one in reports]
    for verdict in Verdict:
        if any(report.count(verdict) for report in reports):
            yield str(verdict), [str(report.count(verdict) or "") for report in reports]
    if any(report.left_out for report in reports):
        yield "does not apply", [str(len(report.left_out) or "") for report in reports]
    yield "every MUST holds", ["yes" if report.holds else "no" for report in reports]
    yield "seconds", [f"{report.seconds:.0f}" for report in reports]


def _versions(reports: Sequence[Report]) -> list[tuple[str, str]]:
    found: dict[str, str] = {}
    for report in reports:
        found |= report.about
    return list(found.items())


def _different(reports: Sequence[Report]) -> Iterator[tuple[Clause, list[str]]]:
    """The clauses that some backend does not pass, with the verdicts on all."""
    found = [{one.clause.id: one for one in report.findings} for report in reports]
    clauses = {one.clause.id: one.clause for report in reports for one in report.findings}
    for id, clause in sorted(clauses.items(), key=lambda item: _place(item[1])):
        row = [findings.get(id) for findings in found]
        if any(one is not None and one.verdict is not Verdict.PASS for one in row):
            yield clause, ["" if one is None else str(one.verdict) for one in row]


def _place(clause: Clause) -> tuple[int, str]:
    return GROUPS.index(clause.group), clause.id


def _why(finding: Finding) -> str:
    """What was seen, in a line."""
    text = " ".join((finding.actual or finding.note or finding.expected).split())
    return _cell(text if len(text) <= LONGEST else f"{text[:LONGEST]} …")
