"""What a clause puts up: proxies, topics, connections and consumers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rpcfake.contract.actor import Actor, Listener
from rpcfake.contract.beside import Beside
from rpcfake.contract.stage import Spawned


class Staging(Beside):
    """Whatever is put up is closed at the end of the scene, and deleted on a broker."""

    def topic(self, name: str = "") -> str:
        """A topic that nobody else uses; a name makes it part of it."""
        topic = f"{name or 't'}-{self._number}-{len(self._topics) + 1}"
        return self.own(topic)

    def own(self, topic: str) -> str:
        """Say that the scene uses this topic: what it leaves on a broker is deleted at the end."""
        if topic not in self._topics:
            self._topics.append(topic)
        return topic

    def actor(self, name: str = "") -> Actor:
        """A proxy that notes what it is asked."""
        actor = Actor(self, name or f"actor{next(self._names)}")
        self._put_up(actor, "actor", name)
        return actor

    def listener(self, name: str = "") -> Listener:
        """A proxy that has every method, and notes the order in which they are looked up."""
        listener = Listener(self, name or f"listener{next(self._names)}")
        self._put_up(listener, "listener", name)
        return listener

    def _put_up(self, proxy: Actor | Listener, kind: str, name: str) -> None:
        variable = f"{kind}{next(self._names)}" if name else proxy._name
        self.script.keep(proxy, variable, f"scene.{kind}({repr(name) if name else ''})")

    def connect(self, new: bool = True) -> Any:
        """A connection, closed at the end of the scene."""
        name = f"connection{len(self._connections) + 1}"
        line = self.write(f"scene.connect({'' if new else 'new=False'})", name)
        with self._remarked(line):
            connection = self.backend.create_connection(new)
        self._connections.append(connection)
        return connection

    def declare(self, connection: Any, topic: str, proxy: Any, fanout: bool = False) -> None:
        """``connection.create_consumer``."""
        self.own(topic)
        shown = f"{self._named(connection)}, {self.script.source(topic)}, {self._actor(proxy)}"
        line = self.write(f"scene.declare({shown}{', fanout=True' if fanout else ''})")
        with self._remarked(line):
            connection.create_consumer(topic, proxy, fanout)

    def start(self, connection: Any) -> None:
        """``connection.consume_in_thread``."""
        with self._remarked(self.write(f"scene.start({self._named(connection)})")):
            connection.consume_in_thread()

    def close(self, connection: Any) -> None:
        """``connection.close``."""
        with self._remarked(self.write(f"scene.close({self._named(connection)})")):
            connection.close()

    def close_beside(self, connection: Any) -> Spawned:
        """``connection.close`` beside the clause."""
        line = self.write(f"scene.close_beside({self._named(connection)})")
        return self._spawn(connection.close, line)

    @contextmanager
    def entered(self, connection: Any) -> Iterator[Any]:
        """``with connection as …``; gives what that gives."""
        with self.script.inside(f"with {self._named(connection)}") as line, connection as given:
            self._given.append((given, line))
            yield given

    def serve(self, proxy: Any, topic: str | None = None, fanout: bool = False) -> str:
        """Put a proxy behind a topic, started, on a connection of its own; gives the topic."""
        if topic is None:
            topic = self.topic()
        connection = self.connect()
        self.declare(connection, topic, proxy, fanout)
        self.start(connection)
        return topic

    def consumers(self, layout: list[int], topic: str, fanout: bool = False) -> list[Actor]:
        """Actors that read one topic, all started.

        Args:
            layout: for each actor the number of its connection; equal numbers share one.
        """
        actors = [self.actor() for _ in layout]
        connections = {number: self.connect() for number in sorted(set(layout))}
        for actor, number in zip(actors, layout, strict=True):
            self.declare(connections[number], topic, actor, fanout)
        for connection in connections.values():
            self.start(connection)
        return actors

    def _named(self, connection: Any) -> str:
        for number, known in enumerate(self._connections, 1):
            if known is connection:
                return f"connection{number}"
        for known, line in self._given:
            if known is connection:
                return line.named("given")
        return repr(connection)

    def _actor(self, proxy: Any) -> str:
        return self.script.expression(proxy) or f"{type(proxy).__name__}()"
