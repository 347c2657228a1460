"""Mutants of SEND, CALL, MULTICALL, CAST, FANOUT, SHARE, ORDER and CONC."""

from __future__ import annotations

import json
import random
import time
from collections import deque
from collections.abc import Callable, Iterator
from types import GeneratorType
from typing import Any, ClassVar

from rpcfake import rpc
from rpcfake.connection import Connection
from rpcfake.context import to_wire
from rpcfake.core import Consumer, Envelope, Queue
from rpcfake.errors import BackendUnavailable, InvalidMessage, Timeout
from rpcfake.message import check_message, check_sending
from rpcfake.threads import ThreadedBus

from .mutant import Mutant, Values, WrongBroker, WrongHandling

NOVA_FAKE = "nova f529b3c9b nova/rpc/impl_fake.py"

# SEND


class Lenient(Mutant):
    """No mutant by itself: sends what its own reading makes of it."""

    def read(self, topic: Any, msg: Any) -> tuple[str, str, dict[str, Any]]:
        check_sending(topic, msg)
        return topic, msg["method"], msg.get("args", {})

    def _send(self, kind: str, context: Any, topic: Any, msg: Any) -> Envelope:
        self._check_use()
        topic, method, args = self.read(topic, msg)
        payload = self.codec.encode((to_wire(context), args))
        return self._broker.send(self._now(), kind, topic, method, payload, self._cause())


Lenient.facade = {"check_sending": lambda topic, msg: None}


class TakesPairs(Lenient):
    """A message may be a pair, or a method's name alone."""

    caught_by = ("RPC-SEND-001",)

    def read(self, topic: Any, msg: Any) -> tuple[str, str, dict[str, Any]]:
        if isinstance(msg, str):
            msg = {"method": msg}
        elif isinstance(msg, tuple | list) and len(msg) == 2:
            msg = {"method": msg[0], "args": msg[1]}
        return super().read(topic, msg)


class TakesAnyMapping(Lenient):
    """A message may be any mapping, and what is none is sent as an empty one."""

    caught_by = ("RPC-SEND-001",)

    def read(self, topic: Any, msg: Any) -> tuple[str, str, dict[str, Any]]:
        return super().read(topic, dict(msg) if hasattr(msg, "keys") else {"method": "note"})


class MakesMethodsStr(Lenient):
    """A method may be anything that has a str()."""

    caught_by = ("RPC-SEND-002",)

    def read(self, topic: Any, msg: Any) -> tuple[str, str, dict[str, Any]]:
        return super().read(topic, {**msg, "method": str(msg.get("method"))})


class ChecksArgsByTruth(Lenient):
    """Empty args of any type are taken for none."""

    caught_by = ("RPC-SEND-003",)

    def read(self, topic: Any, msg: Any) -> tuple[str, str, dict[str, Any]]:
        return super().read(topic, {**msg, "args": msg.get("args") or {}})


class IgnoresOtherKeys(Lenient):
    """What is neither method nor args is dropped in silence."""

    caught_by = ("RPC-SEND-004",)
    stands_for = "FastStream#1415"

    def read(self, topic: Any, msg: Any) -> tuple[str, str, dict[str, Any]]:
        check_message(msg and {key: msg[key] for key in ("method", "args") if key in msg})
        return topic, msg["method"], msg.get("args", {})


class MakesTopicsStr(Lenient):
    """A topic may be bytes, or whatever has a str()."""

    caught_by = ("RPC-SEND-005",)

    def read(self, topic: Any, msg: Any) -> tuple[str, str, dict[str, Any]]:
        topic = topic.decode() if isinstance(topic, bytes) else str(topic)
        return super().read(topic or "default", msg)


class SendsAndThenChecks(Lenient):
    """It refuses what it must, once it has sent it."""

    caught_by = ("RPC-SEND-006",)

    def read(self, topic: Any, msg: Any) -> tuple[str, str, dict[str, Any]]:
        while isinstance(topic, list):
            (topic,) = topic
        topic = topic.decode() if isinstance(topic, bytes) else topic
        method = msg["method"]
        return topic, method if isinstance(method, str) else method.decode(), dict(msg["args"])

    def _send(self, kind: str, context: Any, topic: Any, msg: Any) -> Envelope:
        sent = super()._send(kind, context, topic, msg)
        check_sending(topic, msg)
        return sent


class WantsArgs(Mutant):
    """A message without args is refused."""

    caught_by = ("RPC-SEND-007",)
    stands_for = "oslo.messaging d8980bfe, LP 1529084"

    def _send(self, kind: str, context: Any, topic: Any, msg: Any) -> Envelope:
        if "args" not in msg:
            raise InvalidMessage("no args")
        return super()._send(kind, context, topic, msg)


class WritesIntoMessages(Mutant):
    """The id of the request is put into the sender's message, in all but multicall."""

    caught_by = ("RPC-SEND-008",)
    stands_for = "celery PR#10624"
    kinds = ("call", "cast", "fanout_cast")

    def _send(self, kind: str, context: Any, topic: Any, msg: Any) -> Envelope:
        sent = super()._send(kind, context, topic, msg)
        if kind in self.kinds:
            msg.update({"_msg_id": sent.seq})
        return sent


class MulticallWritesIntoMessages(WritesIntoMessages):
    """As the class above, in multicall alone."""

    caught_by = ("RPC-SEND-011",)
    stands_for = "nova rpc/amqp.py multicall: msg.update()"
    kinds = ("multicall",)


class AddsEmptyArgs(Mutant):
    """Where args were left out the sender's message gets them."""

    caught_by = ("RPC-SEND-008",)

    def _send(self, kind: str, context: Any, topic: Any, msg: Any) -> Envelope:
        msg.setdefault("args", {})
        return super()._send(kind, context, topic, msg)


class WritesIntoContexts(Mutant):
    """What travels with the context is put into the sender's dict."""

    caught_by = ("RPC-SEND-009",)

    def _send(self, kind: str, context: Any, topic: Any, msg: Any) -> Envelope:
        sent = super()._send(kind, context, topic, msg)
        if isinstance(context, dict):
            context["_msg_id"] = sent.seq
        return sent


class WritesIntoContextObjects(Mutant):
    """What to_dict() gave is taken for a copy."""

    caught_by = ("RPC-SEND-010", "RPC-SEND-011")
    stands_for = "celery PR#10624"

    def _send(self, kind: str, context: Any, topic: Any, msg: Any) -> Envelope:
        sent = super()._send(kind, context, topic, msg)
        if not isinstance(context, dict) and hasattr(context, "to_dict"):
            context.to_dict()["_msg_id"] = sent.seq
        return sent


class NumbersFromOne(Mutant):
    """The facade numbers the values from 1."""

    caught_by = ("RPC-SEND-012",)

    class FromOne(rpc.Numbered):
        def __next__(self) -> tuple[int, Any]:
            number, value = super().__next__()
            return number + 1, value

    facade: ClassVar = {"Numbered": FromOne}


class LeaksItsFields(Mutant):
    """The handler sees what the driver put beside the context."""

    caught_by = ("RPC-SEND-013",)
    stands_for = "oslo.messaging 8b366b30"

    def _send(self, kind: str, context: Any, topic: Any, msg: Any) -> Envelope:
        return super()._send(kind, {**to_wire(context), "_unique_id": "7"}, topic, msg)


class ForgetsToClose(Mutant):
    """close() of what the facade gives closes nothing."""

    caught_by = ("RPC-SEND-014",)

    class Open(rpc.Numbered):
        def close(self) -> None:
            pass

    facade: ClassVar = {"Numbered": Open}


# CALL and MULTICALL: which values there are


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

    caught_by = ("RPC-CAST-004", "RPC-CAST-009", "RPC-SHARE-001", "RPC-SHARE-010")
    stands_for = "celery#5935"
    kinds = ("cast",)


# MULTICALL: when, and in which order


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


# CAST


class CastTells(Mutant):
    """cast returns the id of the message."""

    caught_by = ("RPC-CAST-001", "RPC-CAST-002", "RPC-CAST-003", "RPC-CAST-007")

    def cast(self, *args: Any) -> Any:
        return self._send("cast", *args).seq


class CastRunsHandler(Mutant):
    """cast runs the handler before it returns."""

    caught_by = ("RPC-CAST-002",)
    stands_for = NOVA_FAKE + ": cast runs the handler before it returns"

    def cast(self, context: Any, topic: str, msg: Any) -> None:
        super().cast(context, topic, msg)
        place = self._broker.topics.get(topic)
        envelope = place and self._broker.take(self._now(), place.shared)
        if envelope:
            self._handling.handle(envelope)
            if envelope.taken is not None:
                self.failed(envelope)

    def failed(self, envelope: Envelope) -> None:
        pass


class CastRaises(CastRunsHandler):
    """The handler's error reaches the caster."""

    caught_by = ("RPC-CAST-003",)
    stands_for = NOVA_FAKE

    def failed(self, envelope: Envelope) -> None:
        row = self._broker.rows[-1]
        if row[0] == "failure" and row[2] == envelope.taken:
            raise self._remote_error(len(self._broker.rows) - 1)


class CastErrorsComeLater(Mutant):
    """The error of a cast's handler is the answer to the next call."""

    caught_by = ("RPC-CAST-003",)
    stands_for = "celery#6335"

    class broker(WrongBroker):
        def fail(self, now: int, envelope: Envelope, *failure: Any) -> None:
            super().fail(now, envelope, *failure)
            if not envelope.asks:
                self.bus.note("stray", []).append(len(self.rows) - 1)

    def call(self, *args: Any, **options: Any) -> Any:
        value = super().call(*args, **options)
        if stray := self.note("stray", []):
            raise self._remote_error(stray.pop(0))
        return value


class ConsumerDiesOfErrors(Mutant):
    """A cast whose handler fails ends its consumer."""

    caught_by = ("RPC-CAST-003",)
    stands_for = "nova 6b97b3721, LP 894683"

    class broker(WrongBroker):
        def fail(self, now: int, envelope: Envelope, *failure: Any) -> None:
            super().fail(now, envelope, *failure)
            if envelope.consumer is not None and not envelope.asks:
                self.close(envelope.consumer)


class LosesCasts(Mutant):
    """Every third cast is lost."""

    caught_by = ("RPC-CAST-004", "RPC-SHARE-001", "RPC-ORDER-001")
    stands_for = "oslo.messaging c70bf40b"

    def cast(self, context: Any, topic: str, msg: Any) -> None:
        if self.count("casts") % 3:
            super().cast(context, topic, msg)


class LatestArgs(Mutant):
    """A cast's arguments replace those of casts that were not taken yet."""

    caught_by = ("RPC-CAST-005",)

    class broker(WrongBroker):
        def send(self, *sending: Any) -> Envelope:
            sent = super().send(*sending)
            if sent.kind == "cast" and sent.queue is not None:
                for waiting in sent.queue.envelopes:
                    waiting.payload = sent.payload
            return sent


class CastsBuildGenerators(Mutant):
    """A generator that is cast is made, and never run."""

    caught_by = ("RPC-CAST-006",)
    stands_for = NOVA_FAKE + ": fanout_cast builds a generator that never runs"

    class handling(WrongHandling):
        def returned(self, envelope: Envelope, value: Any) -> Any:
            lost = envelope.kind == "cast" and isinstance(value, GeneratorType)
            return None if lost else value


class CastsMayNotReply(Mutant):
    """context.reply() in the handler of a cast raises."""

    caught_by = ("RPC-CAST-007",)

    class handling(WrongHandling):
        def answer(self, envelope: Envelope, value: Any, ending: bool) -> None:
            if not envelope.asks:
                raise LookupError("nobody to reply to")
            super().answer(envelope, value, ending)


class CastRepliesStray(StrayValues):
    """What a cast's handler replies is the answer to the next call."""

    caught_by = ("RPC-CAST-007",)
    stands_for = "rabbitmq-dotnet-client#28"

    class handling(WrongHandling):
        def answer(self, envelope: Envelope, value: Any, ending: bool) -> None:
            if not envelope.asks:
                self.bus.note("stray", []).append(self._codec.encode(value))
            super().answer(envelope, value, ending)


class CastsNeedSomebody(Mutant):
    """A cast to a topic that nobody declared raises."""

    caught_by = ("RPC-CAST-008",)
    stands_for = "oslo.messaging d8980bfe, LP 1529084"

    def cast(self, context: Any, topic: str, msg: Any) -> None:
        if topic not in self._broker.topics:
            raise BackendUnavailable(f"nobody reads {topic}")
        super().cast(context, topic, msg)


class HandlersCastsAreLost(Mutant):
    """What a handler casts is lost."""

    caught_by = ("RPC-CAST-009", "RPC-CONC-010", "RPC-ORDER-009")

    def cast(self, context: Any, topic: str, msg: Any) -> None:
        if self._cause() is None:
            super().cast(context, topic, msg)


# FANOUT


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

    caught_by = ("RPC-FANOUT-003", "RPC-FANOUT-006", "RPC-FANOUT-013")

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


# SHARE


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


# ORDER


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


# CONC


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
