"""What happened in one scene, in the order in which it was seen: the checkers judge it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import RLock
from typing import Any

from rpcfake.contract.violation import tell


@dataclass(frozen=True)
class Event:
    """One thing that happened.

    ``what`` is ``sent``, ``taken`` (a consumer looked the method up, or began), ``value``,
    ``ended``, ``failed``, ``timed_out``, ``closed`` or ``passed`` (a handler went through a gate);
    ``request`` is the tag that the sender gave, or the gate.
    """

    what: str
    request: Any
    who: str
    """The sender, or the consumer."""
    kind: str = ""
    """Of a sending: call, multicall, cast or fanout_cast."""
    topic: str = ""
    value: Any = None

    def __str__(self) -> str:
        value = "" if self.value is None else f": {tell(self.value)}"
        parts = (f"{self.who:<10}", f"{self.what:<9}", self.kind, tell(self.request))
        return " ".join(filter(None, parts)) + value


class History:
    """Events as they come, from any thread."""

    def __init__(self, poke: Callable[[], object]) -> None:
        self._events: list[Event] = []
        self._lock = RLock()
        self._poke = poke

    def add(self, event: Event) -> None:
        with self._lock:
            self._events.append(event)
        self._poke()

    def of(self, what: str, who: str | None = None) -> list[Event]:
        """The events of one sort, of one participant if named."""
        return [event for event in self if event.what == what and (who is None or event.who == who)]

    def __iter__(self) -> Iterator[Event]:
        with self._lock:
            return iter(list(self._events))

    def __len__(self) -> int:
        return len(self._events)
