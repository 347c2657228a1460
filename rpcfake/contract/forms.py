"""The forms in which a sender may have its context: any mapping, and an object with to_dict()."""

from __future__ import annotations

from collections import ChainMap, OrderedDict, UserDict
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any


class Read(Mapping[str, Any]):
    """A mapping that is no dict, and that has nothing but what a mapping must have."""

    def __init__(self, wire: dict[str, Any]) -> None:
        self._wire = wire

    def __getitem__(self, key: str) -> Any:
        return self._wire[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._wire)

    def __len__(self) -> int:
        return len(self._wire)


class Carried:
    """An object with to_dict(), as projects have it: attributes, and things that must not
    travel."""

    def __init__(self, wire: dict[str, Any]) -> None:
        self._wire = wire
        self.pool = object()

    def to_dict(self) -> dict[str, Any]:
        return dict(self._wire)


class CarriedMapping(Carried):
    """Its to_dict() gives a mapping that is no dict."""

    def to_dict(self) -> Any:
        return MappingProxyType(self._wire)


class Giving:
    """An object whose to_dict() gives away its own dict."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = dict(values)

    def to_dict(self) -> dict[str, Any]:
        return self.values

    def __repr__(self) -> str:
        return f"forms.Giving({self.values!r})"


FORMS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "dict": dict,
    "OrderedDict": OrderedDict,
    "UserDict": UserDict,
    "ChainMap": lambda wire: ChainMap(wire, {}),
    "MappingProxyType": MappingProxyType,
    "Mapping": Read,
    "object": Carried,
    "object of a Mapping": CarriedMapping,
}
"""Makers of contexts that all stand for the same dict."""
