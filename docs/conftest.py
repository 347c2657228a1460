"""Runs every example of the documentation, page by page, in the order of the page.

A page gets a directory of its own. A block with a caption is a file: it is written there under its
caption's name. If that is ``test_….py``, pytest runs it in a process of its own, with the plugin
as a user has it, and all its tests must pass, or fail if the block has ``:class: fails``. A Python
block without a caption is executed on the spot; the blocks of a page share their names. In a
console block each line ``$ command`` is run in the page's directory, and what it prints must be
what the page shows, where ``...`` stands for anything. ``% skip: next "why"`` before a block leaves
it out, and ``% skip: next if(no_broker, reason=…)`` where no RabbitMQ answers; under CI one must.
"""

from __future__ import annotations

import doctest
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from sybil import Example, Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.myst import CodeBlockParser, SkipParser

LANGUAGES = ("python", "console", "toml", "ini", "text")
"""What a block may be written in; `text` is for pictures, and only looked at."""

execute = PythonEvaluator()


def evaluate(example: Example) -> str | None:
    language = example.region.lexemes["arguments"].strip()
    options = example.region.lexemes.get("options") or {}
    where: Path = example.namespace["page_directory"]
    if name := options.get("caption"):
        (where / name).write_text(example.parsed, encoding="utf-8")
        if name.startswith("test_"):
            return run_tests(name, where, must_fail="fails" in options.get("class", "").split())
    elif language == "console":
        return run_console(example.parsed, where)
    elif language == "python":
        if re.search(r"^\s*def test_", example.parsed, re.MULTILINE):
            return "A block with tests needs a caption, or nobody runs them."
        execute(example)
    elif language not in LANGUAGES:
        return f"A block in {language!r}: nobody knows how to run it. Known: {LANGUAGES}."
    elif language != "text":
        return f"A {language} block needs a caption: the name of the file that it is."
    return None


def run_tests(name: str, where: Path, *, must_fail: bool) -> str | None:
    done = run(f"pytest {name}", where)
    if done.returncode == (1 if must_fail else 0):
        return None
    return f"{name} should {'fail' if must_fail else 'pass'}, but:\n{done.stdout}"


def run_console(text: str, where: Path) -> str | None:
    checker = doctest.OutputChecker()
    for command, want in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n?)*)", text, re.MULTILINE):
        done = run(command, where)
        shown, printed = tidy(want), tidy(done.stdout)
        if not shown and done.returncode:
            return f"$ {command}\nended with {done.returncode}:\n{done.stdout}"
        if shown and not checker.check_output(shown, printed, doctest.ELLIPSIS):
            return f"$ {command}\nThe page shows:\n\n{shown}\nIt printed:\n\n{done.stdout}"
    return None


def tidy(text: str) -> str:
    """Without the blanks at the ends of lines and the empty lines at both ends."""
    return "\n".join(line.rstrip() for line in text.splitlines()).strip("\n")


def run(command: str, where: Path) -> subprocess.CompletedProcess[str]:
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    # No random order and no cache, or the page's output would change from run to run.
    plain = {"PYTEST_ADDOPTS": "-p no:randomly -p no:cacheprovider", "NO_COLOR": "1"}
    environment = os.environ | {"PATH": programs, "COLUMNS": "80"} | plain
    # A page's programs import its files, and nobody measures them. It tells what happens at a desk.
    for name in ("CI", "PYTHONSAFEPATH", "COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START"):
        environment.pop(name, None)
    return subprocess.run(
        command,
        shell=True,
        cwd=where,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=120,
    )


def set_up(namespace: dict[str, Any]) -> None:
    namespace["page_directory"] = Path(tempfile.mkdtemp(prefix="rpcfake-docs-"))
    namespace["no_broker"] = "CI" not in os.environ and not answers("127.0.0.1", 5672)


def answers(host: str, port: int) -> bool:
    """Whether somebody listens there."""
    try:
        with socket.create_connection((host, port), timeout=3):
            return True
    except OSError:
        return False


def tear_down(namespace: dict[str, Any]) -> None:
    shutil.rmtree(namespace["page_directory"])


class AnyCodeBlock(CodeBlockParser):
    """Every code block of a page, whatever its language, so that none is left out by accident."""

    def __init__(self) -> None:
        super().__init__("any", evaluate)

    def __call__(self, document):  # type: ignore[no-untyped-def]
        for region in self.lexers(document):
            language = region.lexemes["arguments"]
            if not language.startswith("{"):
                region.parsed = region.lexemes["source"]
                region.evaluator = evaluate
                yield region


pytest_collect_file = Sybil(
    parsers=[AnyCodeBlock(), SkipParser()],
    patterns=["*.md"],
    setup=set_up,
    teardown=tear_down,
).pytest()
