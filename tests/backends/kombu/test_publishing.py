"""What is sent when, and what its sender is told: on a broker made of paper."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest

from rpcfake.backends.kombu.naming import Names
from rpcfake.backends.kombu.publishing import Outgoing, Publisher, Receipt
from rpcfake.errors import BackendUnavailable


class Paper:
    """A channel that notes what is published, and confirms it when told."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.events: dict[str, set[Callable[..., None]]] = defaultdict(set)
        self.broken = False

    def prepare_message(self, body: bytes, **properties: Any) -> str:
        return body.decode()

    def basic_publish(self, message: str, **to: Any) -> None:
        if self.broken:
            raise ConnectionResetError("gone")
        self.sent.append(message)

    def confirm_select(self) -> None:
        pass

    def exchange_declare(self, **exchange: Any) -> None:
        pass

    def tell(self, event: str, *args: Any) -> None:
        for callback in self.events[event]:
            callback(*args)


class Stage:
    """A publisher on a loop that runs each job at once, or keeps it."""

    def __init__(self) -> None:
        self.publisher = Publisher(Names("paper"))
        self.publisher.loop = SimpleNamespace(  # type: ignore[assignment]
            post=lambda job: job(), up=Event(), trouble=BackendUnavailable("away"), run=self._run
        )
        self.raw = SimpleNamespace(on_blocked=None, on_unblocked=None)
        self.channel = Paper()

    def _run(self, job: Any, seconds: float, patient: bool) -> None:
        pass

    def connect(self) -> None:
        self.channel = Paper()
        session: Any = SimpleNamespace(
            is_amqp=True, raw=self.raw, channel=lambda: _Bindable(self.channel)
        )
        self.publisher.connected(session)
        self.publisher.loop.up.set()

    def lose(self) -> None:
        self.publisher.loop.up.clear()
        self.publisher.lost()

    def send(self, text: str) -> Receipt:
        receipt = Receipt("exchange", "key", text.encode(), {"message_id": text})
        self.publisher.send(receipt)
        return receipt


def _Bindable(channel: Paper) -> Paper:
    channel.connection = SimpleNamespace(client=None)  # type: ignore[attr-defined]
    return channel


@pytest.fixture
def stage() -> Stage:
    made = Stage()
    made.connect()
    return made


def test_a_receipt_is_settled_by_its_own_confirm(stage: Stage) -> None:
    first, second = stage.send("first"), stage.send("second")
    stage.channel.tell("basic_ack", 2, False)
    assert second.wait(0) is None
    assert first.wait(0) == "the broker did not confirm it in time"


def test_one_confirm_may_stand_for_many(stage: Stage) -> None:
    receipts = [stage.send(str(number)) for number in range(3)]
    stage.channel.tell("basic_ack", 2, True)
    assert [receipt.wait(0) is None for receipt in receipts] == [True, True, False]


def test_what_is_refused_is_told(stage: Stage) -> None:
    receipt = stage.send("first")
    stage.channel.tell("basic_nack", 1, False)
    assert receipt.wait(0) == "the broker refused it"


def test_what_was_not_confirmed_when_the_broker_was_lost_is_told(stage: Stage) -> None:
    receipt = stage.send("first")
    stage.lose()
    assert receipt.wait(0) == "the broker was lost before it confirmed"
    stage.connect()
    assert stage.channel.sent == []  # it may have arrived: it is not sent twice


def test_what_was_not_sent_is_sent_when_the_broker_is_back(stage: Stage) -> None:
    stage.lose()
    receipt = stage.send("first")
    stage.connect()
    assert stage.channel.sent == ["first"]
    stage.channel.tell("basic_ack", 1, False)  # the channel is new, and counts anew
    assert receipt.wait(0) is None


def test_what_its_sender_gave_up_is_not_sent_later(stage: Stage) -> None:
    stage.lose()
    assert stage.send("late").wait(0) == "it could not be sent"
    stage.connect()
    assert stage.channel.sent == []


def test_nothing_is_sent_while_the_broker_is_blocked(stage: Stage) -> None:
    stage.raw.on_blocked("low on memory")
    stage.send("first")
    assert stage.channel.sent == []
    assert "low on memory" in str(stage.publisher.trouble)
    stage.raw.on_unblocked()
    assert stage.channel.sent == ["first"]
    assert stage.publisher.trouble is None


def test_what_breaks_the_connection_is_told(stage: Stage) -> None:
    stage.channel.broken = True
    receipt = Receipt("exchange", "key", b"first", {})
    with pytest.raises(ConnectionResetError):
        stage.publisher.send(receipt)
    assert receipt.wait(0) == "the broker was lost while it was sent: gone"


def test_who_answers_is_held_up_where_too_much_waits(stage: Stage) -> None:
    stage.lose()
    assert not stage.publisher.crowded
    for number in range(101):
        stage.send(str(number))
    assert stage.publisher.crowded
    stage.connect()
    assert not stage.publisher.crowded


def test_a_close_tells_those_who_wait(stage: Stage) -> None:
    stage.lose()
    before = stage.send("before")
    stage.publisher.close()
    after = stage.send("after")
    assert before.wait(0) == after.wait(0) == "the backend was closed"


def test_what_comes_back_is_told_to_its_sender_alone(stage: Stage) -> None:
    class Noting(Outgoing):
        came_back = False

        def returned(self) -> None:
            self.came_back = True

    one, other = (Noting("e", "k", b"", {"message_id": name}) for name in ("one", "other"))
    stage.publisher.send(one)
    stage.publisher.send(other)
    message = SimpleNamespace(properties={"message_id": "other"})
    stage.channel.tell("basic_return", None, "e", "k", message)
    assert (one.came_back, other.came_back) == (False, True)
