"""The one thread that touches the channels of one connection to the broker."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from random import Random
from threading import Event, Thread, current_thread
from typing import Generic, Protocol, TypeVar

from kombu.utils.functional import fxrange

from rpcfake.backends.kombu.clock import Limit
from rpcfake.backends.kombu.link import STALL, Link, Session
from rpcfake.backends.kombu.listening import (
    HubListener,
    Listener,
    PollingListener,
    SocketListener,
    Waker,
)
from rpcfake.errors import BackendUnavailable, ConnectionClosed

log = logging.getLogger(__name__)

T = TypeVar("T")


class Tenant(Protocol):
    """Who uses the session of a loop. Its methods are called in the loop's thread."""

    loop: Loop
    """Set by the loop that takes it in."""

    @property
    def consumes(self) -> bool:
        """Whether it waits for messages."""

    def connected(self, session: Session) -> None:
        """There is a new session: declare and consume, as if for the first time."""

    def lost(self) -> None:
        """The session is gone, with all that it had."""


class Loop:
    """Connects, runs jobs and reads the broker; when the broker is lost it connects again, with
    growing pauses, for ever.

    Args:
        purpose: what the thread, and the connection in the broker's tools, are called.
        tenants: they are told of every session.
    """

    def __init__(self, link: Link, purpose: str, *tenants: Tenant) -> None:
        self._link = link
        self._purpose = purpose
        self._tenants = list(tenants)
        for tenant in tenants:
            tenant.loop = self
        self._jobs: deque[Callable[[], object]] = deque()
        self._waker = Waker()
        self.session: Session | None = None
        """The present one; for the loop's own thread."""
        self._stopping = False
        self._first: Future[None] | None = None
        self._trouble = f"kombu: {link.name}: not connected yet"
        self.failed = False
        """Whether the broker could not be reached, or was lost."""
        self._jitter = Random()
        self.up = Event()
        """Set while there is a session and its tenants are ready."""
        self._thread = Thread(target=self._run, name=f"rpcfake-kombu-{purpose}", daemon=True)

    # From any thread

    def start(self) -> None:
        """Begin to connect, and go on until it succeeds; nobody waits for it."""
        self._thread.start()

    def open(self) -> None:
        """Connect.

        Raises:
            BackendUnavailable: it failed; the loop has stopped.
        """
        first = self._first = Future()
        self._thread.start()
        try:
            first.result()
        except BackendUnavailable:
            self._thread.join()
            raise

    def post(self, job: Callable[[], object]) -> None:
        """Run a job in the loop's thread, soon, or once the broker is back. It locks nothing."""
        self._jobs.append(job)
        self._waker.wake()

    def run(self, do: Callable[[Session], T], seconds: float, *, patient: bool = True) -> T:
        """Run a job in the loop's thread, and return what it gives.

        Args:
            patient: whether to wait for a broker that is away.

        Raises:
            BackendUnavailable: the broker was not there within these seconds, or was lost.
        """
        if self._stopping:
            raise ConnectionClosed("the connection to the broker was closed")
        job = _Job(self, do, patient)
        self.post(job)
        if not patient and not self.up.is_set():  # lost just now, and nobody will look at it
            job.future.cancel()
        try:
            return job.future.result(seconds)
        except CancelledError:
            raise self.trouble from None
        except TimeoutError:
            job.future.cancel()
            if not self.up.is_set():
                raise self.trouble from None
            text = f"kombu: {self._link.name}: no answer within {seconds:g} s"
            raise BackendUnavailable(text) from None

    @property
    def trouble(self) -> BackendUnavailable:
        """Why the broker is not there, or was not the last time."""
        return BackendUnavailable(self._trouble)

    def trouble_of(self, error: Exception) -> BackendUnavailable:
        """What an error of the broker is to our users."""
        return self._link.unavailable(error)

    def admit(self, tenant: Tenant, seconds: float) -> None:
        """Take in one more tenant. Raises as `run` does."""
        tenant.loop = self

        def let_in(session: Session) -> None:
            tenant.connected(session)
            self._tenants.append(tenant)

        self.run(let_in, seconds)

    def dismiss(self, tenant: Tenant, farewell: Callable[[], object]) -> None:
        """Forget a tenant, after its farewell in the loop's thread, if the broker is there."""
        with suppress(BackendUnavailable, ConnectionClosed):
            self.run(lambda _: farewell(), STALL, patient=False)
        with suppress(ValueError):
            self._tenants.remove(tenant)

    def stop(self) -> None:
        """End the thread, after the jobs that it already has, and the connection."""
        self._stopping = True
        self._waker.wake()
        if self._thread.is_alive() and current_thread() is not self._thread:
            self._thread.join(STALL)

    def interrupt(self) -> None:
        """Lose the session, as if the broker had closed it."""
        if self.up.is_set():
            self.post(_lose)

    # In the loop's thread

    def _run(self) -> None:
        pauses = self._pauses()
        while not self._stopping:
            session: Session | None = None
            try:
                session = self._link.connect(self._purpose)
                self._welcome(session)
                pauses = self._pauses()
                self._serve(session)
                session.close()
            except Exception as error:
                self._lost(session, error)
                if self._first is not None and not self._first.done():
                    self._end()
                    self._first.set_exception(self.trouble)
                    return
                self._wait(next(pauses))
        self._trouble = f"kombu: {self._link.name}: the connection was closed"
        self._end()

    def _welcome(self, session: Session) -> None:
        self.session = session
        for tenant in tuple(self._tenants):
            tenant.connected(session)
        self.up.set()
        if self._first is not None and not self._first.done():
            self._first.set_result(None)

    def _serve(self, session: Session) -> None:
        listener: Listener
        if self._link.is_amqp:
            listener = SocketListener(session, self._waker)
        elif session.has_hub:
            listener = HubListener(session, self._waker)
        else:
            listener = PollingListener(session, self._waker, self._consumes)
        try:
            while True:
                for _ in range(len(self._jobs)):  # those that come meanwhile wait for the broker
                    self._jobs.popleft()()
                if self._stopping:
                    return
                listener.listen()
        finally:
            listener.close()

    def _consumes(self) -> bool:
        return any(tenant.consumes for tenant in self._tenants)

    def _lost(self, session: Session | None, error: Exception) -> None:
        self._trouble = str(self._link.unavailable(error))
        self.failed = True
        self.up.clear()
        self.session = None
        if session is None:
            log.info("%s: %s", self._purpose, self._trouble)
        else:
            log.warning("%s: lost the broker: %s", self._purpose, self._trouble)
            log.debug("how the broker was lost", exc_info=error)
        for tenant in tuple(self._tenants):
            tenant.lost()
        if session is not None:
            session.drop()
        for job in tuple(self._jobs):
            if isinstance(job, _Job) and not job.patient:
                job.future.cancel()

    def _pauses(self) -> Iterator[float]:
        # Not all services that lost one broker come back to it at the same moment.
        for pause in fxrange(0.1, 5.0, 0.5, repeatlast=True):
            yield pause * self._jitter.uniform(0.5, 1.0)

    def _wait(self, seconds: float) -> None:
        limit = Limit(seconds)
        while not self._stopping and not limit.past:
            self._waker.wait(limit.left)

    def _end(self) -> None:
        self.up.clear()
        self.session = None
        self._stopping = True
        for tenant in tuple(self._tenants):
            tenant.lost()
        while self._jobs:  # who waits for one of these must not wait on
            with suppress(Exception):
                self._jobs.popleft()()
        self._waker.close()


class _Job(Generic[T]):
    """What is to be done in the loop's thread, and what came of it."""

    def __init__(self, loop: Loop, do: Callable[[Session], T], patient: bool) -> None:
        self._loop = loop
        self._do = do
        self.patient = patient
        self.future: Future[T] = Future()

    def __call__(self) -> None:
        if not self.future.set_running_or_notify_cancel():
            return
        session = self._loop.session
        if session is None:
            self.future.set_exception(self._loop.trouble)
            return
        try:
            self.future.set_result(self._do(session))
        except Exception as error:
            broken = session.is_broken_by(error)
            self.future.set_exception(self._loop.trouble_of(error) if broken else error)
            if broken:
                raise


def _lose() -> None:
    raise ConnectionError("the connection was cut")
