"""Mutants of ERROR, WIRE, CONTEXT, CONN, TIME, TOPIC and LOSS."""

from __future__ import annotations

import copy
import inspect
import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from types import GeneratorType
from typing import Any

from rpcfake.bus import Replies
from rpcfake.connection import Connection
from rpcfake.context import Context
from rpcfake.core import Consumer, Envelope, Queue
from rpcfake.errors import (
    BackendUnavailable,
    ConnectionClosed,
    InvalidMessage,
    RemoteError,
    SerializationError,
    Timeout,
)
from rpcfake.handling import Unanswered, describe
from rpcfake.message import check_topic

from .mutant import Mutant, WrongBroker, WrongHandling

OSLO_FAKE = "oslo.messaging 18.3.1 fake://"

# ERROR


class UnknownMethodNeverAnswers(Mutant):
    """Nothing is answered where the proxy has no such method."""

    caught_by = ("RPC-ERROR-006",)
    stands_for = "nova 6b97b3721, LP 894683"

    class handling(WrongHandling):
        def _find(self, envelope: Envelope) -> Callable[..., Any]:
            try:
                return super()._find(envelope)
            except AttributeError:
                raise Unanswered from None


class SwallowsExceptions(Mutant):
    """A handler that raises gave None."""

    caught_by = ("RPC-ERROR-001",)
    stands_for = "nova 704aafd74, LP 699910"

    class broker(WrongBroker):
        def fail(self, now: int, envelope: Envelope, *failure: Any) -> None:
            self.end(now, envelope)


class QualifiesNames(Mutant):
    """The name of the class comes with its module."""

    caught_by = ("RPC-ERROR-001",)

    class handling(WrongHandling):
        def _encode_failure(self, error: BaseException) -> str:
            _, value, traceback = describe(error)
            name = f"{type(error).__module__}.{type(error).__name__}"
            return self._codec.encode([name, value, traceback])


class StopIterationIsAnEnd(Mutant):
    """A StopIteration of a handler ends its values."""

    caught_by = ("RPC-ERROR-001",)

    class handling(WrongHandling):
        def _find(self, envelope: Envelope) -> Callable[..., Any]:
            method = super()._find(envelope)

            def run(context: Any, **args: Any) -> Any:
                try:
                    return method(context=context, **args)
                except StopIteration:
                    return None

            return run


class TellsNoTraceback(Mutant):
    """The traceback stays at the remote end."""

    caught_by = ("RPC-ERROR-002",)

    class handling(WrongHandling):
        def _encode_failure(self, error: BaseException) -> str:
            return self._codec.encode([*describe(error)[:2], ""])


class TellsTheCallersTraceback(Mutant):
    """The traceback is that of whoever called."""

    caught_by = ("RPC-ERROR-002",)

    class handling(WrongHandling):
        def _encode_failure(self, error: BaseException) -> str:
            return self._codec.encode([*describe(error)[:2], 'File "x.py", line 1, in call'])


class MakesExceptionsAgain(Mutant):
    """An exception is made again from its text."""

    caught_by = ("RPC-ERROR-003",)
    stands_for = "oslo.messaging 001d66e6"

    class handling(WrongHandling):
        def _encode_failure(self, error: BaseException) -> str:
            try:
                type(error)(describe(error)[1])
            except Exception as broken:
                return super()._encode_failure(broken)
            return super()._encode_failure(error)


class ErrorOvertakesValues(Mutant):
    """A failure is read before the values that came before it."""

    caught_by = ("RPC-ERROR-004",)

    class broker(WrongBroker):
        def fail(self, now: int, envelope: Envelope, *failure: Any) -> None:
            if envelope.values is not None:
                envelope.values.clear()
            super().fail(now, envelope, *failure)


class GathersGenerators(Mutant):
    """A generator is read to its end before anything is given."""

    caught_by = ("RPC-ERROR-004",)

    class handling(WrongHandling):
        def returned(self, envelope: Envelope, value: Any) -> Any:
            return again(list(value)) if isinstance(value, GeneratorType) else value


class ValueWinsOverError(Mutant):
    """A call that has got a value returns it, whatever comes after."""

    caught_by = ("RPC-ERROR-005",)

    class broker(WrongBroker):
        def fail(self, now: int, envelope: Envelope, *failure: Any) -> None:
            if envelope.last is not None:
                self.end(now, envelope)
            else:
                super().fail(now, envelope, *failure)


class ServesAttributes(Mutant):
    """What is no method is given as a value."""

    caught_by = ("RPC-ERROR-007",)

    class handling(WrongHandling):
        def _find(self, envelope: Envelope) -> Callable[..., Any]:
            found = getattr(envelope.consumer.proxy, envelope.method, None)  # type: ignore[union-attr]
            if envelope.method == "number" and not callable(found):
                return lambda **_: found
            return super()._find(envelope)


class ServesPrivateMethods(Mutant):
    """An underscore means nothing."""

    caught_by = ("RPC-ERROR-008",)

    class handling(WrongHandling):
        def _find(self, envelope: Envelope) -> Callable[..., Any]:
            found: Callable[..., Any] = getattr(envelope.consumer.proxy, envelope.method)  # type: ignore[union-attr]
            return found


class WrongArgumentsNeverAnswer(Mutant):
    """Nothing is answered where the arguments do not fit."""

    caught_by = ("RPC-ERROR-009",)

    class handling(WrongHandling):
        def _find(self, envelope: Envelope) -> Callable[..., Any]:
            method = super()._find(envelope)
            wanted = getattr(envelope.consumer.proxy, envelope.method)  # type: ignore[union-attr]

            def run(context: Any, **args: Any) -> Any:
                try:
                    inspect.signature(wanted).bind(context=context, **args)
                except TypeError:
                    raise Unanswered from None
                return method(context=context, **args)

            return run


class TrimsArguments(Mutant):
    """Arguments that the method does not take are left out."""

    caught_by = ("RPC-ERROR-009",)

    def _send(self, kind: str, context: Any, topic: str, msg: Any) -> Envelope:
        args = msg.get("args") or {}
        if msg["method"] == "builds" and "source" in args:
            msg = {**msg, "args": {name: args[name] for name in args if name != "no"}}
        return super()._send(kind, context, topic, msg)


class OddArgsNeverAnswer(Mutant):
    """A message whose args are no dict is sent, and nobody can handle it."""

    caught_by = ("RPC-ERROR-010",)
    stands_for = "nova 29232e3ed, LP 949731"

    def _send(self, kind: str, context: Any, topic: str, msg: Any) -> Envelope:
        if isinstance(msg.get("args", {}), dict):
            return super()._send(kind, context, topic, msg)
        return Envelope(0, kind, topic, msg["method"], "")


class RaisingProxyNeverAnswers(Mutant):
    """Only an AttributeError of the proxy is seen."""

    caught_by = ("RPC-ERROR-011",)

    class handling(WrongHandling):
        def _find(self, envelope: Envelope) -> Callable[..., Any]:
            try:
                return super()._find(envelope)
            except RuntimeError:
                raise Unanswered from None


class TellsWhatStrRaised(Mutant):
    """What the str() of an exception raises takes its place."""

    caught_by = ("RPC-ERROR-012",)

    class handling(WrongHandling):
        def _encode_failure(self, error: BaseException) -> str:
            try:
                str(error)
            except BaseException as broken:
                return super()._encode_failure(broken)
            return super()._encode_failure(error)


class ExitsEndTheConsumer(Mutant):
    """Only an Exception is caught; anything else ends the consumer."""

    caught_by = ("RPC-ERROR-013",)

    class handling(WrongHandling):
        def _find(self, envelope: Envelope) -> Callable[..., Any]:
            method = super()._find(envelope)

            def run(context: Any, **args: Any) -> Any:
                try:
                    return method(context=context, **args)
                except Exception:
                    raise
                except BaseException:
                    assert envelope.consumer is not None
                    self.broker.close(envelope.consumer)
                    raise Unanswered from None

            return run


class ExitsSurface(Mutant):
    """A SystemExit ends whoever drives the bus."""

    caught_by = ("RPC-ERROR-013",)

    class handling(WrongHandling):
        def handle(self, envelope: Envelope) -> BaseException | None:
            self.bus.notes["exit"] = None
            return super().handle(envelope) or self.bus.notes["exit"]

        def _encode_failure(self, error: BaseException) -> str:
            if isinstance(error, SystemExit):
                self.bus.notes["exit"] = error
            return super()._encode_failure(error)


class OddRepliesAreTexts(Mutant):
    """A reply that JSON can't carry travels as its str()."""

    caught_by = ("RPC-ERROR-014", "RPC-ERROR-015")
    stands_for = "FastStream#1437"

    def __init__(self) -> None:
        super().__init__()
        self._handling._codec = Lenient()


class OddRepliesNeverAnswer(Mutant):
    """Nothing is answered where the reply can't be encoded."""

    caught_by = ("RPC-ERROR-014",)
    stands_for = "nameko#658"

    class handling(WrongHandling):
        def _encode_failure(self, error: BaseException) -> str:
            if isinstance(error, SerializationError):
                self.broker.refuses = True  # type: ignore[attr-defined]
            return super()._encode_failure(error)

    class broker(WrongBroker):
        refuses = False

        def fail(self, now: int, envelope: Envelope, *failure: Any) -> None:
            if not self.refuses:
                super().fail(now, envelope, *failure)
            self.refuses = False


class EncodesAllAtTheEnd(Mutant):
    """The values of a generator are encoded together."""

    caught_by = ("RPC-ERROR-015",)

    class handling(WrongHandling):
        def returned(self, envelope: Envelope, value: Any) -> Any:
            if not isinstance(value, GeneratorType):
                return value
            values = list(value)
            self._codec.encode(values)
            return again(values)


class RemoteErrorPassesThrough(Mutant):
    """A RemoteError that passes through a handler stays what it was."""

    caught_by = ("RPC-ERROR-016",)

    class handling(WrongHandling):
        def _encode_failure(self, error: BaseException) -> str:
            if isinstance(error, RemoteError):
                return self._codec.encode([error.exc_type, error.value, error.traceback])
            return super()._encode_failure(error)


class TimeoutPassesThrough(Mutant):
    """A Timeout of a handler is one of its caller."""

    caught_by = ("RPC-ERROR-017",)

    def _remote_error(self, failure: int) -> Any:
        error = super()._remote_error(failure)
        return Timeout(error.value) if error.exc_type == "Timeout" else error


class FailuresCostSlots(Mutant):
    """Who fails keeps its slot of the pool."""

    caught_by = ("RPC-ERROR-018",)
    stands_for = "oslo.messaging d5780ad3, LP 1474698"

    class broker(WrongBroker):
        def fail(self, now: int, envelope: Envelope, *failure: Any) -> None:
            self.bus.count("failed")
            super().fail(now, envelope, *failure)

        def take(self, now: int, queue: Queue) -> Envelope | None:
            return None if self.bus.note("failed", 0) >= 30 else super().take(now, queue)


class ErrorsCross(Mutant):
    """A caller that failed gets the latest failure, whose ever it is."""

    caught_by = ("RPC-ERROR-019",)
    stands_for = "nova 10516fbfb"

    def _remote_error(self, failure: int) -> RemoteError:
        rows = self._broker.rows
        return super()._remote_error(
            max(seq for seq in range(failure, len(rows)) if rows[seq][0] == "failure")
        )


class FanoutStopsAtErrors(Mutant):
    """A fanout cast goes no further once one of its consumers failed."""

    caught_by = ("RPC-ERROR-020",)

    class broker(WrongBroker):
        def fail(self, now: int, envelope: Envelope, *failure: Any) -> None:
            super().fail(now, envelope, *failure)
            for queue in self.topics[envelope.topic].fanouts:
                for other in list(queue.envelopes):
                    if other.seq == envelope.seq:
                        queue.envelopes.remove(other)


def again(values: list[Any]) -> Iterator[Any]:
    """A generator of these values."""
    yield from values


# WIRE


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


# CONTEXT


class Contextual(Mutant):
    """No mutant by itself: changes the context that handlers get."""

    class handling(WrongHandling):
        def _find(self, envelope: Envelope) -> Callable[..., Any]:
            method = super()._find(envelope)
            bus: Any = self.bus

            def run(context: Any, **args: Any) -> Any:
                return method(context=bus.changed(context, envelope), **args)

            return run

    def changed(self, context: Context, envelope: Envelope) -> Any:
        """The context that the handler gets."""
        return context


class ContextGetsMore(Mutant):
    """The bus writes into the context that it carries."""

    caught_by = ("RPC-CONTEXT-001",)

    def _send(self, kind: str, context: Any, topic: str, msg: Any) -> Envelope:
        if isinstance(context, dict):
            context = {**context, "request_id": "req-1"}
        return super()._send(kind, context, topic, msg)


class ContextLosesNone(Mutant):
    """Keys whose value is None do not travel."""

    caught_by = ("RPC-CONTEXT-001",)

    def _send(self, kind: str, context: Any, topic: str, msg: Any) -> Envelope:
        if isinstance(context, dict):
            context = {key: value for key, value in context.items() if value is not None}
        return super()._send(kind, context, topic, msg)


class NoneStaysNone(Contextual):
    """Who sends None makes the handler get None."""

    caught_by = ("RPC-CONTEXT-002",)

    def _send(self, kind: str, context: Any, topic: str, msg: Any) -> Envelope:
        return super()._send(kind, {"none": 1} if context is None else context, topic, msg)

    def changed(self, context: Context, envelope: Envelope) -> Any:
        return None if "none" in context else context


class TakesDictsOnly(Mutant):
    """A context is a dict."""

    caught_by = ("RPC-CONTEXT-003",)

    def _send(self, kind: str, context: Any, topic: str, msg: Any) -> Envelope:
        if context is not None and not isinstance(context, dict):
            raise InvalidMessage("a context is a dict")
        return super()._send(kind, context, topic, msg)


class SendsAttributes(Mutant):
    """Of an object its attributes travel, and with them its pool."""

    caught_by = ("RPC-CONTEXT-003",)
    stands_for = "nova 1095bf0b3, LP 934575"

    def _send(self, kind: str, context: Any, topic: str, msg: Any) -> Envelope:
        if hasattr(context, "to_dict") and not isinstance(context, dict):
            context = vars(context)
        return super()._send(kind, context, topic, msg)


class AnyContextWillDo(Mutant):
    """What is no context is taken for an empty one."""

    caught_by = ("RPC-CONTEXT-004",)

    def _send(self, kind: str, context: Any, topic: str, msg: Any) -> Envelope:
        odd = isinstance(context, int | str | list | tuple)
        return super()._send(kind, {} if odd else context, topic, msg)


class ContextComesFirst(Mutant):
    """The context is passed by its position."""

    caught_by = ("RPC-CONTEXT-005",)

    class handling(WrongHandling):
        def _find(self, envelope: Envelope) -> Callable[..., Any]:
            super()._find(envelope)
            method = getattr(envelope.consumer.proxy, envelope.method)  # type: ignore[union-attr]
            return lambda context, **args: method(context, **args)


class ContextWithoutAttributes(Contextual):
    """The context is a dict with reply() and to_dict(), and nothing more."""

    caught_by = ("RPC-CONTEXT-006",)

    def changed(self, context: Context, envelope: Envelope) -> Any:
        class Plain(dict[str, Any]):
            reply = staticmethod(context.reply)

            def to_dict(self) -> dict[str, Any]:
                return dict(self)

        return Plain(context)


class ContextRaisesKeyError(Contextual):
    """An attribute that is not there is a KeyError."""

    caught_by = ("RPC-CONTEXT-006",)

    def changed(self, context: Context, envelope: Envelope) -> Any:
        class Raising(dict[str, Any]):
            reply = staticmethod(context.reply)

            def to_dict(self) -> dict[str, Any]:
                return dict(self)

            def __getattr__(self, name: str) -> Any:
                return self[name]

        return Raising(context)


class KeysHideMethods(Contextual):
    """A key is found before a method of the same name."""

    caught_by = ("RPC-CONTEXT-007",)

    def changed(self, context: Context, envelope: Envelope) -> Any:
        class Hiding(Context):
            def __getattribute__(self, name: str) -> Any:
                if name != "_request" and dict.__contains__(self, name):
                    return dict.__getitem__(self, name)
                return super().__getattribute__(name)

        made = Hiding(context)
        made._request = context._request
        return made


class MadeWithKeywords(Contextual):
    """The context is made with its keys as keyword arguments."""

    caught_by = ("RPC-CONTEXT-007",)

    def changed(self, context: Context, envelope: Envelope) -> Any:
        def make(self: Any, **keys: Any) -> Any:
            return context

        return make(None, **context)


class CastsCannotReply(Mutant):
    """In a cast context.reply() raises."""

    caught_by = ("RPC-CONTEXT-008",)

    class handling(WrongHandling):
        def answer(self, envelope: Envelope, value: Any, ending: bool) -> None:
            if not envelope.asks:
                raise RuntimeError("nobody waits for this reply")
            super().answer(envelope, value, ending)


class OneContextForAll(Contextual):
    """The context is kept in one place, for whoever runs."""

    caught_by = ("RPC-CONTEXT-009",)
    stands_for = "nova 2c4e543b8, LP 915608; oslo.messaging fedf06d7, LP 2106547"

    def changed(self, context: Context, envelope: Envelope) -> Any:
        kept = self.note("context", context)
        kept.clear()
        kept.update(context if kept is not context else json.loads(envelope.payload)[0])
        return kept


class ContextsAreReused(Contextual):
    """What one handler wrote into its context stays for the next."""

    caught_by = ("RPC-CONTEXT-010",)
    stands_for = "nova 2c4e543b8, LP 915608"

    def changed(self, context: Context, envelope: Envelope) -> Any:
        kept = self.note("context", context)
        for key, value in kept.items():
            context.setdefault(key, value)
        self.notes["context"] = context
        return context


class ContextCarriesItsRequest(Mutant):
    """A handler's context that is passed on takes the bus's own fields along."""

    caught_by = ("RPC-CONTEXT-011",)
    stands_for = "oslo.messaging 8b366b30"

    def _send(self, kind: str, context: Any, topic: str, msg: Any) -> Envelope:
        if isinstance(context, Context):
            context = {**context, "_msg_id": "1"}
        return super()._send(kind, context, topic, msg)


class RepliesGoToTheFirst(Contextual):
    """What is replied with a context that was passed on goes to who made it."""

    caught_by = ("RPC-CONTEXT-011",)

    def _send(self, kind: str, context: Any, topic: str, msg: Any) -> Envelope:
        envelope = super()._send(kind, context, topic, msg)
        if isinstance(context, Context):
            self.notes[envelope.seq] = context._request
        return envelope

    def changed(self, context: Context, envelope: Envelope) -> Any:
        if envelope.seq in self.notes:
            context._request = self.notes[envelope.seq]
        return context


class ContextIsNotCopied(Contextual):
    """A copy of the context would copy what it replies with."""

    caught_by = ("RPC-CONTEXT-012",)
    stands_for = "nova 41f7f2d84, LP 1007043"

    def changed(self, context: Context, envelope: Envelope) -> Any:
        class Uncopied(Context):
            def __deepcopy__(self, memo: Any) -> Any:
                raise RuntimeError("a pool can't be copied")

        made = Uncopied(context)
        made._request = context._request
        return made


# CONN


class NeedsNoStart(Mutant):
    """A consumer starts when it is created."""

    caught_by = ("RPC-CONN-001",)
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

    caught_by = ("RPC-CONN-003",)

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

    caught_by = ("RPC-CONN-005", "RPC-TOPIC-001")
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


# TIME


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


# TOPIC


class Renames(Mutant):
    """No mutant by itself: topics are called otherwise on the broker."""

    def named(self, topic: str) -> str:
        """What a topic is called on the broker."""
        return topic

    def _send(self, kind: str, context: Any, topic: str, msg: Any) -> Envelope:
        check_topic(topic)
        return super()._send(kind, context, self.named(topic), msg)

    def _declare(self, topic: str, proxy: Any, fanout: bool) -> Consumer:
        return super()._declare(self.named(topic), proxy, fanout)


class CaseMeansNothing(Renames):
    """Upper and lower case are the same."""

    caught_by = ("RPC-TOPIC-001", "RPC-TOPIC-002")

    def named(self, topic: str) -> str:
        return topic.lower()


class DropsOddCharacters(Renames):
    """Only letters, digits, dots and dashes count."""

    caught_by = ("RPC-TOPIC-001", "RPC-TOPIC-002")

    def named(self, topic: str) -> str:
        return "".join(letter for letter in topic if letter.isalnum() or letter in ".-")


class TopicsMatchByPrefix(Mutant):
    """A message goes to the topics that its own begins with."""

    caught_by = ("RPC-TOPIC-001", "RPC-TOPIC-002")
    stands_for = "nova b0e44f1b7"

    class broker(WrongBroker):
        def send(self, now: int, kind: str, topic: str, *rest: Any) -> Envelope:
            first = min((name for name in self.topics if topic.startswith(name)), default=topic)
            return super().send(now, kind, first, *rest)


class WildcardsMatch(Mutant):
    """A topic with * or # gets what its pattern matches as well."""

    caught_by = ("RPC-TOPIC-001", "RPC-TOPIC-002")

    class broker(WrongBroker):
        def send(self, now: int, kind: str, topic: str, *rest: Any) -> Envelope:
            for name, place in list(self.topics.items()):
                if name != topic and fnmatchcase(topic, name.replace("#", "*").replace("[", "[[]")):
                    queues = place.fanouts if kind == "fanout_cast" else [place.shared]
                    sent = super().send(now, "cast", name, *rest[:3], self.new_queue(name))
                    for queue in queues:
                        self._put(queue, self.copy(sent))
            return super().send(now, kind, topic, *rest)


class WantsAscii(Renames):
    """A topic has letters of ASCII, and no control characters."""

    caught_by = ("RPC-TOPIC-003",)

    def named(self, topic: str) -> str:
        if not topic.isascii() or not topic.isprintable():
            raise InvalidMessage("a topic is printable ASCII")
        return topic


class WantsShortTopics(Renames):
    """A topic has at most 127 bytes."""

    caught_by = ("RPC-TOPIC-003", "RPC-TOPIC-004")

    def named(self, topic: str) -> str:
        if len(topic.encode()) > 127:
            raise InvalidMessage("a topic is short")
        return topic


class CutsTopics(Renames):
    """Of a long topic the beginning counts."""

    caught_by = ("RPC-TOPIC-004",)

    def named(self, topic: str) -> str:
        return topic[:40]


class TakesAnyTopic(Mutant):
    """Whatever a topic is, its str() will do."""

    caught_by = ("RPC-TOPIC-005", "RPC-TOPIC-006")

    def named(self, topic: Any) -> str:
        try:
            check_topic(topic)
        except InvalidMessage:
            return f"odd {topic!r}"[:50]
        return str(topic)

    def _send(self, kind: str, context: Any, topic: str, msg: Any) -> Envelope:
        return super()._send(kind, context, self.named(topic), msg)

    class connection(Connection):
        def create_consumer(self, topic: str, proxy: Any, fanout: bool = False) -> None:
            super().create_consumer(self._bus.named(topic), proxy, fanout)  # type: ignore[attr-defined]


class WantsConsumers(Mutant):
    """Who sends to nobody is told so."""

    caught_by = ("RPC-TOPIC-007",)

    def _send(self, kind: str, context: Any, topic: str, msg: Any) -> Envelope:
        if isinstance(topic, str) and topic not in self.topics:
            raise BackendUnavailable("nobody is there")
        return super()._send(kind, context, topic, msg)


class KeepsForTheFirst(Mutant):
    """A topic exists from the first message on."""

    caught_by = ("RPC-TOPIC-008",)

    class broker(WrongBroker):
        def send(self, now: int, kind: str, topic: str, *rest: Any) -> Envelope:
            place = self.topic(topic)
            if not place.keeps:
                place.keeps = True
                self._number(place.shared)
            return super().send(now, kind, topic, *rest)


class CallsReachFanoutConsumers(Mutant):
    """A call goes to whoever is there."""

    caught_by = ("RPC-TOPIC-010",)
    stands_for = "oslo.messaging 09cd9c0f, LP 1336759"

    class broker(WrongBroker):
        def send(self, now: int, kind: str, topic: str, *rest: Any) -> Envelope:
            place = self.topics.get(topic)
            if kind == "call" and place is not None and not place.keeps and place.fanouts:
                method, payload, cause = rest[:3]
                return super().send(now, kind, topic, method, payload, cause, place.fanouts[0])
            return super().send(now, kind, topic, *rest)


# LOSS


class Brokered(Mutant):
    """A correct backend whose broker can be interrupted: meanwhile it refuses what is sent, and
    nobody takes anything."""

    has_broker = True

    def __init__(self) -> None:
        super().__init__()
        self.away = False
        self.harness.interrupt = self.interrupt  # type: ignore[attr-defined]

    def _send(self, kind: str, context: Any, topic: str, msg: Any) -> Envelope:
        if self.away:
            return self.send_meanwhile(kind, context, topic, msg)
        return super()._send(kind, context, topic, msg)

    def send_meanwhile(self, kind: str, context: Any, topic: str, msg: Any) -> Envelope:
        """What becomes of a sending while the broker is away."""
        raise BackendUnavailable("the broker does not answer")

    @contextmanager
    def interrupt(self) -> Iterator[None]:
        """The broker is away."""
        self.away = True
        places = list(self._broker.topics.values())
        readers = [
            (queue, list(queue.readers))
            for place in places
            for queue in (place.shared, *place.fanouts)
        ]
        for queue, _ in readers:
            queue.readers.clear()
        self.lose()
        yield
        self.away = False
        for queue, before in readers:
            self.resume(queue, before)

    def lose(self) -> None:
        """What is lost with the connection."""

    def resume(self, queue: Queue, readers: list[Consumer]) -> None:
        """Let the consumers of a queue go on."""
        queue.readers.extend(one for one in readers if not one.closed)
        if queue.readers:
            for _ in queue.envelopes:
                self._broker._on_ready(queue)


class NeverResumes(Brokered):
    """Consumers stay away."""

    caught_by = ("RPC-LOSS-001",)
    stands_for = "celery#8030"

    def resume(self, queue: Queue, readers: list[Consumer]) -> None:
        """Nothing."""


class LosesItsReplyQueue(Brokered):
    """No reply arrives any more."""

    caught_by = ("RPC-LOSS-001",)
    stands_for = "nameko PR#504; EasyNetQ#1483"

    def lose(self) -> None:
        self.notes["lost"] = True

    class broker(WrongBroker):
        def end(self, now: int, envelope: Envelope) -> None:
            if "lost" not in self.bus.notes:
                super().end(now, envelope)


class ForgetsFanoutConsumers(Brokered):
    """Fanout consumers stay away."""

    caught_by = ("RPC-LOSS-002",)
    stands_for = "oslo.messaging 5988c7bf, LP 2031497"

    def resume(self, queue: Queue, readers: list[Consumer]) -> None:
        super().resume(queue, [one for one in readers if not one.fanout])


class EndsPendingCalls(Brokered):
    """Whoever waits gets None."""

    caught_by = ("RPC-LOSS-003",)

    class broker(WrongBroker):
        def take(self, now: int, queue: Queue) -> Envelope | None:
            envelope = super().take(now, queue)
            self.bus.notes["taken"] = envelope
            return envelope

    def lose(self) -> None:
        if (envelope := self.notes.get("taken")) is not None:
            self._broker.end(self._now(), envelope)


class BreaksPendingCalls(Brokered):
    """Whoever waits gets the connection's error."""

    caught_by = ("RPC-LOSS-003",)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        before = self.note("losses", 0)
        value = super().call(*args, **kwargs)
        if self.note("losses", 0) != before:
            raise ConnectionClosed("Connection reset by peer")
        return value

    def lose(self) -> None:
        self.count("losses")


class CastsVanish(Brokered):
    """A cast is not confirmed, and nobody minds."""

    caught_by = ("RPC-LOSS-004",)

    def send_meanwhile(self, kind: str, context: Any, topic: str, msg: Any) -> Envelope:
        if kind == "cast":
            return Envelope(0, kind, topic, msg["method"], "")
        return super().send_meanwhile(kind, context, topic, msg)


class CallsWaitForTheBroker(Brokered):
    """To connect takes as long as it takes."""

    caught_by = ("RPC-LOSS-005",)

    def send_meanwhile(self, kind: str, context: Any, topic: str, msg: Any) -> Envelope:
        while self.away:
            self.sleep(0.1)
        return self._send(kind, context, topic, msg)


class QueuesAreLost(Brokered):
    """Queues last as long as the connection."""

    caught_by = ("RPC-LOSS-006",)

    def lose(self) -> None:
        for place in self._broker.topics.values():
            place.shared.envelopes.clear()
