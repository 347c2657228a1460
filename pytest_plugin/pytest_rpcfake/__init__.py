"""rpcfake's pytest plugin: a bus for each test, strict when it is put away.

Everything pytest sees is in `pytest_rpcfake.plugin`. `BusFactory` and `RpcBackend` are here
for annotations: they are the types of the fixtures `rpc_bus_factory` and `rpc_backend`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_rpcfake.backing import RpcBackend
    from pytest_rpcfake.lease import BusFactory

__all__ = ["BusFactory", "RpcBackend"]


def __getattr__(name: str) -> Any:
    # Late: pytest imports this package in every run, also where no test wants a bus.
    if name == "BusFactory":
        from pytest_rpcfake.lease import BusFactory

        return BusFactory
    if name == "RpcBackend":
        from pytest_rpcfake.backing import RpcBackend

        return RpcBackend
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
