"""How requests and answers look on the wire.

What routes a message is in its properties, where any AMQP tool shows it: ``type``,
``correlation_id``, ``reply_to``, ``expiration``. The body is the codec's JSON, as UTF-8 in which
lone surrogates are allowed: of a request ``{"method": …, "args": …, "context": …}``, of an answer
the value. The header ``deadline`` is the wall-clock time after which a request is not handled."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from rpcfake.codec import JSON
from rpcfake.context import to_wire
from rpcfake.errors import SerializationError
from rpcfake.hints import brief
from rpcfake.message import Message

DEADLINE = "deadline"
"""The header with the time after which a request is not handled."""

PROPERTIES = {"content_type": "application/json", "content_encoding": "utf-8"}


class Answer(StrEnum):
    """The types of the messages that go back to a caller."""

    ACCEPTED = "accepted"
    """A multicall was taken; ``reply_to`` is where its cancelling goes."""
    VALUE = "value"
    """A value of a multicall."""
    ENDING = "ending"
    """A multicall gives no more values."""
    RESULT = "result"
    """The last value of a call."""
    FAILURE = "failure"
    """The three texts of a RemoteError."""


CANCEL = "cancel"
"""The type of the message that tells a worker that a multicall was abandoned."""


def request_body(context: Any, msg: Message) -> bytes:
    """The body of a request.

    Raises:
        InvalidMessage: the context is none.
        SerializationError: JSON can't carry it; the error's path begins with ``context`` or
            ``args``.
    """
    parts = {
        "method": msg["method"],
        "args": msg.get("args", {}),
        "context": {} if context is None else to_wire(context),
    }
    return to_bytes(
        "{" + ", ".join(f'"{name}": {_encode(name, part)}' for name, part in parts.items()) + "}"
    )


def _encode(name: str, part: Any) -> str:
    try:
        return JSON.encode(part)
    except SerializationError as error:
        text = str(error).removeprefix(error.path or "the value")
        path = name + error.path
        raise SerializationError(f"{path}{text}", path) from None


def read_request(body: Any) -> tuple[str, Any, dict[str, Any]]:
    """Method, context and args of a request.

    Raises:
        SerializationError: it is none, whoever sent it.
    """
    request = decode(body)
    if isinstance(request, dict):
        method, args = request.get("method"), request.get("args")
        context = request.get("context")
        if isinstance(method, str) and isinstance(args, dict) and isinstance(context, dict):
            return method, context, args
    raise SerializationError(f"{brief(request)} is no request: it must have method, args, context")


def decode(body: Any) -> Any:
    """The value of a body.

    Raises:
        SerializationError: it is no JSON.
    """
    try:
        return JSON.decode(to_text(body))
    except (ValueError, StopIteration, RecursionError) as error:
        raise SerializationError(f"{brief(body)} is no JSON: {error}") from None


def to_bytes(text: str) -> bytes:
    """JSON text as it travels."""
    return text.encode("utf-8", "surrogatepass")


def to_text(body: Any) -> str:
    """The JSON text of a body, which a transport gives as bytes or as text."""
    return body if isinstance(body, str) else bytes(body).decode("utf-8", "surrogatepass")
