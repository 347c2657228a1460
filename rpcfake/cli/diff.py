"""``rpcfake diff``: how two cassettes differ."""

from __future__ import annotations

import click

from rpcfake.cli.reading import KINDS, readable
from rpcfake.traffic.comparison import ORDERS, Order

STYLES = {"added": "green", "missing": "red", "changed": "yellow", "moved": "cyan"}


@click.command()
@click.argument("expected", metavar="A")
@click.argument("actual", metavar="B")
@KINDS
@click.option(
    "--order",
    type=click.Choice(ORDERS),
    default="total",
    show_default=True,
    help="In which order: as they happened, so on each topic, or any.",
)
@click.option(
    "--ignore",
    metavar="KEY",
    multiple=True,
    help="A key, or a path such as args.spec.id or context.*, that does not count. May be given"
    " several times; consumer is who took a message.",
)
@click.option("--times", is_flag=True, help="The time between two records counts too.")
@click.option("--all", "everything", is_flag=True, help="Show all, however much differs.")
def diff(
    expected: str,
    actual: str,
    kinds: tuple[str, ...],
    order: Order,
    ignore: tuple[str, ...],
    times: bool,
    everything: bool,
) -> None:
    """Tell how the cassette B differs from the cassette A, message by message.

    What is told is what B has more (added), has not (missing), has elsewhere (moved), and the keys
    in which a message of B is another (changed). Exit code 0: no difference; 1: some; 2: a file
    can't be read.
    """
    from rich.console import Console
    from rich.text import Text

    from rpcfake import Traffic

    loaded = []
    for path in (expected, actual):
        with readable(path):
            loaded.append(Traffic.load(path))
    try:
        found = loaded[1].compare(
            loaded[0],
            kinds=kinds or None,
            order=order,
            ignore=ignore,
            times=times,
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    console = Console()
    for line in found.lines(len(found)) if everything else found.lines():
        style = STYLES.get(line.partition(" ")[0], "")
        console.print(Text(line, style), soft_wrap=True)
    raise SystemExit(0 if found else 1)
