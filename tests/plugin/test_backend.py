"""The fixture ``rpc_backend``: a test on each backend that is named."""

from __future__ import annotations

import pytest

from .conftest import Project

BOTH = ("--rpcfake-backend=memory", "--rpcfake-backend=memory-threads")

SELLS = """
    import rpcfake
    from shop import Shop, call, cast

    def test_it(rpc_backend):
        rpc_backend.serve("shop", Shop())
        assert call() == 3
"""

NOTED = """
    from rpcfake.backends.memory import Memory

    events = []

    class Noted(Memory):
        def __init__(self, colour="red"):
            super().__init__()
            events.append(f"made {colour}")
            self.harness.forget = lambda topic: events.append(f"forgot {topic}")

        def create_connection(self, new=True):
            connection = super().create_connection(new)
            close = connection.close
            connection.close = lambda: [events.append("closed a connection"), close()]
            return connection

        def close(self):
            events.append("closed")
            super().close()
"""


def test_without_a_name_it_is_memory(project: Project) -> None:
    result = project.run(SELLS, "-v")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*test_it[[]memory[]] PASSED*"])


def test_each_named_backend_has_the_test_once(project: Project) -> None:
    result = project.run(SELLS, "-v", *BOTH)
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*test_it[[]memory[]] *", "*test_it[[]memory-threads[]] *"])


def test_the_ini_file_names_backends_and_the_command_line_wins(project: Project) -> None:
    project.ini("rpcfake_backend = memory memory-threads")
    project.run(SELLS).assert_outcomes(passed=2)
    project.run(SELLS, "--rpcfake-backend=memory").assert_outcomes(passed=1)


def test_every_test_has_a_fresh_bus(project: Project) -> None:
    source = """
        import rpcfake

        def test_one(rpc_backend):
            rpc_backend.serve("shop", object())

        def test_two(rpc_backend):
            assert rpc_backend.backend.topics == ()
    """
    project.run(source, *BOTH).assert_outcomes(passed=4)


def test_a_cast_is_waited_for(project: Project) -> None:
    source = """
        import rpcfake

        class Counter:
            count = 0

            def add(self, context):
                self.count += 1

        def test_it(rpc_backend):
            counter = Counter()
            rpc_backend.serve("counter", counter)
            assert not rpc_backend.wait_until(lambda: counter.count, timeout=0.01)
            rpcfake.cast({}, "counter", {"method": "add"})
            assert rpc_backend.wait_until(lambda: counter.count == 1)
    """
    project.run(source, *BOTH).assert_outcomes(passed=2)


def test_its_own_functions_are_those_of_the_backend(project: Project) -> None:
    source = """
        import pytest
        import rpcfake

        class Shop:
            def prices(self, context):
                yield 1
                yield 2

            def note(self, context): ...

        def test_it(rpc_backend):
            with rpc_backend.create_connection() as connection:
                connection.create_consumer("shop", Shop())
                connection.create_consumer("shop", Shop(), fanout=True)
                connection.consume_in_thread()
                assert list(rpc_backend.multicall({}, "shop", {"method": "prices"})) == [1, 2]
                assert rpc_backend.call({}, "shop", {"method": "prices"}, 5) == 2
                with pytest.raises(rpc_backend.RemoteError):
                    rpc_backend.call({}, "shop", {"method": "no"})
                rpc_backend.cast({}, "shop", {"method": "note"})
                rpc_backend.fanout_cast({}, "shop", {"method": "note"})
                rpc_backend.sleep(0.001)
                assert rpc_backend.call({}, "shop", {"method": "prices"}, 5) == 2
            with pytest.raises(rpc_backend.Timeout):
                rpc_backend.call({}, "shop", {"method": "prices"}, 0.01)
    """
    project.run(source, *BOTH).assert_outcomes(passed=2)


def test_on_memory_it_is_as_strict_as_rpc_bus(project: Project) -> None:
    source = """
        import pytest
        from shop import cast

        def test_it(rpc_backend):
            cast()

        @pytest.mark.rpc_bus(allow={"untaken"})
        def test_allowed(rpc_backend):
            cast()
    """
    result = project.run(source, *BOTH)
    result.assert_outcomes(passed=4, errors=2)
    result.stdout.fnmatch_lines(["*the bus was not clean when it was put away*", "*untaken*"])


def test_on_memory_a_failure_shows_the_traffic(project: Project) -> None:
    source = SELLS.replace("== 3", "== 4")
    result = project.run(source, *BOTH)
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*rpcfake traffic*", "*call price(item='tea')*"])


def test_on_memory_the_marker_and_the_options_hold(project: Project) -> None:
    source = """
        import pytest

        @pytest.mark.rpc_bus(schedule="random")
        def test_it(rpc_backend):
            assert (rpc_backend.backend.seed, rpc_backend.backend.schedule.name) == (7, "random")
    """
    project.run(source, "--rpcfake-option=seed=7").assert_outcomes(passed=1)
    project.run(source, "--rpcfake-seed=7").assert_outcomes(passed=1)


def test_the_projects_own_module_is_patched_on_any_backend(project: Project) -> None:
    project.write("noted", NOTED)
    project.write("own_rpc", "def call(*args): raise SystemExit('a real broker')")
    project.ini("rpcfake_patch = own_rpc")
    source = """
        import own_rpc
        from shop import Shop

        def test_it(rpc_backend):
            rpc_backend.serve("shop", Shop())
            assert own_rpc.call({}, "shop", {"method": "price", "args": {"item": "tea"}}) == 3
    """
    named = ("--rpcfake-backend=memory", "--rpcfake-backend=noted:Noted")
    project.run(source, *named).assert_outcomes(passed=2)


def test_a_foreign_backend_is_left_as_it_was_found(project: Project) -> None:
    project.write("noted", NOTED)
    source = """
        import rpcfake
        from noted import events
        from shop import Shop, call

        def test_it(rpc_backend):
            assert events == ["made blue"]
            rpc_backend.serve("shop", Shop())
            with rpcfake.create_connection() as connection:
                connection.create_consumer("other", Shop(), fanout=True)
            assert call() == 3
            rpcfake.fanout_cast({}, "third", {"method": "note"})
            events.clear()

        def test_then():
            assert events[:2] == ["closed a connection"] * 2
            assert events[2:] == ["forgot third", "forgot other", "forgot shop", "closed"]
    """
    result = project.run(source, "--rpcfake-backend=noted:Noted", "--rpcfake-option=colour=blue")
    result.assert_outcomes(passed=2)


def test_in_a_class_it_is_found_at_self(project: Project) -> None:
    source = """
        from shop import Shop, call

        class TestIt:
            def test_it(self, rpc_backend):
                assert self.rpc_backend is rpc_backend
    """
    project.run(source).assert_outcomes(passed=1)


def test_a_test_may_name_its_own_backends(project: Project) -> None:
    source = """
        import pytest
        from rpcfake.backends.spec import BackendSpec

        @pytest.mark.parametrize("rpc_backend", [BackendSpec("memory-threads")], indirect=True)
        def test_it(rpc_backend):
            assert rpc_backend.name == "memory-threads"
    """
    project.run(source, *BOTH).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["--rpcfake-backend=memroy"], "no backend 'memroy'; did you mean 'memory'?"),
        (["--rpcfake-backend=shop.x"], "importing 'shop.x' raised ModuleNotFoundError"),
        (["--rpcfake-option=seed"], "--rpcfake-option: 'seed': it must be NAME=VALUE"),
    ],
)
def test_what_cannot_be_is_told_before_the_first_test(
    project: Project, args: list[str], text: str
) -> None:
    result = project.run(SELLS, *args)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    (line,) = (line for line in result.stderr.lines if line.startswith("ERROR"))
    assert line.startswith("ERROR: rpcfake: ")
    assert text in line
    assert "Traceback" not in result.stderr.str() + result.stdout.str()


def test_it_harms_no_test_that_does_not_ask_for_it(project: Project) -> None:
    project.run("def test_it(): pass", "--rpcfake-backend=memroy").assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["--rpcfake-backend=memory=amqp://me:secret@host"], "there is no option 'url'"),
        (["--rpcfake-option=seed=many"], "seed must be an int"),
        (["--rpcfake-backend=away:Away"], "no broker at amqp://me:***@host"),
        (["--rpcfake-backend=shop"], "backend shop has no create_connection, multicall, fanout"),
    ],
)
def test_what_cannot_be_made_fails_its_tests_in_one_line(
    project: Project, args: list[str], text: str
) -> None:
    away = """
        from rpcfake import BackendUnavailable

        def Away():
            raise BackendUnavailable("no broker at amqp://me:secret@host")
    """
    project.write("away", away)
    result = project.run(SELLS, *args)
    result.assert_outcomes(errors=1)
    (line,) = (line for line in result.stdout.lines if line.startswith("rpcfake: "))
    assert text in line
    assert "secret" not in line
    assert "Traceback" not in result.stdout.str()


def test_workers_of_xdist_tell_it_too(project: Project) -> None:
    pytest.importorskip("xdist")
    result = project.run_apart(SELLS, "-n1", "--rpcfake-backend=memroy", "-p", "no:randomly")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["rpcfake: no backend 'memroy'; did you mean 'memory'?*"])
