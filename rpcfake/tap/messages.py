"""What passes on a broker, and what it means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Tapped:
    """A message as the broker shows it.

    Attributes:
        exchange, key: where it was published, and with which routing key.
        properties: those of AMQP that were given, such as ``correlation_id``.
        headers, body: as they were.
        queue: the queue that it was just delivered from; empty where it is being published.
    """

    exchange: str
    key: str
    properties: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, Any] = field(default_factory=dict)
    body: bytes = b""
    queue: str = ""

    @property
    def seconds(self) -> float | None:
        """How long it may wait in a queue, which AMQP gives in milliseconds."""
        try:
            return int(self.properties["expiration"]) / 1000
        except (KeyError, TypeError, ValueError):
            return None


@dataclass(frozen=True)
class Request:
    """Something was sent.

    Attributes:
        id: what answers name it by; empty where none come.
        timeout: the seconds that its sender waits, where that is known.
        unique: what tells it from all others; empty where nothing does.
    """

    kind: str
    id: str
    topic: str
    method: str
    context: dict[str, Any]
    args: dict[str, Any]
    headers: dict[str, Any] = field(default_factory=dict)
    timeout: float | None = None
    unique: str = ""


@dataclass(frozen=True)
class Value:
    """An answer: a value, and whether it was the last."""

    id: str
    value: Any
    last: bool = False


@dataclass(frozen=True)
class Ending:
    """No more values come."""

    id: str


@dataclass(frozen=True)
class Failed:
    """An answer: the handler failed."""

    id: str
    exc_type: str
    text: str
    traceback: str = ""


@dataclass(frozen=True)
class Heartbeat:
    """The handler is still at it."""

    id: str


@dataclass(frozen=True)
class Abandoned:
    """The caller of a multicall waits no longer."""

    id: str


@dataclass(frozen=True)
class Silent:
    """It says nothing that a record could hold."""


Answer = Value | Ending | Failed | Heartbeat | Abandoned
Meaning = Request | Answer | Silent
