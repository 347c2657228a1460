"""How a message looks on the wire (rule WIRE).

Nothing is shared between sender and receiver: what arrives is ``decode(encode(x))``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from json import encoder as _json_encoder
from typing import Any, Protocol, runtime_checkable

from rpcfake.errors import SerializationError
from rpcfake.hints import brief, did_you_mean


@runtime_checkable
class Codec(Protocol):
    """Turns values into text and back. Implement it to put your project's own wire on the bus."""

    name: str

    def encode(self, value: Any) -> str:
        """The text of a value; raises `SerializationError` for what it can't carry."""

    def decode(self, text: str) -> Any:
        """A new value from a text that `encode` gave."""


class JsonCodec:
    """Strict JSON: tuples become lists and keys strings; NaN and all else is refused.

    Strings are kept as they are, lone surrogates too. Source: RFC 8259, and the rule WIRE.
    """

    name = "json"

    def encode(self, value: Any) -> str:
        if value is None:
            return "null"
        if type(value) is int and -_SMALL < value < _SMALL:
            return str(value)
        try:
            return "".join(_encode(value, 0))
        except (TypeError, ValueError, RecursionError, OverflowError) as error:
            path, why = _find_culprit(value)
            raise SerializationError(
                f"{path or 'the value'} can't be carried as JSON: {why or error}", path
            ) from None

    def decode(self, text: str) -> Any:
        return _decode(text, 0)[0]


_SMALL = 2**63


def _refuse(value: object) -> Any:
    raise TypeError(f"{type(value).__name__} is not JSON")


def _make_encoder() -> Callable[[Any, int], Any]:
    """The encoder without the layers around it, which cost more than the encoding of a small
    message.

    It has no check for cycles: those end in RecursionError, which is told as what it is.
    """
    make = getattr(_json_encoder, "c_make_encoder", None)
    if make is None:  # an interpreter without the C accelerator
        plain = json.JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False)
        return lambda value, _level: plain.encode(value)
    quote = _json_encoder.encode_basestring
    made: Callable[[Any, int], Any] = make(
        None, _refuse, quote, None, ": ", ", ", False, False, False
    )
    return made


_encode = _make_encoder()
_decode: Callable[[str, int], tuple[Any, int]] = json.JSONDecoder().scan_once  # type: ignore[attr-defined]

JSON = JsonCodec()
"""The codec named ``"json"``."""

CODECS: dict[str, Codec] = {"json": JSON}


def find_codec(codec: str | Codec) -> Codec:
    """The codec of a name, or the codec itself; else ValueError or TypeError."""
    if isinstance(codec, str):
        if codec in CODECS:
            return CODECS[codec]
        known = ", ".join(repr(name) for name in CODECS)
        raise ValueError(
            f"codec is {codec!r}: it must be {known}, or an object with name, encode and decode"
            + did_you_mean(codec, CODECS)
        )
    if isinstance(codec, type) or not isinstance(codec, Codec):
        raise TypeError(
            f"codec is {brief(codec)}: it must be a name, or an object with name, encode and decode"
        )
    return codec


_TOO_LONG = "an integer of more than 4,300 digits"


def _fits(number: int) -> bool:
    try:
        return bool(str(int(number)))
    except ValueError:
        return False


def _find_culprit(value: Any) -> tuple[str, str]:
    """Where the first value stands that JSON can't carry, and why it can't.

    Only called once encoding has failed, so it may be slow; it walks without recursion, since too
    deep a nesting may be the very failure."""
    stack: list[tuple[str, Any, tuple[int, ...]]] = [("", value, ())]
    while stack:
        path, item, above = stack.pop()
        if id(item) in above:
            return path, "it contains itself"
        if len(above) > 900:
            return path[:200], "it is nested too deeply"
        match item:
            case None | bool() | str():
                continue
            case float():
                if not math.isfinite(item):
                    return path, f"{item!r} is no JSON number"
            case int():
                if not _fits(item):
                    return path, f"it is {_TOO_LONG}"
            case dict():
                inside = []
                for key, each in item.items():
                    if not isinstance(key, str | int | float | None):
                        return f"{path}[{brief(key)}]", (
                            f"its key is of type {type(key).__name__}; keys must be str"
                        )
                    if type(key) is int and not _fits(key):
                        return f"{path}[{brief(key)}]", f"its key is {_TOO_LONG}"
                    if isinstance(key, float) and not math.isfinite(key):
                        return f"{path}[{key!r}]", f"its key is {key!r}; keys must be str"
                    inside.append((f"{path}[{brief(key)}]", each, (*above, id(item))))
                stack += reversed(inside)
            case list() | tuple():
                inside = [(f"{path}[{n}]", each, (*above, id(item))) for n, each in enumerate(item)]
                stack += reversed(inside)
            case _:
                return path, f"{brief(item)} is of type {type(item).__name__}"
    return "", ""
