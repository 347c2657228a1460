"""A queue of one's own on RabbitMQ, that gets a copy of all that passes through some exchanges."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import kombu
from amqp.exceptions import AMQPError, NotFound

from rpcfake.errors import BackendUnavailable
from rpcfake.tap.messages import Tapped

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
) -> None:
    """Show all that passes, until ``go_on`` says no, which it is asked again and again.

    Nothing is declared but a queue that only this connection reads, and that goes with it. Times
    are those at which a message comes here, in microseconds.

    Raises:
        BackendUnavailable: the broker can't be reached, or it went away; or there is no such
            exchange.
    """
    try:
        with kombu.Connection(url, connect_timeout=5, heartbeat=20) as connection:
            connection.ensure_connection(max_retries=0)
            channel = connection.channel()
            channel.basic_qos(0, PREFETCH, False)
            queue = channel.queue_declare(exclusive=True, auto_delete=True).queue
            for source in sources:
                _bind(channel, queue, source)
            _consume(connection, channel, queue, see, go_on)
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
    see: Callable[[Tapped, int], object],
    go_on: Callable[[], bool],
) -> None:
    def arrived(message: Any) -> None:
        see(_read(message), time.monotonic_ns() // 1000)

    channel.basic_consume(queue, no_ack=True, callback=arrived)
    while go_on():
        try:
            connection.drain_events(timeout=LOOK)
        except TimeoutError:
            connection.heartbeat_check()


def _read(message: Any) -> Tapped:
    info, properties = message.delivery_info, dict(message.properties)
    headers = properties.pop("application_headers", None) or {}
    body = message.body
    return Tapped(
        exchange=info.get("exchange", ""),
        key=info.get("routing_key", ""),
        properties=properties,
        headers=headers,
        body=body.encode("utf-8", "surrogatepass") if isinstance(body, str) else bytes(body),
    )


def _safe(url: str) -> str:
    """A URL without its password."""
    return str(kombu.Connection(url).as_uri())
