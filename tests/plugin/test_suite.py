"""``pytest --pyargs rpcfake.contract.suite``: the contract in the CI of a backend's author."""

from __future__ import annotations

import re

import pytest

from rpcfake.contract import all_clauses

from .conftest import Project

SUITE = ("--pyargs", "rpcfake.contract.suite", "--rpcfake-profile=quick", "-p", "no:cacheprovider")

IDS = [clause.id for clause in all_clauses()]

FAULTY = """
    from rpcfake.backends.memory import Memory

    class Deaf(Memory):
        unsupported = {"round_robin": "whoever comes first"}

        def call(self, *args, **options):
            super().call(*args, **options)

    class Distant(Memory):
        has_broker = True

    class Hanging(Memory):
        def cast(self, *args):
            import threading

            threading.Event().wait()

    class Away(Memory):
        def create_connection(self, new=True):
            raise ConnectionRefusedError("nobody there")

    class Dying(Memory):
        calls = 0

        def call(self, *args, **options):
            type(self).calls += 1
            if self.calls > 40:
                raise ConnectionResetError("it went away")
            return super().call(*args, **options)
"""


@pytest.fixture
def faulty(project: Project) -> Project:
    project.write("faulty", FAULTY)
    return project


def judge(project: Project, *args: str) -> pytest.RunResult:
    return project.run("", *SUITE, *args)


def test_there_is_a_test_for_each_clause_named_by_its_id(project: Project) -> None:
    result = judge(project, "--collect-only", "-q")
    found = re.findall(r"test_clause\[(.*)\]", result.stdout.str())
    assert found == IDS


def test_memory_passes(project: Project) -> None:
    result = judge(project, "-k", "CALL or FANOUT or SHARE")
    outcomes = result.parseoutcomes()
    assert outcomes["passed"] > 40
    assert outcomes.keys() - {"warnings"} == {"passed", "deselected"}


def test_a_failure_tells_everything_and_no_traceback(faulty: Project) -> None:
    result = judge(faulty, "--rpcfake-backend=faulty:Deaf", "-k", "RPC-CALL-001")
    result.assert_outcomes(failed=1, deselected=len(IDS) - 1)
    result.stdout.fnmatch_lines(
        [
            "*test_clause[[]RPC-CALL-001[]]*",
            "RPC-CALL-001 (MUST) on faulty:Deaf: fail",
            "requirement: A call returns the value that the method returned.",
            "expected: what the call returned to be *",
            "actual: it was None",
            "look at: *",
            "known as: *",
            "from rpcfake.contract import play",
            "with play('faulty:Deaf') as scene:",
        ]
    )
    assert "Traceback" not in result.stdout.str()


def test_what_is_unsupported_is_skipped_with_its_reason(faulty: Project) -> None:
    result = judge(faulty, "--rpcfake-backend=faulty:Deaf", "-k", "RPC-SHARE-004", "-rs")
    assert result.parseoutcomes()["skipped"] == 1
    result.stdout.fnmatch_lines(["SKIPPED*unsupported: whoever comes first"])


def test_a_should_that_does_not_hold_is_expected_to_fail(faulty: Project) -> None:
    result = judge(faulty, "--rpcfake-backend=faulty:Deaf", "-k", "RPC-CALL-016", "-rx")
    assert result.parseoutcomes()["xfailed"] == 1
    result.stdout.fnmatch_lines(["XFAIL*nonstrict, SHOULD: it was None"])
    assert result.ret == 0


def test_what_is_unknown_fails_only_where_it_must_not(faulty: Project) -> None:
    result = judge(faulty, "--rpcfake-backend=faulty:Distant", "-k", "LOSS", "-rs")
    assert result.parseoutcomes()["skipped"] == 6
    result.stdout.fnmatch_lines(["SKIPPED*unknown: the backend's harness can't interrupt*"])
    assert result.ret == 0


def test_what_does_not_apply_is_skipped(project: Project) -> None:
    result = judge(project, "-k", "LOSS", "-rs")
    assert result.parseoutcomes()["skipped"] == 6
    result.stdout.fnmatch_lines(["SKIPPED*does not apply: it is about a broker*"])
    assert result.ret == 0


def test_a_hang_is_a_failure_and_the_run_goes_on(faulty: Project) -> None:
    args = ("--rpcfake-backend=faulty:Hanging", "--rpcfake-patience=0.1")
    # Apart, since the thread that hangs stays as long as its process.
    result = faulty.run_apart("", *SUITE, *args, "-k", "RPC-CAST-001 or RPC-FANOUT-001")
    outcomes = result.parseoutcomes()
    assert (outcomes["failed"], outcomes["passed"]) == (1, 1)
    result.stdout.fnmatch_lines(["actual: nothing happened for 0.7 s: it hangs"])


def test_several_backends_are_judged_each(faulty: Project) -> None:
    named = ("--rpcfake-backend=memory", "--rpcfake-backend=faulty:Deaf")
    result = judge(faulty, *named, "-k", "RPC-CALL-001", "-v")
    result.stdout.fnmatch_lines_random(
        ["*test_clause*RPC-CALL-001-memory* PASSED*", "*test_clause*RPC-CALL-001*Deaf* FAILED*"]
    )


def test_the_ini_file_says_it_all(faulty: Project) -> None:
    faulty.ini(
        "rpcfake_backend = faulty:Hanging",
        "rpcfake_patience = 0.1",
        "rpcfake_profile = thorough",
        "rpcfake_seed = 5",
    )
    args = ("--pyargs", "rpcfake.contract.suite", "-p", "no:cacheprovider")
    result = faulty.run_apart("", *args, "-k", "RPC-CAST-001")
    result.stdout.fnmatch_lines(["actual: nothing happened for 0.7 s: it hangs"])


def test_a_seed_gives_the_same_examples(faulty: Project) -> None:
    args = ("--rpcfake-backend=faulty:Deaf", "-k", "RPC-CALL-003", "--rpcfake-seed=3")
    first, second = (
        re.sub(r"t-\w+\.\w+-", "t-", judge(faulty, *args).stdout.str()) for _ in range(2)
    )
    programs = [re.findall(r"scene\.call.*", text) for text in (first, second)]
    assert programs[0] == programs[1] != []


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["--rpcfake-backend=memroy"], "no backend 'memroy'; did you mean 'memory'?"),
        (
            ["--rpcfake-backend=faulty:Away"],
            "faulty:Away could not be judged: RPC-CALL-001: ConnectionRefusedError: nobody there",
        ),
        (["--rpcfake-backend=faulty:Deaf", "--rpcfake-option=x=1"], "refuses the options"),
        (["--rpcfake-profile=quik"], "--rpcfake-profile must be one of quick, default, thorough"),
        (["--rpcfake-patience=long"], "--rpcfake-patience must be a number of seconds"),
        (["--rpcfake-patience=nan"], "--rpcfake-patience must be a number of seconds"),
        (["--rpcfake-patience=-1"], "--rpcfake-patience must be a number of seconds"),
    ],
)
def test_what_cannot_be_judged_is_told_in_one_line(
    faulty: Project, args: list[str], text: str
) -> None:
    result = judge(faulty, *args)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    (line,) = (line for line in result.stderr.lines if line.strip())
    assert line.startswith("ERROR: rpcfake: ")
    assert text in line
    assert "Traceback" not in result.stdout.str()


def test_a_backend_that_goes_away_meanwhile_ends_the_run(faulty: Project) -> None:
    result = judge(faulty, "--rpcfake-backend=faulty:Dying", "-k", "CALL")
    assert result.ret == 2
    text = result.stdout.str() + result.stderr.str()
    assert "faulty:Dying could not be judged: " in text
    assert "ConnectionResetError: it went away" in text
    assert "Traceback" not in text


def test_it_runs_in_workers_of_xdist(project: Project) -> None:
    pytest.importorskip("xdist")
    result = project.run_apart("", *SUITE, "-n2", "-k", "RPC-CALL-00", "-p", "no:randomly")
    assert result.parseoutcomes()["passed"] == 9


def test_a_test_of_ones_own_judges_too(project: Project) -> None:
    source = """
        from rpcfake.contract import all_clauses

        def test_fanouts(rpc_contract):
            for clause in all_clauses():
                if clause.group == "FANOUT":
                    rpc_contract(clause)
    """
    project.run(source, "--rpcfake-profile=quick").assert_outcomes(passed=1)
