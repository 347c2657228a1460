"""Specs: what a topic's messages must fit, checked before they are sent."""

from __future__ import annotations

import inspect
from typing import Any, NamedTuple

from rpcfake.errors import InvalidMessage
from rpcfake.handling import public_methods
from rpcfake.hints import brief, did_you_mean, listing

_PLAIN = (str, bytes, int, float, dict, list, tuple, set, frozenset)


class Spec:
    """The methods of a class (or of an object) as the shape that a topic's messages must have.

    A handler is called as ``method(context=…, **args)``; a message fits when `inspect.signature`
    can bind that."""

    def __init__(self, topic: str, cls: Any) -> None:
        if cls is None or isinstance(cls, _PLAIN):
            raise TypeError(f"cls is {brief(cls)}: it must be a class, or an object with methods")
        self._topic = topic
        self._cls = cls
        self._name = getattr(cls, "__name__", type(cls).__name__)
        self._shapes: dict[str, Shape | None] = {}

    def check(self, method: str, args: dict[str, Any]) -> None:
        """Raise `InvalidMessage` where a message to the topic does not fit."""
        if method not in self._shapes:
            self._shapes[method] = self._shape(method)
        shape = self._shapes[method]
        if shape is None:
            return
        try:
            shape.bind(args)
        except TypeError as error:
            raise InvalidMessage(
                f"{self._topic}.{method} does not fit {self._name}.{method}{shape}: {error}"
                f" (a handler is called with context= and the args, here {listing(args) or 'none'},"
                " all by keyword)"
            ) from None

    def _shape(self, name: str) -> Shape | None:
        methods = public_methods(self._cls)
        if name not in methods or not callable(getattr(self._cls, name, None)):
            raise InvalidMessage(
                f"{self._topic}.{name}: {self._name} has no public method {name!r}"
                f"{did_you_mean(name, methods)} (its methods: {listing(methods) or 'none'})"
            )
        method = getattr(self._cls, name)
        plain = inspect.getattr_static(self._cls, name)
        bound: tuple[None, ...]
        if inspect.ismethod(method):
            bound, method = (None,), method.__func__
        elif isinstance(self._cls, type) and not isinstance(plain, staticmethod):
            # Not bound to an instance yet, where it is something that will be.
            bound = (None,) if hasattr(type(plain), "__get__") else ()
        else:
            bound = ()
        try:
            return Shape(inspect.signature(method), bound)
        except (TypeError, ValueError):
            return None  # a builtin that does not tell its signature


class Shape(NamedTuple):
    """How a method is called: its signature, and what Python itself puts first (self, cls)."""

    signature: inspect.Signature
    bound: tuple[None, ...]

    def bind(self, args: dict[str, Any]) -> None:
        """Raise TypeError unless it can be called with a context and these args, all by keyword."""
        parameters = list(self.signature.parameters.values())
        for parameter in parameters[len(self.bound) :]:
            # By keyword none of these can be given, so its default stands or the call fails. Where
            # there is a ``**more``, versions of inspect differ here, and not all are right.
            if parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
                if parameter.default is inspect.Parameter.empty:
                    raise TypeError(
                        f"missing a required positional-only argument: {parameter.name!r}"
                    )
                parameters.remove(parameter)
        self.signature.replace(parameters=parameters).bind(*self.bound, context=None, **args)

    def __str__(self) -> str:
        parameters = list(self.signature.parameters.values())
        if self.bound and parameters and parameters[0].kind < inspect.Parameter.VAR_POSITIONAL:
            del parameters[0]
        return str(self.signature.replace(parameters=parameters))
