"""What the messages of oslo.messaging's rabbit driver mean (its envelope of version 2.0)."""

from __future__ import annotations

import json
from typing import Any

from rpcfake.tap.messages import Failed, Heartbeat, Meaning, Request, Tapped, Value

DEFAULT_EXCHANGE = "openstack"
FANOUT = "_fanout"
CONTEXT = "_context_"


def understand(tapped: Tapped) -> Meaning | None:
    """What a message means; None where it is none of this wire."""
    message = _open(tapped.body)
    if message is None:
        return None
    if isinstance(message.get("method"), str):
        return _request(tapped, message)
    if isinstance(message.get("event_type"), str):
        return _notification(tapped, message)
    id = message.get("_msg_id")
    if isinstance(id, str) and "result" in message:
        return _answer(id, message)
    return None


def _open(body: bytes) -> dict[str, Any] | None:
    """The message in its envelope."""
    try:
        envelope = json.loads(body)
        if not isinstance(envelope, dict) or "oslo.version" not in envelope:
            return None
        message = json.loads(envelope["oslo.message"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return message if isinstance(message, dict) else None


def _request(tapped: Tapped, message: dict[str, Any]) -> Request | None:
    args, id = message.get("args") or {}, message.get("_msg_id")
    if not isinstance(args, dict):
        return None
    fanout = tapped.exchange.endswith(FANOUT)
    kind = "fanout_cast" if fanout else "call" if isinstance(id, str) else "cast"
    headers = _rest(message, "method", "args")
    return Request(
        kind,
        id if isinstance(id, str) else "",
        _topic(tapped),
        message["method"],
        _context(message),
        args,
        headers,
        # Its `_timeout` is how long heartbeats may stay away, not how long the caller waits.
        tapped.seconds,
        _unique(message),
    )


def _notification(tapped: Tapped, message: dict[str, Any]) -> Request:
    args = {"payload": message.get("payload")}
    headers = _rest(message, "event_type", "payload")
    topic, method, context = _topic(tapped), message["event_type"], _context(message)
    return Request(
        "notification", "", topic, method, context, args, headers, None, _unique(message)
    )


def _answer(id: str, message: dict[str, Any]) -> Meaning:
    failure = message.get("failure")
    if isinstance(failure, str):
        try:
            failed = json.loads(failure)
            text, traceback = str(failed.get("message", "")), failed.get("tb") or []
            return Failed(id, str(failed.get("class")), text, "".join(map(str, traceback)))
        except (ValueError, AttributeError, TypeError):
            return Failed(id, "Exception", failure)
    if not message.get("ending"):
        return Heartbeat(id)
    return Value(id, message["result"], last=True)


def _topic(tapped: Tapped) -> str:
    """As the transport ``rpcfake://`` names it: the routing key, below an exchange of its own."""
    if tapped.exchange.endswith(FANOUT):
        return tapped.exchange.removesuffix(FANOUT) or tapped.exchange
    key = tapped.key or "(none)"
    return key if tapped.exchange in ("", DEFAULT_EXCHANGE) else f"{tapped.exchange}/{key}"


def _context(message: dict[str, Any]) -> dict[str, Any]:
    return {
        name.removeprefix(CONTEXT): value
        for name, value in message.items()
        if name.startswith(CONTEXT)
    }


def _rest(message: dict[str, Any], *told: str) -> dict[str, Any]:
    """What a message has beside, such as its version."""
    return {
        name: value
        for name, value in message.items()
        if not name.startswith("_") and name not in told
    }


def _unique(message: dict[str, Any]) -> str:
    return str(message.get("_unique_id", ""))
