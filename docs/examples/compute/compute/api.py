"""What the users of the cloud call."""

from __future__ import annotations

from compute import rpc
from compute.context import RequestContext
from compute.errors import ServerNotFound
from compute.server import Server, Status


class API:
    """The front of the cloud: it only turns requests into messages, and keeps nothing itself."""

    def boot(self, context: RequestContext, name: str, memory: int, image: str) -> None:
        """Ask for a server with this much memory (megabytes); returns before it is built."""
        if memory <= 0:
            raise ValueError(f"memory is {memory}: it must be more than 0 megabytes")
        server = {"name": name, "memory": memory, "image": image}
        rpc.cast(context, "scheduler", {"method": "run_server", "args": server})

    def where(self, context: RequestContext, memory: int) -> str:
        """The host that a server of this size would go to now; else RemoteError of NoValidHost."""
        return str(
            rpc.call(context, "scheduler", {"method": "select_host", "args": {"memory": memory}})
        )

    def show(self, context: RequestContext, name: str) -> Server:
        """The last news of a server; RemoteError of ServerNotFound if there is none."""
        news = rpc.call(context, "scheduler", {"method": "show_server", "args": {"name": name}})
        return Server(**news | {"status": Status(news["status"])})

    def delete(self, context: RequestContext, name: str) -> None:
        """Stop a server and give back its memory; returns when that is done."""
        host = self.show(context, name).host
        if host is None:
            raise ServerNotFound(f"server {name!r} is on no host")
        rpc.call(context, f"compute.{host}", {"method": "delete_server", "args": {"name": name}})
