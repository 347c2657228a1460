"""A backend as it is named on a command line: ``NAME`` or ``NAME=URL``, and options."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rpcfake.backends.port import Backend
from rpcfake.backends.registry import find_backend

_PASSWORD = re.compile(r"(://[^/@:\s]*:)([^/@\s]+)(?=@)")


@dataclass(frozen=True)
class BackendSpec:
    """What `find_backend` is to be asked for.

    Attributes:
        name: a registered name, ``pkg.mod`` or ``pkg.mod:attr``.
        options: for what makes it; ``url`` is where the broker is.
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str, options: Mapping[str, Any]) -> BackendSpec:
        """The one that ``NAME`` or ``NAME=URL`` stands for, with these options as well."""
        name, equals, url = text.partition("=")
        return cls(name, {**options, "url": url} if equals else dict(options))

    def find(self) -> Backend:
        """The backend; a new one where the name stands for what makes one.

        Raises:
            BackendUnavailable, TypeError: as `find_backend`.
        """
        return find_backend(self.name, **self.options)

    @property
    def shown(self) -> str:
        """``NAME`` or ``NAME=URL``, without the password."""
        url = self.options.get("url")
        return self.name if url is None else f"{self.name}={without_password(str(url))}"

    @property
    def program(self) -> str:
        """The call of `rpcfake.contract.play` that makes it, without the password."""
        options = "".join(f", {name}={value!r}" for name, value in self.options.items())
        return f"play({self.name!r}{without_password(options)})"


def without_password(url: str) -> str:
    """A URL whose password is ``***``; but for ``guest``, which everybody knows."""
    return _PASSWORD.sub(lambda found: found[1] + (found[2] if found[2] == "guest" else "***"), url)


def parse_option(text: str) -> tuple[str, Any]:
    """The name and the value of ``NAME=VALUE``, where VALUE is JSON or else a str.

    Raises:
        ValueError: it is not so.
    """
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise ValueError(f"{text!r}: it must be NAME=VALUE, NAME as in Python")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
