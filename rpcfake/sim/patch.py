"""`time.sleep`, `time.monotonic` and `time.monotonic_ns` while a simulated bus is installed.

``sleep`` is virtual in tasks and in the test's body, ``monotonic`` in tasks only: test runners
measure with it. Other threads see the real ones, and so does who imported the functions by name
before."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import get_ident
from typing import Any

from greenlet import getcurrent

from rpcfake.errors import Livelock
from rpcfake.sim import frozen
from rpcfake.sim.loop import Loop

_NAMES = ("sleep", "monotonic", "monotonic_ns")
# Held in a dict, because freezegun replaces real functions that it finds as attributes of modules.
_real: dict[str, Callable[..., Any]] = {}
_installed: list[Loop] = []


def install(loop: Loop) -> None:
    """Make time virtual for the tasks of a loop; several can be installed, the newest counts."""
    _installed.append(loop)
    loop.refresh = refresh
    refresh()


def uninstall(loop: Loop) -> None:
    """Undo one `install`; with the last one the real functions come back."""
    _installed.remove(loop)
    if loop not in _installed:
        loop.refresh = None
    if not _installed:
        for name, real in _real.items():
            if getattr(time, name) is _VIRTUAL[name]:
                setattr(time, name, real)
        _real.clear()


def refresh() -> None:
    """Put the functions in place that are not. A freeze puts its own ``monotonic`` there, which is
    as good since it moves with the bus; at its end it puts back the real one, over ours. What a
    test puts there (a mock) stays."""
    if time.monotonic is _VIRTUAL["monotonic"] and time.sleep is _VIRTUAL["sleep"]:
        return
    if not _installed:
        return
    freeze = frozen.active_freeze()
    for name in _NAMES:
        current = getattr(time, name)
        if current is _VIRTUAL[name]:
            continue
        if name in _real and current is not _real[name] and current is not _ORIGINAL[name]:
            continue
        if name != "sleep" and freeze is not None and frozen.fakes_monotonic(freeze):
            continue
        _real[name] = current
        setattr(time, name, _VIRTUAL[name])


def _loop_here() -> Loop | None:
    """The loop whose time counts for the code that asks; None: real time does."""
    me = get_ident()
    mine = [loop for loop in reversed(_installed) if loop.thread == me]
    here = getcurrent()
    for loop in mine:
        if loop.current is not None and loop.current.greenlet is here:
            return loop
    for loop in mine:
        if loop.current is not None:
            return loop
    for loop in mine:
        if not loop.closed:
            return loop
    return None


def _sleep(seconds: float, /) -> None:
    loop = _loop_here()
    if loop is None:
        _real_function("sleep")(seconds)
        return
    if not seconds >= 0:
        raise ValueError(f"sleep length is {seconds!r}: it must be 0 or more seconds")
    loop.sleep(seconds)


def _monotonic() -> float:
    loop = _loop_here()
    if loop is None or loop.current is None:
        return float(_real_function("monotonic")())
    return _read(loop) / 1e6


def _monotonic_ns() -> int:
    loop = _loop_here()
    if loop is None or loop.current is None:
        return int(_real_function("monotonic_ns")())
    return _read(loop) * 1000


def _read(loop: Loop) -> int:
    loop.reads += 1
    if loop.reads > loop.livelock_limit:
        assert loop.current is not None
        raise Livelock(
            f"{loop.current.label()} read time.monotonic() {loop.reads} times without letting"
            " time pass. Virtual time passes while a task sleeps or waits on the bus: use"
            " time.sleep() in the loop (`from time import sleep` is not patched)"
        )
    return loop.clock.read()


def _real_function(name: str) -> Callable[..., Any]:
    # Without an entry nothing is installed: freezegun may have put ours back after the bus was
    # gone.
    return _real.get(name) or _ORIGINAL[name]


_VIRTUAL: dict[str, Callable[..., Any]] = {
    "sleep": _sleep,
    "monotonic": _monotonic,
    "monotonic_ns": _monotonic_ns,
}
_ORIGINAL: dict[str, Callable[..., Any]] = {name: getattr(time, name) for name in _NAMES}
