"""``rpcfake replay``: recorded requests against the code of today."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click

from rpcfake.cli.reading import UNREADABLE, readable

SHOWN = 20
"""How many requests that are answered otherwise are shown."""


@click.command()
@click.argument("file")
@click.option(
    "--against",
    "spec",
    metavar="PKG.MOD:NAME",
    required=True,
    help="A class that is made without arguments, or an object: its methods answer.",
)
@click.option(
    "--topic",
    metavar="TOPIC",
    help="Whose requests are sent; needed where the cassette has them to several from outside.",
)
@click.option("--no-gaps", is_flag=True, help="Send one request after the other, without pauses.")
def replay(file: str, spec: str, topic: str | None, no_gaps: bool) -> None:
    """Send the recorded requests to the code of today, and tell what it answers otherwise.

    The code serves the topic on a bus in memory, in virtual time; whatever it asks others is
    answered as it was recorded. Exit code 0: all is answered as it was; 1: some is not; 2: the file
    or the code can't be had.
    """
    from rich.console import Console
    from rich.text import Text

    from rpcfake import Traffic
    from rpcfake.against import find_topic, replay_against
    from rpcfake.traffic.text import plural

    with readable(file):
        traffic = Traffic.load(file)
    proxy = _find_proxy(spec)
    try:
        topic = find_topic(traffic, topic)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    outcomes = replay_against(traffic, proxy, topic, gaps=not no_gaps)
    console = Console()
    wrong = [outcome for outcome in outcomes if outcome.differences]
    for outcome in wrong[:SHOWN]:
        console.print(Text(f"#{outcome.seq} {outcome.text}", "bold"), soft_wrap=True)
        for difference in outcome.differences:
            console.print(Text(f"    {difference}"), soft_wrap=True)
    if len(wrong) > SHOWN:
        console.print(f"… and {plural(len(wrong) - SHOWN, 'request')} more", soft_wrap=True)
    right = len(outcomes) - len(wrong)
    verdict = f"{plural(len(outcomes), 'request')} to {topic!r}: {right:,} answered as recorded"
    verdict += f", {len(wrong):,} otherwise" if wrong else ""
    console.print(Text(verdict, "red" if wrong else "green"), soft_wrap=True)
    raise SystemExit(1 if wrong else 0)


def _find_proxy(spec: str) -> Any:
    """The object that a text names, made if it is a class."""
    module, _, name = spec.partition(":")
    sys.path.insert(0, "")  # what stands in this folder, as `python -m` has it
    try:
        found: Any = importlib.import_module(module)
        for part in name.split(".") if name else ():
            found = getattr(found, part)
        return found() if isinstance(found, type) else found
    except Exception as error:
        # Importing and making it runs the user's code, which may raise anything.
        text = f"{spec} can't be had: {type(error).__name__}: {error}"
    finally:
        sys.path.remove("")
    click.echo(f"Error: {text}", err=True)
    raise SystemExit(UNREADABLE)
