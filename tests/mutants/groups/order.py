"""Mutants of ORDER."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any, ClassVar

from rpcfake.core import Consumer, Envelope, Queue
from rpcfake.threads import ThreadedBus

from ..mutant import MUTANTS, Mutant, WrongBroker, WrongHandling


class LastInFirstOut(Mutant):
    """The newest message is taken first."""

    caught_by = tuple(f"RPC-ORDER-{number:03}" for number in (1, 4, 5, 6, 7, 8, 9))
    stands_for = "kombu#593"

    class broker(WrongBroker):
        def take(self, now: int, queue: Queue) -> Envelope | None:
            self.to_front(queue)
            return super().take(now, queue)


class CallsJumpTheQueue(Mutant):
    """A call is taken before the casts that wait."""

    caught_by = ("RPC-ORDER-002",)
    stands_for = "kombu#593"
    kind = "call"

    class broker(WrongBroker):
        def send(self, *sending: Any) -> Envelope:
            sent = super().send(*sending)
            if sent.kind == self.bus.kind:  # type: ignore[attr-defined]
                self.to_front(sent.queue)
            return sent


class MulticallsJumpTheQueue(CallsJumpTheQueue):
    """A multicall is taken before the casts that wait."""

    caught_by = ("RPC-ORDER-003",)
    stands_for = "kombu#593"
    kind = "multicall"


class FanoutsAreStacked(Mutant):
    """Fanout casts are taken newest first."""

    caught_by = ("RPC-ORDER-004",)

    class broker(WrongBroker):
        def take(self, now: int, queue: Queue) -> Envelope | None:
            if queue.envelopes and queue.envelopes[0].kind == "fanout_cast":
                self.to_front(queue)
            return super().take(now, queue)


class SharingSwaps(Mutant):
    """Where consumers share, one may overtake another's message that was handed back."""

    caught_by = ("RPC-ORDER-005",)
    stands_for = "kombu 5.7 memory://: requeue moves a message to the back"

    class broker(WrongBroker):
        def take(self, now: int, queue: Queue) -> Envelope | None:
            if len(queue.readers) > 1 and len(queue.envelopes) > 1 and self.bus.count(queue) == 1:
                queue.envelopes.rotate(-1)
            return super().take(now, queue)


class SpawnedSendersOvertake(Mutant):
    """Beside another sender, what is sent goes before what waits."""

    caught_by = ("RPC-ORDER-006",)

    class broker(WrongBroker):
        def send(self, *sending: Any) -> Envelope:
            sent = super().send(*sending)
            if self.bus.running is not None and self.bus._cause() is None:
                self.to_front(sent.queue)
            return sent


class BacklogComesLast(Mutant):
    """What came after the start is taken before what waited for it."""

    caught_by = ("RPC-ORDER-007",)
    stands_for = "kombu 5.7 memory://: requeue moves a message to the back"

    class broker(WrongBroker):
        def start(self, consumer: Consumer) -> None:
            self.bus.notes[consumer.queue] = len(consumer.queue.envelopes)
            super().start(consumer)

        def take(self, now: int, queue: Queue) -> Envelope | None:
            backlog = self.bus.notes.pop(queue, 0)
            queue.envelopes.rotate(-backlog)
            return super().take(now, queue)


class OrderIsLostBehindWaiting(Mutant):
    """Once a handler waits, what comes later is taken newest first."""

    caught_by = ("RPC-ORDER-008",)

    class broker(WrongBroker):
        def take(self, now: int, queue: Queue) -> Envelope | None:
            if self.bus.notes.get("at work"):
                self.to_front(queue)
            return super().take(now, queue)

    class handling(WrongHandling):
        def handle(self, envelope: Envelope) -> BaseException | None:
            self.bus.count("at work")
            try:
                return super().handle(envelope)
            finally:
                self.bus.notes["at work"] -= 1


class HandlersCastsReversed(Mutant):
    """What a handler casts is sent when it returns, the last first."""

    caught_by = ("RPC-ORDER-009",)

    def cast(self, context: Any, topic: str, msg: Any) -> None:
        super().cast(context, topic, msg)
        if self._cause() is not None:
            place = self._broker.topics.get(topic)
            if place is not None:
                place.shared.envelopes.rotate(1)


class PoolLooksUpWhenever(ThreadedBus):
    """Each message is looked up by whichever thread gets to it."""

    caught_by = ("RPC-ORDER-001",)
    stands_for = "kombu#593"
    facade: ClassVar[dict[str, Any]] = {}

    def __init__(self) -> None:
        super().__init__()
        chance = random.Random(7)

        def whenever(find: Callable[[], Any]) -> Any:
            time.sleep(chance.random() / 100)
            return find()

        self._handling.in_order = whenever  # type: ignore[attr-defined]


MUTANTS.append(PoolLooksUpWhenever)
