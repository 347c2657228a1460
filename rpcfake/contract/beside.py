"""What runs beside a clause, and the gates that hold it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rpcfake.contract.history import Event
from rpcfake.contract.judging import Judging
from rpcfake.contract.script import Line
from rpcfake.contract.stage import Spawned


class Beside(Judging):
    """Functions that run beside the clause, and gates at which handlers wait."""

    def spawn(self, fn: Callable[[], Any]) -> Spawned:
        """Run a function beside the clause."""
        line = self.write("scene.spawn()")
        return self._spawn(fn, line, self.script.beside)

    def _spawn(
        self,
        fn: Callable[[], Any],
        line: Line,
        written: Callable[[Line, Callable[[], None]], Callable[[], None]] = lambda _, run: run,
    ) -> Spawned:
        spawned = Spawned(fn, line)

        def run() -> None:
            spawned.run()
            self._stir()

        self._spawned.append(spawned)
        self.harness.spawn(written(line, run))
        return spawned

    def result(self, spawned: Spawned, what: str) -> Any:
        """What came of it, once it is done; raises `Violation` where it does not get done."""
        line = self.write(f"scene.result({spawned.line.named('beside')}, {what!r})")
        if not self._comes(lambda: spawned.done):
            raise self._broken(f"{what} to come back", "it did not", line)

        def outcome() -> Any:
            if spawned.error is not None:
                raise spawned.error
            return spawned.value

        return self._came_of(line, outcome)

    @property
    def over(self) -> bool:
        """Whether the scene has ended."""
        return "*" in self._gates

    def open_gate(self, gate: str) -> None:
        """Let those pass who wait at a gate, and all who come to it later."""
        self.write(f"scene.open_gate({gate!r})")
        self.unlock(gate)

    def unlock(self, gate: str) -> None:
        """`open_gate` for a handler: the program does not do it, the actor does."""
        self._gates.add(gate)
        self._stir()

    def release(self) -> None:
        """Let everybody go who waits at a gate."""
        self.unlock("*")

    def pass_gate(self, gate: str) -> None:
        """Wait, in a handler, until the gate is open (or the scene has ended)."""
        self.harness.wait_until(lambda: gate in self._gates or self.over, 60.0)
        self.history.add(Event("passed", gate, "gate"))

    def passed(self, gate: str) -> bool:
        """Whether a handler that waited at the gate has gone on."""
        return any(event.request == gate for event in self.history.of("passed"))

    def happens(self, predicate: Callable[[], object]) -> bool:
        """Whether the predicate comes true within the scene's patience."""
        self.write("scene.settle()")
        return self._comes(predicate)

    def _comes(self, predicate: Callable[[], object]) -> bool:
        return bool(self.harness.wait_until(predicate, self.patience))
