"""A whole cloud in one process: what runs on many machines in production."""

from __future__ import annotations

from collections.abc import Mapping

from compute.api import API
from compute.image import ImageManager
from compute.manager import ComputeManager
from compute.scheduler import SchedulerManager
from compute.service import Service


class Cloud:
    """One scheduler, an image store and some hosts, all on the bus that `compute.rpc` leads to.

    ``hosts`` maps names to memory and ``images`` names to sizes, both in megabytes.
    """

    def __init__(self, hosts: Mapping[str, int], images: Mapping[str, int]) -> None:
        self.api = API()
        self.scheduler = SchedulerManager()
        self.hosts = {host: ComputeManager(host, memory) for host, memory in hosts.items()}
        self.services = {
            "scheduler": Service("scheduler", "control", self.scheduler),
            "image": Service("image", "store", ImageManager(images)),
        } | {host: Service("compute", host, manager) for host, manager in self.hosts.items()}
        for service in self.services.values():
            service.start()
