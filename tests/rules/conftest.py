"""Each test of a rule runs on both buses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .harness import BUSES, AnyBus


@pytest.fixture(scope="session", params=BUSES, ids=["Bus", "ThreadedBus"])
def new_bus(request: pytest.FixtureRequest) -> type[AnyBus]:
    """Makes a bus, to be closed by ``with``. For properties, which need one for each example."""
    made: type[AnyBus] = request.param
    return made


@pytest.fixture
def bus(new_bus: type[AnyBus]) -> Iterator[AnyBus]:
    """A bus."""
    with new_bus() as made:
        yield made
