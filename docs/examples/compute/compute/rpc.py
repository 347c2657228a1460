"""The one door to the message bus.

Every other module says ``from compute import rpc`` and calls ``rpc.cast(...)``, so what carries the
messages is chosen in one place: `Flags.rpc_backend` names a module with the same five functions.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

from compute.flags import FLAGS
from rpcfake import RemoteError, Timeout

__all__ = [
    "RemoteError",
    "Timeout",
    "call",
    "cast",
    "create_connection",
    "fanout_cast",
    "multicall",
]

Message = dict[str, Any]


def _backend() -> Any:
    return import_module(FLAGS.rpc_backend)


def create_connection(new: bool = True) -> Any:
    """A connection: `create_consumer`, then `consume_in_thread`, at last `close`."""
    return _backend().create_connection(new=new)


def call(context: Any, topic: str, msg: Message, timeout: float | None = None) -> Any:
    """Send to one consumer of the topic and wait for what the method returns.

    Raises `RemoteError` if the method failed and `Timeout` if nobody answered in time.
    """
    return _backend().call(context, topic, msg, timeout)


def multicall(
    context: Any, topic: str, msg: Message, timeout: float | None = None
) -> Iterator[tuple[int, Any]]:
    """Like `call`, for a method that gives several values: (0, first), (1, second), …"""
    return _backend().multicall(context, topic, msg, timeout)  # type: ignore[no-any-return]


def cast(context: Any, topic: str, msg: Message) -> None:
    """Send to one consumer of the topic and wait for nothing."""
    _backend().cast(context, topic, msg)


def fanout_cast(context: Any, topic: str, msg: Message) -> None:
    """Send to every fanout consumer of the topic and wait for nothing."""
    _backend().fanout_cast(context, topic, msg)
