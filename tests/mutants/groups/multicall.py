"""Mutants of MULTICALL."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from types import GeneratorType
from typing import Any

from rpcfake.core import Envelope
from rpcfake.errors import BackendUnavailable, Timeout

from ..mutant import Mutant, Values, WrongBroker, WrongHandling

NOVA_FAKE = "nova f529b3c9b nova/rpc/impl_fake.py"


class ValuesReversed(Mutant):
    """The newest value is read first."""

    caught_by = ("RPC-MULTICALL-001", "RPC-MULTICALL-013", "RPC-MULTICALL-015", "RPC-CONC-012")
    stands_for = "kombu#593"

    class broker(WrongBroker):
        def reply(self, now: int, envelope: Envelope, text: str) -> None:
            super().reply(now, envelope, text)
            if envelope.values:
                envelope.values.rotate(1)


class CollectsYields(Mutant):
    """A generator is run to its end before its first value is sent."""

    caught_by = ("RPC-MULTICALL-006",)

    class handling(WrongHandling):
        def returned(self, envelope: Envelope, value: Any) -> Any:
            if isinstance(value, GeneratorType) and envelope.asks:
                return (each for each in list(value))
            return value


class CollectsReplies(Mutant):
    """Replies are sent when the method returns."""

    caught_by = ("RPC-MULTICALL-007",)

    class handling(WrongHandling):
        def answer(self, envelope: Envelope, value: Any, ending: bool) -> None:
            self.bus.note(envelope, []).append((value, ending))

        def returned(self, envelope: Envelope, value: Any) -> Any:
            for answer in self.bus.notes.pop(envelope, ()):
                super().answer(envelope, *answer)
            return value


class RepliesAfterYields(Mutant):
    """A generator's replies come after its yields."""

    caught_by = ("RPC-MULTICALL-011",)

    class handling(WrongHandling):
        def _drain(self, envelope: Envelope, values: Any) -> None:
            late = self.bus.note(envelope, [])
            super()._drain(envelope, values)
            for value in late:
                self.give(envelope, value)

        def answer(self, envelope: Envelope, value: Any, ending: bool) -> None:
            if envelope in self.bus.notes:
                self.bus.notes[envelope].append(value)
            else:
                super().answer(envelope, value, ending)


class SendsAtFirstNext(Mutant):
    """multicall is a generator function."""

    caught_by = ("RPC-MULTICALL-012", "RPC-ORDER-003")
    stands_for = NOVA_FAKE + ": fanout_cast builds a generator that never runs"

    def multicall(self, *args: Any, **options: Any) -> Any:
        yield from super().multicall(*args, **options)


class KeepsTwo(Mutant):
    """Of what is not read only two values are kept."""

    caught_by = ("RPC-MULTICALL-013", "RPC-MULTICALL-015")
    most = 2

    def multicall(self, *args: Any, **options: Any) -> Any:
        values = super().multicall(*args, **options)
        values._envelope.values = deque(maxlen=self.most)
        return values


class KeepsHundred(KeepsTwo):
    """Of what is not read only 100 values are kept."""

    caught_by = ("RPC-MULTICALL-015",)
    stands_for = "kombu#593"
    most = 100


class BeginsAgain(Mutant):
    """next() after the end sends the message again."""

    caught_by = ("RPC-MULTICALL-014",)

    def multicall(self, *args: Any, **options: Any) -> Any:
        bus = super()

        class Again(Values):
            def __next__(self) -> Any:
                try:
                    return next(self.values)
                except StopIteration:
                    self.values = bus.multicall(*args, **options)
                    raise

        return Again(bus.multicall(*args, **options), self)


class WaitsAfterTheEnd(Mutant):
    """next() after the end waits for more, until its time is up."""

    caught_by = ("RPC-MULTICALL-014",)
    stands_for = "nova e2f96d091, LP 843200"

    def multicall(self, *args: Any, **options: Any) -> Any:
        class Waits(Values):
            over = False

            def __next__(self) -> Any:
                if self.over:
                    raise Timeout("no more values came")
                try:
                    return next(self.values)
                except StopIteration:
                    self.over = True
                    raise

        return Waits(super().multicall(*args, **options), self)


class LeaksAbandoned(Mutant):
    """A multicall gives its place in a pool of 30 back at its end only."""

    caught_by = ("RPC-MULTICALL-017",)
    stands_for = "nova dd9cb8354, LP 968843"
    on_close = False

    def multicall(self, *args: Any, **options: Any) -> Any:
        taken = self.note("taken", [])
        if len(taken) >= 30:
            raise BackendUnavailable("the pool is exhausted")
        taken.append(1)

        class Pooled(Values):
            def __next__(self) -> Any:
                try:
                    return super().__next__()
                except BaseException:
                    taken.pop()
                    raise

            def close(self) -> None:
                super().close()
                if self.bus.on_close:  # type: ignore[attr-defined]
                    taken.pop()

        return Pooled(super().multicall(*args, **options), self)


class LeaksLetGo(LeaksAbandoned):
    """As the class above, but close() gives it back."""

    caught_by = ("RPC-MULTICALL-017",)
    stands_for = "oslo.messaging d5780ad3, LP 1474698"
    on_close = True


class StrayValues(Mutant):
    """What an abandoned multicall would have given is the answer to the next call."""

    caught_by = ("RPC-MULTICALL-018",)
    stands_for = "rabbitmq-dotnet-client#28"

    class broker(WrongBroker):
        def reply(self, now: int, envelope: Envelope, text: str) -> None:
            if envelope.cancelled:
                self.bus.note("stray", []).append(text)
            super().reply(now, envelope, text)

    def call(self, *args: Any, **options: Any) -> Any:
        value = super().call(*args, **options)
        stray = self.note("stray", [])
        return self.codec.decode(stray.pop(0)) if stray else value


class NeverCancels(Mutant):
    """The remote generator of an abandoned multicall goes on."""

    caught_by = ("RPC-MULTICALL-019", "RPC-MULTICALL-020")

    class handling(WrongHandling):
        def _drain(self, envelope: Envelope, values: Any) -> None:
            for value in values:
                if envelope.asks:
                    self.give(envelope, value)


class ForgetsLetGo(Mutant):
    """Only close() abandons; an iterator that is let go is forgotten."""

    caught_by = ("RPC-MULTICALL-020",)

    def multicall(self, *args: Any, **options: Any) -> Any:
        values = super().multicall(*args, **options)
        self.note("kept", []).append(values)
        return values


class AbandonsAll(Mutant):
    """A notice that a multicall was abandoned ends all of the topic."""

    caught_by = ("RPC-MULTICALL-021",)

    class broker(WrongBroker):
        def send(self, *sending: Any) -> Envelope:
            sent = super().send(*sending)
            self.bus.note(sent.topic, []).append(sent)
            return sent

        def give_up(self, now: int, envelope: Envelope, kind: str) -> None:
            for each in self.bus.notes[envelope.topic] if kind == "abandoned" else [envelope]:
                super().give_up(now, each, kind)


class ClosesEarly(Mutant):
    """The remote generator of a multicall is closed after its second value."""

    caught_by = ("RPC-MULTICALL-022",)

    class handling(WrongHandling):
        def returned(self, envelope: Envelope, value: Any) -> Any:
            if envelope.kind == "multicall" and isinstance(value, GeneratorType):
                return self.two(value)
            return value

        def two(self, values: Any) -> Iterator[Any]:
            for number, value in enumerate(values, 1):
                yield value
                if number == 2:
                    values.close()
                    return
