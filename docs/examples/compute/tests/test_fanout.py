"""What is said by fanout reaches everybody; what is sent to a topic reaches one."""

from collections import Counter

import pytest
from compute import rpc
from compute.manager import ComputeManager
from compute.scheduler import SchedulerManager
from compute.service import Service


@pytest.fixture
def schedulers(rpc_bus):
    """Three schedulers that share their topic."""
    schedulers = [SchedulerManager() for _ in range(3)]
    for number, scheduler in enumerate(schedulers):
        Service("scheduler", f"control{number}", scheduler).start()
    rpc_bus.run()
    return schedulers


def test_every_scheduler_hears_a_report(rpc_bus, schedulers):
    Service("compute", "alpha", ComputeManager("alpha", memory=4096)).start()
    rpc_bus.run()

    rpc_bus.assert_fanout_cast("scheduler", "update_host", {"host": "alpha", "free": 4096}, times=1)
    assert [scheduler.hosts for scheduler in schedulers] == [{"alpha": 4096}] * 3


def test_a_host_without_schedulers_speaks_to_the_air(rpc_bus):
    Service("compute", "alpha", ComputeManager("alpha", memory=4096)).start()

    rpc_bus.assert_fanout_cast("scheduler", "update_host")


def test_a_scheduler_that_comes_late_asks_the_hosts_to_report(rpc_bus):
    for host in ("alpha", "beta"):
        Service("compute", host, ComputeManager(host, memory=4096)).start()
    late = SchedulerManager()
    Service("scheduler", "control", late).start()
    rpc_bus.run()

    assert late.hosts == {"alpha": 4096, "beta": 4096}


def test_a_stopped_scheduler_hears_nothing(rpc_bus, context):
    scheduler = SchedulerManager()
    service = Service("scheduler", "control", scheduler)
    service.start()
    service.stop()
    news = {"host": "alpha", "free": 4096}
    rpc.fanout_cast(context, "scheduler", {"method": "update_host", "args": news})
    rpc_bus.run()

    assert scheduler.hosts == {}


def test_schedulers_share_the_work(rpc_bus, schedulers, context):
    for number in range(6):
        server = {"name": f"web{number}", "memory": 1, "image": "debian"}
        rpc.cast(context, "scheduler", {"method": "run_server", "args": server})
    rpc_bus.run()

    taken = rpc_bus.traffic.taken("scheduler", "run_server")
    assert sorted(Counter(record.consumer for record in taken).values()) == [2, 2, 2]
