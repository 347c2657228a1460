"""``rpcfake verify``: judges backends by the contract."""

from __future__ import annotations

import json
import logging
import math
import os
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

    from rpcfake.backends.spec import BackendSpec
    from rpcfake.contract import Clause, Report

NOT_JUDGED = 2
"""The exit code where a backend could not be judged."""


def _options(context: click.Context, parameter: click.Parameter, values: Any) -> dict[str, Any]:
    from rpcfake.backends.spec import parse_option

    try:
        return dict(map(parse_option, values))
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _seconds(context: click.Context, parameter: click.Parameter, value: float) -> float:
    if math.isnan(value):  # which is in every range
        raise click.BadParameter("'nan' is no number of seconds")
    return value


def _writable(context: click.Context, parameter: click.Parameter, value: str | None) -> Path | None:
    """A place to write to: that it can't be had is told before the judging, not after."""
    if value is None:
        return None
    path = Path(value)
    if parameter.name == "html":
        path = path / "index.html"
    parent = next(each for each in path.parents if each.exists())
    if parent != path.parent and parameter.name != "html":
        raise click.BadParameter(f"there is no directory {str(path.parent)!r}")
    if not parent.is_dir() or not os.access(path if path.exists() else parent, os.W_OK):
        raise click.BadParameter(f"{value!r} can't be written")
    return Path(value)


def _file(option: str, name: str, help: str) -> Callable[[Any], Any]:
    """An option that names a file to write."""
    path = click.Path(dir_okay=False)
    return click.option(option, name, metavar="FILE", type=path, callback=_writable, help=help)


@click.command()
@click.argument("backends", metavar="BACKEND[=URL]...", nargs=-1, required=True)
@click.option("--url", metavar="URL", help="Where the broker is; for the only BACKEND.")
@click.option(
    "--option",
    "options",
    metavar="K=V",
    multiple=True,
    callback=_options,
    help="An option for the backend; V is JSON, or else a string.",
)
@click.option(
    "--profile",
    type=click.Choice(["quick", "default", "thorough"]),
    default="default",
    show_default=True,
    help="How many examples each clause gets.",
)
@click.option("--clause", "ids", metavar="ID", multiple=True, help="Only this clause or group.")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="What examples are drawn from.",
)
@click.option(
    "--patience",
    type=click.FloatRange(min=0, max=600, min_open=True),
    default=2.0,
    show_default=True,
    callback=_seconds,
    help="Seconds after which what should happen counts as not happening.",
)
@_file("--json", "json_file", "Write all findings as JSON.")
@_file("--junit", "junit", "Write all findings as JUnit XML.")
@_file("--markdown", "markdown", "Write the matrix in Markdown.")
@click.option(
    "--html",
    metavar="DIR",
    type=click.Path(file_okay=False),
    callback=_writable,
    help="Write the matrix as a page there: DIR/index.html.",
)
def verify(
    backends: tuple[str, ...],
    url: str | None,
    options: dict[str, Any],
    profile: str,
    ids: tuple[str, ...],
    seed: int,
    patience: float,
    json_file: Path | None,
    junit: Path | None,
    markdown: Path | None,
    html: Path | None,
) -> None:
    """Judge a backend by the contract; several BACKENDs give a matrix.

    BACKEND is a registered name, pkg.mod, or pkg.mod:attr: anything with the five functions.
    Modules are found in the current directory too.

    \b
    Exit code 0: every MUST of the capabilities that it claims holds.
              1: some does not.
              2: it could not be judged.
    """
    from rich.console import Console

    from rpcfake.backends.spec import BackendSpec
    from rpcfake.cli.findings import show, show_matrix

    if url is not None and (len(backends) > 1 or "=" in backends[0]):
        raise click.UsageError("--url is for one BACKEND; with several write BACKEND=URL")
    given = options if url is None else {**options, "url": url}
    chosen = _chosen_clauses(ids)
    console, progress = Console(highlight=False), Console(stderr=True)
    reports = []
    with _modules_of_here(), _unlogged():
        for spec in (BackendSpec.parse(text, given) for text in backends):
            report = _judge(spec, chosen, profile, seed, patience, progress)
            if report is not None:
                reports.append(report)
                show(console, report)
    if len(reports) > 1:
        show_matrix(console, reports)
    _write(reports, json_file, junit, markdown, html)
    if len(reports) < len(backends):
        raise SystemExit(NOT_JUDGED)
    raise SystemExit(0 if all(report.holds for report in reports) else 1)


@contextmanager
def _modules_of_here() -> Iterator[None]:
    """Modules in the current directory can be imported, as if Python itself ran there."""
    here = os.getcwd()
    sys.path.append(here)  # at the end, so that it hides nothing
    try:
        yield
    finally:
        with suppress(ValueError):
            sys.path.remove(here)


@contextmanager
def _unlogged() -> Iterator[None]:
    """What backends log while they are judged is no output of ours, unless they configure it."""
    root, nowhere = logging.getLogger(), logging.NullHandler()
    root.addHandler(nowhere)
    try:
        yield
    finally:
        root.removeHandler(nowhere)


def _chosen_clauses(ids: tuple[str, ...]) -> list[Clause]:
    from rpcfake.contract import GROUPS, all_clauses
    from rpcfake.hints import did_you_mean

    clauses = all_clauses()
    known = {one.id for one in clauses}
    for id in ids:
        if id.upper() not in known and id.upper() not in GROUPS:
            raise click.BadParameter(
                f"{id!r} is no clause and no group"
                f"{did_you_mean(id.upper(), [*GROUPS, *sorted(known)])}"
                " (rpcfake clauses lists them)",
                param_hint="--clause",
            )
    wanted = {id.upper() for id in ids}
    return [one for one in clauses if not wanted or one.id in wanted or one.group in wanted]


def _judge(
    spec: BackendSpec,
    clauses: list[Clause],
    profile: str,
    seed: int,
    patience: float,
    console: Console,
) -> Report | None:
    """The report; or None where the backend can't be judged, which is told in one line."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from rpcfake.backends.spec import without_password
    from rpcfake.contract import PROFILES, CannotJudge, Finding, Judge

    judge = Judge(
        spec.find,
        spec.shown,
        profile=PROFILES[profile],
        seed=seed,
        patience=patience,
        program=spec.program,
    )
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("[bold red]{task.fields[broken]}"),
    )
    broken = 0
    try:
        quiet = not console.is_terminal
        with Progress(*columns, console=console, transient=True, disable=quiet) as progress:
            task = progress.add_task(spec.shown, total=len(clauses), broken="")

            def tell(finding: Finding) -> None:
                nonlocal broken
                broken += finding.breaks
                progress.update(task, advance=1, broken=f"{broken} broken" if broken else "")

            report = judge.judge(clauses, tell)
    except CannotJudge as error:
        text = without_password(str(error))
        click.echo(f"rpcfake: {spec.shown} could not be judged: {text}", err=True)
        return None
    report.command = shlex.join(_command(spec, profile, seed, patience))
    return report


def _command(spec: BackendSpec, profile: str, seed: int, patience: float) -> list[str]:
    options = {name: value for name, value in spec.options.items() if name != "url"}
    return [
        *("rpcfake", "verify", spec.shown),
        *(f"--option={name}={json.dumps(value)}" for name, value in options.items()),
        *([] if profile == "default" else [f"--profile={profile}"]),
        *([] if patience == 2.0 else [f"--patience={patience:g}"]),
        f"--seed={seed}",
    ]


def _write(
    reports: list[Report],
    json_file: Path | None,
    junit: Path | None,
    markdown: Path | None,
    html: Path | None,
) -> None:
    from rpcfake.contract.outputs import to_dict, to_junit

    try:
        if json_file is not None:
            text = json.dumps([to_dict(report) for report in reports], indent=2)
            json_file.write_text(text + "\n", encoding="utf-8")
        if junit is not None:
            junit.write_text(to_junit(reports), encoding="utf-8")
        if markdown is not None:
            from rpcfake.contract.markdown import matrix_page

            markdown.write_text(matrix_page(reports), encoding="utf-8")
        if html is not None:
            from rpcfake.contract.page import write_page

            click.echo(f"wrote {write_page(reports, html)}", err=True)
    except OSError as error:
        raise click.ClickException(f"{error.filename} can't be written: {error.strerror}") from None
