"""How fast traffic is saved, loaded and compared: each figure beside its floor, in one run.

The floors: for saving, the calls on the bus that made the traffic; for loading, decoding the same
file line by line with `json.loads`. Medians of interleaved runs, with a collection before each.

    python tests/benchmarks/bench_cassettes.py [--quick] [--json FILE]
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from rpcfake import Bus, Traffic

CONTEXT = {"user": "ada", "request_id": "req-1"}
RECORDS_OF_A_CALL = 4
COMPARED = 10_000


class Shop:
    def add(self, context: Any, a: int, b: int) -> int:
        return a + b


def calls(count: int) -> Bus:
    bus = Bus()
    bus.serve("shop", Shop())
    for n in range(count):
        bus.call(CONTEXT, "shop", {"method": "add", "args": {"a": n, "b": 2}})
    return bus


def decode(path: Path) -> None:
    with path.open(encoding="utf-8") as file:
        for line in file:
            json.loads(line)


def timed(work: Callable[[], object]) -> float:
    gc.collect()
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="fewer and shorter runs")
    parser.add_argument("--json", metavar="FILE", help="write the figures there too")
    options = parser.parse_args()
    count, repeats = (2_500, 3) if options.quick else (25_000, 9)
    records = count * RECORDS_OF_A_CALL

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "one.jsonl"
        few = calls(COMPARED // RECORDS_OF_A_CALL).traffic
        few.save(Path(folder) / "few.jsonl")
        loaded = Traffic.load(Path(folder) / "few.jsonl")
        runs: dict[str, list[float]] = {}
        for _ in range(repeats):
            made: list[Bus] = []
            figures = {
                "calls": timed(lambda made=made: made.append(calls(count))),  # type: ignore[misc]
                "save": timed(lambda made=made: made[0].traffic.save(path)),  # type: ignore[misc]
                "load": timed(lambda: Traffic.load(path)),
                "decode": timed(lambda: decode(path)),
                "compare": timed(lambda: few.compare(loaded)),
                "==": timed(lambda: few == loaded),
            }
            for name, seconds in figures.items():
                runs.setdefault(name, []).append(seconds)
    median = {name: statistics.median(seconds) for name, seconds in runs.items()}
    figures = {
        "records": records,
        "call_us": median["calls"] / count * 1e6,
        "save_us_per_call": median["save"] / count * 1e6,
        "save_ratio": median["save"] / median["calls"],
        "load_per_s": records / median["load"],
        "decode_per_s": records / median["decode"],
        "load_ratio": median["decode"] / median["load"],
        "compare_ms": median["compare"] * 1e3,
        "equal_ms": median["=="] * 1e3,
    }
    table = Table("work", "floor", "measured", "figure", "goal", title="Traffic in files")
    table.add_row(
        "save the traffic of a call (4 records)",
        f"{figures['call_us']:.1f} us: the call",
        f"{figures['save_us_per_call']:.1f} us",
        f"+ {figures['save_ratio']:.2f} x",
        "<= 1.3 x",
    )
    table.add_row(
        "load",
        f"{figures['decode_per_s']:,.0f}/s: bare JSON",
        f"{figures['load_per_s']:,.0f}/s",
        f"{figures['load_ratio']:.2f} x",
        ">= 150,000/s or 0.5 x",
    )
    for name, key in (("compare", "compare_ms"), ("==", "equal_ms")):
        figure = f"{figures[key]:.0f} ms"
        table.add_row(f"{name}, {COMPARED:,} records, one loaded", "", "", figure, "<= 100 ms")
    console = Console(width=110)
    console.print(table)
    console.print(platform.platform(), style="dim")
    if options.json:
        Path(options.json).write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
