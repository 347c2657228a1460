"""The broker goes away, and comes back (rule LOSS)."""

from __future__ import annotations

import math
import threading
import time
from contextlib import suppress
from typing import Any

import pytest

from rpcfake import BackendUnavailable, RemoteError, Timeout
from rpcfake.backends.kombu.backend import KombuBackend

from .brokers import PATIENCE, Broker, Service, beside, eventually, message
from .proxy import Proxy


@pytest.fixture
def proxy(broker: Broker) -> Proxy:
    """Between the backend and the broker, whichever it is."""
    return broker.proxy()


def answered(backend: KombuBackend, topic: str = "shop") -> bool:
    """Whether calls are answered, sooner or later."""

    def answer() -> bool:
        try:
            return bool(backend.call(None, topic, message("echo", value="here"), 0.5) == "here")
        except (Timeout, BackendUnavailable):
            return False

    return eventually(answer)


def took(function: Any) -> tuple[float, BaseException]:
    """How long it took until it raised."""
    started = time.monotonic()
    with pytest.raises((BackendUnavailable, Timeout)) as caught:
        function()
    return time.monotonic() - started, caught.value


def test_consumers_and_callers_resume(broker: Broker, proxy: Proxy, service: Service) -> None:
    backend = broker.backend(proxy.url)
    broker.serve(backend, "shop", service)
    broker.serve(backend, "shop", service, fanout=True)
    shared = backend.create_connection(new=False)
    shared.create_consumer("yard", service)
    shared.consume_in_thread()
    assert answered(backend)
    for round in range(3):
        proxy.cut()
        assert answered(backend)
        assert answered(backend, "yard")
        tag = f"fanout {round}"

        def arrives(tag: str = tag) -> bool:
            backend.fanout_cast(None, "shop", message("note", tag=tag))
            return tag in service.seen

        assert eventually(arrives)


def test_a_reply_queue_has_a_fresh_name_after_each_reconnect(
    rabbit: Broker, service: Service
) -> None:
    proxy = rabbit.proxy()
    backend = rabbit.backend(proxy.url)
    rabbit.serve(backend, "shop", service)
    assert answered(backend)
    first = backend._replies.address
    proxy.cut()
    assert answered(backend)
    assert backend._replies.address != first


def test_what_waited_is_there_when_the_broker_is_back(
    broker: Broker, proxy: Proxy, service: Service
) -> None:
    backend = broker.backend(proxy.url)
    connection = backend.create_connection()
    connection.create_consumer("shop", service)
    for tag in range(5):
        backend.cast(None, "shop", message("note", tag=tag))
    proxy.cut()
    connection.consume_in_thread()
    assert sorted(service.awaits(5)) == [0, 1, 2, 3, 4]


def test_what_was_taken_is_not_handled_again(
    broker: Broker, proxy: Proxy, service: Service
) -> None:
    backend = broker.backend(proxy.url)
    broker.serve(backend, "shop", service)
    for tag in range(3):
        backend.cast(None, "shop", message("holds", tag=tag))
    service.awaits(3)
    proxy.cut()
    assert answered(backend)
    service.gate.set()
    assert sorted(service.seen) == [0, 1, 2]


def test_what_waited_for_a_worker_comes_again(
    broker: Broker, proxy: Proxy, service: Service
) -> None:
    backend = broker.backend(proxy.url)
    connection = broker.serve(backend, "shop", service)
    for tag in range(backend.concurrency):
        backend.cast(None, "shop", message("holds", tag=tag))
    service.awaits(backend.concurrency)
    backend.cast(None, "shop", message("note", tag="waits"))
    assert eventually(lambda: connection._intake._backlog)  # kombu loses what Redis hands over now
    proxy.cut()
    service.gate.set()
    assert answered(backend)
    assert eventually(lambda: service.seen.count("waits") == 1)
    assert broker.left() & {"unacked"} == set()


def test_a_call_that_is_pending_ends_in_its_timeout(rabbit: Broker, service: Service) -> None:
    proxy = rabbit.proxy()
    backend = rabbit.backend(proxy.url)
    rabbit.serve(backend, "shop", service)
    calling = beside(lambda: backend.call(None, "shop", message("holds"), 2))
    endless = beside(lambda: backend.call(None, "shop", message("holds"), math.inf))
    service.awaits(2)
    proxy.cut()
    # Its answer can't come any more, and nothing else would end it.
    assert isinstance(endless(), BackendUnavailable)
    service.gate.set()
    assert isinstance(calling(), Timeout)


def test_a_call_while_the_broker_is_away_is_bounded_by_its_timeout(
    broker: Broker, proxy: Proxy, service: Service
) -> None:
    backend = broker.backend(proxy.url)
    broker.serve(backend, "shop", service)
    assert answered(backend)
    proxy.close()
    for _ in range(2):
        seconds, error = took(lambda: backend.call(None, "shop", message("echo"), 0.5))
        assert seconds < 5
        assert isinstance(error, BackendUnavailable)
        assert "guest:guest" not in str(error)
    proxy.reopen()
    assert answered(backend)


def test_a_cast_while_the_broker_is_away_is_told(
    broker: Broker, proxy: Proxy, service: Service
) -> None:
    backend = broker.backend(proxy.url, send_timeout=0.5)
    broker.serve(backend, "shop", service)
    proxy.close()
    seconds, error = took(lambda: backend.cast(None, "shop", message("note", tag="lost")))
    assert seconds < 5
    assert isinstance(error, BackendUnavailable)
    proxy.reopen()
    assert answered(backend)
    assert "lost" not in service.seen


def test_a_cast_waits_for_a_broker_that_comes_back(rabbit: Broker, service: Service) -> None:
    proxy = rabbit.proxy()
    backend = rabbit.backend(proxy.url, send_timeout=PATIENCE)
    rabbit.serve(backend, "shop", service)
    assert answered(backend)
    proxy.close()
    assert eventually(lambda: not backend._publisher.loop.up.is_set())
    casting = beside(lambda: backend.cast(None, "shop", message("note", tag="kept")))
    proxy.reopen()
    assert casting() is None
    assert service.awaits(1) == ["kept"]


def test_a_frozen_broker_holds_nobody_for_longer_than_allowed(
    broker: Broker, proxy: Proxy, service: Service
) -> None:
    backend = broker.backend(proxy.url, send_timeout=0.5)
    broker.serve(backend, "shop", service)
    assert answered(backend)
    proxy.freeze()
    seconds, _ = took(lambda: backend.call(None, "shop", message("echo"), 0.3))
    assert 0.3 <= seconds < 5
    seconds, error = took(lambda: backend.cast(None, "shop", message("note", tag="frozen")))
    assert 0.5 <= seconds < 5
    assert "is not known to have arrived" in str(error) or "was not sent" in str(error)
    proxy.thaw()
    assert answered(backend)


def test_no_connection_is_made_while_the_broker_is_away(broker: Broker, proxy: Proxy) -> None:
    backend = broker.backend(proxy.url)
    proxy.close()
    for new in (True, False):
        with pytest.raises(BackendUnavailable):
            backend.create_connection(new=new)
    proxy.reopen()

    def connects() -> bool:
        try:
            backend.create_connection().close()
        except BackendUnavailable:
            return False
        return True

    assert eventually(connects)


def test_a_close_while_the_broker_is_away_leaves_nothing(
    broker: Broker, proxy: Proxy, service: Service
) -> None:
    backend = broker.backend(proxy.url)
    connection = broker.serve(backend, "shop", service)
    assert answered(backend)
    proxy.close()
    started = time.monotonic()
    connection.close()
    backend.close()
    assert time.monotonic() - started < 15
    # A thread of handlers that had nothing to do was told to end, and nobody waits for it.
    assert eventually(lambda: not any("rpcfake-kombu" in one.name for one in threading.enumerate()))


def test_an_abandoned_generator_is_closed_also_after_a_reconnect(
    rabbit: Broker, service: Service
) -> None:
    proxy, caller = rabbit.proxy(), rabbit.backend()
    worker = rabbit.backend(proxy.url)
    rabbit.serve(worker, "shop", service)
    values = caller.multicall(None, "shop", message("streams"), 10)
    service.gate.set()
    assert next(values) == 0
    proxy.cut()
    assert answered(caller)
    # Its worker listens elsewhere by now. It says so with its next value, or has been told by the
    # loss that nobody gets what it gives.
    with suppress(RemoteError, Timeout):
        next(values)
    values.close()
    assert service.closed.wait(PATIENCE)
