"""oslo.messaging's wire: jsonutils, which turns dates and the like into text."""

from __future__ import annotations

from typing import Any

from oslo_serialization import jsonutils

from rpcfake.errors import SerializationError
from rpcfake.hints import brief


class OsloCodec:
    """What the rabbit driver does with contexts, messages and replies."""

    name = "oslo"

    def encode(self, value: Any) -> str:
        """The text of a value; raises `SerializationError` where jsonutils can't make one."""
        try:
            text: str = jsonutils.dumps(value)
        except Exception as error:
            raise SerializationError(
                f"jsonutils can't serialize {brief(value)}: {type(error).__name__}: {error}", ""
            ) from error
        return text

    def decode(self, text: str) -> Any:
        """A new value from a text that `encode` gave."""
        return jsonutils.loads(text)
