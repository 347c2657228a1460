"""Who does what when: sequences, and what must hold in whatever order."""

import pytest
from compute import demo
from compute.cloud import Cloud
from compute.server import Status, announce

from rpcfake import Bus


def test_a_boot_from_start_to_end(rpc_bus, cloud, context):
    cloud.api.boot(context, "web", memory=2048, image="debian")
    rpc_bus.advance(60)

    rpc_bus.assert_sequence(
        [
            ("cast", "scheduler", "run_server"),
            ("call", "compute.alpha", "get_capacity"),
            ("call", "compute.beta", "get_capacity"),
            ("cast", "compute.beta", "build_server"),
            ("multicall", "image", "transfer"),
            ("fanout_cast", "scheduler", "update_host"),
        ]
    )


def test_news_arrives_in_the_order_sent(rpc_bus, cloud, context):
    cloud.api.boot(context, "web", memory=2048, image="debian")
    rpc_bus.advance(60)

    news = rpc_bus.traffic.fanout_casts("scheduler", "update_server")
    assert [record.args["status"] for record in news] == ["SCHEDULING", "BUILDING", "ACTIVE"]


def test_news_that_was_overtaken_is_ignored(rpc_bus, cloud, context):
    announce(context, "web", Status.ACTIVE, "beta")
    announce(context, "web", Status.BUILDING, "beta")
    rpc_bus.run()

    assert cloud.api.show(context, "web").status is Status.ACTIVE


def test_one_request_is_the_cause_of_all_that_follows(rpc_bus, cloud, context):
    cloud.api.boot(context, "web", memory=2048, image="debian")
    cloud.api.boot(context, "mail", memory=2048, image="debian")
    rpc_bus.advance(60)

    [request] = rpc_bus.assert_cast("scheduler", "run_server", {"name": "mail"}, partial=True)
    followed = rpc_bus.traffic.caused_by(request)
    assert [record.topic for record in followed.calls()] == ["compute.alpha", "compute.beta"]
    assert len(followed.casts("compute.beta", "build_server")) == 1
    assert [record.value for record in followed.replies("image")] == [25, 50, 75, 100]


@pytest.mark.parametrize("seed", range(10))
def test_a_host_never_gives_the_same_memory_twice(rpc_bus_factory, context, seed):
    """Two builds are after the last free memory; the schedule decides who gets it."""
    with rpc_bus_factory(schedule="random", seed=seed, allow={"handler_errors"}) as bus:
        cloud = Cloud(hosts={"alpha": 4096}, images={"debian": 1024})
        bus.run()
        for name in ("one", "two"):
            cloud.api.boot(context, name, memory=3072, image="debian")
        bus.advance(60)

        ends = [cloud.api.show(context, name).status for name in ("one", "two")]
        assert sorted(ends) == [Status.ACTIVE, Status.ERROR]
        assert cloud.hosts["alpha"].free == 1024


def test_the_same_run_gives_the_same_traffic():
    def record():
        bus = Bus(schedule="random", seed=2011)
        demo.run(bus)
        return bus.traffic

    assert record() == record()
