"""Reads the imports of both packages: every room knows only the rooms that it may know.

Imports inside functions count. Imports for type checkers alone count as knowledge too, but not as
something that happens when a module is imported.
"""

from __future__ import annotations

import ast
import graphlib
import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PURE = {"errors", "message", "codec", "context", "hints"}
CORE = {*PURE, "core"}
OF_BACKENDS = {"backends.port", "backends.naming", "backends.harness", "backends.lookup"}

ROOMS: dict[str, set[str]] = {
    # Room: the rooms it may know, besides itself. A room is a module or a package, named without
    # "rpcfake."; the longest name that fits is the room of a module. This is the law of the house.
    "errors": set(),
    "frames": set(),
    "hints": set(),
    "files": set(),
    "message": {"errors", "hints"},
    "codec": {"errors", "hints"},
    "context": {"errors", "hints"},
    "core": PURE,
    # Pages that need no network: what the matrix and the report have in common.
    "pages": {"files"},
    "traffic": {"errors", "message", "hints", "files", "pages"},
    # What both loops share.
    "handling": PURE,
    "specs": {*CORE, "handling"},
    "stubs": {*CORE, "handling"},
    "replay": {*PURE, "handling", "traffic"},
    "connection": CORE,
    "bus": {*CORE, "handling", "specs", "stubs", "replay", "connection", "traffic"},
    # The facade finds backends by name, and so knows none of them.
    "backends": set(),
    "backends.port": PURE,
    "backends.registry": {*PURE, "backends.port"},
    "backends.spec": {"backends.port", "backends.registry"},
    "active": {*PURE, "backends.port", "backends.registry"},
    "rpc": {*PURE, "active", "backends.port"},
    # The loops. A bus can make itself the active backend.
    "sim": {*CORE, "handling", "bus", "active", "traffic"},
    "threads": {*CORE, "frames", "handling", "bus", "active", "traffic"},
    "against": {"errors", "message", "hints", "sim", "traffic"},
    "backends.memory": {"errors", "sim", "threads", "backends.port"},
    "recorder": {*PURE, "handling", "traffic", "backends.port"},
    "tap": {"errors", "message", "hints", "traffic"},
    # Other buses: each adapter knows its driver, and what a bus of any kind does with a message.
    "backends.naming": set(),
    "backends.harness": set(),
    "backends.lookup": {"handling"},
    "backends.kombu": {*PURE, "handling", *OF_BACKENDS},
    "backends.oslo": {*PURE, "handling", "connection", *OF_BACKENDS},
    # The transport of another library, on our buses.
    "oslo": {*CORE, "handling", "connection", "traffic", "sim", "threads"},
    # The judge knows what a backend is, and none of them.
    "contract": {
        *(*PURE, "frames", "pages", "active", "rpc"),
        *("backends.port", "backends.registry", "backends.harness"),
    },
    # The doors.
    "face": {
        *PURE,
        "bus",
        "stubs",
        "replay",
        "recorder",
        "connection",
        "traffic",
        "rpc",
        "sim",
        "threads",
    },
    "cli": {
        *("face", "against", "tap", "errors", "message", "traffic", "hints", "sim", "contract"),
        "backends.spec",
    },
    "pytest_rpcfake": {
        *PURE,
        "face",
        "bus",
        "traffic",
        "active",
        "rpc",
        "sim",
        "threads",
        "oslo",
        "contract",
        "backends.registry",
        "backends.spec",
    },
}

ANNEXES = {"queues": "bus", "waiting": "bus"}
"""Modules that share the room of another."""

LIBRARIES: dict[str, set[str]] = {
    # Room: what it may import that is neither ours nor Python's own.
    "sim": {"greenlet"},
    "backends.kombu": {"kombu"},
    "tap": {"kombu", "amqp"},
    "oslo": {"oslo_messaging", "oslo_serialization", "oslo_config", "fixtures"},
    "backends.oslo": {"oslo_messaging", "oslo_config"},
    "pages": {"jinja2", "markupsafe"},
    "contract": {"greenlet", "hypothesis"},
    "cli": {"click", "rich", "compute"},  # compute: the example project that `rpcfake demo` runs
    "pytest_rpcfake": {"pytest", "_pytest", "pluggy", "syrupy"},
}

UNPREDICTABLE = {"asyncio", "random", "secrets", "threading", "time", "uuid"}
OUTSIDE = {"io", "os", "pathlib", "select", "selectors", "shutil", "socket", "subprocess"}
FORBIDDEN: dict[str, set[str]] = {
    # Room: what it must not import although Python has it.
    **dict.fromkeys(CORE, UNPREDICTABLE | OUTSIDE),
    "traffic": UNPREDICTABLE,
    "handling": UNPREDICTABLE,
    "stubs": UNPREDICTABLE,
    "specs": UNPREDICTABLE,
    "connection": UNPREDICTABLE,
    "bus": UNPREDICTABLE,
}

PACKAGES = ("rpcfake", "pytest_rpcfake")


@dataclass(frozen=True)
class Import:
    """That one module imports another: from which line, and when."""

    importer: str
    imported: str
    line: int
    at_import: bool
    """Whether it happens when the importer is imported: not in a function, not for types alone."""

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.imported}"


def test_every_arrow_is_allowed(house: list[Import]) -> None:
    assert [str(each) for each in house if is_wrong(each)] == []


def test_every_module_has_a_room() -> None:
    assert [name for name, _ in modules() if room_of(name) is None] == []


def test_the_rooms_form_no_circle() -> None:
    list(graphlib.TopologicalSorter(ROOMS).static_order())  # a circle raises, and is named


def test_the_plugin_imports_rpcfake_only_inside_functions(house: list[Import]) -> None:
    # A module that the plugin imports inside a function may import rpcfake at its top.
    early = {"pytest_rpcfake", "pytest_rpcfake.plugin"}
    arrows = [each for each in house if each.at_import]
    for _ in arrows:
        early |= {
            each.imported
            for each in arrows
            if each.importer in early and each.imported.startswith("pytest_rpcfake")
        }
    assert [
        str(each)
        for each in arrows
        if each.importer in early and each.imported.split(".")[0] == "rpcfake"
    ] == []


def test_import_rpcfake_loads_no_optional_library() -> None:
    loaded = loaded_by("import rpcfake")
    libraries = {"click", "freezegun", "hypothesis", "pytest", "rich", "time_machine"}
    assert loaded & {*libraries, "pytest_rpcfake"} == set()


def test_loading_the_plugin_loads_no_rpcfake() -> None:
    assert "rpcfake" not in loaded_by("import pytest_rpcfake.plugin")


@pytest.mark.parametrize(
    ("importer", "source", "complaint"),
    [
        ("core.broker", "import time", "time"),
        ("core.broker", "from greenlet import greenlet", "greenlet"),
        ("core.broker", "import rpcfake.sim", "rpcfake.sim"),
        ("core.broker", "from ..sim import Bus", "rpcfake.sim"),
        ("traffic.record", "def f():\n    from rpcfake.core import Broker", "rpcfake.core"),
        ("sim.bus", "from rpcfake.backends import memory", "rpcfake.backends.memory"),
        ("sim.bus", "from rpcfake import Traffic", "rpcfake"),
        ("threads.bus", "from rpcfake.sim.clock import Clock", "rpcfake.sim.clock"),
        ("errors", "if TYPE_CHECKING:\n    from rpcfake.message import Kind", "rpcfake.message"),
        ("active", "import_module('rpcfake.backends.memory')", "rpcfake.backends.memory"),
        ("backends.memory", "import pika", "pika"),
        ("backends.kombu.loop", "import redis", "redis"),
        ("backends.kombu.loop", "import rpcfake.backends.memory", "rpcfake.backends.memory"),
    ],
)
def test_a_planted_wrong_arrow_is_found(importer: str, source: str, complaint: str) -> None:
    known = {name for name, _ in modules()}
    found = [
        each.imported for each in imports_of(f"rpcfake.{importer}", source, known) if is_wrong(each)
    ]
    assert found == [complaint]


@pytest.fixture(scope="module")
def house() -> list[Import]:
    known = {name for name, _ in modules()}
    return [
        each
        for name, path in modules()
        for each in imports_of(name, path.read_text("utf-8"), known, path.name == "__init__.py")
    ]


def is_wrong(arrow: Import) -> bool:
    here = room_of(arrow.importer)
    assert here is not None, f"{arrow.importer} has no room"
    top = arrow.imported.partition(".")[0]
    if top in PACKAGES:
        there = room_of(arrow.imported)
        return there != here and there not in ROOMS[here]
    if top in sys.stdlib_module_names:
        return top in FORBIDDEN.get(here, ())
    return top not in LIBRARIES.get(here, ())


def room_of(module: str) -> str | None:
    """The room of a module: the longest name in ROOMS that its own name begins with."""
    if module == "rpcfake":
        return "face"
    parts = module.removeprefix("rpcfake.").split(".")
    names = (".".join(parts[:size]) for size in range(len(parts), 0, -1))
    return next((ANNEXES.get(name, name) for name in names if name in {**ROOMS, **ANNEXES}), None)


def modules() -> Iterator[tuple[str, Path]]:
    """Name and file of every module of both packages, as they are installed."""
    for package in PACKAGES:
        spec = importlib.util.find_spec(package)
        assert spec is not None, f"{package} is not installed"
        assert spec.origin is not None
        top = Path(spec.origin).parent
        for path in sorted(top.rglob("*.py")):
            parts = path.relative_to(top).with_suffix("").parts
            if parts[0] == "_examples":  # the example project, which the wheel carries along
                continue
            yield ".".join([package, *(part for part in parts if part != "__init__")]), path


def imports_of(
    module: str, source: str, known: set[str], is_package: bool = False
) -> Iterator[Import]:
    """Every import in the source of a module, by statement or by a literal `import_module`."""
    nodes = list(ast.walk(ast.parse(source)))
    lazy: set[ast.AST] = set()
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) or (
            isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        ):
            lazy.update(ast.walk(node))
    for node in nodes:
        for imported in imported_by(node, module if is_package else module.rpartition(".")[0]):
            # `from package import name` is about the module `name` only if there is one.
            if isinstance(node, ast.ImportFrom) and imported not in known:
                imported = imported.rpartition(".")[0]
            yield Import(module, imported, getattr(node, "lineno", 0), node not in lazy)


def imported_by(node: ast.AST, package: str) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [alias.name for alias in names]
        case ast.ImportFrom(module=module, names=names, level=level):
            above = package.split(".")[: len(package.split(".")) - level + 1] if level else []
            base = ".".join([*above, *([module] if module else [])])
            return [f"{base}.{alias.name}" for alias in names]
        case ast.Call(
            func=ast.Name(id="import_module" | "__import__") | ast.Attribute(attr="import_module"),
            args=[ast.Constant(value=str(name)), *_],
        ):
            return [name]
    return []


def loaded_by(statement: str) -> set[str]:
    """The top-level modules that a fresh Python has loaded after a statement."""
    program = f"import sys\n{statement}\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())
