"""Other projects' own tests on ``rpcfake://``: ``nox -s downstream`` runs it.

They are installed from the package registry, and run unchanged. What is other than in their own
project is done from outside, by the changes that a job names; `inside.py` has them. A test that
fails must stand in `EXCEPTED`, and one that stands there must fail.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

INSIDE = Path(__file__).with_name("inside.py")
OSLO = "oslo_messaging.tests"
NOVA = "nova.tests.functional.test_servers"
REAL_CASTS = ", real casts"


@dataclass
class Job:
    """Tests to run in one or more processes of their own."""

    suite: str
    url: str
    names: list[str]
    """Packages and classes."""
    note: str = ""
    changes: list[str] = field(default_factory=list)
    without: list[str] = field(default_factory=list)
    """Tests are left out whose names say one of these."""
    shares: int = 1
    """Between how many processes the tests are dealt out."""
    drop_buses: bool = False
    """Whether each test begins with no bus."""
    judged: bool = True
    """Whether a failure counts; it does not where another driver runs for comparison."""
    patience: float = 1800.0
    """For how many seconds at the most."""
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """What it is, for people."""
        return f"{self.suite}: {self.note}" if self.note else self.suite


def functional(url: str, judged: bool = True) -> Job:
    """The tests that oslo.messaging itself runs on each of its drivers."""
    return Job(
        *("functional", url, [f"{OSLO}.functional"]),
        # RabbitMQ is what that file tests: it starts and stops nodes of a cluster.
        without=["test_rabbitmq"],
        changes=["open_gates"] if judged else [],
        # They mostly sleep.
        shares=6,
        judged=judged,
        environment={"RPC_TRANSPORT_URL": url, "NOTIFY_TRANSPORT_URL": url},
    )


def unit(url: str, judged: bool = True) -> Job:
    """oslo.messaging's unit tests; what is in them of ``fake:`` is ours."""
    return Job(
        *("unit", url, [OSLO]),
        without=[f"{OSLO}.functional"],
        changes=["rebind_fake", "equal_contexts"] if judged else [],
        drop_buses=judged,
        judged=judged,
    )


def nova(url: str, name: str, *changes: str, note: str = "", judged: bool = True) -> Job:
    """A class of nova's functional tests."""
    return Job(
        *("nova", url, [f"{NOVA}.{name}"], name + note),
        changes=list(changes),
        drop_buses=judged,
        judged=judged,
        environment={"OS_NOVA_DISABLE_EVENTLET_PATCHING": "true"},
    )


SUITES: dict[str, list[Job]] = {
    "functional": [functional("rpcfake://"), functional("fake://", judged=False)],
    "unit": [unit("rpcfake://"), unit("fake://", judged=False)],
    "nova": [
        *(
            nova(url, name, *changes, judged=bool(changes))
            # In turns, for what else this machine does comes and goes.
            for name in ("ServersTestV219", "ServersTestV219", "ServersTestV21", "ServersTestV219")
            for url, *changes in (("rpcfake://", "nova_url", "nova_contexts"), ("fake:/",))
        ),
        *(
            nova(
                *("rpcfake://", name, "nova_url", "nova_contexts", "nova_casts"),
                note=REAL_CASTS,
            )
            for name in ("ServersTestV219", "ServersTestV21")
        ),
    ],
}

REMOTE = "the error comes from a server: its text has the traceback, as rabbit's has"
FANOUT = "a fanout goes by its topic, whatever the exchange, as rabbit's does"
EXCEPTED: dict[str, dict[str, str]] = {
    # All in classes that put a dictionary of their own into FakeExchangeManager.
    "unit": {
        f"{OSLO}.rpc.test_server.TestRPCServer.test_failure": REMOTE,
        f"{OSLO}.rpc.test_server.TestRPCServer.test_expected_failure": REMOTE,
        **{
            f"{OSLO}.rpc.test_server.TestMultipleServers.test_multiple_servers"
            f"(diff_exchange,same_topic,diff_server,fanout,cast,{endpoints})": FANOUT
            for endpoints in ("one_endpoint", "two_endpoints")
        },
    },
    f"nova: ServersTestV21{REAL_CASTS}": {
        f"{NOVA}.ServersTestV21.test_unshelve_offloaded_overquota_ul": "it wants a 403 from the API"
        " for what the conductor finds after a cast: by then the API has answered 202",
    },
}
"""What fails on ``rpcfake://``, and why it should, by the titles of jobs."""

if socket.socket().connect_ex(("127.0.0.1", 5672)) == 0:
    EXCEPTED["unit"][
        f"{OSLO}.notify.test_notifier.TestMessagingNotifierRetry"
        ".test_notifier_retry_connection_fails_rabbit"
    ] = "it wants nobody to listen on port 5672, where this machine has RabbitMQ"


@dataclass
class Outcome:
    """What became of a job's tests."""

    job: Job
    records: dict[str, dict[str, Any]]
    """The last record of each test, by its id."""
    trouble: list[str] = field(default_factory=list)
    """What failed beside them."""

    @property
    def seconds(self) -> float:
        """How long its tests took, one after the other."""
        return sum(record["seconds"] for record in self.records.values())

    def unexpected(self) -> list[str]:
        """What is wrong, for people: nothing where all is as it should be."""
        excepted = EXCEPTED.get(self.job.title, {})
        wrong = list(self.trouble)
        for name, record in self.records.items():
            if record["outcome"] in ("failed", "hung") and name not in excepted:
                wrong.append(f"{name} {record['outcome']}:\n{shorten(record['text'])}")
        for name in excepted:
            outcome = self.records.get(name, {"outcome": "missing"})["outcome"]
            if outcome != "failed":
                wrong.append(f"{name} is excepted, and yet {outcome}")
        return wrong


def shorten(text: str, size: int = 4000) -> str:
    """The end of a text that may hold all that was logged."""
    lines = [line for line in text.splitlines() if not re.match(r" *(DEBUG|INFO) \[", line)]
    return "\n".join(lines)[-size:]


def run(job: Job, folder: Path) -> Outcome:
    """Run a job's tests, and read what became of them."""
    environment = os.environ | job.environment
    # oslo.messaging starts oslo-metrics by its name.
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    folder.mkdir()
    processes = []
    for share in range(job.shares):
        options = asdict(job) | {
            "out": str(folder / f"{share}.jsonl"),
            "share": [share, job.shares],
        }
        with (folder / f"{share}.log").open("wb") as log:
            processes.append(
                subprocess.Popen(
                    [sys.executable, str(INSIDE), json.dumps(options)],
                    stdout=log,
                    stderr=log,
                    cwd=folder,
                    env=environment,
                )
            )
    outcome = Outcome(job, {})
    deadline = time.monotonic() + job.patience
    for share, process in enumerate(processes):
        try:
            code = process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        if code:
            log_text = (folder / f"{share}.log").read_text(errors="replace")
            outcome.trouble.append(f"process {share} ended with {code}:\n{shorten(log_text)}")
        out = folder / f"{share}.jsonl"
        for line in out.read_text().splitlines() if out.exists() else ():
            record = json.loads(line)
            outcome.records[record["id"]] = record
    if not outcome.records:
        outcome.trouble.append("there was no test")
    return outcome


def show(outcomes: list[Outcome]) -> Table:
    """A row for each job."""
    table = Table(box=box.MARKDOWN)
    table.add_column("suite")
    table.add_column("URL")
    for title in ("passed", "failed", "of these excepted", "skipped", "seconds"):
        table.add_column(title, justify="right")
    for outcome in outcomes:
        job = outcome.job
        counts = Counter(record["outcome"] for record in outcome.records.values())
        excepted = EXCEPTED.get(job.title, {}) if job.judged else {}
        table.add_row(
            job.title,
            job.url,
            str(counts["passed"]),
            str(counts["failed"] + counts["hung"]),
            str(sum(outcome.records.get(name, {}).get("outcome") == "failed" for name in excepted)),
            str(counts["skipped"]),
            f"{outcome.seconds:.1f}",
        )
    return table


def ratio(outcomes: list[Outcome]) -> float:
    """How long nova's tests take on ``rpcfake://``, where they take 1.0 on ``fake:/``.

    The median over the pairs that ran one after the other."""
    seconds = [outcome.seconds for outcome in outcomes if REAL_CASTS not in outcome.job.note]
    return statistics.median(
        ours / theirs for ours, theirs in zip(seconds[::2], seconds[1::2], strict=True)
    )


def link_etc() -> None:
    """Nova's tests look for its etc folder beside its package; pip puts it where Python is."""
    etc = Path(sysconfig.get_paths()["purelib"]) / "etc"
    if not etc.exists():
        etc.symlink_to(Path(sys.prefix) / "etc", target_is_directory=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suites", nargs="*", metavar="suite", help=", ".join(SUITES))
    parser.add_argument("--only-ours", action="store_true", help="no other driver to compare with")
    parser.add_argument("--keep", type=Path, help="where logs are kept")
    options = parser.parse_args()
    if unknown := set(options.suites) - set(SUITES):
        parser.error(f"there is no suite {sorted(unknown)[0]!r}: choose of {', '.join(SUITES)}")
    chosen = options.suites or list(SUITES)
    if "nova" in chosen:
        link_etc()
    console = Console(width=160)
    outcomes: list[Outcome] = []
    wrong = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = (options.keep or Path(temporary)).resolve()
        folder.mkdir(exist_ok=True)
        for job in (job for suite in chosen for job in SUITES[suite]):
            if options.only_ours and not job.judged:
                continue
            outcome = run(job, folder / f"{len(outcomes)}-{job.suite}")
            outcomes.append(outcome)
            console.print(f"{job.title} on {job.url} ran")
            if job.judged:
                for text in outcome.unexpected():
                    wrong += 1
                    console.print(f"\nUNEXPECTED in {job.title} on {job.url}: {text}", markup=False)
    console.print(show(outcomes))
    novas = [outcome for outcome in outcomes if outcome.job.suite == "nova"]
    if novas and not options.only_ours:
        console.print(f"nova on rpcfake:// takes {ratio(novas):.2f} of the time on fake:/")
    console.print(f"{wrong} unexpected" if wrong else "all as it should be")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
