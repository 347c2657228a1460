"""What ``rpcfake verify`` says of a backend, on a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from rpcfake.contract import GROUPS, Finding, Report, Verdict, all_clauses

if TYPE_CHECKING:
    from rich.console import Console

STYLES = {
    Verdict.PASS: "green",
    Verdict.FAIL: "bold red",
    Verdict.NONSTRICT: "yellow",
    Verdict.UNSUPPORTED: "cyan",
    Verdict.UNKNOWN: "magenta",
    Verdict.HARNESS_ERROR: "bold magenta",
}

WIDEST, NARROWEST = 100, 40
"""Columns of running text."""

LONGEST = 600
"""Characters of a text that is told; more does not help who looks on."""

LEFT_OUT = "\N{EN DASH}"
"""Instead of a verdict, where a clause does not apply."""

NOTE, PROGRAM = 24, 60
"""Lines of a note and of a program."""


def show(console: Console, report: Report) -> None:
    """All of it: the groups, then each finding that is no pass."""
    console.print(Text(f"\n{report.backend}, profile {report.profile}, seed {report.seed}", "bold"))
    console.print(_groups(report))
    for finding in report.findings:
        if finding.verdict in (Verdict.FAIL, Verdict.NONSTRICT, Verdict.HARNESS_ERROR):
            _show_finding(console, report, finding)
    for verdict in (Verdict.UNSUPPORTED, Verdict.UNKNOWN):
        for note, findings in _by_note(report, verdict):
            _show_many(console, verdict, note, findings)
    _show_sum(console, report)


def show_matrix(console: Console, reports: Sequence[Report]) -> None:
    """The clauses that do not pass everywhere, each with the verdicts on all backends."""
    names = _short_names(reports)
    table = Table("clause", *names, title="clauses x backends", box=None, pad_edge=False)
    found = [{one.clause.id: one.verdict for one in report.findings} for report in reports]
    same = 0
    for clause in all_clauses():
        row = [verdicts.get(clause.id) for verdicts in found]
        judged = {verdict for verdict in row if verdict is not None}
        if judged == {Verdict.PASS}:
            same += 1
        elif judged:
            table.add_row(clause.id, *(_verdict(one) if one else LEFT_OUT for one in row))
    console.print()
    if table.row_count:
        console.print(table)
    console.print(f"{same} clauses pass wherever they apply.")


def _groups(report: Report) -> Table:
    shown = [Verdict.PASS, Verdict.FAIL]
    shown += [one for one in Verdict if one not in shown and report.count(one)]
    table = Table(box=None, pad_edge=False)
    table.add_column("rules")
    for verdict in shown:
        table.add_column(verdict, justify="right")
    for group in GROUPS:
        findings = [one.verdict for one in report.findings if one.clause.group == group]
        if findings:
            counts = ((findings.count(verdict), verdict) for verdict in shown)
            cells = (Text(str(n or ""), STYLES[verdict]) for n, verdict in counts)
            table.add_row(group, *cells)
    return table


def _show_finding(console: Console, report: Report, finding: Finding) -> None:
    clause = finding.clause
    console.print()
    head = Text.assemble(_verdict(finding.verdict), " ", (clause.id, "bold"), f" ({clause.level})")
    console.print(head)
    for heading, text in finding.told(report.again(finding)):
        if heading == "program":
            _say(console, "program", "paste it into a file, and run that:")
            console.print()
            _show_lines(console, text, PROGRAM, "")
        elif heading == "again":
            # Never wrapped: it is there to be copied.
            console.print(Text(f"  {heading + ':':<13}{text}"), soft_wrap=True)
        elif "\n" in text:
            _say(console, heading, "")
            _show_lines(console, text, NOTE, "    ")
        else:
            _say(console, heading, text)


def _show_many(console: Console, verdict: Verdict, note: str, findings: list[Finding]) -> None:
    ids = ", ".join(f"{one.clause.id} ({one.clause.level})" for one in findings)
    console.print()
    console.print(_verdict(verdict))
    _say(console, "clauses", ids, len(ids))
    _say(console, "because", note)


def _show_sum(console: Console, report: Report) -> None:
    told = ", ".join(f"{report.count(one)} {one}" for one in Verdict if report.count(one))
    broken = sum(finding.breaks for finding in report.findings)
    verb = "does" if broken == 1 else "do"
    left = len(report.left_out)
    about = f" ({left} more are about a broker, and it has none)" if left else ""
    end = "every MUST holds" if report.holds else f"{broken} MUST {verb} not hold"
    console.print()
    console.print(
        Text(
            f"{report.backend}: {told or 'nothing'} of {len(report.findings)} clauses{about} in"
            f" {report.seconds:.1f} s; {end}",
            "bold green" if report.holds else "bold red",
        ),
        soft_wrap=True,
    )


def _say(console: Console, heading: str, text: str, longest: int = LONGEST) -> None:
    """A heading, and a text beside it that is wrapped to the width there is."""
    if len(text) > longest:
        text = f"{text[:longest]} …"
    width = max(NARROWEST, min(WIDEST, console.width))
    lines = textwrap.wrap(
        text,
        width,
        initial_indent=f"  {heading + ':':<13}",
        subsequent_indent=" " * 15,
        break_on_hyphens=False,
    ) or [f"  {heading}:"]
    for line in lines:
        console.print(Text(line), soft_wrap=True)


def _show_lines(console: Console, text: str, most: int, indent: str) -> None:
    """Lines as they are, never wrapped: who copies them gets what was printed."""
    lines = text.rstrip().splitlines()
    for line in lines[:most]:
        console.print(Text(indent + line, "dim" if indent else ""), soft_wrap=True)
    if len(lines) > most:
        more = f"{indent}# {len(lines) - most} more lines: --json or --html has them all"
        console.print(Text(more), soft_wrap=True)


def _by_note(report: Report, verdict: Verdict) -> Iterator[tuple[str, list[Finding]]]:
    notes: dict[str, list[Finding]] = {}
    for finding in report.findings:
        if finding.verdict is verdict:
            notes.setdefault(finding.note, []).append(finding)
    yield from notes.items()


def _short_names(reports: Sequence[Report]) -> list[str]:
    """The names of backends, without the URLs where they can be told apart by the scheme."""
    names = [report.backend.partition("://")[0] for report in reports]
    return names if len(set(names)) == len(names) else [report.backend for report in reports]


def _verdict(verdict: Verdict) -> Text:
    return Text(verdict, STYLES[verdict])
