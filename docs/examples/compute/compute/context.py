"""Who asks for what: the context that travels with every message."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass
class RequestContext:
    """One user's request. It crosses the bus as a dict; a handler reads the same attributes."""

    user: str
    project: str
    request_id: str
    is_admin: bool = False

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> RequestContext:
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def admin_context() -> RequestContext:
    """The context of what the cloud does on its own account."""
    return RequestContext("cloud", "cloud", "req-cloud", is_admin=True)
