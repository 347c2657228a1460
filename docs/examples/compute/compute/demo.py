"""One server build, from the request to the running server, on a bus of your choice."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from compute.cloud import Cloud
from compute.context import RequestContext
from compute.server import Server, Status

if TYPE_CHECKING:
    from rpcfake import Bus


def run(bus: Bus) -> Server:
    """Build a cloud of two hosts, of which one goes silent, and boot one server.

    Returns the last news of the server. The scheduler asks the silent host twice before it turns to
    the other; with the image transfer and the build that takes 38 seconds, all of them virtual.
    """
    logging.getLogger("compute").addHandler(logging.NullHandler())  # the traffic tells it all
    with bus.installed():
        cloud = Cloud(hosts={"alpha": 4096, "beta": 8192}, images={"debian": 1024})
        bus.run()
        cloud.services["beta"].stop()
        context = RequestContext("ada", "engines", "req-1")
        cloud.api.boot(context, "web", memory=2048, image="debian")
        bus.run_until(lambda: _is_settled(cloud, "web"), timeout=300)
        bus.run()
        return cloud.scheduler.servers["web"]


def _is_settled(cloud: Cloud, name: str) -> bool:
    server = cloud.scheduler.servers.get(name)
    return server is not None and server.status in (Status.ACTIVE, Status.ERROR)
