"""How fast the kombu backend is on RabbitMQ: a call beside bare kombu, measured in the same run.

The floor is what anybody writes who does RPC with kombu: publish, consume, acknowledge, publish the
reply, consume it; JSON both ways. Both publish with confirms, and both have their server in a
process of its own, as services have. They are measured in turn, and medians are given.

    python tests/benchmarks/bench_kombu.py [--quick] [--json FILE] [--url URL]
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
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import kombu
from rich.console import Console
from rich.table import Table

from rpcfake.backends.kombu import kombu as kombu_backend

CONTEXT = {"user": "ada", "request_id": "req-1"}
URL = os.environ.get("RPCFAKE_AMQP_URL", "amqp://guest:guest@127.0.0.1:5672//")
GOAL = 1.5
CONFIRMED = {"confirm_publish": True}


class Shop:
    def add(self, context: Any, a: int, b: int) -> int:
        return a + b

    def note(self, context: Any, a: int, b: int) -> None:
        pass


def publish(producer: Any, text: str, key: str, reply_to: str | None = None) -> None:
    """Publish transiently, and wait for the confirm."""
    producer.publish(
        text.encode(),
        routing_key=key,
        reply_to=reply_to,
        delivery_mode=1,
        content_type="application/json",
        content_encoding="utf-8",
    )


def serve_bare(url: str, name: str) -> None:
    """The server of bare kombu; it ends when it is killed."""
    shop = Shop()
    connection = kombu.Connection(url, transport_options=CONFIRMED)
    channel = connection.channel()
    producer = kombu.Producer(channel, auto_declare=False)

    def answer(message: Any) -> None:
        message.ack()
        context, method, args = json.loads(message.body)
        value = getattr(shop, method)(context=context, **args)
        if message.properties.get("reply_to"):
            publish(producer, json.dumps(value), message.properties["reply_to"])

    queue = kombu.Queue(name, exclusive=True)(channel)
    queue.declare()
    channel.basic_qos(0, 32, False)
    kombu.Consumer(channel, [queue], on_message=answer, auto_declare=False).consume()
    print("ready", flush=True)
    while True:
        with suppress(TimeoutError):
            connection.drain_events(timeout=0.5)


def serve_ours(url: str, topic: str) -> None:
    """The same with the backend; it ends when its standard input does."""
    backend = kombu_backend(url)
    connection = backend.create_connection()
    connection.create_consumer(topic, Shop())
    connection.consume_in_thread()
    print("ready", flush=True)
    sys.stdin.read()
    connection.close()
    backend.harness.forget(topic)
    backend.close()


SERVERS = {"bare": serve_bare, "ours": serve_ours}


@contextmanager
def server(kind: str, url: str, name: str) -> Iterator[None]:
    """A server in a process of its own, while the ``with`` lasts."""
    command = [sys.executable, __file__, "--url", url, "--serve", kind, "--name", name]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        if process.stdout.readline() != b"ready\n":
            raise SystemExit(f"the server {kind} does not start")
        try:
            yield
        finally:
            process.stdin.close()
            if kind == "bare":
                process.kill()


class Bare:
    """A client as a page of kombu's documentation would have it."""

    def __init__(self, url: str, name: str) -> None:
        self._name = name
        self._connection = kombu.Connection(url, transport_options=CONFIRMED)
        channel = self._connection.channel()
        self._producer = kombu.Producer(channel, auto_declare=False)
        self._replies = kombu.Queue(exclusive=True)(channel)
        self._replies.declare()
        self._got: list[Any] = []
        kombu.Consumer(
            channel,
            [self._replies],
            on_message=lambda message: self._got.append(json.loads(message.body)),
            no_ack=True,
            auto_declare=False,
        ).consume()

    def call(self, a: int, b: int) -> Any:
        text = json.dumps([CONTEXT, "add", {"a": a, "b": b}])
        publish(self._producer, text, self._name, self._replies.name)
        while not self._got:
            self._connection.drain_events(timeout=5)
        return self._got.pop()

    def cast(self, a: int, b: int) -> None:
        publish(self._producer, json.dumps([CONTEXT, "note", {"a": a, "b": b}]), self._name)

    def close(self) -> None:
        self._connection.close()


class Ours:
    """The same through the backend, which can a little more."""

    def __init__(self, url: str, topic: str) -> None:
        self._topic = topic
        # Casts are persistent by default; those that it is compared with are not.
        self._backend = kombu_backend(url, persistent=False)

    def call(self, a: int, b: int) -> Any:
        message = {"method": "add", "args": {"a": a, "b": b}}
        return self._backend.call(CONTEXT, self._topic, message, 5)

    def cast(self, a: int, b: int) -> None:
        self._backend.cast(CONTEXT, self._topic, {"method": "note", "args": {"a": a, "b": b}})

    def close(self) -> None:
        self._backend.close()


@contextmanager
def both(url: str) -> Iterator[tuple[Bare, Ours]]:
    name = f"rpcfake-bench.{uuid4().hex}"
    with server("bare", url, f"{name}.bare"), server("ours", url, f"{name}.ours"):
        bare, ours = Bare(url, f"{name}.bare"), Ours(url, f"{name}.ours")
        try:
            yield bare, ours
        finally:
            bare.close()
            ours.close()


def each(function: Callable[[int, int], Any], count: int) -> float:
    """Seconds for one, on average."""
    function(0, 2)
    gc.collect()
    started = time.perf_counter()
    for n in range(count):
        function(n, 2)
    return (time.perf_counter() - started) / count


def side_by_side(
    floor: Callable[[int, int], Any], ours: Callable[[int, int], Any], quick: bool
) -> dict[str, float]:
    """Medians of both in microseconds, and the median of the ratios pair by pair."""
    count, rounds = (100, 9) if quick else (500, 31)
    pairs = [(each(floor, count) * 1e6, each(ours, count) * 1e6) for _ in range(rounds)]
    return {
        "floor_us": statistics.median(low for low, _ in pairs),
        "measured_us": statistics.median(high for _, high in pairs),
        "ratio": statistics.median(high / low for low, high in pairs),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--json", metavar="FILE", help="write the figures there too")
    parser.add_argument("--url", default=URL, help="of the broker (default: RPCFAKE_AMQP_URL)")
    parser.add_argument("--serve", choices=SERVERS, help=argparse.SUPPRESS)
    parser.add_argument("--name", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        SERVERS[options.serve](options.url, options.name)
        return

    with both(options.url) as (bare, ours):
        call = side_by_side(bare.call, ours.call, options.quick)
        cast = side_by_side(bare.cast, ours.cast, options.quick)

    table = Table(title="rpcfake, kombu backend on RabbitMQ", caption=platform.platform())
    for name in ("work", "bare kombu", "measured", "figure", "goal"):
        table.add_column(name, justify="left" if name == "work" else "right")
    rows = (
        ("call round trip, both publishings confirmed", call, f"<= {GOAL} x"),
        ("cast, confirmed, transient", cast, ""),
    )
    for name, row, goal in rows:
        table.add_row(
            name,
            f"{row['floor_us']:.0f} us",
            f"{row['measured_us']:.0f} us",
            f"{row['ratio']:.2f} x",
            goal,
        )
    Console(width=110).print(table)
    if options.json:
        figures = {
            "python": platform.python_version(),
            "platform": platform.platform(),
            "kombu": kombu.__version__,
            "call": call,
            "cast": cast,
        }
        Path(options.json).write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
