"""At teardown the bus must be clean, but for what is allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Project

LEFTOVERS = {
    "handler_errors": """
        rpc_bus.serve("shop", shop.Shop())
        shop.cast(item="milk")
    """,
    "untaken": """
        rpc_bus.serve("shop", shop.Shop())
        shop.cast("shpo")
    """,
    "unused_stubs": """
        rpc_bus.stub("bank", "pay")
    """,
    "blocked": """
        rpc_bus.stub("bank", "pay").never()
        rpc_bus.spawn(rpcfake.call, None, "bank", {"method": "pay"})
    """,
}
"""What a test body leaves behind, by the word that permits it."""

TEXTS = {
    "handler_errors": [
        "a handler or a spawned task failed, and nobody saw it*",
        "  - shop#1 failed to handle cast shop.price (record 0): KeyError: 'milk'",
        "    *, in price",
    ],
    "untaken": [
        "a message that nobody took*",
        "  - cast shpo.price (record 0) was dropped: no consumer was ever declared on 'shpo'; "
        "did you mean 'shop'?*",
    ],
    "unused_stubs": ["*", "  - the stub for bank.pay was never used"],
    "blocked": ["a task that is still waiting*", "  - task call#1*", "*call bank.pay (record 0)*"],
}


def module(word: str, marker: str = "") -> str:
    body = "".join(f"    {line.strip()}\n" for line in LEFTOVERS[word].strip().splitlines())
    return f"import pytest, rpcfake, shop\n\n{marker}\ndef test_it(rpc_bus):\n{body}"


@pytest.mark.parametrize("word", LEFTOVERS)
def test_what_is_left_is_an_error_that_names_the_word(project: Project, word: str) -> None:
    result = project.run(module(word))
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(
        [
            "*ERROR at teardown of test_it*",
            "rpcfake: the bus was not clean when it was put away.",
            "",
            *TEXTS[word],
            "",
            f"Where it is meant, permit it: on the test @pytest.mark.rpc_bus(allow={{'{word}'}}),",
            "for all tests in the ini file: rpcfake_allow.",
        ]
    )
    result.stdout.no_fnmatch_line("*lease.py*")


@pytest.mark.parametrize("word", LEFTOVERS)
def test_the_word_permits_it(project: Project, word: str) -> None:
    project.run(module(word, f"@pytest.mark.rpc_bus(allow={{'{word}'}})")).assert_outcomes(passed=1)


@pytest.mark.parametrize("word", LEFTOVERS)
def test_the_word_permits_it_in_the_ini_file(project: Project, word: str) -> None:
    project.ini(f"rpcfake_allow = {word}")
    project.run(module(word)).assert_outcomes(passed=1)


@pytest.mark.parametrize("word", LEFTOVERS)
def test_other_words_do_not(project: Project, word: str) -> None:
    others = set(LEFTOVERS) - {word}
    project.run(module(word, f"@pytest.mark.rpc_bus(allow={others})")).assert_outcomes(
        passed=1, errors=1
    )


def test_several_are_told_at_once(project: Project) -> None:
    result = project.run(
        """
        import shop

        def test_it(rpc_bus):
            rpc_bus.serve("shop", shop.Shop())
            shop.cast(item="milk")
            shop.cast("nobody")
            rpc_bus.stub("bank", "pay")
        """
    )
    result.stdout.fnmatch_lines(
        [
            "*{'handler_errors'}*",
            "*{'untaken'}*",
            "*{'unused_stubs'}*",
            "*permit it: on the test "
            "@pytest.mark.rpc_bus(allow={'handler_errors', 'unused_stubs', 'untaken'}),",
        ]
    )


def test_what_can_run_runs_first_but_no_time_passes(project: Project) -> None:
    project.run(
        """
        import pytest, rpcfake, shop

        handled = []

        class Shop:
            def buy(self, context):
                rpcfake.cast(None, "shop", {"method": "pack"})
            def pack(self, context):
                handled.append("pack")

        def test_1(rpc_bus):
            rpc_bus.serve("shop", Shop())
            rpcfake.cast(None, "shop", {"method": "buy"})
            assert handled == []

        def test_2():
            assert handled == ["pack"]

        def test_3(rpc_bus):
            rpc_bus.spawn(rpc_bus.sleep, 1)
        """
    ).assert_outcomes(passed=3, errors=1)


def test_the_threaded_bus_is_strict_too(project: Project) -> None:
    result = project.run(
        """
        import pytest, shop

        @pytest.mark.rpc_bus(allow={"untaken"})
        def test_it(rpc_threaded_bus):
            rpc_threaded_bus.serve("shop", shop.Shop())
            shop.cast("nobody")
            shop.cast(item="milk")
        """
    )
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*shop#1 failed to handle cast shop.price*KeyError: 'milk'"])
    result.stdout.no_fnmatch_line("*nobody.price*was dropped*")


def test_closing_the_bus_does_not_get_around_it(project: Project) -> None:
    project.run(
        """
        def test_it(rpc_bus):
            rpc_bus.stub("bank", "pay")
            rpc_bus.close()
        """
    ).assert_outcomes(passed=1, errors=1)


@pytest.mark.parametrize(
    ("ending", "outcomes"),
    [
        ("assert 0, 'the failure'", {"failed": 1}),
        ("pytest.skip('no')", {"skipped": 1}),
        ("pytest.xfail('known')", {"xfailed": 1}),
        ("raise SystemExit", {"failed": 1}),
    ],
)
def test_no_second_error_for_a_test_that_did_not_pass(
    project: Project, ending: str, outcomes: dict[str, int]
) -> None:
    project.run(f"{module('unused_stubs')}\n    {ending}").assert_outcomes(**outcomes)


def test_a_failed_test_has_it_in_its_report(project: Project) -> None:
    result = project.run(f"{module('handler_errors')}\n    assert 0, 'the failure'")
    result.stdout.fnmatch_lines(
        [
            "*= FAILURES =*",
            "*the failure*",
            "*- rpcfake leftovers at teardown -*",
            "shop#1 failed to handle cast shop.price (record 0): KeyError: 'milk'",
            "*, in price",
            "*short test summary*",
        ]
    )
    result.stdout.no_fnmatch_line("*ERROR*")


def test_of_a_failed_test_it_tells_the_rest_in_a_line_for_each_sort(project: Project) -> None:
    result = project.run(
        """
        import rpcfake, shop

        def test_it(rpc_bus):
            for topic in "abc":
                shop.cast(topic)
            rpc_bus.stub("bank", "pay")
            rpc_bus.stub("mail", "send").never()
            for turn in range(2):
                rpc_bus.spawn(rpcfake.call, None, "mail", {"method": "send"})
            assert 0
        """
    )
    result.assert_outcomes(failed=1)
    lines = result.outlines
    start = next(n for n, line in enumerate(lines) if "rpcfake leftovers" in line)
    told = lines[start + 1 : start + 5]
    assert told[0].startswith("cast a.price (record 0) was dropped")
    assert told[0].endswith("(and 2 more)")
    assert told[1] == "the stub for bank.pay was never used"
    assert told[2].startswith("task call#1")
    assert told[2].endswith("(and 1 more)")
    assert told[3].startswith("=====")
    result.stdout.no_fnmatch_line("*permit it*")


def test_of_a_failed_test_it_tells_ten_errors(project: Project) -> None:
    result = project.run(
        """
        import shop

        def test_it(rpc_bus):
            rpc_bus.serve("shop", shop.Shop())
            for turn in range(12):
                shop.cast(item="milk")
            assert 0
        """
    )
    assert result.stdout.str().count("shop#1 failed to handle") == 10
    result.stdout.fnmatch_lines(["… and 2 more"])


def test_of_a_failed_test_it_tells_not_what_is_allowed(project: Project) -> None:
    marker = "@pytest.mark.rpc_bus(allow={'untaken', 'unused_stubs'})"
    result = project.run(
        f"{module('untaken', marker)}\n    rpc_bus.stub('bank', 'pay')\n    assert 0"
    )
    result.assert_outcomes(failed=1)
    result.stdout.no_fnmatch_line("*leftovers*")


def test_no_second_error_where_another_fixture_failed(project: Project) -> None:
    project.run(
        """
        import pytest

        @pytest.fixture
        def broken(rpc_bus):
            rpc_bus.stub("bank", "pay")
            raise OSError

        def test_it(broken):
            pass
        """
    ).assert_outcomes(errors=1)


def test_a_test_case_that_failed(project: Project) -> None:
    project.run(
        """
        import pytest, unittest

        @pytest.mark.rpc_bus
        class Test(unittest.TestCase):
            def test_1(self):
                self.rpc_bus.stub("bank", "pay")
                self.fail()

            def test_2(self):
                self.rpc_bus.stub("bank", "pay")
        """
    ).assert_outcomes(failed=1, passed=1, errors=1)


def test_a_bus_that_several_tests_used_names_those_that_failed(project: Project) -> None:
    result = project.run(
        """
        import pytest

        @pytest.fixture(scope="module")
        def bus(rpc_bus_factory):
            with rpc_bus_factory() as bus:
                yield bus

        def test_1(bus):
            bus.stub("bank", "pay")
            assert 0

        def test_2(bus):
            pass
        """
    )
    result.assert_outcomes(failed=1, passed=1, errors=1)
    result.stdout.fnmatch_lines(
        ["While this bus was open there failed, and may have left this: test_it.py::test_1"]
    )


def test_an_outcome_that_surfaces_at_teardown(project: Project) -> None:
    result = project.run(
        """
        import pytest, rpcfake

        class Shop:
            def buy(self, context):
                pytest.fail("said in a handler")

        def test_1(rpc_bus):
            rpc_bus.serve("shop", Shop())
            rpcfake.cast(None, "shop", {"method": "buy"})

        def test_2(rpc_bus):
            rpc_bus.stub("bank", "pay")
            assert rpcfake.call(None, "bank", {"method": "pay"}) is None
        """
    )
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*said in a handler*"])


def test_a_bus_that_comes_to_no_end(project: Project) -> None:
    result = project.run(
        """
        import rpcfake

        class Shop:
            def again(self, context):
                rpcfake.cast(None, "shop", {"method": "again"})

        def test_passes(rpc_bus):
            rpc_bus.livelock_limit = 100
            rpc_bus.serve("shop", Shop())
            rpcfake.cast(None, "shop", {"method": "again"})

        def test_fails(rpc_bus):
            test_passes(rpc_bus)
            assert 0, "the failure"
        """
    )
    result.assert_outcomes(passed=1, errors=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "E * rpcfake.errors.Livelock: *",
            "*_ test_fails _*",
            "*- rpcfake leftovers at teardown -*",
            "running what was left raised Livelock: *",
        ]
    )


def test_a_thread_that_does_not_end(project: Project) -> None:
    """The bus gives up waiting for it after a time, and says where it is; all else is undone."""
    result = project.run(
        """
        import pytest, rpcfake, threading
        from functools import partialmethod

        release = threading.Event()

        class Shop:
            def buy(self, context):
                release.wait()

        @pytest.fixture(autouse=True)
        def impatient(monkeypatch):
            for name in ("run", "close"):
                method = partialmethod(getattr(rpcfake.ThreadedBus, name), timeout=0)
                monkeypatch.setattr(rpcfake.ThreadedBus, name, method)

        @pytest.mark.parametrize("fails", [False, True])
        @pytest.mark.rpc_bus(allow={"blocked"})
        def test_1(rpc_threaded_bus, fails):
            rpc_threaded_bus.serve("shop", Shop())
            rpcfake.cast(None, "shop", {"method": "buy"})
            rpc_threaded_bus.run_until(lambda: rpc_threaded_bus.traffic.taken())
            assert not fails

        def test_2():
            release.set()
            with pytest.raises(rpcfake.ConnectionClosed, match="test_1"):
                rpcfake.cast(None, "shop", {"method": "buy"})
        """
    )
    result.assert_outcomes(passed=2, failed=1, errors=1)
    result.stdout.fnmatch_lines(
        [
            "*ERROR at teardown of test_1*False*",
            "rpcfake: the bus was not clean when it was put away.",
            "",
            "the bus is closed, but handlers have not returned within 0 s:",
            "*shop#1*shop.buy*",
            "*_ test_1?True? _*",
            "*- rpcfake leftovers at teardown -*",
            "the bus is closed, but handlers have not returned within 0 s:",
        ]
    )
