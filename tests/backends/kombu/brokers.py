"""The real brokers, and what is seen of them without a management plugin."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import kombu
import pytest
import redis

from rpcfake.backends.kombu import kombu as kombu_backend

from .proxy import Proxy

AMQP_URL = os.environ.get("RPCFAKE_AMQP_URL", "amqp://guest:guest@127.0.0.1:5672//")
REDIS_URL = os.environ.get("RPCFAKE_REDIS_URL", "redis://127.0.0.1:6379/0")
TOPICS = ("shop", "yard", "late", "door", "nobody")
"""All that the tests use."""

PATIENCE = 20.0
"""Seconds after which something that should happen counts as not happening."""


def require(url: str) -> str:
    """The URL, if a broker answers there. Else the test is skipped; under CI it fails."""
    try:
        with kombu.Connection(url, connect_timeout=3) as connection:
            connection.ensure_connection(max_retries=0)
    except Exception as error:
        reason = f"no broker answers at {urlsplit(url).hostname}:{urlsplit(url).port}: {error}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return url


def is_amqp(url: str) -> bool:
    return url.startswith("amqp")


class Broker:
    """One broker, and a part of it that nobody else uses: all names begin with the prefix."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.prefix = f"rpcfake-test-{uuid4().hex[:12]}"
        self._made: list[Any] = []
        self._proxies: list[Proxy] = []

    def proxy(self) -> Proxy:
        """A wire to the broker that can be cut; it is whole again when the test is over."""
        made = Proxy(self.url)
        self._proxies.append(made)
        return made

    def backend(self, url: str | None = None, **options: Any) -> Any:
        """A backend, closed after the test."""
        made = kombu_backend(url or self.url, prefix=self.prefix, **options)
        self._made.append(made)
        return made

    def serve(self, backend: Any, topic: str, proxy: Any, fanout: bool = False) -> Any:
        """A connection with one consumer, started."""
        connection = backend.create_connection()
        connection.create_consumer(topic, proxy, fanout)
        connection.consume_in_thread()
        return connection

    def left(self) -> set[str]:
        """The names of all that is on the broker under the prefix."""
        if not is_amqp(self.url):
            with redis.Redis.from_url(self.url) as client:
                keys = {key.decode() for key in client.scan_iter(f"*{self.prefix}*")}
                unacked = client.hgetall("unacked").values()
            return keys | {"unacked" for each in unacked if self.prefix.encode() in each}
        names = rabbitmqctl("list_queues", "name") + rabbitmqctl("list_exchanges", "name")
        return {name for name in names if name.startswith(self.prefix)}

    @contextmanager
    def channel(self) -> Iterator[Any]:
        """A channel beside the backend."""
        with kombu.Connection(self.url) as connection, connection.channel() as channel:
            yield channel

    def close(self) -> None:
        for proxy in self._proxies:
            proxy.mend()
        for backend in self._made:
            backend.close()
        last = kombu_backend(self.url, prefix=self.prefix)
        for topic in TOPICS:
            last.harness.forget(topic)
        last.close()
        for proxy in self._proxies:
            proxy.close()
        if is_amqp(self.url):
            with self.channel() as channel:
                for name in ("topics", "fanouts", "replies"):
                    channel.exchange_delete(f"{self.prefix}.{name}")
        elif not self.url.startswith("memory"):
            # What lost its connection on the way, or was closed without one, is left there.
            with redis.Redis.from_url(self.url) as client:
                for key in client.scan_iter(f"*{self.prefix}*"):
                    client.delete(key)
                for tag, each in client.hgetall("unacked").items():
                    if self.prefix.encode() in each:
                        client.hdel("unacked", tag)
                        client.zrem("unacked_index", tag)


def rabbitmqctl(*args: str) -> list[str]:
    """The lines that it prints; the test is skipped where it can't be run."""
    program = shutil.which("rabbitmqctl")
    if program is None:
        pytest.skip("rabbitmqctl is not here: nothing else lists what a broker holds")
    done = subprocess.run([program, "-q", *args], capture_output=True, text=True, timeout=60)
    if done.returncode:
        pytest.skip(f"rabbitmqctl {' '.join(args)} may not be run here: {done.stderr.strip()}")
    return done.stdout.split()


def eventually(predicate: Callable[[], object]) -> bool:
    """Whether it comes true within our patience. What tells nobody that it changed is looked at
    again and again."""
    done = threading.Condition()
    with done:
        return bool(done.wait_for(predicate, 0)) or any(
            done.wait_for(predicate, 0.02) for _ in range(int(PATIENCE / 0.02))
        )


class Service:
    """A proxy that notes what it is asked, and holds on where it is told to."""

    def __init__(self) -> None:
        self.seen: list[Any] = []
        self.gate = threading.Event()
        self.closed = threading.Event()
        self._changed = threading.Condition()

    def note(self, context: Any, tag: Any = None) -> None:
        with self._changed:
            self.seen.append(tag)
            self._changed.notify_all()

    def echo(self, context: Any, value: Any = None) -> Any:
        return value

    def holds(self, context: Any, tag: Any = None) -> Any:
        self.note(context, tag)
        assert self.gate.wait(PATIENCE)
        return tag

    def fails(self, context: Any) -> None:
        raise ValueError("sold out")

    def counts(self, context: Any, to: int) -> Iterator[int]:
        yield from range(to)

    def streams(self, context: Any) -> Iterator[int]:
        """Give values until closed; the first one after the gate has opened."""
        self.note(context, "streams")
        assert self.gate.wait(PATIENCE)
        number = 0
        try:
            while True:
                yield number
                number += 1
        finally:
            self.closed.set()

    def awaits(self, number: int) -> list[Any]:
        """What was seen, once it is so much."""
        with self._changed:
            self._changed.wait_for(lambda: len(self.seen) >= number, PATIENCE)
            return list(self.seen)


def message(method: str, **args: Any) -> dict[str, Any]:
    return {"method": method, "args": args}


def beside(function: Callable[[], Any]) -> Callable[[], Any]:
    """Run a function in a thread; what is given back waits for it and gives what came of it."""
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append(function())
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def result() -> Any:
        thread.join(PATIENCE)
        assert outcome, "it does not come back"
        return outcome[0]

    return result
