"""The command ``rpcfake``: its group, and ``rpcfake demo``."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from rpcfake.cli import demo, main


def run(*args: str) -> Result:
    return CliRunner().invoke(main, args, prog_name="rpcfake")


def run_process(*args: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "rpcfake.cli", *args],
        capture_output=True,
        encoding="utf-8",
        env=os.environ | env,
        timeout=60,
    )


def without_real_time(output: str) -> str:
    return re.sub(r"in \S+ ms of real time", "in no time", output)


def test_version() -> None:
    result = run("--version")
    assert result.exit_code == 0
    assert re.fullmatch(r"rpcfake \d+\.\d+\.\d+\S*\n", result.output)


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_names_the_commands(flag: str) -> None:
    result = run(flag)
    assert result.exit_code == 0
    assert "demo" in result.output


def test_an_unknown_command_is_a_usage_error() -> None:
    assert run("dance").exit_code == 2


def test_demo_shows_the_build() -> None:
    result = run("demo")
    assert result.exit_code == 0, result.output
    for word in ("run_server", "get_capacity", "build_server", "transfer", "update_server"):
        assert word in result.output
    assert "web is ACTIVE on host alpha" in result.output
    assert re.search(r"38 s of virtual time passed in \d+\.\d ms of real time\.\n$", result.output)


@pytest.mark.parametrize("args", [(), ("--schedule", "random", "--seed", "7")])
def test_demo_is_the_same_in_every_process(args: tuple[str, ...]) -> None:
    runs = [run_process("demo", *args, PYTHONHASHSEED=str(n)) for n in (1, 2)]
    assert [each.returncode for each in runs] == [0, 0], runs[0].stderr
    assert runs[0].stderr == ""
    first, second = (without_real_time(each.stdout) for each in runs)
    assert first == second
    assert without_real_time(run("demo", *args).output) == first


@pytest.mark.parametrize("columns", ["20", "80", "300"])
def test_demo_in_a_pipe_has_no_colours_and_cuts_nothing(columns: str) -> None:
    narrow = run_process("demo", COLUMNS=columns)
    assert "\x1b" not in narrow.stdout
    assert "…" not in narrow.stdout
    assert without_real_time(narrow.stdout) == without_real_time(run("demo").output)


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        (["--schedule", "fast"], "--schedule"),
        (["--seed", "-1"], "--seed"),
        (["--seed", "x"], "--seed"),
        (["extra"], "extra"),
    ],
)
def test_demo_refuses_what_it_cannot_use(args: list[str], complaint: str) -> None:
    result = run("demo", *args)
    assert result.exit_code == 2
    assert complaint in result.output
    assert "Traceback" not in result.output


def test_demo_says_in_one_line_that_the_example_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys.modules["rpcfake.cli.demo"], "PLACES", (tmp_path / "a", tmp_path / "b"))
    result = run("demo")
    assert result.exit_code == 1
    assert result.output.startswith("Error: the example project is missing")
    assert result.output.count("\n") == 1


def test_the_example_is_imported_without_a_trace_in_the_path() -> None:
    before = list(sys.path)
    run("demo")
    assert sys.path == before
    assert demo.name == "demo"


def test_a_reader_that_leaves_early_is_no_crash() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "rpcfake.cli", "demo"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    with process.stderr as stderr:
        assert "Traceback" not in stderr.read()
    process.wait(60)
