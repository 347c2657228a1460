"""Mutants of CONTEXT."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from rpcfake.context import Context
from rpcfake.core import Envelope
from rpcfake.errors import (
    InvalidMessage,
)

from ..mutant import Mutant, WrongHandling


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
