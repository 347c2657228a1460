"""The command ``rpcfake``: each subcommand has a module, and imports late what is heavy."""

from __future__ import annotations

import click

from rpcfake import __version__
from rpcfake.cli.clauses import clauses
from rpcfake.cli.demo import demo
from rpcfake.cli.diff import diff
from rpcfake.cli.record import record
from rpcfake.cli.replay import replay
from rpcfake.cli.show import show
from rpcfake.cli.verify import verify

__all__ = ["main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="rpcfake", message="%(prog)s %(version)s")
def main() -> None:
    """RPC over a message bus, tested without a broker."""


main.add_command(demo)
main.add_command(verify)
main.add_command(clauses)
main.add_command(show)
main.add_command(diff)
main.add_command(replay)
main.add_command(record)
