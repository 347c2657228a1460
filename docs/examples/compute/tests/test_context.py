"""The context travels with every message, and comes back as the project's own class."""

import pytest
from compute import rpc
from compute.context import RequestContext


def test_the_users_context_reaches_the_host(rpc_bus, cloud, context):
    cloud.api.boot(context, "web", memory=2048, image="debian")
    rpc_bus.advance(60)

    rpc_bus.assert_cast("compute.beta", "build_server", context=context)


@pytest.mark.rpc_bus(context_factory=RequestContext.from_dict)
def test_a_handler_gets_the_projects_own_context(rpc_bus, context):
    seen = []

    class Witness:
        def look(self, context):
            seen.append(context)

    rpc_bus.serve("witness", Witness())
    rpc.call(context, "witness", {"method": "look"})

    assert seen == [context]
    assert isinstance(seen[0], RequestContext)


def test_a_handler_gets_a_copy(rpc_bus, context):
    class Vandal:
        def scribble(self, context):
            context["user"] = "mallory"

    rpc_bus.serve("vandal", Vandal())
    rpc.call(context, "vandal", {"method": "scribble"})

    assert context.user == "ada"
