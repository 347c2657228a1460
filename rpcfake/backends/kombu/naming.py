"""What topics are called on the broker.

The names are injective, so no topic gets what was sent to another; and they hold nothing that a
topic exchange takes for a wildcard, or a transport for a separator."""

from __future__ import annotations

import re
from hashlib import sha256
from urllib.parse import quote
from uuid import uuid4

KEPT = "/:@ "
"""Characters that stay as they are, besides ASCII letters, digits, and ``_.-~``."""

LONGEST = 180
"""How long an encoded topic may be; AMQP allows names of 255 bytes."""


def encode(topic: str) -> str:
    """The name of a topic: percent-encoded, or a hash where that gets too long.

    A hash begins as no percent-encoded text can: ``s`` is no hexadecimal digit.
    """
    name = quote(topic, safe=KEPT)
    if len(name) <= LONGEST:
        return name
    return f"%sha256:{sha256(topic.encode()).hexdigest()}"


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
