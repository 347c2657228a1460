"""Three servers, calls, casts, fanouts, an error, a chain and a timeout; prints what the traffic
was, as a hash, and which threads there are."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from typing import Any

import oslo_messaging
from oslo_config import cfg
from oslo_messaging import Target

from rpcfake.oslo import RpcFakeFixture

logging.disable(logging.CRITICAL)


class Shop:
    def __init__(self, transport: Any, name: str) -> None:
        self.transport, self.name = transport, name

    def echo(self, ctxt: Any, value: Any) -> Any:
        return [self.name, value]

    def note(self, ctxt: Any, n: int) -> None:
        pass

    def fail(self, ctxt: Any) -> None:
        raise ValueError("no tea at " + self.name)

    def slow(self, ctxt: Any, seconds: float) -> None:
        time.sleep(seconds)

    def chain(self, ctxt: Any, n: int) -> Any:
        return client(self.transport).call(ctxt, "chain", n=n - 1) if n else self.name


def client(transport: Any, **options: Any) -> Any:
    return oslo_messaging.get_rpc_client(transport, Target(topic="shop"), timeout=30, **options)


def main() -> None:
    with RpcFakeFixture(deterministic=True) as fixture:
        transport = oslo_messaging.get_rpc_transport(cfg.CONF)
        servers = [
            oslo_messaging.get_rpc_server(
                transport, Target(topic="shop", server=name), [Shop(transport, name)]
            )
            for name in "abc"
        ]
        for server in servers:
            server.start()
        shop = client(transport)
        told = [shop.call({}, "echo", value=n)[0] for n in range(6)]
        for n in range(30):
            shop.cast({"n": n}, "note", n=n)
        shop.prepare(fanout=True).cast({}, "note", n=99)
        told.append(shop.call({}, "chain", n=150))
        told.append(shop.prepare(server="b").call({}, "echo", value=1)[0])
        for method, args in (("fail", {}), ("slow", {"seconds": 600})):
            try:
                shop.prepare(timeout=60).call({}, method, **args)
            except Exception as error:
                told.append(type(error).__name__)
        for server in servers:
            server.stop()
            server.wait()
        traffic = "\n".join(repr(row) for row in fixture.bus._broker.rows)
        print(hashlib.sha256(traffic.encode()).hexdigest())
        print(len(fixture.traffic), "".join(told), f"{fixture.bus.now:g}", threading.active_count())


if __name__ == "__main__":
    main()
