"""Hosts that stay silent. Time is virtual: minutes pass at once, and a frozen clock goes along."""

import time
from datetime import datetime

import pytest
from compute import rpc
from compute.server import Status
from freezegun import freeze_time


def test_a_silent_host_is_asked_twice_then_passed_over(rpc_bus, cloud, context):
    cloud.services["beta"].stop()

    assert cloud.api.where(context, memory=2048) == "alpha"
    rpc_bus.assert_call("compute.beta", "get_capacity", times=2)
    assert rpc_bus.now == 10  # two timeouts of 5 s


def test_a_second_attempt_may_succeed(rpc_bus, cloud, context):
    rpc_bus.stub("compute.beta", "get_capacity", times=2).never().returns(8192)

    assert cloud.api.where(context, memory=2048) == "beta"
    assert rpc_bus.now == 5


def test_a_late_answer_is_nobodys_answer(rpc_bus, cloud, context):
    def answer_late(context):
        time.sleep(7)
        return 100_000

    rpc_bus.stub("compute.beta", "get_capacity").runs(answer_late).returns(1)

    assert cloud.api.where(context, memory=2048) == "alpha"
    rpc_bus.advance(10)
    [late] = rpc_bus.traffic.dropped("compute.beta")
    assert (late.consumer, late.value, late.time) == ("stub:compute.beta#1", 100_000, 7)


def test_a_silent_host_is_forgotten_until_it_reports(rpc_bus, cloud, context):
    cloud.services["beta"].stop()
    cloud.api.where(context, memory=2048)
    assert list(cloud.scheduler.hosts) == ["alpha"]

    cloud.services["beta"].start()
    rpc_bus.run()
    assert cloud.api.where(context, memory=2048) == "beta"


@freeze_time("2011-09-22 10:00:00")
def test_the_frozen_clock_and_the_bus_are_one(rpc_bus, cloud, context):
    cloud.services["beta"].stop()
    cloud.api.where(context, memory=2048)

    assert datetime.now() == datetime(2011, 9, 22, 10, 0, 10)


def test_a_tick_of_the_frozen_clock_is_time_that_passes(rpc_bus, cloud, context):
    cloud.services["beta"].stop()
    with freeze_time("2011-09-22 10:00:00") as clock:
        asking = rpc_bus.spawn(cloud.api.where, context, 2048)
        rpc_bus.run()
        rpc_bus.assert_call("compute.beta", "get_capacity", times=1)

        clock.tick(5)
        rpc_bus.run()
        rpc_bus.assert_call("compute.beta", "get_capacity", times=2)
        assert asking.result() == "alpha"


@pytest.mark.rpc_bus(allow={"handler_errors"})
def test_an_image_that_stalls_fails_the_build(rpc_bus, cloud, context):
    rpc_bus.stub("image", "transfer").never()

    cloud.api.boot(context, "web", memory=2048, image="debian")
    rpc_bus.advance(60)
    server = cloud.api.show(context, "web")
    assert server.status is Status.ERROR
    assert server.fault.startswith("Timeout")
    assert cloud.hosts["beta"].free == 8192


def test_nobody_there_is_told_at_once(rpc_bus, context):
    with pytest.raises(rpc.Timeout, match="nothing serves"):
        rpc.call(context, "scheduler", {"method": "show_server", "args": {"name": "web"}})
