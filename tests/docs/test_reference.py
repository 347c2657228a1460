"""The reference names everything that is public, and nothing that is not there."""

from __future__ import annotations

import re
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

import rpcfake
import rpcfake.errors
from pytest_rpcfake import options, plugin
from rpcfake.backends.registry import known_backends
from rpcfake.bus import ALLOW

API = (Path(__file__).parents[2] / "docs" / "reference" / "api.md").read_text("utf-8")


def table(header: str) -> list[list[str]]:
    """The rows of the table with this header: the texts of their cells, without backquotes."""
    below = API.split(f"\n{header}\n", 1)[1].splitlines()[1:]
    rows = below[: next(i for i, line in enumerate(below) if not line.startswith("|"))]
    return [[cell.strip().strip("`") for cell in row.strip("|").split("|")] for row in rows]


def test_every_public_name_is_documented() -> None:
    documented = {
        name.rpartition(".")[2]
        for name in re.findall(r"^\.\. auto(?:function|class):: ([\w.]+)", API, re.MULTILINE)
    }
    errors = {name for name in dir(rpcfake.errors) if name in rpcfake.__all__}
    assert set(rpcfake.__all__) - documented - errors == set()


def test_every_fixture_is_documented() -> None:
    fixtures = [
        name
        for name, value in vars(plugin).items()
        if name.startswith("rpc_") and "fixture" in repr(value)
    ]
    assert len(fixtures) >= 3
    assert [name for name in fixtures if f"pytest_rpcfake.plugin.{name}\n" not in API] == []


def test_every_option_of_the_marker_is_documented() -> None:
    assert [row[0] for row in table("| option | what it is |")] == list(options.CHECKS)


def test_every_word_for_allow_is_documented() -> None:
    assert [row[0] for row in table("| word | permits |")] == list(ALLOW)


def test_every_option_of_pytest_is_documented() -> None:
    declared = Declared()
    options.declare(declared)  # type: ignore[arg-type]
    rows = table("| command line | ini | what it sets |")
    assert {row[0] for row in rows} - {""} == set(declared.on_the_command_line)
    assert {row[1] for row in rows} - {""} == set(declared.in_the_ini_file)


def test_every_backend_is_documented() -> None:
    documented = [row[0] for row in table("| name | what it is |")]
    assert documented == list(known_backends())
    for entry in entry_points(group="rpcfake.backends"):
        assert callable(entry.load())


@pytest.mark.parametrize("kind", rpcfake.Kind)
def test_every_kind_of_record_says_what_it_is(kind: rpcfake.Kind) -> None:
    source = Path(rpcfake.message.__file__).read_text("utf-8")
    assert re.search(rf'    {kind.name} = "{kind.value}"\n    """\w', source)


class Declared:
    """Stands for pytest's parser, and remembers what is declared."""

    def __init__(self) -> None:
        self.on_the_command_line: list[str] = []
        self.in_the_ini_file: list[str] = []

    def getgroup(self, *_: Any) -> Declared:
        return self

    def addoption(self, name: str, **_: Any) -> None:
        self.on_the_command_line.append(name)

    def addini(self, name: str, *_: Any, **__: Any) -> None:
        self.in_the_ini_file.append(name)
