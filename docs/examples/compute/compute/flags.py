"""The settings of the service."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Flags:
    """Times are in seconds, sizes in megabytes."""

    rpc_backend: str = "rpcfake"
    """The module that carries the messages: anything with the five functions of `compute.rpc`."""
    call_timeout: float = 5.0
    """How long a host may take to answer the scheduler."""
    call_attempts: int = 2
    """How often the scheduler asks a host before it gives it up."""
    build_time: float = 20.0
    """How long a hypervisor takes to start a server."""
    image_chunk: int = 256
    """An image travels in chunks of this size; each one is reported as progress."""
    image_speed: float = 128.0
    """Megabytes of an image that travel in one second."""
    image_timeout: float = 10.0
    """How long the next chunk may take to arrive."""


FLAGS = Flags()
