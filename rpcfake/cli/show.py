"""``rpcfake show``: what is in a cassette."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from rpcfake.cli.reading import KINDS, readable
from rpcfake.message import SENDS, Kind
from rpcfake.traffic.text import arguments, brief, clean, first_line

WIDEST = 40
"""Characters of the name of a message or of a consumer."""
LONGEST = 100
"""Characters of what a record carried."""

LOOK_AGAIN = 0.2
"""Seconds between two looks at a file that is still being written."""

STYLES = {"failure": "red", "timeout": "red", "dropped": "red", "reply": "green"}


@click.command()
@click.argument("file")
@KINDS
@click.option("--topic", metavar="TOPIC", help="Only messages to this topic.")
@click.option("--method", metavar="METHOD", help="Only messages for this method.")
@click.option("--grep", metavar="TEXT", help="Only records in which this text stands.")
@click.option("--diagram", is_flag=True, help="As a sequence diagram.")
@click.option(
    "--html",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write it as a page to walk through: DIR/index.html.",
)
@click.option("--follow", is_flag=True, help="Wait for more, as long as the file is being written.")
def show(
    file: str,
    kinds: tuple[str, ...],
    topic: str | None,
    method: str | None,
    grep: str | None,
    diagram: bool,
    html: Path | None,
    follow: bool,
) -> None:
    """Show what is in a cassette: a line for each record, or a diagram, or a page.

    The columns: when it happened, in seconds since the first record; what; which message; and what
    it carried, and to or from whom. Exit code 2: the file is no cassette, or damaged; what comes
    before the damage is shown.
    """
    if (diagram or html) and (follow or grep or (diagram and html)):
        others = "--html, --follow nor --grep" if diagram else "--follow nor --grep"
        raise click.UsageError(f"--{'diagram' if diagram else 'html'} goes with neither {others}")
    from rich.console import Console

    console = Console()
    with readable(file):
        if diagram:
            _show_diagram(console, file, kinds, topic, method)
        elif html:
            _write_page(file, kinds, topic, method, html)
        else:
            chosen = _choose(kinds, topic, method, grep)
            _show_lines(console, file, chosen, (lambda: time.sleep(LOOK_AGAIN)) if follow else None)


def _show_diagram(
    console: Any, file: str, kinds: tuple[str, ...], topic: str | None, method: str | None
) -> None:
    from rich.text import Text

    from rpcfake import Traffic
    from rpcfake.cli.demo import NARROWEST, UNCUT

    traffic = Traffic.load(file).select(kinds or [*Kind], topic, method)
    width = max(NARROWEST, console.width) if console.is_terminal else UNCUT
    text = traffic.diagram(width=width, ascii=console.options.ascii_only)
    console.print(Text(text), soft_wrap=True)


def _write_page(
    file: str, kinds: tuple[str, ...], topic: str | None, method: str | None, folder: Path
) -> None:
    from rpcfake import Traffic
    from rpcfake.traffic.report import Entry, Sheet, write_report

    traffic = Traffic.load(file).select(kinds or [*Kind], topic, method)
    # What is secret was decided when the cassette was written.
    sheet = Sheet.of(traffic, redact=False)
    try:
        path = write_report([Entry(file, [sheet])], folder, f"rpcfake: traffic of {file}")
    except OSError as error:
        raise click.ClickException(f"{folder} can't be written: {error.strerror}") from None
    click.echo(f"wrote {path}", err=True)


def _choose(
    kinds: tuple[str, ...], topic: str | None, method: str | None, grep: str | None
) -> Callable[[dict[str, Any]], bool]:
    """Whether a line is wanted; of a topic or a method also what became of the message."""
    ids: set[str] = set()

    def chosen(entry: dict[str, Any]) -> bool:
        if topic is not None or method is not None:
            if entry["kind"] in SENDS:
                if topic not in (None, entry["topic"]) or method not in (None, entry["method"]):
                    return False
                ids.add(entry["id"])
            elif entry["id"] not in ids:
                return False
        if kinds and entry["kind"] not in kinds:
            return False
        return grep is None or grep in json.dumps(entry, ensure_ascii=False)

    return chosen


def _show_lines(
    console: Any,
    file: str,
    chosen: Callable[[dict[str, Any]], bool],
    wait: Callable[[], object] | None,
) -> None:
    from rich.text import Text

    from rpcfake.traffic.cassette import read_entries

    now = 0.0
    wide = 0
    with suppress(KeyboardInterrupt):
        for entry in read_entries(file, wait):
            now += entry.get("after", 0.0)
            if not chosen(entry):
                continue
            kind, id = entry["kind"], clean(entry["id"], WIDEST)
            wide = max(wide, min(len(id), WIDEST))
            line = f"{now:12.6f}  {kind:<12} {id:<{wide}}  {_carried(entry)}".rstrip()
            console.print(Text(line, STYLES.get(kind, "")), soft_wrap=True)


def _carried(entry: dict[str, Any]) -> str:
    """What a record carried, and to or from whom."""
    kind = entry["kind"]
    if kind in SENDS:
        message, *rest = entry.get("cause", [""])
        sender = f"  (from {clean(rest[0], WIDEST)}, {clean(message, WIDEST)})" if rest else ""
        return f"{arguments(entry.get('args', {}), LONGEST)}{sender}"
    consumer = clean(entry.get("consumer", ""), WIDEST)
    who = f"by {consumer}" if consumer else ""
    if "failure" in entry:
        failure = entry["failure"]
        text = f"{failure['type']}: {failure['value']}"
        return f"{first_line(text, LONGEST)}  {who}"
    if "value" in entry:
        return f"{brief(entry['value'], LONGEST)}  {who}"
    return who
