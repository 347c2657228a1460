"""What can go wrong in the cloud. A remote caller sees these as `compute.rpc.RemoteError`."""

from __future__ import annotations


class NoValidHost(Exception):
    """No host that answers has room for the server."""


class InsufficientResources(Exception):
    """The host has no room any more for a server that it was told to build."""


class ServerExists(Exception):
    """The name is taken."""


class ServerNotFound(Exception):
    """Nobody knows a server of that name."""


class ImageNotFound(Exception):
    """The image store has no such image."""


class Forbidden(Exception):
    """The server belongs to another project."""
