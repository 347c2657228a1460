"""CAST: it returns None before the handler runs, whose error never reaches the caster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rpcfake

from .harness import AnyBus, Recorder, Serving, Simulated, kinds, message, relaxed
from .strategies import arguments, contexts, names


@given(sent=st.lists(st.tuples(names, arguments, contexts), max_size=4))
@relaxed
def test_it_returns_none_and_arrives_once(
    new_bus: type[AnyBus], sent: list[tuple[str, dict[str, Any], Any]]
) -> None:
    with new_bus() as bus, bus.installed():
        proxy = Recorder()
        bus.serve("shop", proxy)
        for method, args, context in sent:
            assert rpcfake.cast(context, "shop", {"method": method, "args": args}) is None
        bus.settle()
        # On threads the handlers of one consumer may run in any order.
        expected = [(method, context or {}, args) for method, args, context in sent]
        assert all(expected.count(each) == proxy.got.count(each) for each in expected + proxy.got)


def test_it_returns_before_the_handler_runs(bus: AnyBus) -> None:
    returned, order = bus.gate(), []

    def handle(context: Any) -> None:
        returned.wait()
        order.append("handled")

    bus.serve("shop", Serving(handle=handle))
    bus.cast(None, "shop", message("handle"))
    order.append("returned")
    returned.open()
    bus.settle()
    assert order == ["returned", "handled"]


def test_on_the_simulated_bus_nothing_of_the_handler_runs_inside() -> None:
    # The 2011 fake ran the handler before cast returned.
    with Simulated() as bus:
        proxy = Recorder()
        bus.serve("shop", proxy)
        bus.cast(None, "shop", message("handle"))
        bus.fanout_cast(None, "shop", message("handle"))
        assert proxy.got == []
        assert kinds(bus)["taken"] == 0
        bus.settle()
        assert proxy.methods == ["handle"]


def test_a_handler_that_casts_goes_on_before_its_cast_is_handled(bus: AnyBus) -> None:
    gate, order = bus.gate(), []

    def first(context: Any) -> None:
        assert bus.cast(None, "shop", message("second")) is None
        order.append("first goes on")
        gate.open()

    def second(context: Any) -> None:
        gate.wait()
        order.append("second")

    bus.serve("shop", Serving(first=first, second=second))
    bus.cast(None, "shop", message("first"))
    bus.until(lambda: len(order) == 2)
    assert order == ["first goes on", "second"]


def raising(context: Any) -> None:
    raise ValueError("nobody hears it")


def raising_midway(context: Any) -> Iterator[int]:
    yield 1
    raise ValueError("nobody hears it")


def replying_first(context: Any) -> None:
    context.reply(1)
    raise ValueError("nobody hears it")


def leaving(context: Any) -> None:
    raise SystemExit("nobody hears it")


@pytest.mark.parametrize("handler", [raising, raising_midway, replying_first, leaving])
def test_the_handlers_error_never_reaches_the_caster(
    bus: AnyBus, handler: Callable[..., Any]
) -> None:
    proxy = Recorder()
    bus.serve("shop", Serving(fail=handler, work=proxy.work))
    bus.serve("shop", Serving(fail=handler), fanout=True)
    for cast in (bus.cast, bus.fanout_cast):
        assert cast(None, "shop", message("fail")) is None
    assert bus.cast(None, "shop", message("no_such_method")) is None
    assert bus.cast(None, "shop", message("work")) is None
    bus.settle()
    assert proxy.methods == ["work"]
    failures = bus.traffic.failures()
    assert len(failures) == 3
    assert [str(record.value).count("nobody hears it") for record in failures.where(_raised)] == [
        1,
        1,
    ]
    assert {problem.allow for problem in bus.problems()} == {"handler_errors"}


def _raised(record: rpcfake.Record) -> bool:
    return record.method == "fail"


def test_no_answer_to_a_cast_is_on_record(bus: AnyBus) -> None:
    def handle(context: Any) -> int:
        context.reply(1)
        return 2

    bus.serve("shop", Serving(handle=handle))
    bus.cast(None, "shop", message("handle"))
    bus.settle()
    assert kinds(bus) == {"cast": 1, "taken": 1}
