"""The option patch: a project's own rpc module is rpcfake's facade while a test uses a bus."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Project

RPC = """
def call(context, topic, msg, timeout=None):
    return "the real call"

def cast(context, topic, msg):
    return "the real cast"

def notify(topic):
    return "the real notify"

real = [call, cast, notify]
"""


@pytest.fixture(autouse=True)
def rpc(project: Project) -> None:
    package = project.pytester.mkpydir("myapp")
    (package / "rpc.py").write_text(RPC)
    (package / "empty.py").write_text("calls = 3\ncall = 'no function'")
    (package / "broken.py").write_text("\n1 / 0")
    (package / "needy.py").write_text("import no_such_library")


def test_what_the_module_has_is_replaced_and_put_back(project: Project) -> None:
    project.ini("rpcfake_patch = myapp.rpc")
    project.run(
        """
        import pytest, rpcfake
        from myapp import rpc

        def test_1(rpc_bus):
            assert rpc.call is rpcfake.call and rpc.cast is rpcfake.cast
            assert rpc.notify("x") == "the real notify"
            assert not hasattr(rpc, "multicall")
            rpc_bus.stub("shop", "price").returns(3)
            assert rpc.call(None, "shop", {"method": "price"}) == 3

        def test_2():
            assert [rpc.call, rpc.cast, rpc.notify] == rpc.real

        @pytest.mark.rpc_bus(patch=())
        def test_3():
            assert rpc.call is rpc.real[0]

        def test_4(rpc_threaded_bus):
            assert rpc.call is rpcfake.call

        def test_5(rpc_bus_factory):
            with rpc_bus_factory():
                assert rpc.call is rpcfake.call
                with rpc_bus_factory():
                    assert rpc.call is rpcfake.call
                assert rpc.call is rpcfake.call
            assert rpc.call is rpc.real[0]

        def test_6(rpc_bus):
            assert rpc.call is rpcfake.call
            assert 0

        def test_7():
            assert [rpc.call, rpc.cast, rpc.notify] == rpc.real
        """
    ).assert_outcomes(passed=6, failed=1)


def test_several_modules_by_name_or_as_objects(project: Project) -> None:
    project.write("other", "def fanout_cast(): pass")
    project.ini("rpcfake_patch = myapp.rpc", "    other")
    project.run(
        """
        import pytest, other, rpcfake
        from myapp import rpc

        def test_1(rpc_bus):
            assert rpc.call is rpcfake.call and other.fanout_cast is rpcfake.fanout_cast

        @pytest.mark.rpc_bus(patch=rpc)
        def test_2():
            assert rpc.call is rpcfake.call
            assert other.fanout_cast is not rpcfake.fanout_cast

        @pytest.mark.rpc_bus(patch=["myapp.rpc", rpc, "rpcfake.rpc"])
        def test_3():
            assert rpc.call is rpcfake.call

        def test_4():
            assert rpc.call is rpc.real[0]
        """
    ).assert_outcomes(passed=4)


def test_a_module_that_makes_its_functions_when_asked(project: Project) -> None:
    project.write(
        "lazy",
        """
        def __getattr__(name):
            if name != "call":
                raise AttributeError(name)
            return print
        """,
    )
    project.run(
        """
        import pytest, lazy, rpcfake

        @pytest.mark.rpc_bus(patch=lazy)
        def test_1():
            assert lazy.call is rpcfake.call

        def test_2():
            assert lazy.call is print and "call" not in vars(lazy)
        """
    ).assert_outcomes(passed=2)


def test_buses_that_end_in_another_order(project: Project) -> None:
    project.ini("rpcfake_patch = myapp.rpc")
    project.run(
        """
        import pytest, rpcfake
        from myapp import rpc

        @pytest.fixture(scope="module")
        def late(rpc_bus_factory):
            with rpc_bus_factory() as bus:
                yield bus
            assert rpc.call is rpc.real[0]

        def test_1(rpc_bus, request):
            # It is opened after this test's own bus, and stays open longer.
            request.getfixturevalue("late")

        def test_2(late):
            assert rpc.call is rpcfake.call
            late.stub("shop", "price").returns(3)
            assert rpc.call(None, "shop", {"method": "price"}) == 3
        """
    ).assert_outcomes(passed=2)


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("myap.rpc", "there is no module 'myap.rpc'; did you mean 'myapp.rpc'?"),
        ("myapp.rcp", "there is no module 'myapp.rcp'; did you mean 'myapp.rpc'?"),
        ("zzqq.rpc", "there is no module 'zzqq.rpc': nothing importable is named like that"),
        ("myapp.zzqq", "there is no module 'myapp.zzqq': 'myapp' has no 'zzqq'"),
        (
            "myapp.rpc.call",
            "there is no module 'myapp.rpc.call': 'myapp.rpc' is a module, no *",
        ),
        (
            "myapp.broken",
            "importing module 'myapp.broken' failed with ZeroDivisionError: division by zero "
            "(*broken.py:2)",
        ),
        (
            "myapp.needy",
            "importing module 'myapp.needy' failed with ModuleNotFoundError: No module named "
            "'no_such_library' (*needy.py:1)",
        ),
        (
            "myapp.empty",
            "module 'myapp.empty' has none of the functions that patch replaces: "
            "create_connection, call, multicall, cast, fanout_cast",
        ),
    ],
)
def test_a_module_that_can_not_be_patched(project: Project, module: str, text: str) -> None:
    project.ini(f"rpcfake_patch = myapp.rpc {module}")
    result = project.run(
        """
        import rpcfake
        from myapp import rpc

        def test_1(rpc_bus):
            pass

        def test_2():
            assert rpc.call is rpc.real[0]
            assert rpcfake.active._chosen == []

        def test_3(rpc_bus_factory):
            with rpc_bus_factory(patch=()):
                pass
        """
    )
    result.assert_outcomes(errors=1, passed=2)
    result.stdout.fnmatch_lines([f"rpcfake: ini option rpcfake_patch: {text}"])
    result.stdout.no_fnmatch_line("*During handling*")
