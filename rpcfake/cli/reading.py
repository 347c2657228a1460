"""What the commands that read cassettes share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from rpcfake.errors import CassetteError
from rpcfake.message import Kind

KINDS = click.option(
    "--kind",
    "kinds",
    type=click.Choice([*map(str, Kind)]),
    multiple=True,
    help="Only records of this kind. May be given several times.",
)
"""The option that `show` and `diff` have in common."""

UNREADABLE = 2
"""The exit code where a file is no cassette, or can't be read."""


@contextmanager
def readable(path: str) -> Iterator[None]:
    """Say in one line why a file can't be read, and exit."""
    try:
        yield
    except CassetteError as error:
        why = str(error)
    except OSError as error:
        why = f"{path}: {(error.strerror or str(error)).lower()}"
    else:
        return
    click.echo(f"Error: {why}", err=True)
    raise SystemExit(UNREADABLE)
