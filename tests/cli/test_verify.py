"""``rpcfake verify`` and ``rpcfake clauses``."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as xml

import pytest
from click.testing import CliRunner, Result

from rpcfake.cli import main
from rpcfake.contract import GROUPS, all_clauses

ROOT = Path(__file__).parents[2]
NOVA = "tests.mutants.nova_2011_fake"

SHOP = '''
"""A backend that is right as far as it goes: that of rpcfake, in a module."""

from rpcfake import ThreadedBus

bus = ThreadedBus()
create_connection = bus.create_connection
call = bus.call
multicall = bus.multicall
cast = bus.cast
fanout_cast = bus.fanout_cast
'''

OWN_ERRORS = '''
"""It has errors of its own, and knows those of rpcfake only behind the curtain."""

from rpcfake import RemoteError as Theirs, ThreadedBus, Timeout as TheirTimeout


class RemoteError(Exception):
    def __init__(self, exc_type, value, traceback):
        self.exc_type, self.value, self.traceback = exc_type, value, traceback


class Timeout(Exception):
    pass


class Values:
    def __init__(self, values):
        self.values = values

    def __iter__(self):
        return self

    def __next__(self):
        return translated(next, self.values)

    def close(self):
        self.values.close()


def translated(function, *args):
    try:
        return function(*args)
    except Theirs as error:
        raise RemoteError(error.exc_type, error.value, error.traceback) from None
    except TheirTimeout:
        raise Timeout from None


bus = ThreadedBus()
create_connection = bus.create_connection
cast = bus.cast
fanout_cast = bus.fanout_cast


def call(*args, **options):
    return translated(lambda: bus.call(*args, **options))


def multicall(*args, **options):
    return Values(translated(lambda: bus.multicall(*args, **options)))
'''

DEAF = '''
import threading

from rpcfake.backends.memory import Memory


class Deaf(Memory):
    """Calls return None."""

    unsupported = {"round_robin": "whoever comes first"}

    def call(self, *args, **options):
        super().call(*args, **options)


class Distant(Memory):
    """There is a broker, and nobody can cut it off."""

    has_broker = True


class Hanging(Memory):
    """Casts don't come back before the test is over."""

    def cast(self, *args):
        over.wait()


over = threading.Event()


def with_options(colour, **more):
    assert colour == ["red"], colour
    return Memory()
'''


def run(*args: str, columns: int = 100) -> Result:
    return CliRunner(env={"COLUMNS": str(columns)}).invoke(main, args, prog_name="rpcfake")


def verify(*args: str, columns: int = 100) -> Result:
    return run("verify", "--profile=quick", *args, columns=columns)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of somebody else's modules, in which the command is run."""
    for name, text in {"shop": SHOP, "own_errors": OWN_ERRORS, "faulty": DEAF}.items():
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)
    yield tmp_path  # type: ignore[misc]
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) == str(tmp_path / f"{name}.py"):
            module = sys.modules.pop(name)
            if hasattr(module, "bus"):
                module.bus.close()
            if hasattr(module, "over"):
                module.over.set()


# Exit codes


def test_0_where_every_must_holds() -> None:
    result = verify("memory")
    assert result.exit_code == 0, result.output
    last = result.output.rstrip().splitlines()[-1]
    assert re.fullmatch(
        r"memory: (\d+) pass of \1 clauses \(6 more .*\) in .* s; every MUST holds", last
    )


def test_1_where_some_does_not(here: Path) -> None:
    result = verify("faulty:Deaf", "--clause", "CALL", "--patience", "0.2")
    assert result.exit_code == 1
    assert "not hold" in result.output


def test_0_where_what_fails_is_no_must_or_not_claimed(here: Path) -> None:
    for id in ("RPC-SHARE-004", "RPC-CALL-016"):
        result = verify("faulty:Deaf", "--clause", id, "--patience", "0.2")
        assert result.exit_code == 0, result.output


def test_2_where_it_could_not_be_judged() -> None:
    result = verify("memroy")
    assert result.exit_code == 2
    assert "did you mean 'memory'?" in result.output


def test_2_also_if_only_one_of_several_could_not_be_judged() -> None:
    result = verify("memory", "memroy", "--clause", "RPC-CALL-001")
    assert result.exit_code == 2
    assert "memory: 1 pass of 1 clauses" in result.output


# Bad input


BROKEN = {
    "empty": "",
    "two": "def call(): ...\ndef cast(): ...\n",
    "raising": "raise RuntimeError('no\\nbroker')\n",
    "syntax": "def call(:\n",
    "exits": "raise SystemExit(0)\n",
    "interrupts": "import no_such_module\n",
    "maker": "def make():\n    raise OSError('no disk')\n",
    "claims": "from rpcfake.backends.memory import memory\n\ndef make():\n"
    "    bus = memory()\n    bus.unsupported = {'round-robin': 'no'}\n    return bus\n",
    "not_there": "from rpcfake.backends.memory import Memory\n\nclass Bus(Memory):\n"
    "    def create_connection(self, new=True):\n        raise ConnectionRefusedError('no')\n",
}


@pytest.mark.parametrize(
    ("backend", "text"),
    [
        ("nothing", "no backend 'nothing'"),
        ("no.such.module", "importing 'no.such.module' raised ModuleNotFoundError"),
        ("empty", "backend empty has no create_connection, call, multicall, cast, fanout_cast"),
        ("two", "backend two has no create_connection, multicall, fanout_cast"),
        ("raising", "importing 'raising' raised RuntimeError: no broker"),
        ("syntax", "importing 'syntax' raised SyntaxError"),
        ("exits", "importing 'exits' raised SystemExit: 0"),
        ("interrupts", "importing 'interrupts' raised ModuleNotFoundError"),
        ("maker:make", "OSError: no disk"),
        ("maker:mak", "'maker' has no 'mak'; did you mean 'make'?"),
        ("claims:make", "'round-robin', which is no capability; did you mean 'round_robin'?"),
        ("not_there:Bus", "RPC-CALL-001: ConnectionRefusedError: no"),
        ("rpcfake", "is the facade itself"),
        ("memory=amqp://x", "refuses the options"),
        ("memory.x", "importing 'memory.x' raised"),
        ("", "no backend ''"),
    ],
)
def test_what_cannot_be_judged_is_told_in_one_line(here: Path, backend: str, text: str) -> None:
    for name, source in BROKEN.items():
        (here / f"{name}.py").write_text(source)
    result = verify(backend, "--clause", "RPC-CALL-001")
    assert result.exit_code == 2, result.output
    (line,) = result.output.splitlines()
    assert line.startswith(f"rpcfake: {backend} could not be judged: ")
    assert text in line


def test_a_password_is_told_to_nobody() -> None:
    result = verify("memory=amqp://me:secret@host//", "--clause", "RPC-CALL-001")
    assert result.exit_code == 2
    assert "amqp://me:***@host//" in result.output
    assert "secret" not in result.output


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["--clause", "RPC-CALL-01"], "no clause and no group; did you mean 'RPC-CALL-01"),
        (["--clause", "fanot"], "did you mean 'FANOUT'?"),
        (["--option", "colour"], "'colour': it must be NAME=VALUE"),
        (["--option", "=red"], "it must be NAME=VALUE"),
        (["--option", "a-b=red"], "it must be NAME=VALUE"),
        (["--seed", "many"], "'many' is not a valid integer"),
        (["--seed", "-1"], "-1 is not in the range"),
        (["--patience", "0"], "0"),
        (["--patience", "nan"], "nan"),
        (["--patience", "x"], "'x' is not a valid float"),
        (["--profile", "slow"], "'slow' is not one of"),
        (["--json", "no/such/dir/file.json"], "there is no directory 'no/such/dir'"),
        (["--junit", "."], "is a directory"),
        (["--html", "shop.py"], "is a file"),
        (["--html", "shop.py/below"], "can't be written"),
        (["--url", "x", "memory"], "--url is for one BACKEND"),
        (["--what"], "No such option"),
    ],
)
def test_a_bad_option_is_a_usage_error(here: Path, args: list[str], text: str) -> None:
    result = verify("memory", *args)
    assert result.exit_code == 2
    assert text in result.output
    assert "Traceback" not in result.output


def test_no_backend_is_a_usage_error() -> None:
    assert run("verify").exit_code == 2


def test_options_are_json_or_else_strings(here: Path) -> None:
    args = ("faulty:with_options", "--clause", "RPC-CALL-001")
    result = verify(*args, "--option", 'colour=["red"]', "--option", "name=x y")
    assert result.exit_code == 0, result.output
    assert verify(*args, "--option", "colour=red").exit_code == 2


# Any module


@pytest.mark.parametrize("module", ["shop", "own_errors"])
def test_any_module_with_the_five_functions_is_judged(here: Path, module: str) -> None:
    groups = [arg for group in ("CALL", "ERROR", "CONC", "TIME") for arg in ("--clause", group)]
    result = verify(module, *groups)
    assert result.exit_code == 0, result.output
    assert sys.path.count(str(here)) == 0


def test_a_hanging_backend_is_a_verdict_and_the_run_goes_on(here: Path) -> None:
    ids = ("--clause", "RPC-CAST-001", "--clause", "RPC-CALL-001")
    result = verify("faulty:Hanging", *ids, "--patience", "0.1")
    assert result.exit_code == 1
    assert "nothing happened for 0.7 s: it hangs" in result.output
    assert "over.wait()" in result.output
    assert "1 pass, 1 fail of 2 clauses" in result.output
    assert len(result.output.splitlines()) < 60


# What it tells


def test_a_failure_tells_everything(here: Path) -> None:
    result = verify("faulty:Deaf", "--clause", "RPC-CALL-001", "--seed", "7")
    for text in (
        "fail RPC-CALL-001 (MUST)",
        "requirement: A call returns the value that the method returned.",
        "expected:    what the call returned to be",
        "actual:      it was None",
        "look at:     how the reply finds its caller",
        "known as:    pact-python",
        "again:       rpcfake verify faulty:Deaf --profile=quick --seed=7 --clause RPC-CALL-001",
        "\nwith play('faulty:Deaf') as scene:\n",
    ):
        assert text in result.output


def test_the_program_can_be_run_as_it_was_printed(here: Path) -> None:
    output = verify("faulty:Deaf", "--clause", "RPC-CALL-001").output
    program = output[output.index("from rpcfake") : output.rindex("\n\n")]
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env={"PYTHONPATH": "."}
    )
    assert "Violation: expected what the call returned to be" in done.stderr


def test_the_command_judges_so_again(here: Path) -> None:
    first = verify("faulty:Deaf", "--clause", "CALL", "--seed", "3", "--patience", "0.2").output
    (again,) = re.findall(r"again: +rpcfake (.*RPC-CALL-003)", first)
    second = run(*again.split())
    assert second.exit_code == 1
    assert "--seed=3" in again
    assert "fail RPC-CALL-003 (MUST)" in second.output


def test_unsupported_is_told_once_for_each_reason(here: Path) -> None:
    result = verify("faulty:Deaf", "--clause", "RPC-SHARE-004", "--clause", "RPC-SHARE-005")
    assert result.output.count("whoever comes first") == 1
    assert "RPC-SHARE-004 (MUST), RPC-SHARE-005 (MUST)" in result.output


@pytest.mark.parametrize("columns", [40, 80, 120, 300])
def test_running_text_keeps_to_the_width(here: Path, columns: int) -> None:
    output = verify("faulty:Deaf", "--clause", "CALL", columns=columns).output
    # What is there to be copied is never wrapped.
    copied = re.compile(r"from |with play|    |  again:|faulty:Deaf:")
    told = [line for line in output.splitlines() if not copied.match(line)]
    assert [line for line in told if len(line) > min(columns, 100)] == []
    assert "…" not in output


def test_a_pipe_has_no_colours(here: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "rpcfake.cli", "verify", "memory", "--clause", "RPC-CALL-001"],
        capture_output=True,
        encoding="utf-8",
        env=os.environ,
    )
    assert "\x1b" not in done.stdout
    assert done.stderr == ""


def test_several_backends_give_a_matrix(here: Path) -> None:
    result = verify("memory", "faulty:Deaf", "--clause", "RPC-CALL-001", "--clause", "RPC-SEND-001")
    assert result.exit_code == 1
    (header,) = (line for line in result.output.splitlines() if line.startswith("clause "))
    assert header.split() == ["clause", "memory", "faulty:Deaf"]
    (row,) = (line for line in result.output.splitlines() if line.startswith("RPC-CALL-001"))
    assert row.split() == ["RPC-CALL-001", "pass", "fail"]
    assert "1 clauses pass wherever they apply." in result.output


def test_without_a_broker_there_is_nothing_to_lose(here: Path) -> None:
    ids = ("--clause", "LOSS", "--clause", "RPC-CALL-001")
    result = verify("memory", "faulty:Distant", *ids)
    assert "memory: 1 pass of 1 clauses (6 more are about a broker, and it has none) in" in (
        result.output
    )
    (row,) = (line for line in result.output.splitlines() if line.startswith("RPC-LOSS-001"))
    assert row.split() == ["RPC-LOSS-001", "\N{EN DASH}", "unknown"]
    assert "1 clauses pass wherever they apply." in result.output


def test_what_a_backend_logs_is_not_shown(here: Path) -> None:
    command = [sys.executable, "-m", "rpcfake.cli", "verify", "shop", "--clause", "RPC-CAST-002"]
    done = subprocess.run(command, cwd=here, capture_output=True, encoding="utf-8", check=True)
    assert done.stderr == ""


def test_the_2011_fake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    ids = ("RPC-CAST-002", "RPC-FANOUT-001", "RPC-SHARE-004", "RPC-CONN-001", "RPC-WIRE-009")
    chosen = [arg for id in ids for arg in ("--clause", id)]
    result = verify(NOVA, *chosen, "--patience", "0.2")
    assert result.exit_code == 1
    for id in ids:
        assert f"fail {id} (MUST)" in result.output


# Files


def test_json_has_everything(here: Path) -> None:
    result = verify("memory", "faulty:Deaf", "--clause", "CALL", "--json", "out.json")
    assert result.exit_code == 1
    reports = json.loads((here / "out.json").read_text())
    assert [one["backend"] for one in reports] == ["memory", "faulty:Deaf"]
    assert [one["holds"] for one in reports] == [True, False]
    for one in reports:
        assert sum(one["counts"].values()) == len(one["findings"])
        assert one["about"]["rpcfake"]
    ids = [clause.id for clause in all_clauses() if clause.group == "CALL"]
    assert [each["clause"] for each in reports[0]["findings"]] == ids


def test_junit_is_valid_and_counts(here: Path) -> None:
    verify("memory", "faulty:Deaf", "--clause", "CALL", "--junit", "out.xml")
    suites = xml.parse(here / "out.xml").getroot()
    for suite in suites:
        cases = suite.findall("testcase")
        assert suite.get("tests") == str(len(cases))
        assert suite.get("failures") == str(len(suite.findall("testcase/failure")))
    assert [suite.get("failures") == "0" for suite in suites] == [True, False]


def test_the_matrix_is_written_in_markdown(here: Path) -> None:
    verify("memory", "faulty:Deaf", "--clause", "RPC-CALL-001", "--markdown", "out.md")
    page = (here / "out.md").read_text()
    assert "| `memory` | `faulty:Deaf` |" in page
    assert "| pass | fail |" in page


def test_html_is_written_where_it_should(here: Path) -> None:
    result = verify("memory", "--clause", "RPC-CALL-001", "--html", "new/page")
    assert result.exit_code == 0, result.output
    assert f"wrote {Path('new/page/index.html')}" in result.output
    assert "RPC-CALL-001" in (here / "new" / "page" / "index.html").read_text()


def test_files_are_written_though_a_must_is_broken_or_a_backend_is_not_there(here: Path) -> None:
    result = verify("memroy", "faulty:Deaf", "--clause", "RPC-CALL-001", "--json", "out.json")
    assert result.exit_code == 2
    assert len(json.loads((here / "out.json").read_text())) == 1


# rpcfake clauses


def test_clauses_lists_all_in_a_pipe_line_by_line() -> None:
    lines = run("clauses").output.splitlines()
    assert len(lines) == len(all_clauses())
    id, level, needs, rule = next(line for line in lines if "SHARE-004" in line).split("\t")
    assert (id, level, needs) == ("RPC-SHARE-004", "MUST", "round_robin")
    assert rule.endswith(".")


@pytest.mark.parametrize("group", ["FANOUT", "fanout"])
def test_clauses_of_one_group(group: str) -> None:
    lines = run("clauses", "--group", group).output.splitlines()
    assert lines
    assert all(line.startswith("RPC-FANOUT-") for line in lines)


def test_clauses_of_no_group() -> None:
    result = run("clauses", "--group", "FANOT")
    assert result.exit_code == 2
    assert "did you mean 'FANOUT'?" in result.output


def test_every_group_has_clauses() -> None:
    assert {clause.group for clause in all_clauses()} == set(GROUPS)
