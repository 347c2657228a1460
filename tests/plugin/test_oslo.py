"""The fixture oslo_rpc."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.plugin.conftest import Project

HEAD = """
import oslo_messaging
from oslo_config import cfg
from oslo_messaging import Target

class Shop:
    def price(self, ctxt, item):
        return {"tea": 3}[item]

def start():
    transport = oslo_messaging.get_rpc_transport(cfg.CONF)
    server = oslo_messaging.get_rpc_server(transport, Target(topic="shop", server="s"), [Shop()])
    server.start()
    return server, oslo_messaging.get_rpc_client(transport, Target(topic="shop"), timeout=5)
"""


def test_each_test_has_a_bus_behind_the_transport(project: Project) -> None:
    project.run_apart(
        HEAD
        + """
import pytest

@pytest.mark.parametrize("turn", [1, 2])
def test_it(oslo_rpc, turn):
    server, client = start()
    assert client.call({}, "price", item="tea") == 3
    assert len(oslo_rpc.traffic.calls()) == 1
    server.stop()
    server.wait()
"""
    ).assert_outcomes(passed=2)


def test_a_server_left_behind_and_an_error_nobody_saw_are_told(project: Project) -> None:
    result = project.run_apart(
        HEAD
        + """
def test_left(oslo_rpc):
    start()

def test_unseen(oslo_rpc):
    server, client = start()
    client.cast({}, "price", item="coffee")
    oslo_rpc.drain()
    server.stop()
    server.wait()

def test_fails(oslo_rpc):
    server, client = start()
    client.call({}, "price", item="tea")
    server.stop()
    server.wait()
    assert 0
"""
    )
    result.assert_outcomes(passed=2, failed=1, errors=2)
    told = result.stdout.str()
    assert "servers still listen" in told
    assert "Listener of shop as s, started at " in told
    assert "shop#1 failed to handle cast shop.price (record 0): KeyError: 'coffee'" in told
    assert "price(item='tea')" in told
