"""An image travels by multicall: each value says how much has arrived."""

import pytest
from compute import rpc
from compute.image import ImageManager, transfer
from compute.service import Service


@pytest.fixture
def store(rpc_bus):
    store = ImageManager({"debian": 1024, "tiny": 100, "empty": 0})
    Service("image", "store", store).start()
    return store


def test_progress_in_quarters(store, context):
    assert list(transfer(context, "debian")) == [25, 50, 75, 100]


def test_each_value_comes_as_soon_as_it_is_given(rpc_bus, store, context):
    times = [rpc_bus.now for _ in transfer(context, "debian")]

    assert times == [2, 4, 6, 8]


def test_a_small_image_is_one_chunk_and_an_empty_one_none(store, context):
    assert list(transfer(context, "tiny")) == [100]
    assert list(transfer(context, "empty")) == []


def test_the_values_before_an_error_arrive_first(rpc_bus, context):
    def tear(context, image):
        yield 25
        raise OSError("connection reset")

    rpc_bus.stub("image", "transfer").runs(tear)
    progress = transfer(context, "debian")

    assert next(progress) == 25
    with pytest.raises(rpc.RemoteError, match="OSError: connection reset"):
        next(progress)


def test_two_transfers_at_once_take_no_longer_than_one(rpc_bus, store, context):
    tasks = [rpc_bus.spawn(list, transfer(context, "debian")) for _ in range(2)]

    assert [task.result() for task in tasks] == [[25, 50, 75, 100]] * 2
    assert rpc_bus.now == 8


def test_who_stops_listening_stops_the_transfer(rpc_bus, store, context):
    progress = transfer(context, "debian")
    next(progress)
    progress.close()
    rpc_bus.advance(60)

    assert len(rpc_bus.traffic.replies("image")) == 1
