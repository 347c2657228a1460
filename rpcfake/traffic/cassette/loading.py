"""A cassette as traffic again."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from rpcfake.errors import CassetteError
from rpcfake.hints import brief, did_you_mean
from rpcfake.message import SENDS
from rpcfake.traffic.cassette.reader import Line, Reader, decode_line
from rpcfake.traffic.cassette.soundness import KINDS
from rpcfake.traffic.log import Origin, Row

_SENDS = frozenset(SENDS)


class Loaded(NamedTuple):
    """Rows as the recorder writes them, and what they are of.

    Their texts are the lines of the file: `open_line` is the decoder for them.
    """

    rows: list[Row]
    origin: Origin
    shown: list[int] | None
    """The rows that are no mere aside; None: all."""


def load_rows(path: str | os.PathLike[str]) -> Loaded:
    """See `Traffic.load`."""
    with open(path, "rb") as file:
        reader = Reader(path, file)
        loader = _Loader(reader)
        for line in reader:
            loader.add(line)
    header = reader.header
    origin = Origin(header.codec, header.clock, header.made_by, "line", header.redacted)
    hidden = frozenset(loader.aside)
    shown = [seq for seq in range(len(loader.rows)) if seq not in hidden] if hidden else None
    return Loaded(loader.rows, origin, shown)


def open_line(text: str) -> Any:
    """What a codec's ``decode`` gives, from the line of a loaded row."""
    entry = decode_line(text)
    if "topic" in entry:
        return entry.get("context"), entry.get("args"), entry.get("headers", {})
    if "failure" in entry:
        failed = entry["failure"]
        return failed["type"], failed["value"], failed.get("traceback", "")
    return entry["value"]


class _Loader:
    """Finds for each line the rows that it refers to."""

    def __init__(self, reader: Reader) -> None:
        self.rows: list[Row] = []
        self.aside: list[int] = []
        self._reader = reader
        self._now = 0
        self._sent: dict[str, int] = {}
        self._taken: dict[tuple[str, str, int], int] = {}
        self._names: dict[str, str] = {}

    def add(self, line: Line) -> None:
        entry = line.entry
        kind = KINDS[entry["kind"]]
        if "after" in entry:
            self._now += round(entry["after"] * 1e6)
        if "aside" in entry:
            self.aside.append(len(self.rows))
        now = self._now
        if kind in _SENDS:
            self._add_sent(line, entry, kind)
            return
        send = self._sent.get(entry["id"])
        if send is None:
            raise self._unknown(line, entry["id"])
        if kind == "taken":
            self._add_taken(line, entry, send)
            return
        cause = self._find_taken(line, entry) if "consumer" in entry else send
        if kind in ("reply", "failure"):
            self.rows.append((kind, now, cause, line.text))
        elif kind == "dropped":
            self.rows.append((kind, now, cause, line.text if "value" in entry else None))
        else:
            self.rows.append((kind, now, cause))

    def _add_sent(self, line: Line, entry: dict[str, Any], kind: str) -> None:
        id, topic, method = entry["id"], entry["topic"], entry["method"]
        if id in self._sent:
            first = self._sent[id] + 2
            raise self._reader.error(line, "id", f"id is {brief(id)}, as in line {first}")
        cause = None
        if "cause" in entry:
            message, consumer, *taking = entry["cause"]
            cause = self._taken.get((message, consumer, *(taking or [1])))
            if cause is None:
                why = "no line before it says that this was taken"
                raise self._reader.error(line, "cause", f"cause is {brief(entry['cause'])}: {why}")
        self._sent[id] = len(self.rows)
        same = self._names.setdefault  # one text each, however many rows have it
        row = (kind, self._now, cause, same(topic, topic), same(method, method), line.text)
        self.rows.append(row)

    def _add_taken(self, line: Line, entry: dict[str, Any], send: int) -> None:
        consumer = entry["consumer"]
        taken = (entry["id"], consumer, entry.get("taking", 1))
        if taken in self._taken:
            first = self._taken[taken] + 2
            why = (
                f'{brief(consumer)} took it in line {first} already; the second time "taking" is 2'
            )
            raise self._reader.error(line, "consumer", why)
        self._taken[taken] = len(self.rows)
        self.rows.append(("taken", self._now, send, self._names.setdefault(consumer, consumer)))

    def _find_taken(self, line: Line, entry: dict[str, Any]) -> int:
        id, consumer = entry["id"], entry["consumer"]
        taken = self._taken.get((id, consumer, entry.get("taking", 1)))
        if taken is None:
            why = f"consumer is {brief(consumer)}: no line before it says that it took {brief(id)}"
            raise self._reader.error(line, "consumer", why)
        return taken

    def _unknown(self, line: Line, id: str) -> CassetteError:
        near = did_you_mean(id, list(self._sent)[-1000:])
        why = f"id is {brief(id)}: no line before it sends that message{near}"
        return self._reader.error(line, "id", why)
