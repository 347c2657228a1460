"""Mutants of SHARE."""

from __future__ import annotations

import random
from collections import deque
from typing import Any

from rpcfake.connection import Connection
from rpcfake.core import Consumer, Envelope, Queue

from ..mutant import Mutant, WrongBroker, WrongHandling

NOVA_FAKE = "nova f529b3c9b nova/rpc/impl_fake.py"


class CopiesForAll(Mutant):
    """Every competing consumer gets a copy."""

    caught_by = ("RPC-SHARE-001", "RPC-SHARE-002", "RPC-SHARE-003", "RPC-SHARE-011")
    stands_for = "oslo.messaging 9ff4d998, LP 1257293"

    class broker(WrongBroker):
        def send(self, *sending: Any) -> Envelope:
            sent = super().send(*sending)
            if sent.queue is not None:
                for _ in list(sent.queue.readers)[1:]:
                    self._put(sent.queue, self.copy(sent))
            return sent


class AnotherAnswers(Mutant):
    """The method of another consumer is called than of the one whose turn it is."""

    caught_by = ("RPC-SHARE-003",)
    stands_for = "oslo.messaging 3e6c0b38, LP 1301723"

    class handling(WrongHandling):
        def returned(self, envelope: Envelope, value: Any) -> Any:
            queue = envelope.queue
            if envelope.method == "names_itself" and queue is not None:
                return queue.readers[0].proxy._name
            return value


class Seating(WrongBroker):
    """A broker whose consumers have their turns in another order."""

    def take(self, now: int, queue: Queue) -> Envelope | None:
        if queue.readers and queue.envelopes:
            self.arrange(queue)
        return super().take(now, queue)

    def arrange(self, queue: Queue) -> None:
        raise NotImplementedError

    def number(self, consumer: Consumer) -> int:
        return int(consumer.name.rpartition("#")[2])

    def first(self, queue: Queue, consumer: Consumer) -> None:
        self.seat(queue, lambda each: each is not consumer)


class FirstTakesAll(Mutant):
    """The first consumer of a topic takes every message."""

    caught_by = tuple(f"RPC-SHARE-{number:03}" for number in (4, 5, 6, 7, 8, 9))
    stands_for = NOVA_FAKE + ": CONSUMERS[topic][0] takes every message"

    class broker(Seating):
        def arrange(self, queue: Queue) -> None:
            self.seat(queue, self.number)


class LastTakesAll(Mutant):
    """The last consumer of a topic takes every message."""

    caught_by = ("RPC-SHARE-004", "RPC-SHARE-005", "RPC-SHARE-006", "RPC-SHARE-009")
    stands_for = "oslo.messaging 18.3.1 fake://: 14 calls over three servers go [0, 0, 14]"

    class broker(Seating):
        def arrange(self, queue: Queue) -> None:
            self.seat(queue, lambda each: -self.number(each))


class ChanceShares(Mutant):
    """Who takes a message is left to chance."""

    caught_by = ("RPC-SHARE-004", "RPC-SHARE-005")

    class broker(Seating):
        def arrange(self, queue: Queue) -> None:
            chance = self.bus.note("chance", random.Random(7))
            self.first(queue, chance.choice(list(queue.readers)))


class ConnectionsTakeTurns(Mutant):
    """Connections take turns, however many consumers each has."""

    caught_by = ("RPC-SHARE-004", "RPC-SHARE-005")
    stands_for = "kombu 5.7 memory://: of two consumers of one queue the second gets everything"

    class connection(Connection):
        def create_consumer(self, topic: str, proxy: Any, fanout: bool = False) -> None:
            super().create_consumer(topic, proxy, fanout)
            bus: Any = self._bus
            bus.notes[self._consumers[-1]] = self

    class broker(Seating):
        def arrange(self, queue: Queue) -> None:
            notes = self.bus.notes
            consumer = min(
                queue.readers,
                key=lambda each: (notes.get((queue, notes[each]), 0), notes.get((queue, each), 0)),
            )
            self.bus.count((queue, notes[consumer]))
            self.bus.count((queue, consumer))
            self.first(queue, consumer)


class OneTurnForAllTopics(Mutant):
    """Whose turn it is is counted over all topics."""

    caught_by = ("RPC-SHARE-007",)

    class broker(Seating):
        def arrange(self, queue: Queue) -> None:
            self.seat(queue, self.number)
            queue.readers.rotate(-self.bus.count("turn") % len(queue.readers))


class FanoutConsumersHaveTurns(Mutant):
    """A fanout consumer has a turn as well; it passes on to the next."""

    caught_by = ("RPC-SHARE-008",)

    class broker(Seating):
        def arrange(self, queue: Queue) -> None:
            consumers = self.topics[queue.topic].consumers
            turn = self.bus.count(queue)
            for _ in consumers:
                consumer = consumers[turn % len(consumers)]
                if consumer in queue.readers:
                    return self.first(queue, consumer)
                turn += 1
            return None


class TurnsAreFixed(Mutant):
    """Who was there at the first message takes all turns."""

    caught_by = ("RPC-SHARE-006",)

    class broker(Seating):
        def arrange(self, queue: Queue) -> None:
            fixed = self.bus.note(queue, deque(queue.readers))
            self.first(queue, fixed[0])
            fixed.rotate(-1)


class StartsCopy(Mutant):
    """Each consumer that starts gets what waited."""

    caught_by = ("RPC-SHARE-010",)
    stands_for = "oslo.messaging 3f3c489a"

    class broker(WrongBroker):
        def start(self, consumer: Consumer) -> None:
            waiting = list(consumer.queue.envelopes)
            others = len(consumer.queue.readers)
            super().start(consumer)
            for envelope in waiting if others else ():
                self._put(consumer.queue, self.copy(envelope))


class StartsLose(Mutant):
    """What waited when a second consumer starts is lost."""

    caught_by = ("RPC-SHARE-010",)
    stands_for = "oslo.messaging 5a98303e"

    class broker(WrongBroker):
        def start(self, consumer: Consumer) -> None:
            super().start(consumer)
            if len(consumer.queue.readers) > 1:
                consumer.queue.envelopes.clear()


class FailuresAreHandedOn(Mutant):
    """A message whose handler failed is given to another consumer, once."""

    caught_by = ("RPC-SHARE-011",)
    stands_for = "celery#5935"

    class broker(WrongBroker):
        def fail(self, now: int, envelope: Envelope, *failure: Any) -> None:
            super().fail(now, envelope, *failure)
            if envelope.queue is not None and envelope.seq not in self.bus.notes:
                self.bus.notes[envelope.seq] = True
                self._put(envelope.queue, self.copy(envelope))
