"""A bus behind ``rpcfake://``, with real threads and in virtual time."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # that it imports eventlet is its own affair
    import futurist
    import oslo_messaging
from oslo_config import cfg
from oslo_messaging import Target

from rpcfake.oslo import RpcFakeFixture

HERE = Path(__file__).parent

# How long a thread of a server's pool waits for work before it looks whether it should end.
futurist._thread.ThreadWorker.MAX_IDLE_FOR = 0.02


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """oslo's libraries warn of each other's parts."""
    for item in items:
        if item.path.parent == HERE:
            item.add_marker(pytest.mark.filterwarnings("ignore::DeprecationWarning"))


logging.getLogger("oslo_messaging").setLevel(logging.CRITICAL)


@pytest.fixture(params=["threads", "virtual"])
def fixture(request: pytest.FixtureRequest) -> Iterator[RpcFakeFixture]:
    """Of both kinds."""
    with RpcFakeFixture(deterministic=request.param == "virtual") as made:
        yield made


@pytest.fixture
def threads() -> Iterator[RpcFakeFixture]:
    """Handlers run in the servers' own threads."""
    with RpcFakeFixture() as made:
        yield made


@pytest.fixture
def virtual() -> Iterator[RpcFakeFixture]:
    """Handlers run as tasks, in virtual time."""
    with RpcFakeFixture(deterministic=True) as made:
        yield made


@pytest.fixture
def transport() -> Any:
    """An RPC transport, as the configuration says."""
    return oslo_messaging.get_rpc_transport(cfg.CONF)


@pytest.fixture
def serve() -> Iterator[Callable[..., Any]]:
    """Starts servers, and stops them at the end."""
    servers: list[Any] = []

    def start(
        transport: Any, endpoint: Any, topic: str = "shop", server: str = "one", **of: Any
    ) -> Any:
        target = Target(topic=topic, server=server, **of)
        made = oslo_messaging.get_rpc_server(transport, target, [endpoint])
        made.start()
        servers.append(made)
        return made

    yield start
    for server in servers:
        server.stop()
        server.wait()


def client(transport: Any, topic: str = "shop", **options: Any) -> Any:
    """A client that waits 5 s."""
    target = Target(
        topic=topic, **{key: options.pop(key) for key in ("exchange",) if key in options}
    )
    return oslo_messaging.get_rpc_client(transport, target, **{"timeout": 5, **options})
