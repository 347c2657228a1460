"""oslo.messaging on a bus in memory: the transport ``rpcfake://``.

`RpcFakeFixture` sets it up for a test. What reads messages out of the transport and what puts them
there is oslo.messaging's own code; ours is what stands in the place of the broker."""

from __future__ import annotations

from rpcfake.oslo.fixture import RpcFakeFixture

__all__ = ["RpcFakeFixture"]
