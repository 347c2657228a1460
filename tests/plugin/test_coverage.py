"""Those who measure coverage without greenlet support are warned, once."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Project

pytest.importorskip("coverage")

TESTS = """
import rpcfake

class Shop:
    def price(self, context):
        rate = rpcfake.call(None, "bank", {"method": "rate"})
        return rate + 1

class Bank:
    def rate(self, context):
        rpcfake.call(None, "vault", {"method": "open"})
        return 2

class Vault:
    def open(self, context):
        return

def after(price):
    return price

def test_1(rpc_bus):
    rpc_bus.serve("shop", Shop())
    rpc_bus.serve("bank", Bank())
    rpc_bus.serve("vault", Vault())
    price = rpcfake.call(None, "shop", {"method": "price"})
    assert after(price) == 3

def test_2(rpc_bus):
    pass
"""
"""Every line of this runs."""
WARNING = [
    "*= warnings summary =*",
    "*CoverageWarning: rpcfake: coverage is measured without greenlet support, and handlers are "
    "greenlets: lines that ran,",
    "*in handlers and in tests, will be reported as missed. In pyproject.toml, for example, set:",
    "*[[]tool.coverage.run[]]",
    '*concurrency = [[]"greenlet", "thread"[]]',
]


@pytest.fixture(autouse=True)
def measured_here_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests themselves may run under coverage, which must not start in the inner process."""
    for name in ("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG", "COVERAGE_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COVERAGE_CORE", "ctrace")


def measure(project: Project, *options: str) -> pytest.RunResult:
    project.write("test_it", TESTS)
    args = ("-m", "coverage", "run", *options, "-m", "pytest", *project.loaded, "-pno:randomly")
    return project.pytester.run(sys.executable, *args)


def test_coverage_run_without_greenlet_support(project: Project) -> None:
    result = measure(project)
    result.assert_outcomes(passed=2, warnings=1)
    result.stdout.fnmatch_lines(WARNING)


@pytest.mark.parametrize("option", ["greenlet", "greenlet,thread"])
def test_coverage_run_with_it(project: Project, option: str) -> None:
    measure(project, f"--concurrency={option}").assert_outcomes(passed=2, warnings=0)


def test_no_coverage(project: Project) -> None:
    project.run_apart(TESTS).assert_outcomes(passed=2, warnings=0)


def test_no_bus(project: Project) -> None:
    project.write("test_it", "def test_it(): pass")
    result = project.pytester.run(
        *(sys.executable, "-m", "coverage", "run", "-m", "pytest", *project.loaded)
    )
    result.assert_outcomes(passed=1, warnings=0)


def test_pytest_cov(project: Project) -> None:
    pytest.importorskip("pytest_cov")
    result = project.run_apart(TESTS, "--cov=shop")
    result.assert_outcomes(passed=2, warnings=1)
    result.stdout.fnmatch_lines(WARNING)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="needs sys.monitoring")
def test_the_core_that_sees_greenlets_by_itself(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COVERAGE_CORE", "sysmon")
    measure(project).assert_outcomes(passed=2, warnings=0)
    assert missed(project) == []


def test_what_is_said_is_so(project: Project) -> None:
    measure(project)
    assert missed(project) != []
    measure(project, "--concurrency=greenlet")
    assert missed(project) == []


def missed(project: Project) -> list[int]:
    """The lines of the tests of which coverage says that they did not run."""
    out = project.pytester.path / "coverage.json"
    options = ("-q", "--include=test_it.py", "-o", str(out))
    command = [sys.executable, "-m", "coverage", "json", *options]
    subprocess.run(command, check=True, cwd=project.pytester.path)
    lines: list[int] = json.loads(out.read_text())["files"]["test_it.py"]["missing_lines"]
    return lines
