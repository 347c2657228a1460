"""Mutants of ERROR."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from types import GeneratorType
from typing import Any

from rpcfake.core import Envelope, Queue
from rpcfake.errors import (
    RemoteError,
    SerializationError,
    Timeout,
)
from rpcfake.handling import Unanswered, describe

from ..mutant import Mutant, WrongBroker, WrongHandling
from .wire import Lenient


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
