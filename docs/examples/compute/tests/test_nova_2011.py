"""What nova's shared RPC test case checked in 2011, on both buses.

Nine scenarios; a call that is given several values comes in two forms, by reply and by yield.
"""

import pytest
from compute import rpc


class Receiver:
    """Methods that answer in every way there is."""

    def echo(self, context, value):
        return value

    def echo_three_times(self, context, value):
        for step in range(3):
            context.reply(value + step)
        context.reply(ending=True)

    def echo_three_times_yield(self, context, value):
        for step in range(3):
            yield value + step

    def three_nones(self, context):
        yield None
        yield None
        yield None

    def tell_context(self, context):
        return context.to_dict()

    def fail(self, context, value):
        raise ValueError(value)

    def echo_by_a_call(self, context, value):
        return rpc.call(context, "test", {"method": "echo", "args": {"value": value}})


@pytest.fixture(params=["rpc_bus", "rpc_threaded_bus"], autouse=True)
def receiver(request):
    bus = request.getfixturevalue(request.param)
    bus.serve("test", Receiver())


def call(context, method, **args):
    return rpc.call(context, "test", {"method": method, "args": args})


def multicall(context, method, **args):
    return [value for _, value in rpc.multicall(context, "test", {"method": method, "args": args})]


def test_call(context):
    assert call(context, "echo", value=42) == 42


def test_call_despite_several_replies(context):
    assert call(context, "echo_three_times", value=42) == 44


def test_call_despite_several_yields(context):
    assert call(context, "echo_three_times_yield", value=42) == 44


def test_multicall_once(context):
    assert multicall(context, "echo", value=42) == [42]


def test_multicall_three_times(context):
    assert multicall(context, "echo_three_times", value=42) == [42, 43, 44]


def test_multicall_three_nones(context):
    assert multicall(context, "three_nones") == [None, None, None]


def test_multicall_three_times_by_yield(context):
    assert multicall(context, "echo_three_times_yield", value=42) == [42, 43, 44]


def test_context_is_passed(context):
    assert call(context, "tell_context") == context.to_dict()


def test_exception(context):
    with pytest.raises(rpc.RemoteError) as caught:
        call(context, "fail", value="broken")
    assert (caught.value.exc_type, caught.value.value) == ("ValueError", "broken")


def test_nested_call(context):
    assert call(context, "echo_by_a_call", value=42) == 42
