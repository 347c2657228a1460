"""How fast `rpcfake://` is beside oslo.messaging's `fake://` and `kombu+memory://`.

All in one run and in turn, servers with the threading executor and no eventlet; medians are given.
Goals are in brackets: of `rpcfake://` alone, or as a ratio to `fake://`.

    python tests/benchmarks/bench_oslo.py [--quick] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import oslo_messaging
from oslo_config import cfg
from oslo_messaging import Target
from rich.console import Console
from rich.table import Table

URLS = ("rpcfake://", "fake://", "kombu+memory://")
logging.disable(logging.CRITICAL)


class Shop:
    """Counts what it is asked."""

    def __init__(self) -> None:
        self.count = 0
        self.enough = threading.Event()
        self.goal = 0
        self._lock = threading.Lock()

    def add(self, ctxt: Any, a: int, b: int) -> int:
        return a + b

    def note(self, ctxt: Any, n: int) -> None:
        with self._lock:
            self.count += 1
            if self.count == self.goal:
                self.enough.set()

    def expect(self, number: int) -> None:
        self.count, self.goal = 0, number
        self.enough.clear()


class Place:
    """One transport with its servers."""

    def __init__(self, url: str, servers: int = 1) -> None:
        self.transport = oslo_messaging.get_rpc_transport(cfg.CONF, url=url)
        self.shop = Shop()
        self.servers = [self.serve(f"s{number}") for number in range(servers)]
        self.client = oslo_messaging.get_rpc_client(
            self.transport, Target(topic="shop"), timeout=60
        )

    def serve(self, name: str) -> Any:
        server = oslo_messaging.get_rpc_server(
            self.transport, Target(topic="shop", server=name), [self.shop]
        )
        server.start()
        return server

    def close(self) -> None:
        for server in self.servers:
            server.stop()
        for server in self.servers:
            server.wait()
        self.transport.cleanup()


def timed(run: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


BLOCKS = 3
"""How often each has its turn. Only one is up at a time: an idle ``kombu+memory://`` takes a whole
processor."""


def medians(
    measure: Callable[[Place], float], rounds: dict[str, int], servers: int = 1
) -> dict[str, float]:
    """Median seconds by URL; ``rounds`` says how often each is measured in a block."""
    found: dict[str, list[float]] = {url: [] for url in URLS}
    for _ in range(BLOCKS):
        for url in URLS:
            place = Place(url, servers)
            try:
                measure(place)
                found[url] += [measure(place) for _ in range(rounds[url])]
            finally:
                place.close()
    return {url: statistics.median(seconds) for url, seconds in found.items()}


def call(place: Place) -> float:
    return timed(lambda: place.client.call({}, "add", a=1, b=2))


def casts(number: int) -> Callable[[Place], float]:
    def measure(place: Place) -> float:
        place.shop.expect(number)

        def run() -> None:
            for n in range(number):
                place.client.cast({}, "note", n=n)
            place.shop.enough.wait(120)

        return timed(run)

    return measure


def fanout(place: Place) -> float:
    place.shop.expect(len(place.servers))

    def run() -> None:
        place.client.prepare(fanout=True).cast({}, "note", n=1)
        place.shop.enough.wait(60)

    return timed(run)


def stop_unused(place: Place) -> float:
    server = place.serve("unused")

    def run() -> None:
        server.stop()
        server.wait()

    return timed(run)


def idle(place: Place, seconds: float = 1.0) -> float:
    """CPU seconds of this process for each second in which nothing is sent."""
    before = time.process_time()
    time.sleep(seconds)
    return (time.process_time() - before) / seconds


def idle_alone(url: str) -> float:
    place = Place(url, 10)
    try:
        return idle(place)
    finally:
        place.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--json", metavar="FILE")
    arguments = parser.parse_args()
    few = arguments.quick
    cfg.CONF([])
    some = {"rpcfake://": 200 if few else 1000, "fake://": 10, "kombu+memory://": 50}
    number = 1000 if few else 10_000
    once = dict.fromkeys(URLS, 1)
    figures = {
        "call, us [<= 500]": scale(medians(call, some), 1e6),
        f"{number} casts until handled, ms [<= 0.5 x fake]": scale(
            medians(casts(number), once), 1e3
        ),
        "fanout to 10 servers, ms [<= 3]": scale(
            medians(fanout, dict.fromkeys(URLS, 10), servers=10), 1e3
        ),
        "stop and wait of an unused server, ms [<= 2]": scale(
            medians(stop_unused, dict.fromkeys(URLS, 5)), 1e3
        ),
        "CPU of 10 idle servers, % [0]": scale({url: idle_alone(url) for url in URLS}, 100),
    }
    table = Table("", *URLS, "fake / rpcfake", title="oslo.messaging, threading executor")
    for name, row in figures.items():
        ratio = row["fake://"] / row["rpcfake://"] if row["rpcfake://"] else float("inf")
        table.add_row(
            name.replace("[", r"\["), *(f"{row[url]:,.2f}" for url in URLS), f"{ratio:,.1f}"
        )
    Console().print(table)
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump(figures, file, indent=2)


def scale(row: dict[str, float], factor: float) -> dict[str, float]:
    return {url: seconds * factor for url, seconds in row.items()}


if __name__ == "__main__":
    main()
