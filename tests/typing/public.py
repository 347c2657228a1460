"""What type checkers see of the public names. Nobody runs this: `nox -s types` reads it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, assert_type

import pytest

import rpcfake
from pytest_rpcfake import BusFactory
from rpcfake import Bus, Failure, Kind, Record, RpcError, Stub, Task, ThreadedBus, Traffic
from rpcfake.backends.port import Backend
from rpcfake.connection import Connection


class Shop:
    def price(self, context: rpcfake.Context, item: str) -> int:
        context.reply(item)
        return 3


def the_five_functions() -> None:
    msg = {"method": "price", "args": {"item": "apple"}}
    assert_type(rpcfake.call({}, "shop", msg, timeout=5), Any)
    assert_type(rpcfake.multicall(None, "shop", msg), Iterator[tuple[int, Any]])
    rpcfake.cast({}, "shop", msg)
    rpcfake.fanout_cast({}, "shop", msg)
    with rpcfake.use_backend("memory", seed=7):
        pass
    connection = rpcfake.create_connection(new=False)
    connection.create_consumer("shop", Shop(), fanout=True)
    connection.consume_in_thread()
    connection.close()


def a_test(rpc_bus: Bus, rpc_bus_factory: BusFactory) -> None:
    assert_type(rpc_bus.serve("shop", Shop()), Connection)
    stub = rpc_bus.stub("shop", "price", {"item": "apple"}, times=2)
    assert_type(stub.raises(KeyError("apple")).yields(1, 2).returns(3).never(), Stub)
    assert_type(stub.runs(lambda context, item: len(item)), Stub)
    assert_type(rpc_bus.spawn(print, "hello"), Task)
    assert_type(rpc_bus.now, float)
    assert_type(rpc_bus.step(), bool)
    rpc_bus.run_until(lambda: rpc_bus.queue("shop").pending, timeout=5)
    assert_type(rpc_bus.queue("shop").purge(), int)
    assert_type(rpc_bus.assert_cast("shop", "price", partial=True, times=1), Traffic)
    with rpc_bus_factory(seed=1, allow={"untaken"}) as other:
        assert_type(other, Bus)


def traffic(bus: Bus, threaded: ThreadedBus) -> None:
    for record in bus.traffic.casts("shop"):
        assert_type(record, Record)
        assert_type(record.kind, Kind)
        assert_type(record.time, float)
        assert_type(record.consumer, str | None)
        if isinstance(record.value, Failure):
            assert_type(record.value.exc_type, str)
    assert_type(bus.traffic[0], Record)
    assert_type(bus.traffic[:3], Traffic)
    assert_type(threaded.traffic.where(lambda record: record.seq > 3).sent, Traffic)
    assert_type(threaded.traffic.diagram(), str)


def both_are_backends(bus: Bus, threaded: ThreadedBus) -> list[Backend]:
    with bus.installed() as same:
        assert_type(same, Bus)
    with threaded.installed() as other:
        assert_type(other, ThreadedBus)
    return [bus, threaded]


def errors(error: rpcfake.RemoteError, timeout: rpcfake.Timeout) -> tuple[RpcError, ...]:
    assert_type(error.exc_type, str)
    assert_type(error.traceback, str)
    assert_type(timeout.topic, str | None)
    assert_type(timeout.seconds, float | None)
    return error, timeout


@pytest.mark.rpc_bus(seed=3, schedule="random", allow={"untaken"})
def the_marker() -> None: ...


def what_is_refused(bus: Bus) -> None:
    # Unused ignores are errors, so each of these lines must be one that mypy refuses.
    rpcfake.call({}, 5, {})  # type: ignore[arg-type]
    bus.advance("1")  # type: ignore[arg-type]
    bus.stub("shop", "price", 1)  # type: ignore[arg-type]
    bus.traffic[0] = None  # type: ignore[index]
