"""Queues and those who read them."""

from __future__ import annotations

from collections import deque
from typing import Any

from rpcfake.core.envelope import Envelope


class Queue:
    """Envelopes in the order they came, and the consumers that share them.

    It can be served when it holds an envelope and has a reader. Its readers take turns (rule
    SHARE); an envelope belongs to none of them until it is taken, so a consumer that closes has
    nothing to hand back."""

    __slots__ = ("envelopes", "number", "readers", "topic")

    def __init__(self, topic: str, number: int) -> None:
        self.topic = topic
        self.number = number
        """Counts the queues of a broker, for an order among them."""
        self.envelopes: deque[Envelope] = deque()
        self.readers: deque[Consumer] = deque()

    def next_reader(self) -> Consumer:
        """Whose turn it is; the turn then passes on."""
        readers = self.readers
        reader = readers[0]
        if len(readers) > 1:
            readers.rotate(-1)
        return reader


class Consumer:
    """One queue read by one proxy."""

    __slots__ = ("closed", "fanout", "name", "proxy", "queue", "started")

    def __init__(self, name: str, queue: Queue, proxy: Any, fanout: bool) -> None:
        self.name = name
        self.queue = queue
        self.proxy = proxy
        self.fanout = fanout
        self.started = False
        self.closed = False


class Topic:
    """What is declared under one name: a shared queue, and a queue for each fanout consumer."""

    __slots__ = ("consumers", "declared", "fanouts", "keeps", "name", "pools", "shared")

    def __init__(self, name: str, shared: Queue) -> None:
        self.name = name
        self.shared = shared
        self.fanouts: list[Queue] = []
        self.pools: dict[str, Queue] = {}
        """For each pool of listeners the queue that they share: each notification comes to all."""
        self.consumers: list[Consumer] = []
        """Those that are not closed, in the order of their declaration."""
        self.declared = 0
        """How many consumers were ever declared here; they are numbered by it."""
        self.keeps = False
        """Whether the shared queue exists: once a shared consumer was declared it does for good."""
