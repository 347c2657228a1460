"""A request whose caller waits, and the values of a multicall as they come."""

from __future__ import annotations

import math
import queue
from collections.abc import Callable, Iterator
from contextlib import suppress
from enum import StrEnum
from threading import Lock
from typing import Any

from rpcfake.backends.kombu.clock import Limit
from rpcfake.backends.kombu.publishing import Outgoing
from rpcfake.backends.kombu.wire import Answer, decode
from rpcfake.backends.kombu.workers import handler_waits
from rpcfake.errors import BackendUnavailable, ConnectionClosed, RemoteError, RpcError, Timeout


class NoAnswer(StrEnum):
    """Why no answer will come."""

    LOST = "lost"
    """It can't come any more, or the request was not sent; the body says why."""
    CLOSED = "closed"
    """The backend was closed."""


class Pending(Outgoing):
    """A request whose caller waits for answers."""

    def __init__(self, kind: str, topic: str, method: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kind = kind
        self.topic = topic
        self.method = method
        self.id: str = self.properties["correlation_id"]
        self.limit = Limit(math.inf)
        """When the caller gives up."""
        self.control: str | None = None
        """Where to cancel it, once a worker said so."""
        self._answers: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self._is_confirmed = False
        self._nobody = False

    # From the loops' threads

    def settled(self, trouble: str | None) -> None:
        if trouble is None:
            self._is_confirmed = True
        else:
            self.put(NoAnswer.LOST, trouble)

    def returned(self) -> None:
        self._nobody = True

    def put(self, kind: str, body: Any) -> None:
        """Here is an answer."""
        self._answers.put((kind, body))

    # From the caller's thread

    def next(self, why_not: Callable[[], str | None]) -> Any:
        """The next value, within the limit.

        Args:
            why_not: tells why nothing can be sent at the moment, if so.

        Raises:
            StopIteration: there are no more. RemoteError, Timeout, BackendUnavailable,
            ConnectionClosed.
        """
        answer = self._wait()
        if answer is None:
            raise self._none_came(why_not)
        kind, body = answer
        match kind:
            case Answer.VALUE | Answer.RESULT:
                return decode(body)
            case Answer.ENDING:
                raise StopIteration
            case Answer.FAILURE:
                raise _failure(body)
            case NoAnswer.CLOSED:
                raise ConnectionClosed(f"the backend was closed while {self} was waited for")
        raise BackendUnavailable(f"kombu: {self}: {body}")

    def _wait(self) -> tuple[str, Any] | None:
        with handler_waits():
            while True:
                with suppress(queue.Empty):
                    return self._answers.get(timeout=self.limit.left)
                if self.limit.past:
                    return None

    def _none_came(self, why_not: Callable[[], str | None]) -> RpcError:
        self.withdrawn = True
        seconds = self.limit.seconds
        trouble = None if self._is_confirmed else why_not()
        if trouble is not None:
            state = "was not confirmed" if self.sent else "could not be sent"
            return BackendUnavailable(f"{self} {state} within {seconds:g} s: {trouble}")
        text = f"no answer to {self} within {seconds:g} s"
        if self._nobody:
            text += f": no consumer was ever declared on {self.topic!r}"
        return Timeout(text, topic=self.topic, method=self.method, seconds=seconds)

    def __str__(self) -> str:
        return f"{self.kind} {self.topic}.{self.method}"


def _failure(body: Any) -> RemoteError:
    texts = decode(body)
    if isinstance(texts, list) and len(texts) == 3:
        return RemoteError(*map(str, texts))
    return RemoteError("SerializationError", f"the failure can't be read: {texts!r}")


class Values(Iterator[Any]):
    """The values of a multicall as they come. ``close()``, or letting it go, abandons the call.

    Args:
        abandon: told the request when nobody reads on. It locks nothing.
    """

    def __init__(
        self,
        pending: Pending,
        seconds: float,
        why_not: Callable[[], str | None],
        abandon: Callable[[Pending], object],
    ) -> None:
        self._pending = pending
        self._seconds = seconds
        self._why_not = why_not
        self._abandon = abandon
        self._over = False
        self._reading = Lock()

    def __next__(self) -> Any:
        __tracebackhide__ = True
        if not self._reading.acquire(blocking=False):
            raise RpcError("somebody else waits for the next value of this multicall already")
        try:
            if self._over:
                raise StopIteration
            self._pending.limit = Limit(self._seconds)
            try:
                return self._pending.next(self._why_not)
            except BaseException:
                self.close()
                raise
        finally:
            self._reading.release()

    def close(self) -> None:
        """Abandon the call: what comes now goes nowhere, and the remote generator is closed."""
        if not self._over:
            self._over = True
            self._abandon(self._pending)

    def __del__(self) -> None:
        # At any moment, in any thread, maybe while the interpreter ends.
        with suppress(Exception):
            self.close()
