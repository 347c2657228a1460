"""The scheduler alone: stubs play the hosts."""

import pytest
from compute import rpc
from compute.api import API
from compute.scheduler import SchedulerManager
from compute.server import Server, Status
from compute.service import Service


@pytest.fixture
def scheduler(rpc_bus):
    """A scheduler that has heard of two hosts."""
    scheduler = SchedulerManager()
    Service("scheduler", "control", scheduler).start()
    scheduler.hosts = {"alpha": 4096, "beta": 8192}
    return scheduler


def test_it_asks_the_hosts_since_reports_grow_old(rpc_bus, scheduler, context):
    rpc_bus.stub("compute.alpha", "get_capacity").returns(3000)
    rpc_bus.stub("compute.beta", "get_capacity").returns(1000)

    assert API().where(context, memory=2048) == "alpha"


def test_the_chosen_host_gets_the_build(rpc_bus, scheduler, context):
    rpc_bus.stub("compute.alpha", "get_capacity").returns(4096)
    rpc_bus.stub("compute.beta", "get_capacity").returns(8192)
    rpc_bus.stub("compute.beta", "build_server").returns(None)

    API().boot(context, "web", memory=2048, image="debian")
    rpc_bus.run()
    server = {"name": "web", "memory": 2048, "image": "debian"}
    rpc_bus.assert_cast("compute.beta", "build_server", server, times=1)


def test_a_host_may_fill_up_between_two_questions(rpc_bus, scheduler, context):
    rpc_bus.stub("compute.alpha", "get_capacity").returns(4096)
    rpc_bus.stub("compute.beta", "get_capacity").returns(8192).returns(512)

    assert API().where(context, memory=2048) == "beta"
    assert API().where(context, memory=2048) == "alpha"


def test_no_host_has_room(rpc_bus, scheduler, context):
    rpc_bus.stub("compute.alpha", "get_capacity").returns(512)
    rpc_bus.stub("compute.beta", "get_capacity").returns(1024)

    with pytest.raises(rpc.RemoteError) as caught:
        API().where(context, memory=2048)
    assert caught.value.exc_type == "NoValidHost"
    assert caught.value.value == "no host has 2048 MB free: {'alpha': 512, 'beta': 1024}"


def test_a_server_that_fits_nowhere_ends_in_error(rpc_bus, scheduler, context):
    rpc_bus.stub("compute.alpha", "get_capacity").returns(0)
    rpc_bus.stub("compute.beta", "get_capacity").returns(0)

    API().boot(context, "web", memory=2048, image="debian")
    rpc_bus.run()
    server = API().show(context, "web")
    assert server.status is Status.ERROR
    assert server.fault.startswith("NoValidHost: no host has 2048 MB free")


def test_a_stub_may_compute_its_answer(rpc_bus, scheduler, context):
    rpc_bus.stub("compute.alpha", "get_capacity").returns(0)
    rpc_bus.stub("compute.beta", "get_capacity").runs(
        lambda context: 8192 if context["project"] == "engines" else 0
    )

    assert API().where(context, memory=2048) == "beta"


def test_the_news_of_a_server_can_be_asked_for(rpc_bus, scheduler, context):
    news = {"name": "web", "status": "ACTIVE", "host": "beta", "fault": None}
    rpc.fanout_cast(context, "scheduler", {"method": "update_server", "args": news})
    rpc_bus.run()

    assert API().show(context, "web") == Server("web", Status.ACTIVE, "beta")


@pytest.mark.rpc_bus(allow={"handler_errors"})
def test_a_name_is_given_once(rpc_bus, scheduler, context):
    rpc_bus.stub("compute.alpha", "get_capacity").returns(4096)
    rpc_bus.stub("compute.beta", "get_capacity").returns(8192)
    rpc_bus.stub("compute.beta", "build_server")

    API().boot(context, "web", memory=2048, image="debian")
    API().boot(context, "web", memory=2048, image="debian")
    rpc_bus.run()
    rpc_bus.assert_cast("compute.beta", "build_server", times=1)
    [failure] = rpc_bus.traffic.failures("scheduler", "run_server")
    assert failure.value.exc_type == "ServerExists"
