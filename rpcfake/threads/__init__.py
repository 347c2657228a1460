"""The loop over the core for code that insists on real threads and the real clock."""

from rpcfake.threads.bus import ThreadedBus

__all__ = ["ThreadedBus"]
