"""WHOLE: what no single rule says alone."""

from __future__ import annotations

from rpcfake.contract.clause import MUST, machine_clause
from rpcfake.contract.machine import machine_for

machine_clause(
    "RPC-WHOLE-001",
    MUST,
    "After any sequence of operations every message was taken by whom the rules say, and as often.",
    hint="the shortest sequence is printed; find the clause of the operation in it that goes wrong",
    machine=machine_for,
)
