"""The backend ``oslo``: the five functions over any transport of oslo.messaging."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rpcfake.context import ContextFactory
from rpcfake.errors import BackendUnavailable

if TYPE_CHECKING:
    from rpcfake.backends.oslo.backend import OsloBackend


def oslo(
    url: str = "rpcfake://",
    *,
    concurrency: int = 32,
    exchange: str = "rpcfake",
    context_factory: ContextFactory | None = None,
) -> OsloBackend:
    """Carry the five functions over a transport of oslo.messaging.

    Args:
        url: of the transport: ``rabbit://…``, ``fake://``, ``rpcfake://``.
        concurrency: how many handlers of one consumer may wait at once. As oslo.messaging's servers
            have a pool of threads, calls nested deeper than it stand still.
        exchange: the exchange that topics belong to.
        context_factory: makes the context that a handler gets of the dict that travelled.

    There is no multicall: oslo.messaging has removed it.

    Raises:
        BackendUnavailable: oslo.messaging is not installed, or the URL is none that it knows.
    """
    if concurrency < 32:
        raise ValueError(f"concurrency is {concurrency}: it must be 32 or more (rule CONC)")
    try:
        # Late, so that the registry can name this module where oslo.messaging is not installed.
        from rpcfake.backends.oslo.backend import OsloBackend
    except ModuleNotFoundError as error:
        if not str(error.name).startswith("oslo"):
            raise
        raise BackendUnavailable(
            "backend 'oslo' needs the package oslo.messaging: pip install 'rpcfake[oslo]'"
        ) from None
    return OsloBackend(url, concurrency, exchange, context_factory)
