"""The proxy that clauses put behind a topic."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

from rpcfake.contract.acts import Acts
from rpcfake.contract.history import Event

if TYPE_CHECKING:
    from rpcfake.contract.beside import Beside


class Actor(Acts):
    """Does what a message asks, and notes that it was asked.

    Each method takes a ``tag`` that names the request in the history.
    """

    def __init__(self, scene: Beside, name: str) -> None:
        self._scene = scene
        self._name = name

    def give(self, context: Any, value: Any = None, tag: Any = None) -> Any:
        """Return the value."""
        self._taken("give", tag, context)
        return value

    def note(self, context: Any, tag: Any = None, value: Any = None) -> None:
        """Do nothing but note it, and the value."""
        self._taken("note", tag, context, value)

    def names_itself(self, context: Any, tag: Any = None) -> str:
        """Return the actor's own name."""
        self._taken("names_itself", tag, context)
        return self._name

    def replies(
        self,
        context: Any,
        values: list[Any],
        ending: bool = False,
        then: Any = None,
        tag: Any = None,
    ) -> Any:
        """Give values by ``context.reply``, then the ending if asked, then return ``then``."""
        self._taken("replies", tag, context)
        for value in values:
            context.reply(value)
        if ending:
            context.reply(ending=True)
        return then

    def ends(
        self,
        context: Any,
        values: list[Any],
        beside: Any = None,
        late: list[Any] | None = None,
        then: Any = None,
        tag: Any = None,
    ) -> Any:
        """Give values by ``context.reply``, the ending with a value beside it, late values, and
        return one more; that it came so far is noted as ``ended``."""
        self._taken("ends", tag, context)
        for value in values:
            context.reply(value)
        context.reply(beside, ending=True)
        for value in late or ():
            context.reply(value)
        self._scene.history.add(Event("ended", tag, self._name))
        return then

    def ends_and_holds(self, context: Any, values: list[Any], gate: str, tag: Any = None) -> None:
        """Give values by ``context.reply``, then the ending, then wait at a gate."""
        self._taken("ends_and_holds", tag, context)
        for value in values:
            context.reply(value)
        context.reply(ending=True)
        self._scene.pass_gate(gate)

    def replies_at(
        self, context: Any, gate: str, values: list[Any], then: Any = None, tag: Any = None
    ) -> Any:
        """As `yields_at`, but by ``context.reply``; then return one more.

        That it came to its end is noted as ``ended``.
        """
        self._taken("replies_at", tag, context)
        try:
            for index, value in enumerate(values):
                if index:
                    self._scene.pass_gate(f"{gate}{index}")
                context.reply(value)
            self._scene.pass_gate(f"{gate}{len(values)}")
        finally:
            self._scene.history.add(Event("ended", tag, self._name))
        return then

    def yields(
        self, context: Any, values: list[Any], then: Any = None, tag: Any = None
    ) -> Generator[Any, Any, Any]:
        """Give values by yield; ``then`` is the generator's return value, which nobody gets.

        That the generator came to its end is noted as ``ended``, else ``closed``.
        """
        self._taken("yields", tag, context)
        what = "closed"
        try:
            yield from values
            what = "ended"
        finally:
            self._scene.history.add(Event(what, tag, self._name))
        return then

    def mixes(self, context: Any, steps: list[list[Any]], tag: Any = None) -> Iterator[Any]:
        """Give values by yield and by ``context.reply``: each step is ``[how, value]``."""
        self._taken("mixes", tag, context)
        for how, value in steps:
            if how == "yield":
                yield value
            else:
                context.reply(value)

    def streams(self, context: Any, tag: Any = None) -> Iterator[int]:
        """Yield numbers without end, or until the scene ends; closing it is noted."""
        self._taken("streams", tag, context)
        number = 0
        what = "closed"
        try:
            while not self._scene.over:
                yield number
                number += 1
                self._scene.harness.sleep(0.01)
            what = "ended"
        finally:
            self._scene.history.add(Event(what, tag, self._name))

    def fails(
        self, context: Any, error: str = "ValueError", text: str = "", tag: Any = None
    ) -> Any:
        """Raise a builtin exception."""
        self._taken("fails", tag, context)
        raise ERRORS[error](text)

    def yields_then_fails(
        self, context: Any, values: list[Any], text: str = "", tag: Any = None
    ) -> Iterator[Any]:
        """Give values by yield, then raise ValueError."""
        self._taken("yields_then_fails", tag, context)
        yield from values
        raise ValueError(text)

    def holds(self, context: Any, gate: str, value: Any = None, tag: Any = None) -> Any:
        """Wait until the scene opens the gate, then return the value."""
        self._taken("holds", tag, context)
        self._scene.pass_gate(gate)
        return value

    def yields_at(
        self, context: Any, gate: str, values: list[Any], tag: Any = None
    ) -> Iterator[Any]:
        """Give the first value, and each further one when the scene opens ``gate`` + its index.

        What becomes of the generator is noted as ``closed`` or ``ended``.
        """
        self._taken("yields_at", tag, context)
        what = "closed"
        try:
            for index, value in enumerate(values):
                if index:
                    self._scene.pass_gate(f"{gate}{index}")
                yield value
            what = "ended"
        finally:
            self._scene.history.add(Event(what, tag, self._name))

    def forwards(
        self,
        context: Any,
        topic: str,
        method: str,
        args: dict[str, Any],
        tag: Any = None,
    ) -> Any:
        """Call another method, and return what it gave."""
        self._taken("forwards", tag, context)
        scene = self._scene
        message = {"method": method, "args": args}
        return scene.backend.call(context, topic, message, 10 * scene.patience)

    def combines(
        self,
        context: Any,
        value: Any,
        topic: str,
        method: str,
        args: dict[str, Any],
        tag: Any = None,
    ) -> list[Any]:
        """Reply with a value, call another method, and return both values."""
        self._taken("combines", tag, context)
        context.reply(value)
        scene = self._scene
        message = {"method": method, "args": args}
        given = scene.backend.call(context, topic, message, 10 * scene.patience)
        return [value, given]

    def gathers(
        self,
        context: Any,
        topic: str,
        method: str,
        args: dict[str, Any],
        tag: Any = None,
    ) -> list[Any]:
        """Multicall another method, and return all that it gave."""
        self._taken("gathers", tag, context)
        scene = self._scene
        message = {"method": method, "args": args}
        return list(scene.backend.multicall(context, topic, message, 10 * scene.patience))

    def nests(
        self, context: Any, topics: list[str], depth: int, by: str = "call", tag: Any = None
    ) -> list[Any]:
        """Ask the next topic in turn for the same, until the depth is reached; gives the depths
        passed.

        Args:
            by: ``call``, or ``multicall``.
        """
        self._taken("nests", tag, context)
        if depth == 0:
            return [0]
        send = getattr(self._scene.backend, by)
        args = {"topics": [*topics[1:], topics[0]], "depth": depth - 1, "by": by}
        given = send(
            context, topics[0], {"method": "nests", "args": args}, 10 * self._scene.patience
        )
        (below,) = (given,) if by == "call" else given
        return [depth, *below]

    def sends(
        self, context: Any, kind: str, topic: str, messages: list[dict[str, Any]], tag: Any = None
    ) -> None:
        """Cast messages, or fanout cast them, from within the handler."""
        self._taken("sends", tag, context)
        for message in messages:
            getattr(self._scene.backend, kind)(context, topic, message)

    def casts_and_holds(self, context: Any, topic: str, gate: str, tag: Any = None) -> None:
        """Cast a message whose handler opens the gate, and wait there."""
        self._taken("casts_and_holds", tag, context)
        self._scene.backend.cast(context, topic, {"method": "opens", "args": {"gate": gate}})
        self._scene.pass_gate(gate)

    def opens(self, context: Any, gate: str, tag: Any = None) -> None:
        """Open a gate of the scene."""
        self._taken("opens", tag, context)
        self._scene.unlock(gate)

    def tells_context(self, context: Any, tag: Any = None) -> Any:
        """Return the context as a dict."""
        self._taken("tells_context", tag, context)
        return context.to_dict()

    def _private(self, context: Any, tag: Any = None) -> str:
        """Must not be reached by a message."""
        self._taken("_private", tag, context)
        return "private"

    def _taken(self, method: str, tag: Any, context: Any, value: Any = None) -> None:
        self._scene.history.add(Event("taken", tag, self._name, method, value=value))


class Listener:
    """A proxy that has every method, and notes the order in which they are looked up.

    A method whose name begins with ``holds`` waits at the gate of that name.
    """

    def __init__(self, scene: Beside, name: str) -> None:
        self._scene = scene
        self._name = name

    def __getattr__(self, method: str) -> Any:
        if method.startswith("_"):
            raise AttributeError(method)
        self._scene.history.add(Event("looked_up", method, self._name))
        return lambda context, tag=None: (
            self._scene.pass_gate(method) if method.startswith("holds") else None
        )


ERRORS: dict[str, type[BaseException]] = {
    error.__name__: error
    for error in (ValueError, KeyError, RuntimeError, ZeroDivisionError, SystemExit)
}
