"""The marker ``rpc_bus`` by itself: it makes a test use the bus that the test did not ask for."""

from __future__ import annotations

import pytest

MARKER = "rpc_bus"
FACTORY = "rpc_bus_factory"
BUSES = ("rpc_bus", "rpc_threaded_bus", "rpc_backend", "oslo_rpc")


def wants_bus(item: pytest.Function) -> bool:
    """Whether the test uses a bus. One that is only marked gets the fixture rpc_bus here.

    Where a test asks for another bus, or for the factory, its marker only gives the options.
    """
    asked = [name for name in (*BUSES, FACTORY) if name in item.fixturenames]
    if item.get_closest_marker(MARKER) is None or (asked and "rpc_bus" not in asked):
        return bool(asked)
    if not asked and getattr(item.obj, "is_hypothesis_test", False):
        pytest.fail(
            f"rpcfake: the marker {MARKER} on a Hypothesis test would give all examples one bus, "
            f"and each needs a new one. Ask for the fixture {FACTORY}, and begin the test's body "
            f"with: with {FACTORY}() as bus:",
            pytrace=False,
        )
    # A new list: the names of one function are shared by all its parameters, maybe not all marked.
    item.fixturenames = [name for name in item.fixturenames if name != "rpc_bus"]
    item.fixturenames.insert(_place(item), "rpc_bus")
    return True


def _place(item: pytest.Function) -> int:
    """After the fixtures of wider scope, before all of the test's own (setup_method is one)."""
    known = item._fixtureinfo.name2fixturedefs
    for place, name in enumerate(item.fixturenames):
        if name in known and known[name][-1].scope == "function":
            return place
    return len(item.fixturenames)


def attach(item: pytest.Function, name: str, bus: object) -> None:
    """In a class the test finds its bus at self."""
    if item.instance is not None:
        setattr(item.instance, name, bus)


def attach_funcargs(item: pytest.Function) -> None:
    """The same for a bus that comes from the project's own fixture of that name."""
    for name in BUSES:
        if name in item.funcargs:
            attach(item, name, item.funcargs[name])
