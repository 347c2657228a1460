"""The broker alone, without a loop, against a model that is as plain as the rules."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from rpcfake.core import Broker, Consumer, Envelope, Queue

ASKING = ("call", "multicall")
TOPICS = st.sampled_from("ab")
WHICH = st.integers(0, 5)
"""Which of the things there are, counted round."""


class ModelQueue:
    """Messages by the seq of their sending, and whose turn it is to take one."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.waiting: list[int] = []
        self.turns: list[str] = []
        self.real: Queue | None = None


class ModelConsumer:
    def __init__(self, name: str, queue: ModelQueue, fanout: bool) -> None:
        self.name = name
        self.queue = queue
        self.fanout = fanout
        self.started = False
        self.closed = False


class ModelMessage:
    """One envelope: where it is, and what its caller was told."""

    def __init__(self, envelope: Envelope, kind: str) -> None:
        self.envelope = envelope
        self.asks = kind in ASKING
        self.kind = kind
        self.taken: int | None = None
        self.over = False
        self.given_up = False
        self.values: list[str] = []
        self.failed = False


class BrokerMachine(RuleBasedStateMachine):
    """Everything a loop may do to a broker, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.ready: Counter[int] = Counter()
        self.answers: list[Envelope] = []
        self.broker = Broker(self.on_ready, self.answers.append)
        self.now = 0
        self.rows: list[tuple[Any, ...]] = []
        self.declared: Counter[str] = Counter()
        self.shared: dict[str, ModelQueue] = {}
        self.consumers: list[tuple[ModelConsumer, Consumer]] = []
        self.stubs: list[ModelQueue] = []
        self.messages: list[ModelMessage] = []
        self.sent: list[ModelMessage] = []
        self.unseen: list[int] = []
        self.lost: set[int] = set()

    def on_ready(self, queue: Queue) -> None:
        self.ready[id(queue)] += 1

    def tick(self) -> int:
        self.now += 1
        return self.now

    def queues(self) -> list[ModelQueue]:
        fanouts = [one.queue for one, _ in self.consumers if one.fanout and not one.closed]
        return [*self.shared.values(), *fanouts, *self.stubs]

    # Consumers

    @initialize(consumers=st.integers(0, 3))
    def begin(self, consumers: int) -> None:
        for number in range(consumers):
            self.declare("a", number == 2)
            self.start(number)

    @rule(topic=TOPICS, fanout=st.booleans())
    def declare(self, topic: str, fanout: bool) -> None:
        self.declared[topic] += 1
        proxy = object()
        real = self.broker.declare(topic, proxy, fanout)
        queue = ModelQueue(topic) if fanout else self.shared.setdefault(topic, ModelQueue(topic))
        queue.real = real.queue
        model = ModelConsumer(f"{topic}#{self.declared[topic]}", queue, fanout)
        self.consumers.append((model, real))
        assert (real.name, real.proxy, real.fanout) == (model.name, proxy, fanout)

    @precondition(lambda self: self.consumers)
    @rule(which=WHICH)
    def start(self, which: int) -> None:
        model, real = self.consumers[which % len(self.consumers)]
        self.broker.start(real)
        if not model.started and not model.closed:
            model.started = True
            model.queue.turns.append(model.name)

    @precondition(lambda self: self.consumers)
    @rule(which=WHICH)
    def close(self, which: int) -> None:
        model, real = self.consumers[which % len(self.consumers)]
        self.broker.close(real)
        if model.closed:
            return
        model.closed = True
        if model.started:
            model.queue.turns.remove(model.name)
        if model.fanout:
            # Its queue was its own, and ends with it.
            model.queue.waiting.clear()

    @rule(topic=TOPICS)
    def stub(self, topic: str) -> None:
        queue = ModelQueue(topic)
        queue.real = self.broker.new_queue(topic)
        consumer = Consumer(f"stub:{topic}", queue.real, object(), False)
        consumer.started = True
        queue.real.readers.append(consumer)
        queue.turns.append(consumer.name)
        self.stubs.append(queue)

    # Messages

    def sent_row(self, kind: str, topic: str, cause: int | None) -> int:
        seq = len(self.rows)
        self.rows.append((kind, self.now, cause, topic, "m", "payload"))
        return seq

    @rule(topic=TOPICS, kind=st.sampled_from(["cast", *ASKING, "fanout_cast"]))
    def send(self, topic: str, kind: str) -> None:
        now = self.tick()
        cause = len(self.rows) - 1 if self.rows else None
        seq = self.sent_row(kind, topic, cause)
        envelope = self.broker.send(now, kind, topic, "m", "payload", cause)
        assert (envelope.seq, envelope.kind, envelope.topic) == (seq, kind, topic)
        if kind == "fanout_cast":
            for model, _ in self.consumers:
                if model.fanout and not model.closed and model.queue.topic == topic:
                    model.queue.waiting.append(seq)
            return
        message = ModelMessage(envelope, kind)
        self.messages.append(message)
        if topic in self.shared:
            self.shared[topic].waiting.append(seq)
        else:
            self.rows.append(("dropped", now, seq, None))

    @precondition(lambda self: self.stubs)
    @rule(which=WHICH, kind=st.sampled_from(["cast", *ASKING, "fanout_cast"]))
    def send_to_a_stub(self, which: int, kind: str) -> None:
        queue = self.stubs[which % len(self.stubs)]
        now = self.tick()
        seq = self.sent_row(kind, queue.topic, None)
        envelope = self.broker.send(now, kind, queue.topic, "m", "payload", None, queue.real)
        self.messages.append(ModelMessage(envelope, kind))
        queue.waiting.append(seq)

    @precondition(lambda self: self.queues())
    @rule(which=WHICH)
    def take(self, which: int) -> None:
        queue = self.queues()[which % len(self.queues())]
        assert queue.real is not None
        envelope = self.broker.take(self.tick(), queue.real)
        if not queue.waiting or not queue.turns:
            assert envelope is None
            return
        assert envelope is not None
        assert self.ready[id(queue.real)] > 0  # or the loop would never have come to take it
        self.ready[id(queue.real)] -= 1
        seq = queue.waiting.pop(0)
        reader = queue.turns.pop(0)
        queue.turns.append(reader)
        assert envelope.seq == seq
        assert envelope.consumer is not None
        assert envelope.consumer.name == reader
        assert envelope.taken == len(self.rows)
        self.rows.append(("taken", self.now, seq, reader))
        own = [one for one in self.messages if one.envelope is envelope]
        message = own[0] if own else ModelMessage(envelope, envelope.kind)
        assert bool(own) == (message.kind != "fanout_cast" or envelope.queue in self.real_stubs())
        message.taken = envelope.taken
        self.sent.append(message)

    @rule(topic=TOPICS, kind=st.sampled_from(ASKING), failing=st.booleans())
    def ask_and_take(self, topic: str, kind: str, failing: bool) -> None:
        # What chance alone would seldom bring together.
        self.send(topic, kind)
        for place, queue in enumerate(self.queues()):
            if queue is self.shared.get(topic):
                self.take(place)
        if failing and self.sent:
            self.fail(len(self.sent) - 1, surfaces=False)

    def real_stubs(self) -> list[Queue | None]:
        return [queue.real for queue in self.stubs]

    @precondition(lambda self: self.queues())
    @rule(which=WHICH)
    def purge(self, which: int) -> None:
        queue = self.queues()[which % len(self.queues())]
        assert queue.real is not None
        assert self.broker.purge(self.tick(), queue.real) == len(queue.waiting)
        self.rows += [("purged", self.now, seq) for seq in queue.waiting]
        queue.waiting.clear()

    # Answers

    def pick(self, which: int) -> ModelMessage:
        return self.sent[which % len(self.sent)]

    @precondition(lambda self: self.sent)
    @rule(which=WHICH)
    def reply(self, which: int) -> None:
        message = self.pick(which)
        before = len(self.answers)
        self.broker.reply(self.tick(), message.envelope, "value")
        if message.asks:
            late = message.over or message.given_up
            kind = "dropped" if late else "reply"
            self.rows.append((kind, self.now, message.taken, "value"))
            if not late:
                message.values.append("value")
        told = message.kind == "multicall" and not message.over and not message.given_up
        assert self.answers[before:] == [message.envelope] * told

    @precondition(lambda self: self.sent)
    @rule(which=WHICH)
    def end(self, which: int) -> None:
        message = self.pick(which)
        before = len(self.answers)
        waits = message.asks and not message.over and not message.given_up
        self.broker.end(self.tick(), message.envelope)
        if waits:
            self.rows.append(("ending", self.now, message.taken))
            message.over = True
        assert self.answers[before:] == [message.envelope] * waits

    @precondition(lambda self: self.sent)
    @rule(which=WHICH, surfaces=st.booleans())
    def fail(self, which: int, surfaces: bool) -> None:
        message = self.pick(which)
        before, seq = len(self.answers), len(self.rows)
        waits = message.asks and not message.over and not message.given_up
        self.broker.fail(self.tick(), message.envelope, "failure", surfaces)
        self.rows.append(("failure", self.now, message.taken, "failure"))
        if waits:
            message.over = True
            message.failed = not surfaces
            assert message.envelope.failure == seq
        elif not surfaces:
            self.unseen.append(seq)
        assert self.answers[before:] == [message.envelope] * waits

    @precondition(lambda self: [one for one in self.messages if one.asks])
    @rule(which=WHICH, kind=st.sampled_from(["timeout", "abandoned"]))
    def give_up(self, which: int, kind: str) -> None:
        asking = [one for one in self.messages if one.asks]
        message = asking[which % len(asking)]
        self.broker.give_up(self.tick(), message.envelope, kind)
        if message.given_up:
            return
        message.given_up = True
        seq = message.envelope.seq
        self.rows.append((kind, self.now, seq))
        if message.failed:
            assert message.envelope.failure is not None
            self.unseen.append(message.envelope.failure)
        for queue in self.queues():
            if seq in queue.waiting:
                queue.waiting.remove(seq)

    # What holds at any moment

    @invariant()
    def everything_is_on_record(self) -> None:
        assert self.broker.rows == self.rows
        assert self.broker.unseen == self.unseen

    @invariant()
    def queues_hold_what_was_sent_and_not_taken_in_order(self) -> None:
        for queue in self.queues():
            assert queue.real is not None
            assert [one.seq for one in queue.real.envelopes] == queue.waiting
            assert [one.name for one in queue.real.readers] == queue.turns
        for model, real in self.consumers:
            if model.fanout and model.closed:
                assert not real.queue.envelopes
                assert not real.queue.readers

    @invariant()
    def the_loop_was_told_of_all_that_can_be_taken(self) -> None:
        for queue in self.queues():
            if queue.turns:
                assert self.ready[id(queue.real)] >= len(queue.waiting)

    @invariant()
    def callers_have_what_was_given_before_their_end(self) -> None:
        for message in self.messages:
            envelope = message.envelope
            assert envelope.done == message.over
            assert envelope.cancelled == message.given_up
            if message.kind == "multicall":
                assert list(envelope.values or ()) == message.values
            elif message.kind == "call":
                assert envelope.last == (message.values[-1] if message.values else None)

    @invariant()
    def nothing_is_lost_and_nothing_comes_twice(self) -> None:
        ends = Counter(
            row[2]
            for row in self.broker.rows
            if row[0] in ("taken", "purged") or (row[0] == "dropped" and row[3] is None)
        )
        waiting = Counter(seq for queue in self.queues() for seq in queue.waiting)
        for message in self.messages:
            seq = message.envelope.seq
            places = ends[seq] + waiting[seq]
            assert places == 1 or (places == 0 and message.given_up)

    @invariant()
    def places_are_as_declared(self) -> None:
        for topic, place in self.broker.topics.items():
            living = [
                one.name for one, _ in self.consumers if one.queue.topic == topic and not one.closed
            ]
            assert [one.name for one in place.consumers] == living
            assert place.declared == self.declared[topic]
            assert place.keeps == (topic in self.shared)


BrokerMachine.TestCase.settings = settings(
    max_examples=100,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestBroker = BrokerMachine.TestCase


# Examples, to say each thing in the plainest way once


def make() -> tuple[Broker, list[Queue]]:
    ready: list[Queue] = []
    return Broker(ready.append, lambda envelope: None), ready


def cast(broker: Broker, topic: str = "t", kind: str = "cast") -> Envelope:
    return broker.send(0, kind, topic, "m", "[{}, {}]", None)


def test_readers_take_turns() -> None:
    broker, ready = make()
    for _ in range(3):
        broker.start(broker.declare("t", object(), False))
    for _ in range(7):
        cast(broker)
    taken = [broker.take(0, queue) for queue in ready]
    assert [one.consumer.name for one in taken if one and one.consumer] == [
        f"t#{number}" for number in (1, 2, 3, 1, 2, 3, 1)
    ]
    assert broker.take(0, ready[0]) is None


def test_what_is_not_taken_at_a_close_goes_to_the_next() -> None:
    broker, ready = make()
    first = broker.declare("t", object(), False)
    broker.start(first)
    sent = [cast(broker) for _ in range(3)]
    assert broker.take(0, ready[0]) is sent[0]
    broker.close(first)
    assert broker.take(0, ready[0]) is None
    second = broker.declare("t", object(), False)
    del ready[:]
    broker.start(second)
    assert [broker.take(0, queue) for queue in ready] == sent[1:]


def test_a_closed_fanout_consumer_leaves_nothing_to_take() -> None:
    broker, ready = make()
    consumer = broker.declare("t", object(), True)
    broker.start(consumer)
    cast(broker, kind="fanout_cast")
    broker.close(consumer)
    cast(broker, kind="fanout_cast")
    assert len(consumer.queue.envelopes) == 0
    assert [broker.take(0, queue) for queue in ready] == [None]


@pytest.mark.parametrize("surfaces", [False, True])
@pytest.mark.parametrize("given_up", ["before", "after", "never"])
def test_a_failure_that_no_caller_read_is_unseen(surfaces: bool, given_up: str) -> None:
    broker, ready = make()
    broker.start(broker.declare("t", object(), False))
    call = cast(broker, kind="multicall")
    broker.take(0, ready[0])
    if given_up == "before":
        broker.give_up(0, call, "abandoned")
    seq = len(broker.rows)
    broker.fail(0, call, "[]", surfaces)
    if given_up == "after":
        broker.give_up(0, call, "abandoned")
    assert broker.unseen == ([seq] if given_up != "never" and not surfaces else [])


@pytest.mark.parametrize("taken", [False, True])
def test_giving_up_before_the_taking_expires_and_after_it_does_not(taken: bool) -> None:
    broker, ready = make()
    broker.start(broker.declare("t", object(), False))
    call = cast(broker, kind="call")
    if taken:
        assert broker.take(0, ready[0]) is call
    broker.give_up(1, call, "timeout")
    broker.give_up(2, call, "timeout")
    assert [row[0] for row in broker.rows] == ["call", *["taken"] * taken, "timeout"]
    assert broker.take(3, ready[0]) is None


def test_a_dropped_call_can_be_given_up() -> None:
    broker, _ = make()
    call = cast(broker, kind="call")
    broker.give_up(1, call, "timeout")
    assert [row[0] for row in broker.rows] == ["call", "dropped", "timeout"]


def test_rows_are_tuples_of_atoms() -> None:
    # So that the cyclic garbage collector has nothing to walk through.
    broker, ready = make()
    broker.start(broker.declare("t", object(), False))
    call = cast(broker, kind="multicall")
    broker.take(0, ready[0])
    broker.reply(0, call, "1")
    broker.fail(0, call, "[]")
    broker.reply(0, call, "2")
    for row in broker.rows:
        assert type(row) is tuple
        assert all(type(atom) in (str, int, type(None)) for atom in row)


@pytest.mark.parametrize("kind", ["cast", "call", "multicall", "fanout_cast"])
@pytest.mark.parametrize("fails_at", [1, 2, 3])
def test_where_the_loop_can_not_be_told_nothing_is_half_sent(kind: str, fails_at: int) -> None:
    told: list[Queue] = []

    def tell(queue: Queue) -> None:
        told.append(queue)
        if len(told) == fails_at:
            raise RecursionError

    broker = Broker(tell, lambda envelope: None)
    for fanout in (False, True, True, True):
        broker.start(broker.declare("t", object(), fanout))
    if kind != "fanout_cast":
        while len(told) < fails_at - 1:
            cast(broker, kind=kind)
    place = broker.topics["t"]
    queues = [place.shared, *place.fanouts]
    before = ([list(queue.envelopes) for queue in queues], list(broker.rows))
    with pytest.raises(RecursionError):
        cast(broker, kind=kind)
    assert ([list(queue.envelopes) for queue in queues], broker.rows) == before
    seq = len(broker.rows)
    assert cast(broker, kind=kind).seq == seq
    assert broker.rows[seq][0] == kind
