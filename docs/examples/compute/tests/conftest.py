"""What the tests share: a user, and a cloud on the bus of the test."""

from __future__ import annotations

import pytest
from compute.cloud import Cloud
from compute.context import RequestContext


@pytest.fixture
def context():
    return RequestContext(user="ada", project="engines", request_id="req-1")


@pytest.fixture
def cloud(rpc_bus):
    """A scheduler, two hosts of 4 and 8 GB that have reported, and an image of 1 GB."""
    cloud = Cloud(hosts={"alpha": 4096, "beta": 8192}, images={"debian": 1024})
    rpc_bus.run()
    return cloud
