"""The page that ``--rpcfake-report`` asks for: what became of the tests that used a bus, with its
traffic.

Each process that runs tests makes the sheets of its own, without secrets, and they travel with the
report of the test's teardown; whoever writes the page gathers them.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_rpcfake.lease import Lease
from pytest_rpcfake.report import find_used
from pytest_rpcfake.run import Run
from rpcfake import Redaction
from rpcfake.traffic.cassette.redaction import Redactor
from rpcfake.traffic.report import Entry, Sheet, write_report
from rpcfake.traffic.text import plural

LONGEST = 100_000
"""Characters of a failure's text."""
BAD = ("failed", "error")
CARRIED = "rpcfake_page"
"""The attribute of a report that carries what its test has for the page."""


class Maker:
    """Makes the sheets of each test; a plugin of pytest wherever tests run."""

    def __init__(self, run: Run, rules: Redaction) -> None:
        self._run = run
        self._rules = rules
        self._notes: list[tuple[str, str]] = []

    # Outside all others, so that the report has its sections.
    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if report.when == "setup":
            self._notes.clear()
        if report.failed:
            where = "" if report.when == "call" else f" at {report.when}"
            self._notes.append((f"Failure{where}", report.longreprtext))
        self._notes += [
            (title.removeprefix("rpcfake ").capitalize(), text)
            for title, text in report.sections
            if title.startswith("rpcfake leftovers")
        ]
        if report.when == "teardown" and (leases := find_used(self._run, item)):
            redactor = Redactor(self._rules)
            sheets = list(self._sheets(leases, redactor))
            notes = [(title, redactor.redact(text)[:LONGEST]) for title, text in self._notes]
            setattr(report, CARRIED, [[list(sheet) for sheet in sheets], notes])
        return report

    def _sheets(self, leases: list[Lease[Any]], redactor: Redactor) -> Iterator[Sheet]:
        for lease in leases:
            try:
                yield Sheet.with_redactor(lease.traffic, redactor)
            except Exception as error:  # a project's own codec may raise anything
                self._notes.append(("No diagram", f"{type(error).__name__}: {error}"))


class Writer:
    """Gathers what the reports carry, and writes the page; a plugin of pytest in the process that
    shows the results."""

    def __init__(self, config: pytest.Config, folder: Path) -> None:
        self._config = config
        self._folder = folder
        self._tests: dict[str, _Test] = {}
        self._done: list[_Test] = []
        self._told = ""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        # Nobody else who keeps reports needs to keep this.
        carried = report.__dict__.pop(CARRIED, None)
        test = self._tests.setdefault(report.nodeid, _Test(report))
        test.add(report, self._outcome(report))
        if carried is not None:
            test.has_bus = True
            test.sheets = [Sheet(*sheet) for sheet in carried[0]]
            test.notes = [(title, text) for title, text in carried[1]]
        if report.when == "teardown":  # it may run once more, by a plugin that repeats tests
            self._done.append(self._tests.pop(report.nodeid))

    def _outcome(self, report: pytest.TestReport) -> str:
        """As pytest and its plugins call it; empty where there is nothing to tell."""
        status = self._config.hook.pytest_report_teststatus(report=report, config=self._config)
        if status is not None:
            return str(status[0])
        # The plugin that has words for the usual ones is the one with the terminal.
        if report.failed and report.when != "call":
            return "error"
        return "" if report.passed and report.when != "call" else report.outcome

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        tests = sorted([*self._done, *self._tests.values()], key=lambda test: test.at)
        shown = [test.entry() for test in tests if test.has_bus]
        title = f"rpcfake: traffic of {plural(len(shown), 'test')}"
        if len(shown) < len(tests):
            title += f" of {len(tests):,}"
        try:
            path = write_report(shown, self._folder, title)
        except OSError as error:
            self._told = f"{self._folder} can't be written: {error.strerror}"
        else:
            self._told = f"the traffic of {plural(len(shown), 'test')} is in {_short(path)}"

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.write_sep("-", f"rpcfake: {self._told}")


class _Test:
    """What the reports said of one test."""

    def __init__(self, report: pytest.TestReport) -> None:
        file, line, _ = report.location
        self.at = file, line or 0
        self.has_bus = False
        self.sheets: list[Sheet] = []
        self.notes: list[tuple[str, str]] = []
        self._name = report.nodeid
        self._outcome = ""
        self._seconds = 0.0

    def add(self, report: pytest.TestReport, outcome: str) -> None:
        self._seconds += report.duration
        # What goes wrong at teardown counts, but not over what did before.
        if not self._outcome or (outcome in BAD and self._outcome not in BAD):
            self._outcome = outcome

    def entry(self) -> Entry:
        return Entry(self._name, self.sheets, self._outcome, round(self._seconds, 6), self.notes)


def register(config: pytest.Config, run: Run, folder: Path, rules: Redaction) -> None:
    """Have the page written at the end of this run.

    Raises:
        pytest.UsageError: the folder can't be made.
    """
    config.pluginmanager.register(Maker(run, rules), "rpcfake-page-maker")
    if hasattr(config, "workerinput"):  # a worker of xdist
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise pytest.UsageError(
            f"--rpcfake-report: {folder} can't be made a folder: {error.strerror}"
        ) from None
    config.pluginmanager.register(Writer(config, folder), "rpcfake-page-writer")


def _short(path: Path) -> str:
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
