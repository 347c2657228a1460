"""The contract: the rules of bus RPC as clauses that judge any backend.

It knows what a backend is (`rpcfake.backends.port`), and none of them.
"""

from rpcfake.contract.bench import CannotJudge
from rpcfake.contract.clause import CAPABILITIES, GROUPS, Clause, Level, all_clauses
from rpcfake.contract.judge import Hearing, Judge
from rpcfake.contract.scene import Scene, play
from rpcfake.contract.trial import PROFILES, Profile
from rpcfake.contract.verdict import Finding, Report, Verdict
from rpcfake.contract.violation import Unknown, Violation

__all__ = [
    "CAPABILITIES",
    "GROUPS",
    "PROFILES",
    "CannotJudge",
    "Clause",
    "Finding",
    "Hearing",
    "Judge",
    "Level",
    "Profile",
    "Report",
    "Scene",
    "Unknown",
    "Verdict",
    "Violation",
    "all_clauses",
    "play",
]
