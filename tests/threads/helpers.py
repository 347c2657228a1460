"""Waiting for other threads, without sleeping."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

PATIENCE = 30.0
"""Seconds after which a test that waits for another thread gives up; it never waits that long."""


class Background:
    """A function in a thread of its own, whose result or error is asked for later."""

    def __init__(self, function: Callable[..., Any], *args: Any) -> None:
        self._function = function
        self._args = args
        self._value: Any = None
        self._error: BaseException | None = None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self._value = self._function(*self._args)
        except BaseException as error:
            self._error = error

    def result(self) -> Any:
        """Wait for its end."""
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive()
        if self._error is not None:
            raise self._error
        return self._value


def wait(event: threading.Event) -> None:
    """Wait for what another thread will do."""
    assert event.wait(PATIENCE)
