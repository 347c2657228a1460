"""Finds a backend by what the user calls it."""

from __future__ import annotations

import importlib
from typing import Any, cast

from rpcfake.backends.port import FUNCTIONS, Backend, missing_functions
from rpcfake.errors import BackendUnavailable
from rpcfake.hints import brief, did_you_mean, listing

GROUP = "rpcfake.backends"
"""The entry-point group in which backends register."""

OWN = {
    "kombu": "rpcfake.backends.kombu:kombu",
    "memory": "rpcfake.backends.memory:memory",
    "memory-threads": "rpcfake.backends.memory:memory_threads",
}
"""Those of this package; they need no installed metadata."""


_FACADE = "rpcfake.rpc"


def known_backends() -> dict[str, str]:
    """The registered names, in their alphabetical order, and where each is found."""
    # Late: it costs more than the rest of the package, and most runs never ask.
    from importlib.metadata import entry_points

    found = {entry.name: entry.value for entry in entry_points(group=GROUP)}
    return dict(sorted({**found, **OWN}.items()))


def find_backend(spec: Any, **options: Any) -> Backend:
    """The backend that spec stands for.

    Args:
        spec: a registered name, ``"pkg.mod"``, ``"pkg.mod:attr"``, or an object with the five
            functions.
        options: passed to what spec names, where that is a class or a function that makes a
            backend.

    Raises:
        BackendUnavailable: there is no such name or module, it can't be imported, or it lacks one
            of the five functions.
        TypeError: spec is no str and has none of them, or options where none fit.
    """
    found = import_backend(spec) if isinstance(spec, str) else spec
    name = spec if isinstance(spec, str) else brief(spec)
    missing = missing_functions(found)
    if callable(found) and (missing or isinstance(found, type)):
        try:
            found = found(**options)
        except TypeError as error:
            refusal = (
                f"refuses the options {options!r}" if options else "can't be made without options"
            )
            raise TypeError(f"backend {name} {refusal}: {error}") from error
        missing = missing_functions(found)
    elif options:
        raise TypeError(
            f"backend {name} takes no options, got {listing(options)}:"
            " it is a backend already, not what makes one"
        )
    if len(missing) == len(FUNCTIONS) and not isinstance(spec, str):
        raise TypeError(
            f"backend is {name}: it must be a name, 'pkg.mod', 'pkg.mod:attr',"
            f" or an object with {', '.join(FUNCTIONS)}"
        )
    if missing:
        raise BackendUnavailable(f"backend {name} has no {', '.join(missing)}")
    if getattr(found.call, "__module__", None) == _FACADE:
        raise TypeError(f"backend {name} is the facade itself, which goes to the backend in use")
    return cast(Backend, found)


def import_backend(spec: str) -> Any:
    """What a name stands for: a backend, or what makes one.

    Raises:
        BackendUnavailable: there is nothing of that name, or it can't be imported.
    """
    known = OWN if spec in OWN else known_backends()
    module, _, attribute = known.get(spec, spec).partition(":")
    try:
        found: Any = importlib.import_module(module)
    except (Exception, SystemExit) as error:  # a script may be given by mistake
        unknown = not spec or (isinstance(error, ModuleNotFoundError) and error.name == spec)
        if unknown and "." not in spec:
            raise BackendUnavailable(
                f"no backend {spec!r}{did_you_mean(spec, known)} (registered: {listing(known)};"
                " or give 'pkg.mod', 'pkg.mod:attr' or an object with the five functions)"
            ) from None
        raise BackendUnavailable(
            f"backend {spec!r}: importing {module!r} raised {type(error).__name__}: {error}"
        ) from error
    for part in attribute.split(".") if attribute else ():
        try:
            found = getattr(found, part)
        except AttributeError:
            raise BackendUnavailable(
                f"backend {spec!r}: {module!r} has no {attribute!r}"
                + did_you_mean(part, [name for name in dir(found) if not name.startswith("_")])
            ) from None
    return found
