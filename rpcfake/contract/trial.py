"""One clause, tried on examples until it fails or there are enough."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any

from rpcfake.contract.bench import describe, frames_text
from rpcfake.contract.clause import MUST, Clause
from rpcfake.contract.scene import Scene, program_text
from rpcfake.contract.verdict import Finding, Verdict
from rpcfake.contract.violation import Unknown, Violation

MORE = 20
"""How many times as many examples are tried, each on a new backend, where one was not enough."""

UNKNOWNS = 3
"""Examples that could not be judged, after which no further one is tried."""


@dataclass(frozen=True)
class Profile:
    """How thorough a judgement is."""

    name: str
    examples: int
    """Of a clause that varies."""
    waiting_examples: int
    """Of a clause in which real time must pass."""
    shrink_seconds: float = 5.0
    """How long a smaller example is looked for."""


PROFILES = {
    "quick": Profile("quick", 5, 2, 1.0),
    "default": Profile("default", 25, 5),
    "thorough": Profile("thorough", 200, 20, 20.0),
}


class _Enough(BaseException):
    """Ends the search for a smaller example; Hypothesis lets it through."""


class Trial:
    """One clause on one backend.

    Attributes:
        scene: that of the newest example.
        examples: how many were begun.
        program: the call of `play` that programs begin with.
    """

    def __init__(
        self, clause: Clause, profile: Profile, seed: int, patience: float, program: str
    ) -> None:
        self.clause = clause
        self.scene: Scene | None = None
        self.examples = 0
        self.program = program
        self._profile = profile
        self._seed = seed
        self._patience = patience
        self._worst: tuple[list[str], BaseException] | None = None
        self._unknown: Unknown | None = None
        self._unknowns = 0
        self._found_in = 0
        self._deadline = 0.0
        self._more = 1
        self._given_up = False
        self._backend: Any = None
        self._renew: Callable[[], Any] = lambda: None
        self._again = False

    @property
    def pulse(self) -> tuple[int, int]:
        """Changes as long as something happens."""
        return self.examples, 0 if self.scene is None else self.scene.pulse

    @property
    def silence(self) -> float:
        """Seconds in which nothing happens and that are too many: it may wait twice for something
        that does not come."""
        return 2 * self._patience + 0.5

    @property
    def error(self) -> BaseException | None:
        """What the smallest failing example raised."""
        return None if self._worst is None else self._worst[1]

    def run(self, backend: Any, renew: Callable[[], Any]) -> None:
        """Try the clause on as many examples as the profile says.

        Args:
            renew: makes a new backend. Once an example has failed each has one of its own, since a
                broken rule may leave a backend in which everything fails.
        """
        self._backend, self._renew = backend, renew
        self._search()
        if self._worst is not None and not self._again:
            # It may have come from what earlier examples had left.
            self._deadline = monotonic() + self._profile.shrink_seconds
            self._more = MORE
            self._search()

    def _search(self) -> None:
        try:
            if self.clause.machine is not None:
                self._run_machine()
            elif self.clause.varies:
                self._run_examples()
            else:
                self._example({})
        except _Enough:
            pass
        except Exception:
            if self._worst is None:
                raise

    def _run_examples(self) -> None:
        # Late: it is heavy, and a single clause without examples does not need it.
        from hypothesis import given, seed
        from hypothesis.strategies import fixed_dictionaries

        @given(fixed_dictionaries(dict(self.clause.varies)))
        def examples(drawn: Mapping[str, Any]) -> None:
            self._example(drawn)

        seed(self._seed)(self._settings()(examples))()

    def _run_machine(self) -> None:
        from hypothesis import seed
        from hypothesis.stateful import run_state_machine_as_test

        def make_scene() -> Scene:
            self._note_broken()
            self._begin_example()
            self.scene = Scene(self._backend, self._scene_patience())
            return self.scene

        assert self.clause.machine is not None
        try:
            machine = seed(self._seed)(self.clause.machine(make_scene))
            run_state_machine_as_test(machine, settings=self._settings(runs=2), _min_steps=1)
        except Exception as error:
            # Hypothesis plays the smallest one last.
            self._note_broken()
            if self._worst is None:
                self._worst = ([] if self.scene is None else self.scene.program, error)
            raise
        except _Enough:
            self._note_broken()
            raise

    def _note_broken(self) -> None:
        """Keep the scene that was played last, if it broke a rule and is no longer than others that
        did."""
        wrong = None if self.scene is None else self.scene.broken or self.scene.failed
        if wrong is not None:
            self._note(wrong)

    def _note(self, error: BaseException) -> None:
        assert self.scene is not None
        again = 0 < self._found_in < self.examples
        if not self._found_in or again > self._again:
            self._deadline = monotonic() + self._profile.shrink_seconds
        self._found_in = self._found_in or self.examples
        program = self.scene.program
        if self._worst is None or again > self._again or len(program) <= len(self._worst[0]):
            self._worst = (program, error)
        self._again = self._again or again

    def _settings(self, runs: int = 1) -> Any:
        from hypothesis import HealthCheck, Phase, Verbosity, settings

        profile = self._profile
        return settings(
            max_examples=runs
            * self._more
            * (profile.waiting_examples if self.clause.waits else profile.examples),
            stateful_step_count=20,
            deadline=None,
            database=None,
            report_multiple_bugs=False,
            print_blob=False,
            verbosity=Verbosity.quiet,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.generate, Phase.shrink),
        )

    def _scene_patience(self) -> float:
        """Less while a smaller example is looked for: what does not happen costs the whole
        patience."""
        hurries = self._found_in and not self.clause.waits
        return self._patience / 4 if hurries else self._patience

    def _begin_example(self) -> None:
        if self._given_up or (self._found_in and monotonic() > self._deadline):
            raise _Enough
        self.examples += 1
        if self._found_in:
            self._backend = self._renew()

    def _example(self, drawn: Mapping[str, Any]) -> None:
        self._begin_example()
        with Scene(self._backend, self._scene_patience()) as scene:
            self.scene = scene
            try:
                self.clause.check(scene, **drawn)
            except Unknown as unknown:
                self._unknown = unknown
                self._unknowns += 1
                if self._unknowns >= UNKNOWNS:
                    raise _Enough from None
            except Exception as error:
                self._note(error)
                raise

    def give_up(self) -> None:
        """Let go whoever waits in it, and try no further example."""
        self._given_up = True
        if self.scene is not None:
            self.scene.release()

    def finding(self) -> Finding:
        """The verdict, after `run` has come to its end."""
        if self._worst is not None:
            lines, error = self._worst
            return self._failed(error, lines)
        if self._unknown is not None:
            return Finding(self.clause, Verdict.UNKNOWN, note=str(self._unknown))
        return Finding(self.clause, Verdict.PASS)

    def _failed(self, error: BaseException, lines: list[str]) -> Finding:
        if isinstance(error, Violation):
            return self._against(error.expected, error.actual, lines, self._once())
        return self._against(
            self.clause.rule,
            f"it raised {describe(error)}",
            lines,
            f"where it was raised:\n{frames_text(traceback.extract_tb(error.__traceback__))}",
        )

    def _once(self) -> str:
        """What to say of a failure that did not come again on a new backend."""
        tried = self._profile.shrink_seconds > 0 and self.examples > self._found_in
        if self._again or not tried:
            return ""
        return "it failed once, and not on a new backend: it takes more than the program shows"

    def stuck(self, stacks: str) -> Finding:
        """The verdict where nothing happens any more."""
        lines = [] if self.scene is None else self.scene.program
        return self._against(
            self.clause.rule,
            f"nothing happened for {self.silence:g} s: it hangs",
            [*lines, "# here nothing happened any more"],
            f"where it stood:\n{stacks}",
        )

    def _against(self, expected: str, actual: str, lines: list[str], note: str = "") -> Finding:
        """The verdict that the clause does not hold."""
        verdict = Verdict.FAIL if self.clause.level is MUST else Verdict.NONSTRICT
        program = program_text(lines, self.program)
        return Finding(self.clause, verdict, expected, actual, program, note)

    def broken(self, error: BaseException) -> None:
        """The trial itself raised."""
        self._worst = ([] if self.scene is None else self.scene.program, error)
