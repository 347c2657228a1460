"""Mutants of TIME."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from rpcfake.bus import Replies
from rpcfake.core import Envelope, Queue
from rpcfake.errors import (
    BackendUnavailable,
    Timeout,
)

from ..mutant import Mutant, WrongBroker

OSLO_FAKE = "oslo.messaging 18.3.1 fake://"


class Timed(Mutant):
    """No mutant by itself: has a time of its own."""

    def seconds(self, timeout: float | None) -> float | None:
        """What a timeout is turned into."""
        return timeout

    def call(self, context: Any, topic: str, msg: Any, timeout: float | None = None) -> Any:
        return super().call(context, topic, msg, self.seconds(timeout))

    def multicall(self, context: Any, topic: str, msg: Any, timeout: float | None = None) -> Any:
        return super().multicall(context, topic, msg, self.seconds(timeout))


class WaitsForEver(Timed):
    """A timeout means nothing."""

    caught_by = ("RPC-TIME-001", "RPC-TIME-002", "RPC-TIME-006")
    stands_for = "nova e2f96d091, LP 843200"

    def seconds(self, timeout: float | None) -> float | None:
        return 50.0


class TimesOutEarly(Timed):
    """Some time is left."""

    caught_by = ("RPC-TIME-001", "RPC-TIME-002", "RPC-TIME-004")

    def seconds(self, timeout: float | None) -> float | None:
        return None if timeout is None else timeout * 0.8


class TimesOutLate(Timed):
    """A caller looks every five seconds only."""

    caught_by = ("RPC-TIME-001", "RPC-TIME-002", "RPC-TIME-004")

    def seconds(self, timeout: float | None) -> float | None:
        return None if timeout is None else math.ceil(timeout / 5) * 5.0


class NoneInPlaceOfTimeout(Mutant):
    """A call that is not answered gives None."""

    caught_by = ("RPC-TIME-001", "RPC-TOPIC-009", "RPC-TOPIC-010")
    stands_for = "nova e2105bb7c"

    def call(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().call(*args, **kwargs)
        except Timeout:
            return None

    def multicall(self, *args: Any, **kwargs: Any) -> Any:
        values = super().multicall(*args, **kwargs)

        def read() -> Iterator[Any]:
            try:
                yield from values
            except Timeout:
                yield None

        return read()


class OwnReplies(Mutant):
    """No mutant by itself: has an iterator of its own."""

    replies: type[Replies]

    def multicall(self, context: Any, topic: str, msg: Any, timeout: float | None = None) -> Any:
        seconds = 60 if timeout is None else timeout
        return self.replies(self, self._send("multicall", context, topic, msg), seconds)


class AllValuesTogether(OwnReplies):
    """A multicall's timeout bounds all values together."""

    caught_by = ("RPC-TIME-003", "RPC-TIME-005")

    class replies(Replies):
        def __init__(self, bus: Any, envelope: Envelope, seconds: float) -> None:
            super().__init__(bus, envelope, seconds)
            self.end = bus.now + seconds

        def __next__(self) -> Any:
            left = self.end - self._bus.now  # type: ignore[attr-defined]
            if left <= 0:
                raise Timeout("the time is up")
            self._seconds = left
            return super().__next__()


class FirstValueOnly(OwnReplies):
    """The wait for later values has no end."""

    caught_by = ("RPC-TIME-004",)

    class replies(Replies):
        def __next__(self) -> Any:
            value = super().__next__()
            self._seconds = 50.0
            return value


class CallersTimeCounts(OwnReplies):
    """The clock runs while the caller is busy with a value."""

    caught_by = ("RPC-TIME-005",)

    class replies(Replies):
        last = math.inf

        def __next__(self) -> Any:
            bus: Any = self._bus
            if bus.now - self.last > self._seconds:
                raise Timeout("the time is up")
            value = super().__next__()
            self.last = bus.now
            return value


class ValuesProlongCalls(Mutant):
    """A call waits anew after each value."""

    caught_by = ("RPC-TIME-006",)

    def call(self, context: Any, topic: str, msg: Any, timeout: float | None = None) -> Any:
        last = None
        for value in self.multicall(context, topic, msg, timeout):
            last = value
        return last


class WaitsTenSeconds(Timed):
    """The default is another."""

    caught_by = ("RPC-TIME-007",)

    def seconds(self, timeout: float | None) -> float | None:
        return 10 if timeout is None else timeout


class WantsIntegers(Timed):
    """A timeout is a number of whole seconds."""

    caught_by = ("RPC-TIME-008",)
    stands_for = "oslo.messaging 776871f1, LP 1579029"

    def seconds(self, timeout: float | None) -> float | None:
        if isinstance(timeout, float) and timeout != 2.0:
            raise ValueError("a timeout is an int")
        return timeout


class WantsATimeout(Timed):
    """A timeout must be given."""

    caught_by = ("RPC-TIME-008", "RPC-TIME-007")
    stands_for = "oslo.messaging 44132d43, LP 1408370"

    def seconds(self, timeout: float | None) -> float | None:
        if timeout is None:
            raise ValueError("a timeout is a number")
        return timeout


class WantsAnEnd(Timed):
    """Infinity fits into no number of milliseconds."""

    caught_by = ("RPC-TIME-009",)

    def seconds(self, timeout: float | None) -> float | None:
        if timeout == math.inf:
            raise OverflowError("cannot convert float infinity to integer")
        return timeout


class LateRepliesGoOn(Mutant):
    """A reply that nobody waits for goes to who waits."""

    caught_by = ("RPC-TIME-010", "RPC-TIME-011")
    stands_for = "celery#4363, #6335"

    class broker(WrongBroker):
        def send(self, *sending: Any) -> Envelope:
            envelope = super().send(*sending)
            self.bus.note("sent", []).append(envelope)
            return envelope

        def waiting(self, late: Envelope) -> Envelope:
            """Who gets it."""
            if not late.cancelled:
                return late
            sent = self.bus.note("sent", [])
            return next((one for one in sent if one.awaited and one.kind == late.kind), late)

        def reply(self, now: int, envelope: Envelope, text: str) -> None:
            super().reply(now, self.waiting(envelope), text)

        def end(self, now: int, envelope: Envelope) -> None:
            super().end(now, self.waiting(envelope))

        def fail(self, now: int, envelope: Envelope, *failure: Any) -> None:
            super().fail(now, self.waiting(envelope), *failure)


class LateRepliesBreak(Mutant):
    """A reply that nobody waits for breaks the reading of replies."""

    caught_by = ("RPC-TIME-010",)
    stands_for = "rabbitmq-dotnet-client#28"

    class broker(WrongBroker):
        def end(self, now: int, envelope: Envelope) -> None:
            if envelope.cancelled:
                self.bus.notes["broken"] = True
            if "broken" not in self.bus.notes:
                super().end(now, envelope)

        def fail(self, now: int, envelope: Envelope, *failure: Any) -> None:
            self.end(now, envelope)


class TimeoutsCostConnections(Mutant):
    """Who times out does not give its connection back."""

    caught_by = ("RPC-TIME-012",)
    stands_for = "nova dd9cb8354, LP 968843"

    def call(self, *args: Any, **kwargs: Any) -> Any:
        if self.note("lost", 0) >= 30:
            raise BackendUnavailable("no connection is free")
        try:
            return super().call(*args, **kwargs)
        except Timeout:
            self.count("lost")
            raise


class RepliesToTheDeadBlock(Mutant):
    """A reply that nobody waits for keeps its slot of the pool."""

    caught_by = ("RPC-TIME-012",)
    stands_for = "oslo.messaging 286659a3, LP 1460652; daddb827, LP 1521958"

    class broker(WrongBroker):
        def end(self, now: int, envelope: Envelope) -> None:
            if envelope.cancelled:
                self.bus.count("blocked")
            super().end(now, envelope)

        def take(self, now: int, queue: Queue) -> Envelope | None:
            return None if self.bus.note("blocked", 0) >= 30 else super().take(now, queue)


class ExpiredIsHandled(Mutant):
    """What nobody waits for any more is handled all the same."""

    caught_by = ("RPC-TIME-013", "RPC-TIME-014")
    stands_for = OSLO_FAKE

    class broker(WrongBroker):
        def give_up(self, now: int, envelope: Envelope, kind: str) -> None:
            queue = envelope.queue
            waits = queue is not None and envelope in queue.envelopes
            super().give_up(now, envelope, kind)
            if waits and queue is not None:
                queue.envelopes.append(envelope)


class EverythingExpires(Mutant):
    """What waited for a quarter of a second is not handled any more."""

    caught_by = ("RPC-TIME-015",)

    class broker(WrongBroker):
        def take(self, now: int, queue: Queue) -> Envelope | None:
            while queue.envelopes and now - self.rows[queue.envelopes[0].seq][1] > 250_000:
                queue.envelopes.popleft()
            return super().take(now, queue)


class OneTimerForAll(Timed):
    """The longest timeout that was asked for is everybody's."""

    caught_by = ("RPC-TIME-016",)

    def seconds(self, timeout: float | None) -> float | None:
        if timeout is not None:
            self.notes["longest"] = max(self.note("longest", 0), timeout)
        return self.note("longest", 0) + 1.0


class ShortestForAll(Timed):
    """The shortest timeout that was asked for is everybody's."""

    caught_by = ("RPC-TIME-016", "RPC-TIME-015")

    def _wait_for_answer(self, envelope: Envelope, seconds: float) -> str | None:
        if seconds < 60:
            self.notes["shortest"] = seconds = min(self.note("shortest", seconds), seconds)
        return super()._wait_for_answer(envelope, seconds)


class CutsTimeouts(Timed):
    """No call waits for more than 0.4 s."""

    caught_by = ("RPC-TIME-017",)

    def seconds(self, timeout: float | None) -> float | None:
        return 0.4 if timeout is None else min(timeout, 0.4)
