"""A message under way, and what its caller has been given."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rpcfake.core.queue import Consumer, Queue

HEARTBEAT = ""
"""Stands among the values for a sign of life: no codec's text is empty."""


class Envelope:
    """One message on its way to one queue.

    A fanout cast is one record and one envelope for each queue that it reached. The life of a call,
    as the caller sees it: it waits until it is given an ending or a failure (``done``), or until it
    gives up (``cancelled``); nothing that comes later reaches it."""

    # Defaults in the class, not set in each of the million instances: most stay as they are.

    queue: Queue | None = None
    """Where it waits to be taken; None where it was dropped."""
    consumer: Consumer | None = None
    """Who took it."""
    taken: int | None = None
    """The seq of the record that stands for its taking; None while it is queued."""
    worker: Any = None
    """Which of the loop's workers handles it."""
    waiter: Any = None
    """What the loop wakes when the caller has something to read."""
    values: deque[str] | None = None
    """Texts of values that the caller of a multicall has not read yet; None for other kinds. Also
    set by a caller of a call who wants to hear that its handler is alive (`HEARTBEAT`)."""
    last: str | None = None
    """The text of the last value of a call."""
    failure: int | None = None
    """The seq of the failure's record, if the caller is to raise it."""
    surfaces: bool = False
    """Its failure is raised in whoever drives the bus too, and so is seen."""
    ended: bool = False
    """The handler said that no more values come."""
    grace: Callable[[], float] | None = None
    """Asked when the caller's time is up: for how many seconds more it waits."""
    done: bool = False
    """The caller has its ending or failure."""
    cancelled: bool = False
    """The caller gave up: what comes now goes nowhere."""
    asks: bool = False
    """Whether its sender wants an answer."""

    def __init__(self, seq: int, kind: str, topic: str, method: str, payload: str) -> None:
        self.seq = seq
        """Of the record that stands for its sending."""
        self.kind = kind
        self.topic = topic
        self.method = method
        self.payload = payload
        """The codec's text of ``[context, args]``, or of ``[context, args, headers]``."""
        if kind == "call":
            self.asks = True
        elif kind == "multicall":
            self.asks = True
            self.values = deque()

    @property
    def readable(self) -> bool:
        """Whether there is something for the caller to read: a value of a multicall, or the end."""
        return self.done or bool(self.values)

    @property
    def awaited(self) -> bool:
        """Whether a caller waits for what the handler gives."""
        return self.asks and not self.ended and not self.cancelled
