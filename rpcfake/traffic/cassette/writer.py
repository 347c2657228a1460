"""Writing a cassette: traffic that is there, or records as they come."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from rpcfake.files import replacing
from rpcfake.hints import brief
from rpcfake.traffic.cassette.layout import END, Header, dump
from rpcfake.traffic.cassette.lines import Lines
from rpcfake.traffic.cassette.redaction import Redaction, Redactor, check_redaction
from rpcfake.traffic.log import Log

FILE: Any = {"encoding": "utf-8", "errors": "backslashreplace", "newline": "\n"}
"""How it is written. In JSON what this makes of a lone surrogate is its escape."""


class CassetteWriter:
    """Writes a cassette line by line: what was written is in the file, whatever happens then.

    Use it in a ``with``, or close it: only then the file is whole. And only then what is secret is
    taken out of the lines before the one that told it to be secret, too.

    Args:
        path: the file; what was there is gone.
        header: what to say of it. By its rules secrets are taken out.

    Raises:
        OSError: it can't be written.
    """

    def __init__(self, path: str | os.PathLike[str], header: Header) -> None:
        self._redactor = None if header.redacted is None else Redactor(header.redacted)
        self._path = Path(os.path.realpath(path))
        self._file = open(path, "w", buffering=1, **FILE)  # noqa: SIM115 - `close` does
        self._file.write(header.to_line())

    def write(self, entry: Mapping[str, Any]) -> None:
        """Write the line of one record, as `read_entries` gives it."""
        if self._redactor is not None:
            entry = redact_entry(self._redactor, entry)
        self._file.write(dump(entry) + "\n")

    def close(self) -> None:
        """Write the end. Closing twice is closing once."""
        if self._file.closed:
            return
        self._file.write(END)
        self._file.close()
        if self._redactor is not None and self._redactor.knows_any and self._path.is_file():
            with replacing(self._path, errors=FILE["errors"]) as file:
                file.writelines(_redacted_again(self._redactor, self._path))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _redacted_again(redactor: Redactor, path: Path) -> Iterator[str]:
    """The lines of a cassette, without secrets that were told later in it."""
    with open(path, **FILE) as file:
        yield file.readline()  # the header
        for line in file:
            if redactor.has_known(line):
                yield dump(redact_entry(redactor, json.loads(line))) + "\n"
            else:
                yield line


def redact_entry(redactor: Redactor, entry: Mapping[str, Any]) -> dict[str, Any]:
    """A line without secrets; names and ids stay."""
    secret = ("args", "context", "headers", "value", "failure")
    return {
        name: redactor.redact(value) if name in secret else value for name, value in entry.items()
    }


def save_traffic(
    log: Log,
    seqs: Any,
    path: str | os.PathLike[str],
    redact: bool | Redaction | None,
    times: bool,
    tracebacks: bool,
) -> None:
    """See `Traffic.save`."""
    rules = check_redaction(redact)
    for name, value in (("times", times), ("tracebacks", tracebacks)):
        if not isinstance(value, bool):
            raise TypeError(f"{name} is {brief(value)}: it must be True or False")
    origin = log.origin
    clock = origin.clock if times else "none"
    header = Header(origin.codec, clock, origin.made_by, rules or origin.redacted)
    lines = Lines(log, seqs, Redactor(rules) if rules else None, times, tracebacks)
    # What a link leads to is written, and the link stays.
    with replacing(Path(os.path.realpath(path)), errors=FILE["errors"]) as file:
        file.write(header.to_line())
        file.writelines(lines)
        file.write(END)
