"""A queue of one's own on RabbitMQ, that gets a copy of all that passes through some exchanges."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import kombu
from amqp import Message
from amqp.exceptions import AMQPError, NotFound

from rpcfake.errors import BackendUnavailable
from rpcfake.tap.messages import Tapped

TRACER = "amq.rabbitmq.trace"
"""Where RabbitMQ copies all that passes, while tracing is on."""

TRACING = 1.0
"""Seconds in which the tracer tells of a message of our own, if tracing is on."""

LOOK = 0.1
"""Seconds after which somebody who waits for messages is asked whether to go on."""

PREFETCH = 1000


@dataclass(frozen=True)
class Source:
    """An exchange to listen to: ``NAME``, or ``NAME:KEY`` with a routing key of its own."""

    exchange: str
    key: str = "#"

    @classmethod
    def parse(cls, text: str) -> Source:
        """From the text of an option; raises ValueError."""
        exchange, colon, key = text.partition(":")
        if not exchange:
            raise ValueError(
                "the default exchange can't be bound to: RabbitMQ sends what goes there straight to"
                " the queue of that name"
            )
        return cls(exchange, key if colon else "#")


def tap(
    url: str,
    sources: Sequence[Source],
    see: Callable[[Tapped, int], object],
    go_on: Callable[[], bool],
    *,
    trace: bool | None = None,
    say: Callable[[bool], object] = bool,
) -> None:
    """Show all that passes, until ``go_on`` says no, which it is asked again and again.

    By RabbitMQ's tracer one sees everything, and who takes what. By a queue that is bound to
    exchanges one sees what is published there, and neither who takes it nor what goes to the
    default exchange, where oslo.messaging sends its replies.

    Nothing is declared but a queue that only this connection reads, and that goes with it. Times
    are those at which a message comes here, in microseconds: the tracer tells none.

    Args:
        sources: the exchanges to listen to where the tracer is not used.
        trace: whether to use the tracer; None: where tracing is on, which is tried.
        say: told whether it is used, as soon as it listens.

    Raises:
        BackendUnavailable: the broker can't be reached, or it went away; or there is no such
            exchange.
    """
    try:
        with kombu.Connection(url, connect_timeout=5, heartbeat=20) as connection:
            if connection.transport.driver_type != "amqp":
                raise BackendUnavailable(
                    f"the broker at {_safe(url)}: only a RabbitMQ can be recorded, as amqp://…"
                )
            connection.ensure_connection(max_retries=0)
            channel = connection.channel()
            channel.basic_qos(0, PREFETCH, False)
            queue = channel.queue_declare(exclusive=True, auto_delete=True).queue
            if trace is None:
                trace = _is_traced(connection, channel)
            for source in [Source(TRACER)] if trace else sources:
                _bind(channel, queue, source)
            read = _read_trace if trace else _read
            say(trace)
            _consume(
                connection, channel, queue, lambda message, now: see(read(message), now), go_on
            )
    except (OSError, AMQPError, kombu.exceptions.OperationalError) as error:
        why = str(error) or type(error).__name__
        raise BackendUnavailable(f"the broker at {_safe(url)}: {why}") from error


def _bind(channel: Any, queue: str, source: Source) -> None:
    try:
        channel.queue_bind(queue, exchange=source.exchange, routing_key=source.key)
    except NotFound:
        raise BackendUnavailable(
            f"there is no exchange {source.exchange!r}; `rabbitmqctl list_exchanges` lists them"
        ) from None


def _consume(
    connection: Any,
    channel: Any,
    queue: str,
    see: Callable[[Any, int], object],
    go_on: Callable[[], bool],
) -> None:
    def arrived(message: Any) -> None:
        see(message, time.monotonic_ns() // 1000)

    channel.basic_consume(queue, no_ack=True, callback=arrived)
    while go_on():
        try:
            connection.drain_events(timeout=LOOK)
        except TimeoutError:
            connection.heartbeat_check()


def _is_traced(connection: Any, channel: Any) -> bool:
    """Whether the tracer tells of a message that nobody gets."""
    queue = channel.queue_declare(exclusive=True, auto_delete=True).queue
    channel.queue_bind(queue, exchange=TRACER, routing_key="publish.")
    told: list[str] = []

    def arrived(message: Any) -> None:
        told.extend(message.headers.get("routing_keys", ()))

    tag = channel.basic_consume(queue, no_ack=True, callback=arrived)
    probe = f"{queue}.probe"
    channel.basic_publish(Message(b""), exchange="", routing_key=probe)
    end = time.monotonic() + TRACING
    while probe not in told and time.monotonic() < end:
        with suppress(TimeoutError):
            connection.drain_events(timeout=LOOK)
    channel.basic_cancel(tag)
    channel.queue_delete(queue)
    return probe in told


def _read_trace(message: Any) -> Tapped:
    """The message that a message of the tracer tells of."""
    what, _, name = message.delivery_info["routing_key"].partition(".")
    told = message.headers
    properties = dict(told.get("properties") or {})
    headers = properties.pop("headers", None) or {}
    keys = told.get("routing_keys") or [""]
    published = what == "publish"
    return Tapped(
        exchange=str(told.get("exchange_name", name if published else "")),
        key=str(keys[0]),
        properties=properties,
        headers=headers,
        body=_bytes(message.body),
        queue="" if published else name,
    )


def _read(message: Any) -> Tapped:
    info, properties = message.delivery_info, dict(message.properties)
    headers = properties.pop("application_headers", None) or {}
    return Tapped(
        exchange=info.get("exchange", ""),
        key=info.get("routing_key", ""),
        properties=properties,
        headers=headers,
        body=_bytes(message.body),
    )


def _bytes(body: Any) -> bytes:
    return body.encode("utf-8", "surrogatepass") if isinstance(body, str) else bytes(body)


def _safe(url: str) -> str:
    """A URL without its password."""
    return str(kombu.Connection(url).as_uri())
