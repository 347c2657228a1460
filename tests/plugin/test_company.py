"""The plugin beside others, and where it is not wanted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Project

MANY = """
import pytest, shop, unittest

@pytest.mark.parametrize("turn", range(8))
def test_function(rpc_bus, turn):
    assert len(rpc_bus.traffic) == 0
    rpc_bus.serve("shop", shop.Shop())
    assert shop.call() == 3

@pytest.mark.rpc_bus
class TestClass:
    def test_marked(self):
        self.rpc_bus.stub("shop", "price").returns(turn := 1)
        assert shop.call() == turn

@pytest.mark.rpc_bus
class Case(unittest.TestCase):
    def test_case(self):
        self.rpc_bus.stub("shop", "price").returns(2)
        self.assertEqual(shop.call(), 2)

def test_threaded(rpc_threaded_bus):
    rpc_threaded_bus.serve("shop", shop.Shop())
    assert shop.call() == 3
"""


def test_xdist(project: Project) -> None:
    pytest.importorskip("xdist")
    project.run_apart(MANY, "-n2").assert_outcomes(passed=11)


def test_xdist_brings_reports_and_options(project: Project) -> None:
    pytest.importorskip("xdist")
    result = project.run_apart(
        r"""
        import pytest, shop

        class Shop:
            def price(self, context, item):
                raise ValueError("\ud800")

        def test_fails(rpc_bus):
            assert rpc_bus.seed == 7
            rpc_bus.serve("shop", Shop())
            shop.cast(item="\ud800")
            assert 0

        def test_leaves(rpc_bus):
            rpc_bus.serve("shop", Shop())
            shop.cast(item="\ud800")

        @pytest.mark.rpc_bus(sede=3)
        def test_wrong():
            pass
        """,
        "-n1",
        "--rpcfake-seed=7",
    )
    result.assert_outcomes(failed=1, passed=1, errors=2)
    result.stdout.fnmatch_lines(
        ["*- rpcfake traffic -*", "*- rpcfake leftovers at teardown -*", "*ValueError: *ud800*"]
    )


def test_randomly(project: Project) -> None:
    pytest.importorskip("pytest_randomly")
    project.run_apart(MANY, "-prandomly", "-prandomly").assert_outcomes(passed=11)


def test_it_can_be_turned_off(project: Project) -> None:
    result = project.run_apart(
        """
        import pytest, sys

        @pytest.mark.rpc_bus
        def test_1():
            assert "pytest_rpcfake" not in sys.modules

        def test_2(rpc_bus):
            pass
        """,
        "-pno:rpcfake",
        load=False,
    )
    result.assert_outcomes(passed=1, errors=1, warnings=1)
    result.stdout.fnmatch_lines(["*fixture 'rpc_bus' not found", "*Unknown pytest.mark.rpc_bus*"])


def test_where_it_is_not_used_it_brings_its_own_few_modules_only(project: Project) -> None:
    """What makes a start slow is what is imported; so nothing is, neither rpcfake nor a library."""
    source = """
        import json, pathlib, sys

        def test_it(request):
            name = "with" if request.config.pluginmanager.has_plugin("{}") else "without"
            pathlib.Path(name).write_text(json.dumps(sorted(sys.modules)))
            request.config.hook.pytest_enter_pdb(config=request.config, pdb=None)

        def test_fails():
            assert [1] == [2]
    """
    plugin = "rpcfake" if project.installed else "pytest_rpcfake.plugin"
    source = source.format(plugin)
    project.run_apart(source).assert_outcomes(passed=1, failed=1)
    project.run_apart(source, "-pno:rpcfake", load=False).assert_outcomes(passed=1, failed=1)
    loaded, usual = (
        set(json.loads((project.pytester.path / name).read_text())) for name in ("with", "without")
    )
    own = {"plugin", "options", "marking", "run"}
    assert loaded - usual == {"pytest_rpcfake", *(f"pytest_rpcfake.{name}" for name in own)}


def test_items_that_are_no_functions(project: Project) -> None:
    """They get no bus, marked or not."""
    project.write(
        "conftest",
        """
        import pytest

        class Item(pytest.Item):
            def runtest(self):
                raise OSError("of the item")

        class File(pytest.File):
            def collect(self):
                yield Item.from_parent(self, name="item")

        def pytest_collect_file(file_path, parent):
            if file_path.suffix == ".txt":
                return File.from_parent(parent, path=file_path)

        def pytest_collection_modifyitems(items):
            for item in items:
                item.add_marker(pytest.mark.rpc_bus)
        """,
    )
    project.pytester.maketxtfile("")
    result = project.run("def test_it(): pass", str(project.pytester.path))
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*of the item*"])


def test_the_plugin_does_not_show_in_failures_of_others(project: Project) -> None:
    result = project.run("class TestIt:\n    def test_without_self(): pass")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *TypeError: *test_without_self* takes 0 positional *"])
    result.stdout.no_fnmatch_line("*plugin.py*")


def test_strict_markers_know_the_marker(project: Project) -> None:
    project.run(MANY, "--strict-markers").assert_outcomes(passed=11)


def test_the_marker_is_listed(project: Project) -> None:
    project.run("", "--markers").stdout.fnmatch_lines(
        [
            "@pytest.mark.rpc_bus(seed=0, schedule='fifo', codec='json', context_factory=None, "
            "allow=(), patch=()): the test runs on an rpcfake bus made with these options*"
        ]
    )


def test_the_fixtures_are_explained(project: Project) -> None:
    project.run("", "--fixtures").stdout.fnmatch_lines(
        [
            "*fixtures defined from pytest_rpcfake.plugin*",
            "rpc_bus -- *plugin.py:*",
            "    A new rpcfake.Bus, installed for this test: rpcfake.call and the others go to it.",
            "rpc_threaded_bus -- *plugin.py:*",
            "    A new rpcfake.ThreadedBus, installed for this test: for code that needs real *",
            "rpc_bus_factory [[]session scope[]] -- *plugin.py:*",
            "    Opens buses for a with block: with rpc_bus_factory(seed=3, *",
        ]
    )


def test_the_options_are_explained(project: Project) -> None:
    project.run("", "--help").stdout.fnmatch_lines(
        [
            "rpcfake: tests on an in-memory message bus:",
            "  --rpcfake-seed=INT *",
            "  --rpcfake-schedule=NAME*",
            "  --rpcfake-watchdog=SECONDS*",
            "  rpcfake_seed *",
            "  rpcfake_schedule *",
            "  rpcfake_codec *",
            "  rpcfake_watchdog *",
            "  rpcfake_allow *",
            "  rpcfake_patch *",
        ]
    )


def test_a_test_that_is_run_again(project: Project) -> None:
    """As the plugins that rerun failed tests do it: the same item once more."""
    project.write(
        "conftest",
        """
        from _pytest.runner import runtestprotocol

        def pytest_runtest_protocol(item, nextitem):
            runtestprotocol(item, nextitem=None, log=False)
            item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
            runtestprotocol(item, nextitem=nextitem)
            return True
        """,
    )
    project.run(
        """
        import pytest, shop

        turns = []

        @pytest.mark.rpc_bus
        def test_it(rpc_bus):
            turns.append(rpc_bus)
            assert len(turns) == 2
            assert turns[0].closed and not rpc_bus.closed

        @pytest.mark.rpc_bus
        def test_leaves(rpc_bus):
            rpc_bus.stub("bank", "pay")
        """
    ).assert_outcomes(passed=2, errors=1)
