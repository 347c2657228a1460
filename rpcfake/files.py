"""Files that nobody ever finds half written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def replacing(path: Path, *, errors: str = "strict") -> Iterator[Any]:
    """A text file, in UTF-8 and with the line ends of Unix.

    When the ``with`` ends it takes the place of what is there, in one step; where it fails, what
    was there stays."""
    beside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with open(beside, "w", encoding="utf-8", errors=errors, newline="\n") as file:
            yield file
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
