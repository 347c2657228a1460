"""``rpcfake record`` while it listens."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import tempfile
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
        assert eventually(
            lambda: process.poll() is not None or is_bound(broker, "--trace" in options)
        )
        yield process
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE)
    finally:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


def exchanges(broker: Broker) -> list[str]:
    """Options for what passes under the broker's prefix: the tracer shows what others do here
    meanwhile, too."""
    names = ("topics", "fanouts", "replies")
    return [word for name in names for word in ("--exchange", f"{broker.prefix}.{name}")]


def is_bound(broker: Broker, traced: bool = False) -> bool:
    """Whether a queue of the broker's own naming is bound to what is listened to last. (Another
    process may listen to the tracer meanwhile.)"""
    lines = rabbitmqctl("list_bindings", "source_name", "routing_key")
    source = "amq.rabbitmq.trace" if traced else f"{broker.prefix}.replies"
    return (source, "#") in pairwise(lines)


@contextmanager
def tracing() -> Iterator[None]:
    """RabbitMQ's tracing is on; the test is skipped where it can't be switched on from here.

    There is one switch for all: tests that run in other processes wait until it is off again."""
    with untraced():
        rabbitmqctl("trace_on")
        try:
            yield
        finally:
            rabbitmqctl("trace_off")


@contextmanager
def untraced() -> Iterator[None]:
    """No test switches tracing on meanwhile."""
    lock = Path(tempfile.gettempdir()) / f"rpcfake-tracing-{os.getuid()}"
    with lock.open("w") as switch:
        fcntl.flock(switch, fcntl.LOCK_EX)
        yield
