"""What the messages of oslo.messaging's rabbit driver mean."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcfake.tap.messages import Failed, Heartbeat, Request, Tapped, Value
from rpcfake.tap.oslo_wire import understand


def tapped(message: Any, exchange: str = "openstack", key: str = "compute", **more: Any) -> Tapped:
    body = {"oslo.version": "2.0", "oslo.message": json.dumps(message)}
    return Tapped(exchange, key, more, {}, json.dumps(body).encode())


CALL = {
    "method": "boot",
    "args": {"name": "web"},
    "version": "1.1",
    "_msg_id": "m1",
    "_reply_q": "reply_1",
    "_timeout": None,
    "_unique_id": "u1",
    "_context_user": "ann",
}


def test_a_call() -> None:
    assert understand(tapped(CALL, expiration="60000")) == Request(
        "call",
        "m1",
        "compute",
        "boot",
        {"user": "ann"},
        {"name": "web"},
        {"version": "1.1"},
        60.0,
        "u1",
    )


def test_how_long_heartbeats_may_stay_away_is_not_how_long_the_caller_waits() -> None:
    for monitored in (5, None):
        request = understand(tapped(CALL | {"_timeout": monitored}, expiration="60000"))
        assert isinstance(request, Request)
        assert request.timeout == 60.0


def test_a_cast_a_fanout_and_another_exchange() -> None:
    cast = {name: value for name, value in CALL.items() if name != "_msg_id"}
    for exchange, key, kind, topic in (
        ("openstack", "compute.host-1", "cast", "compute.host-1"),
        ("compute_fanout", "", "fanout_cast", "compute"),
        ("nova", "compute", "cast", "nova/compute"),
    ):
        meaning = understand(tapped(cast, exchange, key))
        assert isinstance(meaning, Request)
        assert (meaning.kind, meaning.topic, meaning.id) == (kind, topic, "")


def test_a_notification() -> None:
    message = {
        "event_type": "server.booted",
        "payload": {"name": "web"},
        "publisher_id": "compute",
        "priority": "INFO",
        "_unique_id": "u2",
    }
    assert understand(tapped(message, key="notifications.info")) == Request(
        "notification",
        "",
        "notifications.info",
        "server.booted",
        {},
        {"payload": {"name": "web"}},
        {"publisher_id": "compute", "priority": "INFO"},
        None,
        "u2",
    )


def test_answers() -> None:
    answer = {"_msg_id": "m1", "result": 3, "failure": None, "ending": True, "_unique_id": "u"}
    assert understand(tapped(answer, "", "reply_1")) == Value("m1", 3, last=True)
    assert understand(tapped(answer | {"ending": False, "result": None})) == Heartbeat("m1")
    failure = {"class": "KeyError", "module": "builtins", "message": "'x'", "tb": ["a\n", "b\n"]}
    assert understand(tapped(answer | {"failure": json.dumps(failure)})) == Failed(
        "m1", "KeyError", "'x'", "a\nb\n"
    )
    assert understand(tapped(answer | {"failure": "odd"})) == Failed("m1", "Exception", "odd")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b'{"oslo.version": "2.0"}',
        b'{"oslo.version": "2.0", "oslo.message": 3}',
        b'{"oslo.version": "2.0", "oslo.message": "[]"}',
        b'{"oslo.version": "2.0", "oslo.message": "{}"}',
        b'{"oslo.version": "2.0", "oslo.message": "{\\"method\\": \\"a\\", \\"args\\": [1]}"}',
        b"[" * 100_000,
    ],
)
def test_what_is_none_of_it_is_not_understood(body: bytes) -> None:
    assert understand(Tapped("openstack", "compute", {}, {}, body)) is None


_values = (
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.just({}) | st.just([])
)
_names = st.sampled_from([*CALL, "event_type", "payload", "result", "failure", "ending"])


@given(message=st.dictionaries(_names, _values, max_size=6), expiration=_values)
def test_nothing_that_passes_breaks_it(message: dict[str, Any], expiration: Any) -> None:
    understand(tapped(message, expiration=expiration))
