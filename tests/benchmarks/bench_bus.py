"""How fast the simulated bus is: each figure beside its floor, measured in the same run.

The floor is what nobody can do without who carries messages as text: a deque, JSON both ways, and
the method call. Bus and floor are measured in turn, with a collection before each, and medians are
given; ratios travel between machines, microseconds do not.

    python tests/benchmarks/bench_bus.py [--quick] [--json FILE]
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

import rpcfake

CONTEXT = {"user": "ada", "request_id": "req-1"}


class Shop:
    def add(self, context: Any, a: int, b: int) -> int:
        return a + b

    def note(self, context: Any, a: int, b: int) -> None:
        pass


def floor_call(count: int) -> float:
    shop, queue, started = Shop(), deque[str](), time.perf_counter()
    for n in range(count):
        queue.append(json.dumps([CONTEXT, "add", {"a": n, "b": 2}]))
        context, method, args = json.loads(queue.popleft())
        json.loads(json.dumps(getattr(shop, method)(context=context, **args)))
    return (time.perf_counter() - started) / count


def floor_cast(count: int) -> float:
    shop, queue, started = Shop(), deque[str](), time.perf_counter()
    for n in range(count):
        queue.append(json.dumps([CONTEXT, "note", {"a": n, "b": 2}]))
    while queue:
        context, method, args = json.loads(queue.popleft())
        getattr(shop, method)(context=context, **args)
    return (time.perf_counter() - started) / count


def bus_call(count: int) -> float:
    with rpcfake.Bus().installed() as bus:
        bus.serve("shop", Shop())
        started = time.perf_counter()
        for n in range(count):
            rpcfake.call(CONTEXT, "shop", {"method": "add", "args": {"a": n, "b": 2}})
        took = (time.perf_counter() - started) / count
        bus.close()
    return took


def bus_cast(count: int) -> float:
    with rpcfake.Bus().installed() as bus:
        bus.serve("shop", Shop())
        started = time.perf_counter()
        for n in range(count):
            rpcfake.cast(CONTEXT, "shop", {"method": "note", "args": {"a": n, "b": 2}})
        bus.run()
        took = (time.perf_counter() - started) / count
        bus.close()
    return took


def side_by_side(
    floor: Callable[[int], float], bus: Callable[[int], float], quick: bool
) -> dict[str, Any]:
    """Medians of both in microseconds, and the median of the ratios pair by pair."""
    count, rounds = (2_000, 5) if quick else (20_000, 15)
    pairs = []
    for _ in range(rounds):
        gc.collect()
        low = floor(count)
        gc.collect()
        pairs.append((low * 1e6, bus(count) * 1e6))
    return {
        "floor_us": statistics.median(low for low, _ in pairs),
        "measured_us": statistics.median(high for _, high in pairs),
        "ratio": statistics.median(high / low for low, high in pairs),
    }


def resident() -> int:
    """Bytes of memory that the process holds; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def millionth(quick: bool) -> dict[str, Any]:
    """The last thousand of a million calls against the thousand after the first thousand."""
    total = 50_000 if quick else 1_000_000
    batches = []
    gc.collect()
    before = resident()
    with rpcfake.Bus().installed() as bus:
        bus.serve("shop", Shop())
        for batch in range(total // 1000):
            started = time.perf_counter()
            for n in range(1000):
                rpcfake.call(
                    CONTEXT, "shop", {"method": "add", "args": {"a": batch * 1000 + n, "b": 2}}
                )
            batches.append((time.perf_counter() - started) * 1000)
        kept = (resident() - before) / total
        bus.close()
    # A single batch is at the mercy of the machine: the medians of twenty stand for each end.
    early, late = statistics.median(batches[1:21]), statistics.median(batches[-20:])
    return {
        "messages": total,
        "early_us": early,
        "late_us": late,
        "ratio": late / early,
        "kept_bytes": kept,
    }


NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"


def cpu_of(command: list[str], cwd: str) -> float:
    """Seconds of processor time of a whole process."""
    # With it pytest rewrites and compiles the plugin in each process, which no user's does.
    environment = {name: value for name, value in os.environ.items() if name != NO_BYTECODE}
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 5):
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def in_turn(
    first: list[str], second: list[str], cwd: str, rounds: int
) -> tuple[float, float, float]:
    """Medians of two commands run in turn, and of their differences pair by pair, in seconds."""
    pairs = [(cpu_of(first, cwd), cpu_of(second, cwd)) for _ in range(rounds + 1)][1:]
    return (
        statistics.median(a for a, _ in pairs),
        statistics.median(b for _, b in pairs),
        statistics.median(b - a for a, b in pairs),
    )


def plugin_start(quick: bool) -> dict[str, Any]:
    """What the plugin adds to the start of a pytest that does not use it."""
    pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--collect-only"]
    with tempfile.TemporaryDirectory() as empty:
        without, with_it, added = in_turn(
            [*pytest, "-p", "no:rpcfake"], pytest, empty, 5 if quick else 25
        )
    return {"without_ms": without * 1e3, "with_ms": with_it * 1e3, "added_ms": added * 1e3}


TESTS = """
import pytest

@pytest.fixture
def plain():
    yield

@pytest.mark.parametrize("n", range({count}))
def test_it(n, {fixture}):
    pass
"""


def fixture_cost(quick: bool) -> dict[str, Any]:
    """`rpc_bus` set up and torn down, against a fixture that does nothing."""
    count = 200 if quick else 1000
    pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    with tempfile.TemporaryDirectory() as folder:
        for fixture in ("plain", "rpc_bus"):
            text = TESTS.format(count=count, fixture=fixture)
            Path(folder, f"test_{fixture}.py").write_text(text)
        plain, bus, added = in_turn(
            [*pytest, "test_plain.py"], [*pytest, "test_rpc_bus.py"], folder, 3 if quick else 9
        )
    # Importing rpcfake is paid once by the run, not by each test; it is taken out with one test.
    once = first_import()
    return {
        "plain_us": plain / count * 1e6,
        "rpc_bus_us": bus / count * 1e6,
        "added_us": (added - once) / count * 1e6,
    }


def first_import() -> float:
    """Seconds of processor time to import rpcfake in a process that has pytest."""
    script = (
        "import time, pytest; began = time.process_time();"
        " import rpcfake; print(time.process_time() - began)"
    )
    command = [sys.executable, "-c", script]
    return statistics.median(float(subprocess.check_output(command)) for _ in range(5))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--json", metavar="FILE", help="write the figures there too")
    options = parser.parse_args()

    call = side_by_side(floor_call, bus_call, options.quick)
    cast = side_by_side(floor_cast, bus_cast, options.quick)
    many = millionth(options.quick)
    start = plugin_start(options.quick)
    fixture = fixture_cost(options.quick)

    table = Table(title="rpcfake, simulated bus, recorded", caption=platform.platform())
    for name in ("work", "floor", "measured", "figure", "goal"):
        table.add_column(name, justify="left" if name == "work" else "right")
    for name, row in (("call round trip", call), ("cast, until handled", cast)):
        table.add_row(
            name,
            f"{row['floor_us']:.2f} us",
            f"{row['measured_us']:.2f} us",
            f"{row['ratio']:.2f} x",
            "<= 1.5 x",
        )
    table.add_row(
        f"the last of {many['messages']:,} calls against the first",
        f"{many['early_us']:.2f} us",
        f"{many['late_us']:.2f} us",
        f"{many['ratio']:.2f} x",
        "<= 1.2 x",
    )
    table.add_row("kept for each call", "", "", f"{many['kept_bytes']:.0f} B", "<= 1024 B")
    table.add_row(
        "plugin not used, pytest's start",
        f"{start['without_ms']:.1f} ms",
        f"{start['with_ms']:.1f} ms",
        f"{start['added_ms']:+.1f} ms",
        "<= 5 ms",
    )
    table.add_row(
        "rpc_bus set up and torn down",
        f"{fixture['plain_us']:.0f} us",
        f"{fixture['rpc_bus_us']:.0f} us",
        f"{fixture['added_us']:+.0f} us",
        "<= 200 us",
    )
    Console(width=110).print(table)
    if options.json:
        figures = {
            "python": platform.python_version(),
            "platform": platform.platform(),
            "call": call,
            "cast": cast,
            "millionth": many,
            "plugin_start": start,
            "rpc_bus": fixture,
        }
        Path(options.json).write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
