"""Judges a backend by clauses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from time import monotonic
from typing import Any

from rpcfake.backends.registry import find_backend
from rpcfake.contract.about import versions
from rpcfake.contract.bench import Bench, CannotJudge, describe
from rpcfake.contract.clause import Clause
from rpcfake.contract.trial import PROFILES, Profile, Trial
from rpcfake.contract.verdict import Finding, Report, Verdict
from rpcfake.errors import BackendUnavailable

SMOKE = "RPC-CALL-001"
"""Runs first: where it fails on ``memory`` too, the judge is to blame and not the backend."""

UNREACHABLE = (BackendUnavailable, OSError)
"""What a backend raises whose broker is not there."""


class Judge:
    """Judges one backend.

    The clauses run one after the other in a thread of their own, in which the backend is made too.
    A clause in which nothing happens for longer than the patience allows is given up with its
    thread and its backend; the next one gets new ones.

    Args:
        make: makes the backend; called again after a clause got stuck.
        name: what the backend is called in reports.
        patience: seconds after which something that should happen counts as not happening.
        program: the call of `rpcfake.contract.play` that programs in the report begin with.
    """

    def __init__(
        self,
        make: Callable[[], Any],
        name: str,
        *,
        profile: Profile = PROFILES["default"],
        seed: int = 0,
        patience: float = 2.0,
        program: str = "",
    ) -> None:
        self._make = make
        self._name = name
        self._profile = profile
        self._seed = seed
        self._patience = patience
        self._program = program or f"play({name!r})"

    def judge(
        self, clauses: Iterable[Clause], on_finding: Callable[[Finding], object] = lambda _: None
    ) -> Report:
        """Judge by each clause that applies.

        Args:
            on_finding: called after each clause.

        Raises:
            CannotJudge: the backend can't be made or reached.
        """
        chosen = list(clauses)
        report = Report(self._name, self._seed, self._profile.name)
        began = monotonic()
        with self.hearing() as hearing:
            report.about = {**versions(), **hearing.about}
            for clause in sorted(chosen, key=lambda one: one.id != SMOKE):
                if not hearing.applies(clause):
                    report.left_out.append(clause)
                    continue
                finding = hearing.judge(clause)
                report.findings.append(finding)
                on_finding(finding)
        places = {clause.id: place for place, clause in enumerate(chosen)}
        report.findings.sort(key=lambda finding: places[finding.clause.id])
        report.seconds = monotonic() - began
        return report

    @contextmanager
    def hearing(self) -> Iterator[Hearing]:
        """Make the backend, to judge it clause by clause; it is closed at the end.

        Raises:
            CannotJudge: it can't be made.
        """
        hearing = Hearing(self._make, self._trial, self._name)
        try:
            yield hearing
        finally:
            hearing.close()

    def _trial(self, clause: Clause) -> Trial:
        return Trial(clause, self._profile, self._seed, self._patience, self._program)


class Hearing:
    """A backend in front of its judge."""

    def __init__(
        self, make: Callable[[], Any], trial: Callable[[Clause], Trial], name: str
    ) -> None:
        self._make = make
        self._trial = trial
        self._name = name
        self._bench = Bench(make)

    @property
    def about(self) -> Mapping[str, str]:
        """The versions of what the backend stands on, as far as it tells."""
        return self._bench.about

    def begin(self) -> None:
        """Try whether the backend is there, by the first clause.

        Raises:
            CannotJudge: it can't be reached.
        """
        self.judge(_smoke())

    def applies(self, clause: Clause) -> bool:
        """Whether there is anything to judge by it: without a broker none is lost."""
        return self._bench.has_broker or "broker" not in clause.needs

    def judge(self, clause: Clause) -> Finding:
        """The verdict on one clause that applies.

        Raises:
            CannotJudge: the backend can't be reached any more.
        """
        missing = [need for need in clause.needs if need in self._bench.unsupported]
        if missing:
            return Finding(
                clause, Verdict.UNSUPPORTED, note=str(self._bench.unsupported[missing[0]])
            )
        began = monotonic()
        trial = self._trial(clause)
        if self._bench.run(trial, trial.silence):
            finding = trial.finding()
        else:
            finding = trial.stuck(self._bench.stacks())
            self._bench.abandon(trial)
            self._bench = Bench(self._make)
        if isinstance(trial.error, UNREACHABLE):
            self._see_whether_it_is_there(clause)
        if clause.id == SMOKE and finding.verdict is not Verdict.PASS and self._name != "memory":
            finding = _blame(finding)
        return replace(finding, seconds=monotonic() - began, examples=trial.examples)

    def close(self) -> None:
        """Close the backend."""
        self._bench.close()

    def _see_whether_it_is_there(self, clause: Clause) -> None:
        """A backend that was unreachable gets a second chance: a new one, and the first clause."""
        self._bench.close()
        self._bench = Bench(self._make)
        trial = self._trial(_smoke())
        if not self._bench.run(trial, trial.silence):
            self._bench.abandon(trial)
            self._bench = Bench(self._make)
        elif isinstance(trial.error, UNREACHABLE):
            raise CannotJudge(f"{clause.id}: {describe(trial.error)}")


def _smoke() -> Clause:
    from rpcfake.contract.clause import all_clauses

    (clause,) = (one for one in all_clauses() if one.id == SMOKE)
    return clause


def _blame(finding: Finding) -> Finding:
    """A failure of the first clause is the judge's if ``memory`` fails as well."""
    memory = Judge(lambda: find_backend("memory"), "memory", profile=PROFILES["quick"])
    if memory.judge([finding.clause]).findings[0].verdict is Verdict.PASS:
        return finding
    return replace(finding, verdict=Verdict.HARNESS_ERROR, note="it fails on memory too")
