"""The clauses, a module for each group of rules."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules


def load() -> None:
    """Import every module of clauses; each registers its own."""
    for module in iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
