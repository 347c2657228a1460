"""ORDER: what one sender sends to one consumer is taken in the order sent."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from .harness import AnyBus, Threaded, few, kinds, message, relaxed


class Looked:
    """Keeps the order in which its methods were looked up, and in which their handlers began."""

    def __init__(self, hold: Callable[[], object] = lambda: None) -> None:
        self.looked_up: list[str] = []
        self.began: list[str] = []
        self.hold = hold

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name.startswith("_"):
            raise AttributeError(name)
        self.hold()
        self.looked_up.append(name)
        return lambda context, **args: self.began.append(name)


@given(
    sends=st.lists(st.sampled_from(["cast", "multicall", "fanout_cast"]), max_size=20),
    started=st.booleans(),
    schedule=st.sampled_from(["fifo", "random"]),
    seed=st.integers(0, 2**32),
)
@relaxed
def test_methods_are_looked_up_in_the_order_sent(
    new_bus: type[AnyBus], sends: list[str], started: bool, schedule: str, seed: int
) -> None:
    with new_bus(schedule=schedule, seed=seed) as bus:
        shared, fanout = Looked(), Looked()
        connection = bus.create_connection()
        connection.create_consumer("work", shared)
        connection.create_consumer("work", fanout, fanout=True)
        if started:
            connection.consume_in_thread()
        replies = []
        for number, kind in enumerate(sends):
            msg = message(f"{kind}_{number}")
            if kind == "multicall":
                replies.append(bus.multicall(None, "work", msg))
            else:
                getattr(bus, kind)(None, "work", msg)
        connection.consume_in_thread()
        bus.settle()
        sent = [f"{kind}_{number}" for number, kind in enumerate(sends)]
        assert shared.looked_up == [name for name in sent if not name.startswith("fanout")]
        assert fanout.looked_up == [name for name in sent if name.startswith("fanout")]
        if bus.simulated:
            assert (shared.began, fanout.began) == (shared.looked_up, fanout.looked_up)


@given(
    consumers=st.integers(1, 3), schedule=st.sampled_from(["fifo", "random"]), seed=st.integers(0)
)
@few
def test_of_two_senders_each_has_its_order_at_each_consumer(
    new_bus: type[AnyBus], consumers: int, schedule: str, seed: int
) -> None:
    with new_bus(schedule=schedule, seed=seed) as bus:
        proxies = [Looked() for _ in range(consumers)]
        for proxy in proxies:
            bus.serve("work", proxy)

        def send(sender: str) -> None:
            for number in range(15):
                bus.cast(None, "work", message(f"{sender}{number:02}"))
                if bus.simulated and number % 4 == 3:
                    bus.sleep(0.001)  # lets the other one send

        bus.together(lambda: send("a"), lambda: send("b"))
        bus.settle()
        assert sum(len(proxy.looked_up) for proxy in proxies) == 30
        for proxy in proxies:
            for sender in "ab":
                own = [name for name in proxy.looked_up if name.startswith(sender)]
                assert own == sorted(own)


def test_on_threads_a_slow_look_up_lets_nobody_pass() -> None:
    # With a pool of workers the second message is in a thread of its own at once.
    first_only = threading.Semaphore(1)
    with Threaded() as bus:
        gate = bus.gate()

        def hold() -> None:
            if first_only.acquire(blocking=False):
                gate.wait()

        proxy = Looked(hold)
        bus.serve("work", proxy)
        for number in range(5):
            bus.cast(None, "work", message(f"m{number}"))
        bus.until(lambda: gate.waiting and kinds(bus)["taken"] == 5)
        gate.open()
        bus.settle()
        assert proxy.looked_up == [f"m{number}" for number in range(5)]


def test_a_failed_look_up_holds_up_nobody(bus: AnyBus) -> None:
    class Broken(Looked):
        def __getattr__(self, name: str) -> Callable[..., None]:
            if name.endswith("bad"):
                raise RuntimeError("no")
            return super().__getattr__(name)

    proxy = Broken()
    bus.serve("work", proxy)
    for number in range(3):
        bus.cast(None, "work", message(f"m{number}bad"))
        bus.cast(None, "work", message(f"m{number}"))
    bus.cast(None, "work", message("_private"))
    bus.cast(None, "work", message("last"))
    bus.settle()
    assert proxy.looked_up == ["m0", "m1", "m2", "last"]


def test_handlers_of_one_consumer_send_in_their_own_order(bus: AnyBus) -> None:
    class Relay:
        def relay(self, context: Any, names: list[str]) -> None:
            for name in names:
                bus.cast(context, "work", message(name))

    proxy = Looked()
    bus.serve("work", proxy)
    bus.serve("relay", Relay())
    bus.cast(None, "relay", message("relay", names=[f"a{number}" for number in range(8)]))
    bus.cast(None, "relay", message("relay", names=[f"b{number}" for number in range(8)]))
    bus.settle()
    for sender in "ab":
        own = [name for name in proxy.looked_up if name.startswith(sender)]
        assert own == [f"{sender}{number}" for number in range(8)]
