"""How requests and values travel."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcfake import InvalidMessage, SerializationError
from rpcfake.backends.kombu.wire import decode, read_request, request_body, to_bytes
from rpcfake.codec import JSON

text = st.text(st.characters(exclude_categories=()))
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | text,
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(text, inner),
    max_leaves=10,
).filter(lambda value: "Infinity" not in repr(value) and "inf" not in repr(value))
dicts = st.dictionaries(text, values, max_size=4)


def carried(value: Any) -> Any:
    return JSON.decode(JSON.encode(value))


@given(text, dicts, dicts)
def test_a_request_arrives_as_the_codec_carries_it(
    method: str, args: dict[str, Any], context: dict[str, Any]
) -> None:
    body = request_body(context, {"method": method, "args": args})
    assert read_request(body) == (method, carried(context), carried(args))


@given(values)
def test_a_value_arrives_as_the_codec_carries_it(value: Any) -> None:
    assert decode(to_bytes(JSON.encode(value))) == carried(value)


def test_args_may_be_left_out_and_context_be_none() -> None:
    assert read_request(request_body(None, {"method": "list"})) == ("list", {}, {})


@pytest.mark.parametrize(
    ("context", "args", "path"),
    [
        ({}, {"disk": object()}, "args['disk']"),
        ({}, {"a": [1, {"b": float("nan")}]}, "args['a'][1]['b']"),
        ({"user": {1, 2}}, {}, "context['user']"),
        ({}, {(1, 2): 3}, "args[(1, 2)]"),
    ],
)
def test_what_json_can_not_carry_is_named(context: Any, args: Any, path: str) -> None:
    with pytest.raises(SerializationError) as caught:
        request_body(context, {"method": "boot", "args": args})
    assert caught.value.path == path
    assert str(caught.value).startswith(path)


def test_what_is_no_context_is_refused() -> None:
    with pytest.raises(InvalidMessage, match="context"):
        request_body(7, {"method": "boot"})


@given(st.binary())
def test_noise_is_no_request(body: bytes) -> None:
    with pytest.raises(SerializationError):
        read_request(body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"{}",
        b'{"method": 1, "args": {}, "context": {}}',
        b'{"method": "m", "args": [], "context": {}}',
        b'{"method": "m", "args": {}, "context": null}',
        b'{"method": "m", "args": {}}',
        b"[" * 100_000,
        "text".encode("utf-16"),
    ],
)
def test_what_is_no_request_is_refused(body: bytes) -> None:
    with pytest.raises(SerializationError):
        read_request(body)


def test_a_transport_may_give_text_or_memory() -> None:
    body = request_body({}, {"method": "m"})
    assert read_request(body.decode()) == read_request(memoryview(body)) == ("m", {}, {})
