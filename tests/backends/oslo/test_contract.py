"""The contract over oslo.messaging: all of it on `rpcfake://`, a little on RabbitMQ, which is slow
(`rpcfake verify oslo=rabbit://…` judges by the rest)."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from typing import Any

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # oslo's libraries warn of each other's parts
    import oslo_messaging  # noqa: F401

from rpcfake.backends.oslo import oslo
from rpcfake.backends.registry import find_backend
from rpcfake.contract import PROFILES, Clause, Judge, Report, all_clauses
from rpcfake.contract.verdict import Verdict
from rpcfake.errors import BackendUnavailable, InvalidMessage

from ..kombu.brokers import AMQP_URL, Broker, require

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

CLAUSES = all_clauses()
FEW = ("CALL", "CAST", "FANOUT", "SHARE")
"""The groups that are judged where the slow tests are left out."""
SLOW = "RPCFAKE_SLOW_TESTS" in os.environ
GROUPS = sorted({clause.group for clause in CLAUSES} - {"LOSS"}) if SLOW else FEW


def judge(url: str, clauses: list[Clause]) -> Report:
    return Judge(lambda: oslo(url), "oslo", profile=PROFILES["quick"]).judge(clauses)


def wrong(report: Report) -> list[Any]:
    return [
        (one.clause.id, one.verdict, one.expected, one.actual, one.program)
        for one in report.findings
        if one.verdict not in (Verdict.PASS, Verdict.UNSUPPORTED)
    ]


@pytest.mark.parametrize("group", GROUPS)
def test_the_rules_hold_on_rpcfake(group: str) -> None:
    report = judge("rpcfake://", [clause for clause in CLAUSES if clause.group == group])
    assert wrong(report) == []
    missing = {one.clause.id for one in report.findings if one.verdict is Verdict.UNSUPPORTED}
    assert missing == {
        clause.id for clause in CLAUSES if clause.group == group and "multicall" in clause.needs
    }


@pytest.mark.skipif(not SLOW, reason="its servers take seconds to stop: see the noxfile")
def test_rabbitmq_does_the_same_and_is_left_as_it_was() -> None:
    url = require(AMQP_URL)
    broker = Broker(url)
    # In a process of its own: the rabbit driver leaves sockets to the garbage collector.
    chosen = ("--clause", "RPC-CALL-001", "--clause", "RPC-FANOUT-001", "--profile", "quick")
    named = ("--option", f"exchange={broker.prefix}")
    backend = "oslo=" + url.replace("amqp://", "rabbit://")
    program = "from rpcfake.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, "verify", backend, *chosen, *named],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert broker.left() == {broker.prefix}  # the exchange
    with broker.channel() as channel:
        channel.exchange_delete(broker.prefix)
    broker.close()


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match="concurrency is 3: it must be 32 or more"):
        oslo(concurrency=3)
    with pytest.raises(BackendUnavailable, match="refuses the URL"):
        oslo("nosuch://")
    with pytest.raises(BackendUnavailable, match="rpcfake:// has no option"):
        oslo("rpcfake://?speed=9")


def test_it_is_found_by_its_name() -> None:
    backend = find_backend("oslo")
    try:
        with pytest.raises(NotImplementedError, match="no multicall"):
            backend.multicall({}, "shop", {"method": "buy"})
        with pytest.raises(InvalidMessage):
            backend.cast({}, "", {"method": "buy"})
        connection = backend.create_connection()
        connection.create_consumer("shop", object())
        connection.close()
    finally:
        backend.close()
    with pytest.raises(Exception, match="the backend was closed"):
        backend.call({}, "shop", {"method": "buy"})
