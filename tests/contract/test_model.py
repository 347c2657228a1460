"""The model that the machine compares backends with: what must, what may, what must not."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from rpcfake.contract.model import Model


def model(*consumers: tuple[str, bool], durable: bool = True, started: bool = True) -> Model:
    """Consumers a, b, … each on a connection of its own: topic, and whether fanout."""
    made = Model(durable)
    for connection, (topic, fanout) in enumerate(consumers):
        made.declare(connection, topic, "abcdef"[connection], fanout)
        if started:
            made.start(connection)
    return made


SHARED, FANOUT, OTHER = ("red", False), ("red", True), ("blue", False)


def test_a_cast_is_for_exactly_one_of_those_who_share() -> None:
    it = model(SHARED, SHARED, FANOUT, OTHER)
    it.cast(1, "red")
    assert it.missing(1, []) == "message 1 was taken by nobody"
    assert it.missing(1, ["b"]) is None
    assert it.wrong(1, ["a"]) is it.wrong(1, ["b"]) is None
    assert it.wrong(1, ["c"]) == "message 1 was taken by c, which it was not for"
    assert it.wrong(1, ["d"]) == "message 1 was taken by d, which it was not for"
    assert it.wrong(1, ["a", "b"]) == "message 1 was taken by a and by b, it is for one"
    assert it.wrong(1, ["a", "a"]) == "message 1 was taken 2 times by a"


def test_a_fanout_cast_is_for_each_who_was_there() -> None:
    it = model(SHARED, FANOUT, FANOUT)
    it.fanout_cast(1, "red")
    it.declare(7, "red", "late", True)
    it.start(7)
    assert it.missing(1, ["b"]) == "message 1 was not taken by c"
    assert it.missing(1, ["b", "c"]) is None
    assert it.wrong(1, ["b", "c"]) is None
    assert it.wrong(1, ["a"]) is not None
    assert it.wrong(1, ["late"]) is not None
    assert it.wrong(1, ["b", "b", "c"]) == "message 1 was taken 2 times by b"


def test_who_is_not_started_owes_nothing_yet() -> None:
    it = model(SHARED, FANOUT, started=False)
    it.cast(1, "red")
    it.fanout_cast(2, "red")
    assert it.missing(1, []) is it.missing(2, []) is None
    it.start(0)
    it.start(1)
    assert it.missing(1, []) is not None
    assert it.missing(2, []) is not None


def test_who_closed_owes_nothing_any_more() -> None:
    it = model(FANOUT, SHARED)
    it.fanout_cast(1, "red")
    it.cast(2, "red")
    it.close(0)
    it.close(1)
    assert it.missing(1, []) is it.missing(2, []) is None
    assert it.wrong(1, ["a"]) is it.wrong(2, ["b"]) is None  # it may have been before the close
    assert not it.is_open(0)
    assert not it.served("red")


def test_what_nobody_took_is_kept_for_the_next_if_topics_are_durable() -> None:
    for durable in (True, False):
        it = model(SHARED, durable=durable, started=False)
        it.cast(1, "red")
        it.close(0)
        it.cast(2, "red")
        it.declare(7, "red", "next", False)
        it.start(7)
        for tag in (1, 2):
            assert (it.missing(tag, []) is not None) == durable
            assert it.wrong(tag, ["next"]) is None


def test_what_nobody_ever_declared_may_be_kept_or_dropped() -> None:
    it = Model(durable=True)
    it.cast(1, "red")
    it.declare(0, "red", "a", False)
    it.start(0)
    assert it.missing(1, []) is it.wrong(1, ["a"]) is None


def test_what_timed_out_untaken_is_for_nobody_any_more() -> None:
    it = model(SHARED, started=False)
    it.cast(1, "red")
    it.give_up(1)
    it.expire(1)
    it.start(0)
    assert it.missing(1, []) is None
    assert it.wrong(1, ["a"]) is not None


def test_what_timed_out_may_have_been_taken_or_not() -> None:
    it = model(SHARED)
    it.cast(1, "red")
    it.give_up(1)
    assert it.missing(1, []) is it.missing(1, ["a"]) is it.wrong(1, ["a"]) is None


class AnyRun(RuleBasedStateMachine):
    """Whoever takes all that is due, and nothing else, is never wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Model(durable=True)
        self.takers: dict[int, list[str]] = {}
        self.count = 0

    @rule(topic=st.sampled_from("xy"), fanout=st.booleans(), connection=st.integers(0, 3))
    def declare(self, topic: str, fanout: bool, connection: int) -> None:
        if self.model.is_open(connection):
            self.count += 1
            self.model.declare(connection, topic, f"c{self.count}", fanout)

    @rule(connection=st.integers(0, 3))
    def start(self, connection: int) -> None:
        if self.model.is_open(connection):
            self.model.start(connection)

    @rule(connection=st.integers(0, 3))
    def close(self, connection: int) -> None:
        self.take()
        if self.model.is_open(connection):
            self.model.close(connection)

    @rule(topic=st.sampled_from("xy"), fanout=st.booleans())
    def send(self, topic: str, fanout: bool) -> None:
        self.count += 1
        self.takers[self.count] = []
        (self.model.fanout_cast if fanout else self.model.cast)(self.count, topic)

    @invariant()
    def take(self) -> None:
        for tag, takers in self.takers.items():
            due = self.model.due(tag)
            if isinstance(due, set):
                takers += sorted(due - set(takers))
            elif due and not takers:
                takers.append(min(self.model.sent[tag].may & self.started(tag)))
            assert self.model.missing(tag, takers) is None
            assert self.model.wrong(tag, takers) is None

    def started(self, tag: int) -> set[str]:
        topic = self.model.sent[tag].topic
        return {
            one.name
            for one in self.model.members
            if one.started and not one.closed and not one.fanout and one.topic == topic
        }


TestAnyRun = AnyRun.TestCase
TestAnyRun.settings = settings(max_examples=50, stateful_step_count=20, deadline=None)
