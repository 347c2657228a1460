"""Mutants of WIRE."""

from __future__ import annotations

import copy
import json
from typing import Any

from rpcfake.core import Envelope
from rpcfake.errors import (
    InvalidMessage,
    RemoteError,
    SerializationError,
)

from ..mutant import Mutant, WrongHandling

OSLO_FAKE = "oslo.messaging 18.3.1 fake://"


class Wire(Mutant):
    """No mutant by itself: has a codec of its own."""

    codec_class: type[Any]

    def __init__(self) -> None:
        super().__init__()
        self.codec = self._handling._codec = self.codec_class()


class Strict:
    """JSON, of which mutants change a part."""

    name = "strict"

    def encode(self, value: Any) -> str:
        try:
            return json.dumps(value, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise SerializationError(str(error)) from None

    def decode(self, text: str) -> Any:
        return json.loads(text)


class Lenient(Strict):
    """What JSON can't carry travels as its str()."""

    def encode(self, value: Any) -> str:
        try:
            return json.dumps(value, default=str)
        except (TypeError, ValueError, RecursionError):
            return json.dumps(str(value))


class Table(Strict):
    """Values stay in a table; what travels is where they stand."""

    def __init__(self) -> None:
        self.values: list[Any] = []

    def encode(self, value: Any) -> str:
        super().encode(value)
        self.values.append(value)
        return str(len(self.values) - 1)

    def decode(self, text: str) -> Any:
        return self.values[int(text)]


class PassesByReference(Wire):
    """Nothing is copied."""

    caught_by = ("RPC-WIRE-009", "RPC-WIRE-010", "RPC-WIRE-011", "RPC-WIRE-013")
    stands_for = OSLO_FAKE
    codec_class = Table


class PassesCopies(Wire):
    """Objects are copied, not encoded."""

    caught_by = ("RPC-WIRE-003", "RPC-WIRE-004", "RPC-WIRE-005")
    stands_for = "celery#2703, #4008"

    class codec_class(Table):
        def encode(self, value: Any) -> str:
            return super().encode(copy.deepcopy(value))

        def decode(self, text: str) -> Any:
            return copy.deepcopy(super().decode(text))


class EncodesWhenReading(Wire):
    """Values are encoded when somebody reads them."""

    caught_by = ("RPC-WIRE-008", "RPC-WIRE-012")

    class codec_class(Table):
        def decode(self, text: str) -> Any:
            return json.loads(json.dumps(super().decode(text)))


class RepliesAreNotSerialized(Wire):
    """Messages are encoded, replies are copied."""

    caught_by = ("RPC-WIRE-004",)
    stands_for = "FastStream#1437"

    class codec_class(Table):
        def encode(self, value: Any) -> str:
            if type(value) is tuple:  # a message: context and args
                return "json" + Strict().encode(value)
            return super().encode(copy.deepcopy(value))

        def decode(self, text: str) -> Any:
            if text.startswith("json"):
                return json.loads(text[4:])
            return copy.deepcopy(super().decode(text))


class CarriesNaN(Wire):
    """Infinity and NaN travel."""

    caught_by = ("RPC-WIRE-006", "RPC-WIRE-007", "RPC-ERROR-014")
    stands_for = "nova 2c40292c2, LP 933584"

    class codec_class(Strict):
        def encode(self, value: Any) -> str:
            try:
                return json.dumps(value)
            except (TypeError, ValueError, RecursionError) as error:
                raise SerializationError(str(error)) from None


class CarriesAnything(Wire):
    """What JSON can't carry travels as its str()."""

    caught_by = ("RPC-WIRE-006", "RPC-WIRE-007")
    stands_for = "nova 2c40292c2, LP 933584"
    codec_class = Lenient


class ReplacesSurrogates(Wire):
    """What UTF-8 can't encode is replaced."""

    caught_by = ("RPC-WIRE-014",)

    class codec_class(Strict):
        def encode(self, value: Any) -> str:
            super().encode(value)
            text = json.dumps(value, ensure_ascii=False)
            return text.encode("utf-8", "replace").decode()


class CutsAtNul(Wire):
    """A string ends where it has a NUL."""

    caught_by = ("RPC-WIRE-014",)

    class codec_class(Strict):
        def encode(self, value: Any) -> str:
            return super().encode(value).replace("\\u0000", "")


class IntegersAreFloats(Wire):
    """Large integers lose digits."""

    caught_by = ("RPC-WIRE-015",)

    class codec_class(Strict):
        def decode(self, text: str) -> Any:
            return json.loads(text, parse_int=lambda digits: whole(digits))


class FloatsAreRounded(Wire):
    """Floats keep six places."""

    caught_by = ("RPC-WIRE-016",)

    class codec_class(Strict):
        def decode(self, text: str) -> Any:
            return json.loads(text, parse_float=lambda digits: round(float(digits), 6))


class WholeFloatsAreIntegers(Wire):
    """1.0 arrives as 1."""

    caught_by = ("RPC-WIRE-016",)

    class codec_class(Strict):
        def decode(self, text: str) -> Any:
            return json.loads(text, parse_float=lambda digits: as_number(float(digits)))


class StringsAreShort(Wire):
    """A string has at most 65,535 characters."""

    caught_by = ("RPC-WIRE-017",)
    stands_for = "nova 648782964, LP 1175808"

    class codec_class(Strict):
        def encode(self, value: Any) -> str:
            text = super().encode(value)
            if any(len(part) > 65_535 for part in text.split('"')):
                raise SerializationError("a string is too long")
            return text


class ValuesAreShallow(Wire):
    """Values are at most 64 deep."""

    caught_by = ("RPC-WIRE-018",)

    class codec_class(Strict):
        def encode(self, value: Any) -> str:
            text = super().encode(value)
            if text.count("[") + text.count("{") > 64:
                raise SerializationError("it is too deep")
            return text


class FieldsLeak(Mutant):
    """The bus's own fields stand among the arguments."""

    caught_by = ("RPC-WIRE-019", "RPC-WIRE-021")
    stands_for = "oslo.messaging 8b366b30, 5464229e"

    def _send(self, kind: str, context: Any, topic: str, msg: Any) -> Envelope:
        if msg["method"] == "takes":
            msg = {**msg, "args": {**msg.get("args", {}), "_msg_id": "1"}}
        return super()._send(kind, context, topic, msg)


class FieldsAreReserved(Mutant):
    """Arguments with the names of the bus's own fields are taken for these."""

    caught_by = ("RPC-WIRE-019",)

    def _send(self, kind: str, context: Any, topic: str, msg: Any) -> Envelope:
        args = msg.get("args", {})
        own = ("timeout", "namespace", "version", "msg_id", "reply_to", "topic", "method", "id")
        if msg["method"] == "takes" and isinstance(args, dict):
            msg = {**msg, "args": {name: args[name] for name in args if name not in own}}
        return super()._send(kind, context, topic, msg)


class TypesAreMade(Wire):
    """A dict with __type__ stands for an object of another type."""

    caught_by = ("RPC-WIRE-020",)
    stands_for = "kombu's own JSON"

    class codec_class(Strict):
        def decode(self, text: str) -> Any:
            return json.loads(text, object_hook=self.make)

        def make(self, value: dict[str, Any]) -> Any:
            if "__type__" in value:
                raise SerializationError(f"no decoder for {value['__type__']!r}")
            return value


class RepliesAreEnvelopes(Mutant):
    """A reply with a failure in it is taken for a failure."""

    caught_by = ("RPC-WIRE-020",)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        value = super().call(*args, **kwargs)
        if isinstance(value, dict) and ("failure" in value or "error" in value):
            raise RemoteError("Exception", str(value))
        return value


class FanoutDecodesOnce(Wire):
    """Who gets the same text gets the same object."""

    caught_by = ("RPC-WIRE-013",)
    stands_for = OSLO_FAKE

    class codec_class(Strict):
        def __init__(self) -> None:
            self.known: dict[str, Any] = {}

        def decode(self, text: str) -> Any:
            if text not in self.known:
                self.known[text] = json.loads(text)
            return self.known[text]


class LosesNone(Mutant):
    """None in args is left out."""

    caught_by = ("RPC-WIRE-001",)
    stands_for = "nova e75df856e, LP 897155"

    class handling(WrongHandling):
        def _open(self, envelope: Any) -> Any:
            context, args = super()._open(envelope)
            return context, json.loads(json.dumps(args).replace("null", "0"))


class ReplyLosesTypes(Mutant):
    """True and False come back as 1 and 0."""

    caught_by = ("RPC-WIRE-002",)

    class handling(WrongHandling):
        def returned(self, envelope: Envelope, value: Any) -> Any:
            if isinstance(value, list):
                return [self.returned(envelope, each) for each in value]
            return int(value) if isinstance(value, bool) else value

        def answer(self, envelope: Envelope, value: Any, ending: bool) -> None:
            super().answer(envelope, self.returned(envelope, value), ending)

        def _drain(self, envelope: Envelope, values: Any) -> None:
            super()._drain(envelope, (self.returned(envelope, value) for value in values))


class WantsArgs(Mutant):
    """A message must have args."""

    caught_by = ("RPC-WIRE-021",)

    def _send(self, kind: str, context: Any, topic: str, msg: Any) -> Envelope:
        if "args" not in msg:
            raise InvalidMessage("msg has no args")
        return super()._send(kind, context, topic, msg)


def whole(digits: str) -> int:
    """An integer that went through a float where it is large."""
    if len(digits) <= 15:
        return int(digits)
    return int(float(digits)) if len(digits) < 300 else 0


def as_number(value: float) -> float:
    """An int where the float is a whole number."""
    return int(value) if value.is_integer() else value
