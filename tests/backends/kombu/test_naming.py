"""What topics are called on a broker."""

from __future__ import annotations

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from rpcfake.backends.kombu.naming import Names
from rpcfake.backends.naming import LONGEST, encode
from rpcfake.message import TOPIC_BYTES

topics = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=80).filter(
    lambda topic: len(topic.encode()) <= TOPIC_BYTES
)


def near(topic: str) -> st.SearchStrategy[str]:
    """Topics that differ from one in little: what an encoding is likely to confuse."""
    return st.sampled_from(
        [
            topic.lower(),
            topic.upper(),
            topic + " ",
            topic + "\n",
            topic.replace(".", ""),
            topic.replace("*", "%2A"),
            topic.replace("%", "%25"),
            topic[:-1],
            encode(topic),
        ]
    )


@given(st.data(), topics)
@example(None, "a")
def test_different_topics_have_different_names(data: st.DataObject | None, topic: str) -> None:
    other = "A" if data is None else data.draw(topics | near(topic))
    assume(other != topic)
    assert encode(other) != encode(topic)


@given(topics)
def test_a_name_has_nothing_that_a_broker_reads_something_into(topic: str) -> None:
    name = encode(topic)
    assert name.isascii()
    assert name.isprintable()
    assert not set("*#\\^$+?()[]{}|") & set(name)


@given(topics)
def test_a_name_fits_where_amqp_puts_it(topic: str) -> None:
    assert len(encode(topic)) <= LONGEST
    assert len(Names("p" * 40).topic_queue(topic)) <= 255


@given(st.from_regex(r"[A-Za-z0-9_.-]{1,60}", fullmatch=True))
def test_usual_topics_stay_readable(topic: str) -> None:
    assert encode(topic) == topic


@given(topics)
@example("%sha256:" + "0" * 64)
def test_no_topic_is_called_like_the_hash_of_another(topic: str) -> None:
    is_hash = encode(topic).startswith("%sha256:")
    assert not is_hash or 12 * len(topic) > LONGEST  # no character becomes more than 12


@pytest.mark.parametrize("prefix", ["", "a b", "a*", "é", "x" * 41])
def test_a_prefix_that_can_not_begin_a_name_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="prefix"):
        Names(prefix)


def test_own_queues_have_fresh_names() -> None:
    names = Names("shop")
    made = {names.own_queue("reply") for _ in range(100)}
    assert len(made) == 100
    assert all(name.startswith("shop.reply.") for name in made)
