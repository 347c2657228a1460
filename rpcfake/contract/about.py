"""What a judgement ran with: versions, so that a matrix can be read a year later."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

_PACKAGES = ("rpcfake", "hypothesis", "kombu", "amqp", "redis", "oslo.messaging")


def versions() -> dict[str, str]:
    """Python and the packages that take part, as far as they are installed."""
    found = {"python": platform.python_version(), "system": platform.system()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
