"""Where the threads of this process stand."""

from __future__ import annotations

import gc
import sys
from types import FrameType


def current_frames() -> dict[int, FrameType]:
    """Where each thread is. Before 3.11.9 a collection in the midst of it can deadlock Python
    (its issue 106883)."""
    collects = gc.isenabled()
    gc.disable()
    try:
        return sys._current_frames()
    finally:
        if collects:
            gc.enable()
