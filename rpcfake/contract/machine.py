"""Arbitrary sequences of operations on a backend and on the model, compared whenever all is
quiet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    precondition,
    rule,
)

from rpcfake.contract.model import Model
from rpcfake.contract.scene import Scene

TOPICS = st.sampled_from(["red", "blue"])
CASTS_OF_ACTORS: list[list[tuple[str, bool]]] = [
    [("red", False)],
    [("red", False), ("red", False)],
    [("red", False), ("red", True), ("red", True)],
    [("red", False), ("blue", False), ("red", True), ("blue", True)],
    [],
]
"""Consumers to begin with: topic, and whether fanout."""

SHORT = 0.1
"""Seconds after which a call gives up that nobody is to answer."""


class Machine(RuleBasedStateMachine):
    """Plays on a scene; `machine_for` says which."""

    make_scene: Callable[[], Scene]

    connections: Bundle[int] = Bundle("connections")

    def __init__(self) -> None:
        super().__init__()
        self.scene = type(self).make_scene()
        unsupported = getattr(self.scene.backend, "unsupported", None) or {}
        self._has = {
            name: name not in unsupported
            for name in ("durable_topics", "timeouts", "expires", "multicall", "cancels_abandoned")
        }
        self.model = Model(self._has["durable_topics"])
        self._topics: dict[str, str] = {}
        self._opened: list[Any] = []
        self._tags = 0
        self._waits_left = 2  # each costs real time on a real backend

    @initialize(
        target=connections,
        consumers=st.sampled_from(CASTS_OF_ACTORS),
        starts=st.sampled_from([True, True, False]),
    )
    def begin(self, consumers: list[tuple[str, bool]], starts: bool) -> int:
        """Without something to begin with most sequences would never have a message handled."""
        self._topics = {name: self.scene.topic(name) for name in ("red", "blue")}
        connection = self._open()
        if starts:
            self.start(connection)
        for name, fanout in consumers:
            self.declare(connection, name, fanout)
        return connection

    # Consumers

    @rule(target=connections)
    def open(self) -> int:
        return self._open()

    def _open(self) -> int:
        self._opened.append(self.scene.connect())
        return len(self._opened) - 1

    @rule(connection=connections, name=TOPICS, fanout=st.booleans())
    def declare(self, connection: int, name: str, fanout: bool) -> None:
        if not self.model.is_open(connection):
            return
        actor = self.scene.actor()
        self.scene.declare(self._opened[connection], self._topics[name], actor, fanout)
        self.model.declare(connection, name, actor._name, fanout)

    @rule(connection=connections)
    def start(self, connection: int) -> None:
        if self.model.is_open(connection):
            self.scene.start(self._opened[connection])
            self.model.start(connection)

    @rule(connection=consumes(connections))
    def close(self, connection: int) -> None:
        self.scene.close(self._opened[connection])
        self.model.close(connection)

    # Messages

    @rule(name=TOPICS, sender=st.sampled_from(["sender1", "sender2"]))
    def cast(self, name: str, sender: str) -> None:
        tag = self._tag()
        self.model.cast(tag, name)
        self._as(sender, lambda: self.scene.cast(self._topics[name], "note", tag=tag))

    @rule(name=TOPICS)
    def fanout_cast(self, name: str) -> None:
        tag = self._tag()
        self.model.fanout_cast(tag, name)
        self.scene.fanout_cast(self._topics[name], "note", tag=tag)

    @rule(name=TOPICS, value=st.none() | st.integers(0, 9))
    def call(self, name: str, value: int | None) -> None:
        served = self.model.served(name)
        if not served and not (self._has["timeouts"] and self._waits_left):
            return
        tag = self._tag()
        self.model.cast(tag, name)
        if not served:
            self._give_up(name, "give", tag, value=value)
            return
        got = self.scene.call(self._topics[name], "give", value=value, tag=tag)
        self.scene.same(got, value, "what the call returned")

    @rule(name=TOPICS, values=st.lists(st.integers(0, 9), max_size=3))
    def multicall(self, name: str, values: list[int]) -> None:
        if not self.model.served(name) or not self._has["multicall"]:
            return
        tag = self._tag()
        self.model.cast(tag, name)
        got = list(self.scene.multicall(self._topics[name], "yields", values=values, tag=tag))
        self.scene.same(got, values, "what the multicall gave")

    @rule(name=TOPICS)
    def abandon(self, name: str) -> None:
        if not self.model.served(name) or not self._has["multicall"]:
            return
        tag = self._tag()
        self.model.cast(tag, name)
        iterator: Any = self.scene.multicall(self._topics[name], "yields", values=[1, 2], tag=tag)
        self.scene.same(next(iterator), 1, "the first value")
        iterator.close()

    @rule(name=TOPICS)
    def time_out(self, name: str) -> None:
        if not (self.model.served(name) and self._has["timeouts"] and self._waits_left):
            return
        tag = self._tag()
        self.model.cast(tag, name)
        self._give_up(name, "holds", tag, gate=f"gate{tag}")
        # The late answer comes now; it must not be taken for that of the next call.
        self.scene.open_gate(f"gate{tag}")

    def _give_up(self, name: str, method: str, tag: int, **args: Any) -> None:
        self._waits_left -= 1
        self.model.give_up(tag)
        with self.scene.fails(self.scene.Timeout, what=f"the call to {name}"):
            self.scene.call(self._topics[name], method, timeout=SHORT, tag=tag, **args)
        if self._has["expires"] and not self.model.served(name):
            self.model.expire(tag)

    def _as(self, sender: str, send: Callable[[], Any]) -> None:
        """Send from another place: sender2 is a task or thread of its own."""
        if sender == "sender1":
            send()
            return
        self.scene.result(self.scene.spawn(send), "the second sender")

    # Comparing

    @precondition(lambda self: bool(self.model.sent))
    @rule()
    def quiesce(self) -> None:
        self.compare()

    def teardown(self) -> None:
        try:
            if self.scene.broken is None and self.scene.failed is None:
                self.compare()
        finally:
            self.scene.end()

    def compare(self) -> None:
        """Wait until what must be taken was, let a fence pass, and hold all takings against the
        model."""
        self.scene.happens(lambda: not self._missing())
        missing = self._missing()
        self.scene.holds(not missing, "each message to be taken", missing[0] if missing else "")
        for name, topic in self._topics.items():
            if self.model.served(name):
                self.scene.fence(topic)
        takers = self._takers()
        for tag in self.model.sent:
            wrong = self.model.wrong(tag, takers.get(tag, []))
            self.scene.holds(
                wrong is None, "each message to be taken by whom it is for", wrong or ""
            )

    def _missing(self) -> list[str]:
        takers = self._takers()
        found = [self.model.missing(tag, takers.get(tag, [])) for tag in self.model.sent]
        return [text for text in found if text is not None]

    def _takers(self) -> dict[Any, list[str]]:
        takers: dict[Any, list[str]] = {}
        for event in self.scene.history.of("taken"):
            takers.setdefault(event.request, []).append(event.who)
        return takers

    def _tag(self) -> int:
        self._tags += 1
        return self._tags


def machine_for(make_scene: Callable[[], Scene]) -> type[Machine]:
    """The machine that plays on scenes made by this."""
    return type("Machine", (Machine,), {"make_scene": staticmethod(make_scene)})
