"""A small pure model of the bus, against which the machine compares a backend.

It knows what must happen, what may, and what must not; it has no queues, no order and no time.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Member:
    """One consumer of the model."""

    name: str
    topic: str
    fanout: bool
    connection: int
    started: bool = False
    closed: bool = False


@dataclass
class Sent:
    """One message of the model, and who may take it."""

    tag: int
    topic: str
    fanout: bool
    must: set[str] = field(default_factory=set)
    """Of a fanout cast: each of these must take it once, unless closed since."""
    may: set[str] = field(default_factory=set)
    """Who was allowed to take it at some time."""
    kept: bool = True
    """Whether it must be kept until somebody can take it."""
    expired: bool = False
    """Whether nobody may take it any more."""


class Model:
    """The state of the bus as far as the rules fix it.

    Args:
        durable: whether what was not taken is kept while a topic has no consumer.
    """

    def __init__(self, durable: bool) -> None:
        self._durable = durable
        self.members: list[Member] = []
        self.sent: dict[int, Sent] = {}
        self._declared: set[str] = set()
        self._started: set[int] = set()
        self._closed: set[int] = set()

    def declare(self, connection: int, topic: str, name: str, fanout: bool) -> None:
        """A consumer was created."""
        member = Member(name, topic, fanout, connection)
        self.members.append(member)
        if not fanout:
            self._declared.add(topic)
        if connection in self._started:
            self._start(member)

    def start(self, connection: int) -> None:
        """A connection consumes."""
        self._started.add(connection)
        for member in self.members:
            if member.connection == connection:
                self._start(member)

    def _start(self, member: Member) -> None:
        member.started = True
        for sent in self.sent.values():
            if member.fanout or sent.fanout or sent.expired:
                continue
            if sent.topic == member.topic:
                sent.may.add(member.name)

    def close(self, connection: int) -> None:
        """A connection was closed."""
        self._closed.add(connection)
        topics = set()
        for member in self.members:
            if member.connection == connection and not member.closed:
                member.closed = True
                topics.add(member.topic)
        if self._durable:
            return
        for topic in topics:
            if not any(one.topic == topic and not one.fanout for one in self._open()):
                for sent in self.sent.values():
                    if sent.topic == topic and not sent.fanout:
                        sent.kept = False

    def cast(self, tag: int, topic: str) -> None:
        """A message for one consumer of the topic was sent."""
        kept = topic in self._declared and (
            self._durable or any(one.topic == topic and not one.fanout for one in self._open())
        )
        takers = {one.name for one in self._serving(topic)}
        self.sent[tag] = Sent(tag, topic, False, may=takers, kept=kept)

    def fanout_cast(self, tag: int, topic: str) -> None:
        """A message for each fanout consumer of the topic was sent."""
        takers = {one.name for one in self._open() if one.topic == topic and one.fanout}
        self.sent[tag] = Sent(tag, topic, True, must=set(takers), may=takers)

    def give_up(self, tag: int) -> None:
        """The caller of a message gave up: it may be taken or not."""
        self.sent[tag].kept = False

    def expire(self, tag: int) -> None:
        """The caller of a message gave up while nobody could take it: nobody may any more."""
        sent = self.sent[tag]
        sent.kept, sent.expired = False, True
        sent.may.clear()

    def served(self, topic: str) -> bool:
        """Whether a call to the topic is answered."""
        return bool(self._serving(topic))

    def is_open(self, connection: int) -> bool:
        """Whether a connection was not closed."""
        return connection not in self._closed

    def due(self, tag: int) -> set[str] | bool:
        """Who must have taken a message by now: names for a fanout cast, else whether anybody
        must."""
        sent = self.sent[tag]
        if sent.fanout:
            return {one.name for one in self._open() if one.name in sent.must and one.started}
        return sent.kept and bool(self._serving(sent.topic))

    def wrong(self, tag: int, takers: list[str]) -> str | None:
        """Why these may not be the takers of a message by now, or None."""
        sent = self.sent[tag]
        strangers = [name for name in takers if name not in sent.may]
        if strangers:
            return f"message {tag} was taken by {strangers[0]}, which it was not for"
        for name in takers:
            if takers.count(name) > 1:
                return f"message {tag} was taken {takers.count(name)} times by {name}"
        if not sent.fanout and len(takers) > 1:
            return f"message {tag} was taken by {' and by '.join(takers)}, it is for one"
        return None

    def missing(self, tag: int, takers: list[str]) -> str | None:
        """Who should have taken a message by now and has not, as a text, or None."""
        due = self.due(tag)
        if isinstance(due, set):
            absent = sorted(due - set(takers))
            return f"message {tag} was not taken by {absent[0]}" if absent else None
        return f"message {tag} was taken by nobody" if due and not takers else None

    def _open(self) -> list[Member]:
        return [one for one in self.members if not one.closed]

    def _serving(self, topic: str) -> list[Member]:
        return [
            one for one in self._open() if one.topic == topic and not one.fanout and one.started
        ]
