"""The scheduler: it knows the hosts from their reports and sends each server to one of them."""

from __future__ import annotations

import logging
import threading
from dataclasses import asdict
from typing import Any

from compute import rpc
from compute.context import RequestContext, admin_context
from compute.errors import NoValidHost, ServerExists, ServerNotFound
from compute.flags import FLAGS
from compute.server import Server, Status, announce

LOG = logging.getLogger(__name__)


class SchedulerManager:
    """Any number of schedulers share the topic ``scheduler``; each hears every report by fanout."""

    def __init__(self) -> None:
        self.hosts: dict[str, int] = {}  # free megabytes, as last reported
        self.servers: dict[str, Server] = {}
        self._lock = threading.Lock()  # never held while waiting

    def init_host(self) -> None:
        """Ask the hosts that were here first to report."""
        rpc.fanout_cast(admin_context(), "compute", {"method": "report"})

    # What the hosts tell, by fanout.

    def update_host(self, context: RequestContext, host: str, free: int) -> None:
        self.hosts[host] = free

    def update_server(
        self, context: RequestContext, name: str, status: str, host: str | None, fault: str | None
    ) -> None:
        """News may overtake each other; what is said late about one request changes nothing."""
        news = Server(name, Status(status), host, fault, context.request_id)
        with self._lock:
            known = self.servers.get(name)
            if known and known.request == news.request and news.status.is_before(known.status):
                return
            self.servers[name] = news
            if news.status is Status.DELETED:
                del self.servers[name]

    # What the API asks.

    def show_server(self, context: RequestContext, name: str) -> dict[str, Any]:
        if name not in self.servers:
            raise ServerNotFound(f"there is no server {name!r}")
        return asdict(self.servers[name])

    def run_server(self, context: RequestContext, name: str, memory: int, image: str) -> None:
        """Choose a host and have it build the server."""
        with self._lock:
            known = self.servers.get(name)
            if known and known.status is not Status.ERROR:
                raise ServerExists(f"there is a server {name!r} already")
            self.servers[name] = Server(name, Status.SCHEDULING, request=context.request_id)
        announce(context, name, Status.SCHEDULING)
        try:
            host = self.select_host(context, memory)
        except NoValidHost as fault:
            announce(context, name, Status.ERROR, fault=fault)
            return
        server = {"name": name, "memory": memory, "image": image}
        rpc.cast(context, f"compute.{host}", {"method": "build_server", "args": server})

    def select_host(self, context: RequestContext, memory: int) -> str:
        """The host with the most free memory; each is asked anew, since reports grow old."""
        # Reports may arrive while this waits for answers, hence the copy.
        free = {host: self._ask_capacity(context, host) for host in sorted(self.hosts)}
        host = max(free, key=free.__getitem__, default=None)
        if host is None or free[host] < memory:
            raise NoValidHost(f"no host has {memory} MB free: {free}")
        return host

    def _ask_capacity(self, context: RequestContext, host: str) -> int:
        """The free megabytes of a host; 0 for one that stays silent, which is then forgotten."""
        for attempt in range(1, FLAGS.call_attempts + 1):
            try:
                return int(
                    rpc.call(
                        context,
                        f"compute.{host}",
                        {"method": "get_capacity"},
                        timeout=FLAGS.call_timeout,
                    )
                )
            except rpc.Timeout:
                LOG.warning("host %s is silent (attempt %d)", host, attempt)
        self.hosts.pop(host, None)  # until it reports again
        return 0
