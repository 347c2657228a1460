"""The context that travels with each message (rule CONTEXT)."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from rpcfake.errors import InvalidMessage
from rpcfake.hints import brief

ContextFactory = Callable[[dict[str, Any]], Any]
"""Rebuilds a project's own context class from the dict that travelled."""


class Answers(Protocol):
    """What takes the values that ``context.reply()`` gives."""

    def answer(self, request: Any, value: Any, ending: bool, /) -> None: ...


class Context(dict[str, Any]):
    """What a handler gets as ``context``: the sender's context as a dict, its keys also as
    attributes.

    A key that is also a method's name (``reply``, ``items``, …) is reached as ``ctxt["reply"]``.
    Source: nova's RpcContext (2011).
    """

    __slots__ = ("_request",)
    _request: tuple[Answers, Any]

    def reply(self, value: Any = None, *, ending: bool = False) -> None:
        """Give the caller a value before the method returns.

        ``ending=True`` says that no more will come; it carries no value, and one beside it is
        ignored. For a cast it does nothing.

        Raises:
            SerializationError: the codec can't carry the value; nothing was given.
        """
        answers, request = self._request
        answers.answer(request, value, ending)

    def __copy__(self) -> Context:
        return from_wire(self, self._request)

    def __deepcopy__(self, memo: dict[int, Any]) -> Context:
        # What it answers to is never copied with it: that would be a second bus.
        return from_wire(copy.deepcopy(dict(self), memo), self._request)

    def __reduce__(self) -> tuple[Any, ...]:
        return (_unpickle, (dict(self),))

    def to_dict(self) -> dict[str, Any]:
        """A plain dict with what was sent."""
        return dict(self)

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(
                f"the context has no {name!r}; it has: {', '.join(map(str, self)) or 'nothing'}"
            ) from None

    def __setattr__(self, name: str, value: Any) -> None:
        if name in Context.__slots__:
            object.__setattr__(self, name, value)
        else:
            self[name] = value


def to_wire(context: object) -> dict[str, Any]:
    """The dict that travels for a context: None, a mapping, or an object with ``to_dict()``.

    Raises:
        InvalidMessage: it is none of these, its ``to_dict()`` raised or gave no mapping, or reading
            the mapping raised.
    """
    if isinstance(context, dict):
        return context
    if context is None:
        return {}
    if isinstance(context, Mapping):
        return _read(context, context)
    to_dict = getattr(context, "to_dict", None)
    if to_dict is None or isinstance(context, type):
        raise InvalidMessage(
            f"context is {brief(context)}: it must be None, a mapping, or an object with to_dict()"
        )
    try:
        wire = to_dict()
    except Exception as error:
        raise InvalidMessage(
            f"context is a {type(context).__name__} whose to_dict() raised"
            f" {type(error).__name__}: {error}"
        ) from error
    if not isinstance(wire, Mapping):
        raise InvalidMessage(
            f"context is a {type(context).__name__} whose to_dict() gave {brief(wire)}:"
            " it must give a mapping"
        )
    return _read(wire, context)


def _read(wire: Mapping[str, Any], context: object) -> dict[str, Any]:
    try:
        return dict(wire)
    except Exception as error:
        raise InvalidMessage(
            f"context is a {type(context).__name__} that can't be read as a mapping:"
            f" {type(error).__name__}: {error}"
        ) from error


_set_request = Context.__dict__["_request"].__set__


def from_wire(wire: dict[str, Any], request: tuple[Answers, Any]) -> Context:
    """The context that a handler gets, and whose ``reply()`` answers the request."""
    context = Context(wire)
    _set_request(context, request)
    return context


def rebuild(context: Context, factory: ContextFactory) -> Any:
    """The project's own context object, with a ``reply`` that answers the same request."""
    made = factory(context.to_dict())
    try:
        # Past its own __setattr__: a frozen dataclass is a usual shape of a context.
        object.__setattr__(made, "reply", context.reply)
    except (AttributeError, TypeError):
        raise TypeError(
            f"context_factory gave a {type(made).__name__}, which can't be given a 'reply'"
            " (it has __slots__): give it one"
        ) from None
    return made


class _Nobody:
    """What an unpickled context answers to: its request stayed in the other process."""

    def answer(self, request: Any, value: Any, ending: bool, /) -> None:
        pass


def _unpickle(wire: dict[str, Any]) -> Context:
    return from_wire(wire, (_Nobody(), None))
