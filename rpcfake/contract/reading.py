"""The values of a multicall, as a clause reads them."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rpcfake.contract.history import Event
from rpcfake.contract.violation import tell

if TYPE_CHECKING:
    from rpcfake.contract.beside import Beside


class Reading(Iterator[Any]):
    """The backend's iterator of bare values; each reading is noted. Nobody else refers to it.

    Args:
        name: what the program calls it.
    """

    def __init__(self, scene: Beside, name: str, tag: Any, values: Any) -> None:
        self._scene = scene
        self._name = name
        self._tag = tag
        self._values: Iterator[Any] = iter(values)
        self.got: list[Any] = []
        """What was read so far."""

    def __next__(self) -> Any:
        line = self._scene.write(f"next({self._name})")
        try:
            value = self._read()
        except StopIteration:
            line.text = f"next({self._name}, None)"
            line.remark("it had ended")
            raise
        except BaseException as error:
            line.remark(f"raised {type(error).__name__}: {tell(str(error))}")
            raise
        line.remark(f"gave {tell(value)}")
        self._scene.script.remember(value, lambda: line.named("given"))
        self._scene.script.remember_all([value], lambda: line.named("given"), one=True)
        return value

    def __iter__(self) -> Iterator[Any]:
        """All that is left: one line of the program, however many values."""
        line = self._scene.write(f"list({self._name})")
        start, raised = len(self.got), False
        got: list[Any] = []

        def expression() -> str:
            return f"{self._name}.got[{start}:]" if raised else line.named("given")

        self._scene.script.remember_all(got, expression)
        try:
            while True:
                try:
                    got.append(self._read())
                except StopIteration:
                    break
                yield got[-1]
        except BaseException as error:
            raised = True
            line.remark(f"gave {tell(got)}, then raised {type(error).__name__}")
            raise
        line.remark(f"gave {tell(got)}")

    def close(self) -> None:
        """Abandon it by the iterator's own ``close()``."""
        self._scene.write(f"{self._name}.close()")
        close = getattr(self._values, "close", None)
        if close is not None:
            close()

    def let_go(self) -> None:
        """Abandon it by letting it go: nothing refers to the backend's iterator any more."""
        self._scene.write(f"{self._name}.let_go()")
        self._values = iter(())
        gc.collect(1)  # what is young: a full collection costs more than the rest

    def _read(self) -> Any:
        try:
            value = next(self._values)
        except StopIteration:
            self._note("ended")
            raise
        except BaseException as error:
            self._note(self._scene.outcome(error))
            raise
        self._note("value", value)
        self.got.append(value)
        return value

    def _note(self, what: str, value: Any = None) -> None:
        self._scene.history.add(Event(what, self._tag, "caller", "multicall", value=value))
