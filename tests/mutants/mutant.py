"""What a mutant is: a correct backend but for one deviation."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from rpcfake.backends.memory import Memory
from rpcfake.connection import Connection
from rpcfake.core import Broker, Consumer, Envelope, Queue
from rpcfake.handling import Handling

MUTANTS: list[Any] = []
"""Every mutant that was defined."""


class Mutant(Memory):
    """The simulated bus with one part exchanged; a subclass says which, in its docstring."""

    caught_by: ClassVar[tuple[str, ...]] = ()
    """The clauses that must catch it, each on its own."""
    stands_for: ClassVar[str] = ""
    """The public bug that it shows, if there is one."""
    broker: ClassVar[type[WrongBroker]]
    handling: ClassVar[type[WrongHandling]]
    connection: ClassVar[type[Connection]] = Connection
    facade: ClassVar[dict[str, Any]] = {}
    """What stands in `rpcfake.rpc` in place of what belongs there."""

    def __init_subclass__(cls) -> None:
        if cls.caught_by:
            MUTANTS.append(cls)

    def __init__(self) -> None:
        super().__init__()
        self._broker.__class__ = self.broker
        self._handling.__class__ = self.handling
        self._broker.bus = self._handling.bus = self  # type: ignore[attr-defined]
        self.notes: dict[Any, Any] = {}
        """What the deviation has to remember."""

    def create_connection(self, new: bool = True) -> Connection:
        return self.connection(self)

    def note(self, key: Any, default: Any) -> Any:
        """What is remembered under a key."""
        return self.notes.setdefault(key, default)

    def count(self, key: Any) -> int:
        """How often a key was counted, with this time."""
        self.notes[key] = self.notes.get(key, 0) + 1
        return int(self.notes[key])


class WrongBroker(Broker):
    """A broker that is one of a mutant."""

    bus: Mutant

    def copy(self, envelope: Envelope) -> Envelope:
        """The same message once more, of which nobody awaits an answer."""
        return Envelope(envelope.seq, "cast", envelope.topic, envelope.method, envelope.payload)

    def send_to(self, queues: list[Queue], *sending: Any) -> Envelope:
        """A fanout cast that reaches these queues only."""
        place = self.topics.get(sending[2])
        if place is None:
            return super().send(*sending)
        all_of_them, place.fanouts = place.fanouts, queues
        try:
            return super().send(*sending)
        finally:
            place.fanouts = all_of_them

    def to_front(self, queue: Queue | None) -> None:
        """The last message of a queue becomes its first."""
        if queue is not None and queue.envelopes:
            queue.envelopes.rotate(1)

    def seat(self, queue: Queue, key: Callable[[Consumer], Any]) -> None:
        """Let the readers of a queue have their turns in this order."""
        readers = sorted(queue.readers, key=key)
        queue.readers.clear()
        queue.readers.extend(readers)


class WrongHandling(Handling):
    """How messages are handled by a mutant."""

    bus: Mutant

    def _find(self, envelope: Envelope) -> Callable[..., Any]:
        method = super()._find(envelope)
        return lambda context, **args: self.returned(envelope, method(context=context, **args))

    def returned(self, envelope: Envelope, value: Any) -> Any:
        """What the bus is told that a method returned."""
        return value

    @property
    def broker(self) -> WrongBroker:
        assert isinstance(self._broker, WrongBroker)
        return self._broker

    def give(self, envelope: Envelope, value: Any) -> None:
        """Give a value to a caller."""
        self._broker.reply(self._now(), envelope, self._codec.encode(value))

    def end(self, envelope: Envelope) -> None:
        """Say that no more values come."""
        self._broker.end(self._now(), envelope)


class Values(Iterator[Any]):
    """Stands between a clause and the iterator of a multicall."""

    def __init__(self, values: Any, bus: Mutant) -> None:
        self.values = values
        self.bus = bus

    def __next__(self) -> Any:
        return next(self.values)

    def close(self) -> None:
        self.values.close()


Mutant.broker = WrongBroker
Mutant.handling = WrongHandling

Texts = deque[str]
