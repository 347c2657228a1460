"""How a loop waits for its broker and for its jobs at once."""

from __future__ import annotations

import selectors
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from kombu.asynchronous import Hub

from rpcfake.backends.kombu.clock import monotonic
from rpcfake.backends.kombu.link import Session

LOOK = 0.02
"""Seconds that a transport which polls is drained before the jobs get their turn."""


class Waker:
    """Wakes a thread that waits, from any other thread, or from a finalizer."""

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._reader, selectors.EVENT_READ)
        self._woken = False

    def fileno(self) -> int:
        return self._reader.fileno()

    def wake(self) -> None:
        """Let the one who waits go on; it locks nothing."""
        if self._woken:
            return
        self._woken = True
        with suppress(OSError):  # closed, or full: then it is awake
            self._writer.send(b"\0")

    def clear(self) -> None:
        """Sleep again. What has to be done must be looked up after this, not before."""
        with suppress(OSError):
            self._reader.recv(4096)
        self._woken = False

    def wait(self, seconds: float) -> None:
        """Wait until woken, at most these seconds."""
        if self._selector.select(seconds):
            self.clear()

    def close(self) -> None:
        self._selector.close()
        self._reader.close()
        self._writer.close()


class Listener(Protocol):
    """Lets a loop sleep until something happens."""

    def listen(self) -> None:
        """Return after one event of the broker, or when woken, or after a while; raises when the
        broker is lost."""

    def close(self) -> None: ...


class SocketListener:
    """Waits on the socket of an AMQP session and on the waker, and keeps the heartbeat."""

    def __init__(self, session: Session, waker: Waker) -> None:
        self._session = session
        self._waker = waker
        self._sock = session.raw.sock
        self._selector = selectors.DefaultSelector()
        self._selector.register(waker, selectors.EVENT_READ, waker.clear)
        self._selector.register(self._sock, selectors.EVENT_READ, self._read)
        self._pause = session.heartbeat / 4 or 60.0
        self._next_beat = monotonic() + self._pause

    def listen(self) -> None:
        for key, _ in self._selector.select(max(0.0, self._next_beat - monotonic())):
            key.data()
        if monotonic() >= self._next_beat:
            self._session.beat()
            self._next_beat = monotonic() + self._pause

    def _read(self) -> None:
        self._session.read_frames()
        # TLS may have decrypted more than was asked for, and the socket does not show that.
        pending: Callable[[], int] | None = getattr(self._sock, "pending", None)
        while pending is not None and pending():
            self._session.read_frames()

    def close(self) -> None:
        self._selector.close()


class HubListener:
    """Waits on kombu's event loop, and on the waker."""

    def __init__(self, session: Session, waker: Waker) -> None:
        self._hub = Hub()
        self._hub.propagate_errors = (Exception,)  # of timers too: it would log them
        self._hub.add_reader(waker.fileno(), waker.clear)
        session.attend(self._hub)

    def listen(self) -> None:
        self._hub.run_once()

    def close(self) -> None:
        self._hub.close()


class PollingListener:
    """Drains a transport that has no socket to wait on; sleeps where nobody consumes."""

    def __init__(self, session: Session, waker: Waker, consumes: Callable[[], bool]) -> None:
        self._session = session
        self._waker = waker
        self._consumes = consumes

    def listen(self) -> None:
        if self._consumes():
            self._session.drain(LOOK)
            self._waker.clear()
        else:
            self._waker.wait(60.0)

    def close(self) -> None:
        pass
