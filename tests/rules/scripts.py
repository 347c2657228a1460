"""Handlers that do what a drawn script says, and what a caller is given of that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from hypothesis import strategies as st

from .harness import AnyBus, Serving
from .strategies import payloads


class Step(NamedTuple):
    """What a handler does: reply a value, or the ending, or give one by yield or return."""

    way: str
    value: Any


_replies = st.lists(
    st.builds(Step, st.sampled_from(["reply", "reply", "reply", "ending"]), payloads), max_size=4
)
_returning = st.builds(
    lambda before, value: [*before, Step("return", value)], _replies, payloads | st.none()
)
_yielding = st.lists(
    st.builds(Step, st.sampled_from(["yield", "yield", "reply", "ending"]), payloads),
    min_size=1,
    max_size=5,
).filter(lambda steps: any(step.way == "yield" for step in steps))
scripts: st.SearchStrategy[list[Step]] = _returning | _yielding


def expected_values(script: list[Step]) -> list[Any]:
    """The values that a caller is given: all before the ending."""
    values = []
    for step in script:
        if step.way == "ending":
            break
        values.append(step.value)
    return values


def serve_script(bus: AnyBus, topic: str, script: list[Step]) -> None:
    """A consumer whose method ``act`` does what the script says."""

    def reply(context: Any, step: Step) -> None:
        if step.way == "ending":
            context.reply(step.value, ending=True)
        else:
            context.reply(step.value)

    def returns(context: Any) -> Any:
        for step in script[:-1]:
            reply(context, step)
        return script[-1].value

    def yields(context: Any) -> Iterator[Any]:
        for step in script:
            if step.way == "yield":
                yield step.value
            else:
                reply(context, step)

    bus.serve(topic, Serving(act=returns if script[-1].way == "return" else yields))
