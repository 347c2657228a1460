"""Mutants of SEND."""

from __future__ import annotations

from typing import Any, ClassVar

from rpcfake import rpc
from rpcfake.context import to_wire
from rpcfake.core import Envelope
from rpcfake.errors import InvalidMessage
from rpcfake.message import check_message, check_sending

from ..mutant import Mutant


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
