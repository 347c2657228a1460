"""A failing test's report shows the traffic of the buses that it used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Project


def test_the_diagram_of_a_failing_test(project: Project) -> None:
    result = project.run(
        """
        import shop

        def test_fails(rpc_bus):
            rpc_bus.serve("shop", shop.Shop())
            assert shop.call() == 4

        def test_passes(rpc_bus):
            rpc_bus.serve("shop", shop.Shop())
            assert shop.call() == 3
        """
    )
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(
        [
            "*_ test_fails _*",
            "*- rpcfake traffic -*",
            "    seconds  test    shop#1",
            "#0    0.000  *call price(item='tea')",
            "*reply to price: 3",
            "*short test summary*",
        ]
    )
    assert result.stdout.str().count("rpcfake traffic") == 1


def test_a_long_one_shows_its_first_and_last_50_lines(project: Project) -> None:
    result = project.run(
        """
        import shop

        def test_it(rpc_bus):
            for number in range(300):
                shop.cast(item=number)
            assert 0
        """
    )
    shown = [line for line in result.outlines if "├─✗ cast shop.price" in line]
    assert len(shown) == 100
    for number, line in zip([*range(50), *range(250, 300)], shown, strict=True):
        assert f"item={number})" in line


def test_no_report_for_a_test_without_a_bus(project: Project) -> None:
    result = project.run(
        """
        import pytest, shop

        @pytest.fixture(scope="module")
        def bus(rpc_bus_factory):
            with rpc_bus_factory(allow={"untaken"}) as bus:
                yield bus

        def test_1(bus):
            shop.cast()

        def test_2():
            assert 0

        def test_3(rpc_bus):
            shop.cast()
            rpc_bus.queue("shop")
        """
    )
    result.stdout.fnmatch_lines(["*_ test_2 _*"])
    before, _, after = result.stdout.str().partition("_ test_2 _")
    assert "rpcfake traffic" in before  # of the error of test_3
    assert "rpcfake traffic" not in after


def test_a_bus_of_wider_scope_shows_what_this_test_did(project: Project) -> None:
    result = project.run(
        """
        import pytest, shop

        @pytest.fixture(scope="module")
        def bus(rpc_bus_factory):
            with rpc_bus_factory(allow={"untaken"}) as bus:
                yield bus

        def test_1(bus):
            shop.cast(item="of test 1")

        def test_2():
            shop.cast(item="of test 2")
            assert 0

        def test_3(bus):
            assert 0
        """
    )
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(
        [
            "*_ test_2 _*",
            "*- rpcfake traffic -*",
            "*cast shop.price(item='of test 2')*",
            "*_ test_3 _*",
            "*- rpcfake traffic -*",
            "nothing was sent",
        ]
    )
    result.stdout.no_fnmatch_line("*cast shop.price(item='of test 1')*")


def test_each_bus_that_the_test_used(project: Project) -> None:
    result = project.run(
        """
        import shop

        def test_it(rpc_bus, rpc_bus_factory):
            with rpc_bus_factory(allow={"untaken"}):
                shop.cast(item="closed")
            rpc_bus.stub("shop", "price")
            shop.call(item="open")
            assert 0
        """
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*- rpcfake traffic -*",
            "*cast shop.price(item='closed')*",
            "",
            "*call price(item='open')*",
        ]
    )
    assert result.stdout.str().count("rpcfake traffic") == 1


@pytest.mark.parametrize("phase", ["setup", "teardown"])
def test_a_fixture_that_fails(project: Project, phase: str) -> None:
    result = project.run(
        f"""
        import pytest, shop

        @pytest.fixture
        def broken(rpc_bus):
            rpc_bus.serve("shop", shop.Shop())
            shop.call()
            assert {phase!r} != "setup"
            yield
            assert 0

        def test_it(broken):
            pass
        """
    )
    result.stdout.fnmatch_lines(
        [f"*ERROR at {phase} of test_it*", "*- rpcfake traffic -*", "*reply to price: 3"]
    )


def test_a_test_that_fails_twice_shows_it_once(project: Project) -> None:
    result = project.run(
        """
        import pytest, shop

        @pytest.fixture
        def broken(rpc_bus):
            yield
            assert 0

        def test_it(broken):
            assert 0
        """
    )
    result.assert_outcomes(failed=1, errors=1)
    assert result.stdout.str().count("rpcfake traffic") == 1


def test_what_the_end_of_the_bus_causes_is_not_shown(project: Project) -> None:
    result = project.run(
        """
        import pytest, rpcfake

        def test_it(rpc_bus):
            rpc_bus.stub("bank", "pay").never()
            rpc_bus.spawn(rpcfake.call, None, "bank", {"method": "pay"})
        """
    )
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*- rpcfake traffic -*", "*call pay()*"])
    result.stdout.no_fnmatch_line("*abandon*")


def test_a_test_case(project: Project) -> None:
    project.run(
        """
        import pytest, shop, unittest

        @pytest.mark.rpc_bus
        class Test(unittest.TestCase):
            def test_it(self):
                self.rpc_bus.serve("shop", shop.Shop())
                self.assertEqual(shop.call(), 4)
        """
    ).stdout.fnmatch_lines(["*- rpcfake traffic -*", "*reply to price: 3"])


@pytest.mark.parametrize("fails", ["assert 0", "rpc_bus.stub('bank', 'pay')"])
def test_the_schedule_and_the_seed(project: Project, fails: str) -> None:
    result = project.run(
        f"""
        import pytest, shop

        @pytest.mark.rpc_bus(schedule="random")
        def test_random(rpc_bus):
            {fails}

        def test_fifo(rpc_bus):
            {fails}
        """,
        "--rpcfake-seed=7",
    )
    line = "schedule random, seed 7 (--rpcfake-schedule=random --rpcfake-seed=7)"
    result.stdout.fnmatch_lines(["*test_random*", "*- rpcfake traffic -*", line, "*test_fifo*"])
    assert result.stdout.str().count(line) == 1
    assert result.stdout.str().count("schedule ") == 1


def test_the_threaded_bus_has_a_report_too(project: Project) -> None:
    project.run(
        """
        import shop

        def test_it(rpc_threaded_bus):
            rpc_threaded_bus.serve("shop", shop.Shop())
            assert shop.call() == 4
        """,
        "--rpcfake-schedule=random",
    ).stdout.fnmatch_lines(["*- rpcfake traffic -*", "*seconds  test*", "*reply to price: 3"])


@pytest.mark.parametrize("text", [r"red: \x1b[31m", r"lone: \ud800"])
def test_what_can_not_be_printed_is_escaped(project: Project, text: str) -> None:
    result = project.run(
        f"""
        import pytest, shop

        class Shop:
            def price(self, context, item):
                raise ValueError("{text}")

        @pytest.mark.parametrize("fails", [False, True])
        def test_it(rpc_bus, fails):
            rpc_bus.serve("shop", Shop())
            shop.cast(item="{text}")
            rpc_bus.run()
            assert not fails
        """
    )
    result.assert_outcomes(passed=1, failed=1, errors=1)
    output = result.stdout.str()
    assert output.count(f"ValueError: {text}") >= 4
    assert "\x1b" not in output
    assert "\ud800" not in output


def test_a_codec_that_can_not_read_what_it_wrote(project: Project) -> None:
    project.run(
        """
        import pytest

        class Codec:
            name = "amnesia"

            def encode(self, value):
                return "x"

            def decode(self, text):
                raise OSError("forgotten")

        @pytest.mark.rpc_bus(codec=Codec())
        def test_it(rpc_bus):
            rpc_bus.cast(None, "shop", {"method": "m"})
            assert 0, "the failure"
        """
    ).stdout.fnmatch_lines(
        ["*the failure*", "*- rpcfake traffic -*", "no diagram: OSError: forgotten"]
    )


def test_a_subtest(project: Project) -> None:
    project.run(
        """
        import pytest, shop, unittest

        @pytest.mark.rpc_bus
        class Test(unittest.TestCase):
            def test_it(self):
                self.rpc_bus.serve("shop", shop.Shop())
                for price in 3, 4, 5:
                    with self.subTest(price=price):
                        self.assertEqual(shop.call(), price)
        """
    ).stdout.fnmatch_lines(["*- rpcfake traffic -*", "*reply to *price: 3"])
