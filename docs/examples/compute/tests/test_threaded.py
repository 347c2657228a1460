"""The same service on real threads: the code does not change, and neither do the assertions."""

import threading

import pytest
from compute.cloud import Cloud
from compute.flags import FLAGS
from compute.server import Status


@pytest.fixture
def cloud(rpc_threaded_bus, monkeypatch):
    """A cloud that builds at once, since the clock is real here."""
    monkeypatch.setattr(FLAGS, "build_time", 0)
    monkeypatch.setattr(FLAGS, "image_speed", float("inf"))
    cloud = Cloud(hosts={"alpha": 4096, "beta": 8192}, images={"debian": 1024})
    rpc_threaded_bus.run(timeout=5)
    return cloud


def test_a_server_gets_built(rpc_threaded_bus, cloud, context):
    cloud.api.boot(context, "web", memory=2048, image="debian")
    rpc_threaded_bus.run(timeout=5)

    assert cloud.api.show(context, "web").status is Status.ACTIVE
    rpc_threaded_bus.assert_cast("compute.beta", "build_server", times=1)


def test_users_at_once(rpc_threaded_bus, cloud, context):
    names = [f"web{number}" for number in range(12)]
    users = [
        threading.Thread(target=cloud.api.boot, args=(context, name, 512, "debian"))
        for name in names
    ]
    for user in users:
        user.start()
    for user in users:
        user.join()
    rpc_threaded_bus.run(timeout=5)

    assert {cloud.api.show(context, name).status for name in names} == {Status.ACTIVE}
    assert sum(host.free for host in cloud.hosts.values()) == 12_288 - 12 * 512
