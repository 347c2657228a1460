"""`ThreadedBus`: the same core under real threads."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import Context
from threading import TIMEOUT_MAX, Condition, Event, RLock, current_thread, local
from typing import Any, NoReturn, Self

from rpcfake.active import Choice
from rpcfake.bus import MessageBus, Problem
from rpcfake.codec import Codec
from rpcfake.context import ContextFactory
from rpcfake.core import Envelope, Queue
from rpcfake.errors import ConnectionClosed, RemoteError, RpcError, Timeout
from rpcfake.handling import Delivery, Handling, Receiver
from rpcfake.hints import brief
from rpcfake.message import check_seconds
from rpcfake.threads.broker import LockedBroker
from rpcfake.threads.workers import Pool, Waiting, Worker
from rpcfake.waiting import seconds_text, waits_for


def _real_monotonic() -> Callable[[], float]:
    """Also where this is imported inside a freeze: the plugin imports late."""
    freezegun: Any = sys.modules.get("freezegun.api")
    real: Callable[[], float] = time.monotonic if freezegun is None else freezegun.real_monotonic
    return real


# In a dict, because freezegun replaces real functions that it finds as attributes of modules.
_REAL = {"monotonic": _real_monotonic()}


class ThreadedBus(MessageBus):
    """A message bus whose handlers run in threads, on the real clock.

    For code that starts threads or holds real locks. Which handler runs first is the machine's
    choice; what one consumer takes, it takes in order. There are as many workers as handlers run at
    once.

    Args:
        codec: how values look on the wire: ``"json"``, or an object with ``name``, ``encode``,
            ``decode``.
        context_factory: makes the context that a handler gets of the dict that travelled.
    """

    def __init__(
        self,
        codec: str | Codec = "json",
        context_factory: ContextFactory | None = None,
        **simulated: Any,
    ) -> None:
        for name in simulated:
            if name in ("schedule", "seed"):
                raise TypeError(
                    f"a ThreadedBus has no {name}: its threads run as the machine likes."
                    " rpcfake.Bus(schedule=…, seed=…) is the one that decides"
                )
            raise TypeError(f"ThreadedBus has no argument {name!r} (it has codec, context_factory)")
        self._lock = RLock()
        self._changed = Condition(self._lock)
        self._gates: dict[str, Event] = {}
        self._local = local()
        self._surfaced: list[BaseException] = []
        self._waiting: list[Waiting] = []
        self._began = _REAL["monotonic"]()
        self._pool = Pool(Condition(self._lock), self._tell, self._serve_one)
        super().__init__(
            LockedBroker(self._lock, self._let_go, self._tell, self._ready, self._answered),
            codec,
            context_factory,
            lambda: round(self.now * 1_000_000),
            _InOrder,
        )
        assert isinstance(self._handling, _InOrder)
        self._handling.in_order = self._in_order
        self._handling.surfaced = self._surfaced
        self._handling.bus = self
        self._passing: dict[Queue, RLock] = {}
        """Held while a message of the queue is handed to its receiver."""
        self._watching = 0
        """How many threads wait for the whole bus."""
        self._handed: dict[Worker, None] = {}
        """Those that stand for threads of somebody else, who was handed a message."""

    # Time, and who runs

    @property
    def now(self) -> float:
        """Real seconds since the bus was made."""
        return _REAL["monotonic"]() - self._began

    def run(self, timeout: float = 10.0) -> None:
        """Wait until every message is handled, and every handler has returned or waits on the bus.

        Raises:
            Timeout: that took more than ``timeout`` seconds; the text says who still runs.
        """
        seconds = check_seconds("timeout", timeout)
        if not self._wait_for(lambda: self._pool.busy == 0, seconds):
            raise Timeout(
                f"the bus was not quiet within {seconds_text(seconds)}:"
                + "".join("\n  " + line.replace("\n", "\n  ") for line in self._blocked()),
                seconds=seconds,
            )
        self._raise_surfaced()

    def run_until(self, predicate: Callable[[], object], timeout: float = 10.0) -> None:
        """Wait until the predicate is true; it is asked after each event on the bus.

        Raises:
            Timeout: it was not within ``timeout`` seconds.
        """
        if not callable(predicate):
            raise TypeError(f"predicate is {brief(predicate)}: it must be callable")
        seconds = check_seconds("timeout", timeout)
        if not self._wait_for(lambda: self._surfaced or predicate(), seconds):
            raise Timeout(
                f"run_until: the predicate was not true within {seconds_text(seconds)}",
                seconds=seconds,
            )
        self._raise_surfaced()

    def step(self) -> NoReturn:
        """Not on this bus."""
        raise _only_simulated("step")

    def advance(self, seconds: float) -> NoReturn:
        """Not on this bus."""
        raise _only_simulated("advance")

    def sleep(self, seconds: float) -> NoReturn:
        """Not on this bus."""
        raise _only_simulated("sleep")

    def spawn(self, fn: Callable[..., Any], *args: Any) -> NoReturn:
        """Not on this bus."""
        raise _only_simulated("spawn")

    @property
    def schedule(self) -> NoReturn:
        """Not on this bus."""
        raise _only_simulated("schedule")

    @property
    def seed(self) -> NoReturn:
        """Not on this bus."""
        raise _only_simulated("seed")

    @contextmanager
    def installed(self) -> Iterator[Self]:
        """While the ``with`` lasts, `rpcfake.call` and the others go to this bus, from every
        thread."""
        self._check_use()
        choice = Choice(self)
        try:
            yield self
        finally:
            choice.undo()

    def close(self, timeout: float = 10.0) -> None:
        """Refuse everything from now on, wake who waits, and wait for the threads to end.

        Raises:
            Timeout: a handler has not returned within ``timeout`` real seconds; the text says where
                it is.
        """
        seconds = check_seconds("timeout", timeout)
        with self._lock:
            self.closed = self._handling.closed = True
            self._pool.close()
            self._changed.notify_all()
            for waiting in self._waiting:
                waiting.wake()
            workers = [one for one in self._pool.workers if one.thread is not current_thread()]
        end = _REAL["monotonic"]() + seconds
        for worker in workers:
            worker.thread.join(min(max(0.0, end - _REAL["monotonic"]()), TIMEOUT_MAX))
        alive = [worker for worker in workers if worker.thread.is_alive()]
        if alive:
            raise Timeout(
                f"the bus is closed, but handlers have not returned within {seconds_text(seconds)}:"
                + "".join(f"\n  {worker.label()}: {worker.doing()[0]}" for worker in alive),
                seconds=seconds,
            )

    def __repr__(self) -> str:
        state = "closed" if self.closed else f"{len(self._pool.workers)} threads"
        return f"<ThreadedBus {state}, {len(self._broker.rows)} records>"

    # Handling

    def _ready(self, queue: Queue) -> None:
        mine = getattr(self._local, "mine", None)
        if mine is not None and _is_received(queue):
            mine.append(queue)
            self._pool.busy += 1
        else:
            self._pool.add(queue)

    def _post(self, *sending: Any) -> Envelope:
        # What a receiver does with a message is short, and needs no thread of its own to wake up.
        mine: list[Queue] = []
        self._local.mine = mine
        try:
            envelope = super()._post(*sending)
        finally:
            self._local.mine = None
            for queue in mine:
                self._pass_on(queue)
        return envelope

    def _pass_on(self, queue: Queue) -> None:
        """Hand the next message of a queue to its receiver, in the order of the queue."""
        lock = self._passing.get(queue) or self._passing.setdefault(queue, RLock())
        with lock:
            with self._lock:
                if not _is_received(queue):
                    self._pool.add(queue)
                    self._pool.idle()
                    return
                envelope = self._broker.take(self._now(), queue)
                if envelope is None:
                    self._pool.idle()
                    return
            try:
                self._handling.handle(envelope)
            finally:
                with self._lock:
                    self._pool.idle()

    def _serve_one(self, queue: Queue, worker: Worker) -> None:
        with self._lock:
            received = _is_received(queue)
            self._pool.busy += received
        if received:
            self._pass_on(queue)
            return
        with self._lock:
            envelope = self._broker.take(self._now(), queue)
            if envelope is None:
                return
            envelope.worker = worker
            worker.envelope = envelope
            assert envelope.consumer is not None
            name = envelope.consumer.name
            before, own = self._gates.get(name), Event()
            self._gates[name] = own
        self._local.worker = worker
        self._local.gates = (before, own)
        try:
            Context().run(self._handling.handle, envelope)
        finally:
            if before is not None and not own.is_set():  # it failed before its method was looked up
                before.wait()
            own.set()
            with self._lock:
                if self._gates.get(name) is own:
                    del self._gates[name]
                self._tell()
            self._local.worker = None

    def _hand_over(self, delivery: Delivery) -> None:
        """It is handled by a thread that is not the bus's: as busy as a worker, until it is
        finished."""
        with self._lock:
            worker = delivery.worker = delivery.envelope.worker = Worker(0)
            worker.envelope = delivery.envelope
            self._handed[worker] = None
            self._pool.busy += 1

    def _adopt(self, delivery: Delivery) -> None:
        delivery.worker.thread = current_thread()
        self._local.worker = delivery.worker

    def _finish(self, delivery: Delivery) -> None:
        worker: Worker = delivery.worker
        if getattr(self._local, "worker", None) is worker:
            self._local.worker = None
        with self._lock:
            if worker.envelope is not None:
                worker.envelope = None
                del self._handed[worker]
                self._pool.idle()

    def _tell(self) -> None:
        """Something has changed; the lock is held."""
        if self._watching:
            self._changed.notify_all()

    def _answered(self, envelope: Envelope) -> None:
        if envelope.waiter is not None:
            envelope.waiter.wake()

    def _send(self, *message: Any) -> Envelope:
        _ensure_frames(_FRAMES)
        return super()._send(*message)

    def _raise_surfaced(self) -> None:
        with self._lock:
            if self._surfaced:
                raise self._surfaced.pop(0)

    # What `MessageBus` asks of a loop

    def problems(self) -> list[Problem]:
        """What a strict test does not leave behind, as the bus stands now."""
        with self._lock:
            return super().problems()

    def _remote_error(self, failure: int) -> RemoteError:
        if getattr(self._local, "worker", None) is None:
            self._raise_surfaced()
        return super()._remote_error(failure)

    def _origin(self) -> tuple[str, dict[str, Any]]:
        return "real", {"name": "ThreadedBus"}

    def _cause(self) -> int | None:
        worker: Worker | None = getattr(self._local, "worker", None)
        return None if worker is None or worker.envelope is None else worker.envelope.taken

    def _check_use(self) -> None:
        if self.closed:
            raise ConnectionClosed("the bus was closed")

    def _wait_for_answer(self, envelope: Envelope, seconds: float) -> str | None:
        end = None if seconds == math.inf else _REAL["monotonic"]() + seconds
        worker: Worker | None = getattr(self._local, "worker", None)
        with self._lock:
            if envelope.readable:
                return None
            waiting = envelope.waiter = Waiting(self._pool, worker, envelope, self._lock)
            self._waiting.append(waiting)
            try:
                while not envelope.readable:
                    self._check_use()
                    left = None if end is None else end - _REAL["monotonic"]()
                    if left is not None and left <= 0:
                        text = self._timeout_text(envelope, seconds)
                        self._broker.give_up(self._now(), envelope, "timeout")
                        return text
                    waiting.wait(left)
                return None
            finally:
                envelope.waiter = None
                self._waiting.remove(waiting)
                waiting.wake()

    def _wait_for(self, predicate: Callable[[], object], seconds: float) -> bool:
        end = _REAL["monotonic"]() + seconds
        if getattr(self._local, "worker", None) is not None:
            raise RpcError(
                "a handler waits for the whole bus, of which it is a part: only a test can"
            )
        with self._lock:
            self._check_use()
            self._let_go()
            self._watching += 1
            try:
                while not predicate():
                    left = end - _REAL["monotonic"]()
                    if left <= 0:
                        return False
                    self._changed.wait(min(left, TIMEOUT_MAX))
                    self._check_use()
                return True
            finally:
                self._watching -= 1

    def _settle(self) -> None:
        with suppress(Timeout):  # who still runs is told as a problem of its own
            self.run()

    def _blocked(self) -> list[str]:
        lines = []
        with self._lock:
            for worker in (*self._pool.workers, *self._handed):
                if worker.envelope is None:
                    continue
                doing, envelope = worker.doing()
                text = f"{worker.label()}: {doing}"
                if envelope is not None:
                    text += "".join("\n  " + line for line in waits_for(envelope))
                lines.append(text)
        return lines

    def _failed_tasks(self) -> list[str]:
        return []

    def _in_order(self, find: Callable[[], Any]) -> Any:
        """Look a method up, after those of the messages that its consumer took before."""
        before, own = self._local.gates
        if before is not None:
            before.wait()
        try:
            return find()
        finally:
            own.set()


class _InOrder(Handling):
    """Handles messages, and looks their methods up in the order in which they were taken."""

    in_order: Callable[[Callable[[], Any]], Any]
    surfaced: list[BaseException]
    bus: ThreadedBus

    def hand_over(self, delivery: Delivery, receiver: Receiver) -> None:
        self.bus._hand_over(delivery)
        try:
            super().hand_over(delivery, receiver)
        except BaseException:
            self.bus._finish(delivery)
            raise

    def adopt(self, delivery: Delivery) -> None:
        self.bus._adopt(delivery)

    def finish(self, delivery: Delivery) -> None:
        self.bus._finish(delivery)

    def surface(self, error: BaseException) -> None:
        self.surfaced.append(error)

    def _find(self, envelope: Envelope) -> Callable[..., Any]:
        method: Callable[..., Any] = self.in_order(lambda: super(_InOrder, self)._find(envelope))
        return method


def _is_received(queue: Queue) -> bool:
    """Whether who takes the next message is handed it whole."""
    return bool(queue.readers) and isinstance(queue.readers[0].proxy, Receiver)


_FRAMES = 60
"""How much deeper sending and waiting may go: a thread may have to be started."""


def _ensure_frames(count: int) -> None:
    """Raise RecursionError where there is not so much room, before anything is half-done."""
    if count:
        _ensure_frames(count - 1)


def _only_simulated(name: str) -> RpcError:
    return RpcError(
        f"a ThreadedBus has no {name}: its threads run on the real clock, as the machine likes."
        " rpcfake.Bus (fixture rpc_bus) is the one with virtual time"
    )
