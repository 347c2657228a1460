"""The fixtures: a new bus for each test, installed inside, gone after."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Project


def test_the_bus_is_new_and_installed(project: Project) -> None:
    project.run(
        """
        import pytest, rpcfake, shop

        @pytest.mark.parametrize("turn", [1, 2])
        def test_it(rpc_bus, turn):
            assert type(rpc_bus) is rpcfake.Bus
            assert len(rpc_bus.traffic) == 0 and rpc_bus.now == 0 and rpc_bus.topics == ()
            rpc_bus.serve("shop", shop.Shop())
            assert shop.call() == 3
            rpc_bus.assert_call("shop", "price", {"item": "tea"})
            rpc_bus.advance(turn)
        """
    ).assert_outcomes(passed=2)


def test_the_threaded_bus_runs_handlers_in_threads(project: Project) -> None:
    project.run(
        """
        import rpcfake, shop, threading

        class Where:
            def thread(self, context):
                return threading.get_ident()

        def test_it(rpc_threaded_bus):
            assert type(rpc_threaded_bus) is rpcfake.ThreadedBus
            rpc_threaded_bus.serve("where", Where())
            there = rpcfake.call(None, "where", {"method": "thread"})
            assert there != threading.get_ident()

        def test_none_is_left():
            assert {t.name for t in threading.enumerate()} <= {"MainThread", "rpcfake-watchdog"}
        """
    ).assert_outcomes(passed=2)


def test_a_test_may_use_both_buses(project: Project) -> None:
    project.run(
        """
        import rpcfake

        def test_it(rpc_bus, rpc_threaded_bus):
            rpc_bus.stub("a", "m").returns(1)
            rpc_threaded_bus.stub("a", "m").returns(2)
            assert rpc_bus.call(None, "a", {"method": "m"}) == 1
            assert rpc_threaded_bus.call(None, "a", {"method": "m"}) == 2
            # The one installed last is the active one.
            assert rpcfake.call(None, "a", {"method": "m"}) == 2
        """
    ).assert_outcomes(passed=1)


def test_after_the_test_the_facade_raises_and_names_it(project: Project) -> None:
    project.run(
        """
        import pytest, rpcfake, shop

        def test_1(rpc_bus):
            pass

        def test_2():
            with pytest.raises(rpcfake.ConnectionClosed) as raised:
                shop.cast()
            print(raised.value)
        """,
        "-rP",
    ).stdout.fnmatch_lines(
        [
            "the bus of test_it.py::test_1 is gone, and no backend is chosen. A test that sends "
            "needs the fixture rpc_bus or the marker of that name (or rpcfake.use_backend). If no "
            "test sends here, something has outlived its test: a thread, a timer, a callback"
        ]
    )


@pytest.mark.parametrize("first", ["", "def test_0(): pass"])
def test_forgetting_the_fixture_is_refused_before_any_test_has_a_bus(
    project: Project, first: str
) -> None:
    project.run(
        f"""
        import pytest, rpcfake, shop

        {first}

        def test_1():
            with pytest.raises(rpcfake.ConnectionClosed) as raised:
                shop.cast()
            print(raised.value)
        """,
        "-rP",
    ).stdout.fnmatch_lines(
        [
            "no bus is open, and no backend is chosen. A test that sends needs the fixture rpc_bus "
            "or the marker of that name (or rpcfake.use_backend), a fixture of wider scope needs "
            "rpc_bus_factory"
        ]
    )


def test_forgetting_it_is_refused_where_a_fixture_is_the_first_to_import_rpcfake(
    project: Project,
) -> None:
    source = """
        import pytest

        @pytest.fixture
        def app():
            import rpcfake
            return rpcfake

        def test_1(app):
            with pytest.raises(app.ConnectionClosed, match="needs the fixture rpc_bus"):
                app.cast(None, "shop", {"method": "price"})
        """
    project.run_apart(source).assert_outcomes(passed=1)


@pytest.mark.parametrize("scope", ["function", "module", "session"])
def test_fixtures_of_the_project_may_choose(project: Project, scope: str) -> None:
    project.write(
        "conftest",
        f"""
        import pytest, rpcfake

        @pytest.fixture(scope="{scope}", autouse=True)
        def chosen():
            with rpcfake.use_backend("memory") as bus:
                bus.stub("shop", "price").returns(3)
                yield
        """,
    )
    project.run(
        """
        import shop

        def test_1():
            assert shop.call() == 3

        def test_2():
            assert shop.call() == 3
        """
    ).assert_outcomes(passed=2)


def test_a_wider_fixture_may_open_a_bus(project: Project) -> None:
    project.run(
        """
        import pytest, rpcfake, shop

        @pytest.fixture(scope="session")
        def bus(rpc_bus_factory):
            with rpc_bus_factory() as bus:
                bus.stub("shop", "price").returns(3)
                yield bus

        def test_1():
            with pytest.raises(rpcfake.ConnectionClosed):
                shop.call()

        def test_2(bus):
            assert shop.call() == 3
        """
    ).assert_outcomes(passed=2)


def test_a_default_in_use_before_the_tests_stays(project: Project) -> None:
    project.run(
        """
        import rpcfake, shop

        connection = rpcfake.create_connection()
        connection.create_consumer("shop", shop.Shop())
        connection.consume_in_thread()

        def test_1():
            assert shop.call() == 3
        """
    ).assert_outcomes(passed=1)


def test_the_environment_may_be_set_by_a_fixture(project: Project) -> None:
    project.run(
        """
        import rpcfake, shop

        def test_1(monkeypatch):
            monkeypatch.setenv("RPCFAKE_BACKEND", "memory")
            shop.cast()
        """
    ).assert_outcomes(passed=1)


def test_a_backend_chosen_before_is_back_after(project: Project) -> None:
    project.run(
        """
        import rpcfake

        chosen = rpcfake.Bus()
        rpcfake.use_backend(chosen)

        def test_1(rpc_bus):
            rpc_bus.stub("a", "m").returns("of the test")
            assert rpcfake.call(None, "a", {"method": "m"}) == "of the test"

        def test_2():
            chosen.stub("a", "m").returns("of the project")
            assert rpcfake.call(None, "a", {"method": "m"}) == "of the project"
        """
    ).assert_outcomes(passed=2)


def test_a_backend_named_in_the_environment_counts_as_chosen(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write(
        "elsewhere",
        """
        def call(context, topic, msg, timeout=None):
            return "from elsewhere"

        create_connection = multicall = cast = fanout_cast = call
        """,
    )
    monkeypatch.setenv("RPCFAKE_BACKEND", "elsewhere")
    project.run(
        """
        import shop

        def test_1(rpc_bus):
            pass

        def test_2():
            assert shop.call() == "from elsewhere"
        """
    ).assert_outcomes(passed=2)


def test_a_bus_that_something_still_holds_is_closed(project: Project) -> None:
    project.run(
        """
        import pytest, rpcfake

        kept = []

        @pytest.mark.parametrize("fixture", ["rpc_bus", "rpc_threaded_bus"])
        def test_1(request, fixture):
            kept.append(request.getfixturevalue(fixture))

        def test_2():
            for bus in kept:
                assert bus.closed
                with pytest.raises(rpcfake.ConnectionClosed):
                    bus.cast(None, "shop", {"method": "m"})
        """
    ).assert_outcomes(passed=3)


def test_rpcfake_is_imported_before_a_fixture_can_freeze_the_clocks(project: Project) -> None:
    source = """
        import pytest, sys

        @pytest.fixture
        def freezes():
            assert "rpcfake" in sys.modules

        {}
    """
    for test in (
        "def test_it(freezes, rpc_bus): pass",
        "def test_it(freezes, rpc_threaded_bus): pass",
        "@pytest.mark.rpc_bus\n        def test_it(freezes): pass",
        "def test_it(freezes, rpc_bus_factory): pass",
    ):
        project.run_apart(source.format(test)).assert_outcomes(passed=1)


def test_a_bus_that_the_test_has_closed_itself(project: Project) -> None:
    project.run(
        """
        def test_1(rpc_bus):
            rpc_bus.close()

        def test_2(rpc_threaded_bus):
            rpc_threaded_bus.close()
        """
    ).assert_outcomes(passed=2)


def test_what_ends_with_the_bus_still_meets_the_bus(project: Project) -> None:
    """A handler killed at the end must not reach the project's real rpc in its `finally`."""
    project.write("real", "def cast(context, topic, msg): raise SystemError('the real thing')")
    project.run(
        """
        import pytest, real, rpcfake

        ends = []

        class Waiting:
            def wait(self, context):
                try:
                    rpcfake.call(None, "nobody", {"method": "m"})
                finally:
                    with pytest.raises(rpcfake.ConnectionClosed) as raised:
                        real.cast(None, "shop", {"method": "m"})
                    ends.append(str(raised.value))

        @pytest.mark.rpc_bus(patch="real", allow={"blocked"})
        def test_1(rpc_bus):
            rpc_bus.serve("waiting", Waiting())
            rpcfake.cast(None, "waiting", {"method": "wait"})
            rpc_bus.run()

        def test_2():
            assert len(ends) == 1
        """
    ).assert_outcomes(passed=2)


def test_the_bus_of_a_wider_scope(project: Project) -> None:
    project.write(
        "conftest",
        """
        import pytest

        @pytest.fixture(scope="module")
        def rpc_bus(rpc_bus_factory):
            with rpc_bus_factory() as bus:
                yield bus
        """,
    )
    project.run(
        """
        import pytest, unittest, shop

        def test_1(rpc_bus):
            rpc_bus.serve("shop", shop.Shop())
            assert shop.call() == 3

        @pytest.mark.rpc_bus
        class Test2:
            def test(self):
                assert shop.call() == 3
                self.rpc_bus.assert_call("shop", times=2)

        @pytest.mark.rpc_bus
        class Test3(unittest.TestCase):
            def setUp(self):
                self.rpc_bus.assert_call("shop", times=2)

            def test(self):
                assert shop.call() == 3
        """
    ).assert_outcomes(passed=3)
