"""What goes wrong far away, as it is seen here."""

import pytest
from compute import rpc
from compute.context import RequestContext
from compute.server import Status


def test_a_remote_error_names_its_class_its_text_and_its_line(rpc_bus, cloud, context):
    with pytest.raises(rpc.RemoteError) as caught:
        cloud.api.show(context, "web")

    assert caught.value.exc_type == "ServerNotFound"
    assert caught.value.value == "there is no server 'web'"
    assert "in show_server" in caught.value.traceback


def test_only_its_project_may_delete_a_server(rpc_bus, cloud, context):
    cloud.api.boot(context, "web", memory=2048, image="debian")
    rpc_bus.advance(60)

    with pytest.raises(rpc.RemoteError, match="Forbidden: server 'web' belongs to project"):
        cloud.api.delete(RequestContext("eve", "apples", "req-2"), "web")
    cloud.api.delete(RequestContext("root", "ops", "req-3", is_admin=True), "web")
    rpc_bus.run()


@pytest.mark.rpc_bus(allow={"handler_errors"})
def test_an_error_in_a_cast_does_not_reach_the_caster(rpc_bus, cloud, context):
    cloud.api.boot(context, "web", memory=2048, image="plan9")
    rpc_bus.advance(60)

    [failure] = rpc_bus.traffic.failures("compute.beta", "build_server")
    assert failure.value.exc_type == "RemoteError"  # the host saw the image store's error
    assert "ImageNotFound: there is no image 'plan9'" in cloud.api.show(context, "web").fault


@pytest.mark.rpc_bus(allow={"handler_errors"})
def test_a_failed_server_may_be_booted_again(rpc_bus, cloud, context):
    cloud.api.boot(context, "web", memory=2048, image="plan9")
    rpc_bus.advance(60)
    again = RequestContext("ada", "engines", "req-2")
    cloud.api.boot(again, "web", memory=2048, image="debian")
    rpc_bus.advance(60)

    assert cloud.api.show(context, "web").status is Status.ACTIVE


@pytest.mark.rpc_bus(allow={"handler_errors"})  # without it, this very test would fail at its end
def test_an_error_that_nobody_saw_is_no_clean_end(rpc_bus, cloud, context):
    cloud.api.boot(context, "web", memory=2048, image="plan9")
    rpc_bus.advance(60)

    with pytest.raises(AssertionError, match="ImageNotFound: there is no image 'plan9'"):
        rpc_bus.assert_clean()


def test_an_unknown_method_is_an_error_not_a_hang(rpc_bus, cloud, context):
    with pytest.raises(rpc.RemoteError, match="reboot_server"):
        rpc.call(context, "compute.beta", {"method": "reboot_server"})
    assert rpc_bus.now == 0


def test_what_json_cannot_carry_is_refused_at_the_sender(rpc_bus, cloud, context):
    with pytest.raises(TypeError, match=r"args\['image'\]"):
        cloud.api.boot(context, "web", memory=2048, image=object())

    rpc_bus.assert_not_sent(method="run_server")
