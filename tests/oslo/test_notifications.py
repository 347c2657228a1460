"""Notifications: priorities, pools, batches, and what is given back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import oslo_messaging
import pytest
from oslo_config import cfg
from oslo_messaging import NotificationResult, Target

from rpcfake.oslo import RpcFakeFixture

Listen = Callable[..., Any]


class Office:
    """An endpoint for two priorities."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def info(
        self, ctxt: Any, publisher_id: str, event_type: str, payload: Any, metadata: Any
    ) -> Any:
        self.seen.append(("info", event_type, payload))

    def error(
        self, ctxt: Any, publisher_id: str, event_type: str, payload: Any, metadata: Any
    ) -> Any:
        self.seen.append(("error", event_type, payload))


class Batches:
    """An endpoint of a batch listener."""

    def __init__(self) -> None:
        self.seen: list[list[Any]] = []

    def info(self, messages: list[dict[str, Any]]) -> None:
        self.seen.append([message["payload"] for message in messages])


@pytest.fixture
def bell() -> Any:
    """A notification transport, as the configuration says."""
    return oslo_messaging.get_notification_transport(cfg.CONF)


@pytest.fixture
def listen(bell: Any) -> Iterator[Listen]:
    """Starts listeners, and stops them at the end."""
    listeners: list[Any] = []

    def start(
        endpoint: Any, batch: int | None = None, timeout: float | None = None, **of: Any
    ) -> Any:
        targets = [Target(topic="news")]
        if batch is None:
            made = oslo_messaging.get_notification_listener(bell, targets, [endpoint], **of)
        else:
            made = oslo_messaging.get_batch_notification_listener(
                bell, targets, [endpoint], batch_size=batch, batch_timeout=timeout, **of
            )
        made.start()
        listeners.append(made)
        return made

    yield start
    for listener in listeners:
        listener.stop()
        listener.wait()


def notifier(bell: Any) -> Any:
    return oslo_messaging.Notifier(bell, "pub", driver="messaging", topics=["news"])


def test_each_priority_has_its_queue(fixture: RpcFakeFixture, bell: Any, listen: Listen) -> None:
    office = Office()
    listen(office)
    notifier(bell).info({}, "shop.opened", {"at": 8})
    notifier(bell).error({}, "shop.burns", "all of it")
    notifier(bell).debug({}, "shop.hums", {})
    fixture.drain()
    assert sorted(office.seen) == [
        ("error", "shop.burns", "all of it"),
        ("info", "shop.opened", {"at": 8}),
    ]
    (sent,) = fixture.assert_notification("news.info", "shop.opened", {"payload": {"at": 8}})
    assert sent.headers["publisher_id"] == "pub"


def test_what_comes_before_a_listener_is_kept(
    fixture: RpcFakeFixture, bell: Any, listen: Listen
) -> None:
    office = Office()
    notifier(bell).info({}, "early", 1)
    listen(office)
    fixture.drain()
    assert office.seen == [("info", "early", 1)]


def test_each_pool_gets_a_copy_and_shares_it(
    fixture: RpcFakeFixture, bell: Any, listen: Listen
) -> None:
    first, second, plain = [Office(), Office()], Office(), Office()
    for office in first:
        listen(office, pool="one")
    listen(second, pool="two")
    listen(plain)
    for n in range(4):
        notifier(bell).info({}, "event", n)
    fixture.drain()
    assert [payload for _, _, payload in plain.seen] == [0, 1, 2, 3]
    assert sorted(payload for _, _, payload in second.seen) == [0, 1, 2, 3]
    assert [len(office.seen) for office in first] == [2, 2]


def test_what_is_given_back_comes_next(fixture: RpcFakeFixture, bell: Any, listen: Listen) -> None:
    class Reluctant(Office):
        def info(self, *message: Any) -> Any:
            super().info(*message)
            return NotificationResult.REQUEUE if len(self.seen) < 3 else NotificationResult.HANDLED

    office = Reluctant()
    listen(office, allow_requeue=True)
    notifier(bell).info({}, "event", 1)
    fixture.drain()
    assert office.seen == [("info", "event", 1)] * 3
    kinds = [record.kind for record in fixture.traffic]
    assert kinds == ["notification", *["taken", "requeued"] * 2, "taken"]


def test_a_batch_is_full_or_its_time_is_up(
    fixture: RpcFakeFixture, bell: Any, listen: Listen
) -> None:
    office = Batches()
    listen(office, batch=3, timeout=3.0)
    for n in range(7):
        notifier(bell).info({}, "event", n)
    fixture.bus.run_until(lambda: sum(map(len, office.seen)) == 7, timeout=10)
    assert sorted(map(len, office.seen)) == [1, 3, 3]
    assert sorted(n for batch in office.seen for n in batch) == list(range(7))


def test_a_batch_that_is_not_full_is_handed_on_when_the_listener_stops(
    fixture: RpcFakeFixture, bell: Any, listen: Listen
) -> None:
    office = Batches()
    listener = listen(office, batch=3)
    notifier(bell).info({}, "event", 1)
    fixture.bus.run_until(lambda: len(fixture.traffic.taken()) == 1, timeout=10)
    listener.stop()
    listener.wait()
    assert office.seen == [[1]]


def test_a_handlers_sendings_follow_from_the_notification(
    fixture: RpcFakeFixture, bell: Any, listen: Listen
) -> None:
    class Relay(Office):
        def info(self, *message: Any) -> Any:
            notifier(bell).error({}, "relayed", 1)

    listen(Relay())
    notifier(bell).info({}, "event", 1)
    fixture.drain()
    (relayed,) = fixture.traffic.notifications("news.error")
    assert relayed.cause == fixture.traffic.taken("news.info")[0].seq
