"""The buses behind ``rpcfake://`` URLs: one for each host and virtual host."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

import oslo_messaging

from rpcfake.hints import brief, did_you_mean
from rpcfake.oslo.codec import OsloCodec
from rpcfake.oslo.failures import describe_failure
from rpcfake.sim import Bus
from rpcfake.threads import ThreadedBus

OPTIONS = ("keep_unserved",)
"""What a URL may say behind the question mark."""

_WORDS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


@dataclass
class Station:
    """A bus, and who uses it."""

    name: str
    bus: Bus | ThreadedBus
    keep_unserved: bool = False
    exchange: str | None = None
    """Whose topics have their plain names on the bus: that of the first transport."""
    users: int = 0
    listening: list[Any] = field(default_factory=list)
    """The listeners that are not stopped."""
    ended: str = ""
    """Why it can't be used any more."""

    @property
    def simulated(self) -> bool:
        """Whether its handlers run in virtual time, in one thread."""
        return isinstance(self.bus, Bus)


_stations: dict[str, Station] = {}
_lock = threading.Lock()


def make_station(name: str, simulated: bool, keep_unserved: bool) -> Station:
    """A station with a bus of its own, as oslo.messaging's wire is."""
    bus: Bus | ThreadedBus = Bus(codec=OsloCodec()) if simulated else ThreadedBus(codec=OsloCodec())
    bus._handling.describe = describe_failure
    bus._broker.keeps_unserved = keep_unserved
    return Station(name, bus, keep_unserved)


def open_station(name: str, simulated: bool = False, keep_unserved: bool = False) -> Station:
    """A new station that can be found by its name; it stays until it is dropped."""
    station = make_station(name, simulated, keep_unserved)
    with _lock:
        _stations[name] = station
    return station


def join(url: Any, exchange: str | None) -> Station:
    """The station of a URL, with one more user; it is made where there is none.

    Raises:
        InvalidTransportURL: an option is unknown, or not as the station has it already.
    """
    name, options = station_name(url), read_options(url)
    with _lock:
        station = _stations.get(name)
        if station is None:
            station = make_station(name, False, options.get("keep_unserved", False))
            _stations[name] = station
        wanted = options.get("keep_unserved", station.keep_unserved)
        if wanted != station.keep_unserved:
            raise oslo_messaging.InvalidTransportURL(
                str(url),
                f"the bus of this URL is there already, with keep_unserved={station.keep_unserved}",
            )
        station.users += 1
        if station.exchange is None:
            station.exchange = exchange
        return station


def leave(station: Station) -> None:
    """One user less; the last closes the bus."""
    with _lock:
        station.users -= 1
        last = station.users == 0 and _stations.get(station.name) is station
        last = last and not station.name.startswith(FIXTURE)
        if last:
            del _stations[station.name]
    if last:
        close(station, "its last transport was cleaned up")


def drop(station: Station, why: str) -> None:
    """Close a station whatever its users."""
    with _lock:
        if _stations.get(station.name) is station:
            del _stations[station.name]
    close(station, why)


def close(station: Station, why: str) -> None:
    """Close its bus; whoever uses it is told why."""
    station.ended = why
    station.bus.close()


FIXTURE = "fixture-"
"""How the names of stations begin that belong to a fixture."""


def station_name(url: Any) -> str:
    """The hosts and the virtual host of a URL, as one name."""
    hosts = ",".join(
        f"{host.hostname or ''}{'' if host.port is None else f':{host.port}'}" for host in url.hosts
    )
    return hosts + (f"/{url.virtual_host}" if url.virtual_host else "")


def read_options(url: Any) -> dict[str, bool]:
    """The options of a URL; raises InvalidTransportURL for others than `OPTIONS`."""
    found = {}
    for name, value in url.query.items():
        if name not in OPTIONS:
            raise oslo_messaging.InvalidTransportURL(
                str(url),
                f"rpcfake:// has no option {brief(name)}{did_you_mean(name, OPTIONS)}"
                f" (it has {', '.join(OPTIONS)})",
            )
        if str(value).lower() not in _WORDS:
            raise oslo_messaging.InvalidTransportURL(
                str(url), f"{name} is {brief(value)}: it must be true or false"
            )
        found[name] = _WORDS[str(value).lower()]
    return found
