"""The hooks and fixtures that pytest sees. rpcfake itself is imported where a test wants a bus."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any

import pytest

from pytest_rpcfake import marking, options
from pytest_rpcfake.marking import MARKER
from pytest_rpcfake.run import Run

if TYPE_CHECKING:
    from collections.abc import Generator

    from pytest_rpcfake.backing import RpcBackend
    from pytest_rpcfake.golden import RpcCassette
    from pytest_rpcfake.lease import BusFactory
    from rpcfake import Bus, ThreadedBus
    from rpcfake.contract import Clause
    from rpcfake.oslo import RpcFakeFixture

RUN = pytest.StashKey[Run]()
UNUSED = pytest.StashKey[list[str]]()
ON_BACKENDS = {"rpc_backend", "rpc_contract"}
MARKER_LINE = (
    f"{MARKER}(seed=0, schedule='fifo', codec='json', context_factory=None, allow=(), patch=()): "
    "the test runs on an rpcfake bus made with these options, as if it had asked for the fixture "
    "of that name; in classes it is self.rpc_bus. The closest marker wins, option by option. "
    f"Words for allow: {', '.join(options.WORDS)}."
)

CASSETTE_LINE = (
    "rpc_cassette(kinds=None, order='total', ignore=(), match={}, times=False): what counts where "
    "the fixture of that name is compared; see rpcfake.traffic.Comparing."
)


def pytest_addoption(parser: pytest.Parser) -> None:
    options.declare(parser)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", MARKER_LINE)
    config.addinivalue_line("markers", CASSETTE_LINE)
    options.record_mode(config)  # a wrong one is told at once
    settings, patience = options.from_config(config), options.watchdog_seconds(config)
    config.stash[RUN] = Run(settings, patience, _real_stderr() if patience else None)
    if (folder := options.report_folder(config)) is not None:
        from pytest_rpcfake.golden import redaction
        from pytest_rpcfake.page import register

        register(config, config.stash[RUN], folder, redaction(config))


def pytest_unconfigure(config: pytest.Config) -> None:
    if RUN in config.stash:
        config.stash[RUN].end()


def _real_stderr() -> int | None:
    """A copy of stderr's file descriptor, as pytest captures nothing yet; None without a stderr."""
    try:
        return os.dup(2)
    except OSError:
        return None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if ON_BACKENDS & set(metafunc.fixturenames):
        from pytest_rpcfake.backing import parametrize

        metafunc.config.stash[RUN].on_backends = True
        parametrize(metafunc)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> Generator[None]:
    # Before others deselect any: a cassette of a test that is not run now is in use all the same.
    folders = {item.path.parent for item in items}
    if _is_whole(session) and any((folder / "cassettes").is_dir() for folder in folders):
        from pytest_rpcfake.golden import unused

        config.stash[UNUSED] = [str(path) for path in unused(items)]
    return (yield)


def _is_whole(session: pytest.Session) -> bool:
    """Whether all tests of each module were collected, so that none is missed whose cassette is in
    use."""
    config = session.config
    chosen = any("::" in argument for argument in config.args)
    return not (chosen or config.getoption("lf", False) or session.testsfailed)


def pytest_sessionfinish(session: pytest.Session) -> None:
    config = session.config
    if UNUSED in config.stash and hasattr(config, "workeroutput"):  # a worker of xdist
        config.workeroutput["rpcfake_unused"] = config.stash[UNUSED]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A worker of xdist has ended: all of them know the same, since each collects everything."""
    unused = getattr(node, "workeroutput", {}).get("rpcfake_unused")
    if unused is not None:
        node.config.stash[UNUSED] = unused


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    unused = config.stash.get(UNUSED, [])
    if not unused:
        return
    from pytest_rpcfake.cassettes import report_unused

    report_unused(terminalreporter, unused, prune=config.option.rpcfake_prune)


def pytest_collection_finish(session: pytest.Session) -> None:
    if session.config.option.collectonly or not session.config.stash[RUN].on_backends:
        return
    from pytest_rpcfake.backing import check

    fixtures = (getattr(item, "fixturenames", ()) for item in session.items)
    check(session.config, ON_BACKENDS.intersection(chain(*fixtures)))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    run = item.config.stash[RUN]
    run.begin(item)
    if isinstance(item, pytest.Function) and marking.wants_bus(item):
        # Now, as a fixture may freeze the clocks: what is imported later might keep a frozen one.
        import rpcfake  # noqa: F401
    _retire_default(run)


def _retire_default(run: Run) -> None:
    if not run.retired and "rpcfake.active" in sys.modules:
        from pytest_rpcfake.lease import retire_default

        retire_default(run)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    __tracebackhide__ = True
    run = item.config.stash[RUN]
    if isinstance(item, pytest.Function) and run.open:
        marking.attach_funcargs(item)
    _retire_default(run)  # a fixture may have been the first to import rpcfake
    run.calling = True
    try:
        return (yield)
    except (KeyboardInterrupt, pytest.exit.Exception):
        run.interrupted = True
        raise
    finally:
        run.calling = False


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    run = item.config.stash[RUN]
    if report.failed or call.excinfo is not None:
        run.unsuccessful = True
    if run.open or run.ended:
        from pytest_rpcfake.report import annotate

        annotate(run, item, report)
    return report


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    if "rpcfake.traffic" not in sys.modules:
        return None
    from pytest_rpcfake.compare import explain

    return explain(op, left, right)


def pytest_enter_pdb(config: pytest.Config) -> None:
    _pause_watchdog(config, True)


def pytest_leave_pdb(config: pytest.Config) -> None:
    _pause_watchdog(config, False)


def _pause_watchdog(config: pytest.Config, paused: bool) -> None:
    # A debugger may be entered before there is a run: while a conftest is imported.
    run = config.stash.get(RUN, None)
    if run is not None and run.watchdog is not None:
        run.watchdog.paused = paused


@pytest.fixture
def rpc_bus(request: pytest.FixtureRequest) -> Iterator[Bus]:
    """A new rpcfake.Bus, installed for this test: rpcfake.call and the others go to it.

    Deterministic, in one thread, with virtual time. Options: @pytest.mark.rpc_bus(seed=…,
    schedule=…, codec=…, context_factory=…, allow={…}, patch=…), the command line, the ini file.
    Strict at teardown: a handler's error that nobody saw, a message that nobody took, an unused
    stub and a task that still waits fail the test, unless allowed. A failing test's report shows
    the traffic. For a bus of wider scope override this fixture in terms of rpc_bus_factory.
    """
    from pytest_rpcfake.lease import lease_for, simulated

    with lease_for(request.node, request.config.stash[RUN], simulated) as bus:
        marking.attach(request.node, "rpc_bus", bus)
        yield bus


@pytest.fixture
def rpc_threaded_bus(request: pytest.FixtureRequest) -> Iterator[ThreadedBus]:
    """A new rpcfake.ThreadedBus, installed for this test: for code that needs real threads.

    The same stubs, assertions, options and strictness as rpc_bus, but the time is real, and the
    order in which handlers run is the machine's.
    """
    from pytest_rpcfake.lease import lease_for, threaded

    with lease_for(request.node, request.config.stash[RUN], threaded) as bus:
        marking.attach(request.node, "rpc_threaded_bus", bus)
        yield bus


@pytest.fixture
def oslo_rpc(request: pytest.FixtureRequest) -> Iterator[RpcFakeFixture]:
    """oslo.messaging on a bus of its own for this test: a rpcfake.oslo.RpcFakeFixture.

    The transport_url of oslo.config's global configuration leads to it. Attribute bus, a
    ThreadedBus, as strict at teardown as rpc_threaded_bus; drain() waits until all is handled; and
    a server that still listens at the end fails the test.
    """
    from pytest_rpcfake.lease import lease_for

    try:
        from rpcfake.oslo import RpcFakeFixture
    except ImportError as error:
        pytest.fail(
            f"the fixture oslo_rpc needs oslo.messaging ({error}):"
            " python -m pip install 'rpcfake[oslo]'",
            pytrace=False,
        )
    with (
        RpcFakeFixture() as fixture,
        lease_for(request.node, request.config.stash[RUN], lambda _: fixture.bus),
    ):
        marking.attach(request.node, "oslo_rpc", fixture)
        yield fixture


@pytest.fixture
def rpc_cassette(request: pytest.FixtureRequest) -> Iterator[RpcCassette]:
    """What the traffic of this test must be: assert rpc_bus.traffic == rpc_cassette.

    It is in the file cassettes/<module>/<test>.jsonl beside the module; --rpcfake-record=once
    writes it where it is not there. The failure tells which messages were added, are missing, have
    moved or changed, and the command that accepts it. rpc_cassette(order="topic", ignore=[…]), or
    the marker of the same name, says what counts; see rpcfake.traffic.Comparing.
    """
    __tracebackhide__ = True
    from pytest_rpcfake.golden import cassette_for, redaction

    config = request.config
    cassette = cassette_for(request.node, options.record_mode(config), redaction(config))
    yield cassette
    if not cassette.used and not config.stash[RUN].unsuccessful:
        pytest.fail(
            "rpcfake: the test asked for rpc_cassette, and never compared with it:"
            " assert rpc_bus.traffic == rpc_cassette",
            pytrace=False,
        )


@pytest.fixture(scope="session")
def rpc_bus_factory(request: pytest.FixtureRequest) -> BusFactory:
    """Opens buses for a with block: with rpc_bus_factory(seed=3, allow={"untaken"}) as bus: …

    For a bus of your own scope (a class's, a module's, the session's), and for the body of a
    Hypothesis test, where each example needs a new one. Options are those of the marker rpc_bus.
    Each bus is installed inside and judged at the end, like rpc_bus.
    """
    from pytest_rpcfake.lease import BusFactory

    return BusFactory(request.config.stash[RUN])


@pytest.fixture
def rpc_backend(request: pytest.FixtureRequest) -> Iterator[RpcBackend]:
    """Runs the test once on each backend that --rpcfake-backend names, installed; or on memory.

    rpcfake.call and the others go to it. At the end what the test opened is closed, and what its
    topics left on a broker is deleted. On memory and memory-threads it is the bus that rpc_bus or
    rpc_threaded_bus would be, with the same options and as strict; see its attribute backend.
    """
    from pytest_rpcfake.backing import backend_for

    with backend_for(request.node, request.config.stash[RUN], request.param) as backend:
        marking.attach(request.node, "rpc_backend", backend)
        yield backend


@pytest.fixture(scope="session")
def rpc_contract(request: pytest.FixtureRequest) -> Callable[[Clause], None]:
    """Judges the backends that --rpcfake-backend names: rpc_contract(clause) fails or skips.

    It is what rpcfake.contract.suite is made with; rpcfake.contract.all_clauses() has the clauses.
    """
    from pytest_rpcfake.backing import judging

    return judging(request.config, getattr(request, "param", None))
