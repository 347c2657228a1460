"""What may be asked of a bus, where it may be said, and what a wrong value is told.

Four places say it, the nearest wins, option by option: the call of `rpc_bus_factory`, the marker
`rpc_bus` (closest to the test first), the command line, the ini file.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from pytest_rpcfake.marking import MARKER

if TYPE_CHECKING:
    from _pytest.nodes import Node

WORDS = ("blocked", "handler_errors", "unused_stubs", "untaken")
"""What `allow` may name: the kinds of leftovers that a bus may be put away with."""

RECORD_MODES = ("none", "once", "new", "all")
"""What `--rpcfake-record` may say."""

FROM_TEXT: dict[str, Callable[[str], object]] = {"seed": int, "schedule": str, "codec": str}
WATCHDOG_SECONDS = 30.0


class Settings:
    """The options of one bus, each with where it was said.

    Attributes:
        seed, schedule, codec, context_factory: for the bus (see `rpcfake.Bus`).
        allow: the words for what is no error at teardown.
        patch: modules, or their names, whose five functions become rpcfake's meanwhile.
        sources: option -> where it was said; an option that nobody named is not in it.
    """

    seed: int = 0
    schedule: Any = "fifo"
    codec: Any = "json"
    context_factory: Callable[[Mapping[str, Any]], object] | None = None
    allow: frozenset[str] = frozenset()
    patch: tuple[str | ModuleType, ...] = ()

    def __init__(self) -> None:
        self.sources: dict[str, str] = {}

    def override(self, options: Mapping[str, object], source: str) -> Settings:
        """These settings but for the given options.

        Raises:
            pytest.UsageError: an option that does not exist, or a value of the wrong kind.
        """
        changed = Settings()
        changed.__dict__.update(self.__dict__, sources=dict(self.sources))
        for name, value in options.items():
            check = CHECKS.get(name)
            if check is None:
                from rpcfake.hints import did_you_mean

                refuse(
                    f"{source}: there is no option {name!r}{did_you_mean(name, CHECKS)} "
                    f"(options: {', '.join(CHECKS)})"
                )
            setattr(changed, name, check(value, f"{source}: {name}"))
            changed.sources[name] = source
        return changed

    def for_item(self, item: pytest.Item) -> Settings:
        """These settings but for what the test's markers ``rpc_bus`` say, the closest one last.

        Raises:
            pytest.UsageError: as `override`.
        """
        settings = self
        for node in item.listchain():
            # Of one node the last wins: a class after its base, a parameter after its function.
            for mark in node.own_markers:
                if mark.name == MARKER:
                    source = marked(node)
                    if mark.args:
                        _unfit(source, "given options by name", mark.args[0])
                    settings = settings.override(mark.kwargs, source)
        return settings


def marked(node: Node) -> str:
    """The source of an option that a marker on this node gave."""
    return f"marker {MARKER} on {node.nodeid}"


def refuse(text: str) -> NoReturn:
    __tracebackhide__ = True
    raise pytest.UsageError(f"rpcfake: {text}")


def _unfit(what: str, wanted: str, value: object, hint: str = "") -> NoReturn:
    from rpcfake.hints import brief

    refuse(f"{what} must be {wanted}, not {brief(value)} ({type(value).__name__}){hint}")


def _seed(value: object, what: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        _unfit(what, "an int", value)
    return value


def _schedule(value: object, what: str) -> object:
    if isinstance(value, str) or _has(value, "name", "choose"):
        return value
    _unfit(what, "the name of a schedule or an object with name and choose", value)


def _codec(value: object, what: str) -> object:
    if isinstance(value, str) or _has(value, "name", "encode", "decode"):
        return value
    _unfit(what, "the name of a codec or an object with name, encode and decode", value)


def _context_factory(value: object, what: str) -> object:
    if value is None or callable(value):
        return value
    _unfit(what, "a callable that takes the context as it arrived, or None", value)


def _allow(value: object, what: str) -> frozenset[str]:
    if isinstance(value, str):
        _unfit(what, "a set of words", value, f"; write {{{value!r}}}")
    words = _collected(value)
    if words is None:
        _unfit(what, "a set of words", value, f" (words: {', '.join(WORDS)})")
    for word in words:
        if word not in WORDS:
            from rpcfake.hints import brief, did_you_mean

            refuse(
                f"{what} has no word {brief(word)}{did_you_mean(word, WORDS)} "
                f"(words: {', '.join(WORDS)})"
            )
    return frozenset(words)


def _patch(value: object, what: str) -> tuple[str | ModuleType, ...]:
    modules = [value] if isinstance(value, str | ModuleType) else _collected(value)
    if modules is None:
        _unfit(what, "a module, its dotted name, or several of these", value)
    for module in modules:
        if not isinstance(module, ModuleType) and not _is_dotted_name(module):
            _unfit(what, "modules or their dotted names", module)
    return tuple(modules)


def _is_dotted_name(value: object) -> bool:
    return isinstance(value, str) and all(part.isidentifier() for part in value.split("."))


def _has(value: object, *names: str) -> bool:
    return all(hasattr(value, name) for name in names)


def _collected(value: object) -> list[Any] | None:
    """What a collection holds, or None where the value is none."""
    if isinstance(value, set | frozenset | list | tuple):
        return list(value)
    return None


CHECKS: dict[str, Callable[[object, str], object]] = {
    "seed": _seed,
    "schedule": _schedule,
    "codec": _codec,
    "context_factory": _context_factory,
    "allow": _allow,
    "patch": _patch,
}


def declare(parser: pytest.Parser) -> None:
    """Tell pytest of the command line options and of their mirrors in the ini file."""
    group = parser.getgroup("rpcfake", "rpcfake: tests on an in-memory message bus")
    group.addoption(
        "--rpcfake-seed",
        metavar="INT",
        help="Seed of each test's bus, for schedules that draw. Wins over the ini file; "
        "a test's own marker wins over it.",
    )
    group.addoption(
        "--rpcfake-schedule",
        metavar="NAME",
        help="Schedule of each test's bus: who runs next when several could. Default: fifo. "
        "Wins over the ini file; a test's own marker wins over it.",
    )
    group.addoption(
        "--rpcfake-watchdog",
        metavar="SECONDS",
        help="When a bus stands at one step for so many real seconds, say where and dump all "
        f"stacks; the test goes on. 0 is off. Default: {WATCHDOG_SECONDS:g}.",
    )
    group.addoption(
        "--rpcfake-backend",
        metavar="NAME[=URL]",
        action="append",
        help="Backend for tests with rpc_backend, and for rpcfake.contract.suite to judge. May be "
        "given several times. Default: memory.",
    )
    group.addoption(
        "--rpcfake-option",
        metavar="K=V",
        action="append",
        help="Option for these backends; V is JSON, or else a string. May be given several times.",
    )
    group.addoption(
        "--rpcfake-profile",
        metavar="NAME",
        help="How many examples rpcfake.contract.suite gives each clause: quick, default or "
        "thorough.",
    )
    group.addoption(
        "--rpcfake-patience",
        metavar="SECONDS",
        help="After how many seconds rpcfake.contract.suite takes what should happen as not "
        "happening. Default: 2.",
    )
    group.addoption(
        "--rpcfake-record",
        metavar="MODE",
        help="What rpc_cassette may write: none (the default), once (cassettes that are missing), "
        "new (these, and messages that come beside those recorded) or all (whatever differs). "
        "Nothing is ever written where the environment has CI.",
    )
    group.addoption(
        "--rpcfake-prune",
        action="store_true",
        help="Remove the cassettes that belong to no test any more.",
    )
    group.addoption(
        "--rpcfake-report",
        metavar="DIR",
        help="Write a page there, DIR/index.html: the tests that used a bus, with the sequence "
        "diagram of each.",
    )
    number: Any = "string"
    if pytest.version_tuple >= (9, 2):
        # So that native TOML may have a number there. What is none gets our own text.
        number = int | float | str
    parser.addini("rpcfake_seed", "seed of each test's bus", type=number, default=None)
    parser.addini("rpcfake_schedule", "schedule of each test's bus", default=None)
    parser.addini("rpcfake_codec", "name of the codec of each test's bus", default=None)
    parser.addini(
        "rpcfake_watchdog",
        "real seconds at one step of a bus after which all stacks are dumped; 0 is off",
        type=number,
        default=None,
    )
    parser.addini("rpcfake_backend", "backends for rpc_backend and to judge", type="args")
    parser.addini("rpcfake_option", "options for these backends, each K=V", type="args")
    parser.addini("rpcfake_profile", "how many examples a clause gets", default=None)
    parser.addini(
        "rpcfake_patience",
        "seconds after which what should happen counts as not happening",
        type=number,
        default=None,
    )
    parser.addini(
        "rpcfake_record", "what rpc_cassette may write: none, once, new, all", default=None
    )
    parser.addini("rpcfake_report", "folder for the page of all traffic", default=None)
    parser.addini(
        "rpcfake_redact",
        "keys whose values no cassette and no page may have, beside passwords",
        type="args",
    )
    parser.addini("rpcfake_keep", "keys that look secret and are not", type="args")
    parser.addini(
        "rpcfake_allow",
        f"words for what a bus may be left with at teardown: {' '.join(WORDS)}",
        type="args",
    )
    parser.addini(
        "rpcfake_patch",
        "modules whose call, cast, ... are rpcfake's during each test that uses a bus",
        type="args",
    )


def from_config(config: pytest.Config) -> Settings:
    """The settings of a run: what the ini file says, and over it the command line.

    Raises:
        pytest.UsageError: a value that does not fit.
    """
    settings = Settings()
    for name, parse in FROM_TEXT.items():
        for source, value in said(config, name):
            settings = settings.override({name: _parsed(parse, value)}, source)
    for name in ("allow", "patch"):
        if words := config.getini(f"rpcfake_{name}"):
            settings = settings.override({name: words}, f"ini option rpcfake_{name}")
    return settings


def watchdog_seconds(config: pytest.Config) -> float:
    """The patience of the watchdog in real seconds; 0 is off.

    Raises:
        pytest.UsageError: no such number.
    """
    seconds = WATCHDOG_SECONDS
    for source, value in said(config, "watchdog"):
        number = _parsed(float, value)
        if not isinstance(number, float) or not 0 <= number < math.inf:
            _unfit(source, "a number of seconds, 0 or more", value)
        seconds = number
    return seconds


def record_mode(config: pytest.Config) -> str:
    """What cassettes may be written; nothing under CI.

    Raises:
        pytest.UsageError: no such mode.
    """
    mode = "none"
    for source, value in said(config, "record"):
        if value not in RECORD_MODES:
            _unfit(source, f"one of {', '.join(RECORD_MODES)}", value)
        mode = value
    return "none" if os.environ.get("CI") else mode


def report_folder(config: pytest.Config) -> Path | None:
    """Where the page of all traffic is asked for; in the ini file it is seen from there.

    Raises:
        pytest.UsageError: it is empty.
    """
    folder = None
    for source, value in said(config, "report"):
        if not value:
            _unfit(source, "a folder", value)
        from_ini = source.startswith("ini")
        folder = (config.rootpath if from_ini else config.invocation_params.dir) / value
    return folder


def said(config: pytest.Config, name: str) -> list[tuple[str, Any]]:
    """Where a run's option was said and what, the winner last."""
    ini, option = config.getini(f"rpcfake_{name}"), config.getoption(f"rpcfake_{name}", None)
    said = [(f"ini option rpcfake_{name}", ini), (f"--rpcfake-{name}", option)]
    return [(source, value) for source, value in said if value is not None]


def _parsed(parse: Callable[[str], object], value: object) -> object:
    """The value that a text stands for, or the text where it stands for none."""
    try:
        return parse(str(value))
    except ValueError:
        return value
