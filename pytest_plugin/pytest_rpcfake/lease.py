"""A bus for a while: made, installed and watched; at the end judged, closed and retired."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any, Generic, TypedDict, TypeVar, Unpack

import pytest

from pytest_rpcfake import measuring, options
from pytest_rpcfake.options import Settings
from pytest_rpcfake.patching import patched
from pytest_rpcfake.run import Run
from pytest_rpcfake.strict import failure, find_leftovers, told_briefly
from rpcfake import Bus, RpcError, ThreadedBus, Traffic
from rpcfake.active import retire

NEEDED = "A test that sends needs the fixture rpc_bus or the marker of that name"

AnyBus = TypeVar("AnyBus", bound=Bus | ThreadedBus)


class Lease(Generic[AnyBus]):
    """One bus. Inside the ``with`` it is the active backend, and at the end it has to be clean.

    Attributes:
        bus: the bus.
        opener: the test in which it was opened.
        leftovers: what its end brought to light although the test had failed already; or "".
        failed: the tests that failed while it was open.

    Raises:
        pytest.UsageError: settings that the bus refuses, or a module to patch that can't be.
        AssertionError, pytest.fail.Exception: it was left with problems, and nothing had failed
            before; the first in a test's body.
    """

    def __init__(self, run: Run, settings: Settings, make: Callable[[Settings], AnyBus]) -> None:
        __tracebackhide__ = True
        self.bus = _made(settings, make)
        self.opener = run.item
        self.leftovers = ""
        self.failed: list[str] = []
        self._run = run
        self._settings = settings
        self._undo = ExitStack()
        self._start = 0
        self._traffic: Traffic | None = None

    def __enter__(self) -> AnyBus:
        __tracebackhide__ = True
        with ExitStack() as undo:
            undo.callback(_retire, self._run)
            undo.enter_context(self.bus.installed())
            undo.enter_context(patched(self._settings))
            measuring.warn_if_blind(self._run)
            self._undo = undo.pop_all()
        self._run.opened(self)
        return self.bus

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        __tracebackhide__ = True
        run, found, failed = self._run, "", self._run.unsuccessful or error is not None
        given_up = run.interrupted or isinstance(error, KeyboardInterrupt | pytest.exit.Exception)
        try:
            with self._undo:
                try:
                    if not given_up:
                        found = self._judge(failed)
                finally:
                    self._traffic = self.traffic
                    # While the patches last: what ends with the bus must not meet the real rpc.
                    stuck = self._close()
        finally:
            run.closed(self, guilty=bool(error or found))
        if failed:
            self.leftovers = "\n".join(filter(None, [found, stuck]))
        elif found or stuck:
            text = failure(found, stuck, self.failed)
            if run.calling:
                # With its traceback and notes: Hypothesis says there which example it was.
                raise AssertionError(text)
            pytest.fail(text, pytrace=False)

    def begin(self) -> None:
        """Another test begins."""
        self._start = len(self.bus.traffic)

    @property
    def traffic(self) -> Traffic:
        """What it has recorded since the running test began, without what its own end causes."""
        return self.bus.traffic[self._start :] if self._traffic is None else self._traffic

    @property
    def watchable(self) -> Bus | None:
        """The bus if it has steps to stand at."""
        return self.bus if isinstance(self.bus, Bus) else None

    def _judge(self, failed: bool) -> str:
        """What is left; where the test has failed already, another error is only told."""
        look = told_briefly if failed else find_leftovers
        try:
            return look(self.bus, self._settings.allow)
        except Exception as error:
            if not failed:
                raise
            return f"running what was left raised {type(error).__name__}: {error}"

    def _close(self) -> str:
        """The text of who does not end: a handler in a thread, after a time of waiting for it."""
        try:
            self.bus.close()
        except RpcError as error:
            return str(error)
        return ""


def simulated(settings: Settings) -> Bus:
    """A simulated bus with these settings."""
    return Bus(
        codec=settings.codec,
        schedule=settings.schedule,
        seed=settings.seed,
        context_factory=settings.context_factory,
    )


def threaded(settings: Settings) -> ThreadedBus:
    """A bus with real threads, where schedule and seed mean nothing."""
    return ThreadedBus(codec=settings.codec, context_factory=settings.context_factory)


@contextmanager
def lease_for(
    item: pytest.Function, run: Run, make: Callable[[Settings], AnyBus]
) -> Iterator[AnyBus]:
    """A bus with the options of a test's markers; wrong ones fail the test by their text alone."""
    with ExitStack() as opened:
        try:
            settings = run.settings.for_item(item)
            if make is threaded:
                _refuse_simulated(settings, item)
            bus = opened.enter_context(Lease(run, settings, make))
        except pytest.UsageError as error:
            raise pytest.fail.Exception(str(error), pytrace=False) from None
        yield bus


def _refuse_simulated(settings: Settings, item: pytest.Function) -> None:
    """What a threaded bus can't do a test's own marker may not ask; its class's may, for others."""
    source = options.marked(item)
    for name in ("seed", "schedule"):
        if settings.sources.get(name) == source and "rpc_bus" not in item.fixturenames:
            options.refuse(
                f"{source}: {name} is for rpc_bus. On rpc_threaded_bus the order is the machine's"
            )


def _made(settings: Settings, make: Callable[[Settings], AnyBus]) -> AnyBus:
    __tracebackhide__ = True
    try:
        return make(settings)
    except (TypeError, ValueError) as error:
        said = "".join(f"\n  {name}: from {source}" for name, source in settings.sources.items())
        text = f"{error}{said}"
    options.refuse(text)


def retire_default(run: Run) -> None:
    """What is sent where no bus is open is refused, also before the first test that opens one."""
    run.retired = True
    retire(
        f"no bus is open, and no backend is chosen. {NEEDED} (or rpcfake.use_backend), a fixture "
        "of wider scope needs rpc_bus_factory"
    )


def _retire(run: Run) -> None:
    run.retired = True
    retire(
        f"the bus of {run.where} is gone, and no backend is chosen. {NEEDED} (or "
        "rpcfake.use_backend). If no test sends here, something has outlived its test: a thread, "
        "a timer, a callback"
    )


class BusOptions(TypedDict, total=False):
    """The options of `BusFactory`; they are those of the marker ``rpc_bus``."""

    seed: int
    schedule: Any
    codec: Any
    context_factory: Callable[[Mapping[str, Any]], object] | None
    allow: Collection[str]
    patch: str | ModuleType | Collection[str | ModuleType]


class BusFactory:
    """Opens buses: what the fixture ``rpc_bus_factory`` gives."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def __repr__(self) -> str:
        return "<rpc_bus_factory>"

    def __call__(self, **options: Unpack[BusOptions]) -> Lease[Bus]:
        """A new bus for a ``with`` block, installed inside and judged at the end like ``rpc_bus``.

        In a test's body the test's markers hold too. A fixture may outlive the test that first
        asked for it, so in fixtures only these options, the command line and the ini file do.

        Raises:
            pytest.UsageError: an option that does not exist, or a value of the wrong kind.
        """
        __tracebackhide__ = True
        run = self._run
        settings = run.settings
        if run.calling and run.item is not None:
            settings = settings.for_item(run.item)
        return Lease(run, settings.override(options, "rpc_bus_factory"), simulated)
