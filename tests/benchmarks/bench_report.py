"""How fast the page of traffic is written, opened and scrolled: each figure beside its floor.

The floors: for writing, saving the same traffic as a cassette; for opening and for scrolling, a
page with ten messages in place of ten thousand, in the same browser. Medians of interleaved runs,
with a collection before each.

    python tests/benchmarks/bench_report.py [--quick] [--json FILE]
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from rpcfake import Bus, Traffic
from rpcfake.traffic.report import Entry, Sheet, write_report

MESSAGES = 10_000
FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")

SCROLL = """async () => {
  const scroll = document.getElementById('scroll');
  const frames = [];
  let last = performance.now();
  for (let frame = 0; frame < 200; frame += 1) {
    scroll.scrollTop += 900;
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    frames.push(now - last);
    last = now;
  }
  frames.sort((one, other) => one - other);
  return { median: frames[100], slow: frames[190] };
}"""

OPENED = "() => performance.getEntriesByType('navigation')[0].loadEventEnd"


class Stock:
    def price(self, context: Any, item: str) -> dict[str, Any]:
        return {"item": item, "price": len(item)}


class Shop:
    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    def buy(self, context: Any, item: str, card: dict[str, str]) -> Any:
        return self._bus.call(context, "stock", {"method": "price", "args": {"item": item}})


def orders(messages: int) -> Traffic:
    """What a small shop says to its stock: two messages for each order."""
    bus = Bus()
    for _ in range(3):
        bus.serve("shop", Shop(bus))
    bus.serve("stock", Stock())
    for number in range(messages // 2):
        args = {"item": f"tea {number}", "card": {"owner": "ann", "password": f"secret-{number}"}}
        bus.call({"user": "ann", "request": number}, "shop", {"method": "buy", "args": args})
    return bus.traffic


def write(traffic: Traffic, folder: Path) -> Path:
    return write_report([Entry("one", [Sheet.of(traffic)])], folder, "a page")


def timed(work: Callable[[], object]) -> float:
    gc.collect()
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def browse(pages: dict[str, Path], repeats: int) -> dict[str, float]:
    """Milliseconds until each page is loaded, and of its frames while it is scrolled."""
    from playwright.sync_api import sync_playwright

    chromium = os.environ.get("RPCFAKE_CHROMIUM") or shutil.which("chromium")
    runs: dict[str, list[float]] = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        for _ in range(repeats):
            for name, path in pages.items():
                page = browser.new_page(viewport={"width": 1280, "height": 800})
                page.goto(path.as_uri())
                frames = page.evaluate(SCROLL)
                for what, figure in {**frames, "open": page.evaluate(OPENED)}.items():
                    runs.setdefault(f"{name}_{what}_ms", []).append(figure)
                page.close()
        browser.close()
    return {name: statistics.median(figures) for name, figures in runs.items()}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="fewer runs")
    parser.add_argument("--json", metavar="FILE", help="write the figures there too")
    options = parser.parse_args()
    repeats = 3 if options.quick else 7
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        traffic, few = orders(MESSAGES), orders(10)
        runs: dict[str, list[float]] = {"write": [], "save": []}
        for _ in range(repeats):
            runs["write"].append(timed(lambda: write(traffic, folder / "large")))
            runs["save"].append(timed(lambda: traffic.save(folder / "one.jsonl")))
        pages = {"large": folder / "large" / "index.html", "small": write(few, folder / "small")}
        figures = browse(pages, repeats)
        figures |= {f"{work}_s": statistics.median(seconds) for work, seconds in runs.items()}
        figures["megabytes"] = pages["large"].stat().st_size / 1e6
    table = Table("work", "floor", "measured", "goal", title=f"The page of {MESSAGES:,} messages")
    table.add_row(
        f"write it ({figures['megabytes']:.1f} MB)",
        f"{figures['save_s']:.2f} s: a cassette",
        f"{figures['write_s']:.2f} s",
        "<= 2 s",
    )
    for what, title in (
        ("open", "open it"),
        ("median", "scroll it: a frame, median"),
        ("slow", "scroll it: a frame, 95 of 100"),
    ):
        table.add_row(
            title,
            f"{figures[f'small_{what}_ms']:.1f} ms: ten messages",
            f"{figures[f'large_{what}_ms']:.1f} ms",
            "",
        )
    console = Console(width=110)
    console.print(table)
    console.print(platform.platform(), style="dim")
    if options.json:
        Path(options.json).write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
