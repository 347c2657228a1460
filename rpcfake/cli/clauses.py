"""``rpcfake clauses``: the contract, as a list."""

from __future__ import annotations

import click


@click.command()
@click.option("--group", metavar="GROUP", help="Only the clauses of one group, such as FANOUT.")
@click.option("--markdown", is_flag=True, help="As a page of the documentation.")
def clauses(group: str | None, markdown: bool) -> None:
    """List the clauses of the contract: id, level, needs, rule.

    In a pipe there is a line for each, with tabs between the four.
    """
    from rich.console import Console
    from rich.table import Table

    from rpcfake.contract import GROUPS, all_clauses
    from rpcfake.hints import did_you_mean

    if group is not None and group.upper() not in GROUPS:
        raise click.BadParameter(
            f"{group!r}: it must be one of {', '.join(GROUPS)}"
            + did_you_mean(group.upper(), GROUPS),
            param_hint="--group",
        )
    chosen = [one for one in all_clauses() if group is None or one.group == group.upper()]
    if markdown:
        from rpcfake.contract.markdown import clauses_page

        click.echo(clauses_page(chosen), nl=False)
        return
    console = Console()
    if not console.is_terminal:
        for one in chosen:
            click.echo("\t".join((one.id, one.level, ",".join(one.needs), one.rule)))
        return
    table = Table("clause", "level", "needs", "rule", box=None, pad_edge=False)
    for one in chosen:
        table.add_row(one.id, one.level, ", ".join(one.needs), one.rule)
    console.print(table)
    console.print(f"{len(chosen)} clauses", style="bold")
