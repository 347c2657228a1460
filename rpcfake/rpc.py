"""The five functions of bus RPC, over whichever backend is in use.

The shape is nova.rpc's (2011). Each function checks what it is given before the backend sees it
(rule SEND), and adds nothing else, but that `multicall` numbers the values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rpcfake.active import active_backend, retire, use_backend
from rpcfake.backends.port import Connection
from rpcfake.message import Message, check_sending, check_timeout

__all__ = [
    "Numbered",
    "call",
    "cast",
    "create_connection",
    "fanout_cast",
    "multicall",
    "retire",
    "use_backend",
]


def create_connection(new: bool = True) -> Connection:
    """A connection on which consumers are created; ``new=False`` allows the backend to share one.

    Raises:
        ConnectionClosed: the bus is closed.
        BackendUnavailable: the backend can't be reached.
    """
    return active_backend().create_connection(new)


def call(context: Any, topic: str, msg: Message, timeout: float | None = None) -> Any:
    """Call a method of one consumer of a topic, and return the last value that it gave.

    Args:
        context: None, a mapping, or an object with ``to_dict()``; the handler gets it as
            ``context``.
        topic: a non-empty str of at most 200 bytes of UTF-8.
        msg: ``{"method": str, "args": dict}``; ``args`` may be left out.
        timeout: seconds for the call as a whole; None is 60, ``math.inf`` for ever.

    Raises:
        RemoteError: the method failed.
        Timeout: there was no answer in time.
        InvalidMessage, SerializationError: nothing was sent.
        ConnectionClosed: the bus is closed.
    """
    __tracebackhide__ = True
    check_sending(topic, msg)
    if timeout is not None:
        check_timeout(timeout)
    return active_backend().call(context, topic, msg, timeout)


def multicall(
    context: Any, topic: str, msg: Message, timeout: float | None = None
) -> Iterator[tuple[int, Any]]:
    """Call a method, and iterate over ``(N, X)``: the values X that it gives, numbered from 0.

    The message is sent by this call, not by the first ``next``. The timeout bounds the wait for
    each next value. ``close()`` on the iterator, or letting it go, abandons the call. Arguments and
    errors are those of `call`."""
    check_sending(topic, msg)
    if timeout is not None:
        check_timeout(timeout)
    return Numbered(active_backend().multicall(context, topic, msg, timeout))


def cast(context: Any, topic: str, msg: Message) -> None:
    """Send a message to one consumer of a topic, and wait for nothing; a handler's error stays
    there.

    Raises:
        InvalidMessage, SerializationError: nothing was sent.
        ConnectionClosed: the bus is closed.
    """
    check_sending(topic, msg)
    active_backend().cast(context, topic, msg)


def fanout_cast(context: Any, topic: str, msg: Message) -> None:
    """Send a message to every fanout consumer of a topic, and wait for nothing. Raises as `cast`
    does."""
    check_sending(topic, msg)
    active_backend().fanout_cast(context, topic, msg)


class Numbered(Iterator[tuple[int, Any]]):
    """The values of a multicall as ``(N, X)``."""

    def __init__(self, values: Iterator[Any]) -> None:
        self._values = values
        self._count = 0

    def __next__(self) -> tuple[int, Any]:
        __tracebackhide__ = True
        value = next(self._values)
        number = self._count
        self._count += 1
        return number, value

    def close(self) -> None:
        """Abandon the call: release what it holds, here and at the remote end."""
        close = getattr(self._values, "close", None)
        if close is not None:
            close()
