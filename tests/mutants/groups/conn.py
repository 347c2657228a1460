"""Mutants of CONN."""

from __future__ import annotations

from typing import Any

from rpcfake.connection import Connection
from rpcfake.core import Consumer, Envelope, Queue

from ..mutant import Mutant, WrongBroker, WrongHandling

OSLO_FAKE = "oslo.messaging 18.3.1 fake://"


class NeedsNoStart(Mutant):
    """A consumer starts when it is created."""

    caught_by = ("RPC-CONN-001", "RPC-WHOLE-001")
    stands_for = "nova f529b3c9b nova/rpc/impl_fake.py"

    class connection(Connection):
        def create_consumer(self, topic: str, proxy: Any, fanout: bool = False) -> None:
            super().create_consumer(topic, proxy, fanout)
            self.consume_in_thread()


class LostBeforeTheStart(Mutant):
    """What comes before the start is lost."""

    caught_by = ("RPC-CONN-002", "RPC-CONN-001")
    stands_for = "oslo.messaging e582da68, LP 1331453"

    class broker(WrongBroker):
        def start(self, consumer: Consumer) -> None:
            consumer.queue.envelopes.clear()
            super().start(consumer)


class StartsTwice(Mutant):
    """A second start subscribes a second time."""

    caught_by = ("RPC-CONN-003", "RPC-WHOLE-001")

    class connection(Connection):
        def consume_in_thread(self) -> None:
            if self._started:
                for one in list(self._consumers):
                    self._bus._start(self._bus._declare(one.queue.topic, one.proxy, one.fanout))
            super().consume_in_thread()


class LateConsumersDoNotStart(Mutant):
    """What is created after the start is not started."""

    caught_by = ("RPC-CONN-004",)

    class connection(Connection):
        def create_consumer(self, topic: str, proxy: Any, fanout: bool = False) -> None:
            was, self._started = self._started, False
            super().create_consumer(topic, proxy, fanout)
            self._started = was


class LastProxyGetsAll(Mutant):
    """A connection has one proxy: the last."""

    caught_by = ("RPC-CONN-005", "RPC-TOPIC-001", "RPC-WHOLE-001")
    stands_for = "kombu 5.7 memory://"

    class connection(Connection):
        def create_consumer(self, topic: str, proxy: Any, fanout: bool = False) -> None:
            super().create_consumer(topic, proxy, fanout)
            for consumer in self._consumers:
                consumer.proxy = proxy


class FirstConsumerOnly(Mutant):
    """A connection has one consumer: the first."""

    caught_by = ("RPC-CONN-005",)
    stands_for = "nova c34771e7d"

    class connection(Connection):
        def consume_in_thread(self) -> None:
            everything, self._consumers = self._consumers, self._consumers[:1]
            super().consume_in_thread()
            self._consumers = everything


class DeclaredTakesItsTurn(Mutant):
    """Who is declared, and not started, gets its share."""

    caught_by = ("RPC-CONN-006",)

    class broker(WrongBroker):
        def _put(self, queue: Queue, envelope: Envelope) -> None:
            consumers = self.topics[envelope.topic].consumers
            idle = [one for one in consumers if not (one.started or one.fanout)]
            if not (idle and queue.readers and self.bus.count(queue) % 2):
                super()._put(queue, envelope)


class CloseTwiceRaises(Mutant):
    """A second close is an error."""

    caught_by = ("RPC-CONN-007",)
    stands_for = "oslo.messaging a4508412, LP 1458917"

    class connection(Connection):
        def close(self) -> None:
            self._check_open()
            super().close()


class ClosedStillTakes(Mutant):
    """A closed connection goes on taking messages."""

    caught_by = ("RPC-CONN-008", "RPC-CONN-009", "RPC-CONN-019", "RPC-CONN-022")
    stands_for = "oslo.messaging f3780094, LP 1335086"

    class connection(Connection):
        def close(self) -> None:
            self._closed = True


class CloseClearsAll(Mutant):
    """A close forgets everybody's queues."""

    caught_by = ("RPC-CONN-010",)
    stands_for = OSLO_FAKE

    class broker(WrongBroker):
        def close(self, consumer: Consumer) -> None:
            super().close(consumer)
            for place in self.topics.values():
                place.shared.envelopes.clear()
                place.fanouts.clear()


class CloseEndsAllCalls(Mutant):
    """A close makes all callers wait in vain."""

    caught_by = ("RPC-CONN-011",)

    class broker(WrongBroker):
        def take(self, now: int, queue: Queue) -> Envelope | None:
            envelope = super().take(now, queue)
            self.bus.note("taken", []).append(envelope)
            return envelope

        def close(self, consumer: Consumer) -> None:
            for envelope in self.bus.note("taken", []):
                if envelope is not None:
                    envelope.ended = True
            super().close(consumer)


class CloseClearsTheQueue(Mutant):
    """What a consumer has not taken vanishes with it."""

    caught_by = ("RPC-CONN-012", "RPC-CONN-013")
    stands_for = "kombu#593, kombu 5.7 memory://"

    class broker(WrongBroker):
        def close(self, consumer: Consumer) -> None:
            consumer.queue.envelopes.clear()
            super().close(consumer)


class CloseLosesOne(Mutant):
    """What was on its way to a consumer that closes is lost."""

    caught_by = ("RPC-CONN-012", "RPC-CONN-023")
    stands_for = "oslo.messaging c70bf40b"

    class broker(WrongBroker):
        def close(self, consumer: Consumer) -> None:
            if consumer.started and not consumer.closed and consumer.queue.envelopes:
                consumer.queue.envelopes.popleft()
            super().close(consumer)


class LastCloseDeletesTheQueue(Mutant):
    """A topic lasts as long as it has a consumer."""

    caught_by = ("RPC-CONN-013",)

    class broker(WrongBroker):
        def close(self, consumer: Consumer) -> None:
            super().close(consumer)
            place = self.topics[consumer.queue.topic]
            if not any(not one.fanout for one in place.consumers):
                place.shared.envelopes.clear()


class Counting(Mutant):
    """No mutant by itself: knows which messages are being handled, and which were."""

    class handling(WrongHandling):
        def handle(self, envelope: Envelope) -> BaseException | None:
            running = self.bus.note("running", [])
            running.append(envelope)
            try:
                return super().handle(envelope)
            finally:
                running.remove(envelope)
                self.bus.note("handled", []).append(envelope)
                self.handled(envelope)

        def handled(self, envelope: Envelope) -> None:
            """Something to do after it."""


class BacklogIsLost(Counting):
    """What a consumer has no room for vanishes when it closes."""

    caught_by = ("RPC-CONN-014",)
    stands_for = "oslo.messaging c70bf40b"

    class handling(Counting.handling):
        def handled(self, envelope: Envelope) -> None:
            backlog = self.bus.note("backlog", {}).get(envelope.queue)
            if backlog:
                envelope.queue.envelopes.appendleft(backlog.pop())  # type: ignore[union-attr]
                self.broker._on_ready(envelope.queue)  # type: ignore[arg-type]

    class broker(WrongBroker):
        def take(self, now: int, queue: Queue) -> Envelope | None:
            busy = sum(one.queue is queue for one in self.bus.note("running", []))
            if busy < 32 or not queue.envelopes:
                return super().take(now, queue)
            self.bus.note("backlog", {}).setdefault(queue, []).append(queue.envelopes.popleft())
            return None

        def close(self, consumer: Consumer) -> None:
            self.bus.note("backlog", {}).pop(consumer.queue, None)
            super().close(consumer)


class AcknowledgesAtTheEnd(Counting):
    """What a consumer had begun when it closes is handed to the next."""

    caught_by = ("RPC-CONN-015",)
    stands_for = "oslo.messaging da02bc21; 129c2233, LP 1935883"
    again = ("running",)

    class broker(WrongBroker):
        def close(self, consumer: Consumer) -> None:
            if not consumer.closed and not consumer.fanout:
                for what in self.bus.again:  # type: ignore[attr-defined]
                    for envelope in self.bus.note(what, []):
                        if envelope.consumer is consumer:
                            self._put(consumer.queue, self.copy(envelope))
            super().close(consumer)


class NeverAcknowledges(AcknowledgesAtTheEnd):
    """What a consumer had handled when it closes is handed to the next."""

    caught_by = ("RPC-CONN-016",)
    stands_for = "nova 3dd3b82c7, LP 1012374"
    again = ("running", "handled")


class CloseWaits(Counting):
    """A close waits for the handlers."""

    caught_by = ("RPC-CONN-017",)

    class connection(Connection):
        def close(self) -> None:
            bus: Any = self._bus
            while not self._closed and bus.note("running", []):
                bus.sleep(0.01)
            super().close()


class CloseStopsReplies(Mutant):
    """A consumer that is closed can't reply."""

    caught_by = ("RPC-CONN-017", "RPC-CONN-018", "RPC-CONN-019")

    class broker(WrongBroker):
        def reply(self, now: int, envelope: Envelope, text: str) -> None:
            if envelope.consumer is not None and not envelope.consumer.closed:
                super().reply(now, envelope, text)

        def end(self, now: int, envelope: Envelope) -> None:
            if envelope.consumer is not None and not envelope.consumer.closed:
                super().end(now, envelope)


class HandlersCannotClose(Mutant):
    """A close from within a handler is an error."""

    caught_by = ("RPC-CONN-019",)
    stands_for = "oslo.messaging 3f3c489a, 5a98303e"

    class connection(Connection):
        def close(self) -> None:
            bus: Any = self._bus
            if bus.running is not None:
                raise RuntimeError("cannot join current thread")
            super().close()


class ClosedIsNotRefused(Mutant):
    """A closed connection takes orders."""

    caught_by = ("RPC-CONN-020", "RPC-CONN-022")

    class connection(Connection):
        def _check_open(self) -> None:
            """Whatever."""


class SharedStaysClosed(Mutant):
    """What new=False gives is the same for ever."""

    caught_by = ("RPC-CONN-021",)
    stands_for = "oslo.messaging d5780ad3, LP 1474698"

    def create_connection(self, new: bool = True) -> Connection:
        made = super().create_connection(new)
        return made if new else self.note("shared", made)  # type: ignore[no-any-return]


class WithDoesNotClose(Mutant):
    """`with` is decoration."""

    caught_by = ("RPC-CONN-022",)

    class connection(Connection):
        def __exit__(self, *exc: object) -> None:
            """Nothing."""


class WithSwallows(Mutant):
    """No exception comes out of a `with`."""

    caught_by = ("RPC-CONN-022",)

    class connection(Connection):
        def __exit__(self, *exc: object) -> Any:
            self.close()
            return True


class FanoutCloseTakesAll(Mutant):
    """A fanout consumer that closes empties all queues of the fanout."""

    caught_by = ("RPC-CONN-024",)

    class broker(WrongBroker):
        def close(self, consumer: Consumer) -> None:
            if consumer.fanout:
                for queue in self.topics[consumer.queue.topic].fanouts:
                    queue.envelopes.clear()
            super().close(consumer)
