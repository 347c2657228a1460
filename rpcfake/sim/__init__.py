"""The deterministic loop over the core: tasks, virtual time, schedules."""

from rpcfake.sim.bus import Bus
from rpcfake.sim.worker import Task

__all__ = ["Bus", "Task"]
