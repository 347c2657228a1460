"""The watchdog: it says where a bus stands that a real lock or blocking call holds."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest

from pytest_rpcfake.watchdog import PARTS, Watchdog, Watched

if TYPE_CHECKING:
    from tests.plugin.conftest import Project

BLOCKED = """
import faulthandler, pytest, rpcfake, threading
{imports}

lock = threading.Lock()

class Disk:
    def write(self, context):
        # Held by nobody who could let it go: only the watchdog's report does.
        with lock:
            pass

@pytest.fixture
def report_releases(monkeypatch):
    dump = faulthandler.dump_traceback

    def dump_and_release(*args, **options):
        dump(*args, **options)
        lock.release()

    monkeypatch.setattr(faulthandler, "dump_traceback", dump_and_release)
    lock.acquire()

{decorator}
def test_blocks(rpc_bus, report_releases):
    rpc_bus.serve("disk", Disk())
    rpcfake.call(None, "disk", {{"method": "write"}})
"""


def blocked(imports: str = "", decorator: str = "") -> str:
    return BLOCKED.format(imports=imports, decorator=decorator)


class Standing:
    """A bus that stands at a step."""

    steps = 7
    running: str | None = "shop#1 handling call shop.buy"


def reports(bus: Standing, looks: int, watched: Watched | None = None, paused: bool = False) -> int:
    watched = watched or Watched(bus, lambda: "a test")
    return sum(watched.stands(paused) for _ in range(looks))


def test_a_handler_that_holds_a_real_lock(project: Project) -> None:
    result = project.run_apart(blocked(), "--rpcfake-watchdog=0.3")
    result.assert_outcomes(passed=1)
    result.stderr.fnmatch_lines(
        [
            "rpcfake watchdog, in test_it.py::test_blocks:",
            "the bus has stood at one step for 0.3 real seconds. It runs *disk#1*disk.write*",
            "*a lock that another task*",
            "*the fixture rpc_threaded_bus*",
            "The test goes on. Patience: --rpcfake-watchdog=SECONDS, or ini rpcfake_watchdog; "
            "0 turns this off.",
            '  File "*test_it.py", line * in write',
        ]
    )
    assert result.stderr.str().count("rpcfake watchdog") == 1
    result.stdout.no_fnmatch_line("*watchdog*")


@pytest.mark.parametrize("args", [("-s",), ("--capture=sys",), ("-n1",)])
def test_however_pytest_captures(project: Project, args: tuple[str, ...]) -> None:
    if "-n1" in args:
        pytest.importorskip("xdist")
    project.ini("rpcfake_watchdog = 0.3")
    result = project.run_apart(blocked(), *args)
    result.assert_outcomes(passed=1)
    result.stderr.fnmatch_lines(["rpcfake watchdog, in test_it.py::test_blocks:", "*in write"])


@pytest.mark.parametrize(
    ("imports", "decorator"),
    [
        ("from freezegun import freeze_time", "@freeze_time('2011-01-01')"),
        ("import time_machine", "@time_machine.travel('2011-01-01', tick=False)"),
        ("import time; from unittest import mock", "@mock.patch.object(time, 'monotonic', None)"),
    ],
)
def test_patched_clocks_do_not_reach_it(project: Project, imports: str, decorator: str) -> None:
    if "time_machine" in imports:
        pytest.importorskip("time_machine")
    result = project.run_apart(blocked(imports, decorator), "--rpcfake-watchdog=0.3")
    result.assert_outcomes(passed=1)
    result.stderr.fnmatch_lines(["rpcfake watchdog, in test_it.py::test_blocks:", "*in write"])


def test_it_watches_buses_of_the_factory(project: Project) -> None:
    source = blocked().replace(
        "(rpc_bus, report_releases):\n    rpc_bus.serve",
        "(rpc_bus_factory, report_releases):\n  with rpc_bus_factory() as bus:\n    bus.serve",
    )
    result = project.run_apart(source, "--rpcfake-watchdog=0.3")
    result.assert_outcomes(passed=1)
    result.stderr.fnmatch_lines(["rpcfake watchdog, in test_it.py::test_blocks:"])


def test_its_thread_starts_with_the_first_bus(project: Project) -> None:
    project.run(
        """
        import threading

        def names():
            return [thread.name for thread in threading.enumerate()]

        def test_1():
            assert "rpcfake-watchdog" not in names()

        def test_2(rpc_threaded_bus):
            assert "rpcfake-watchdog" not in names()

        def test_3(rpc_bus):
            assert names().count("rpcfake-watchdog") == 1

        def test_4(rpc_bus):
            assert names().count("rpcfake-watchdog") == 1
        """
    ).assert_outcomes(passed=4)
    assert "rpcfake-watchdog" not in [thread.name for thread in threading.enumerate()]


def test_it_lets_go_of_a_bus_that_is_closed(project: Project) -> None:
    project.run(
        """
        from pytest_rpcfake.plugin import RUN

        def test_1(rpc_bus, request):
            assert request.config.stash[RUN].watchdog._watched

        def test_2(request):
            assert not request.config.stash[RUN].watchdog._watched
        """
    ).assert_outcomes(passed=2)


def test_0_turns_it_off(project: Project) -> None:
    project.run(
        """
        import threading

        def test_it(rpc_bus):
            assert "rpcfake-watchdog" not in [thread.name for thread in threading.enumerate()]
        """,
        "--rpcfake-watchdog=0",
    ).assert_outcomes(passed=1)


def test_a_debugger_pauses_it(project: Project) -> None:
    project.run(
        """
        from pytest_rpcfake.plugin import RUN

        def test_it(rpc_bus, request):
            watchdog = request.config.stash[RUN].watchdog
            request.config.hook.pytest_enter_pdb(config=request.config, pdb=None)
            assert watchdog.paused
            request.config.hook.pytest_leave_pdb(config=request.config, pdb=None)
            assert not watchdog.paused
            request.config.hook.pytest_enter_pdb(config=request.config, pdb=None)

        def test_a_debugger_that_was_quit_pauses_its_own_test_only(rpc_bus, request):
            assert not request.config.stash[RUN].watchdog.paused
        """
    ).assert_outcomes(passed=2)


def test_a_step_is_reported_once_when_its_patience_ends() -> None:
    bus = Standing()
    watched = Watched(bus, lambda: "a test")
    assert reports(bus, PARTS, watched) == 0
    assert reports(bus, 1, watched) == 1
    assert reports(bus, 100, watched) == 0
    bus.steps += 1
    assert reports(bus, PARTS, watched) == 0
    assert reports(bus, 1, watched) == 1


def test_a_bus_that_moves_is_not_reported() -> None:
    bus = Standing()
    watched = Watched(bus, lambda: "a test")
    for _ in range(100):
        bus.steps += 1
        assert reports(bus, PARTS, watched) == 0


def test_an_idle_bus_is_not_reported() -> None:
    bus = Standing()
    bus.running = None
    assert reports(bus, 100) == 0


def test_a_paused_one_is_not_reported_and_gets_its_whole_patience_after() -> None:
    bus = Standing()
    watched = Watched(bus, lambda: "a test")
    assert reports(bus, PARTS, watched) == 0
    assert reports(bus, 100, watched, paused=True) == 0
    assert reports(bus, PARTS - 1, watched) == 0
    assert reports(bus, 1, watched) == 1


def test_closing_it_ends_its_thread() -> None:
    read, write = os.pipe()
    watchdog = Watchdog(0.004, write)
    watchdog.watch(Standing(), lambda: "a test of the watchdog")
    with open(read, encoding="utf-8") as stderr:
        assert stderr.readline() == "\n"
        assert stderr.readline() == "rpcfake watchdog, in a test of the watchdog:\n"
        watchdog.close()
        assert "rpcfake-watchdog" not in [thread.name for thread in threading.enumerate()]
        os.close(write)
        assert "in test_closing_it_ends_its_thread" in stderr.read()


def test_no_file_stays_open(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, closed = [], []
    dup, close = os.dup, os.close

    def record_dup(fd: int) -> int:
        opened.append(dup(fd))
        return opened[-1]

    def record_close(fd: int) -> None:
        closed.append(fd)
        close(fd)

    monkeypatch.setattr(os, "dup", record_dup)
    monkeypatch.setattr(os, "close", record_close)
    project.run("def test_it(rpc_bus): pass", "-pno:faulthandler", "--capture=sys")
    assert len(opened) == 1
    assert opened == closed
