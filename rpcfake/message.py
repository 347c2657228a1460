"""The vocabulary of a message: what may be sent, where to, and the kinds of records."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from rpcfake.errors import InvalidMessage
from rpcfake.hints import brief

DEFAULT_TIMEOUT = 60.0
"""Seconds that a call waits when it names no timeout (rule TIME)."""

TOPIC_BYTES = 200
"""How long a topic may be, in bytes of UTF-8 (rule TOPIC)."""

Message = Mapping[str, Any]
"""A message: ``{"method": str, "args": dict}``, where ``args`` may be left out."""


class Kind(StrEnum):
    """The kinds of records (see `rpcfake.Record`)."""

    CAST = "cast"
    """A cast was sent."""
    CALL = "call"
    """A call was sent."""
    MULTICALL = "multicall"
    """A multicall was sent."""
    FANOUT_CAST = "fanout_cast"
    """A fanout cast was sent."""
    NOTIFICATION = "notification"
    """A notification was sent (oslo.messaging)."""
    TAKEN = "taken"
    """A consumer took the message, and its handler begins."""
    REPLY = "reply"
    """The handler gave a value."""
    FAILURE = "failure"
    """The handler raised, or what it gave could not be carried."""
    ENDING = "ending"
    """The handler of a call or multicall gives no more values."""
    TIMEOUT = "timeout"
    """The caller gave up waiting."""
    ABANDONED = "abandoned"
    """The caller let the iterator of a multicall go before its end."""
    DROPPED = "dropped"
    """A message to a topic that no consumer ever declared, or a value that nobody waits for any
    more."""
    HEARTBEAT = "heartbeat"
    """The server of a monitored call said that it is still at it (oslo.messaging)."""
    REQUEUED = "requeued"
    """A listener gave a notification back to the queue (oslo.messaging)."""
    PURGED = "purged"
    """A message that `queue.purge()` took out of the queue."""


SENDS = ("cast", "call", "multicall", "fanout_cast", "notification")
"""The kinds of records that stand for something sent."""


class Failure(NamedTuple):
    """What crosses the bus when a handler raises: three texts, as in `rpcfake.RemoteError`."""

    exc_type: str
    value: str
    traceback: str

    def __str__(self) -> str:
        return f"{self.exc_type}: {self.value}" if self.value else self.exc_type


def check_sending(topic: object, msg: object) -> None:
    """Raise `InvalidMessage` unless this may be sent: `check_topic` and `check_message` (rules
    SEND, TOPIC)."""
    # What nearly every message looks like is let through at once.
    if type(msg) is dict and type(topic) is str and 0 < len(topic) <= TOPIC_BYTES:
        size = len(msg)
        if (
            type(msg.get("method")) is str
            and (size == 1 or (size == 2 and type(msg.get("args")) is dict))
            and topic.isascii()
        ):
            return
    check_topic(topic)
    check_message(msg)


def check_topic(topic: object) -> None:
    """Raise `InvalidMessage` unless topic is a non-empty str of at most 200 bytes (rule TOPIC)."""
    if not isinstance(topic, str):
        raise InvalidMessage(f"topic is {brief(topic)}: it must be a str")
    if not topic:
        raise InvalidMessage("topic is '': it must not be empty")
    try:
        size = len(topic.encode())
    except UnicodeEncodeError:
        raise InvalidMessage(
            f"topic is {brief(topic)}: UTF-8 can't encode it (a lone surrogate)"
        ) from None
    if size > TOPIC_BYTES:
        raise InvalidMessage(
            f"topic is {brief(topic)}, {size} bytes of UTF-8: at most {TOPIC_BYTES} are allowed"
        )


def check_consumer(topic: object, proxy: object, fanout: object) -> None:
    """Raise unless a consumer may be created so: InvalidMessage (rule TOPIC), or TypeError."""
    check_topic(topic)
    if proxy is None:
        raise TypeError("proxy is None: it must be an object with the methods to be called")
    if not isinstance(fanout, bool):
        raise TypeError(f"fanout is {brief(fanout)}: it must be True or False")


def check_message(msg: object) -> None:
    """Raise `InvalidMessage` unless msg is ``{"method": str, "args": dict}`` (rule SEND)."""
    if not isinstance(msg, dict):
        raise InvalidMessage(
            f'msg is {brief(msg)}: it must be a dict {{"method": str, "args": dict}}'
        )
    if "method" not in msg:
        raise InvalidMessage(f'msg has no "method": {brief(msg)}')
    method = msg["method"]
    if not isinstance(method, str):
        raise InvalidMessage(f'msg["method"] is {brief(method)}: it must be a str')
    args = msg.get("args", {})
    if not isinstance(args, dict):
        raise InvalidMessage(f'msg["args"] is {brief(args)}: it must be a dict')
    if len(msg) > 1 + ("args" in msg):
        unknown = ", ".join(repr(key) for key in msg if key not in ("method", "args"))
        raise InvalidMessage(f'msg has {unknown}: only "method" and "args" are allowed')


def check_timeout(timeout: object) -> float:
    """The seconds that a timeout stands for; None is the default (rule TIME).

    Raises:
        TypeError: it is no number.
        ValueError: it is negative or NaN.
    """
    if timeout is None:
        return DEFAULT_TIMEOUT
    if isinstance(timeout, bool) or not isinstance(timeout, int | float):
        raise TypeError(f"timeout is {brief(timeout)}: it must be a number of seconds, or None")
    if not timeout >= 0:
        raise ValueError(f"timeout is {brief(timeout)}: it must be 0 or more seconds (or math.inf)")
    return _as_float(timeout)


def check_seconds(name: str, seconds: object) -> float:
    """Seconds to let pass: a finite number, 0 or more; else TypeError or ValueError."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise TypeError(f"{name} is {brief(seconds)}: it must be a number of seconds")
    if not (0 <= seconds < math.inf):
        raise ValueError(f"{name} is {brief(seconds)}: it must be a finite number, 0 or more")
    return _as_float(seconds)


def _as_float(seconds: float) -> float:
    try:
        return float(seconds)
    except OverflowError:  # an int beyond them all
        return sys.float_info.max
