"""What a failing test's report says of the buses that it used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pytest_rpcfake.lease import Lease
from pytest_rpcfake.run import Run
from pytest_rpcfake.strict import printable

DIAGRAM_LINES = 50
"""Of a long diagram, how many lines of its beginning and again of its end."""


def annotate(run: Run, item: pytest.Item, report: pytest.TestReport) -> None:
    """Add to a report what the plugin knows."""
    used = find_used(run, item)
    if report.failed:
        for lease in run.open:
            if item.nodeid not in lease.failed[-1:]:
                lease.failed.append(item.nodeid)
    if report.failed and not run.shown:
        run.shown = True
        if used:
            report.sections.append(("rpcfake traffic", _traffic(used)))
    if leftovers := "\n".join(lease.leftovers for lease in used if lease.leftovers):
        # pytest prints a teardown's sections below a failure only where their name says "teardown".
        at = " at teardown" if report.when == "teardown" else ""
        report.sections.append((f"rpcfake leftovers{at}", printable(leftovers)))
        for lease in used:
            lease.leftovers = ""


def find_used(run: Run, item: pytest.Item) -> list[Lease[Any]]:
    """The buses that this test used, oldest first; of very many the last ones."""
    return [*run.ended, *(lease for lease in run.open if _used(lease, run, item))]


def _used(lease: Lease[Any], run: Run, item: pytest.Item) -> bool:
    if lease.opener is run.item or lease.traffic:
        return True
    given: dict[str, Any] | None = getattr(item, "funcargs", None)
    return any(value is lease.bus for value in (given or {}).values())


def _traffic(leases: list[Lease[Any]]) -> str:
    return printable("\n\n".join("\n".join(_one(lease)) for lease in leases))


def _one(lease: Lease[Any]) -> Iterator[str]:
    if lease.watchable is not None and lease.watchable.schedule.name != "fifo":
        name, seed = lease.watchable.schedule.name, lease.watchable.seed
        yield f"schedule {name}, seed {seed} (--rpcfake-schedule={name} --rpcfake-seed={seed})"
    try:
        yield lease.traffic.diagram(limit=DIAGRAM_LINES) if lease.traffic else "nothing was sent"
    except Exception as error:  # a project's own codec may raise anything
        yield f"no diagram: {type(error).__name__}: {error}"
