"""What is run here and how: `nox -l` lists it. Nox installs whatever a session needs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2025.11.12"
nox.options.default_venv_backend = "virtualenv"
nox.options.reuse_venv = "yes"
nox.options.download_python = "never"
nox.options.sessions = ["lint", "types", "tests", "docs"]
# Under CI nox would fail for each Python that this machine has not. Tests run on those it has.
nox.options.error_on_missing_interpreters = False

ROOT = Path(__file__).parent
PYPROJECT = nox.project.load_toml(ROOT / "pyproject.toml")
VERSIONS = ("3.11", "3.12", "3.13", "3.14")
# The checkout stays off sys.path: what is tested is the wheel that a user would install.
INSTALLED_ONLY = {"PYTHONSAFEPATH": "1"}
# What the suites of `downstream` need: the projects, and what their tests import.
OSLO_TESTS = {"eventlet", "oslo.metrics", "oslotest", "testscenarios", "testtools"}
DOWNSTREAM = {
    "functional": OSLO_TESTS,
    "unit": {*OSLO_TESTS, "oslo.messaging[kafka]"},
    "nova": {
        *("nova", "openstack-placement", "sqlalchemy<2.1"),
        *("osprofiler", "oslotest", "requests-mock", "testtools", "wsgi-intercept"),
    },
}
# A process for each core. Files stay whole: tests share a browser, the blocks of a page names.
PARALLEL = ("-n", "auto", "--dist", "loadfile")


def find_pythons() -> dict[str, Path]:
    """The interpreters of VERSIONS that work here, looked for on PATH and then under pyenv."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    found = {}
    for version in VERSIONS:
        name = f"python{version}"
        candidates = [shutil.which(name), *sorted(pyenv.glob(f"*/bin/{name}"), reverse=True)]
        if version == RUNNING:
            candidates.insert(0, sys.executable)
        working = (Path(each) for each in candidates if each and works(each, version))
        if (python := next(working, None)) is not None:
            found[version] = python
    return found


def works(python: str | Path, version: str) -> bool:
    """Whether this really is that version: a shim may stand on PATH and yet refuse to run."""
    ask = [python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    try:
        answer = subprocess.run(ask, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return False
    return answer.stdout.strip() == version


BENCHMARKS = ("bus", "cassettes", "report", "kombu", "oslo")
"""The first two need no broker, no browser and no extra."""

RUNNING = f"{sys.version_info[0]}.{sys.version_info[1]}"
PYTHONS = find_pythons()
if not PYTHONS:
    sys.exit(f"no Python of {', '.join(VERSIONS)} was found, neither on PATH nor under pyenv")
PYTHON = RUNNING if RUNNING in PYTHONS else max(PYTHONS, key=VERSIONS.index)
# Which one the mutants are judged on under CI, where one is measured, which makes it slow.
JUDGED = next((version for version in PYTHONS if version != PYTHON), PYTHON)
# Nox looks for "3.13" on PATH: let it meet there what was found elsewhere.
for version, python in PYTHONS.items():
    if version != RUNNING and shutil.which(f"python{version}") != str(python):
        os.environ["PATH"] = f"{python.parent}{os.pathsep}{os.environ['PATH']}"


def group(*names: str) -> list[str]:
    return list(nox.project.dependency_groups(PYPROJECT, *names))


@nox.session(python=PYTHON)
def demo(session: nox.Session) -> None:
    """The example project's own tests, then one server build with its sequence diagram."""
    session.install(".", *group("test"))
    run_example_tests(session)
    session.run("rpcfake", "demo", env=INSTALLED_ONLY)


@nox.session(python=VERSIONS)
def tests(session: nox.Session) -> None:
    """All tests, on every Python found. Under CI one has the slow ones too, and measures coverage;
    another has the mutants.

    Arguments go to pytest.
    """
    session.install(".", *group("test"))
    run_example_tests(session)
    # Under CI time is short, and who judges the judge need not do so on each Python.
    less = ("--ignore=tests/mutants",) if "CI" in os.environ and session.python != JUDGED else ()
    arguments = (*PARALLEL, *less, *session.posargs)
    if "CI" in os.environ and session.python == PYTHON:
        run_with_coverage(session, arguments)
    else:
        session.run("python", "-m", "pytest", *arguments, env=INSTALLED_ONLY)


def run_with_coverage(session: nox.Session, arguments: tuple[str, ...]) -> None:
    """Run pytest, then print the branch coverage of both packages, also where tests failed."""
    data = {"COVERAGE_FILE": str(session.cache_dir.absolute() / ".coverage")}
    session.run("coverage", "erase", env=data)
    try:
        # pytest loads the plugin early, so coverage must start before pytest does.
        pytest = ("coverage", "run", "-m", "pytest", *arguments)
        session.run(*pytest, env=INSTALLED_ONLY | data | {"RPCFAKE_SLOW_TESTS": "1"})
    finally:
        session.run("coverage", "combine", "--quiet", env=data)
        session.run("coverage", "report", env=data)


@nox.session(python=PYTHON)
def lint(session: nox.Session) -> None:
    """Ruff: the rules and the format."""
    session.install(*group("lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session(python=PYTHON)
def types(session: nox.Session) -> None:
    """Mypy, strict, over both packages and tests/typing."""
    session.install(*group("types"), *PYPROJECT["project"]["dependencies"])
    session.run("mypy", *session.posargs)


@nox.session(python=PYTHON)
def docs(session: nox.Session) -> None:
    """The documentation as HTML, warnings as errors. (Its examples run in `tests`.)"""
    session.install(".[oslo]", *group("docs"))
    options = ("--fresh-env", "--fail-on-warning", "--keep-going", "--nitpicky", "--quiet")
    session.run(
        *("sphinx-build", *options, "-b", "html", "docs", "docs/_build/html"), env=INSTALLED_ONLY
    )


@nox.session(python=PYTHON)
def bench(session: nox.Session) -> None:
    """The benchmarks beside their floors, as tables. Arguments: which, and what goes to them."""
    session.install(".", *group("test"))
    chosen = [name for name in session.posargs if name in BENCHMARKS] or BENCHMARKS[:2]
    rest = [argument for argument in session.posargs if argument not in BENCHMARKS]
    for name in chosen:
        session.run("python", f"tests/benchmarks/bench_{name}.py", *rest, env=INSTALLED_ONLY)


@nox.session(python=PYTHON)
def pictures(session: nox.Session) -> None:
    """The pictures of the documentation, taken anew. It needs Chromium."""
    session.install(".", *group("test"))
    session.run("python", "docs/images/shoot.py", env=INSTALLED_ONLY)


@nox.session(python=PYTHON)
def soak(session: nox.Session) -> None:
    """Judge right backends with 20 seeds on a busy machine: no false alarm. Arguments go to it."""
    session.install(".", *group("test"))
    session.run("python", "tests/soak/soak.py", *session.posargs, env=INSTALLED_ONLY)


@nox.session(python=PYTHON)
def downstream(session: nox.Session) -> None:
    """Other projects' own tests on rpcfake://, as a table. Arguments are suites of it."""
    chosen = {argument for argument in session.posargs if argument in DOWNSTREAM}
    packages = (DOWNSTREAM[suite] for suite in chosen or DOWNSTREAM)
    # In one go: nova decides which SQLAlchemy there is.
    session.install(".[oslo]", *sorted(set().union(*packages)))
    session.run("python", "tests/downstream/run.py", *session.posargs, env=INSTALLED_ONLY)


def run_example_tests(session: nox.Session) -> None:
    session.run("python", "-m", "pytest", "docs/examples/compute", "-q", env=INSTALLED_ONLY)
