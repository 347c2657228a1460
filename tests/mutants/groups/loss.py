"""Mutants of LOSS."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rpcfake.core import Consumer, Envelope, Queue
from rpcfake.errors import (
    BackendUnavailable,
    ConnectionClosed,
)

from ..mutant import Mutant, WrongBroker


class Brokered(Mutant):
    """A correct backend whose broker can be interrupted: meanwhile it refuses what is sent, and
    nobody takes anything."""

    has_broker = True

    def __init__(self) -> None:
        super().__init__()
        self.away = False
        self.harness.interrupt = self.interrupt  # type: ignore[attr-defined]

    def _send(self, kind: str, context: Any, topic: str, msg: Any) -> Envelope:
        if self.away:
            return self.send_meanwhile(kind, context, topic, msg)
        return super()._send(kind, context, topic, msg)

    def send_meanwhile(self, kind: str, context: Any, topic: str, msg: Any) -> Envelope:
        """What becomes of a sending while the broker is away."""
        raise BackendUnavailable("the broker does not answer")

    @contextmanager
    def interrupt(self) -> Iterator[None]:
        """The broker is away."""
        self.away = True
        places = list(self._broker.topics.values())
        readers = [
            (queue, list(queue.readers))
            for place in places
            for queue in (place.shared, *place.fanouts)
        ]
        for queue, _ in readers:
            queue.readers.clear()
        self.lose()
        yield
        self.away = False
        for queue, before in readers:
            self.resume(queue, before)

    def lose(self) -> None:
        """What is lost with the connection."""

    def resume(self, queue: Queue, readers: list[Consumer]) -> None:
        """Let the consumers of a queue go on."""
        queue.readers.extend(one for one in readers if not one.closed)
        if queue.readers:
            for _ in queue.envelopes:
                self._broker._on_ready(queue)


class NeverResumes(Brokered):
    """Consumers stay away."""

    caught_by = ("RPC-LOSS-001",)
    stands_for = "celery#8030"

    def resume(self, queue: Queue, readers: list[Consumer]) -> None:
        """Nothing."""


class LosesItsReplyQueue(Brokered):
    """No reply arrives any more."""

    caught_by = ("RPC-LOSS-001",)
    stands_for = "nameko PR#504; EasyNetQ#1483"

    def lose(self) -> None:
        self.notes["lost"] = True

    class broker(WrongBroker):
        def end(self, now: int, envelope: Envelope) -> None:
            if "lost" not in self.bus.notes:
                super().end(now, envelope)


class ForgetsFanoutConsumers(Brokered):
    """Fanout consumers stay away."""

    caught_by = ("RPC-LOSS-002",)
    stands_for = "oslo.messaging 5988c7bf, LP 2031497"

    def resume(self, queue: Queue, readers: list[Consumer]) -> None:
        super().resume(queue, [one for one in readers if not one.fanout])


class EndsPendingCalls(Brokered):
    """Whoever waits gets None."""

    caught_by = ("RPC-LOSS-003",)

    class broker(WrongBroker):
        def take(self, now: int, queue: Queue) -> Envelope | None:
            envelope = super().take(now, queue)
            self.bus.notes["taken"] = envelope
            return envelope

    def lose(self) -> None:
        if (envelope := self.notes.get("taken")) is not None:
            self._broker.end(self._now(), envelope)


class BreaksPendingCalls(Brokered):
    """Whoever waits gets the connection's error."""

    caught_by = ("RPC-LOSS-003",)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        before = self.note("losses", 0)
        value = super().call(*args, **kwargs)
        if self.note("losses", 0) != before:
            raise ConnectionClosed("Connection reset by peer")
        return value

    def lose(self) -> None:
        self.count("losses")


class CastsVanish(Brokered):
    """A cast is not confirmed, and nobody minds."""

    caught_by = ("RPC-LOSS-004",)

    def send_meanwhile(self, kind: str, context: Any, topic: str, msg: Any) -> Envelope:
        if kind == "cast":
            return Envelope(0, kind, topic, msg["method"], "")
        return super().send_meanwhile(kind, context, topic, msg)


class CallsWaitForTheBroker(Brokered):
    """To connect takes as long as it takes."""

    caught_by = ("RPC-LOSS-005",)

    def send_meanwhile(self, kind: str, context: Any, topic: str, msg: Any) -> Envelope:
        while self.away:
            self.sleep(0.1)
        return self._send(kind, context, topic, msg)


class QueuesAreLost(Brokered):
    """Queues last as long as the connection."""

    caught_by = ("RPC-LOSS-006",)

    def lose(self) -> None:
        for place in self._broker.topics.values():
            place.shared.envelopes.clear()
