"""The compute manager: it runs on every host and builds the servers there."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from compute import image as images
from compute import rpc
from compute.context import RequestContext, admin_context
from compute.errors import Forbidden, InsufficientResources, ServerNotFound
from compute.flags import FLAGS
from compute.server import Status, announce


@dataclass(frozen=True)
class Claim:
    """A part of a host's memory (megabytes) that a project's server holds."""

    memory: int
    project: str


class ComputeManager:
    """One host of the cloud, reached at the topic ``compute.<host>``."""

    def __init__(self, host: str, memory: int) -> None:
        self.host = host
        self.memory = memory
        self.claims: dict[str, Claim] = {}
        self._lock = threading.Lock()  # never held while waiting

    @property
    def free(self) -> int:
        return self.memory - sum(claim.memory for claim in self.claims.values())

    def init_host(self) -> None:
        self.report(admin_context())

    def report(self, context: RequestContext) -> None:
        """Tell every scheduler how much memory is free here."""
        args = {"host": self.host, "free": self.free}
        rpc.fanout_cast(context, "scheduler", {"method": "update_host", "args": args})

    def get_capacity(self, context: RequestContext) -> int:
        """The free memory in megabytes."""
        return self.free

    def build_server(self, context: RequestContext, name: str, memory: int, image: str) -> None:
        """Fetch the image and start the server; every scheduler hears how it goes."""
        try:
            self._claim(name, Claim(memory, context.project))
        except InsufficientResources as fault:
            announce(context, name, Status.ERROR, self.host, fault)
            raise
        announce(context, name, Status.BUILDING, self.host)
        try:
            images.fetch(context, image)
            time.sleep(FLAGS.build_time)
        except Exception as fault:
            self.claims.pop(name, None)
            announce(context, name, Status.ERROR, self.host, fault)
            raise
        if name in self.claims:  # else it was deleted meanwhile
            announce(context, name, Status.ACTIVE, self.host)
            self.report(context)

    def delete_server(self, context: RequestContext, name: str) -> None:
        """Stop a server of the asker's own project (an admin: of any)."""
        if name not in self.claims:
            raise ServerNotFound(f"host {self.host} has no server {name!r}")
        project = self.claims[name].project
        if not (context.is_admin or context.project == project):
            raise Forbidden(f"server {name!r} belongs to project {project!r}")
        del self.claims[name]
        announce(context, name, Status.DELETED)
        self.report(context)

    def _claim(self, name: str, claim: Claim) -> None:
        """Take the memory before anything waits: two schedulers may have chosen the same host."""
        with self._lock:
            if claim.memory > self.free:
                raise InsufficientResources(
                    f"host {self.host} has {self.free} MB free, {name!r} needs {claim.memory}"
                )
            self.claims[name] = claim
