"""What topics are called on a broker.

The names are injective, so no topic gets what was sent to another; and they hold nothing that a
topic exchange takes for a wildcard, or a transport for a separator."""

from __future__ import annotations

from hashlib import sha256
from urllib.parse import quote

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
