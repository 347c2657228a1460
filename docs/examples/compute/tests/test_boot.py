"""A server's life, on a whole cloud: no broker, no threads, and no waiting."""

import pytest
from compute.server import Server, Status


@pytest.mark.rpc_bus(allow={"blocked"})  # the build is still under way when the test ends
def test_boot_returns_before_anything_is_done(rpc_bus, cloud, context):
    cloud.api.boot(context, "web", memory=2048, image="debian")

    server = {"name": "web", "memory": 2048, "image": "debian"}
    rpc_bus.assert_cast("scheduler", "run_server", server)
    rpc_bus.assert_not_sent("compute.beta")


def test_a_server_gets_built(rpc_bus, cloud, context):
    cloud.api.boot(context, "web", memory=2048, image="debian")
    rpc_bus.advance(60)

    assert cloud.api.show(context, "web") == Server("web", Status.ACTIVE, host="beta")


def test_a_build_takes_28_seconds_of_virtual_time(rpc_bus, cloud, context):
    cloud.api.boot(context, "web", memory=2048, image="debian")  # 8 s for the image, 20 s to start

    rpc_bus.advance(27.9)
    assert cloud.api.show(context, "web").status is Status.BUILDING
    rpc_bus.advance(0.1)
    assert cloud.api.show(context, "web").status is Status.ACTIVE


def test_the_host_reports_what_is_left(rpc_bus, cloud, context):
    cloud.api.boot(context, "web", memory=2048, image="debian")
    rpc_bus.advance(60)

    assert cloud.scheduler.hosts == {"alpha": 4096, "beta": 6144}


def test_servers_spread_over_the_hosts(rpc_bus, cloud, context):
    for name in ("one", "two", "three"):
        cloud.api.boot(context, name, memory=3072, image="debian")
        rpc_bus.run()

    assert [cloud.api.show(context, name).host for name in ("one", "two", "three")] == [
        "beta",
        "beta",
        "alpha",
    ]
    rpc_bus.advance(60)


def test_a_deleted_server_gives_its_memory_back(rpc_bus, cloud, context):
    cloud.api.boot(context, "web", memory=2048, image="debian")
    rpc_bus.advance(60)
    cloud.api.delete(context, "web")

    rpc_bus.run()
    assert cloud.scheduler.hosts["beta"] == 8192
    assert cloud.scheduler.servers == {}


def test_a_server_deleted_while_it_is_built_stays_deleted(rpc_bus, cloud, context):
    cloud.api.boot(context, "web", memory=2048, image="debian")
    rpc_bus.advance(10)
    cloud.api.delete(context, "web")

    rpc_bus.advance(60)
    assert cloud.scheduler.servers == {}


def test_a_server_without_memory_is_refused_on_the_spot(rpc_bus, cloud, context):
    with pytest.raises(ValueError, match="memory is 0"):
        cloud.api.boot(context, "web", memory=0, image="debian")

    rpc_bus.assert_not_sent(method="run_server")
