"""How targets and messages of oslo.messaging look on the bus."""

from __future__ import annotations

from typing import Any, NamedTuple

MONITOR = "_timeout"
"""The header that says within how many seconds the caller wants to hear of the server. The rabbit
driver calls it so."""


class Content(NamedTuple):
    """What is sent: the method and its args, and in the headers all else."""

    method: str
    args: dict[str, Any]
    headers: dict[str, Any]


def topic_name(exchange: str | None, default: str | None, topic: str, server: str | None) -> str:
    """The bus's topic for a target: ``topic``, ``topic.server``, and ``exchange/topic`` for those
    that don't belong to the bus's own exchange."""
    name = topic if server is None else f"{topic}.{server}"
    return name if exchange is None or exchange == default else f"{exchange}/{name}"


def pack(message: Any) -> Content:
    """The content of an RPC message, such as ``{"method": …, "args": …, "version": …}``."""
    if type(message) is dict and type(message.get("method")) is str:
        rest = {key: value for key, value in message.items() if key != "method"}
        if type(rest.get("args")) is dict:
            return Content(message["method"], rest.pop("args"), rest)
    return Content("", {}, {"message": message})


def unpack(method: str, args: dict[str, Any], headers: dict[str, Any]) -> Any:
    """The RPC message again."""
    return {"method": method, "args": args, **headers} if method else headers["message"]


def pack_notification(message: Any) -> Content:
    """The content of a notification: its event type is the method."""
    if type(message) is dict and type(message.get("event_type")) is str and message["event_type"]:
        rest = {key: value for key, value in message.items() if key != "event_type"}
        if "payload" in rest:
            return Content(message["event_type"], {"payload": rest.pop("payload")}, rest)
    return Content("", {}, {"message": message})


def unpack_notification(method: str, args: dict[str, Any], headers: dict[str, Any]) -> Any:
    """The notification again."""
    return {"event_type": method, **args, **headers} if method else headers["message"]
