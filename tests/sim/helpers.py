"""Small words for tests of the buses."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from hypothesis import settings

relaxed = settings(deadline=None)
"""On a busy machine an example may take long."""


def message(method: str, **args: Any) -> dict[str, Any]:
    """A message for the five functions."""
    return {"method": method, "args": args}


def service(**methods: Callable[..., Any]) -> SimpleNamespace:
    """A proxy with these methods, which leave the context aside."""

    def handler(method: Callable[..., Any]) -> Callable[..., Any]:
        return lambda context, **args: method(**args)

    return SimpleNamespace(**{name: handler(method) for name, method in methods.items()})
