"""The contract as tests: ``pytest --pyargs rpcfake.contract.suite --rpcfake-backend=NAME[=URL]``.

One test for each clause, for the CI of whoever writes a backend. What pytest needs is in rpcfake's
plugin, whose fixture ``rpc_contract`` judges; nothing here imports pytest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rpcfake.contract.clause import Clause, all_clauses


def pytest_generate_tests(metafunc: Any) -> None:
    """A test for each clause, named by its id."""
    clauses = all_clauses()
    metafunc.parametrize("clause", clauses, ids=[clause.id for clause in clauses])


def test_clause(rpc_contract: Callable[[Clause], object], clause: Clause) -> None:
    """The backend keeps the rule; what it says that it can't do is skipped."""
    rpc_contract(clause)
