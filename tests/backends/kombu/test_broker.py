"""What the contract does not ask: what is on the broker, and who touches it."""

from __future__ import annotations

import gc
import json
import math
import os
import threading
from collections import defaultdict
from pathlib import Path
from typing import Any

import amqp
import kombu
import pytest

from rpcfake import BackendUnavailable, ConnectionClosed, RemoteError, Timeout
from rpcfake.backends.kombu import link
from rpcfake.backends.kombu.backend import KombuBackend

from .brokers import PATIENCE, Broker, Service, beside, eventually, is_amqp, message

EXCHANGES = ("topics", "fanouts", "replies")


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if "kombu" in thread.name]


def files() -> int:
    gc.collect()
    return len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0


def use(backend: KombuBackend, broker: Broker, service: Service) -> None:
    """Do all that a backend can do, and close the connections."""
    connections = [
        broker.serve(backend, "shop", service),
        broker.serve(backend, "shop", service, fanout=True),
        backend.create_connection(new=False),
        backend.create_connection(new=False),
    ]
    for connection in connections[2:]:
        connection.create_consumer("yard", service)
        connection.create_consumer("yard", service, fanout=True)
    connections[2].consume_in_thread()
    assert backend.call(None, "shop", message("echo", value=1), 5) == 1
    assert list(backend.multicall(None, "shop", message("counts", to=3), 5)) == [0, 1, 2]
    with pytest.raises(RemoteError):
        backend.call(None, "shop", message("fails"), 5)
    backend.cast(None, "yard", message("note", tag="cast"))
    backend.fanout_cast(None, "shop", message("note", tag="fanout"))
    assert set(service.awaits(2)) == {"cast", "fanout"}
    values = backend.multicall(None, "shop", message("streams"), 5)
    service.gate.set()
    assert next(values) == 0
    values.close()
    assert service.closed.wait(10)
    with pytest.raises(Timeout):
        backend.call(None, "nobody", message("echo"), 0.05)
    for connection in connections:
        connection.close()


def test_nothing_is_left_behind(broker: Broker, service: Service) -> None:
    before = files()
    backend = broker.backend()
    use(backend, broker, service)
    for topic in ("shop", "yard", "nobody"):
        backend.harness.forget(topic)
    exchanges = {f"{broker.prefix}.{name}" for name in EXCHANGES}
    backend.close()
    assert eventually(lambda: threads() == [])
    assert eventually(lambda: files() <= before)
    assert broker.left() == (exchanges if is_amqp(broker.url) else set())


def test_only_topics_are_left_while_the_backend_is_open(rabbit: Broker, service: Service) -> None:
    backend = rabbit.backend()
    use(backend, rabbit, service)
    kinds = {name.removeprefix(rabbit.prefix).split(".")[1] for name in rabbit.left()}
    assert kinds == {*EXCHANGES, "topic", "reply"}
    assert all("consumer" not in name and "handler" not in name for name in threads())


def test_nobody_waits_until_redis_has_waited(
    redis_url: str, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "BRPOP", 2 * PATIENCE)
    broker = Broker(redis_url)
    try:
        backend = broker.backend()
        connection = broker.serve(backend, "shop", service)
        assert backend.call(None, "shop", message("echo", value=1), 5) == 1
        connection.create_consumer("yard", service)
        assert backend.call(None, "yard", message("echo", value=2), 5) == 2
        closed = beside(connection.close)
        assert closed() is None
    finally:
        broker.close()


def test_frames_are_read_together(amqp_url: str) -> None:
    with kombu.Connection(amqp_url) as connection:
        wire = connection.connection.transport
        assert wire._read_buffer == b"", "Session.read_frames does not know this py-amqp"


def test_a_topic_outlives_its_consumers(broker: Broker, service: Service) -> None:
    first = broker.backend()
    broker.serve(first, "shop", Service()).close()
    first.cast(None, "shop", message("note", tag="kept"))
    first.close()
    second = broker.backend()
    broker.serve(second, "shop", service)
    assert service.awaits(1) == ["kept"]


def test_all_that_passes_can_be_tapped(rabbit: Broker, service: Service) -> None:
    backend = rabbit.backend()
    rabbit.serve(backend, "shop", service)
    rabbit.serve(backend, "shop", service, fanout=True)
    tapped: list[tuple[str, str, Any, Any]] = []

    def tap(each: Any) -> None:
        exchange = each.delivery_info["exchange"].removeprefix(f"{rabbit.prefix}.")
        mode = each.properties["delivery_mode"]
        tapped.append((exchange, each.properties["type"], json.loads(each.body), mode))

    with rabbit.channel() as channel:
        queue = kombu.Queue(exclusive=True)(channel)
        queue.declare()
        for name in EXCHANGES:
            queue.bind_to(f"{rabbit.prefix}.{name}", "#")
        with kombu.Consumer(channel, [queue], on_message=tap, no_ack=True, auto_declare=False):
            context = {"user": "ada"}
            backend.call(context, "shop", message("echo", value=1), 5)
            backend.cast(context, "shop", message("note", tag=2))
            backend.fanout_cast(context, "shop", message("note", tag=3))
            list(backend.multicall(context, "shop", message("counts", to=1), 5))
            while len(tapped) < 8:
                channel.connection.drain_events(timeout=10)
    request = {"method": "echo", "args": {"value": 1}, "context": context}
    transient, persistent = 1, 2
    assert tapped[:2] == [
        ("topics", "call", request, transient),
        ("replies", "result", 1, transient),  # a call gets one message
    ]
    assert [(exchange, kind, mode) for exchange, kind, _, mode in tapped[2:]] == [
        ("topics", "cast", persistent),
        ("fanouts", "fanout_cast", transient),
        ("topics", "multicall", transient),
        ("replies", "accepted", transient),
        ("replies", "value", transient),
        ("replies", "ending", transient),
    ]


def test_each_channel_is_touched_by_one_thread(
    rabbit: Broker, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    touched: dict[int, set[str]] = defaultdict(set)
    channels: list[Any] = []  # kept, so that no two have one id
    send_method = amqp.channel.AbstractChannel.send_method

    def sends(channel: Any, *args: Any, **kwargs: Any) -> Any:
        channels.append(channel)
        touched[id(channel)].add(threading.current_thread().name)
        return send_method(channel, *args, **kwargs)

    monkeypatch.setattr(amqp.channel.AbstractChannel, "send_method", sends)
    backend = rabbit.backend()
    connection = rabbit.serve(backend, "shop", service)
    shared = [backend.create_connection(new=False) for _ in range(3)]
    for each in shared:
        each.create_consumer("yard", service)
        each.consume_in_thread()
    callers = [
        beside(lambda: [backend.call(None, "shop", message("echo", value=n), 5) for n in range(20)])
        for _ in range(4)
    ]
    connection.create_consumer("late", service)
    backend.cast(None, "late", message("note", tag="late"))
    assert service.awaits(1) == ["late"]
    assert [caller() for caller in callers] == [list(range(20))] * 4
    beside(connection.close)()
    beside(backend.close)()
    assert len(touched) > 8
    assert all(len(names) == 1 for names in touched.values()), touched


def test_shared_connections_are_few(rabbit: Broker, service: Service) -> None:
    backend = rabbit.backend(shared_connections=2)
    made = [backend.create_connection(new=False) for _ in range(6)]
    assert threads().count("rpcfake-kombu-shared") == 2
    for connection in made:
        connection.create_consumer("shop", service)
        connection.consume_in_thread()
    made[0].close()
    for tag in range(10):
        backend.cast(None, "shop", message("note", tag=tag))
    assert sorted(service.awaits(10)) == list(range(10))
    for connection in made:
        connection.close()
    assert threads().count("rpcfake-kombu-shared") == 0


def fill(backend: KombuBackend, topic: str, service: Service) -> None:
    """Let all workers of a connection wait."""
    for tag in range(backend.concurrency):
        backend.cast(None, topic, message("holds", tag=tag))
    service.awaits(backend.concurrency)


def test_what_waits_for_a_worker_goes_to_others_on_close(broker: Broker, service: Service) -> None:
    backend, other = broker.backend(), Service()
    connection = broker.serve(backend, "shop", service)
    fill(backend, "shop", service)
    for tag in "abcde":
        backend.cast(None, "shop", message("note", tag=tag))
    connection.close()
    broker.serve(backend, "shop", other)
    assert sorted(other.awaits(5)) == list("abcde")
    assert len(service.seen) == backend.concurrency
    service.gate.set()


def test_a_call_that_timed_out_while_it_waited_for_a_worker_is_not_handled(
    broker: Broker, service: Service
) -> None:
    backend = broker.backend()
    broker.serve(backend, "shop", service)
    fill(backend, "shop", service)
    with pytest.raises(Timeout):
        backend.call(None, "shop", message("note", tag="late"), 0.2)
    service.gate.set()
    assert backend.call(None, "shop", message("echo", value="fence"), 5) == "fence"
    assert "late" not in service.seen


def test_a_multicall_is_cancelled_before_its_first_value(broker: Broker, service: Service) -> None:
    backend = broker.backend()
    broker.serve(backend, "shop", service)
    values = backend.multicall(None, "shop", message("streams"), 5)
    assert service.awaits(1) == ["streams"]
    values.close()
    service.gate.set()
    assert service.closed.wait(10)


def test_noise_on_the_topic_harms_nobody(
    rabbit: Broker, service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    backend = rabbit.backend()
    rabbit.serve(backend, "shop", service)
    topics = f"{rabbit.prefix}.topics"
    with rabbit.channel() as channel:
        replies = kombu.Queue(exclusive=True)(channel)
        replies.declare()
        replies.bind_to(f"{rabbit.prefix}.replies", "me")
        producer = kombu.Producer(channel, auto_declare=False)
        answers: list[Any] = []

        def publish(body: Any, **properties: Any) -> None:
            producer.publish(body, exchange=topics, routing_key="shop", **properties)

        publish(b"\xff\x00", content_type="application/octet-stream", content_encoding="binary")
        publish({"method": "note", "args": {}}, compression="gzip")
        publish(b"x", headers={"compression": "nonsense"}, content_type="x", content_encoding="x")
        publish(b"{", type="call", reply_to="me", correlation_id="1", content_type="x")
        publish([1], type="call", reply_to="me", correlation_id="2")
        publish({"method": "echo", "args": [], "context": {}}, type="multicall", reply_to="me")
        assert backend.call(None, "shop", message("echo", value=1), 5) == 1
        with kombu.Consumer(
            channel, [replies], on_message=answers.append, no_ack=True, auto_declare=False
        ):
            while len(answers) < 4:
                channel.connection.drain_events(timeout=10)
    told = [(each.properties["type"], each.properties.get("correlation_id")) for each in answers]
    assert {("failure", "1"), ("failure", "2")} <= set(told)
    assert sorted(kind for kind, _ in told) == ["accepted", "failure", "failure", "failure"]
    failures = [json.loads(each.body) for each in answers if each.properties["type"] == "failure"]
    assert {failure[0] for failure in failures} == {"SerializationError"}
    assert not backend._publisher.loop.failed
    assert "can't be read" in caplog.text


def test_a_cast_to_nobody_is_told_in_the_log(
    rabbit: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    backend = rabbit.backend()
    backend.cast(None, "nobody", message("note"))
    assert "cast to 'nobody' was dropped: no consumer was ever declared" in caplog.text


def test_a_call_to_nobody_says_so(rabbit: Broker) -> None:
    with pytest.raises(Timeout, match="no consumer was ever declared on 'nobody'") as caught:
        rabbit.backend().call(None, "nobody", message("echo"), 0.5)
    error = caught.value
    assert (error.topic, error.method, error.seconds) == ("nobody", "echo", 0.5)


def test_the_error_of_a_cast_is_told_in_the_log(
    rabbit: Broker, service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    backend = rabbit.backend()
    rabbit.serve(backend, "shop", service)
    backend.cast(None, "shop", message("fails"))
    assert eventually(lambda: "failed to handle cast shop.fails: ValueError: sold" in caplog.text)
    assert "test_broker" in caplog.text or "brokers.py" in caplog.text  # the remote traceback


def test_who_waits_when_the_backend_closes_is_told(rabbit: Broker, service: Service) -> None:
    backend = rabbit.backend()
    rabbit.serve(backend, "shop", service)
    calling = beside(lambda: backend.call(None, "shop", message("holds"), math.inf))
    values = backend.multicall(None, "shop", message("holds"), math.inf)
    reading = beside(lambda: next(values))
    service.awaits(2)
    backend.close()
    assert isinstance(calling(), ConnectionClosed)
    assert isinstance(reading(), ConnectionClosed)
    for function in (backend.cast, backend.call, backend.multicall, backend.fanout_cast):
        with pytest.raises(ConnectionClosed):
            function(None, "shop", message("note"))
    with pytest.raises(ConnectionClosed):
        backend.create_connection()


def test_a_frozen_clock_stops_nothing(broker: Broker, service: Service, freezer: Any) -> None:
    freezer.move_to("1999-12-31")
    backend = broker.backend()
    connection = broker.serve(backend, "shop", service)
    connection.create_consumer("yard", service)
    assert backend.call(None, "yard", message("echo", value=1), 5) == 1
    assert backend.call(None, "shop", message("echo", value=1), 5) == 1
    with pytest.raises(Timeout):
        backend.call(None, "shop", message("holds"), 0.05)
    service.gate.set()


def test_a_context_factory_rebuilds_the_context(rabbit: Broker) -> None:
    class User:
        def __init__(self, wire: dict[str, Any]) -> None:
            self.name = wire["user"]

    class Greeter:
        def greet(self, context: User) -> str:
            return f"hello {context.name}"

    backend = rabbit.backend(context_factory=User)
    rabbit.serve(backend, "door", Greeter())
    assert backend.call({"user": "ada"}, "door", message("greet"), 5) == "hello ada"


def test_the_memory_transport_is_one_too(service: Service) -> None:
    broker = Broker("memory://")
    backend = broker.backend()
    try:
        broker.serve(backend, "shop", service)
        assert backend.call(None, "shop", message("echo", value=1), 5) == 1
        assert list(backend.multicall(None, "shop", message("counts", to=3), 5)) == [0, 1, 2]
        assert set(backend.unsupported) == {"broker"}
    finally:
        backend.close()


def test_a_refused_send_is_told(rabbit: Broker) -> None:
    """The exchange is gone: the broker closes the channel, and nobody knows what came of it."""
    backend = rabbit.backend()
    with rabbit.channel() as channel:
        channel.exchange_delete(f"{rabbit.prefix}.topics")
    with pytest.raises(BackendUnavailable, match=r"shop\.note is not known to have arrived"):
        backend.cast(None, "shop", message("note"))
    # The connection is made anew, and the exchange with it.
    backend.cast(None, "shop", message("note"))
