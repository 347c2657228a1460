"""The marker: by itself it makes a test use the bus, and the closest one gives the options."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.plugin.conftest import Project


def test_alone_on_a_function(project: Project) -> None:
    project.run(
        """
        import pytest, rpcfake, shop

        @pytest.mark.rpc_bus
        def test_marked():
            with pytest.raises(rpcfake.Timeout):
                shop.call()

        def test_unmarked():
            with pytest.raises(rpcfake.ConnectionClosed):
                shop.call()
        """
    ).assert_outcomes(passed=2)


def test_alone_on_a_module(project: Project) -> None:
    project.run(
        """
        import pytest, rpcfake, shop

        pytestmark = pytest.mark.rpc_bus

        def test_1():
            with pytest.raises(rpcfake.Timeout):
                shop.call()

        class Test2:
            def test(self):
                assert self.rpc_bus.topics == ()
        """
    ).assert_outcomes(passed=2)


def test_alone_on_a_class_the_bus_is_there_before_setup_method(project: Project) -> None:
    project.run(
        """
        import pytest, shop

        @pytest.mark.rpc_bus
        class Test:
            def setup_method(self):
                self.rpc_bus.serve("shop", shop.Shop())

            def teardown_method(self):
                self.rpc_bus.assert_call("shop", times=1)

            def test_1(self):
                assert shop.call() == 3

            def test_2(self, rpc_bus):
                assert rpc_bus is self.rpc_bus
                assert shop.call() == 3
        """
    ).assert_outcomes(passed=2)


def test_on_a_test_case(project: Project) -> None:
    project.run(
        """
        import pytest, rpcfake, unittest, shop

        @pytest.mark.rpc_bus
        class Marked(unittest.TestCase):
            def setUp(self):
                self.rpc_bus.serve("shop", shop.Shop())
                self.addCleanup(self.assertEqual, shop.call(), 3)

            def tearDown(self):
                self.rpc_bus.assert_call("shop", times=2)

            def test_1(self):
                self.assertEqual(shop.call(), 3)

            def test_2(self):
                self.assertEqual(shop.call(), 3)

        class Unmarked(unittest.TestCase):
            @pytest.mark.rpc_bus
            def test_1(self):
                self.assertEqual(self.rpc_bus.topics, ())

            def test_2(self):
                self.assertFalse(hasattr(self, "rpc_bus"))
                with self.assertRaises(rpcfake.ConnectionClosed):
                    shop.call()

        @pytest.mark.usefixtures("rpc_threaded_bus")
        class Threaded(unittest.TestCase):
            def test(self):
                self.rpc_threaded_bus.serve("shop", shop.Shop())
                self.assertEqual(shop.call(), 3)
        """
    ).assert_outcomes(passed=5)


def test_alone_on_one_parameter_of_several(project: Project) -> None:
    project.run(
        """
        import pytest, rpcfake, shop

        @pytest.mark.rpc_bus
        def test_so_that_the_facade_is_retired():
            pass

        @pytest.mark.parametrize("error", [
            rpcfake.ConnectionClosed,
            pytest.param(rpcfake.Timeout, marks=pytest.mark.rpc_bus),
            pytest.param(rpcfake.ConnectionClosed),
        ])
        def test_it(error):
            with pytest.raises(error):
                shop.call()

        """
    ).assert_outcomes(passed=4)


def test_given_by_a_conftest(project: Project) -> None:
    project.write(
        "conftest",
        """
        import pytest

        def pytest_collection_modifyitems(items):
            for item in items:
                item.add_marker(pytest.mark.rpc_bus(allow={"untaken"}))
        """,
    )
    project.run("import shop\ndef test_it(): shop.cast()").assert_outcomes(passed=1)


def test_alone_it_comes_after_wider_fixtures_and_before_the_tests_own(project: Project) -> None:
    project.write(
        "conftest",
        """
        import pytest, rpcfake, shop

        @pytest.fixture(scope="session", autouse=True)
        def wide():
            assert rpcfake.active._chosen == []
            yield

        @pytest.fixture(autouse=True)
        def narrow():
            with pytest.raises(rpcfake.Timeout):
                shop.call()
            yield
            with pytest.raises(rpcfake.Timeout):
                shop.call()
        """,
    )
    project.run(
        """
        import pytest

        @pytest.fixture(scope="module")
        def connection():
            import rpcfake
            assert rpcfake.active._chosen == []

        @pytest.mark.rpc_bus
        def test_it(connection):
            pass
        """
    ).assert_outcomes(passed=1)


def test_the_closest_marker_wins_option_by_option(project: Project) -> None:
    project.run(
        """
        import pytest

        pytestmark = pytest.mark.rpc_bus(seed=1, schedule="random", allow={"untaken"})

        def said(bus):
            return bus.schedule.name, bus.seed

        def test_module(rpc_bus):
            assert said(rpc_bus) == ("random", 1)
            rpc_bus.cast(None, "nobody", {"method": "m"})

        @pytest.mark.rpc_bus(seed=2)
        class Base:
            def test_class(self, rpc_bus):
                assert said(rpc_bus) == ("random", 2)

            @pytest.mark.rpc_bus(seed=4, schedule="fifo")
            def test_function(self, rpc_bus):
                assert said(rpc_bus) == ("fifo", 4)

            @pytest.mark.rpc_bus(seed=5)
            @pytest.mark.parametrize("seed", [
                5,
                pytest.param(6, marks=pytest.mark.rpc_bus(seed=6)),
            ])
            def test_parameter(self, rpc_bus, seed):
                assert said(rpc_bus) == ("random", seed)

        class TestBase(Base):
            pass

        @pytest.mark.rpc_bus(seed=3)
        class TestDerived(Base):
            def test_class(self, rpc_bus):
                assert said(rpc_bus) == ("random", 3)
        """
    ).assert_outcomes(passed=9)


def test_the_other_options_reach_the_bus(project: Project) -> None:
    project.run(
        """
        import pytest
        import rpcfake.codec

        class Loud:
            name = "loud"

            def encode(self, value):
                return rpcfake.codec.JSON.encode(value).upper()

            decode = staticmethod(rpcfake.codec.JSON.decode)

        class Context:
            def __init__(self, said):
                self.user = said["user"]

        class Shop:
            def buy(self, context, ITEM):
                return [type(context).__name__, ITEM]

        @pytest.mark.parametrize("fixture", ["rpc_bus", "rpc_threaded_bus"])
        @pytest.mark.rpc_bus(codec=Loud())
        def test_codec(request, fixture):
            bus = request.getfixturevalue(fixture)
            bus.serve("shop", Shop())
            assert bus.call(None, "shop", {"method": "buy", "args": {"item": "tea"}})[1] == "TEA"

        @pytest.mark.parametrize("fixture", ["rpc_bus", "rpc_threaded_bus"])
        @pytest.mark.rpc_bus(context_factory=Context)
        def test_context(request, fixture):
            bus = request.getfixturevalue(fixture)
            bus.serve("shop", Shop())
            msg = {"method": "buy", "args": {"ITEM": 1}}
            assert bus.call({"user": "me"}, "shop", msg) == ["Context", 1]
        """
    ).assert_outcomes(passed=4)


def test_with_another_bus_the_marker_only_gives_options(project: Project) -> None:
    project.run(
        """
        import pytest, rpcfake, shop

        pytestmark = pytest.mark.rpc_bus(allow={"untaken"})

        def test_factory(rpc_bus_factory):
            assert rpcfake.active._chosen == []
            with rpc_bus_factory() as bus:
                shop.cast()
                bus.assert_cast("shop")

        def test_threaded(rpc_threaded_bus):
            assert rpcfake.active._chosen[-1].backend is rpc_threaded_bus
            shop.cast()
            rpc_threaded_bus.assert_cast("shop")
        """
    ).assert_outcomes(passed=2)
