"""The harness of a backend that brings none: threads and the real clock."""

from __future__ import annotations

from typing import Any

from rpcfake.backends.harness import ThreadHarness


def harness_of(backend: Any) -> Any:
    """The backend's own harness, or threads."""
    return getattr(backend, "harness", None) or ThreadHarness()
