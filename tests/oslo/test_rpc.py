"""Calls, casts and fanouts: what the rabbit driver does, `rpcfake://` does."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

import oslo_messaging
import pytest
from oslo_config import cfg

from rpcfake.oslo import RpcFakeFixture

from .conftest import client

Serve = Callable[..., Any]


class Shop:
    """An endpoint that notes what it is asked."""

    def __init__(self, name: str = "shop") -> None:
        self.name = name
        self.seen: list[Any] = []

    def buy(self, ctxt: dict[str, Any], item: Any) -> Any:
        self.seen.append(item)
        return [self.name, item, ctxt]

    def note(self, ctxt: dict[str, Any], item: Any) -> None:
        self.seen.append(item)

    def fail(self, ctxt: dict[str, Any], error: str) -> None:
        raise {"value": ValueError, "own": OwnError, "timeout": oslo_messaging.MessagingTimeout}[
            error
        ]("no tea")

    def odd(self, ctxt: dict[str, Any]) -> object:
        return object()


class OwnError(Exception):
    """An error of this project."""


def test_a_call_gives_what_the_endpoint_returned(
    fixture: RpcFakeFixture, transport: Any, serve: Serve
) -> None:
    serve(transport, Shop())
    assert client(transport).call({"user": 1}, "buy", item="tea") == ["shop", "tea", {"user": 1}]
    (sent,) = fixture.assert_call("shop", "buy", {"item": "tea"}, context={"user": 1})
    assert [record.kind for record in fixture.traffic] == ["call", "taken", "reply", "ending"]
    assert sent.headers == {}


def test_nothing_is_passed_by_reference(
    fixture: RpcFakeFixture, transport: Any, serve: Serve
) -> None:
    shop = Shop()
    serve(transport, shop)
    item, context = {"a": [1]}, {"user": {}}
    reply = client(transport).call(context, "buy", item=item)
    assert shop.seen == [item]
    assert shop.seen[0] is not item
    assert reply[1] is not shop.seen[0]
    assert reply[2] == context


def test_the_servers_of_a_topic_take_turns(
    fixture: RpcFakeFixture, transport: Any, serve: Serve
) -> None:
    for name in "abc":
        serve(transport, Shop(name), server=name)
    got = [client(transport).call({}, "buy", item=n)[0] for n in range(6)]
    assert got == ["a", "b", "c", "a", "b", "c"]


def test_one_server_is_addressed_by_its_name(
    fixture: RpcFakeFixture, transport: Any, serve: Serve
) -> None:
    for name in "ab":
        serve(transport, Shop(name), server=name)
    to_b = client(transport).prepare(server="b")
    assert [to_b.call({}, "buy", item=n)[0] for n in range(3)] == ["b", "b", "b"]
    fixture.assert_call("shop.b", "buy", times=3)


def test_exchanges_are_apart(fixture: RpcFakeFixture, transport: Any, serve: Serve) -> None:
    serve(transport, Shop("here"))
    serve(transport, Shop("there"), exchange="other")
    assert client(transport).call({}, "buy", item=1)[0] == "here"
    assert client(transport, exchange="other").call({}, "buy", item=1)[0] == "there"
    assert [record.topic for record in fixture.traffic.calls()] == ["shop", "other/shop"]


def test_a_fanout_reaches_every_server_also_two_of_one_name(
    fixture: RpcFakeFixture, transport: Any, serve: Serve
) -> None:
    shops = [Shop(), Shop(), Shop()]
    for shop, name in zip(shops, ("same", "same", "another"), strict=True):
        serve(transport, shop, server=name)
    client(transport).prepare(fanout=True).cast({}, "note", item="all")
    fixture.drain()
    assert [shop.seen for shop in shops] == [["all"]] * 3
    fixture.assert_fanout_cast("shop", "note", times=1)


@pytest.mark.parametrize(
    ("allowed", "error", "raised"),
    [
        ([], "value", ValueError),  # builtins are always allowed
        ([], "own", oslo_messaging.RemoteError),
        ([OwnError.__module__], "own", OwnError),
        ([], "timeout", oslo_messaging.RemoteError),
        (["oslo_messaging.exceptions"], "timeout", oslo_messaging.MessagingTimeout),
    ],
)
def test_remote_errors_come_back_as_far_as_their_module_is_allowed(
    fixture: RpcFakeFixture, serve: Serve, allowed: list[str], error: str, raised: type[Exception]
) -> None:
    transport = oslo_messaging.get_rpc_transport(cfg.CONF, allowed_remote_exmods=allowed)
    serve(transport, Shop())
    with pytest.raises(raised, match="no tea") as caught:
        client(transport).call({}, "fail", error=error)
    assert type(caught.value).__name__ in (raised.__name__, raised.__name__ + "_Remote")
    (failure,) = (record for record in fixture.traffic if record.kind == "failure")
    assert failure.value.value == "no tea"


def test_a_reply_that_cannot_be_carried_is_an_error_at_once(
    fixture: RpcFakeFixture, transport: Any, serve: Serve
) -> None:
    serve(transport, Shop())
    with pytest.raises(oslo_messaging.RemoteError, match="can't serialize"):
        client(transport, timeout=60).call({}, "odd")
    assert fixture.bus.now < 50


def test_a_call_that_timed_out_is_never_executed(
    fixture: RpcFakeFixture, transport: Any, serve: Serve
) -> None:
    shop = Shop()
    serve(transport, Shop()).stop()
    with pytest.raises(oslo_messaging.MessagingTimeout, match=r"no answer to call shop\.buy"):
        client(transport, timeout=0.1).call({}, "buy", item="late")
    serve(transport, shop)
    assert client(transport).call({}, "buy", item="now")[1] == "now"
    assert shop.seen == ["now"]


def test_a_cast_before_there_was_a_server_is_dropped(
    fixture: RpcFakeFixture, transport: Any, serve: Serve
) -> None:
    shop = Shop()
    client(transport).cast({}, "note", item="early")
    serve(transport, shop)
    client(transport).cast({}, "note", item="later")
    fixture.drain()
    assert shop.seen == ["later"]


def test_an_option_keeps_what_comes_early(serve: Serve) -> None:
    with RpcFakeFixture(keep_unserved=True) as fixture:
        transport = oslo_messaging.get_rpc_transport(cfg.CONF)
        shop = Shop()
        client(transport).cast({}, "note", item="early")
        server = serve(transport, shop)
        fixture.drain()
        assert shop.seen == ["early"]
        server.stop()


def test_at_least_once_tells_that_there_is_no_queue(
    fixture: RpcFakeFixture, transport: Any, serve: Serve
) -> None:
    options = oslo_messaging.TransportOptions(at_least_once=True)
    careful = client(transport, transport_options=options)
    with pytest.raises(oslo_messaging.MessageUndeliverable):
        careful.cast({}, "note", item=1)
    with pytest.raises(oslo_messaging.MessageUndeliverable):
        careful.call({}, "buy", item=1)
    assert len(fixture.traffic) == 0
    serve(transport, Shop())
    assert careful.call({}, "buy", item=1)[1] == 1


def test_the_version_travels_in_the_headers(
    fixture: RpcFakeFixture, transport: Any, serve: Serve
) -> None:
    serve(transport, Shop())
    with pytest.raises(oslo_messaging.RemoteError, match="UnsupportedVersion"):
        client(transport).prepare(version="7.3").call({}, "buy", item=1)
    (sent,) = fixture.traffic.calls()
    assert sent.headers == {"version": "7.3"}


def test_what_a_handler_sends_follows_from_what_it_handles(
    fixture: RpcFakeFixture, transport: Any, serve: Serve
) -> None:
    class Front:
        def order(self, ctxt: dict[str, Any], item: str) -> Any:
            client(transport, "store").cast(ctxt, "note", item=item)
            return client(transport, "store").call(ctxt, "buy", item=item)

    store = Shop("store")
    serve(transport, store, topic="store")
    serve(transport, Front())
    assert client(transport).call({}, "order", item="tea")[0] == "store"
    fixture.drain()
    (order,) = fixture.traffic.taken("shop")
    for record in (*fixture.traffic.casts(), *fixture.traffic.calls("store")):
        assert record.cause == order.seq
    client(transport, "store").cast({}, "note", item="by the test")
    assert fixture.traffic.casts()[-1].cause is None
    fixture.drain()


def test_stubs_answer_in_place_of_a_server(fixture: RpcFakeFixture, transport: Any) -> None:
    fixture.stub("shop", "buy", {"item": "tea"}).returns({"price": 3})
    fixture.stub("shop", "fail").raises(KeyError("gone"))
    assert client(transport).call({}, "buy", item="tea") == {"price": 3}
    with pytest.raises(KeyError, match="gone"):
        client(transport).call({}, "fail", error="own")


def test_a_stopped_server_takes_nothing(
    fixture: RpcFakeFixture, transport: Any, serve: Serve
) -> None:
    shop, other = Shop("first"), Shop("second")
    server = serve(transport, shop)
    client(transport).cast({}, "note", item=1)
    fixture.drain()
    server.stop()
    for n in range(20):
        client(transport).cast({}, "note", item=n)
    fixture.drain()
    assert shop.seen == [1]
    serve(transport, other, server="two")
    fixture.drain()
    assert other.seen == list(range(20))


def test_casts_of_one_sender_are_begun_in_order(
    fixture: RpcFakeFixture, transport: Any, serve: Serve
) -> None:
    serve(transport, Shop())
    for n in range(50):
        client(transport).cast({}, "note", item=n)
    fixture.drain()
    assert [record.args["item"] for record in fixture.traffic.taken()] == list(range(50))


def test_drain_waits_for_handlers_that_still_run(
    threads: RpcFakeFixture, transport: Any, serve: Serve
) -> None:
    gate, done = threading.Event(), []

    class Slow:
        def work(self, ctxt: dict[str, Any]) -> None:
            gate.wait(10)
            done.append(1)

    serve(transport, Slow())
    client(transport).cast({}, "work")
    with pytest.raises(Exception, match=r"not quiet within 0\.1 s.*\n.*handling cast shop\.work"):
        threads.drain(timeout=0.1)
    threading.Timer(0.1, gate.set).start()
    threads.drain()
    assert done == [1]


def test_a_monitored_call_lives_as_long_as_its_server_does(
    virtual: RpcFakeFixture, transport: Any, serve: Serve
) -> None:
    import time

    class Slow:
        def work(self, ctxt: dict[str, Any], seconds: float) -> str:
            time.sleep(seconds)
            return "done"

    server = serve(transport, Slow())
    monitored = client(transport, timeout=600, call_monitor_timeout=10)
    assert monitored.call({}, "work", seconds=300) == "done"
    with pytest.raises(oslo_messaging.MessagingTimeout):
        monitored.call({}, "work", seconds=700)
    assert virtual.bus.now == 900
    server.stop()
    with pytest.raises(oslo_messaging.MessagingTimeout):
        monitored.call({}, "work", seconds=1)
    assert virtual.bus.now == 910


def test_heartbeats_keep_a_call_alive(
    threads: RpcFakeFixture, transport: Any, serve: Serve
) -> None:
    gate = threading.Event()

    class Slow:
        def work(self, ctxt: dict[str, Any]) -> str:
            return "in time" if gate.wait(10) else "too late"

    serve(transport, Slow())
    # The server's heartbeats come after half the seconds; oslo.messaging rounds them to integers.
    threading.Timer(6, gate.set).start()
    monitored = client(transport, timeout=30, call_monitor_timeout=5)
    assert monitored.call({}, "work") == "in time"
    assert [record.kind for record in threads.traffic].count("heartbeat") >= 2


def test_the_ping_endpoint_answers(fixture: RpcFakeFixture, transport: Any, serve: Serve) -> None:
    serve(transport, Shop())
    cfg.CONF.set_override("rpc_ping_enabled", True)
    try:
        serve(transport, Shop(), topic="pinged")
    finally:
        cfg.CONF.clear_override("rpc_ping_enabled")
    assert client(transport, "pinged").call({}, "oslo_rpc_server_ping") == "pong"


def test_one_transport_is_cleaned_up_and_others_go_on(
    fixture: RpcFakeFixture, transport: Any, serve: Serve
) -> None:
    other = oslo_messaging.get_rpc_transport(cfg.CONF)
    serve(other, Shop("other"))
    serve(transport, Shop("mine"), topic="mine")
    transport.cleanup()
    assert client(other).call({}, "buy", item=1)[0] == "other"
    with pytest.raises(oslo_messaging.MessagingTimeout):
        client(other, "mine", timeout=0.1).call({}, "buy", item=1)


def test_each_url_has_a_bus_of_its_own(threads: RpcFakeFixture, serve: Serve) -> None:
    urls = ("rpcfake://cells/one", "rpcfake://cells/two", "rpcfake://cells/one")
    one, two, again = (oslo_messaging.get_rpc_transport(cfg.CONF, url=url) for url in urls)
    try:
        serve(one, Shop("one"))
        serve(two, Shop("two"))
        assert [client(each).call({}, "buy", item=1)[0] for each in (again, two, one)] == [
            *("one", "two", "one")
        ]
        assert len(threads.traffic) == 0
    finally:
        for each in (one, two, again):
            each.cleanup()


def test_what_comes_by_several_queues_at_once_is_all_handled(
    threads: RpcFakeFixture, transport: Any, serve: Serve
) -> None:
    """A server reads three queues, and is handed one message at a time."""
    shop = Shop()
    serve(transport, shop)
    number, start = 200, threading.Barrier(3)

    def send(to: Any) -> None:
        start.wait()
        for n in range(number):
            to.cast({}, "note", item=n)

    plain = client(transport)
    ways = (plain, plain.prepare(server="one"), plain.prepare(fanout=True))
    senders = [threading.Thread(target=send, args=(way,)) for way in ways]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
    finally:
        sys.setswitchinterval(interval)
    threads.drain()
    assert sorted(shop.seen) == sorted([*range(number)] * 3)


def test_a_listener_may_be_stopped_by_what_it_hands_on(
    threads: RpcFakeFixture, transport: Any
) -> None:
    listener = transport._listen(oslo_messaging.Target(topic="t", server="s"), 1, None)
    seen: list[Any] = []

    def once(incoming: Any) -> None:
        seen.append(incoming[0].message)
        listener.stop()
        incoming[0].reply()

    listener.start(once)
    for n in range(2):
        client(transport, "t").cast({}, "note", item=n)
    threads.drain()
    assert [message["args"]["item"] for message in seen] == [0]
