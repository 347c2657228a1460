"""What the messages of rpcfake's own backend ``kombu`` mean."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

from rpcfake.tap.messages import Abandoned, Ending, Failed, Meaning, Request, Silent, Tapped, Value

SENDS = ("call", "multicall", "cast", "fanout_cast")


def understand(tapped: Tapped) -> Meaning | None:
    """What a message means; None where it is none of this wire.

    A topic whose encoded name was too long stands on the wire as a hash only, and so it does here.
    """
    type, id = tapped.properties.get("type"), tapped.properties.get("correlation_id")
    if not isinstance(type, str) or not isinstance(id, str):
        return None
    try:
        body = json.loads(tapped.body.decode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError):
        return None
    if type in SENDS:
        return _request(tapped, type, id, body)
    match type:
        case "value":
            return Value(id, body)
        case "result":
            return Value(id, body, last=True)
        case "ending":
            return Ending(id)
        case "failure" if _is_failure(body):
            return Failed(id, *body[:3])
        case "cancel":
            return Abandoned(id)
        case "accepted":
            return Silent()
    return None


def _request(tapped: Tapped, kind: str, id: str, body: Any) -> Request | None:
    if not isinstance(body, dict):
        return None
    method, args, context = (body.get(name) for name in ("method", "args", "context"))
    if not (isinstance(method, str) and isinstance(args, dict) and isinstance(context, dict)):
        return None
    topic = tapped.key if tapped.key.startswith("%sha256:") else unquote(tapped.key)
    if not topic:
        return None
    return Request(kind, id, topic, method, context, args, {}, tapped.seconds, unique=id)


def _is_failure(body: Any) -> bool:
    return isinstance(body, list) and len(body) >= 3 and all(isinstance(each, str) for each in body)
