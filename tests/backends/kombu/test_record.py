"""``rpcfake record``: what passes on a real broker, into a cassette that answers again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from rpcfake import Bus, RemoteError, Traffic
from rpcfake.traffic.cassette import read_entries, read_header

from .brokers import AMQP_URL, PATIENCE, Broker, Service, eventually, message, rabbitmqctl


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
    return (f"{broker.prefix}.replies", "#") in pairwise(lines)


def test_what_passes_is_recorded_and_replayed(
    rabbit: Broker, service: Service, tmp_path: Path
) -> None:
    backend = rabbit.backend()
    rabbit.serve(backend, "shop", service)
    rabbit.serve(backend, "shop", service, fanout=True)
    path = tmp_path / "one.jsonl"

    def ask(backend: Any) -> list[Any]:
        given = [backend.call({"token": "abcdefgh"}, "shop", message("echo", value="tea"), 10)]
        given += backend.multicall(None, "shop", message("counts", to=3), 10)
        with pytest.raises(RemoteError) as caught:
            backend.call(None, "shop", message("nothing"), 10)
        backend.cast(None, "shop", message("echo", value=1))
        backend.fanout_cast(None, "shop", message("echo", value=2))
        return [*given, caught.value.exc_type]

    with recording(rabbit, path) as process:
        asked = ask(backend)
        # The last line is there as soon as it was seen.
        assert eventually(lambda: b'"fanout_cast"' in path.read_bytes())
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
    assert read_header(path).clock == "real"
    assert b"abcdefgh" not in path.read_bytes()
    kinds = [entry["kind"] for entry in read_entries(path)]
    assert kinds.count("reply") == 4
    bus = Bus()
    replay = bus.replay(path, order="strict")
    assert ask(bus) == asked
    assert len(replay.unused) == 0
    assert len(Traffic.load(path).calls("shop")) == 2


def test_a_broker_that_goes_away_loses_nothing_that_was_seen(
    rabbit: Broker, service: Service, tmp_path: Path
) -> None:
    backend = rabbit.backend()
    rabbit.serve(backend, "shop", service)
    path = tmp_path / "one.jsonl"
    wire = rabbit.proxy()
    command = [sys.executable, "-m", "rpcfake.cli", "record", "-o", str(path)]
    process = subprocess.Popen(
        [*command, "--url", wire.url, "--prefix", rabbit.prefix],
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    try:
        assert eventually(lambda: process.poll() is not None or is_bound(rabbit))
        backend.call(None, "shop", message("echo", value="tea"), 10)
        assert eventually(lambda: b'"ending"' in path.read_bytes())
        wire.cut()
        _, told = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 2
    assert "2 messages, 1 request in" in told
    assert "Error: the broker at amqp://guest:**@" in told
    assert len(Traffic.load(path)) == 3


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--url", "amqp://guest:hidden@127.0.0.1:1//"], "amqp://guest:**@127.0.0.1:1//: "),
        (["--exchange", "rpcfake-test-nope"], "there is no exchange 'rpcfake-test-nope'"),
        (["--exchange", ":key"], "the default exchange can't be bound to"),
        (["--redact", ""], "keys has '': it must have non-empty texts only"),
        (["-o", "/nowhere/at/all"], "/nowhere/at/all can't be written: No such file"),
    ],
)
def test_what_cannot_be_is_told(
    amqp_url: str, tmp_path: Path, options: list[str], text: str
) -> None:
    given = {"--url": AMQP_URL, "-o": str(tmp_path / "one")} | dict([options])  # type: ignore[list-item]
    arguments = [word for pair in given.items() for word in pair]
    done = subprocess.run(
        [sys.executable, "-m", "rpcfake.cli", "record", *arguments],
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        env=os.environ | {"COLUMNS": "200"},
    )
    assert done.returncode in (1, 2)
    assert text in done.stderr
    assert "Traceback" not in done.stderr
    assert "hidden" not in done.stderr


def test_it_ends_after_so_many_messages(rabbit: Broker, service: Service, tmp_path: Path) -> None:
    backend = rabbit.backend()
    rabbit.serve(backend, "shop", service)
    path = tmp_path / "one.jsonl"
    with recording(rabbit, path, "--messages", "2") as process:
        backend.call(None, "shop", message("echo", value="tea"), 10)
        assert process.wait(PATIENCE) == 0
    assert json.loads(path.read_text().splitlines()[-1]) == {"end": True}
