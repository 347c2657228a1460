"""What exchanges and queues are called on the broker."""

from __future__ import annotations

import re
from uuid import uuid4

from rpcfake.backends.naming import encode


class Names:
    """The names of all exchanges and queues.

    The three exchanges are permanent and of type topic, so that what passes can be tapped by a
    queue that is bound to them with ``#``.

    Args:
        prefix: what all of them begin with; services talk if they have the same.
    """

    def __init__(self, prefix: str) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_.-]{1,40}", prefix):
            raise ValueError(
                f"prefix is {prefix!r}: it must be 1 to 40 letters, digits, '_', '.' or '-'"
            )
        self._prefix = prefix
        self.topics = f"{prefix}.topics"
        self.fanouts = f"{prefix}.fanouts"
        self.replies = f"{prefix}.replies"

    def topic_queue(self, topic: str) -> str:
        """The queue that the consumers of a topic share."""
        return f"{self._prefix}.topic.{encode(topic)}"

    def own_queue(self, purpose: str) -> str:
        """A fresh name of a queue that only one connection reads."""
        return f"{self._prefix}.{purpose}.{uuid4().hex}"
