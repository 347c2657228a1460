"""``rpcfake record``: what passes on a real broker, into a cassette that answers again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from rpcfake import Bus, RemoteError, Traffic
from rpcfake.tap import rabbit as tap
from rpcfake.traffic.cassette import read_entries, read_header

from .brokers import AMQP_URL, PATIENCE, Broker, Service, beside, eventually, message
from .taps import exchanges, is_bound, recording, tracing, untraced


@pytest.mark.parametrize("traced", [False, True], ids=["exchanges", "traced"])
def test_what_passes_is_recorded_and_replayed(
    traced: bool, rabbit: Broker, service: Service, tmp_path: Path
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

    tracer = tracing() if traced else nullcontext()
    options = ["--trace" if traced else "--no-trace", *exchanges(rabbit)]
    with tracer, recording(rabbit, path, *options) as process:
        asked = ask(backend)
        # The last line is there as soon as it was seen.
        last = b'"taken"' if traced else b'"fanout_cast"'
        assert eventually(lambda: path.read_bytes().count(last) == (5 if traced else 1))
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
    assert read_header(path).clock == "real"
    assert b"abcdefgh" not in path.read_bytes()
    kinds = [entry["kind"] for entry in read_entries(path)]
    assert kinds.count("reply") == 4
    # Who takes what only the tracer shows.
    taken = [each for each in Traffic.load(path).taken("shop") if each.method != "nothing"]
    assert len(taken) == (4 if traced else 0)
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
    command = [sys.executable, "-m", "rpcfake.cli", "record", "-o", str(path), "--no-trace"]
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
        (["--url", "redis://127.0.0.1:6379/0"], "only a RabbitMQ can be recorded"),
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
        [sys.executable, "-m", "rpcfake.cli", "record", "--no-trace", *arguments],
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        env=os.environ | {"COLUMNS": "200"},
    )
    assert done.returncode in (1, 2)
    assert text in done.stderr
    assert "Traceback" not in done.stderr
    assert "hidden" not in done.stderr


@pytest.mark.parametrize(
    "options", [["--url", "amqp://127.0.0.1:1//"], ["--exchange", "rpcfake-test-nope"]]
)
def test_what_cannot_be_recorded_leaves_the_file_alone(
    amqp_url: str, tmp_path: Path, options: list[str]
) -> None:
    path = tmp_path / "one.jsonl"
    path.write_text("as it was")
    command = [sys.executable, "-m", "rpcfake.cli", "record", "--no-trace", "-o", str(path)]
    done = subprocess.run(
        [*command, "--url", amqp_url, *options],
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
    )
    assert done.returncode == 2
    assert path.read_text() == "as it was"
    assert "messages" not in done.stderr


@pytest.mark.parametrize("traced", [False, True])
def test_whether_tracing_is_on_is_tried(
    amqp_url: str, traced: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tap, "TRACING", PATIENCE if traced else 0.5)
    told: list[bool] = []
    with tracing() if traced else untraced():
        sources = [tap.Source("amq.topic")]
        tap.tap(amqp_url, sources, lambda *_: None, lambda: False, say=told.append)
    assert told == [traced]


def test_it_ends_after_so_many_messages(rabbit: Broker, service: Service, tmp_path: Path) -> None:
    backend = rabbit.backend()
    rabbit.serve(backend, "shop", service)
    path = tmp_path / "one.jsonl"
    with recording(rabbit, path, "--messages", "2", "--no-trace") as process:
        backend.call(None, "shop", message("echo", value="tea"), 10)
        assert process.wait(PATIENCE) == 0
    assert json.loads(path.read_text().splitlines()[-1]) == {"end": True}


def test_a_message_that_the_broker_gives_again_is_taken_again(
    rabbit: Broker, service: Service, tmp_path: Path
) -> None:
    path = tmp_path / "one.jsonl"
    first, second = rabbit.backend(concurrency=32), rabbit.backend()
    connection = rabbit.serve(first, "shop", service)
    options = ["--trace", *exchanges(rabbit)]
    with tracing(), recording(rabbit, path, *options):
        for number in range(32):
            second.cast(None, "shop", message("holds", tag=number))
        assert len(service.awaits(32)) == 32
        # It is given to the connection, which has no worker left, and so gives it back in the end.
        waits = beside(lambda: second.call(None, "shop", message("echo", value="tea"), 10))
        assert eventually(lambda: b'"shop.echo#1", "consumer"' in path.read_bytes())
        connection.close()
        rabbit.serve(second, "shop", service)
        assert waits() == "tea"
        assert eventually(lambda: b'"ending"' in path.read_bytes())
    service.gate.set()
    traffic = Traffic.load(path)
    once, again = traffic.taken("shop", "echo")
    assert (once.id, once.consumer) == (again.id, again.consumer)
    assert [each.cause for each in traffic.replies("shop")] == [again.seq]
    assert b'"taking": 2' in path.read_bytes()


OSLO = """
import sys
import oslo_messaging
from oslo_config import cfg
from oslo_messaging import Target

class Shop:
    def price(self, ctxt, item):
        return {"tea": 3}[item]
    def brew(self, ctxt):
        sys.stdin.readline()  # until a heartbeat was seen
        return "hot"
    def hear(self, ctxt):
        pass

cfg.CONF([], project="shop")
transport = oslo_messaging.get_rpc_transport(cfg.CONF, url=sys.argv[1])
topic = sys.argv[2]
server = oslo_messaging.get_rpc_server(
    transport, Target(topic=topic, server="one"), [Shop()], executor="threading"
)
server.start()
client = oslo_messaging.get_rpc_client(transport, Target(topic=topic), timeout=60)
print(client.call({"user": "ann"}, "price", item="tea"), flush=True)
print(client.prepare(call_monitor_timeout=4).call({}, "brew"))
client.cast({}, "hear")
client.prepare(fanout=True).cast({}, "hear")
try:
    client.call({}, "price", item="salt")
except Exception as error:
    print(type(error).__name__)
server.stop()
server.wait()
transport.cleanup()
"""


@contextmanager
def oslo(rabbit: Broker) -> Iterator[subprocess.Popen[str]]:
    """A service on oslo.messaging and its client; the topic is the broker's prefix.

    In a process of its own: the rabbit driver leaves sockets to the garbage collector."""
    topic = rabbit.prefix
    url = rabbit.url.replace("amqp://", "rabbit://")
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", OSLO, url, topic],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        # Its queues of replies and of fanouts go by themselves so many seconds after it.
        env=os.environ | {"OS_OSLO_MESSAGING_RABBIT__RABBIT_TRANSIENT_QUEUES_TTL": "5"},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()
        with rabbit.channel() as channel:
            for name in (topic, f"{topic}.one"):
                channel.queue_delete(name)
            channel.exchange_delete(f"{topic}_fanout")


def test_oslo_messaging_is_recorded_by_the_tracer_and_replayed(
    rabbit: Broker, tmp_path: Path
) -> None:
    pytest.importorskip("oslo_messaging")
    path, topic = tmp_path / "one.jsonl", rabbit.prefix
    with tracing(), recording(rabbit, path, "--trace"), oslo(rabbit) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "3\n"
        # The tracer shows what others do here meanwhile, too.
        assert eventually(lambda: f'"heartbeat", "id": "{topic}.brew#1"' in path.read_text())
        told, _ = process.communicate("\n", timeout=60)
        assert told.split() == ["hot", "KeyError"]
        assert eventually(lambda: f'"failure", "id": "{topic}.price#2"' in path.read_text())
    timeouts = {
        each["method"]: each.get("timeout")
        for each in read_entries(path)
        if each.get("topic") == topic
    }
    assert timeouts == {"price": 60, "brew": 60, "hear": None}
    traffic = Traffic.load(path)
    sent = traffic.where(lambda record: record.topic == topic).sent
    assert [str(each.kind) for each in sent] == ["call", "call", "cast", "fanout_cast", "call"]
    assert sent[0].context["user"] == "ann"
    assert [each.value for each in traffic.replies(topic)] == [3, "hot"]
    monitored = [str(each.kind) for each in traffic if each.id == sent[1].seq]
    assert monitored[:3] == ["call", "taken", "heartbeat"]
    assert {*monitored[3:-2]} <= {"heartbeat"}
    assert monitored[-2:] == ["reply", "ending"]
    bus = Bus()
    bus.replay(traffic, [topic], gaps=False)
    assert bus.call({}, topic, message("price", item="tea")) == 3
    assert bus.call({}, topic, message("brew")) == "hot"
    with pytest.raises(RemoteError, match="KeyError"):
        bus.call({}, topic, message("price", item="salt"))
