"""Assertions over what was sent: when they hold, and what they say when they don't."""

from __future__ import annotations

from collections import UserDict
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rpcfake.message import SENDS, Kind
from rpcfake.traffic import Record, Traffic

from .rows import METHODS, TOPICS, Expecting, Picky, Script, any_text, plain_args, scripts

kinds = st.sampled_from(SENDS)
topics = st.sampled_from(TOPICS)
methods = st.none() | st.sampled_from(METHODS)


def holds(assertion: Any, *args: Any, **options: Any) -> bool:
    try:
        assertion(*args, **options)
    except AssertionError:
        return False
    return True


def failure(assertion: Any, *args: Any, **options: Any) -> str:
    """The text of an assertion that must fail."""
    with pytest.raises(AssertionError) as caught:
        assertion(*args, **options)
    return str(caught.value)


def agrees(expected: dict[str, Any] | None, actual: dict[str, Any], partial: bool) -> bool:
    if expected is None:
        return True
    if partial:
        return all(key in actual and actual[key] == value for key, value in expected.items())
    return actual == expected


@given(scripts(), kinds, topics, methods, st.none() | plain_args, st.booleans(), st.data())
def test_an_assertion_holds_when_as_many_match(
    script: Script,
    kind: str,
    topic: str,
    method: str | None,
    args: dict[str, Any] | None,
    partial: bool,
    data: st.DataObject,
) -> None:
    if data.draw(st.booleans()) and script.traffic.sent:
        args = data.draw(st.sampled_from(list(script.traffic.sent))).args
    times = data.draw(st.none() | st.integers(0, 3))
    matching = [
        record
        for record in script.traffic
        if record.kind == kind
        and record.topic == topic
        and method in (None, record.method)
        and agrees(args, record.args, partial)
    ]
    assertion = getattr(script.bus, f"assert_{kind}")
    if matching if times is None else len(matching) == times:
        found = assertion(topic, method, args, times=times, partial=partial)
        assert isinstance(found, Traffic)
        assert found == matching
    else:
        text = failure(assertion, topic, method, args, times=times, partial=partial)
        assert f"assert_{kind}({topic!r}" in text


@given(scripts(), st.none() | topics, methods)
def test_assert_not_sent(script: Script, topic: str | None, method: str | None) -> None:
    sent = [
        record
        for record in script.traffic.sent
        if topic in (None, record.topic) and method in (None, record.method)
    ]
    assert holds(script.bus.assert_not_sent, topic, method) == (not sent)


def item_of(record: Record) -> tuple[Any, ...]:
    return (record.kind, record.topic, record.method, record.args)


@given(scripts(), st.data())
def test_whatever_was_sent_in_an_order_is_a_sequence(script: Script, data: st.DataObject) -> None:
    sent = list(script.traffic.sent)
    chosen = [record for record in sent if data.draw(st.booleans())]
    if chosen:
        size = data.draw(st.integers(2, 4))
        found = script.bus.assert_sequence([item_of(record)[:size] for record in chosen])
        assert len(found) == len(chosen)
        assert [item_of(record)[:size] for record in found] == [
            item_of(record)[:size] for record in chosen
        ]
        assert [record.seq for record in found] == sorted({record.seq for record in found})


@given(scripts(), st.lists(st.tuples(kinds, topics), min_size=1, max_size=3))
def test_a_sequence_holds_when_it_is_a_subsequence(
    script: Script, items: list[tuple[str, str]]
) -> None:
    left = iter([(str(record.kind), record.topic) for record in script.traffic.sent])
    assert holds(script.bus.assert_sequence, items) == all(item in left for item in items)


@pytest.fixture
def shop() -> Script:
    script = Script()
    script.send("cast", "shop", "restock", {"item": "tea", "count": 10})
    script.now = 1_500_000
    taken = script.taken(script.send("call", "shop", "buy", {"item": "tea", "count": 1}), "shop#1")
    mail = {"to": "ann", "about": {"item": "tea", "price": 3}}
    script.send("cast", "mail", "send", mail, context={"user": "ann", "id": 7}, by=taken)
    script.dropped(3)
    script.reply(taken, {"ok": True})
    script.ending(taken)
    script.taken(0, "shop#1")
    return script


class Even:
    def __eq__(self, other: object) -> bool:
        return isinstance(other, int) and other % 2 == 0

    __hash__ = None  # type: ignore[assignment]


class Keys:
    """A matcher for a whole dict."""

    def __init__(self, *keys: str) -> None:
        self.keys = keys

    def __repr__(self) -> str:
        return f"Keys({', '.join(map(repr, self.keys))})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, dict) and tuple(other) == self.keys

    __hash__ = None  # type: ignore[assignment]


@dataclass
class Context:
    user: str

    def to_dict(self) -> dict[str, Any]:
        return {"user": self.user, "id": 7}


@pytest.mark.parametrize(
    "args",
    [
        {"item": "tea", "count": mock.ANY},
        {"item": mock.ANY, "count": Even()},
        mock.ANY,
        Keys("item", "count"),
        MappingProxyType({"item": "tea", "count": 10}),
        UserDict({"item": "tea", "count": 10}),
    ],
)
@pytest.mark.parametrize("partial", [True, False])
def test_matchers_at_both_levels(shop: Script, args: Any, partial: bool) -> None:
    found = shop.bus.assert_cast("shop", "restock", args, partial=partial, times=1)
    assert found == [shop.traffic[0]]


@pytest.mark.parametrize(
    ("context", "partial", "expected"),
    [
        ({"user": "ann", "id": 7}, False, True),
        ({"user": "ann"}, False, False),
        ({"user": "ann"}, True, True),
        ({"user": "bob"}, True, False),
        ({"user": mock.ANY, "id": mock.ANY}, False, True),
        (mock.ANY, False, True),
        (Keys("user", "id"), True, True),
        (Context("ann"), False, True),
        (Context("bob"), False, False),
        ({}, False, False),
        ({}, True, True),
    ],
)
def test_contexts(shop: Script, context: Any, partial: bool, expected: bool) -> None:
    assertion = shop.bus.assert_cast
    assert holds(assertion, "mail", "send", context=context, partial=partial) == expected


def test_partial_names_keys_at_the_top_level_only(shop: Script) -> None:
    shop.bus.assert_cast("mail", "send", {"to": "ann"}, partial=True)
    about = {"about": {"item": "tea"}}
    assert not holds(shop.bus.assert_cast, "mail", "send", about, partial=True)


def test_times_zero_is_not_sent(shop: Script) -> None:
    assert shop.bus.assert_call("shop", "sell", times=0) == []
    assert failure(shop.bus.assert_call, "shop", "buy", times=0).startswith(
        "assert_call('shop', 'buy', times=0) failed: 1 such call was sent, not 0.\n"
    )


def test_kinds_may_be_members_or_strings(shop: Script) -> None:
    items = iter([("cast", "shop"), (Kind.CALL, "shop", "buy"), ("cast", "mail", None, mock.ANY)])
    found = shop.bus.assert_sequence(items)
    assert [record.seq for record in found] == [0, 1, 3]


# The texts


def test_the_text_when_an_argument_differs(shop: Script) -> None:
    expected = """\
assert_call('shop', 'buy', {'item': 'tea', 'count': 2}) failed: no such call was sent.

Sent to 'shop' (2 messages):
  #0  0.000 s  cast shop.restock(item='tea', count=10)
  #1  1.500 s  call shop.buy(item='tea', count=1)

Nearest:
  #1 call shop.buy(item='tea', count=1)
      args["count"]: expected 2, was 1

What may help:
  - With unittest.mock.ANY for args["count"], #1 matches.
  - Without args, 1 call matches."""
    assert failure(shop.bus.assert_call, "shop", "buy", {"item": "tea", "count": 2}) == expected


def test_the_text_when_there_are_too_few(shop: Script) -> None:
    expected = """\
assert_cast('shop', 'restock', times=2) failed: 1 such cast was sent, not 2.

These match:
  #0  0.000 s  cast shop.restock(item='tea', count=10)

Sent to 'shop' (2 messages):
  #0  0.000 s  cast shop.restock(item='tea', count=10)
  #1  1.500 s  call shop.buy(item='tea', count=1)

Nearest:
  #1 call shop.buy(item='tea', count=1)
      kind: expected 'cast', was 'call'
      method: expected 'restock', was 'buy'

What may help:
  - times=1 is what was sent. Without times, one or more are enough."""
    assert failure(shop.bus.assert_cast, "shop", "restock", times=2) == expected


def test_the_text_when_a_name_is_wrong(shop: Script) -> None:
    expected = """\
assert_cast('mial', 'send') failed: no such cast was sent.

Nothing was sent to 'mial'; did you mean 'mail'? These topics were used:
  'shop' (2 messages)
  'mail' (1 message)

Nearest:
  #3 cast mail.send(to='ann', about={'item': 'tea', 'price': 3})
      topic: expected 'mial', was 'mail'"""
    assert failure(shop.bus.assert_cast, "mial", "send") == expected


def test_the_text_when_the_order_is_wrong(shop: Script) -> None:
    items = [("call", "shop", "buy"), ("cast", "shop", "restock"), ("cast", "mail")]
    expected = """\
assert_sequence failed: item 2 of 3 was not sent after #1.

Asked for, in this order:
  1. call shop.buy      is #1
  2. cast shop.restock  not sent after #1
  3. cast mail          not looked for

It was sent earlier, as #0: what differs is the order.

Sent after #1 (1 message):
  #3  1.500 s  cast mail.send(to='ann', about={'item': 'tea', 'price': 3})  (from shop#1)"""
    assert failure(shop.bus.assert_sequence, items) == expected


def test_the_text_when_something_was_sent(shop: Script) -> None:
    expected = """\
assert_not_sent(topic='mail') failed: 1 message was sent.

Sent:
  #3  1.500 s  cast mail.send(to='ann', about={'item': 'tea', 'price': 3})  (from shop#1)

What may help:
  - assert_not_sent(topic, method) forbids only this method on this topic.
  - assert_cast(topic, method, args, times=0) forbids only such casts, assert_call calls."""
    assert failure(shop.bus.assert_not_sent, "mail") == expected


def test_the_text_when_nothing_was_sent_at_all() -> None:
    for text in (
        failure(Script().bus.assert_cast, "mail", "send", times=2),
        failure(Script().bus.assert_sequence, [("cast", "mail")]),
    ):
        assert text.endswith(
            "\n\nNothing was sent at all. Did the code that sends it run, and does it use this bus?"
        )


def test_the_text_names_the_kind_that_was_sent(shop: Script) -> None:
    text = failure(shop.bus.assert_call, "shop", "restock", {"item": "tea", "count": 10})
    assert (
        "  #0 cast shop.restock(item='tea', count=10)\n      kind: expected 'call', was 'cast'\n"
        in text
    )
    assert "  - #0 was sent as a cast, not as a call, and matches otherwise.\n" in text
    text = failure(shop.bus.assert_call, "shop", "restock", {"item": "tea"})
    assert "  - #0 was sent as a cast, not as a call.\n" in text


def test_the_text_proposes_a_method(shop: Script) -> None:
    text = failure(shop.bus.assert_call, "shop", "by")
    assert "Sent to 'shop' (2 messages, none of them 'by'; did you mean 'buy'?):" in text


def test_the_text_of_a_matcher_for_all_args(shop: Script) -> None:
    text = failure(shop.bus.assert_call, "shop", "buy", Keys("item"))
    assert "      args: expected Keys('item'), was {'item': 'tea', 'count': 1}\n" in text
    assert "unittest.mock.ANY" not in text
    assert "  - Without args, 1 call matches." in text


def test_the_texts_are_bounded_in_topics_and_items() -> None:
    script = Script()
    for n in range(20):
        script.send("cast", f"topic{n}", "get")
    assert "  … 10 more topics …" in failure(script.bus.assert_cast, "shop")
    items = [*(("cast", f"topic{n}") for n in range(10)), *[("call", "shop")] * 10]
    lines = failure(script.bus.assert_sequence, items).splitlines()
    start = lines.index("Asked for, in this order:")
    assert lines[start + 1] == "  … 5 items before, all sent …"
    assert lines[start + 2] == "  6. cast topic5   is #5"
    assert lines[start + 7] == "  11. call shop    not sent after #9"
    assert lines[start + 8] == "  12. call shop    not looked for"
    assert lines[start + 13] == "  … 4 more items …"


def test_the_text_proposes_partial(shop: Script) -> None:
    text = failure(shop.bus.assert_call, "shop", "buy", {"item": "tea"})
    assert "  - With partial=True, which compares only the named keys, 1 call matches." in text
    text = failure(shop.bus.assert_cast, "mail", "send", context={"user": "ann"})
    assert "  - With partial=True, which compares only the named keys, 1 cast matches." in text
    assert "Without context" not in text  # it would match no more
    text = failure(shop.bus.assert_cast, "mail", "send", context={"user": "bob"}, partial=True)
    assert "partial=True, which" not in text
    assert "  - Without context, 1 cast matches." in text


def test_the_text_tells_what_the_wire_does(shop: Script) -> None:
    shop.send("cast", "shop", "pack", {"sizes": [1, 2], "ports": {"80": "http"}})
    args = {"sizes": (1, 3), "ports": {80: "http"}}
    text = failure(shop.bus.assert_cast, "shop", "pack", args)
    assert "unittest.mock.ANY" not in text  # in a tuple it would not match either
    assert '  - On the wire a tuple arrives as a list: expect a list at args["sizes"].\n' in text
    assert (
        "  - On the wire a key that is no str arrives as one: expect a str at"
        ' args["ports"][80].\n' in text
    )


def test_the_text_tells_of_messages_that_nobody_took(shop: Script) -> None:
    waiting = "Not taken yet: #8, #9. What handlers of these send is there only after bus.run()."
    assert waiting not in failure(shop.bus.assert_call, "mail", "send")
    shop.send("cast", "shop", "buy")
    shop.send("cast", "shop", "buy")
    assert waiting in failure(shop.bus.assert_call, "mail", "send")
    assert waiting in failure(shop.bus.assert_sequence, [("call", "mail", "send")])


def test_the_text_tells_of_fanout_casts_that_nobody_took(shop: Script) -> None:
    heard = shop.send("fanout_cast", "shop", "open")
    shop.taken(heard, "shop#2")
    assert "fanout=True" not in failure(shop.bus.assert_call, "mail", "send")
    shop.send("fanout_cast", "shop", "open")
    unheard = "Nobody took #10: a fanout cast needs create_consumer(..., fanout=True)"
    assert unheard in failure(shop.bus.assert_call, "mail", "send")


def test_a_comparison_that_raises_is_a_failure_that_says_so(shop: Script) -> None:
    text = failure(shop.bus.assert_cast, "shop", "restock", {"item": "tea", "count": Picky()})
    assert (
        'args["count"]: comparing Picky() with 10 raised ValueError: the truth value is ambiguous'
        in text
    )
    assert "no such cast was sent" in text


def test_a_comparison_that_raises_leaves_no_exact_count(shop: Script) -> None:
    args = {"item": "tea", "count": Picky()}
    text = failure(shop.bus.assert_cast, "shop", "restock", args, times=0)
    assert "0 such casts were sent, but of #0 nobody can say: comparing raised an error" in text
    assert "raised ValueError: the truth value is ambiguous" in text


def test_a_comparison_that_raises_elsewhere_does_no_harm() -> None:
    class Small:
        def __eq__(self, other: object) -> bool:
            assert isinstance(other, int)
            return other < 5

        __hash__ = None  # type: ignore[assignment]

    script = Script()
    script.send("cast", "shop", "buy", {"n": "many"})
    sent = script.send("cast", "shop", "buy", {"n": 3})
    assert script.bus.assert_cast("shop", "buy", {"n": Small()}) == [script.traffic[sent]]
    assert not holds(script.bus.assert_cast, "shop", "buy", {"n": Small()}, times=1)


@settings(deadline=None)  # long texts on a busy machine
@given(
    scripts(topics=any_text, methods=any_text, keys=any_text, values=any_text),
    any_text.filter(bool),
    any_text,
    st.dictionaries(any_text, any_text, max_size=3),
)
def test_no_text_breaks_a_failure(
    script: Script, topic: str, method: str, args: dict[str, str]
) -> None:
    for text in (
        failure(script.bus.assert_cast, topic, method, args, times=1000),
        failure(script.bus.assert_sequence, [("call", topic, method, args)] * 1000),
    ):
        for line in text.splitlines():
            assert line.isprintable()
            assert len(line) < 700


def test_a_failure_is_bounded_however_much_was_sent() -> None:
    script = Script()
    for n in range(2_000):
        script.send("cast", f"shop{n % 50}", "buy", {f"key{k}": "x" * 500 for k in range(50)})
    args = {f"key{k}": n for k in range(50)}
    for text in (
        failure(script.bus.assert_cast, "shop1", "buy", args),
        failure(script.bus.assert_cast, "shop", "buy", args),
        failure(script.bus.assert_sequence, [("cast", "shop1", "buy", args)]),
        failure(script.bus.assert_not_sent),
    ):
        assert len(text) < 9_000
        assert len(text.splitlines()) < 70


def test_a_failure_has_no_other_error_behind_it(shop: Script) -> None:
    with pytest.raises(AssertionError) as caught:
        shop.bus.assert_cast("shop", "restock", {"item": Picky()})
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    hidden = [each.frame.f_locals.get("__tracebackhide__") for each in caught.traceback]
    assert all(hidden[1:])


# Wrong arguments


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"topic": 3}, TypeError, "topic is 3: it must be a str"),
        ({"topic": None}, TypeError, "topic is None: it must be a str"),
        ({"topic": ""}, ValueError, "topic is '': no topic is empty"),
        ({"method": 3}, TypeError, "method is 3: it must be a str, or None for any method"),
        ({"args": [1]}, TypeError, "args is [1]: it must be a dict, an object with an == of its"),
        ({"args": "x"}, TypeError, "args is 'x': it must be a dict"),
        ({"args": object()}, TypeError, "args is <object"),
        ({"args": dict}, TypeError, "args is <class 'dict'>: it must be a dict"),
        ({"context": [1]}, TypeError, "context is [1]: it must be a dict"),
        ({"context": Context}, TypeError, "context is <class"),
        ({"times": -1}, ValueError, "times is -1: it must be an int, 0 or more, or None for at"),
        ({"times": True}, TypeError, "times is True: it must be an int, 0 or more"),
        ({"times": 1.0}, TypeError, "times is 1.0: it must be an int, 0 or more"),
        ({"times": "1"}, TypeError, "times is '1': it must be an int, 0 or more"),
        ({"partial": 1}, TypeError, "partial is 1: it must be True or False"),
        ({"partial": None}, TypeError, "partial is None: it must be True or False"),
    ],
)
@pytest.mark.parametrize("kind", SENDS)
def test_wrong_arguments_are_named(
    shop: Script, kind: str, arguments: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error) as caught:
        getattr(shop.bus, f"assert_{kind}")(**{"topic": "shop", **arguments})
    assert str(caught.value).startswith(text)


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"topic": 3}, TypeError, "topic is 3: it must be a str"),
        ({"topic": ""}, ValueError, "topic is '': no topic is empty"),
        ({"method": 3}, TypeError, "method is 3: it must be a str"),
    ],
)
def test_wrong_arguments_of_assert_not_sent_are_named(
    shop: Script, arguments: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error) as caught:
        shop.bus.assert_not_sent(**arguments)
    assert str(caught.value).startswith(text)


@pytest.mark.parametrize(
    ("items", "error", "text"),
    [
        (3, TypeError, "items is 3: it must be a list of tuples (kind, topic[, method[, args]])"),
        ("cast", TypeError, "items is 'cast': it must be a list of tuples"),
        ({"cast": "shop"}, TypeError, "items is {'cast': 'shop'}: it must be a list of tuples"),
        ([], ValueError, "items is empty"),
        (["cast"], TypeError, "items[0] is 'cast': it must be a tuple"),
        ([("cast", "shop"), ["cast", "shop"]], TypeError, "items[1] is ['cast', 'shop']: it must"),
        ([("cast",)], ValueError, "items[0] is ('cast',), of length 1: it must be a tuple"),
        ([("cast", "a", "b", {}, 5)], ValueError, "items[0] is ('cast', 'a', 'b', {}, 5), of"),
        ([("casts", "shop")], ValueError, "items[0] has kind 'casts': it must be one of \"cast\","),
        ([("taken", "shop")], ValueError, "items[0] has kind 'taken': it must be one of"),
        ([(3, "shop")], TypeError, "items[0] has kind 3: it must be one of"),
        ([("cast", None)], TypeError, "topic of items[0] is None: it must be a str"),
        ([("cast", "")], ValueError, "topic of items[0] is ''"),
        ([("cast", "shop", 3)], TypeError, "method of items[0] is 3: it must be a str, or None"),
        ([("cast", "shop", "buy", 3)], TypeError, "args of items[0] is 3: it must be a dict"),
    ],
)
def test_malformed_items_are_named(
    shop: Script, items: Any, error: type[Exception], text: str
) -> None:
    with pytest.raises(error) as caught:
        shop.bus.assert_sequence(items)
    assert str(caught.value).startswith(text)


def test_whoever_has_no_traffic_has_no_assertions() -> None:
    from rpcfake.traffic import Expectations

    with pytest.raises(NotImplementedError):
        Expectations().assert_not_sent()
    Expecting(Script().traffic).assert_not_sent()
