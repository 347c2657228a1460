"""What holds for every test."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# No test depends on how fast the machine is.
settings.register_profile("any speed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any speed")

LASTS = ("asyncio-waitpid", "rpcfake-watchdog")
"""Threads of things that live for a module or a run: a browser, the plugin's watchdog."""


@pytest.fixture(autouse=True)
def leaves_no_thread() -> Iterator[None]:
    """What a test leaves running changes what the tests after it see."""
    before = set(threading.enumerate())
    yield
    left = [one for one in threading.enumerate() if one not in before]
    for thread in left:
        if not thread.name.startswith(LASTS):
            thread.join(10)
            assert not thread.is_alive(), f"{thread.name} still runs"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Headless Chromium, for the tests of one module."""
    from .browser import running_browser

    with running_browser() as browser:
        yield browser
