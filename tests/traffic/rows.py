"""Rows as the bus would record them, written by hand or drawn by Hypothesis."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from rpcfake.message import SENDS
from rpcfake.traffic import Expectations, Traffic


class Script:
    """A recorder to write by hand: each method adds a row at ``now`` and returns its seq."""

    def __init__(self) -> None:
        self.rows: list[tuple[Any, ...]] = []
        self.now = 0  # microseconds

    def add(self, kind: str, cause: int | None, *rest: object) -> int:
        self.rows.append((kind, self.now, cause, *rest))
        return len(self.rows) - 1

    def send(
        self,
        kind: str,
        topic: str,
        method: str,
        args: dict[str, Any] | None = None,
        *,
        context: dict[str, Any] | None = None,
        by: int | None = None,
    ) -> int:
        """``by`` is the taken row of the handler that sends."""
        return self.add(kind, by, topic, method, json.dumps([context or {}, args or {}]))

    def taken(self, send: int, consumer: str) -> int:
        return self.add("taken", send, consumer)

    def reply(self, taken: int, value: object) -> int:
        return self.add("reply", taken, json.dumps(value))

    def failure(self, taken: int, exc_type: str, value: str = "") -> int:
        return self.add("failure", taken, json.dumps([exc_type, value, "Traceback: …"]))

    def requeued(self, taken: int) -> int:
        return self.add("requeued", taken)

    def ending(self, taken: int) -> int:
        return self.add("ending", taken)

    def timeout(self, send: int) -> int:
        return self.add("timeout", send)

    def abandoned(self, send: int) -> int:
        return self.add("abandoned", send)

    def purged(self, send: int) -> int:
        return self.add("purged", send)

    def dropped(self, send: int) -> int:
        return self.add("dropped", send, None)

    def dropped_reply(self, taken: int, value: object) -> int:
        return self.add("dropped", taken, json.dumps(value))

    def call(
        self, topic: str, method: str, args: dict[str, Any] | None = None, *, value: object = None
    ) -> int:
        """A whole call of a test: sent, taken by the first consumer, replied to, ended."""
        send = self.send("call", topic, method, args)
        taken = self.taken(send, f"{topic}#1")
        self.reply(taken, value)
        self.ending(taken)
        return send

    @property
    def traffic(self) -> Traffic:
        return Traffic(self.rows, json.loads)

    @property
    def bus(self) -> Expecting:
        return Expecting(self.traffic)


class Expecting(Expectations):
    """Something that has traffic, and therefore the assertions."""

    def __init__(self, traffic: Traffic) -> None:
        self._traffic = traffic

    @property
    def traffic(self) -> Traffic:
        return self._traffic


class Picky:
    """A matcher that raises for whatever it is compared with."""

    def __eq__(self, other: object) -> bool:
        raise ValueError("the truth value is ambiguous")

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "Picky()"


TOPICS = ("shop", "shop.eu", "mail", "Shop")
METHODS = ("buy", "sell", "send")

_topics = st.sampled_from(TOPICS)
_methods = st.sampled_from(METHODS)
_keys = st.sampled_from(["item", "count"])

any_text = st.text(st.characters(exclude_categories=()), max_size=20)
"""Any unicode, lone surrogates and control characters too."""

plain_values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "tea", "cup", "é"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=6,
)
"""JSON values, small enough that two of them are often equal or nearly so."""

plain_args = st.dictionaries(st.sampled_from(["item", "count", "to"]), plain_values, max_size=3)


@st.composite
def scripts(
    draw: st.DrawFn,
    topics: st.SearchStrategy[str] = _topics,
    methods: st.SearchStrategy[str] = _methods,
    keys: st.SearchStrategy[str] = _keys,
    values: st.SearchStrategy[Any] = plain_values,
    max_size: int = 25,
) -> Script:
    """A recorder after some events: rows as a bus could write them, in an order causes allow."""
    script = Script()
    args = st.dictionaries(keys, values, max_size=3)
    sends: list[int] = []
    takens: list[int] = []
    for _ in range(draw(st.integers(0, max_size))):
        script.now += draw(st.sampled_from([0, 0, 1, 500_000]))
        what = draw(st.sampled_from(["send", "send", "take", "take", "answer", "give up"]))
        if what == "take" and sends:
            send = draw(st.sampled_from(sends))
            consumer = f"{script.rows[send][3]}#{draw(st.integers(1, 3))}"
            before = [each for each in takens if script.rows[each][2:] == (send, consumer)]
            if before and draw(st.booleans()):  # else it is just given to it once more
                script.requeued(before[-1])
            takens.append(script.taken(send, consumer))
        elif what == "answer" and sends:
            # Who records one end only sees answers of what it did not see taken.
            taken = draw(st.sampled_from([*takens, draw(st.sampled_from(sends))]))
            match draw(st.sampled_from(["reply", "failure", "ending", "dropped"])):
                case "reply":
                    script.reply(taken, draw(values))
                case "failure":
                    script.failure(taken, "ValueError", draw(topics))
                case "ending":
                    script.ending(taken)
                case _:
                    script.dropped_reply(taken, draw(values))
        elif what == "give up" and sends:
            end = draw(st.sampled_from(["timeout", "abandoned", "purged", "dropped"]))
            getattr(script, end)(draw(st.sampled_from(sends)))
        else:
            kind, by = draw(st.sampled_from(SENDS)), draw(st.sampled_from([None, *takens]))
            sent = script.send(
                kind, draw(topics), draw(methods), draw(args), context={"n": draw(values)}, by=by
            )
            sends.append(sent)
    return script
