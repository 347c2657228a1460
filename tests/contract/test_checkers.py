"""The checkers, on histories made by hand: each finds what it is for, and nothing else."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rpcfake.contract.checkers import (
    fair_shares,
    fanout_membership,
    nobody_starves,
    quiescence,
    reply_correlation,
    request_totals,
    sender_order,
)
from rpcfake.contract.history import Event


def sent(*tags: Any, kind: str = "cast", who: str = "s", topic: str = "t") -> list[Event]:
    return [Event("sent", tag, who, kind, topic) for tag in tags]


def taken(*tags: Any, who: str = "a") -> list[Event]:
    return [Event("taken", tag, who) for tag in tags]


def declared(*names: str, topic: str = "t") -> list[Event]:
    return [Event("declared", None, name, "fanout", topic) for name in names]


# request totals


@given(st.lists(st.integers(), unique=True))
def test_what_is_taken_once_each_is_fine(tags: list[int]) -> None:
    assert request_totals(sent(*tags) + taken(*tags)).wrong() == []


@given(st.lists(st.integers(0, 9)), st.lists(st.integers(0, 9)))
def test_totals_are_those_of_counting(out: list[int], into: list[int]) -> None:
    out = list(dict.fromkeys(out))
    totals = request_totals(sent(*out) + taken(*into))
    assert set(totals.lost) == set(out) - set(into)
    assert set(totals.unexpected) == set(into) - set(out)
    assert set(totals.duplicated) == {tag for tag in out if into.count(tag) > 1}


def test_a_request_that_timed_out_is_indefinite() -> None:
    gone = Event("timed_out", 1, "caller")
    assert request_totals([*sent(1, kind="call"), gone]).wrong() == []
    totals = request_totals([*sent(1, kind="call"), gone, *taken(1)])
    assert (totals.wrong(), totals.recovered) == ([], (1,))


def test_a_request_that_timed_out_is_still_taken_once_at_most() -> None:
    gone = Event("timed_out", 1, "caller")
    events = [*sent(1, kind="call"), gone, *taken(1, 1)]
    assert request_totals(events).wrong() == ["duplicated: [1]"]


def test_what_nobody_could_take_is_not_lost() -> None:
    assert request_totals(sent(1, 2), kept=[1]).wrong() == ["lost: [2]"]


def test_a_fanout_cast_may_be_taken_often() -> None:
    events = sent(1, kind="fanout_cast") + taken(1, who="a") + taken(1, who="b")
    assert request_totals(events).wrong() == []


# replies


def gave(tag: Any, value: Any) -> Event:
    return Event("gave", tag, "a", value=value)


def got(tag: Any, value: Any) -> Event:
    return Event("value", tag, "caller", value=value)


def test_a_reply_of_its_own_handler_is_fine() -> None:
    assert reply_correlation([gave(1, "x"), gave(2, "y"), got(2, "y"), got(1, "x")]) == []


def test_a_reply_of_another_request_is_found() -> None:
    found = reply_correlation([gave(1, "x"), gave(2, "y"), got(1, "y")])
    assert found == ["request 1 got 'y', its handler gave ['x']"]


def test_values_are_compared_as_json() -> None:
    assert reply_correlation([gave(1, 1), got(1, True)])
    assert reply_correlation([gave(1, 1), got(1, 1.0)])


# order


@given(st.permutations(range(6)))
def test_any_order_but_that_of_sending_is_found(order: list[int]) -> None:
    wrong = sender_order(sent(*range(6)) + taken(*order))
    assert (wrong == []) == (order == list(range(6)))


def test_two_senders_may_interleave_in_any_way() -> None:
    events = sent(1, 2, who="s1") + sent(3, 4, who="s2") + taken(3, 1, 4, 2)
    assert sender_order(events) == []


def test_two_consumers_are_ordered_each_for_itself() -> None:
    assert sender_order(sent(1, 2) + taken(2, who="a") + taken(1, who="b")) == []


def test_what_was_handed_back_is_exempt() -> None:
    assert sender_order(sent(1, 2) + taken(2, 1)) != []
    assert sender_order(sent(1, 2) + taken(2, 1), exempt=[1]) == []


# fanout


def test_every_member_gets_it_once() -> None:
    out = sent(1, kind="fanout_cast")
    both = declared("a", "b")
    assert fanout_membership(both + out + taken(1, who="a") + taken(1, who="b")) == []
    assert fanout_membership(both + out + taken(1, who="a")) == ["b did not get 1"]
    twice = taken(1, 1, who="a") + taken(1, who="b")
    assert fanout_membership(both + out + twice) == ["a got 1 2 times"]


def test_who_comes_later_gets_nothing() -> None:
    events = sent(1, kind="fanout_cast") + declared("a") + taken(1, who="a")
    assert fanout_membership(events) == ["a got 1, and was not to"]


def test_who_has_closed_may_have_got_it_or_not() -> None:
    start = declared("a") + sent(1, kind="fanout_cast")
    closed = [Event("closed_consumer", None, "a")]
    assert fanout_membership(start + closed) == []
    assert fanout_membership(start + taken(1, who="a") + closed) == []
    after = declared("a") + closed + sent(1, kind="fanout_cast") + taken(1, who="a")
    assert fanout_membership(after) == ["a got 1, and was not to"]


def test_members_of_another_topic_are_strangers() -> None:
    events = declared("a", topic="other") + sent(1, kind="fanout_cast") + taken(1, who="a")
    assert fanout_membership(events) == ["a got 1, and was not to"]


# shares


@given(st.integers(1, 5), st.integers(0, 40))
def test_round_robin_is_fair(members: int, messages: int) -> None:
    names = [f"c{n}" for n in range(members)]
    takers = [names[n % members] for n in range(messages)]
    assert fair_shares(takers, names) == []
    assert messages < members or nobody_starves(takers, names) == []


def test_unequal_shares_are_found() -> None:
    assert fair_shares(["a", "a"], ["a", "b"]) == ["the shares differ by more than 1: a: 2, b: 0"]
    assert fair_shares(["x"], ["a"], slack=9) == ["x took 1, and shares nothing"]
    assert nobody_starves(["a", "a"], ["a", "b"]) == ["b got none of 2"]


# quiescence


@given(st.dictionaries(st.text(), st.integers(1, 9)))
def test_what_is_as_before_is_quiet(counts: dict[str, int]) -> None:
    assert quiescence(counts, dict(counts)) == []


def test_what_is_left_over_is_named() -> None:
    assert quiescence({"threads": 1}, {"threads": 2, "queues": 1}) == [
        "threads: 1 before, 2 after",
        "queues: 0 before, 1 after",
    ]
