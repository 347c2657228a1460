"""What is known of a server, and how the news of it spreads."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from compute import rpc
from compute.context import RequestContext


class Status(StrEnum):
    """The stages of a server's life, in their order."""

    SCHEDULING = "SCHEDULING"
    BUILDING = "BUILDING"
    ACTIVE = "ACTIVE"
    ERROR = "ERROR"
    DELETED = "DELETED"

    def is_before(self, other: Status) -> bool:
        stages = list(Status)
        return stages.index(self) < stages.index(other)


@dataclass(frozen=True)
class Server:
    """The last news of a server.

    ``fault`` says why it is in `Status.ERROR`, ``request`` whose work the news is about.
    """

    name: str
    status: Status
    host: str | None = None
    fault: str | None = None
    request: str = field(default="", compare=False)


def announce(
    context: RequestContext,
    name: str,
    status: Status,
    host: str | None = None,
    fault: Exception | None = None,
) -> None:
    """Tell every scheduler what has become of a server."""
    rpc.fanout_cast(
        context,
        "scheduler",
        {
            "method": "update_server",
            "args": {
                "name": name,
                "status": status,
                "host": host,
                "fault": f"{type(fault).__name__}: {fault}" if fault else None,
            },
        },
    )
