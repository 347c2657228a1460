"""A threaded bus for each test that asks for one; no thread of it outlives the test."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from rpcfake import ThreadedBus


@pytest.fixture
def bus() -> Iterator[ThreadedBus]:
    """A bus with real threads, not installed; closed afterwards."""
    before = set(threading.enumerate())
    made = ThreadedBus()
    yield made
    made.close()
    assert set(threading.enumerate()) <= before
