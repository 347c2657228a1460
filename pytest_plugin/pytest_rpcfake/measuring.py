"""One warning for those who measure coverage in a way that loses track of handlers."""

from __future__ import annotations

import sys
import warnings

import pytest

from pytest_rpcfake.run import Run

AWARE = frozenset({"greenlet", "gevent", "eventlet"})
"""Settings of coverage's `concurrency` that follow greenlets."""


class CoverageWarning(pytest.PytestWarning):
    """Coverage is measured in a way that reports lines as missed that did run."""


TEXT = """\
rpcfake: coverage is measured without greenlet support, and handlers are greenlets: lines that ran,
in handlers and in tests, will be reported as missed. In pyproject.toml, for example, set:
    [tool.coverage.run]
    concurrency = ["greenlet", "thread"]"""


def warn_if_blind(run: Run) -> None:
    """Warn, once in a test run, when the coverage of this process does not follow greenlets.

    Coverage's core for `sys.monitoring` sees every greenlet without being told.
    """
    if run.coverage_checked:
        return
    run.coverage_checked = True
    # Looked up, never imported: whoever measures has it loaded.
    coverage = sys.modules.get("coverage")
    running = coverage.Coverage.current() if coverage is not None else None
    if running is None or not AWARE.isdisjoint(running.get_option("run:concurrency") or ()):
        return
    collector = getattr(running, "_collector", None)
    if collector is not None and collector.tracer_name() == "SysMonitor":
        return
    warnings.warn(CoverageWarning(TEXT), stacklevel=2)
