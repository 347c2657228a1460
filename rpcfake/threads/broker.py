"""The core behind one lock."""

from __future__ import annotations

from collections.abc import Callable
from threading import RLock
from typing import Any

from rpcfake.core import Broker, Consumer, Envelope, Queue, Topic


class LockedBroker(Broker):
    """A broker whose operations exclude each other.

    Args:
        lock: held during each operation.
        before: called under the lock before each operation.
        after: called under the lock after each operation.
    """

    def __init__(
        self,
        lock: RLock,
        before: Callable[[], object],
        after: Callable[[], object],
        on_ready: Callable[[Queue], object],
        on_answer: Callable[[Envelope], object],
    ) -> None:
        super().__init__(on_ready, on_answer)
        self._lock: Any = lock
        self._before = before
        self._after = after
        self._latest = 0

    def _in_time(self, now: int) -> int:
        """The time of an operation: other threads may have read the clock later, but come first."""
        self._latest = max(now, self._latest)
        return self._latest

    def _locked(self, operation: Callable[..., Any], *args: Any) -> Any:
        with self._lock:
            self._before()
            try:
                return operation(*args)
            finally:
                self._after()

    def _timed(self, operation: Callable[..., Any], now: int, *args: Any) -> Any:
        with self._lock:
            self._before()
            try:
                return operation(self._in_time(now), *args)
            finally:
                self._after()

    def declare(self, topic: str, proxy: Any, fanout: bool, pool: str = "") -> Consumer:
        return self._locked(  # type: ignore[no-any-return]
            super().declare, topic, proxy, fanout, pool
        )

    def start(self, consumer: Consumer) -> None:
        self._locked(super().start, consumer)

    def close(self, consumer: Consumer) -> None:
        self._locked(super().close, consumer)

    def topic(self, name: str) -> Topic:
        return self._locked(super().topic, name)  # type: ignore[no-any-return]

    def new_queue(self, topic: str) -> Queue:
        return self._locked(super().new_queue, topic)  # type: ignore[no-any-return]

    def send(self, now: int, *args: Any) -> Envelope:
        return self._timed(super().send, now, *args)  # type: ignore[no-any-return]

    def take(self, now: int, queue: Queue) -> Envelope | None:
        return self._timed(super().take, now, queue)  # type: ignore[no-any-return]

    def purge(self, now: int, queue: Queue) -> int:
        return self._timed(super().purge, now, queue)  # type: ignore[no-any-return]

    def requeue(self, now: int, envelope: Envelope) -> None:
        self._timed(super().requeue, now, envelope)

    def heartbeat(self, now: int, envelope: Envelope) -> None:
        self._timed(super().heartbeat, now, envelope)

    def reply(self, now: int, envelope: Envelope, text: str) -> None:
        self._timed(super().reply, now, envelope, text)

    def end(self, now: int, envelope: Envelope) -> None:
        self._timed(super().end, now, envelope)

    def fail(self, now: int, envelope: Envelope, text: str, surfaces: bool = False) -> None:
        self._timed(super().fail, now, envelope, text, surfaces)

    def give_up(self, now: int, envelope: Envelope, kind: str) -> None:
        with self._lock:  # without ``before``, which may be what calls here, once for each of many
            super().give_up(self._in_time(now), envelope, kind)
            self._after()
