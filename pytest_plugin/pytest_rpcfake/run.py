"""What the plugin knows of one test run: which test runs, and which buses are open."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from pytest_rpcfake.options import Settings

if TYPE_CHECKING:
    from pytest_rpcfake.lease import Lease
    from pytest_rpcfake.watchdog import Watchdog

ENDED = 4
"""Closed buses that are kept for the running test's report; a test may open any number of them."""


class Run:
    """The state of the plugin, one for each pytest config.

    Attributes:
        settings: what the ini file and the command line say.
        patience: the watchdog's, in real seconds.
        stderr: a file descriptor that nobody captures; None: there is no watchdog.
        watchdog: None until the first bus that it watches is open.
        open: the buses that are open, oldest first.
        ended: of the buses that were closed since the running test began, the newest ones.
        item: the test that runs, or ran last.
        calling: whether its own body runs now, no fixture.
        unsuccessful: whether something in it has failed, or been skipped, already.
        shown: whether a report of it has the traffic already.
        interrupted: whether the whole run is to end now.
        on_backends: whether some test runs on backends that are named.
        coverage_checked: whether somebody looked how coverage is measured.
        retired: whether what is sent where no backend is chosen is refused by now.
    """

    def __init__(self, settings: Settings, patience: float, stderr: int | None) -> None:
        self.settings = settings
        self.patience = patience
        self.stderr = stderr
        self.watchdog: Watchdog | None = None
        self.open: list[Lease[Any]] = []
        self.ended: list[Lease[Any]] = []
        self.item: pytest.Item | None = None
        self.calling = False
        self.unsuccessful = False
        self.shown = False
        self.interrupted = False
        self.coverage_checked = False
        self.retired = False
        self.on_backends = False

    def end(self) -> None:
        """The test run is over."""
        if self.watchdog is not None:
            self.watchdog.close()
        if self.stderr is not None:
            os.close(self.stderr)

    def begin(self, item: pytest.Item) -> None:
        """A test begins."""
        self.item = item
        self.calling = self.unsuccessful = self.shown = False
        self.ended.clear()
        for lease in self.open:
            lease.begin()

    @property
    def where(self) -> str:
        """The name of the running test."""
        return "the test run" if self.item is None else self.item.nodeid

    def opened(self, lease: Lease[Any]) -> None:
        """A bus is open from now on."""
        self.open.append(lease)
        if lease.watchable is None or self.stderr is None:
            return
        if self.watchdog is None:
            from pytest_rpcfake.watchdog import Watchdog

            self.watchdog = Watchdog(self.patience, self.stderr)
        self.watchdog.watch(lease.watchable, lambda: self.where)

    def closed(self, lease: Lease[Any], *, guilty: bool) -> None:
        """It is no more; a guilty one is the one that a report on the running test is about."""
        if self.watchdog is not None and lease.watchable is not None:
            self.watchdog.forget(lease.watchable)
        self.open.remove(lease)
        self.ended = [lease] if guilty else [*self.ended, lease][-ENDED:]
