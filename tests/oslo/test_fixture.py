"""The fixture: what it sets up, what it checks, and what it leaves behind."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import oslo_messaging
import pytest
from oslo_config import cfg
from oslo_messaging import Target, conffixture

from rpcfake.oslo import RpcFakeFixture
from rpcfake.oslo.buses import open_station

from .conftest import client


class Shop:
    number = 3

    def buy(self, ctxt: Any) -> str:
        return "tea"


def test_it_leaves_nothing_behind() -> None:
    before = conffixture.ConfFixture(cfg.CONF)
    before.setUp()
    url = before.transport_url
    threads = set(threading.enumerate())
    with RpcFakeFixture() as fixture:
        transport = oslo_messaging.get_rpc_transport(cfg.CONF)
        assert fixture.transport_url in str(transport._driver._url)
        server = oslo_messaging.get_rpc_server(transport, Target(topic="t", server="s"), [Shop()])
        server.start()
        assert client(transport, "t").call({}, "buy") == "tea"
        server.stop()
        server.wait()
    assert before.transport_url == url
    assert set(threading.enumerate()) <= threads
    before.cleanUp()


def test_a_server_that_still_listens_is_told_with_where_it_was_started() -> None:
    fixture = RpcFakeFixture()
    fixture.setUp()
    transport = oslo_messaging.get_rpc_transport(cfg.CONF)
    server = oslo_messaging.get_rpc_server(transport, Target(topic="t", server="s"), [Shop()])
    server.start()
    with pytest.raises(Exception, match=r"(?s)still listen.*t as s, started at .*test_fixture\.py"):
        fixture.cleanUp()
    server.stop()
    server.wait()


def test_a_transport_used_after_its_fixture_ended_says_so() -> None:
    with RpcFakeFixture():
        transport = oslo_messaging.get_rpc_transport(cfg.CONF)
    for use in (
        lambda: client(transport, "t").cast({}, "buy"),
        lambda: client(transport, "t").call({}, "buy"),
        lambda: transport._listen(Target(topic="t", server="s"), 1, None),
    ):
        with pytest.raises(
            oslo_messaging.MessageDeliveryFailure, match="RpcFakeFixture that made it"
        ):
            use()


def test_a_transport_used_after_its_cleanup_says_so(threads: RpcFakeFixture) -> None:
    transport = oslo_messaging.get_rpc_transport(cfg.CONF)
    transport.cleanup()
    with pytest.raises(oslo_messaging.MessageDeliveryFailure, match="was cleaned up"):
        client(transport, "t").cast({}, "buy")
    with pytest.raises(oslo_messaging.MessageDeliveryFailure, match="was cleaned up"):
        transport._listen(Target(topic="t", server="s"), 1, None)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("rpcfake://?keep_unservd=true", "no option 'keep_unservd'; did you mean 'keep_unserved'"),
        ("rpcfake://?keep_unserved=maybe", "keep_unserved is 'maybe': it must be true or false"),
    ],
)
def test_an_option_of_the_url_is_checked(url: str, told: str) -> None:
    with pytest.raises(oslo_messaging.InvalidTransportURL, match=told.replace("?", r"\?")):
        oslo_messaging.get_rpc_transport(cfg.CONF, url=url)


def test_two_transports_agree_on_the_options_of_their_bus() -> None:
    first = oslo_messaging.get_rpc_transport(cfg.CONF, url="rpcfake://same?keep_unserved=true")
    try:
        with pytest.raises(oslo_messaging.InvalidTransportURL, match="with keep_unserved=True"):
            oslo_messaging.get_rpc_transport(cfg.CONF, url="rpcfake://same?keep_unserved=false")
    finally:
        first.cleanup()


@pytest.mark.parametrize("name", ["deterministic", "keep_unserved", "allow_listening"])
def test_an_argument_of_the_fixture_is_checked(name: str) -> None:
    with pytest.raises(TypeError, match=f"{name} is 'yes': it must be True or False"):
        RpcFakeFixture(**{name: "yes"})


def test_a_call_is_no_fanout(fixture: RpcFakeFixture, transport: Any) -> None:
    with pytest.raises(ValueError, match="a call can't be a fanout"):
        transport._send(Target(topic="t", fanout=True), {}, {"method": "m"}, wait_for_reply=True)


def test_a_context_object_arrives_as_its_dictionary(
    fixture: RpcFakeFixture, transport: Any, serve: Callable[..., Any]
) -> None:
    class Context:
        def to_dict(self) -> dict[str, Any]:
            return {"user": "ada"}

    class Echo:
        def echo(self, ctxt: Any) -> Any:
            return ctxt

    serve(transport, Echo(), topic="t")
    assert client(transport, "t").call(Context(), "echo") == {"user": "ada"}


@pytest.mark.parametrize("context", [None, 5, ["a"]])
def test_what_is_no_context_is_refused(
    fixture: RpcFakeFixture, transport: Any, context: Any
) -> None:
    with pytest.raises(TypeError, match=r"the context is .*: it must be a dict, or have"):
        client(transport, "t").cast(context, "buy")
    assert len(fixture.traffic) == 0


def test_an_attribute_that_is_not_callable_is_a_remote_error(
    fixture: RpcFakeFixture, transport: Any, serve: Callable[..., Any]
) -> None:
    serve(transport, Shop(), topic="t")
    with pytest.raises(TypeError, match="'int' object is not callable"):
        client(transport, "t").call({}, "number")


def test_a_reply_after_the_timeout_goes_nowhere(
    threads: RpcFakeFixture, transport: Any, serve: Callable[..., Any]
) -> None:
    gate = threading.Event()

    class Late:
        def work(self, ctxt: Any) -> str:
            gate.wait(10)
            return "late"

    serve(transport, Late(), topic="t")
    with pytest.raises(oslo_messaging.MessagingTimeout, match="its handler runs, now in work"):
        client(transport, "t", timeout=0.1).call({}, "work")
    gate.set()
    threads.drain()
    assert str(threads.traffic[-1]).endswith("dropped reply of t#1 to t.work: 'late'")


def test_a_server_that_is_shut_down_gives_back_what_it_was_handed(
    threads: RpcFakeFixture, transport: Any
) -> None:
    """Between the taking and the submitting its executor may be shut down."""
    listener = transport._listen(Target(topic="t", server="s"), 1, None)

    def shut_down(incoming: Any) -> None:
        raise RuntimeError("cannot schedule new futures after shutdown")

    listener.start(shut_down)
    client(transport, "t").cast({}, "buy")
    threads.drain()
    assert [record.kind for record in threads.traffic] == ["cast", "taken", "requeued"]
    assert len(threads.bus.queue("t").pending) == 1
    listener.stop()


def test_virtual_time_wants_one_thread(virtual: RpcFakeFixture, transport: Any) -> None:
    raised = []

    def elsewhere() -> None:
        try:
            client(transport, "t").cast({}, "buy")
        except Exception as error:
            raised.append(str(error))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert "belongs to the thread that made it" in raised[0]


def test_a_call_that_waits_when_the_bus_closes_is_told(threads: RpcFakeFixture) -> None:
    station = open_station("closing")
    transport = oslo_messaging.get_rpc_transport(cfg.CONF, url="rpcfake://closing")
    raised = []

    def call() -> None:
        try:
            client(transport, "t", timeout=30).call({}, "buy")
        except Exception as error:
            raised.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    station.bus.run_until(lambda: len(station.bus.traffic) == 2)
    transport.cleanup()
    thread.join(10)
    assert [type(error) for error in raised] == [oslo_messaging.MessageDeliveryFailure]


def test_drain_checks_its_argument(fixture: RpcFakeFixture) -> None:
    with pytest.raises(ValueError, match="timeout is -1"):
        fixture.drain(timeout=-1)
    fixture.drain()


EVENTLET = """
import warnings; warnings.simplefilter("ignore")
import eventlet; eventlet.monkey_patch()
import oslo_messaging
from oslo_config import cfg
from oslo_messaging import Target
from rpcfake.oslo import RpcFakeFixture

class Shop:
    def buy(self, ctxt, n):
        return [n, ctxt]

with RpcFakeFixture() as fixture:
    transport = oslo_messaging.get_rpc_transport(cfg.CONF)
    server = oslo_messaging.get_rpc_server(transport, Target(topic="t", server="s"), [Shop()])
    server.start()
    client = oslo_messaging.get_rpc_client(transport, Target(topic="t"), timeout=5)
    print([client.call({}, "buy", n=n)[0] for n in range(3)])
    client.cast({}, "buy", n=9)
    fixture.drain()
    print(len(fixture.traffic.taken()), server.executor_type)
    server.stop()
    server.wait()
"""


def test_it_works_under_eventlets_monkey_patching() -> None:
    done = subprocess.run(
        [sys.executable, "-c", EVENTLET], capture_output=True, text=True, timeout=60
    )
    assert done.stdout.splitlines() == ["[0, 1, 2]", "4 eventlet"], done.stderr


def test_our_code_imports_no_eventlet() -> None:
    """What `oslo_messaging` imports itself is taken out of the count."""
    program = (
        "import warnings; warnings.simplefilter('ignore'); import sys, oslo_messaging;"
        " from oslo_messaging import conffixture; import fixtures;"
        " [sys.modules.pop(name) for name in [*sys.modules] if name.startswith('eventlet')];"
        " import rpcfake.oslo, rpcfake.oslo.driver;"
        " print([name for name in sys.modules if name.startswith('eventlet')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
