"""``rpcfake demo``: one server build in a small cloud, as a sequence diagram."""

from __future__ import annotations

import importlib
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from rpcfake.sim.schedules import NAMES

_PACKAGE = Path(__file__).parents[1]
PLACES = (
    _PACKAGE / "_examples",  # in an installed wheel
    _PACKAGE.parent / "docs" / "examples" / "compute",  # in a checkout
)
"""The folders that may hold the example's package, ``compute``."""

NARROWEST = 60  # columns that a diagram needs
UNCUT = 1000  # columns for a pipe, where nobody counts them


@click.command()
@click.option(
    "--schedule",
    type=click.Choice(NAMES),
    default="fifo",
    show_default=True,
    help="Which of the tasks that could go on does.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="What the random schedule draws from; the same seed gives the same run.",
)
def demo(schedule: str, seed: int) -> None:
    """Show one server build as a sequence diagram.

    A small cloud boots a server, and you see who said what to whom, and when. One of its two hosts
    stays silent: the scheduler waits for it, asks again, and takes the other. All this waiting is
    virtual.
    """
    from rich.console import Console
    from rich.text import Text

    from rpcfake import Bus

    example = _import_example()
    bus = Bus(schedule=schedule, seed=seed)

    started = time.perf_counter()
    with closing(bus):
        server = example.run(bus)
        real = time.perf_counter() - started

    console = Console()

    def say(text: str, style: str = "") -> None:
        # A pipe has no width, and a narrow terminal wraps by itself: no line is cut here.
        console.print(Text(text, style), soft_wrap=True)

    say(f"One server build on a bus (schedule {schedule}, seed {seed})", "bold")
    diagram = bus.traffic.diagram(
        width=max(NARROWEST, console.width) if console.is_terminal else UNCUT,
        ascii=console.options.ascii_only,
    )
    say(f"\n{diagram}\n")
    say(f"The server {server.name} is {server.status} on host {server.host}.", "bold")
    say(f"{len(bus.traffic.sent)} messages were sent.")
    say(f"{bus.now:g} s of virtual time passed in {real * 1000:.1f} ms of real time.")
    if server.status != "ACTIVE":
        raise SystemExit(1)


def _import_example() -> Any:
    """The example's module ``compute.demo``, from the wheel or from the checkout."""
    for place in PLACES:
        if (place / "compute" / "demo.py").is_file():
            sys.path.insert(0, str(place))
            try:
                return importlib.import_module("compute.demo")
            finally:
                sys.path.remove(str(place))
    looked = " nor ".join(str(place / "compute") for place in PLACES)
    raise click.ClickException(f"the example project is missing: there is neither {looked}")
