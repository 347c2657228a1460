"""All mutants, and the judge that looks at them."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path
from typing import Any

from rpcfake.contract import PROFILES, Clause, Judge, Report, all_clauses

from .mutant import MUTANTS

__all__ = ["CLAUSES", "MUTANTS", "judge"]

for path in sorted(Path(__file__).parent.glob("groups/*.py")):
    importlib.import_module(f".groups.{path.stem}", __package__)

CLAUSES = {clause.id: clause for clause in all_clauses()}

# A smaller example would be found; here it is enough that one is.
QUICK = replace(PROFILES["quick"], shrink_seconds=0.0)


def judge(make: Any, clauses: list[Clause]) -> Report:
    """What is found of a backend, quickly."""
    return Judge(make, "judged", profile=QUICK, seed=2011).judge(clauses)
