"""The backend ``kombu``: RPC over RabbitMQ, Redis, and whatever else kombu reaches.

Install it as ``rpcfake[kombu]``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rpcfake.context import ContextFactory
from rpcfake.errors import BackendUnavailable

if TYPE_CHECKING:
    from rpcfake.backends.kombu.backend import KombuBackend

__all__ = ["kombu"]

URL = "amqp://guest:guest@127.0.0.1:5672//"
"""RabbitMQ as it is after its installation."""


def kombu(
    url: str = URL,
    *,
    concurrency: int = 32,
    prefetch: int = 32,
    persistent: bool = True,
    send_timeout: float = 10.0,
    connect_timeout: float = 5.0,
    heartbeat: float = 15.0,
    shared_connections: int = 2,
    prefix: str = "rpcfake",
    context_factory: ContextFactory | None = None,
    ssl: Any = None,
    transport_options: Mapping[str, Any] | None = None,
) -> KombuBackend:
    """Connect to a broker, and carry the five functions over it.

    Args:
        url: of the broker, as kombu writes it; several, with ``;`` between them, are tried in turn.
        concurrency: how many handlers of one connection run at once, 32 or more; those that wait in
            call or multicall do not count.
        prefetch: how many messages wait in this process for each consumer.
        persistent: whether casts that wait in a queue survive a restart of the broker.
        send_timeout: seconds that a cast, a connection's declaring or an answer waits for the
            broker; a call waits for its own timeout.
        connect_timeout: seconds.
        heartbeat: seconds between two, where the transport has them; 0 is none.
        shared_connections: how many connections to the broker those made by
            ``create_connection(new=False)`` share.
        prefix: what the names of all exchanges and queues begin with; services talk if they have
            the same.
        context_factory: makes the context that a handler gets of the dict that travelled.
        ssl, transport_options: passed on to kombu.

    The clocks of machines that share a broker must agree by less than their shortest timeout: a
    call that waited here for a worker is not handled after its deadline.

    Raises:
        BackendUnavailable: the broker can't be reached or refuses us; the text is one line, without
            the password.
    """
    if concurrency < 32:
        raise ValueError(f"concurrency is {concurrency}: it must be 32 or more (rule CONC)")
    if prefetch < 1:
        raise ValueError(f"prefetch is {prefetch}: it must be 1 or more")
    try:
        # Late, so that the registry can name this module where kombu is not installed.
        from rpcfake.backends.kombu.backend import KombuBackend
        from rpcfake.backends.kombu.link import Link
        from rpcfake.backends.kombu.naming import Names
    except ModuleNotFoundError as error:
        if error.name != "kombu":
            raise
        raise BackendUnavailable(
            "backend 'kombu' needs the package kombu: pip install 'rpcfake[kombu]'"
        ) from None
    return KombuBackend(
        Link(
            url,
            ssl=ssl,
            heartbeat=heartbeat,
            connect_timeout=connect_timeout,
            transport_options=transport_options,
        ),
        Names(prefix),
        concurrency=concurrency,
        prefetch=prefetch,
        persistent=persistent,
        send_timeout=send_timeout,
        shared_connections=shared_connections,
        context_factory=context_factory,
    )
