"""Mutants of TOPIC."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from rpcfake.connection import Connection
from rpcfake.core import Consumer, Envelope
from rpcfake.errors import (
    BackendUnavailable,
    InvalidMessage,
)
from rpcfake.message import check_topic

from ..mutant import Mutant, WrongBroker


class Renames(Mutant):
    """No mutant by itself: topics are called otherwise on the broker."""

    def named(self, topic: str) -> str:
        """What a topic is called on the broker."""
        return topic

    def _send(self, kind: str, context: Any, topic: str, msg: Any) -> Envelope:
        check_topic(topic)
        return super()._send(kind, context, self.named(topic), msg)

    def _declare(self, topic: str, proxy: Any, fanout: bool) -> Consumer:
        return super()._declare(self.named(topic), proxy, fanout)


class CaseMeansNothing(Renames):
    """Upper and lower case are the same."""

    caught_by = ("RPC-TOPIC-001", "RPC-TOPIC-002")

    def named(self, topic: str) -> str:
        return topic.lower()


class DropsOddCharacters(Renames):
    """Only letters, digits, dots and dashes count."""

    caught_by = ("RPC-TOPIC-001", "RPC-TOPIC-002")

    def named(self, topic: str) -> str:
        return "".join(letter for letter in topic if letter.isalnum() or letter in ".-")


class TopicsMatchByPrefix(Mutant):
    """A message goes to the topics that its own begins with."""

    caught_by = ("RPC-TOPIC-001", "RPC-TOPIC-002")
    stands_for = "nova b0e44f1b7"

    class broker(WrongBroker):
        def send(self, now: int, kind: str, topic: str, *rest: Any) -> Envelope:
            first = min((name for name in self.topics if topic.startswith(name)), default=topic)
            return super().send(now, kind, first, *rest)


class WildcardsMatch(Mutant):
    """A topic with * or # gets what its pattern matches as well."""

    caught_by = ("RPC-TOPIC-001", "RPC-TOPIC-002")

    class broker(WrongBroker):
        def send(self, now: int, kind: str, topic: str, *rest: Any) -> Envelope:
            for name, place in list(self.topics.items()):
                if name != topic and fnmatchcase(topic, name.replace("#", "*").replace("[", "[[]")):
                    queues = place.fanouts if kind == "fanout_cast" else [place.shared]
                    sent = super().send(now, "cast", name, *rest[:3], self.new_queue(name))
                    for queue in queues:
                        self._put(queue, self.copy(sent))
            return super().send(now, kind, topic, *rest)


class WantsAscii(Renames):
    """A topic has letters of ASCII, and no control characters."""

    caught_by = ("RPC-TOPIC-003",)

    def named(self, topic: str) -> str:
        if not topic.isascii() or not topic.isprintable():
            raise InvalidMessage("a topic is printable ASCII")
        return topic


class WantsShortTopics(Renames):
    """A topic has at most 127 bytes."""

    caught_by = ("RPC-TOPIC-003", "RPC-TOPIC-004")

    def named(self, topic: str) -> str:
        if len(topic.encode()) > 127:
            raise InvalidMessage("a topic is short")
        return topic


class CutsTopics(Renames):
    """Of a long topic the beginning counts."""

    caught_by = ("RPC-TOPIC-004",)

    def named(self, topic: str) -> str:
        return topic[:40]


class TakesAnyTopic(Mutant):
    """Whatever a topic is, its str() will do."""

    caught_by = ("RPC-TOPIC-005", "RPC-TOPIC-006")

    def named(self, topic: Any) -> str:
        try:
            check_topic(topic)
        except InvalidMessage:
            return f"odd {topic!r}"[:50]
        return str(topic)

    def _send(self, kind: str, context: Any, topic: str, msg: Any) -> Envelope:
        return super()._send(kind, context, self.named(topic), msg)

    class connection(Connection):
        def create_consumer(self, topic: str, proxy: Any, fanout: bool = False) -> None:
            super().create_consumer(self._bus.named(topic), proxy, fanout)  # type: ignore[attr-defined]


class WantsConsumers(Mutant):
    """Who sends to nobody is told so."""

    caught_by = ("RPC-TOPIC-007", "RPC-WHOLE-001")

    def _send(self, kind: str, context: Any, topic: str, msg: Any) -> Envelope:
        if isinstance(topic, str) and topic not in self.topics:
            raise BackendUnavailable("nobody is there")
        return super()._send(kind, context, topic, msg)


class KeepsForTheFirst(Mutant):
    """A topic exists from the first message on."""

    caught_by = ("RPC-TOPIC-008",)

    class broker(WrongBroker):
        def send(self, now: int, kind: str, topic: str, *rest: Any) -> Envelope:
            place = self.topic(topic)
            if not place.keeps:
                place.keeps = True
                self._number(place.shared)
            return super().send(now, kind, topic, *rest)


class CallsReachFanoutConsumers(Mutant):
    """A call goes to whoever is there."""

    caught_by = ("RPC-TOPIC-010",)
    stands_for = "oslo.messaging 09cd9c0f, LP 1336759"

    class broker(WrongBroker):
        def send(self, now: int, kind: str, topic: str, *rest: Any) -> Envelope:
            place = self.topics.get(topic)
            if kind == "call" and place is not None and not place.keeps and place.fanouts:
                method, payload, cause = rest[:3]
                return super().send(now, kind, topic, method, payload, cause, place.fanouts[0])
            return super().send(now, kind, topic, *rest)
