"""The fixture for tests, with pytest or without."""

from __future__ import annotations

from contextlib import ExitStack
from itertools import count
from typing import Any

import fixtures
from oslo_config import cfg
from oslo_messaging import conffixture

from rpcfake.hints import brief
from rpcfake.message import check_seconds
from rpcfake.oslo.buses import FIXTURE, drop, open_station
from rpcfake.oslo.executor import Manager
from rpcfake.sim import Bus
from rpcfake.threads import ThreadedBus
from rpcfake.traffic import Expectations, Traffic

_numbers = count(1)


class RpcFakeFixture(Expectations, fixtures.Fixture):  # type: ignore[misc]
    """A bus of its own for a test, and the configuration that leads oslo.messaging to it.

    It has the bus's assertions (`rpcfake.MessageBus`), ``traffic`` and ``stub``.

    Args:
        conf: the ConfigOpts whose ``transport_url`` is set; None: the global one.
        deterministic: run the handlers of servers as tasks of a simulated `rpcfake.Bus`, in virtual
            time and with no thread, in place of threads on a `rpcfake.ThreadedBus`.
        keep_unserved: keep messages to a topic that nobody listened to yet. As with rabbit they are
            dropped otherwise.
        allow_listening: don't fail where a server still listens at the end.
    """

    bus: Bus | ThreadedBus

    def __init__(
        self,
        conf: Any = None,
        *,
        deterministic: bool = False,
        keep_unserved: bool = False,
        allow_listening: bool = False,
    ) -> None:
        super().__init__()
        for name, value in (
            ("deterministic", deterministic),
            ("keep_unserved", keep_unserved),
            ("allow_listening", allow_listening),
        ):
            if not isinstance(value, bool):
                raise TypeError(f"{name} is {brief(value)}: it must be True or False")
        self.conf = cfg.CONF if conf is None else conf
        self._deterministic = deterministic
        self._keep_unserved = keep_unserved
        self._allow_listening = allow_listening

    def _setUp(self) -> None:
        name = f"{FIXTURE}{next(_numbers)}"
        self._station = open_station(name, self._deterministic, self._keep_unserved)
        self.bus = self._station.bus
        self.transport_url = f"rpcfake://{name}/"
        """What leads a transport to this bus."""
        self.addCleanup(self._close)
        if isinstance(self.bus, Bus):
            stack = ExitStack()
            stack.enter_context(self.bus.installed())
            self.addCleanup(stack.close)
            self.useFixture(fixtures.MonkeyPatch("oslo_messaging.server.driver", Manager(self.bus)))
        self.useFixture(conffixture.ConfFixture(self.conf)).transport_url = self.transport_url

    @property
    def traffic(self) -> Traffic:
        """Everything on the bus so far."""
        return self.bus.traffic

    def stub(self, *args: Any, **options: Any) -> Any:
        """As `rpcfake.Bus.stub`; the topic is the target's, or ``topic.server``."""
        return self.bus.stub(*args, **options)

    def drain(self, timeout: float = 10.0) -> None:
        """Return when every message is handled and every handler has returned or waits for an
        answer that nobody gives.

        Args:
            timeout: for how many real seconds at the most. In deterministic mode no time passes.

        Raises:
            Timeout: that was not enough; the text says who still runs.
        """
        seconds = check_seconds("timeout", timeout)
        if isinstance(self.bus, ThreadedBus):
            self.bus.run(seconds)
        else:
            assert isinstance(self.bus, Bus)
            self.bus.run()

    def _close(self) -> None:
        listening = list(self._station.listening)
        why = "the RpcFakeFixture that made it has ended"
        for listener in listening:
            listener.stop()
        drop(self._station, why)
        if listening and not self._allow_listening:
            raise AssertionError(
                "servers still listen at the end of the test (stop them, or say"
                " allow_listening=True):" + "".join(f"\n  {listener!r}" for listener in listening)
            )
