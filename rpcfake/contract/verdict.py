"""Verdicts."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from rpcfake.contract.clause import Clause, Level


class Verdict(StrEnum):
    """What is said of a clause on a backend."""

    PASS = "pass"
    FAIL = "fail"
    NONSTRICT = "nonstrict"
    """A SHOULD that does not hold."""
    UNSUPPORTED = "unsupported"
    """The backend says that it has not got the capability."""
    UNKNOWN = "unknown"
    """It could not be established."""
    HARNESS_ERROR = "harness-error"
    """The judge itself failed."""


@dataclass(frozen=True)
class Finding:
    """The verdict on one clause, and what it rests on."""

    clause: Clause
    verdict: Verdict
    expected: str = ""
    actual: str = ""
    program: str = ""
    """The smallest program found that shows it."""
    note: str = ""
    """The backend's reason, or why it could not be judged, or where threads stood."""
    seconds: float = 0.0
    examples: int = 0

    def told(self, again: str = "") -> list[tuple[str, str]]:
        """All that is known of it, for a person: headings and texts, the longest at the end.

        Args:
            again: the command that judges so again.
        """
        wrong = self.verdict not in (Verdict.PASS, Verdict.UNSUPPORTED)
        parts = [
            ("requirement", self.clause.rule),
            ("expected", self.expected if self.expected != self.clause.rule else ""),
            ("actual", self.actual),
            ("look at", self.clause.hint if wrong else ""),
            ("known as", "; ".join(self.clause.bugs) if wrong else ""),
            ("note", self.note),
            ("again", again if wrong else ""),
            ("program", self.program),
        ]
        return [(heading, text) for heading, text in parts if text]

    @property
    def breaks(self) -> bool:
        """Whether this breaks a MUST."""
        return self.clause.level is Level.MUST and self.verdict not in (
            Verdict.PASS,
            Verdict.UNSUPPORTED,
        )


@dataclass
class Report:
    """All findings on one backend."""

    backend: str
    seed: int
    profile: str
    findings: list[Finding] = field(default_factory=list)
    about: dict[str, Any] = field(default_factory=dict)
    """Versions, and how it was run."""
    seconds: float = 0.0
    command: str = ""
    """The command that judges so again, without what limits it to some clauses."""
    left_out: list[Clause] = field(default_factory=list)
    """The clauses that do not apply: they are about a broker, and there is none."""

    def again(self, finding: Finding) -> str:
        """The command that judges by one clause again."""
        return f"{self.command} --clause {finding.clause.id}" if self.command else ""

    def count(self, verdict: Verdict) -> int:
        """How many clauses got this verdict."""
        return sum(finding.verdict is verdict for finding in self.findings)

    @property
    def holds(self) -> bool:
        """Whether every MUST of the claimed capabilities holds."""
        return not any(finding.breaks for finding in self.findings)
