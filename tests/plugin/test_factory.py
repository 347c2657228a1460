"""rpc_bus_factory: a bus for a with block, in a test's body or for a fixture of wider scope."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Project


def test_a_bus_for_each_hypothesis_example(project: Project) -> None:
    project.run(
        """
        import rpcfake, shop
        from hypothesis import given, strategies as st

        @given(number=st.integers())
        def test_it(rpc_bus_factory, number):
            with rpc_bus_factory() as bus:
                assert len(bus.traffic) == 0
                bus.stub("shop", "price").returns(number)
                assert shop.call() == number
        """
    ).assert_outcomes(passed=1)


def test_the_falsifying_example_is_the_one_reported(project: Project) -> None:
    result = project.run(
        """
        import rpcfake, shop
        from hypothesis import given, strategies as st

        @given(number=st.integers())
        def test_it(rpc_bus_factory, number):
            with rpc_bus_factory() as bus:
                bus.stub("shop", "price").returns(number)
                assert shop.call() < 42
        """
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*number=42,", "*- rpcfake traffic -*", "*reply to*price: 42", "*short test summary*"]
    )
    assert result.stdout.str().count("reply to") == 1


def test_leftovers_of_an_example_are_a_failure_that_hypothesis_shrinks(project: Project) -> None:
    result = project.run(
        """
        import rpcfake, shop
        from hypothesis import given, strategies as st

        @given(number=st.integers())
        def test_it(rpc_bus_factory, number):
            with rpc_bus_factory() as bus:
                if number > 42:
                    shop.cast(item=number)
        """
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            ">*with rpc_bus_factory() as bus:",
            "E*rpcfake: the bus was not clean when it was put away.",
            "*cast shop.price*was dropped*",
            "*number=43,",
            "*- rpcfake traffic -*",
            "*cast shop.price(item=43)*",
        ]
    )


def test_strict_at_the_end_of_the_with_block(project: Project) -> None:
    result = project.run(
        """
        import pytest, rpcfake, shop

        def test_leaves(rpc_bus_factory):
            with rpc_bus_factory() as bus:
                bus.stub("bank", "pay")
            assert 0, "not reached"

        def test_allows(rpc_bus_factory):
            with rpc_bus_factory(allow={"unused_stubs"}) as bus:
                bus.stub("bank", "pay")
            with pytest.raises(rpcfake.ConnectionClosed):
                shop.cast()

        def test_fails(rpc_bus_factory):
            with rpc_bus_factory() as bus:
                bus.stub("bank", "pay")
                assert 0, "the failure"
        """
    )
    result.assert_outcomes(failed=2, passed=1)
    result.stdout.fnmatch_lines(
        [
            "*_ test_leaves _*",
            "E*rpcfake: the bus was not clean when it was put away.",
            "*the stub for bank.pay was never used",
            "*- rpcfake traffic -*",
            "nothing was sent",
            "*_ test_fails _*",
            "*the failure*",
            "*- rpcfake traffic -*",
            "nothing was sent",
            "*- rpcfake leftovers -*",
            "*the stub for bank.pay was never used",
        ]
    )
    result.stdout.no_fnmatch_line("*leftovers at teardown*")
    result.stdout.no_fnmatch_line("*lease.py*")


@pytest.mark.parametrize("fixture", ["rpc_bus", "rpc_bus_factory"])
def test_an_interrupt_is_not_held_up(project: Project, fixture: str) -> None:
    result = project.run_apart(
        f"""
        import contextlib, shop

        class Shop:
            def price(self, context, item):
                print("handled although the user has given up")

        def test_it({fixture}):
            bus = {fixture}
            with bus() if callable(bus) else contextlib.nullcontext(bus) as bus:
                bus.serve("shop", Shop())
                shop.cast()
                raise KeyboardInterrupt
        """,
        "-s",
    )
    result.stdout.no_fnmatch_line("*although*")
    result.stdout.no_fnmatch_line("*not clean*")
    assert result.ret == pytest.ExitCode.INTERRUPTED


@pytest.mark.parametrize("scope", ["class", "module", "session"])
def test_a_fixture_of_wider_scope(project: Project, scope: str) -> None:
    project.run(
        f"""
        import pytest, rpcfake, shop

        @pytest.fixture(scope={scope!r})
        def bus(rpc_bus_factory):
            with rpc_bus_factory() as bus:
                bus.serve("shop", shop.Shop())
                yield bus

        class TestIt:
            def test_1(self, bus):
                assert shop.call() == 3

            @pytest.mark.parametrize("turn", [2, 3])
            def test_2(self, bus, turn):
                assert shop.call() == 3
                bus.assert_call("shop", times=turn)
        """
    ).assert_outcomes(passed=3)


def test_wrong_options_name_the_factory(project: Project) -> None:
    result = project.run(
        """
        import pytest

        def test_it(rpc_bus_factory):
            for wrong in {"sede": 1}, {"seed": "x"}:
                with pytest.raises(pytest.UsageError) as raised:
                    rpc_bus_factory(**wrong)
                print(raised.value)
            with pytest.raises(pytest.UsageError) as raised:
                with rpc_bus_factory(schedule="fife"):
                    pass
            print(raised.value)
        """,
        "-rP",
    )
    result.stdout.fnmatch_lines(
        [
            "rpcfake: rpc_bus_factory: there is no option 'sede'; did you mean 'seed'? *",
            "rpcfake: rpc_bus_factory: seed must be an int, not 'x' (str)",
            "rpcfake: schedule is 'fife'*",
            "  schedule: from rpc_bus_factory",
        ]
    )


def test_its_type_can_be_named(project: Project) -> None:
    project.run(
        """
        from pytest_rpcfake import BusFactory

        def test_it(rpc_bus_factory: BusFactory):
            assert type(rpc_bus_factory) is BusFactory
        """
    ).assert_outcomes(passed=1)
