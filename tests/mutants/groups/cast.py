"""Mutants of CAST."""

from __future__ import annotations

from types import GeneratorType
from typing import Any

from rpcfake.core import Envelope
from rpcfake.errors import BackendUnavailable

from ..mutant import Mutant, WrongBroker, WrongHandling
from .multicall import StrayValues

NOVA_FAKE = "nova f529b3c9b nova/rpc/impl_fake.py"


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
