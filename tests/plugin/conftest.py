"""The plugin is tried on small projects, each in a directory of its own."""

from __future__ import annotations

import os
from importlib.metadata import entry_points
from pathlib import Path
from textwrap import dedent

import pytest

import pytest_rpcfake.compare
import pytest_rpcfake.lease
import pytest_rpcfake.report
import rpcfake.active

INSTALLED = any(entry.value == "pytest_rpcfake.plugin" for entry in entry_points(group="pytest11"))
"""Whether pytest finds the plugin by itself."""
BY_NAME = ("-p", "pytest_rpcfake.plugin")

SHOP = """
import rpcfake

class Shop:
    def price(self, context, item):
        return {"tea": 3}[item]

def cast(topic="shop", method="price", item="tea"):
    rpcfake.cast(None, topic, {"method": method, "args": {"item": item}})

def call(topic="shop", method="price", item="tea"):
    return rpcfake.call(None, topic, {"method": method, "args": {"item": item}})
"""


class Project:
    """A project with tests that use the plugin, and a module `shop` that sends.

    `run` runs its tests in this process and with no other plugin, which is fast; `run_apart` in a
    process of their own, with all plugins that are installed.
    """

    def __init__(self, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pytester = pytester
        self._monkeypatch = monkeypatch
        self.write("shop", SHOP)

    @property
    def installed(self) -> bool:
        return INSTALLED

    @property
    def loaded(self) -> tuple[str, ...]:
        """What another process needs on its command line to have the plugin."""
        return () if INSTALLED else BY_NAME

    def write(self, name: str, source: str) -> None:
        """A Python module."""
        (self.pytester.path / f"{name}.py").write_text(dedent(source), encoding="utf-8")

    def ini(self, *lines: str) -> None:
        self.pytester.makeini("\n".join(["[pytest]", *lines]))

    def run(self, source: str, *args: str) -> pytest.RunResult:
        """Run a module of tests here."""
        self.write("test_it", source)
        with self._monkeypatch.context() as patch:
            patch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
            # Each run is a first one: nothing has been chosen or retired yet.
            patch.setattr(rpcfake.active, "_chosen", [])
            patch.setattr(rpcfake.active, "_retired", "")
            return self.pytester.runpytest_inprocess(*BY_NAME, *args)

    def run_apart(self, source: str, *args: str, load: bool = True) -> pytest.RunResult:
        """Run a module of tests in another process."""
        self.write("test_it", source)
        loaded = self.loaded if load else ()
        return self.pytester.runpytest_subprocess(*loaded, *args)


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A new project."""
    monkeypatch.delenv(rpcfake.active.ENVIRONMENT, raising=False)
    if not INSTALLED:
        roots = [str(Path(m.__file__ or "").parents[1]) for m in (rpcfake, pytest_rpcfake)]
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(roots))
    monkeypatch.syspath_prepend(pytester.path)
    return Project(pytester, monkeypatch)
