"""Which backend the five functions go to: how it is named, when it is chosen, and until when."""

from __future__ import annotations

import itertools
import re
import types
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rpcfake
from rpcfake import BackendUnavailable, Bus, ConnectionClosed, InvalidMessage, ThreadedBus, active
from rpcfake.rpc import retire, use_backend

from .rules.harness import relaxed

numbers = itertools.count()


@pytest.fixture(autouse=True)
def nothing_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(active, "_chosen", [])
    monkeypatch.setattr(active, "_retired", "")
    monkeypatch.delenv(active.ENVIRONMENT, raising=False)


class Fake:
    """A backend that says what it was asked."""

    def __init__(self, name: str = "fake") -> None:
        self.name = name

    def create_connection(self, new: bool = True) -> Any:
        return (self.name, "create_connection", new)

    def call(self, context: Any, topic: str, msg: Any, timeout: float | None = None) -> Any:
        return (self.name, "call", context, topic, msg, timeout)

    def multicall(
        self, context: Any, topic: str, msg: Any, timeout: float | None = None
    ) -> Iterator[Any]:
        return iter([self.name, context, topic, msg, timeout])

    def cast(self, context: Any, topic: str, msg: Any) -> Any:
        return (self.name, "cast")

    def fanout_cast(self, context: Any, topic: str, msg: Any) -> Any:
        return (self.name, "fanout_cast")


def who() -> str:
    """The name of the fake that is in use."""
    name: str = rpcfake.call(None, "t", {"method": "m"})[0]
    return name


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Writes a new module that can be imported; returns its name."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(source: str, package: str = "") -> str:
        name = f"backend_{next(numbers)}"
        where = tmp_path / package if package else tmp_path
        where.mkdir(exist_ok=True)
        (where / f"{name}.py").write_text(dedent(source), encoding="utf-8")
        return f"{package}.{name}" if package else name

    return write


FUNCTIONS = """
    def create_connection(new=True): return ("module",)
    def call(context, topic, msg, timeout=None): return ("module", timeout)
    def multicall(context, topic, msg, timeout=None): return iter(["module"])
    def cast(context, topic, msg): pass
    def fanout_cast(context, topic, msg): pass
"""
MAKER = (
    FUNCTIONS
    + """
    import types
    def make(**options):
        return types.SimpleNamespace(**{**everything, "call": lambda *asked: ("made", options)})
    class Outer:
        inner = make
    everything = dict(globals())
    del create_connection
"""
)


# How it is named


def test_by_a_registered_name() -> None:
    with use_backend("memory") as backend:
        assert isinstance(backend, Bus)
        assert rpcfake.create_connection() is not None
        backend.close()
    with use_backend("memory-threads") as backend:
        assert isinstance(backend, ThreadedBus)
        backend.close()


def test_each_use_of_a_name_is_a_new_bus() -> None:
    with use_backend("memory") as one, use_backend("memory") as other:
        assert one is not other


def test_options_are_those_of_what_the_name_stands_for() -> None:
    with use_backend("memory", seed=7, schedule="random") as backend:
        assert (backend.seed, backend.schedule.name) == (7, "random")


def test_by_a_module(module: Any) -> None:
    with use_backend(module(FUNCTIONS)):
        assert who() == "module"


def test_by_a_module_in_a_package(module: Any) -> None:
    with use_backend(module(FUNCTIONS, f"package_{next(numbers)}")):
        assert who() == "module"


def test_by_an_attribute_of_a_module_which_is_called_to_make_it(module: Any) -> None:
    name = module(MAKER)
    with use_backend(f"{name}:make", size=3):
        assert rpcfake.call(None, "t", {"method": "m"}) == ("made", {"size": 3})


def test_by_a_deeper_attribute(module: Any) -> None:
    with use_backend(f"{module(MAKER)}:Outer.inner"):
        assert who() == "made"


def test_by_an_attribute_that_is_a_backend(module: Any) -> None:
    name = module(f"import types\n{dedent(FUNCTIONS)}\nready = types.SimpleNamespace(**globals())")
    with use_backend(f"{name}:ready"):
        assert who() == "module"


@pytest.mark.parametrize("spec", ["rpcfake:Bus", Bus])
def test_a_class_is_made_an_instance_of(spec: Any) -> None:
    with use_backend(spec, seed=7) as backend:
        assert isinstance(backend, Bus)
        assert backend.seed == 7


def test_by_an_object() -> None:
    fake = Fake()
    with use_backend(fake) as backend:
        assert backend is fake
        assert who() == "fake"


def test_by_a_module_object() -> None:
    made = types.ModuleType("made")
    for name in ("create_connection", "call", "multicall", "cast", "fanout_cast"):
        setattr(made, name, getattr(Fake("module object"), name))
    with use_backend(made):
        assert who() == "module object"


def test_by_a_function_that_makes_it() -> None:
    with use_backend(lambda name: Fake(name), name="made"):
        assert who() == "made"


# What reaches it


def test_each_function_reaches_its_own_and_adds_nothing() -> None:
    msg = {"method": "m"}
    with use_backend(Fake()):
        assert rpcfake.create_connection() == ("fake", "create_connection", True)
        assert rpcfake.create_connection(new=False) == ("fake", "create_connection", False)
        context = object()
        assert rpcfake.call(context, "t", msg, 3) == ("fake", "call", context, "t", msg, 3)
        assert rpcfake.call(context, "t", msg)[-1] is None
        values = list(rpcfake.multicall(context, "t", msg, timeout=2.5))
        assert values == list(enumerate(["fake", context, "t", msg, 2.5]))
        assert rpcfake.cast(None, "t", msg) is None
        assert rpcfake.fanout_cast(None, "t", msg) is None


def test_a_backend_never_sees_an_invalid_message() -> None:
    with use_backend(Fake()):
        for function in (rpcfake.call, rpcfake.multicall, rpcfake.cast, rpcfake.fanout_cast):
            for topic, msg in (("", {"method": "m"}), ("t", {"method": 1}), ("t", [])):
                with pytest.raises(InvalidMessage):
                    function(None, topic, msg)  # type: ignore[arg-type]
        for ask in (rpcfake.call, rpcfake.multicall):
            with pytest.raises(ValueError, match="timeout is -1"):
                ask(None, "t", {"method": "m"}, -1)


def test_closing_a_multicall_closes_what_the_backend_gave() -> None:
    closed: list[bool] = []

    def values() -> Iterator[int]:
        try:
            yield 1
            yield 2
        finally:
            closed.append(True)

    fake = Fake()
    fake.multicall = lambda *asked: values()  # type: ignore[method-assign]
    with use_backend(fake):
        numbered: Any = rpcfake.multicall(None, "t", {"method": "m"})
        assert next(numbered) == (0, 1)
        numbered.close()
        assert closed == [True]
        assert list(numbered) == []
        fake.multicall = lambda *asked: iter([1])  # type: ignore[method-assign]
        unclosable: Any = rpcfake.multicall(None, "t", {"method": "m"})
        unclosable.close()


# When, and until when


def test_without_a_choice_it_is_memory_made_at_the_first_call() -> None:
    assert active._chosen == []
    assert rpcfake.cast(None, "t", {"method": "m"}) is None
    first = active.active_backend()
    assert isinstance(first, Bus)
    assert len(first.traffic.casts()) == 1
    rpcfake.cast(None, "t", {"method": "m"})
    assert len(first.traffic.casts()) == 2
    first.close()


def test_the_environment_names_the_default_and_is_asked_late(
    module: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(active.ENVIRONMENT, "no such backend")
    monkeypatch.setenv(active.ENVIRONMENT, module(FUNCTIONS))
    assert who() == "module"


def test_an_empty_environment_names_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(active.ENVIRONMENT, "")
    rpcfake.cast(None, "t", {"method": "m"})
    backend: Any = active.active_backend()
    assert isinstance(backend, Bus)
    backend.close()


def test_a_choice_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(active.ENVIRONMENT, "no such backend")
    use_backend(Fake())
    assert who() == "fake"


@pytest.mark.parametrize("named", ["no-such-backend", "memory.", "json", "rpcfake:ThreadedBuss"])
def test_a_wrong_environment_is_named_at_the_first_call(
    monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    monkeypatch.setenv(active.ENVIRONMENT, named)
    for _ in range(2):
        with pytest.raises(BackendUnavailable, match=f"RPCFAKE_BACKEND is '{re.escape(named)}'"):
            rpcfake.cast(None, "t", {"method": "m"})


def test_a_choice_holds_until_another_is_made() -> None:
    use_backend(Fake("one"))
    assert who() == "one"
    use_backend(Fake("other"))
    assert who() == "other"


def test_nested_choices_are_undone_one_by_one() -> None:
    with use_backend(Fake("outer")):
        with use_backend(Fake("inner")):
            assert who() == "inner"
        assert who() == "outer"
        with pytest.raises(KeyError), use_backend(Fake("failing")):
            raise KeyError
        assert who() == "outer"


@given(
    names=st.lists(st.sampled_from("abc"), min_size=1, max_size=6),
    order=st.randoms(use_true_random=False),
)
@relaxed
def test_undone_in_any_order_the_newest_that_is_left_counts(names: list[str], order: Any) -> None:
    # The same backend may be chosen more than once.
    fakes = {name: Fake(name) for name in "abc"}
    bottom = use_backend(Fake("bottom"))
    left = [use_backend(fakes[name]) for name in names]
    undone = list(left)
    order.shuffle(undone)
    for choice in undone:
        choice.undo()
        choice.undo()  # twice is once
        left.remove(choice)
        assert who() == (left[-1].backend.name if left else "bottom")
    bottom.undo()


def test_a_bus_installed_inside_a_choice_is_undone_alone() -> None:
    outer = use_backend(Fake("outer"))
    with Bus().installed() as bus:
        assert active.active_backend() is bus
        outer.undo()
        assert active.active_backend() is bus
        bus.close()
    assert active._chosen == []


# Retired


def test_retired_every_use_raises_the_reason_until_a_choice_is_made() -> None:
    retire("the bus of test_x is gone")
    uses = [
        rpcfake.create_connection,
        lambda: rpcfake.call(None, "t", {"method": "m"}),
        lambda: rpcfake.multicall(None, "t", {"method": "m"}),
        lambda: rpcfake.cast(None, "t", {"method": "m"}),
        lambda: rpcfake.fanout_cast(None, "t", {"method": "m"}),
    ]
    for use in uses:
        with pytest.raises(ConnectionClosed, match="the bus of test_x is gone"):
            use()
    use_backend(Fake())
    assert who() == "fake"


def test_the_latest_reason_counts() -> None:
    retire("one")
    retire("other")
    with pytest.raises(ConnectionClosed, match="other"):
        who()


def test_a_choice_that_is_made_is_not_retired() -> None:
    use_backend(Fake())
    retire("gone")
    assert who() == "fake"


def test_after_a_choice_is_undone_it_is_retired_again() -> None:
    retire("gone")
    with use_backend(Fake()):
        assert who() == "fake"
    with pytest.raises(ConnectionClosed, match="gone"):
        who()


def test_retired_while_a_choice_holds_it_is_so_after() -> None:
    with use_backend(Fake()):
        retire("gone")
        assert who() == "fake"
    with pytest.raises(ConnectionClosed, match="gone"):
        who()


def test_retired_it_still_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    retire("gone")
    monkeypatch.setenv(active.ENVIRONMENT, "memory")
    assert rpcfake.cast(None, "t", {"method": "m"}) is None


# Bad input

WRONG: list[tuple[Any, dict[str, Any], type[Exception], str]] = [
    ("memmory", {}, BackendUnavailable, "no backend 'memmory'; did you mean 'memory'"),
    ("", {}, BackendUnavailable, "no backend ''"),
    ("no-such-backend", {}, BackendUnavailable, "registered: .*'memory', 'memory-threads'"),
    ("x\0y", {}, BackendUnavailable, "no backend"),
    ("no.such.module", {}, BackendUnavailable, "importing 'no.such.module' raised ModuleNotFound"),
    ("no_such_module:attr", {}, BackendUnavailable, "importing 'no_such_module' raised"),
    (":attr", {}, BackendUnavailable, "':attr'.*importing ''"),
    (".relative", {}, BackendUnavailable, "importing '.relative' raised"),
    ("json", {}, BackendUnavailable, "backend json has no create_connection, call, multicall"),
    ("json:loads", {}, TypeError, "json:loads.*loads()"),
    ("json:nothing", {}, BackendUnavailable, "'json' has no 'nothing'"),
    ("rpcfake:Buss", {}, BackendUnavailable, "'rpcfake' has no 'Buss'; did you mean 'Bus'"),
    ("rpcfake", {}, TypeError, "rpcfake.*facade"),
    ("rpcfake.rpc", {}, TypeError, "rpcfake.rpc.*facade"),
    (rpcfake, {}, TypeError, "is the facade itself"),
    ("memory", {"sed": 7}, TypeError, "backend memory refuses the options {'sed': 7}: .*sed"),
    ("memory", {"seed": "x"}, TypeError, "seed is 'x'"),
    ("memory", {"schedule": "x"}, ValueError, "schedule is 'x'"),
    ("memory-threads", {"seed": 1}, TypeError, "ThreadedBus has no seed"),
    (Fake(), {"seed": 7}, TypeError, "takes no options, got 'seed'"),
    (None, {}, TypeError, "backend is None: it must be a name"),
    (5, {}, TypeError, "backend is 5: it must be a name"),
    (b"memory", {}, TypeError, "backend is b'memory': it must be a name"),
    (object(), {}, TypeError, "it must be a name, 'pkg.mod', 'pkg.mod:attr', or an object with"),
    (object, {}, TypeError, "it must be a name"),
    (lambda: None, {}, TypeError, "it must be a name"),
    (len, {}, TypeError, "len.* can't be made without options: .*len"),
    (types.SimpleNamespace(call=len, cast=5), {}, BackendUnavailable, "has no create_connection,"),
]


@pytest.mark.parametrize(
    ("spec", "options", "error", "text"),
    WRONG,
    ids=[re.split(" at | from ", repr(spec))[0] for spec, *_ in WRONG],
)
def test_what_is_no_backend_is_refused_and_nothing_changes(
    spec: Any, options: dict[str, Any], error: type[Exception], text: str
) -> None:
    with use_backend(Fake()):
        before = list(active._chosen)
        with pytest.raises(error, match=text):
            use_backend(spec, **options)
        assert active._chosen == before
        assert who() == "fake"


@pytest.mark.parametrize("package", ["", "in_package"])
@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("1 / 0", "raised ZeroDivisionError: division by zero"),
        ("def broken(:", "raised SyntaxError"),
        ("import no_such_library_at_all", "No module named 'no_such_library_at_all'"),
        ("from json import nothing_at_all", "raised ImportError.*nothing_at_all"),
    ],
)
def test_a_module_that_fails_to_import_says_why(
    module: Any, package: str, source: str, text: str
) -> None:
    name = module(source, package and f"{package}_{next(numbers)}")
    with pytest.raises(BackendUnavailable, match=text) as caught:
        use_backend(name)
    assert name in str(caught.value)


def test_a_maker_that_fails_is_heard(module: Any) -> None:
    name = module("def make(): raise RuntimeError('no broker here')")
    with pytest.raises(RuntimeError, match="no broker here"):
        use_backend(f"{name}:make")
