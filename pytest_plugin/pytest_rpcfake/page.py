"""The page that ``--rpcfake-report`` asks for: what became of the tests that used a bus, with its
traffic.

Each process that runs tests makes the sheets of its own, without secrets, and they travel with the
report of the test's teardown; whoever writes the page gathers them.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from pytest_rpcfake.golden import short
from pytest_rpcfake.lease import Lease
from pytest_rpcfake.report import find_used
from pytest_rpcfake.run import Run
from rpcfake import Redaction
from rpcfake.traffic.cassette.redaction import Redactor
from rpcfake.traffic.report import Entry, Sheet, learn, write_report
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
            setattr(report, CARRIED, self._carried(item.nodeid, leases))
        return report

    def _carried(self, name: str, leases: list[Lease[Any]]) -> list[Any]:
        """The name of a test, its sheets and its notes, without any secret that one of them
        tells."""
        redactor = Redactor(self._rules)
        readable = []
        for lease in leases:
            try:
                learn(lease.traffic, redactor)
                readable.append(lease.traffic)
            except Exception as error:  # a project's own codec may raise anything
                self._notes.append(("No diagram", f"{type(error).__name__}: {error}"))
        redactor.learn([text for _, text in self._notes])
        sheets = [list(Sheet.redacted(traffic, redactor)) for traffic in readable]
        notes = [(title, _clip(redactor.redact_shortened(text))) for title, text in self._notes]
        return [redactor.redact_shortened(name), sheets, notes]


class Writer:
    """Gathers what the reports carry, and writes the page; a plugin of pytest in the process that
    shows the results."""

    def __init__(self, config: pytest.Config, folder: Path) -> None:
        self._config = config
        self._folder = folder
        self._order: dict[str, int] = {}
        self._tests: dict[tuple[str, Any], _Test] = {}
        self._done: list[_Test] = []
        self._told = ""

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Whether the page can be written is told before the tests run, not after."""
        if session.config.option.collectonly:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise pytest.UsageError(
                f"--rpcfake-report: {self._folder} can't be made a folder: {error.strerror}"
            ) from None

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._remember([item.nodeid for item in session.items])

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        self._remember(ids)

    def _remember(self, ids: list[str]) -> None:
        """On the page tests stand as they were collected, whoever runs them, and when."""
        for id in ids:
            self._order.setdefault(id, len(self._order))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        # Nobody else who keeps reports needs to keep this.
        carried = report.__dict__.pop(CARRIED, None)
        key = report.nodeid, getattr(report, "node", None)  # xdist may run a test on several nodes
        test = self._tests.setdefault(key, _Test(report.nodeid))
        test.add(report, self._outcome(report))
        if carried is not None:
            test.carry(*carried)
        if report.when == "teardown":  # it may run once more, by a plugin that repeats tests
            self._done.append(self._tests.pop(key))

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
        tests = [*self._done, *self._tests.values()]
        if not tests:  # a page of another run is worth more than an empty one
            return
        tests.sort(key=lambda test: self._order.get(test.id, len(self._order)))
        shown = [test.entry() for test in tests if test.has_bus]
        title = f"rpcfake: traffic of {plural(len(shown), 'test')}"
        if len(shown) < len(tests):
            title += f" of {len(tests):,}"
        try:
            path = write_report(shown, self._folder, title)
        except OSError as error:
            self._told = f"{self._folder} can't be written: {error.strerror}"
        else:
            self._told = f"the traffic of {plural(len(shown), 'test')} is in {short(path)}"

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._told:
            terminalreporter.write_sep("-", f"rpcfake: {self._told}")


class _Test:
    """What the reports said of one test."""

    def __init__(self, id: str) -> None:
        self.id = id
        self.has_bus = False
        self._name = id
        self._sheets: list[Sheet] = []
        self._notes: list[tuple[str, str]] = []
        self._outcome = ""
        self._seconds = 0.0

    def add(self, report: pytest.TestReport, outcome: str) -> None:
        if getattr(report, "context", None) is not None:  # of a part of it: a subtest
            if not report.failed:
                return
            outcome = report.outcome
        else:
            self._seconds += report.duration
        # What goes wrong at teardown counts, but not over what did before.
        if not self._outcome or (outcome in BAD and self._outcome not in BAD):
            self._outcome = outcome

    def carry(self, name: str, sheets: list[list[Any]], notes: list[tuple[str, str]]) -> None:
        self.has_bus = True
        self._name = name
        self._sheets = [Sheet(*sheet) for sheet in sheets]
        self._notes = [(title, text) for title, text in notes]

    def entry(self) -> Entry:
        return Entry(self._name, self._sheets, self._outcome, round(self._seconds, 6), self._notes)


def register(config: pytest.Config, run: Run, folder: Path, rules: Redaction) -> None:
    """Have the page written at the end of this run."""
    config.pluginmanager.register(Maker(run, rules), "rpcfake-page-maker")
    if not hasattr(config, "workerinput"):  # that of a worker of xdist
        config.pluginmanager.register(Writer(config, folder), "rpcfake-page-writer")


def _clip(text: str) -> str:
    """The text, or its beginning and its end, where the error and its line stand."""
    if len(text) <= LONGEST:
        return text
    half = LONGEST // 2
    return f"{text[:half]}\n… {len(text) - LONGEST:,} characters left out …\n{text[-half:]}"
