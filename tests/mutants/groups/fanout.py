"""Mutants of FANOUT."""

from __future__ import annotations

import json
from typing import Any

from rpcfake.connection import Connection
from rpcfake.core import Consumer, Envelope, Queue
from rpcfake.errors import BackendUnavailable

from ..mutant import Mutant, WrongBroker

NOVA_FAKE = "nova f529b3c9b nova/rpc/impl_fake.py"


class FanoutBroker(WrongBroker):
    """A broker that sends fanout casts elsewhere."""

    def send(self, *sending: Any) -> Envelope:
        if sending[1] != "fanout_cast":
            return super().send(*sending)
        place = self.topics.get(sending[2])
        return self.send_to(self.reached(place.fanouts if place else []), *sending)

    def reached(self, queues: list[Queue]) -> list[Queue]:
        return queues


class FanoutToOne(Mutant):
    """A fanout cast reaches one consumer."""

    caught_by = ("RPC-FANOUT-001", "RPC-FANOUT-002", "RPC-FANOUT-011", "RPC-ORDER-004")
    stands_for = "oslo.messaging de2de36a, LP 1300539"

    class broker(FanoutBroker):
        def reached(self, queues: list[Queue]) -> list[Queue]:
            return queues[:1]


class FanoutTwice(Mutant):
    """A fanout cast reaches each consumer twice."""

    caught_by = ("RPC-FANOUT-001", "RPC-FANOUT-003", "RPC-FANOUT-007", "RPC-FANOUT-013")
    stands_for = "oslo.messaging f2f2d07c, LP 1551661"

    class broker(FanoutBroker):
        def reached(self, queues: list[Queue]) -> list[Queue]:
            return [*queues, *queues]


class FanoutNeverRuns(Mutant):
    """fanout_cast is a generator function, and nobody runs it."""

    caught_by = ("RPC-FANOUT-001", "RPC-FANOUT-006", "RPC-FANOUT-010")
    stands_for = NOVA_FAKE + ": fanout_cast builds a generator that never runs"

    def fanout_cast(self, *args: Any) -> Any:
        yield super().fanout_cast(*args)


class FanoutOncePerConnection(Mutant):
    """Fanout consumers of one connection share what is for each of them."""

    caught_by = ("RPC-FANOUT-001",)
    stands_for = "kombu 5.7 memory://: of two consumers of one queue the second gets everything"

    class connection(Connection):
        def create_consumer(self, topic: str, proxy: Any, fanout: bool = False) -> None:
            super().create_consumer(topic, proxy, fanout)
            *others, made = self._consumers
            bus: Any = self._bus
            for other in others if fanout else ():
                if other.fanout and other.queue.topic == topic:
                    bus._broker.topics[topic].fanouts.remove(made.queue)
                    made.queue = other.queue
                    return


class FanoutSpendsArgs(Mutant):
    """The first consumer takes the arguments out of the message."""

    caught_by = ("RPC-FANOUT-002",)

    class broker(WrongBroker):
        def send(self, *sending: Any) -> Envelope:
            sent = super().send(*sending)
            if sent.kind == "fanout_cast" and sent.topic in self.topics:
                for queue in self.topics[sent.topic].fanouts[1:]:
                    context, args = json.loads(sent.payload)
                    queue.envelopes[-1].payload = json.dumps([context, {**args, "value": None}])
            return sent


class FanoutReachesShared(Mutant):
    """A fanout cast reaches a shared consumer too."""

    caught_by = ("RPC-FANOUT-003", "RPC-FANOUT-006", "RPC-FANOUT-013", "RPC-WHOLE-001")

    class broker(WrongBroker):
        def send(self, *sending: Any) -> Envelope:
            if sending[1] == "fanout_cast":
                super().send(sending[0], "cast", *sending[2:])
            return super().send(*sending)


class TopicReachesFanout(Mutant):
    """What is sent to a topic reaches its fanout consumers too."""

    caught_by = ("RPC-FANOUT-004", "RPC-FANOUT-005")

    class broker(WrongBroker):
        def send(self, *sending: Any) -> Envelope:
            if sending[1] != "fanout_cast":
                super().send(sending[0], "fanout_cast", *sending[2:])
            return super().send(*sending)


class CallsFallToFanout(Mutant):
    """A call that no shared consumer can take is given to a fanout consumer."""

    caught_by = ("RPC-FANOUT-005",)
    stands_for = "oslo.messaging 09cd9c0f, LP 1336759"

    class broker(WrongBroker):
        def send(self, *sending: Any) -> Envelope:
            place = self.topics.get(sending[2])
            if sending[1] == "call" and place and place.fanouts and not place.keeps:
                return super().send(*sending[:6], place.fanouts[0])
            return super().send(*sending)


class FanoutNeedsSomebody(Mutant):
    """A fanout cast to nobody raises."""

    caught_by = ("RPC-FANOUT-006", "RPC-FANOUT-008")

    class broker(FanoutBroker):
        def reached(self, queues: list[Queue]) -> list[Queue]:
            if not queues:
                raise BackendUnavailable("nobody to reach")
            return queues


class FanoutToStarted(Mutant):
    """A fanout cast is lost for who has not started yet."""

    caught_by = ("RPC-FANOUT-007",)
    stands_for = "oslo.messaging e582da68, LP 1331453"

    class broker(FanoutBroker):
        def reached(self, queues: list[Queue]) -> list[Queue]:
            return [queue for queue in queues if queue.readers]


class FanoutIsKept(Mutant):
    """The last fanout cast of a topic is given to who comes later."""

    caught_by = ("RPC-FANOUT-008",)

    class broker(WrongBroker):
        def send(self, *sending: Any) -> Envelope:
            sent = super().send(*sending)
            if sent.kind == "fanout_cast":
                self.bus.notes[sent.topic] = sent
            return sent

        def declare(self, topic: str, proxy: Any, fanout: bool) -> Consumer:
            made = super().declare(topic, proxy, fanout)
            if fanout and topic in self.bus.notes:
                self._put(made.queue, self.copy(self.bus.notes[topic]))
            return made


class FanoutByPrefix(Mutant):
    """A fanout cast reaches every topic that begins like its own."""

    caught_by = ("RPC-FANOUT-009",)
    stands_for = "nova b0e44f1b7"

    class broker(WrongBroker):
        def send(self, *sending: Any) -> Envelope:
            now, kind, topic, *rest = sending
            for other in list(self.topics) if kind == "fanout_cast" else ():
                if other != topic and other.startswith(topic):
                    super().send(now, kind, other, *rest)
            return super().send(*sending)


class FanoutForAll(Mutant):
    """Fanouts of all topics are one."""

    caught_by = ("RPC-FANOUT-009",)
    stands_for = "kombu#1987"

    class broker(FanoutBroker):
        def reached(self, queues: list[Queue]) -> list[Queue]:
            return [queue for place in self.topics.values() for queue in place.fanouts]


class FanoutRunsHandlers(Mutant):
    """fanout_cast runs the handlers before it returns."""

    caught_by = ("RPC-FANOUT-010",)
    stands_for = NOVA_FAKE
    stops = False

    def fanout_cast(self, context: Any, topic: str, msg: Any) -> None:
        super().fanout_cast(context, topic, msg)
        place = self._broker.topics.get(topic)
        for queue in place.fanouts if place else ():
            envelope = self._broker.take(self._now(), queue)
            if envelope is not None:
                self._handling.handle(envelope)
                if self.stops and self._broker.rows[-1][0] == "failure":
                    for rest in place.fanouts if place else ():
                        rest.envelopes.clear()
                    return


class FanoutStopsAtErrors(FanoutRunsHandlers):
    """What comes after a consumer that fails gets nothing."""

    caught_by = ("RPC-FANOUT-011",)
    stands_for = "nova 704aafd74, LP 699910"
    stops = True


class CloseClearsTopic(Mutant):
    """When one fanout consumer closes, the others of the topic get nothing more."""

    caught_by = ("RPC-FANOUT-012",)
    stands_for = "oslo.messaging 18.3.1 fake://: cleanup of one transport clears all"

    class broker(WrongBroker):
        def close(self, consumer: Consumer) -> None:
            super().close(consumer)
            self.topics[consumer.queue.topic].fanouts.clear()


class OneConsumerPerProxy(Mutant):
    """A proxy that is declared again takes the place of its first declaration."""

    caught_by = ("RPC-FANOUT-013",)

    def _declare(self, topic: str, proxy: Any, fanout: bool) -> Consumer:
        made = super()._declare(topic, proxy, fanout)
        for other in list(self._broker.topics[topic].consumers):
            if other.proxy is proxy and other is not made:
                self._broker.close(other)
        return made
