"""No false alarm: right backends are judged again and again, on a machine that is busy.

``nox -s soak`` runs it with 20 seeds. It fails on any verdict but a pass, unless the backend says
that it has not got what is asked for.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

AMQP = os.environ.get("RPCFAKE_AMQP_URL", "amqp://guest:guest@127.0.0.1:5672//")
BACKENDS = ("memory", "memory-threads", f"kombu={AMQP}")
RIGHT = ("pass", "unsupported")


@dataclass
class Row:
    """What came of all runs of one backend."""

    backend: str
    runs: int = 0
    clauses: int = 0
    unsupported: int = 0
    wrong: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


def main() -> int:
    arguments = parse()
    console = Console()
    rows = []
    with loaded(arguments.load):
        for backend in arguments.backends:
            row = Row(backend)
            rows.append(row)
            for seed in range(arguments.first, arguments.first + arguments.seeds):
                judge(row, seed, arguments.profile)
                console.print(f"{backend}, seed {seed}: {row.seconds[-1]:.1f} s", highlight=False)
                for text in row.wrong[-20:]:
                    console.print(f"  {text}", highlight=False, markup=False, style="red")
    console.print(table(rows, arguments))
    return 1 if any(row.wrong for row in rows) else 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("backends", nargs="*", default=BACKENDS, metavar="BACKEND[=URL]")
    parser.add_argument("--seeds", type=int, default=20, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--profile", default="quick")
    parser.add_argument(
        "--load", type=int, default=os.cpu_count() or 1, help="processes that only keep cores busy"
    )
    return parser.parse_args()


@contextmanager
def loaded(number: int) -> Iterator[None]:
    """So many processes burn meanwhile."""
    burning = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(number)]
    try:
        yield
    finally:
        for process in burning:
            process.kill()
            process.wait()


def judge(row: Row, seed: int, profile: str) -> None:
    """Judge once, in a process of its own."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "report.json"
        command = ["verify", row.backend, f"--seed={seed}", f"--profile={profile}"]
        done = subprocess.run(
            [sys.executable, "-m", "rpcfake.cli", *command, f"--json={file}"],
            capture_output=True,
            encoding="utf-8",
        )
        reports = json.loads(file.read_text("utf-8")) if file.exists() else []
    row.runs += 1
    row.seconds.append(time.monotonic() - began)
    if not reports:
        row.wrong.append(f"seed {seed}: {done.stderr.strip()[-500:]}")
        return
    findings = reports[0]["findings"]
    row.clauses = len(findings)
    row.unsupported = sum(one["verdict"] == "unsupported" for one in findings)
    row.wrong += [f"seed {seed}: {tell(one)}" for one in findings if one["verdict"] not in RIGHT]


def tell(finding: dict[str, Any]) -> str:
    told = [finding["verdict"], finding["clause"], finding["expected"], finding["actual"]]
    return "\n".join([": ".join(filter(None, told)), finding["note"][:2000], finding["program"]])


def table(rows: list[Row], arguments: argparse.Namespace) -> Table:
    made = Table(title=f"profile {arguments.profile}, {arguments.load} busy processes beside it")
    for name in ("backend", "runs", "clauses", "unsupported", "wrong", "median s", "slowest s"):
        made.add_column(name, justify="left" if name == "backend" else "right")
    for row in rows:
        seconds = sorted(row.seconds)
        made.add_row(
            row.backend,
            *(str(each) for each in (row.runs, row.clauses, row.unsupported, len(row.wrong))),
            f"{seconds[len(seconds) // 2]:.1f}",
            f"{seconds[-1]:.1f}",
        )
    return made


if __name__ == "__main__":
    sys.exit(main())
