"""``rpcfake record`` while it listens."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

from .brokers import PATIENCE, Broker, eventually, rabbitmqctl


@contextmanager
def recording(broker: Broker, path: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """The command, from when it listens until it has ended by itself or is stopped."""
    command = [sys.executable, "-m", "rpcfake.cli", "record", "-o", str(path), *options]
    process = subprocess.Popen(
        [*command, "--url", broker.url, "--prefix", broker.prefix],
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    try:
        assert eventually(lambda: process.poll() is not None or is_bound(broker))
        yield process
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE)
    finally:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


def is_bound(broker: Broker) -> bool:
    """Whether a queue of the broker's own naming is bound to the last exchange."""
    lines = rabbitmqctl("list_bindings", "source_name", "routing_key")
    return {(f"{broker.prefix}.replies", "#"), ("amq.rabbitmq.trace", "#")} & {
        *pairwise(lines)
    } != set()


@contextmanager
def tracing() -> Iterator[None]:
    """RabbitMQ's tracing is on; the test is skipped where it can't be switched on from here."""
    rabbitmqctl("trace_on")
    try:
        yield
    finally:
        rabbitmqctl("trace_off")
