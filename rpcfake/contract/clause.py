"""Clauses: the rules of bus RPC, each a numbered function that judges a backend."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from rpcfake.contract.scene import Scene


class Level(StrEnum):
    """How binding a clause is."""

    MUST = "MUST"
    """A backend that breaks it is wrong."""
    SHOULD = "SHOULD"
    """A backend that breaks it is not strict; users will notice."""
    INFO = "INFO"
    """Backends differ here; the verdict says how this one does."""


MUST, SHOULD, INFO = Level.MUST, Level.SHOULD, Level.INFO

CAPABILITIES: dict[str, str] = {
    "multicall": "a caller gets several values, each as soon as it was given",
    "cancels_abandoned": "a multicall that its caller lets go is ended at the remote end",
    "round_robin": "consumers of one topic get equal shares",
    "ordered": "what one sender sends to one consumer is taken in the order sent",
    "private_methods_refused": "a method whose name begins with an underscore is not served",
    "durable_topics": "what was not taken is kept while a topic has no consumer",
    "timeouts": "a call that is not answered in time ends with Timeout",
    "expires": "a call that timed out before it was taken is not handled any more",
    "broker": "a broker stands between, which can go away and come back",
}
"""What a backend may lack, if it says so in ``unsupported``. Everything else is asked of each."""


@dataclass(frozen=True)
class Clause:
    """One rule, and the function that judges it."""

    id: str
    """Such as ``RPC-FANOUT-003``; never reused."""
    level: Level
    rule: str
    """The rule in one sentence."""
    check: Callable[..., None] = field(repr=False, compare=False)
    """``check(scene, **drawn)``; it raises `Violation` where the backend breaks the rule."""
    needs: tuple[str, ...] = ()
    """The capabilities without which it can't be asked."""
    bugs: tuple[str, ...] = ()
    """Public bugs that it stands for."""
    hint: str = ""
    """Where to look if it fails."""
    varies: Mapping[str, SearchStrategy[Any]] = field(
        default_factory=dict, repr=False, compare=False
    )
    """What is drawn for each example."""
    waits: bool = False
    """Whether real time must pass in it; it is then given few examples."""
    machine: Callable[[Callable[[], Scene]], Any] | None = field(
        default=None, repr=False, compare=False
    )
    """In place of ``check``: makes a Hypothesis state machine that plays on such scenes."""

    @property
    def group(self) -> str:
        """The rule group, such as ``FANOUT``."""
        return self.id.split("-")[1]


_clauses: dict[str, Clause] = {}

GROUPS = (
    "SEND", "CALL", "MULTICALL", "CAST", "FANOUT", "SHARE", "ORDER", "CONC", "ERROR", "WIRE",
    "CONTEXT", "CONN", "TIME", "TOPIC", "LOSS", "WHOLE",
)  # fmt: skip
"""The groups in the order in which they are shown."""


def clause(
    id: str,
    level: Level,
    rule: str,
    *,
    needs: str | tuple[str, ...] = (),
    bugs: tuple[str, ...] = (),
    hint: str,
    waits: bool = False,
    **varies: SearchStrategy[Any],
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a function as a clause.

    Args:
        id: ``RPC-GROUP-NNN``.
        varies: strategies; what they draw is passed to the function by these names.
    """
    wanted = (needs,) if isinstance(needs, str) else needs
    unknown = [name for name in wanted if name not in CAPABILITIES]
    parts = id.split("-")
    if len(parts) != 3 or parts[0] != "RPC" or parts[1] not in GROUPS or not parts[2].isdigit():
        raise ValueError(f"{id!r} is no clause id: RPC-GROUP-NNN, GROUP of {', '.join(GROUPS)}")
    if unknown:
        raise ValueError(f"{id} needs {unknown}: the capabilities are {', '.join(CAPABILITIES)}")

    def register(check: Callable[..., None]) -> Callable[..., None]:
        known = _clauses.get(id)
        if known is not None and (known.rule, _place(known.check)) != (rule, _place(check)):
            raise ValueError(f"two clauses have the id {id}: ids are never reused")
        _clauses[id] = Clause(id, level, rule, check, wanted, bugs, hint, varies, waits)
        return check

    return register


def machine_clause(
    id: str,
    level: Level,
    rule: str,
    *,
    hint: str,
    machine: Callable[[Callable[[], Scene]], Any],
    bugs: tuple[str, ...] = (),
) -> None:
    """Register a state machine as a clause."""
    clause(id, level, rule, hint=hint, bugs=bugs)(_no_check)
    _clauses[id] = replace(_clauses[id], machine=machine)


def _place(check: Callable[..., None]) -> tuple[str, str]:
    """Where a function stands; a module that is imported again registers its own anew."""
    return check.__module__, check.__qualname__


def _no_check(scene: Scene) -> None:
    raise TypeError("a clause with a machine has no check")


def all_clauses() -> tuple[Clause, ...]:
    """Every clause, by group and number."""
    from rpcfake.contract import clauses as rooms

    rooms.load()
    return tuple(
        sorted(_clauses.values(), key=lambda clause: (GROUPS.index(clause.group), clause.id))
    )
