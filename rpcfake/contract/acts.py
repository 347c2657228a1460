"""What an actor does for the groups ERROR, WIRE, CONTEXT, CONN and TIME."""

from __future__ import annotations

import copy
from ast import literal_eval
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from rpcfake.contract.history import Event
from rpcfake.contract.trouble import ODD, RAISED, spoil

if TYPE_CHECKING:
    from rpcfake.contract.beside import Beside


class Acts:
    """Methods of `Actor`."""

    _scene: Beside
    _name: str
    _lent: Any = None

    number = 7
    """Public, and no method."""

    def __getattr__(self, name: str) -> Any:
        if name == "explodes":
            raise RuntimeError("the proxy raises when it is asked for this method")
        raise AttributeError(name)

    if TYPE_CHECKING:

        def _taken(self, method: str, tag: Any, context: Any, value: Any = None) -> None: ...

    # ERROR

    def raises(
        self,
        context: Any,
        error: str,
        text: str = "",
        first: list[Any] | None = None,
        how: str = "return",
        gate: str | None = None,
        tag: Any = None,
    ) -> Any:
        """Raise an exception of `RAISED`, after ``first`` values, and after a gate if one is named.

        Args:
            how: ``yield`` or ``reply``, by which the values are given.
        """
        self._taken("raises", tag, context)
        if how == "yield":
            return self._yields_and_raises(first or [], error, text)
        for value in first or []:
            context.reply(value)
        if gate is not None:
            self._scene.pass_gate(gate)
        raise RAISED[error](text)

    def _yields_and_raises(self, first: list[Any], error: str, text: str) -> Iterator[Any]:
        yield from first
        raise RAISED[error](text)

    def odd(
        self,
        context: Any,
        which: str,
        first: list[Any] | None = None,
        how: str = "return",
        tag: Any = None,
    ) -> Any:
        """Give a value of `ODD`, after ``first`` values.

        Args:
            how: ``return``, ``yield`` or ``reply``.
        """
        self._taken("odd", tag, context)
        return self._gives([*(first or []), ODD[which]()], how, context)

    def waits_in_vain(self, context: Any, topic: str, seconds: float, tag: Any = None) -> Any:
        """Call a method that does not answer, with a timeout."""
        self._taken("waits_in_vain", tag, context)
        return self._scene.backend.call(context, topic, {"method": "note"}, seconds)

    # WIRE

    def builds(self, context: Any, source: str, how: str = "return", tag: Any = None) -> Any:
        """Give the value of a Python literal; ``how`` as for `odd`."""
        self._taken("builds", tag, context)
        return self._gives([literal_eval(source)], how, context)

    def _gives(self, values: list[Any], how: str, context: Any) -> Any:
        if how == "yield":
            return iterate(values)
        if how == "reply":
            for value in values:
                context.reply(value)
            return None
        for value in values[:-1]:
            context.reply(value)
        return values[-1]

    def spoils(self, context: Any, value: Any = None, tag: Any = None) -> None:
        """Note the value and the context as they came, then change both in place."""
        self._taken("spoils", tag, context, copy.deepcopy([value, dict(context)]))
        spoil(value)
        spoil_context(context, "spoiled")

    def lends(self, context: Any, value: Any, how: str = "return", tag: Any = None) -> Any:
        """Give the value, and keep it; ``how`` as for `odd`."""
        self._taken("lends", tag, context)
        self._lent = value
        return self._gives([value], how, context)

    def lent(self, context: Any, tag: Any = None) -> Any:
        """Return what was lent."""
        self._taken("lent", tag, context)
        return self._lent

    def spoils_lent(self, context: Any, tag: Any = None) -> None:
        """Change in place what was lent."""
        self._taken("spoils_lent", tag, context)
        spoil(self._lent)

    def grows(self, context: Any, number: int, how: str = "yield", tag: Any = None) -> Any:
        """Give one and the same list again and again, by ``yield`` or ``reply``, longer each
        time."""
        self._taken("grows", tag, context)
        if how == "yield":
            return growing(number)
        for same in growing(number):
            context.reply(same)
        return number

    def takes(self, /, context: Any, **args: Any) -> dict[str, Any]:
        """Return all arguments."""
        self._taken("takes", None, context)
        return args

    # CONTEXT

    def value_first(self, value: Any, *, context: Any, tag: Any = None) -> list[Any]:
        """Return the value and the context; the context can only come by its name."""
        self._taken("value_first", tag, context)
        return [value, context.to_dict()]

    def inspects(self, context: Any, keys: list[str], tag: Any = None) -> dict[str, Any]:
        """Return what a mapping with attributes can be asked for."""
        self._taken("inspects", tag, context)
        plain = context.to_dict()
        return {
            "is a Mapping": isinstance(context, Mapping),
            "[key]": [context[key] for key in keys],
            "get(key)": [context.get(key) for key in keys],
            ".key": [getattr(context, key, "AttributeError") for key in keys],
            "key in": [key in context for key in keys],
            "len": len(context) == len(plain),
            "iteration": sorted(context) == sorted(plain),
            "items": dict(context.items()) == plain,
            "== what was sent": dict(context) == plain,
            "a missing key": context.get("missing", "none"),
            "a missing attribute": getattr(context, "missing", "none"),
            "to_dict() is a plain dict": type(plain) is dict,
        }

    def writes_context(self, context: Any, key: str, tag: Any = None) -> Any:
        """Write into the context, as a key and as an attribute; return what was in it before."""
        self._taken("writes_context", tag, context)
        before = copy.deepcopy(context.to_dict())
        spoil_context(context, key)
        return before

    def holds_context(self, context: Any, gate: str, tag: Any = None) -> list[Any]:
        """Return the context as a dict, from before a gate and from after it."""
        self._taken("holds_context", tag, context)
        before = context.to_dict()
        self._scene.pass_gate(gate)
        return [before, context.to_dict()]

    def copies_context(self, context: Any, tag: Any = None) -> list[Any]:
        """Copy the context in both ways, spoil what is in the deep copy, and return as dicts: both
        copies, and then the context itself."""
        self._taken("copies_context", tag, context)
        shallow, deep = copy.copy(context), copy.deepcopy(context)
        copies = [shallow.to_dict(), copy.deepcopy(deep.to_dict())]
        for each in deep.values():
            spoil(each)
        return [*copies, context.to_dict()]

    def replies_in_passing(self, context: Any, value: Any, tag: Any = None) -> None:
        """Reply, though maybe nobody waits for it; then note that this went well."""
        self._taken("replies_in_passing", tag, context)
        context.reply(value)
        context.reply(ending=True)
        self._scene.history.add(Event("replied", tag, self._name))

    # CONN, TIME

    def closes(self, context: Any, number: int, value: Any = None, tag: Any = None) -> Any:
        """Close the connection that the program calls by this number, then return the value."""
        self._taken("closes", tag, context)
        self._scene.close_numbered(number)
        return value

    def yields_slowly(
        self, context: Any, values: list[Any], pause: float, tag: Any = None
    ) -> Iterator[Any]:
        """Give values by yield, with a pause in seconds before each."""
        self._taken("yields_slowly", tag, context)
        for value in values:
            self._scene.harness.sleep(pause)
            yield value


def iterate(values: list[Any]) -> Iterator[Any]:
    """A generator of these values."""
    yield from values


def growing(number: int) -> Iterator[list[Any]]:
    """One and the same list, longer each time."""
    same: list[Any] = []
    for index in range(number):
        same.append(index)
        yield same


def spoil_context(context: Any, key: str) -> None:
    """Change what is in a context in place, and write into it as far as it allows that."""
    for each in list(context.values()):
        spoil(each)
    with suppress(TypeError):
        context[key] = "spoiled"
    with suppress(AttributeError, TypeError):
        setattr(context, f"{key}2", "spoiled")
