"""Tests on named backends: ``rpc_backend`` runs a test on each, ``rpc_contract`` judges each."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import pytest

from pytest_rpcfake.lease import Lease, threaded
from pytest_rpcfake.options import Settings, refuse, said
from pytest_rpcfake.patching import patched
from pytest_rpcfake.run import Run
from rpcfake import Bus, ThreadedBus, use_backend
from rpcfake.backends.registry import find_backend, import_backend
from rpcfake.backends.spec import BackendSpec, parse_option, without_password
from rpcfake.contract import PROFILES, CannotJudge, Clause, Finding, Hearing, Judge, Verdict
from rpcfake.contract.harness import harness_of
from rpcfake.errors import RemoteError, RpcError, Timeout
from rpcfake.hints import did_you_mean

FIXTURES: dict[str, Any] = {"rpc_backend": "function", "rpc_contract": "session"}
"""The fixtures that are there once for each backend, and their scopes."""

DEFAULT = BackendSpec("memory")
PATIENCE = 2.0
PROFILE = "default"


# What the command line and the ini file say


def specs_of(config: pytest.Config) -> list[BackendSpec]:
    """The backends that are named, or ``memory``.

    Raises:
        pytest.UsageError: an option that is none.
    """
    texts: list[str] = []
    options: dict[str, Any] = {}
    for source, values in said(config, "option"):
        for text in values:
            try:
                name, value = parse_option(text)
            except ValueError as error:
                refuse(f"{source}: {error}")
            options[name] = value
    for _, values in said(config, "backend"):
        texts = values  # the command line wins over the ini file
    specs = [BackendSpec.parse(text, options) for text in texts]
    return specs or [BackendSpec(DEFAULT.name, options)]


def check(config: pytest.Config, names: set[str]) -> None:
    """Look before the first test whether the named backends are there.

    Args:
        names: the fixtures that are asked for.

    Raises:
        pytest.UsageError: there is no backend of a name, or one that is to be judged can't be.
    """
    # As the command line `rpcfake verify` does. At the end, so that it hides nothing.
    here = str(config.invocation_params.dir)
    if here not in sys.path:
        sys.path.append(here)
    docket = config.stash[DOCKET] = Docket(config)
    config.add_cleanup(docket.close)
    if hasattr(config, "workerinput"):
        return  # of xdist: what a worker raises here is a crash, so its tests will tell
    for spec in specs_of(config):
        try:
            import_backend(spec.name)
            if "rpc_contract" in names:
                docket.open(spec)
        except RpcError as error:
            refuse(without_password(" ".join(str(error).split())))
        except CannotJudge as error:
            refuse(_not_judged(spec, error))


def parametrize(metafunc: pytest.Metafunc) -> None:
    """Run the test once for each backend. Of a clause on one backend the id says enough."""
    specs = specs_of(metafunc.config)
    if len(specs) == 1 and "rpc_contract" in metafunc.fixturenames:
        return
    names = [spec.name for spec in specs]
    ids = names if len(set(names)) == len(names) else [spec.shown for spec in specs]
    for name in FIXTURES:
        if name in metafunc.fixturenames and not _is_parametrized(metafunc, name):
            metafunc.parametrize(name, specs, ids=ids, indirect=True, scope=FIXTURES[name])


def _is_parametrized(metafunc: pytest.Metafunc, name: str) -> bool:
    marks = metafunc.definition.iter_markers("parametrize")
    return any(name in str(mark.args[0]).replace(",", " ").split() for mark in marks if mark.args)


# rpc_backend


class RpcBackend:
    """One backend for one test, installed: what the fixture ``rpc_backend`` gives.

    The functions of `rpcfake` go to it. Whatever the test opened is closed at its end, and what its
    topics left on a broker is deleted.

    Attributes:
        name: what it was called, without the password of a URL.
        backend: the backend itself; of ``memory`` the `rpcfake.Bus`.
        RemoteError, Timeout: the classes of the errors that it raises.
    """

    def __init__(self, name: str, backend: Any) -> None:
        self.name = name
        self.backend = backend
        self.RemoteError: type[Exception] = getattr(backend, "RemoteError", RemoteError)
        self.Timeout: type[Exception] = getattr(backend, "Timeout", Timeout)
        self._harness = harness_of(backend)
        self._connections: list[Any] = []
        self._topics: dict[str, None] = {}

    def __repr__(self) -> str:
        return f"<rpc_backend {self.name}>"

    def create_connection(self, new: bool = True) -> Any:
        connection = Noted(self.backend.create_connection(new), self._note)
        self._connections.append(connection)
        return connection

    def call(self, context: Any, topic: str, msg: Any, timeout: float | None = None) -> Any:
        __tracebackhide__ = True
        return self.backend.call(context, self._note(topic), msg, timeout)

    def multicall(
        self, context: Any, topic: str, msg: Any, timeout: float | None = None
    ) -> Iterator[Any]:
        """As a backend's own: bare values."""
        values: Iterator[Any] = self.backend.multicall(context, self._note(topic), msg, timeout)
        return values

    def cast(self, context: Any, topic: str, msg: Any) -> None:
        self.backend.cast(context, self._note(topic), msg)

    def fanout_cast(self, context: Any, topic: str, msg: Any) -> None:
        self.backend.fanout_cast(context, self._note(topic), msg)

    def serve(self, topic: str, proxy: Any, fanout: bool = False) -> Any:
        """Put a proxy behind a topic, started; gives the connection."""
        connection = self.create_connection()
        connection.create_consumer(topic, proxy, fanout)
        connection.consume_in_thread()
        return connection

    def wait_until(self, predicate: Callable[[], object], timeout: float = 5.0) -> bool:
        """Wait until the predicate is true, for at most so many seconds; whether it was.

        The seconds are virtual on ``memory``, and real elsewhere. This is how a test sees what the
        handler of a cast has done.
        """
        return bool(self._harness.wait_until(predicate, timeout))

    def sleep(self, seconds: float) -> None:
        """Let time pass, virtual on ``memory``."""
        self._harness.sleep(seconds)

    def _note(self, topic: Any) -> Any:
        if isinstance(topic, str):
            self._topics[topic] = None
        return topic

    def close(self) -> None:
        """Close what was opened, delete what was left, then close the backend itself."""
        with ExitStack() as closing:
            close = getattr(self.backend, "close", None)
            if callable(close):
                closing.callback(close)
            for topic in self._topics:
                closing.callback(self._harness.forget, topic)
            for connection in self._connections:
                closing.callback(connection.close)


class Noted:
    """A connection whose topics are noted."""

    def __init__(self, connection: Any, note: Callable[[str], str]) -> None:
        self._connection = connection
        self._note = note

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def create_consumer(self, topic: str, proxy: Any, fanout: bool = False) -> Any:
        return self._connection.create_consumer(self._note(topic), proxy, fanout)

    def __enter__(self) -> Noted:
        self._connection.__enter__()
        return self

    def __exit__(self, *exc: object) -> object:
        return self._connection.__exit__(*exc)


@contextmanager
def backend_for(item: pytest.Function, run: Run, spec: BackendSpec) -> Iterator[RpcBackend]:
    """A backend, installed for a test; of memory the very bus that ``rpc_bus`` would be."""
    with ExitStack() as opened:
        try:
            settings = run.settings.for_item(item)
            if spec.name in OURS:
                backend = _leased(opened, run, settings, spec)
            else:
                backend = _foreign(opened, settings, spec)
        except (pytest.UsageError, RpcError, TypeError, ValueError) as error:
            text = without_password(str(error)).removeprefix("rpcfake: ")
            raise pytest.fail.Exception(f"rpcfake: {text}", pytrace=False) from None
        yield backend


def _leased(opened: ExitStack, run: Run, settings: Settings, spec: BackendSpec) -> RpcBackend:
    changed = settings.override(spec.options, "--rpcfake-option")
    bus = opened.enter_context(Lease(run, changed, OURS[spec.name]))
    return RpcBackend(spec.shown, bus)


def _foreign(opened: ExitStack, settings: Settings, spec: BackendSpec) -> RpcBackend:
    backend = RpcBackend(spec.shown, spec.find())
    opened.callback(backend.close)
    opened.enter_context(use_backend(backend))
    opened.enter_context(patched(settings))
    return backend


def _memory(settings: Settings) -> Any:
    return find_backend(
        "memory",
        codec=settings.codec,
        schedule=settings.schedule,
        seed=settings.seed,
        context_factory=settings.context_factory,
    )


OURS: Mapping[str, Callable[[Settings], Bus | ThreadedBus]] = {
    "memory": _memory,
    "memory-threads": threaded,
}
"""Backends that are buses of ours: a test has them with the options and strictness of rpc_bus."""


# rpc_contract


class Docket:
    """The backends that are judged, each made once and kept until the last test."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._opened = ExitStack()
        self._hearings: dict[str, Hearing] = {}

    def open(self, spec: BackendSpec) -> Hearing:
        """The hearing of a backend.

        Raises:
            CannotJudge: it can't be made or reached.
        """
        hearing = self._hearings.get(spec.shown)
        if hearing is None:
            hearing = self._opened.enter_context(judge_of(self._config, spec).hearing())
            self._hearings[spec.shown] = hearing
            hearing.begin()
        return hearing

    def close(self) -> None:
        """Close all backends."""
        self._opened.close()
        self._hearings.clear()


DOCKET = pytest.StashKey[Docket]()


def judge_of(config: pytest.Config, spec: BackendSpec) -> Judge:
    """A judge with what the command line and the ini file say.

    Raises:
        pytest.UsageError: a profile that there is not, or no number of seconds.
    """
    profile, patience, seed = PROFILE, PATIENCE, 0
    for source, value in said(config, "profile"):
        if value not in PROFILES:
            refuse(
                f"{source} must be one of {', '.join(PROFILES)}, not {value!r}"
                f"{did_you_mean(value, PROFILES)}"
            )
        profile = value
    for source, value in said(config, "patience"):
        try:
            patience = float(value)
        except ValueError:
            patience = math.nan
        if not 0 < patience <= 600:
            refuse(f"{source} must be a number of seconds, at most 600, not {value!r}")
    for source, value in said(config, "seed"):
        try:
            seed = int(value)
        except ValueError:
            refuse(f"{source} must be an int, not {value!r}")
    return Judge(
        spec.find,
        spec.shown,
        profile=PROFILES[profile],
        seed=seed,
        patience=patience,
        program=spec.program,
    )


def judging(config: pytest.Config, spec: BackendSpec | None) -> Callable[[Clause], None]:
    """What judges a backend by a clause; that is the only one where none is given."""
    given = spec or specs_of(config)[0]
    try:
        return partial(judge, config.stash[DOCKET].open(given), given)
    except CannotJudge as error:
        text = _not_judged(given, error)
    raise pytest.fail.Exception(f"rpcfake: {text}", pytrace=False)


def _not_judged(spec: BackendSpec, error: CannotJudge) -> str:
    return f"{spec.shown} could not be judged: {without_password(str(error))}"


def judge(hearing: Hearing, spec: BackendSpec, clause: Clause) -> None:
    """Judge by a clause, and let pytest say what came of it."""
    __tracebackhide__ = True
    if not hearing.applies(clause):
        pytest.skip("does not apply: it is about a broker, and the backend has none")
    try:
        finding = hearing.judge(clause)
    except CannotJudge as error:
        pytest.exit(f"rpcfake: {_not_judged(spec, error)}", returncode=2)
    reason = finding.note or finding.actual
    if finding.verdict is Verdict.UNSUPPORTED:
        pytest.skip(f"unsupported: {reason}")
    if finding.verdict is Verdict.NONSTRICT:
        pytest.xfail(f"nonstrict, {clause.level}: {finding.actual}")
    if finding.verdict is Verdict.FAIL or finding.breaks:
        pytest.fail(_told(finding, spec), pytrace=False)
    if finding.verdict is not Verdict.PASS:
        pytest.skip(f"{finding.verdict}: {reason}")


def _told(finding: Finding, spec: BackendSpec) -> str:
    lines = [f"{finding.clause.id} ({finding.clause.level}) on {spec.shown}: {finding.verdict}"]
    for heading, text in finding.told():
        block = text.rstrip()
        lines += [f"{heading}:", block] if "\n" in block else [f"{heading}: {block}"]
    return "\n".join(lines)
