"""Where the broker is, how it is reached, and what its transport can do."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import unquote

import kombu
from kombu.asynchronous import Hub
from kombu.utils.url import maybe_sanitize_url, urlparse

from rpcfake.errors import BackendUnavailable

STALL = 10.0
"""Seconds after which a broker that neither reads nor answers counts as gone."""

POLLING = {"memory": 0.005}
"""How many seconds a transport that polls waits between two looks; else 0.1."""

CHUNK = 64 * 1024
"""How many bytes of AMQP are read at once."""

BRPOP = 0.05
"""Seconds that one asking of Redis may take; where it can't be hurried, a close waits for it."""


class Session:
    """One connection to the broker, from its making to its loss.

    It speaks to the transport itself: a `kombu.Connection` silently connects anew when it finds
    itself cut off, and then nobody would declare and consume again.
    """

    def __init__(self, link: Link, connection: Any) -> None:
        self.is_amqp = link.is_amqp
        self.has_hub = link.driver == "redis"
        """Whether kombu's event loop can wait for what comes."""
        self._connection = connection
        self._transport = connection.transport
        self.raw: Any = connection.connection
        """The transport's own connection."""
        if link.is_amqp:
            # While this is on, py-amqp looks before each publishing for the news that the broker
            # is blocked. The broker has been told by now that we want it, and we listen anyway.
            self.raw.client_properties["capabilities"]["connection.blocked"] = False

    def channel(self) -> Any:
        """A new channel."""
        return self._transport.create_channel(self.raw)

    def hurry(self, channel: Any) -> None:
        """Let Redis answer at once what the channel asks it for. Else kombu waits for that when
        the channel is closed, and before it asks for one more queue."""
        asking = getattr(channel, "_in_poll", None)
        told = getattr(asking, "handshake_metadata", None) or {}
        id = told.get(b"id") or told.get("id")
        if id is not None:
            with suppress(*self._connection.channel_errors), channel.conn_or_acquire() as client:
                client.client_unblock(id)

    def drain(self, seconds: float) -> None:
        """Let the transport read one event, if one comes within these seconds."""
        with suppress(TimeoutError):
            self._transport.drain_events(self.raw, timeout=seconds)

    def attend(self, hub: Hub) -> None:
        """Let a hub of kombu read what comes."""
        self._transport.register_with_event_loop(self.raw, hub)

    def read_frames(self) -> None:
        """Read the frames of AMQP that have arrived, and the rest of the last one. (Draining would
        go on until a message is complete, and a heartbeat is none.)"""
        wire = self.raw.transport
        with suppress(TimeoutError):
            # py-amqp asks the socket three times for each frame, and a message is three frames. It
            # takes first what lies here; a version without this buffer reads as it likes.
            if getattr(wire, "_read_buffer", None) == b"":
                wire._read_buffer = wire.sock.recv(CHUNK)
            self.raw.blocking_read()
            while getattr(wire, "_read_buffer", b""):
                self.raw.blocking_read()

    @property
    def heartbeat(self) -> float:
        """Seconds between two heartbeats, as the broker and we agreed; 0 is none."""
        return float(self._transport.get_heartbeat_interval(self.raw) or 0)

    def beat(self) -> None:
        """Send a heartbeat when it is time; raises when the broker's are missing."""
        self._transport.heartbeat_check(self.raw)

    def is_broken_by(self, error: Exception) -> bool:
        """Whether an error means that this session can't be used any more."""
        connection = self._connection
        lost: tuple[type[Exception], ...] = (*connection.connection_errors, OSError)
        return isinstance(error, (*lost, *connection.channel_errors))

    def close(self) -> None:
        """Say goodbye, and close."""
        with suppress(Exception):
            if not self.is_amqp:
                for channel in self._transport.channels:
                    self.hurry(channel)
            self._connection.close()

    def drop(self) -> None:
        """Close without a word: the broker does not listen any more."""
        with suppress(Exception):
            if self.is_amqp:
                self._connection.collect()
            else:
                self._connection.close()


class Link:
    """How to reach a broker.

    Args:
        url: of kombu; several, with ``;`` between them, are tried in turn.
        ssl, transport_options: passed on to kombu.
        heartbeat: seconds between two heartbeats, where the transport has them.
        connect_timeout: seconds.

    Raises:
        BackendUnavailable: kombu has no such transport, or can't read the URL.
    """

    def __init__(
        self,
        url: str,
        *,
        ssl: Any = None,
        heartbeat: float = 15.0,
        connect_timeout: float = 5.0,
        transport_options: Mapping[str, Any] | None = None,
    ) -> None:
        self._url = url
        self._ssl = ssl
        self._heartbeat = heartbeat
        self._connect_timeout = connect_timeout
        self._options = dict(transport_options or {})
        self._cut = False
        try:
            self.driver: str = self._make("", {}).transport.driver_type
        except Exception as error:
            # The text of a URL that can't be read may hold anything, the password too.
            reason = error.args[0] if isinstance(error, KeyError | ImportError) else "can't be read"
            raise BackendUnavailable(f"kombu: {self.name}: {reason}") from None
        self.is_amqp = self.driver == "amqp"

    @property
    def name(self) -> str:
        """The URL without its password."""
        try:
            return ";".join(maybe_sanitize_url(part) for part in self._url.split(";"))
        except ValueError:
            return "the URL"

    def connect(self, purpose: str) -> Session:
        """A new session; hosts are tried once each.

        Args:
            purpose: what the broker's tools show as the connection's name.

        Raises:
            BackendUnavailable: in one line why not.
        """
        try:
            if self._cut:
                raise ConnectionError("cut off")
            connection = self._make(purpose, self._defaults(purpose))
            if self.driver == "redis":
                connection.transport.brpop_timeout = BRPOP
            connection.ensure_connection(
                max_retries=max(0, len(connection.alt) - 1), interval_start=0, interval_step=0
            )
            return Session(self, connection)
        except Exception as error:
            raise self.unavailable(error) from None

    def product(self) -> dict[str, str]:
        """The broker's name and version, as far as it tells them."""
        with suppress(Exception), self._make("about", self._defaults("about")) as connection:
            connection.ensure_connection(max_retries=0)
            if self.is_amqp:
                told = connection.connection.server_properties
                return {str(told["product"]): str(told["version"])}
            if self.driver == "redis":
                told = connection.default_channel.client.info("server")
                return {"Redis": str(told["redis_version"])}
        return {}

    def unavailable(self, error: BaseException) -> BackendUnavailable:
        """What an error of kombu, or of what is under it, is to our users."""
        if isinstance(error, BackendUnavailable):
            return error
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        for secret in self._secrets():
            reason = reason.replace(secret, "**")
        return BackendUnavailable(f"kombu: {self.name}: {reason}")

    def cut(self, is_cut: bool) -> None:
        """Pretend that the broker can't be reached, or that it can be again."""
        self._cut = is_cut

    @property
    def is_cut(self) -> bool:
        return self._cut

    def _make(self, purpose: str, options: dict[str, Any]) -> Any:
        return kombu.Connection(
            self._url,
            ssl=self._ssl or False,
            heartbeat=self._heartbeat,
            connect_timeout=self._connect_timeout,
            transport_options=options,
        )

    def _defaults(self, purpose: str) -> dict[str, Any]:
        if self.is_amqp:
            ours: dict[str, Any] = {
                "client_properties": {"connection_name": f"rpcfake {purpose}"},
                # Of the socket: what waits without a limit of its own, such as a declare, ends.
                "read_timeout": STALL,
                "write_timeout": STALL,
            }
        elif self.driver == "redis":
            ours = {
                "socket_timeout": STALL,
                "socket_connect_timeout": self._connect_timeout,
                "socket_keepalive": True,
                "client_name": f"rpcfake-{purpose}",
            }
        else:
            ours = {"polling_interval": POLLING.get(self.driver, 0.1)}
        return {**ours, **self._options}

    def _secrets(self) -> set[str]:
        found = set()
        for part in self._url.split(";"):
            with suppress(ValueError):
                password = urlparse(part).password
                if password:
                    found |= {password, unquote(password)}
        return found
