"""Which backend the five functions go to: chosen late, at the first call."""

from __future__ import annotations

import os
from typing import Any

from rpcfake.backends.port import Backend
from rpcfake.backends.registry import find_backend
from rpcfake.errors import BackendUnavailable, ConnectionClosed

ENVIRONMENT = "RPCFAKE_BACKEND"
"""Names the backend where the program chose none; without it that is ``memory``."""


_chosen: list[Choice] = []
"""The choices that are not undone; the last one counts."""

_retired = ""
"""Why there is no default backend; "" while there is one."""


def active_backend() -> Backend:
    """The backend in use; the first call without a choice makes the default one."""
    if not _chosen:
        Choice(_find_default())
    return _chosen[-1].backend


def _find_default() -> Backend:
    named = os.environ.get(ENVIRONMENT)
    if not named:
        if _retired:
            raise ConnectionClosed(_retired)
        return find_backend("memory")
    try:
        return find_backend(named)
    except (BackendUnavailable, TypeError) as error:
        raise BackendUnavailable(f"{ENVIRONMENT} is {named!r}: {error}") from error


class Choice:
    """One choice of a backend: holds until it is undone or another is made; undo it with
    ``with``."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        _chosen.append(self)

    def __enter__(self) -> Backend:
        return self.backend

    def __exit__(self, *exc: object) -> None:
        self.undo()

    def undo(self) -> None:
        """What was active before is active again. Undoing twice is undoing once."""
        if self in _chosen:
            _chosen.remove(self)


def use_backend(spec: Any, **options: Any) -> Choice:
    """Send from now on over this backend; ``with use_backend(…) as backend:`` for a time only.

    Args:
        spec: a registered name such as ``"memory"``, ``"pkg.mod"``, ``"pkg.mod:attr"``, or an
            object with the five functions.
        options: for the backend that a name stands for, such as ``seed=7`` for ``"memory"``.

    Raises:
        BackendUnavailable: there is no such backend, or it can't be had.
        TypeError: spec is nothing that could be one, or it does not take these options.
    """
    return Choice(find_backend(spec, **options))


def retire(reason: str) -> None:
    """From now on there is no default: while no backend is chosen, and the environment names
    none, every use raises `ConnectionClosed`."""
    global _retired
    _retired = reason
