"""Listeners: what oslo.messaging's servers read from."""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Callable
from typing import Any

from oslo_messaging._drivers import base

from rpcfake.connection import Connection
from rpcfake.handling import Delivery, Receiver
from rpcfake.oslo.buses import Station
from rpcfake.sim import Bus

LOG = logging.getLogger(__name__)


class Listener(base.Listener):  # type: ignore[misc]
    """Hands messages on in the worker that took them: it has no thread, and polls nothing.

    Args:
        incoming: makes what the server is handed of a delivery.
        what: what it listens to, for people.
    """

    def __init__(
        self,
        station: Station,
        incoming: Callable[[Delivery], base.RpcIncomingMessage],
        what: str,
        batch_size: int = 1,
        batch_timeout: float | None = None,
    ) -> None:
        super().__init__(batch_size, batch_timeout)
        self._station = station
        self._incoming = incoming
        self._what = what
        self._connection: Connection = station.bus.create_connection()
        self._proxy = _Proxy(self)
        self._changed = threading.Condition()
        self._handing: list[int] = []
        """The threads that hand something on."""
        self._batch: list[Delivery] = []
        self._batches = 0
        self._stopped = False
        self.started_at = ""
        """Where it was started, for people."""

    def read(self, topic: str, fanout: bool = False, pool: str = "") -> None:
        """Read this topic too."""
        bus, connection = self._station.bus, self._connection
        connection._consumers.append(bus._declare(topic, self._proxy, fanout, pool))

    def start(self, on_incoming_callback: Callable[[Any], object]) -> None:
        super().start(on_incoming_callback)
        self.started_at = _caller()
        self._station.listening.append(self)
        self._connection.consume_in_thread()

    def stop(self) -> None:
        """Take nothing more. When it returns, what was taken has been handed on."""
        with self._changed:
            first, self._stopped = not self._stopped, True
        self._connection.close()
        if not first:
            return
        self._flush(self._batches)
        if not self._station.simulated:
            me = threading.get_ident()
            with self._changed:
                self._changed.wait_for(lambda: all(one == me for one in self._handing))
        if self in self._station.listening:
            self._station.listening.remove(self)
        super().stop()

    def cleanup(self) -> None:
        self.stop()

    def __repr__(self) -> str:
        at = f", started at {self.started_at}" if self.started_at else ", not started"
        return f"<Listener of {self._what}{at}>"

    def receive(self, delivery: Delivery) -> None:
        """Hand a message on, or keep it until there are enough for a batch."""
        full: list[Delivery] = []
        with self._changed:
            stopped, number = self._stopped, self._batches
            if not stopped:
                self._batch.append(delivery)
                if len(self._batch) == self.batch_size:
                    full = self._cut()
            begins = len(self._batch) == 1
        if stopped:
            delivery.requeue()
        elif full:
            self._hand_on(full)
        elif begins and self.batch_timeout is not None:
            self._flush_later(number, self.batch_timeout)

    def _cut(self) -> list[Delivery]:
        """What has come for a batch so far, to be handed on at once; the lock is held."""
        batch, self._batch = self._batch, []
        self._batches += 1
        self._handing.append(threading.get_ident())
        return batch

    def _flush(self, number: int) -> None:
        """Hand the batch of this number on as it is, if that was not done."""
        with self._changed:
            batch = self._cut() if number == self._batches and self._batch else []
        if batch:
            self._hand_on(batch)

    def _hand_on(self, batch: list[Delivery]) -> None:
        try:
            assert self.on_incoming_callback is not None
            self.on_incoming_callback([self._incoming(delivery) for delivery in batch])
        except Exception:
            # The server's executor was shut down, as a rule: whoever listens next gets it.
            LOG.exception("%r could not hand on what it took, and takes nothing more", self)
            self._connection.close()
            for delivery in reversed(batch):
                delivery.requeue()
        finally:
            with self._changed:
                self._handing.remove(threading.get_ident())
                if self._stopped:
                    self._changed.notify_all()

    def _flush_later(self, number: int, seconds: float) -> None:
        bus = self._station.bus
        if isinstance(bus, Bus):

            def wait() -> None:
                bus.sleep(seconds)
                self._flush(number)

            bus.spawn(wait)
        else:
            timer = threading.Timer(seconds, self._flush, (number,))
            timer.daemon = True
            timer.start()


class _Proxy(Receiver):
    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    def receive(self, delivery: Delivery) -> None:
        self._listener.receive(delivery)


_LIBRARIES = ("oslo_messaging", "rpcfake", "threading.py", "debtcollector", "futurist")


def _caller() -> str:
    """Who called, as ``file:line``: the innermost frame that is neither ours nor oslo's."""
    for frame in reversed(traceback.extract_stack()):
        parts = frame.filename.replace("\\", "/").split("/")
        if not any(name in parts for name in _LIBRARIES) or "tests" in parts:
            return f"{frame.filename}:{frame.lineno}"
    return "an unknown place"
