"""What a judge needs of this backend: real threads, real time, and a broker left as it was."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from rpcfake.backends.harness import ThreadHarness
from rpcfake.backends.kombu.clock import monotonic


class KombuHarness(ThreadHarness):
    """A `ThreadHarness` that can interrupt.

    Args:
        forget: deletes what a topic left.
        interrupt: cuts the backend off from its broker.
    """

    def __init__(
        self,
        forget: Callable[[str], object],
        interrupt: Callable[[], AbstractContextManager[None]],
    ) -> None:
        super().__init__(forget)
        self._interrupt = interrupt

    def now(self) -> float:
        return monotonic()

    def interrupt(self) -> AbstractContextManager[None]:
        return self._interrupt()
