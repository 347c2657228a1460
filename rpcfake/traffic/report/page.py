"""The page: a list of tests with what became of them, and the traffic of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rpcfake import pages
from rpcfake.traffic.report.sheet import Sheet

_FILES = Path(__file__).parent / "files"
_SCRIPTS = ("sheet", "drawing", "diagram", "details", "mermaid", "tests")


@dataclass(frozen=True)
class Entry:
    """What the page shows under one name: a test, or a cassette.

    Attributes:
        name: of the test, with its file before ``::``; or of the file.
        sheets: of its buses.
        outcome: one word, such as ``passed``; empty where nothing was tested.
        seconds: how long it took.
        notes: what else there is to tell, each a title and a text.
    """

    name: str
    sheets: Sequence[Sheet]
    outcome: str = ""
    seconds: float | None = None
    notes: Sequence[tuple[str, str]] = ()


def write_report(entries: Sequence[Entry], folder: Path, title: str) -> Path:
    """Write ``index.html`` into a folder, which is made if it is not there; gives its path.

    Raises:
        OSError: it can't be written; what was there stays.
    """
    parts = pages.render(_FILES, "report", _data(entries), scripts=_SCRIPTS, title=title)
    return pages.write(folder, parts)


def _data(entries: Sequence[Entry]) -> Iterator[tuple[str, str]]:
    index = [
        {
            "name": entry.name,
            "outcome": entry.outcome,
            "seconds": entry.seconds,
            "notes": entry.notes,
            "sheets": len(entry.sheets),
            "sent": sum(sheet.sent for sheet in entry.sheets),
            "wrong": sum(sheet.wrong for sheet in entry.sheets),
            "topics": sorted({topic for sheet in entry.sheets for topic in sheet.topics}),
        }
        for entry in entries
    ]
    yield "index", pages.to_json({"entries": index})
    # Each by itself: only what is looked at is read.
    for number, entry in enumerate(entries):
        for place, sheet in enumerate(entry.sheets):
            yield f"sheet-{number}-{place}", pages.embedded(sheet.text)
