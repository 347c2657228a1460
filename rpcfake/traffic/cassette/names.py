"""The ids of messages in a cassette."""

from __future__ import annotations

from rpcfake.traffic.cassette.layout import dump


class Label:
    """A topic and a method: as JSON, and how many messages have it."""

    __slots__ = ("_numbers", "method", "start", "topic")

    def __init__(self, start: str, topic: str, method: str, numbers: dict[str, int]) -> None:
        self.start = start
        """The beginning of their ids as JSON: ``"shop.buy#`` without the end."""
        self.topic = dump(topic)
        self.method = dump(method)
        self._numbers = numbers

    def count(self) -> int:
        """The number of one more message."""
        # Counted by what the names read like joined: two pairs may read alike.
        self._numbers[self.start] = number = self._numbers.get(self.start, 0) + 1
        return number


class Names:
    """Gives each message its id: ``shop.buy#2`` is the second ``buy`` that was sent to ``shop``.

    A message that comes in between changes the ids of its own name only, so that a diff of two
    cassettes shows little else.
    """

    def __init__(self) -> None:
        self._labels: dict[tuple[str, str], Label] = {}
        self._numbers: dict[str, int] = {}

    def label(self, topic: str, method: str) -> Label:
        """The label of a topic and a method."""
        label = self._labels.get((topic, method))
        if label is None:
            start = dump(f"{topic}.{method}#")[:-1]
            label = self._labels[topic, method] = Label(start, topic, method, self._numbers)
        return label

    def new(self, topic: str, method: str) -> str:
        """The id of one more message."""
        label = self.label(topic, method)
        return f"{topic}.{method}#{label.count()}"
