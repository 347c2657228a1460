"""The cassettes that belong to no test any more: told, and removed where that is asked for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

MOST = 10
"""How many are named."""


def report_unused(terminal: pytest.TerminalReporter, unused: list[str], *, prune: bool) -> None:
    """Say which, and remove them if asked; never under CI."""
    from pytest_rpcfake.golden import prune as remove
    from rpcfake.traffic.text import plural

    removed = prune and not os.environ.get("CI")
    if removed:
        remove([Path(path) for path in unused])
    what = f"{plural(len(unused), 'unused cassette')}"
    terminal.section("rpcfake: " + (f"{what} removed" if removed else what), sep="-")
    for path in unused[:MOST]:
        terminal.write_line(os.path.relpath(path))
    if len(unused) > MOST:
        terminal.write_line(f"and {len(unused) - MOST} more")
    if not removed:
        terminal.write_line("Remove them with: pytest --rpcfake-prune")
