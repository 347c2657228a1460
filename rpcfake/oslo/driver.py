"""The driver behind ``rpcfake://``."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from functools import partial
from math import inf
from typing import Any

import oslo_messaging
from oslo_messaging._drivers import base

from rpcfake.core import HEARTBEAT, Envelope
from rpcfake.errors import ConnectionClosed, RpcError, Timeout
from rpcfake.hints import brief
from rpcfake.oslo import naming
from rpcfake.oslo.buses import Station, join, leave
from rpcfake.oslo.failures import make_error
from rpcfake.oslo.incoming import Incoming, IncomingNotification
from rpcfake.oslo.listener import Listener


class RpcFakeDriver(base.BaseDriver):  # type: ignore[misc]
    """Does what the rabbit driver does, on a bus in memory.

    Raises:
        InvalidTransportURL: the URL has an option that ``rpcfake://`` has not.
    """

    def __init__(
        self,
        conf: Any,
        url: Any,
        default_exchange: str | None = None,
        allowed_remote_exmods: list[str] | None = None,
    ) -> None:
        super().__init__(conf, url, default_exchange, allowed_remote_exmods)
        self._station: Station = join(url, default_exchange)
        self._listeners: list[Listener] = []
        self._cleaned = False

    def require_features(self, requeue: bool = False) -> None:
        """Everything is supported."""

    def send(
        self,
        target: Any,
        ctxt: Any,
        message: Any,
        wait_for_reply: bool | None = None,
        timeout: float | None = None,
        call_monitor_timeout: float | None = None,
        retry: int | None = None,
        transport_options: Any = None,
    ) -> Any:
        """Send an RPC message; of a call give the reply, or raise what the server raised.

        Raises:
            MessagingTimeout: no reply within ``timeout`` seconds, or no sign of life within
                ``call_monitor_timeout``; a call that was not taken by then is never handled.
            MessageUndeliverable: ``at_least_once`` was asked for, and there is no queue for it.
            MessageDeliveryFailure: the bus was closed.
        """
        if wait_for_reply and target.fanout:
            raise ValueError(f"a call can't be a fanout: {target}")
        content = naming.pack(message)
        if target.fanout:
            # As with rabbit a fanout goes by its topic alone, whatever the exchange.
            self._post("fanout_cast", target.topic, ctxt, content)
            return None
        topic = self._topic(target, target.server)
        if transport_options is not None and transport_options.at_least_once:
            self._check_route(target, topic)
        if not wait_for_reply:
            self._post("cast", topic, ctxt, content)
            return None
        if call_monitor_timeout:
            content.headers[naming.MONITOR] = call_monitor_timeout
        envelope = self._post("call", topic, ctxt, content)
        return self._wait(envelope, timeout, call_monitor_timeout)

    def send_notification(
        self, target: Any, ctxt: Any, message: Any, version: float, retry: int | None = None
    ) -> None:
        """Send a notification; the target's topic ends with the priority."""
        content = naming.pack_notification(message)
        self._post("notification", self._topic(target), ctxt, content)

    def listen(self, target: Any, batch_size: int, batch_timeout: float | None) -> Listener:
        """A listener to a topic: its queue, the queue of this server, and its fanouts."""
        # In virtual time a server's own watchdog, a thread, would never ring: see `_grace`.
        incoming = partial(Incoming, monitored=not self._station.simulated)
        what = f"{target.topic} as {target.server}"
        listener = self._listener(incoming, what, batch_size, batch_timeout)
        listener.read(self._topic(target))
        listener.read(self._topic(target, target.server))
        listener.read(target.topic, fanout=True)
        return listener

    def listen_for_notifications(
        self,
        targets_and_priorities: Any,
        pool: str | None,
        batch_size: int,
        batch_timeout: float | None,
    ) -> Listener:
        """A listener to notifications; those of a pool share a copy of each."""
        topics = [self._topic(target, priority) for target, priority in targets_and_priorities]
        listener = self._listener(
            IncomingNotification, ", ".join(topics), batch_size, batch_timeout
        )
        for topic in topics:
            listener.read(topic, pool=pool or "")
        return listener

    def cleanup(self) -> None:
        """Stop the listeners of this transport; the last transport of a bus closes it."""
        if self._cleaned:
            return
        self._cleaned = True
        for listener in self._listeners:
            with suppress(RpcError):
                listener.stop()
        leave(self._station)

    def _topic(self, target: Any, part: str | None = None) -> str:
        exchange = target.exchange or self._default_exchange
        return naming.topic_name(exchange, self._station.exchange, target.topic, part)

    def _listener(self, incoming: Any, what: str, size: int, timeout: float | None) -> Listener:
        self._check_open()
        listener = Listener(self._station, incoming, what, size, timeout)
        self._listeners.append(listener)
        return listener

    def _check_open(self) -> None:
        if self._cleaned:
            raise oslo_messaging.MessageDeliveryFailure(
                f"this transport ({self._url}) was cleaned up: make a new one"
            )
        if self._station.ended:
            raise oslo_messaging.MessageDeliveryFailure(
                f"the bus of {self._url} is closed: {self._station.ended}"
            )

    def _check_route(self, target: Any, topic: str) -> None:
        bus = self._station.bus
        place = bus._broker.topics.get(topic)
        if (place is None or not place.keeps) and not bus._broker.keeps_unserved:
            raise oslo_messaging.MessageUndeliverable(
                "no queue was ever declared for it",
                target.exchange or self._default_exchange,
                topic,
                None,
            )

    def _post(self, kind: str, topic: str, ctxt: Any, content: naming.Content) -> Envelope:
        self._check_open()
        bus = self._station.bus
        bus._check_use()
        method, args, headers = content
        if not isinstance(ctxt, dict):
            if not hasattr(ctxt, "to_dict"):
                raise TypeError(
                    f"the context is {brief(ctxt)}: it must be a dict, or have a to_dict()"
                )
            ctxt = ctxt.to_dict()  # a RequestContext: as with rabbit it arrives as a dictionary
        payload = bus.codec.encode((ctxt, args, headers) if headers else (ctxt, args))
        to = bus._substitute(kind, topic, method, payload)
        return bus._post(kind, topic, method, payload, bus._cause(), to)

    def _wait(self, envelope: Envelope, timeout: float | None, monitor: float | None) -> Any:
        bus = self._station.bus
        end = inf if timeout is None else bus.now + timeout
        left = inf if timeout is None else timeout
        last = None
        if monitor:
            envelope.values = deque()
            if self._station.simulated:
                envelope.grace = lambda: _grace(envelope, min(monitor, end - bus.now))
        while not envelope.done:
            try:
                bus._wait(envelope, max(0.0, min(left, monitor or inf)))
            except Timeout as late:
                raise oslo_messaging.MessagingTimeout(str(late)) from None
            except ConnectionClosed as closed:
                raise oslo_messaging.MessageDeliveryFailure(f"{closed}") from None
            while envelope.values:
                text = envelope.values.popleft()
                last = last if text == HEARTBEAT else text
            left = end - bus.now
        if envelope.failure is not None:
            texts = bus.codec.decode(bus._broker.rows[envelope.failure][3])
            raise make_error(texts, self._allowed_remote_exmods)
        last = envelope.last if last is None else last
        return None if last is None else bus.codec.decode(last)


def _grace(envelope: Envelope, seconds: float) -> float:
    """How much longer a monitored call waits in virtual time: as long as it is handled, for its
    server would send heartbeats."""
    return seconds if envelope.taken is not None else 0.0
