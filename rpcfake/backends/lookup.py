"""Methods are looked up in the order in which messages were taken (rule ORDER)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rpcfake.handling import Handling


class OrderedLookup(Handling):
    """Runs handlers in several threads, and looks their methods up in turn.

    A request has ``looked_up``, an event, and ``before``, that of the request which was taken
    before it, or None.
    """

    def _find(self, request: Any) -> Callable[..., Any]:
        if request.before is not None:
            request.before.wait()
        try:
            return super()._find(request)
        finally:
            request.looked_up.set()
