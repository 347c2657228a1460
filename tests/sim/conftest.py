"""A bus for each test that asks for one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rpcfake import Bus


@pytest.fixture
def bus() -> Iterator[Bus]:
    """A simulated bus, not installed; closed afterwards."""
    made = Bus()
    yield made
    made.close()


@pytest.fixture
def installed(bus: Bus) -> Iterator[Bus]:
    """The same, and it is the active backend: `time.sleep` is virtual."""
    with bus.installed():
        yield bus
