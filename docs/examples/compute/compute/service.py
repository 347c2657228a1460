"""A service: a manager whose methods are called over the bus."""

from __future__ import annotations

from typing import Any

from compute import rpc


class Service:
    """Puts a manager on the bus, with three ways to reach it.

    ``topic`` is shared with the other services of its kind, ``topic.host`` is its own, and what is
    sent to ``topic`` by fanout reaches them all.
    """

    def __init__(self, topic: str, host: str, manager: object) -> None:
        self.topic = topic
        self.host = host
        self.manager = manager
        self._connection: Any = None

    def start(self) -> None:
        """Begin to answer, then let the manager introduce itself by `init_host`, if it has one."""
        self._connection = rpc.create_connection(new=True)
        self._connection.create_consumer(self.topic, self.manager, fanout=False)
        self._connection.create_consumer(f"{self.topic}.{self.host}", self.manager, fanout=False)
        self._connection.create_consumer(self.topic, self.manager, fanout=True)
        self._connection.consume_in_thread()
        if hasattr(self.manager, "init_host"):
            self.manager.init_host()

    def stop(self) -> None:
        """Take no more messages; what was begun goes on."""
        if self._connection is not None:
            self._connection.close()
