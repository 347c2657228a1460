"""Where options are said, which place wins, and what a wrong one is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Project

WORDS = "blocked, handler_errors, unused_stubs, untaken"
OPTIONS = "seed, schedule, codec, context_factory, allow, patch"

SAYS = """
import pytest

def test_plain(rpc_bus):
    print(f"plain: {rpc_bus.schedule.name} {rpc_bus.seed}")

@pytest.mark.rpc_bus(seed=3)
def test_marked(rpc_bus):
    print(f"marked: {rpc_bus.schedule.name} {rpc_bus.seed}")

@pytest.mark.rpc_bus(seed=3)
def test_factory(rpc_bus_factory):
    with rpc_bus_factory() as bus:
        print(f"factory: {bus.schedule.name} {bus.seed}")
    with rpc_bus_factory(seed=4) as bus:
        print(f"options: {bus.schedule.name} {bus.seed}")

@pytest.fixture
def made(rpc_bus_factory):
    with rpc_bus_factory() as bus:
        yield bus

@pytest.mark.rpc_bus(seed=3)
def test_fixture(made):
    print(f"fixture: {made.schedule.name} {made.seed}")
"""


def test_the_defaults(project: Project) -> None:
    project.run(SAYS, "-rP").stdout.fnmatch_lines(
        ["plain: fifo 0", "marked: fifo 3", "factory: fifo 3", "options: fifo 4", "fixture: fifo 0"]
    )


def test_the_ini_file(project: Project) -> None:
    project.ini("rpcfake_seed = 1", "rpcfake_schedule = random")
    project.run(SAYS, "-rP").stdout.fnmatch_lines(
        [
            "plain: random 1",
            "marked: random 3",
            "factory: random 3",
            "options: random 4",
            "fixture: random 1",
        ]
    )


def test_the_command_line_wins_over_the_ini_file(project: Project) -> None:
    args = ("--rpcfake-seed=2", "--rpcfake-schedule=random", "--rpcfake-watchdog=0")
    project.ini("rpcfake_seed = 1", "rpcfake_schedule = fifo", "rpcfake_watchdog = 5")
    project.run(SAYS, "-rP", *args).stdout.fnmatch_lines(
        ["plain: random 2", "marked: random 3", "*", "options: random 4", "fixture: random 2"]
    )


@pytest.mark.parametrize(
    "table",
    [
        "[tool.pytest.ini_options]\nrpcfake_seed = 7\nrpcfake_allow = ['untaken', 'blocked']",
        "[tool.pytest.ini_options]\nrpcfake_seed = '7'\nrpcfake_allow = 'untaken blocked'",
        pytest.param(
            "[tool.pytest]\nrpcfake_seed = 7\nrpcfake_allow = ['untaken', 'blocked']",
            marks=pytest.mark.skipif(
                pytest.version_tuple < (9, 2), reason="older ones want the number as a string"
            ),
        ),
    ],
)
def test_a_toml_file(project: Project, table: str) -> None:
    project.pytester.makepyprojecttoml(table)
    project.run(
        """
        import shop

        def test_it(rpc_bus):
            shop.cast("nobody")
            assert rpc_bus.seed == 7
        """
    ).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ("sede=3", f"there is no option 'sede'; did you mean 'seed'? (options: {OPTIONS})"),
        ("x=3", f"there is no option 'x' (options: {OPTIONS})"),
        ("3", "must be given options by name, not 3 (int)"),
        ("seed='3'", "seed must be an int, not '3' (str)"),
        ("seed=True", "seed must be an int, not True (bool)"),
        (
            "schedule=3",
            "schedule must be the name of a schedule or an object with name and choose, "
            "not 3 (int)",
        ),
        (
            "codec=3",
            "codec must be the name of a codec or an object with name, encode and decode, "
            "not 3 (int)",
        ),
        (
            "context_factory='dict'",
            "context_factory must be a callable that takes the context as it arrived, or None, "
            "not 'dict' (str)",
        ),
        ("allow='untaken'", "allow must be a set of words, not 'untaken' (str); write {'untaken'}"),
        ("allow=True", f"allow must be a set of words, not True (bool) (words: {WORDS})"),
        (
            "allow={'untakn'}",
            f"allow has no word 'untakn'; did you mean 'untaken'? (words: {WORDS})",
        ),
        ("allow=[3]", f"allow has no word 3 (words: {WORDS})"),
        ("patch=3", "patch must be a module, its dotted name, or several of these, not 3 (int)"),
        ("patch=['shop', 3]", "patch must be modules or their dotted names, not 3 (int)"),
        ("patch=''", "patch must be modules or their dotted names, not '' (str)"),
    ],
)
def test_a_wrong_marker(project: Project, options: str, text: str) -> None:
    result = project.run(
        f"""
        import pytest

        @pytest.mark.rpc_bus({options})
        def test_it():
            pass

        def test_another():
            pass
        """
    )
    result.assert_outcomes(errors=1, passed=1)
    source = "marker rpc_bus on test_it.py::test_it"
    colon = "" if options == "3" else ":"
    lines = [line for line in result.outlines if source in line]
    assert lines[0] == f"rpcfake: {source}{colon} {text}"
    assert "During handling" not in result.stdout.str()
    assert "Traceback" not in result.stdout.str()


def test_what_the_bus_refuses_names_where_it_was_said(project: Project) -> None:
    project.ini("rpcfake_codec = jsn")
    result = project.run(
        """
        import pytest

        @pytest.mark.rpc_bus(schedule="fife", codec="json")
        def test_1():
            pass

        def test_2(rpc_threaded_bus):
            pass
        """,
        "--rpcfake-seed=3",
    )
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(
        [
            "rpcfake: schedule is 'fife': * did you mean 'fifo'?",
            "  seed: from --rpcfake-seed",
            "  codec: from marker rpc_bus on test_it.py::test_1",
            "  schedule: from marker rpc_bus on test_it.py::test_1",
            "*ERROR at setup of test_2*",
            "rpcfake: *'jsn'*",
            "  seed: from --rpcfake-seed",
            "  codec: from ini option rpcfake_codec",
        ]
    )


def test_a_marker_on_a_test_case_is_named_by_its_class(project: Project) -> None:
    result = project.run(
        """
        import pytest, unittest

        @pytest.mark.rpc_bus(seed="x")
        class Test(unittest.TestCase):
            def test_it(self):
                pass
        """
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["rpcfake: marker rpc_bus on test_it.py::Test: seed must be an int, not 'x' (str)"]
    )


@pytest.mark.parametrize("option", ["seed=1", "schedule='fifo'"])
def test_a_threaded_bus_has_no_schedule(project: Project, option: str) -> None:
    result = project.run(
        f"""
        import pytest

        @pytest.mark.rpc_bus({option})
        def test_1(rpc_threaded_bus):
            pass

        @pytest.mark.rpc_bus({option})
        class TestOthers:
            def test_2(self, rpc_threaded_bus):
                pass

        @pytest.mark.rpc_bus({option})
        def test_3(rpc_bus, rpc_threaded_bus):
            pass
        """
    )
    result.assert_outcomes(errors=1, passed=2)
    name = option.partition("=")[0]
    result.stdout.fnmatch_lines(
        [
            f"rpcfake: marker rpc_bus on test_it.py::test_1: {name} is for rpc_bus. "
            "On rpc_threaded_bus the order is the machine's"
        ]
    )


def test_the_marker_alone_on_a_hypothesis_test(project: Project) -> None:
    result = project.run(
        """
        import pytest
        from hypothesis import given, strategies as st

        @pytest.mark.rpc_bus
        @given(number=st.integers())
        def test_it(number):
            pass
        """
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [
            "rpcfake: the marker rpc_bus on a Hypothesis test would give all examples one bus, and "
            "each needs a new one. Ask for the fixture rpc_bus_factory, and begin the test's body "
            "with: with rpc_bus_factory() as bus:"
        ]
    )


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("rpcfake_seed = abc", "ini option rpcfake_seed: seed must be an int, not 'abc' (str)"),
        (
            "rpcfake_watchdog = -1",
            "ini option rpcfake_watchdog must be a number of *",
        ),
        (
            "rpcfake_allow = untaken blockd",
            "ini option rpcfake_allow: allow has no word *",
        ),
    ],
)
def test_a_wrong_ini_file(project: Project, line: str, text: str) -> None:
    project.ini(line)
    result = project.run("def test_it(): pass")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: rpcfake: {text}"])


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("--rpcfake-seed=1.5", "--rpcfake-seed: seed must be an int, not '1.5' (str)"),
        ("--rpcfake-watchdog=soon", "--rpcfake-watchdog must be a number of seconds, 0 or more, *"),
        ("--rpcfake-watchdog=inf", "--rpcfake-watchdog must be a number of seconds, 0 or more, *"),
        ("--rpcfake-watchdog=nan", "--rpcfake-watchdog must be a number of seconds, 0 or more, *"),
    ],
)
def test_a_wrong_command_line(project: Project, option: str, text: str) -> None:
    result = project.run("def test_it(): pass", option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: rpcfake: {text}"])


def test_the_words_are_those_of_the_bus() -> None:
    from pytest_rpcfake.options import WORDS
    from rpcfake.bus import ALLOW

    assert set(WORDS) == set(ALLOW)
