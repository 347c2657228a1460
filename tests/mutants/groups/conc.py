"""Mutants of CONC."""

from __future__ import annotations

from typing import Any

from rpcfake.core import Envelope, Queue
from rpcfake.errors import BackendUnavailable, Timeout

from ..mutant import Mutant, WrongBroker, WrongHandling


class LimitedBroker(WrongBroker):
    """Takes nothing while too many handlers are at work."""

    def take(self, now: int, queue: Queue) -> Envelope | None:
        bus: Any = self.bus
        if bus.at_work.get(bus.place(queue), 0) >= bus.limit:
            bus.held.append(queue)
            return None
        envelope = super().take(now, queue)
        if envelope is not None:
            bus.works(queue, 1)
        return envelope


class LimitedHandling(WrongHandling):
    """Gives a place back when a handler has returned."""

    def handle(self, envelope: Envelope) -> BaseException | None:
        try:
            return super().handle(envelope)
        finally:
            bus: Any = self.bus
            bus.works(envelope.queue, -1)


class Limited(Mutant):
    """No mutant by itself: at most so many handlers are at work at once."""

    limit = 1
    counts_callers = True
    """Whether a handler that waits in call or multicall keeps its place."""
    broker = LimitedBroker
    handling = LimitedHandling

    def __init__(self) -> None:
        super().__init__()
        self.at_work: dict[Any, int] = {}
        self.held: list[Queue] = []

    def place(self, queue: Queue) -> Any:
        """What the limit is for."""
        return "everything"

    def works(self, queue: Queue, more: int) -> None:
        place = self.place(queue)
        self.at_work[place] = self.at_work.get(place, 0) + more
        if more < 0:
            held, self.held = self.held, []
            for each in held:
                if each.envelopes and each.readers:
                    self._loop.line.add(each)

    def _wait(self, envelope: Envelope, seconds: float) -> None:
        worker = self._loop.current
        own = worker and worker.envelope and worker.envelope.queue
        if own is None or self.counts_callers:
            return super()._wait(envelope, seconds)
        self.works(own, -1)
        try:
            return super()._wait(envelope, seconds)
        finally:
            self.works(own, 1)


class OneHandlerPerTopic(Limited):
    """While a handler waits, its topic waits."""

    caught_by = ("RPC-CONC-001", "RPC-CONC-003", "RPC-CONC-010")
    counts_callers = False

    def place(self, queue: Queue) -> Any:
        return queue


class OneHandlerAtATime(Limited):
    """The loop that takes messages runs the handlers itself."""

    caught_by = ("RPC-CONC-001", "RPC-CONC-002")
    stands_for = "nameko#338"


class SixteenHandlers(Limited):
    """A pool of 16 workers, though 32 handlers may wait."""

    caught_by = ("RPC-CONC-003", "RPC-CONC-004")
    limit = 16
    counts_callers = False


class OneLessThanDeclared(Limited):
    """A pool of 31 workers, though 32 handlers may wait."""

    caught_by = ("RPC-CONC-003", "RPC-CONC-004")
    limit = 31
    counts_callers = False


class DeclaresEight(Mutant):
    """Its handlers may be 8 at once, it says."""

    caught_by = ("RPC-CONC-003",)
    concurrency = 8


class CallersKeepTheirPlace(Limited):
    """A worker keeps its place while its handler waits in call."""

    caught_by = ("RPC-CONC-005", "RPC-CONC-006", "RPC-CONC-007", "RPC-CONC-008")
    stands_for = "nameko#338"
    limit = 32


class NestingHangs(Limited):
    """One worker, which its handler keeps while it waits in call."""

    caught_by = ("RPC-CONC-009", "RPC-CONC-011", "RPC-CONC-012")
    stands_for = "nameko#338"


class NestedAnswersGoOut(Mutant):
    """The answer to a nested call is the answer to the outer one."""

    caught_by = ("RPC-CONC-009", "RPC-CONC-011", "RPC-CONC-012")
    stands_for = "nova 10516fbfb"

    class broker(WrongBroker):
        def take(self, now: int, queue: Queue) -> Envelope | None:
            envelope = super().take(now, queue)
            if envelope is not None:
                self.bus.notes[envelope.taken] = envelope
            return envelope

        def reply(self, now: int, envelope: Envelope, text: str) -> None:
            super().reply(now, envelope, text)
            outer = self.bus.notes.get(self.rows[envelope.seq][2])
            if outer is not None:
                super().reply(now, outer, text)
                self.end(now, outer)


class ToWhoWaitsFirst(Mutant):
    """A reply is given to the caller that waits longest."""

    caught_by = ("RPC-CONC-013", "RPC-CONC-016")
    stands_for = "oslo.messaging aebe53f2"
    place = 0

    class broker(WrongBroker):
        def send(self, *sending: Any) -> Envelope:
            sent = super().send(*sending)
            if sent.asks:
                self.bus.note("asking", []).append(sent)
            return sent

        def whose(self, envelope: Envelope) -> Envelope:
            asking = self.bus.note("asking", [])
            waiting = [one for one in asking if one.awaited and one.kind == envelope.kind]
            place: int = self.bus.place  # type: ignore[attr-defined]
            return waiting[place] if waiting else envelope

        def reply(self, now: int, envelope: Envelope, text: str) -> None:
            super().reply(now, self.whose(envelope), text)

        def end(self, now: int, envelope: Envelope) -> None:
            super().end(now, self.whose(envelope))


class ToWhoAskedLast(ToWhoWaitsFirst):
    """A reply is given to the caller that asked last."""

    caught_by = ("RPC-CONC-013", "RPC-CONC-014")
    stands_for = "nova 10516fbfb"
    place = -1


class TwentyCallers(Mutant):
    """At most 20 callers can wait at once."""

    caught_by = ("RPC-CONC-015",)
    stands_for = "oslo.messaging d5780ad3, LP 1474698"

    def _wait(self, envelope: Envelope, seconds: float) -> None:
        if self.count("waiting") > 20:
            raise BackendUnavailable("the pool is exhausted")
        try:
            super()._wait(envelope, seconds)
        finally:
            self.notes["waiting"] -= 1


class OneCallerAtATime(Mutant):
    """A call holds the connection until its reply has come."""

    caught_by = ("RPC-CONC-015", "RPC-CONC-016")
    stands_for = "nova dd9cb8354, LP 968843"

    def call(self, context: Any, topic: str, msg: Any, timeout: float | None = None) -> Any:
        end = self.now + (60 if timeout is None else timeout)
        while self.notes.get("calling"):
            if self.now >= end:
                raise Timeout("the connection is in use")
            self.sleep(0.01)
        self.notes["calling"] = True
        try:
            return super().call(context, topic, msg, timeout)
        finally:
            self.notes["calling"] = False
