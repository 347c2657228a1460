"""A wire between a backend and its broker that can be cut, closed off, and frozen."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit, urlunsplit


class Proxy:
    """Passes on what comes to a port of its own."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._broker = (parts.hostname or "127.0.0.1", parts.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._port = self._listener.getsockname()[1]
        login = f"{parts.username}:{parts.password}@" if parts.username else ""
        self.url = urlunsplit(parts._replace(netloc=f"{login}127.0.0.1:{self._port}"))
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._flows = threading.Event()
        self._flows.set()
        self._lock = threading.Lock()
        self.accepted = 0
        self._accept_in_thread()

    def cut(self) -> None:
        """Break all connections; new ones are accepted."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            _shut(*pair)

    def close(self) -> None:
        """Break all connections, and refuse new ones."""
        _shut(self._listener)
        self._flows.set()
        self.cut()

    def reopen(self) -> None:
        """Accept new connections again."""
        self._listener = socket.create_server(("127.0.0.1", self._port))
        self._accept_in_thread()

    def mend(self) -> None:
        """Be as new."""
        self.thaw()
        if self._listener.fileno() < 0:
            self.reopen()

    def freeze(self) -> None:
        """Pass nothing on, and close nothing: the other side is as good as dead."""
        self._flows.clear()

    def thaw(self) -> None:
        """Pass on again, also what has waited."""
        self._flows.set()

    def _accept_in_thread(self) -> None:
        self._in_thread(self._accept, self._listener)

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                try:
                    far = socket.create_connection(self._broker)
                except OSError:
                    _shut(near)
                    continue
                with self._lock:
                    self._pairs.append((near, far))
                    self.accepted += 1
                self._in_thread(self._pump, near, far)
                self._in_thread(self._pump, far, near)

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                self._flows.wait()
                target.sendall(data)
        _shut(source, target)

    def _in_thread(self, function: Any, *args: Any) -> None:
        threading.Thread(target=function, args=args, name="proxy", daemon=True).start()


def _shut(*sockets: socket.socket) -> None:
    for each in sockets:
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()
