"""The option `patch`: for a while, a project's own rpc module speaks through rpcfake."""

from __future__ import annotations

import pkgutil
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import NoReturn

from pytest_rpcfake.options import Settings, refuse
from rpcfake import rpc

FUNCTIONS = ("create_connection", "call", "multicall", "cast", "fanout_cast")

_replaced: dict[tuple[ModuleType, str], tuple[object, int]] = {}
"""A module's own function, and for how many buses it is replaced: they may end in any order.

None for a function that the module only makes when it is asked for it, by ``__getattr__``.
"""


@contextmanager
def patched(settings: Settings) -> Iterator[None]:
    """The modules' own five functions are rpcfake's inside, and put back after.

    Raises:
        pytest.UsageError: a module that can't be imported, or has none of the five.
    """
    places = [
        (module, name) for module in _modules(settings) for name in _functions(module, settings)
    ]
    for place in places:
        _replace(*place)
    try:
        yield
    finally:
        for place in places:
            _put_back(*place)


def _replace(module: ModuleType, name: str) -> None:
    own, users = _replaced.get((module, name)) or (vars(module).get(name), 0)
    _replaced[module, name] = own, users + 1
    setattr(module, name, getattr(rpc, name))


def _put_back(module: ModuleType, name: str) -> None:
    own, users = _replaced.pop((module, name))
    if users > 1:
        _replaced[module, name] = own, users - 1
    elif own is not None:
        setattr(module, name, own)
    else:
        delattr(module, name)


def _modules(settings: Settings) -> list[ModuleType]:
    return [
        module if isinstance(module, ModuleType) else _imported(module, settings.sources["patch"])
        for module in settings.patch
    ]


def _functions(module: ModuleType, settings: Settings) -> list[str]:
    names = [name for name in FUNCTIONS if callable(getattr(module, name, None))]
    if not names:
        refuse(
            f"{settings.sources['patch']}: module {module.__name__!r} has none of the functions "
            f"that patch replaces: {', '.join(FUNCTIONS)}"
        )
    return names


def _imported(name: str, source: str) -> ModuleType:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            refuse(f"{source}: there is no module {name!r}{_near_miss(name, error.name)}")
        _refuse_failing(name, source, error)
    except Exception as error:
        _refuse_failing(name, source, error)


def _refuse_failing(name: str, source: str, error: Exception) -> NoReturn:
    last = traceback.extract_tb(error.__traceback__)[-1]
    refuse(
        f"{source}: importing module {name!r} failed with {type(error).__name__}: {error} "
        f"({last.filename}:{last.lineno})"
    )


def _near_miss(name: str, missing: str) -> str:
    """A hint for the first part of the dotted name that does not exist."""
    from rpcfake.hints import nearest

    parent, _, last = missing.rpartition(".")
    path = getattr(sys.modules.get(parent), "__path__", None) if parent else None
    if parent and path is None:
        return f": {parent!r} is a module, no package"
    near = nearest(last, [module.name for module in pkgutil.iter_modules(path)])
    if near is not None:
        start = f"{parent}.{near}" if parent else near
        return f"; did you mean {start + name[len(missing) :]!r}?"
    if parent:
        return f": {parent!r} has no {last!r}"
    return ": nothing importable is named like that"
