"""Mutants of CALL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import GeneratorType
from typing import Any

from rpcfake.core import Envelope

from ..mutant import Mutant, WrongBroker, WrongHandling


class FalsyAreLost(Mutant):
    """Empty values are not sent."""

    caught_by = (
        "RPC-CALL-002",
        "RPC-CALL-004",
        "RPC-CALL-007",
        "RPC-MULTICALL-003",
        "RPC-MULTICALL-005",
    )
    stands_for = "nova e75df856e, LP 897155"

    class broker(WrongBroker):
        def reply(self, now: int, envelope: Envelope, text: str) -> None:
            if json.loads(text):
                super().reply(now, envelope, text)


class NoneIsLost(Mutant):
    """None is taken for no value."""

    caught_by = ("RPC-MULTICALL-002", "RPC-MULTICALL-005", "RPC-CALL-005")
    stands_for = "oslo.messaging c79bd1f2"

    class broker(WrongBroker):
        def reply(self, now: int, envelope: Envelope, text: str) -> None:
            if text != "null":
                super().reply(now, envelope, text)


class NoneEnds(Mutant):
    """A None among the values is taken for the end."""

    caught_by = ("RPC-MULTICALL-003", "RPC-MULTICALL-005")

    def multicall(self, *args: Any, **options: Any) -> Any:
        values = super().multicall(*args, **options)
        return iter(lambda: next(values, None), None)


class GivesText(Mutant):
    """What arrives is the text of the value, and None for what is empty."""

    caught_by = ("RPC-CALL-001",)
    stands_for = "pact-python 4.2"

    class broker(WrongBroker):
        def reply(self, now: int, envelope: Envelope, text: str) -> None:
            value = json.loads(text)
            super().reply(now, envelope, json.dumps(str(value) if value else None))


class FirstValueOnly(Mutant):
    """A call keeps its first value."""

    caught_by = ("RPC-CALL-003", "RPC-CALL-005", "RPC-CALL-006", "RPC-CALL-012")

    class broker(WrongBroker):
        def reply(self, now: int, envelope: Envelope, text: str) -> None:
            if envelope.last is None:
                super().reply(now, envelope, text)


class FirstValueEnds(Mutant):
    """A call comes back with its first value."""

    caught_by = ("RPC-CALL-003", "RPC-CALL-013")

    class broker(WrongBroker):
        def reply(self, now: int, envelope: Envelope, text: str) -> None:
            super().reply(now, envelope, text)
            if envelope.kind == "call":
                self.end(now, envelope)


class ReturnIsNoValueAfterReplies(Mutant):
    """A method that replied has said what it has to say: its return value is dropped."""

    caught_by = ("RPC-CALL-005", "RPC-MULTICALL-002")

    class handling(WrongHandling):
        def answer(self, envelope: Envelope, value: Any, ending: bool) -> None:
            self.bus.notes[envelope] = True
            super().answer(envelope, value, ending)

        def returned(self, envelope: Envelope, value: Any) -> Any:
            if self.bus.notes.get(envelope) and not isinstance(value, GeneratorType):
                self.end(envelope)
            return value


class EndingIsIgnored(Mutant):
    """What is returned after the ending is given all the same."""

    caught_by = ("RPC-CALL-006", "RPC-CALL-007", "RPC-CALL-009", "RPC-MULTICALL-008")

    class handling(WrongHandling):
        def answer(self, envelope: Envelope, value: Any, ending: bool) -> None:
            if not ending:
                super().answer(envelope, value, ending)


class EndingCarriesValue(Mutant):
    """A value beside the ending is given."""

    caught_by = ("RPC-CALL-008", "RPC-MULTICALL-009")

    class handling(WrongHandling):
        def answer(self, envelope: Envelope, value: Any, ending: bool) -> None:
            if ending and value is not None:
                super().answer(envelope, value, False)
            super().answer(envelope, value, ending)


class EndingWaits(Mutant):
    """The ending is sent when the method returns."""

    caught_by = ("RPC-CALL-016", "RPC-MULTICALL-023")

    class handling(WrongHandling):
        def answer(self, envelope: Envelope, value: Any, ending: bool) -> None:
            if ending:
                self.bus.notes[envelope] = True
            elif envelope not in self.bus.notes:
                super().answer(envelope, value, ending)

        def returned(self, envelope: Envelope, value: Any) -> Any:
            if envelope in self.bus.notes:
                self.end(envelope)
            return value


class NothingNeverEnds(Mutant):
    """Without a value there is no ending either: the caller waits."""

    caught_by = ("RPC-CALL-009", "RPC-MULTICALL-004")
    stands_for = "nova e2f96d091, LP 843200"

    class broker(WrongBroker):
        def reply(self, now: int, envelope: Envelope, text: str) -> None:
            self.bus.notes[envelope] = True
            super().reply(now, envelope, text)

        def end(self, now: int, envelope: Envelope) -> None:
            if envelope in self.bus.notes:
                super().end(now, envelope)


class GeneratorReturnIsValue(Mutant):
    """What a generator returns is given."""

    caught_by = ("RPC-CALL-010", "RPC-MULTICALL-010")

    class handling(WrongHandling):
        def returned(self, envelope: Envelope, value: Any) -> Any:
            return self.both(value) if isinstance(value, GeneratorType) else value

        def both(self, values: Any) -> Iterator[Any]:
            last = yield from values
            yield last


class LateValuesCount(Mutant):
    """What is replied after the ending is given."""

    caught_by = ("RPC-CALL-011", "RPC-MULTICALL-008")
    stands_for = "rabbitmq-dotnet-client#28"

    class broker(WrongBroker):
        def reply(self, now: int, envelope: Envelope, text: str) -> None:
            ended, envelope.ended = envelope.ended, False
            super().reply(now, envelope, text)
            envelope.ended = ended


class GeneratorsDontReply(Mutant):
    """context.reply() of a generator is lost."""

    caught_by = ("RPC-CALL-012", "RPC-MULTICALL-011")

    class handling(WrongHandling):
        def _drain(self, envelope: Envelope, values: Any) -> None:
            self.bus.notes[envelope] = True
            super()._drain(envelope, values)

        def answer(self, envelope: Envelope, value: Any, ending: bool) -> None:
            if envelope not in self.bus.notes:
                super().answer(envelope, value, ending)


class OneBehind(Mutant):
    """A call returns what the call before it was to get."""

    caught_by = ("RPC-CALL-014",)
    stands_for = "celery#4363"

    def call(self, *args: Any, **options: Any) -> Any:
        value = super().call(*args, **options)
        last = self.notes.get("last", value)
        self.notes["last"] = value
        return last


class SentTwice(Mutant):
    """No mutant by itself: messages of these kinds are sent twice."""

    kinds: tuple[str, ...] = ()

    class broker(WrongBroker):
        def send(self, *sending: Any) -> Envelope:
            sent = super().send(*sending)
            if sending[1] in getattr(self.bus, "kinds", ()):
                super().send(sending[0], "cast", *sending[2:])
            return sent


class CallsAreSentTwice(SentTwice):
    """A call is published again before its reply has come."""

    caught_by = ("RPC-CALL-015", "RPC-SHARE-001")
    stands_for = "oslo.messaging da02bc21"
    kinds = ("call",)


class MulticallsAreSentTwice(SentTwice):
    """A multicall is published again before its reply has come."""

    caught_by = ("RPC-MULTICALL-016", "RPC-SHARE-002")
    stands_for = "oslo.messaging 129c2233, LP 1935883"
    kinds = ("multicall",)


class CastsAreSentTwice(SentTwice):
    """A cast comes twice."""

    caught_by = ("RPC-CAST-004", "RPC-CAST-009", "RPC-SHARE-001", "RPC-SHARE-010", "RPC-WHOLE-001")
    stands_for = "celery#5935"
    kinds = ("cast",)
