"""The fixture rpc_cassette: traffic that is compared with what a file remembers of it."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pytest_rpcfake.options import refuse
from rpcfake import CassetteError, Redaction, Traffic
from rpcfake.hints import brief, did_you_mean
from rpcfake.traffic import Comparing
from rpcfake.traffic.cassette import read_entries, read_header
from rpcfake.traffic.cassette.redaction import Redactor
from rpcfake.traffic.cassette.writer import redact_entry

MARKER = "rpc_cassette"
FIXTURE = "rpc_cassette"
"""Stands in the header of what is written here: no other file is ever removed."""
FOLDER = "cassettes"
SUFFIX = ".jsonl"

OPTIONS = ("kinds", "order", "ignore", "match", "times")

LONGEST = 150
"""Characters of a file's name; some systems allow no more than 255 bytes."""


class RpcCassette:
    """What the traffic of one test must be: ``assert rpc_bus.traffic == rpc_cassette``.

    Attributes:
        path: the file, ``cassettes/<module>/<test>.jsonl`` beside the test's module.
        mode: ``none``, ``once``, ``new`` or ``all``: what may be recorded (``--rpcfake-record``).
    """

    def __init__(
        self, path: Path, mode: str, nodeid: str, redact: Redaction | bool, rules: Mapping[str, Any]
    ) -> None:
        self.path = path
        self.mode = mode
        self.used = False
        self._nodeid = nodeid
        self._redact = redact
        self._rules = dict(rules)
        self._comparing = Comparing(**rules)
        self._parent: RpcCassette | None = None
        self.explanation: list[str] = []

    def __call__(self, **options: Any) -> RpcCassette:
        """The same cassette, but that other things count; see `rpcfake.traffic.Comparing`.

        ``assert rpc_bus.traffic == rpc_cassette(order="topic", ignore=["request_id"])``
        """
        rules = self._rules | check_options(options, "rpc_cassette()")
        made = RpcCassette(self.path, self.mode, self._nodeid, self._redact, rules)
        made._parent = self
        return made

    def load(self) -> Traffic:
        """The traffic that it remembers. Raises `rpcfake.CassetteError` and OSError."""
        self._use()
        return Traffic.load(self.path)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Traffic):
            return NotImplemented
        self._use()
        self.explanation = self._compare(other)
        return not self.explanation

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<rpc_cassette {short(self.path)}>"

    def _compare(self, traffic: Traffic) -> list[str]:
        """What keeps it from being the same, in lines; it is recorded as the mode allows."""
        if not self.path.exists():
            if self.mode == "none":
                return [
                    "There is no such file yet.",
                    self._command("To record it", "once"),
                ]
            self._save(traffic)
            return []
        expected = Traffic.load(self.path)
        if self._has_secrets(expected):
            if self.mode == "all":
                self._save(traffic)
                return []
            return [
                "It was recorded before rpcfake_redact had all its keys, and has values of them.",
                self._command("To record it without", "all"),
            ]
        found = traffic.compare(expected, **vars(self._comparing))
        if found:
            return []
        only_added = all(each.what == "added" for each in found.differences)
        if self.mode == "all" or (self.mode == "new" and only_added):
            self._save(traffic)
            return []
        accepts = "new" if only_added else "all"
        return [*found.lines(), self._command("To accept it", accepts)]

    def _has_secrets(self, expected: Traffic) -> bool:
        """Whether it has what the ini file calls secret by now."""
        rules, before = self._redact, expected._log.origin.redacted
        if not isinstance(rules, Redaction) or before is None or {*rules.keys} <= {*before.keys}:
            return False
        redactor = Redactor(rules)
        return any(redact_entry(redactor, each) != each for each in read_entries(self.path))

    def _save(self, traffic: Traffic) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # Real times differ each time, and nobody compares them.
        times = traffic._log.origin.clock == "virtual"
        traffic._made_by(fixture=FIXTURE).save(self.path, redact=self._redact, times=times)

    def _use(self) -> None:
        self.used = True
        if self._parent is not None:
            self._parent._use()

    def _command(self, what: str, mode: str) -> str:
        command = f"{what}: pytest {_quoted(self._nodeid)} --rpcfake-record={mode}"
        if os.environ.get("CI"):
            command += " (where the environment has no CI: while it has, nothing is written)"
        return command


def cassette_for(item: pytest.Item, mode: str, redact: Redaction | bool) -> RpcCassette:
    """The cassette of a test, with what its markers say, the closest one last."""
    __tracebackhide__ = True
    rules: dict[str, Any] = {}
    for node in item.listchain():
        for mark in node.own_markers:
            if mark.name == MARKER:
                source = f"marker {MARKER} on {node.nodeid}"
                if mark.args:
                    why = f"must be given options by name, not {brief(mark.args[0])}"
                    refuse(f"{source} {why}")
                rules |= check_options(mark.kwargs, source)
    return RpcCassette(path_of(item), mode, item.nodeid, redact, rules)


def redaction(config: pytest.Config) -> Redaction:
    """What is secret, by the ini file."""
    keys, keep = config.getini("rpcfake_redact"), config.getini("rpcfake_keep")
    try:
        return Redaction(keys=tuple(keys), keep=tuple(keep))
    except (TypeError, ValueError) as error:
        source = "ini option rpcfake_redact or rpcfake_keep"
        refuse(f"{source}: {error}")


def check_options(options: Mapping[str, Any], source: str) -> dict[str, Any]:
    """The options, if `Comparing` takes them; else a UsageError that names the source."""
    __tracebackhide__ = True
    for name in options:
        if name not in OPTIONS:
            refuse(
                f"{source}: there is no option {name!r}{did_you_mean(name, OPTIONS)}"
                f" (options: {', '.join(OPTIONS)})"
            )
    try:
        Comparing(**options)
    except (TypeError, ValueError) as error:
        refuse(f"{source}: {error}")
    return dict(options)


def path_of(item: pytest.Item) -> Path:
    """The file of a test: each parameter has its own."""
    module = item.path
    names = [node.name for node in item.listchain() if isinstance(node, pytest.Class)]
    return module.parent / FOLDER / module.stem / (_safe(".".join([*names, item.name])) + SUFFIX)


def _safe(name: str) -> str:
    """A name that every file system takes, and that no other test's name becomes."""
    safe = re.sub(r"[^\w\[\]().,=+-]", lambda found: f"%{ord(found[0]):02x}", name, flags=re.ASCII)
    if len(safe) <= LONGEST:
        return safe
    return f"{safe[: LONGEST - 13]}-{hashlib.sha256(name.encode()).hexdigest()[:12]}"


def unused(items: list[pytest.Item]) -> list[Path]:
    """The cassettes beside these tests that belong to none of them.

    A cassette of any test that was collected is in use, whatever the test asks for now; of a test
    that runs on backends, so are those of all its backends. Modules that were not collected are
    left alone, unless they don't exist any more; and so is every file that rpc_cassette did not
    write.
    """
    modules = {item.path for item in items}
    used = {path_of(item) for item in items}
    on_backends = {
        path_of(item).parent / path_of(item).name.partition("[")[0]
        for item in items
        if "rpc_backend" in getattr(item, "fixturenames", ())
    }
    found = []
    for folder in sorted({module.parent / FOLDER for module in modules}):
        for each in sorted(folder.iterdir()) if folder.is_dir() else ():
            module = folder.parent / f"{each.name}.py"
            if each.is_dir() and (module in modules or not module.exists()):
                found += [
                    path
                    for path in sorted(each.glob(f"*{SUFFIX}"))
                    if path not in used
                    and each / path.name.partition("[")[0] not in on_backends
                    and _is_ours(path)
                ]
    return found


def _is_ours(path: Path) -> bool:
    """Whether rpc_cassette wrote a file."""
    try:
        return read_header(path).made_by.get("fixture") == FIXTURE
    except (CassetteError, OSError):
        return False


def prune(paths: list[Path]) -> None:
    """Remove cassettes, and the folders that are empty then."""
    for path in paths:
        path.unlink(missing_ok=True)
    for folder in sorted({path.parent for path in paths}):
        for each in (folder, folder.parent):
            if each.is_dir() and not any(each.iterdir()):
                each.rmdir()


def short(path: Path) -> str:
    """A path as a person at this place would name it."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def _quoted(nodeid: str) -> str:
    """As a shell takes it."""
    return (
        nodeid if re.fullmatch(r"[\w./:-]+", nodeid) else "'" + nodeid.replace("'", "'\\''") + "'"
    )
