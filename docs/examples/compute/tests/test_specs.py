"""With a spec, a message that no method fits is refused where it is sent."""

import pytest
from compute import rpc
from compute.image import ImageManager
from compute.manager import ComputeManager
from compute.scheduler import SchedulerManager
from compute.server import Status


@pytest.fixture(autouse=True)
def specs(rpc_bus):
    rpc_bus.spec("scheduler", SchedulerManager)
    rpc_bus.spec("compute", ComputeManager)
    rpc_bus.spec("compute.alpha", ComputeManager)
    rpc_bus.spec("compute.beta", ComputeManager)
    rpc_bus.spec("image", ImageManager)


def test_the_whole_service_keeps_to_the_specs(rpc_bus, cloud, context):
    cloud.api.boot(context, "web", memory=2048, image="debian")
    rpc_bus.advance(60)

    assert cloud.api.show(context, "web").status is Status.ACTIVE


@pytest.mark.parametrize(
    ("method", "args", "complaint"),
    [
        ("run_servers", {}, "run_server"),
        ("run_server", {"name": "web", "memory": 2048}, "image"),
        ("run_server", {"name": "web", "memory": 2048, "image": "debian", "disk": 5}, "disk"),
        ("_ask_capacity", {"host": "alpha"}, "_ask_capacity"),
    ],
)
def test_a_message_that_fits_no_method_is_never_sent(rpc_bus, context, method, args, complaint):
    with pytest.raises(ValueError, match=complaint):
        rpc.cast(context, "scheduler", {"method": method, "args": args})

    rpc_bus.assert_not_sent()


def test_stubs_are_held_to_the_spec_too(rpc_bus, context):
    rpc_bus.stub("compute.beta", "get_capacity").returns(8192)

    with pytest.raises(ValueError, match="unit"):
        rpc.call(context, "compute.beta", {"method": "get_capacity", "args": {"unit": "GB"}})
    assert rpc.call(context, "compute.beta", {"method": "get_capacity"}) == 8192
