"""Reading a cassette. Nothing is ever executed, and what is damaged is not loaded."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

from rpcfake.errors import CassetteError
from rpcfake.hints import brief, did_you_mean
from rpcfake.traffic.cassette.layout import CLOCKS, LONGEST, VERSION, Header
from rpcfake.traffic.cassette.redaction import Redaction
from rpcfake.traffic.cassette.soundness import find_fault

_CUT = "it was cut off, or is still being written"


class Line(NamedTuple):
    """One line of a cassette that is a record.

    Attributes:
        number: which line it is; the header is line 1.
        text: the line as it stands there.
        entry: what it says.
    """

    number: int
    text: str
    entry: dict[str, Any]


def read_header(path: str | os.PathLike[str]) -> Header:
    """What the first line says. Raises as `read_entries`."""
    with open(path, "rb") as file:
        return Reader(path, file).header


def read_entries(
    path: str | os.PathLike[str], wait: Callable[[], object] | None = None
) -> Iterator[dict[str, Any]]:
    """The records of a cassette one by one, each as the dict that stands there.

    It needs memory for one line only, however long the file is. That ids are unique, and that each
    line refers to one before it, is not looked at: `Traffic.load` does.

    Args:
        path: the file.
        wait: called where the file has no more, but no end either, since it is still being written;
            then it is looked at again. None: that is an error.

    Raises:
        CassetteError: the file is no cassette, or damaged; with the line and the column. What
            comes before it has been given by then.
        OSError: it can't be read.
    """
    with open(path, "rb") as file:
        for line in Reader(path, file if wait is None else _Growing(file, wait)):
            yield line.entry


class Source(Protocol):
    """A file, as far as it is read."""

    def read(self, size: int, /) -> bytes: ...
    def readline(self, size: int, /) -> bytes: ...


class _Growing:
    """A file that is still being written: a line is there when its end is."""

    def __init__(self, file: Source, wait: Callable[[], object]) -> None:
        self._wait = wait
        self._file = file
        self.read = file.read

    def readline(self, size: int, /) -> bytes:
        line = b""
        while not line.endswith(b"\n") and len(line) < size:
            more = self._file.readline(size - len(line))
            line += more
            if not more:
                self._wait()
        return line


class Reader:
    """The lines of a file, each looked at for itself.

    Raises:
        CassetteError: the first line, and while iterating any other, is not what it must be.
    """

    def __init__(self, path: str | os.PathLike[str], file: Source) -> None:
        self._path = os.fspath(path)
        self._file = file
        self.header = self._read_header()

    def __iter__(self) -> Iterator[Line]:
        number = 1
        while True:
            number += 1
            line = self._next(number)
            if line is None:
                raise self._wrong(number, 1, f"the end is missing: {_CUT}")
            if fault := find_fault(line.entry):
                if line.entry.get("end") is True and len(line.entry) == 1:
                    break
                raise self.error(line, *fault)
            yield line
        if self._file.read(1):
            raise self._wrong(number + 1, 1, "there is more after the end")

    def error(self, line: Line, key: str, text: str) -> CassetteError:
        """The error that tells of a key of a line."""
        found = re.search(rf'"{re.escape(key)}"\s*:', line.text) if key else None
        return self._wrong(line.number, found.start() + 1 if found else 1, text)

    def _wrong(self, line: int, column: int, text: str) -> CassetteError:
        return CassetteError(self._path, line, column, text)

    def _next(self, number: int) -> Line | None:
        data = self._file.readline(LONGEST)
        if not data:
            return None
        if not data.endswith(b"\n"):
            if len(data) == LONGEST:
                raise self._wrong(number, LONGEST, f"the line is longer than {LONGEST:,} bytes")
            raise self._wrong(number, len(data) + 1, f"it ends in the middle of a line: {_CUT}")
        try:
            text = data.decode()
            entry = decode_line(text)
        except UnicodeDecodeError as error:
            byte = f"byte 0x{data[error.start]:02x} is no UTF-8"
            raise self._wrong(number, error.start + 1, byte) from None
        except json.JSONDecodeError as error:
            column = min(error.pos + 1, len(text))
            raise self._wrong(number, column, f"it is no JSON: {error.msg}") from None
        except RecursionError:
            raise self._wrong(number, 1, "it is nested too deeply") from None
        except ValueError as error:  # NaN, or an integer of too many digits
            raise self._wrong(number, 1, str(error)) from None
        if type(entry) is not dict:
            raise self._wrong(number, 1, f"it is {brief(entry)}: a line must be a JSON object")
        return Line(number, text, entry)

    def _read_header(self) -> Header:
        line = self._next(1)
        if line is None:
            raise self._wrong(1, 1, "the file is empty")
        fields = dict(line.entry)
        version = fields.pop("cassette", None)
        if version is None:
            raise self._wrong(1, 1, 'it is no cassette: the first line has no "cassette"')
        if type(version) is not int or version < 1:
            why = f"cassette is {brief(version)}: it must be the version of the format, 1 or more"
            raise self.error(line, "cassette", why)
        if version > VERSION:
            why = f"its format is version {version}, and this rpcfake reads up to {VERSION}"
            raise self.error(line, "cassette", f"{why}: update rpcfake")
        codec, clock, made_by = map(fields.get, ("codec", "clock", "made_by"))
        for name, sound, must in (
            ("codec", isinstance(codec, str), "the name of one"),
            ("clock", clock in [*CLOCKS], f"one of {', '.join(CLOCKS)}"),
            ("made_by", isinstance(made_by, dict), "an object"),
        ):
            if not sound:
                why = f"{name} is {brief(fields.get(name))}: it must be {must}"
                raise self.error(line, name, why)
        redacted = fields.get("redacted")
        if redacted is not None:
            try:
                fields["redacted"] = Redaction(**redacted)
            except (TypeError, ValueError) as error:
                raise self.error(line, "redacted", f"redacted has no such rules: {error}") from None
        known = ("codec", "clock", "made_by", "redacted")
        for name in fields:
            if name not in known:
                why = f"there is {brief(name)} in the header{did_you_mean(name, known)}"
                raise self.error(line, name, why)
        return Header(**fields)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


decode_line = json.JSONDecoder(parse_constant=_refuse_constant).decode
"""The value of one line."""
