"""Why nobody answered: the text of a `Timeout`, and who waits for whom."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Protocol

from rpcfake.core import Broker, Envelope
from rpcfake.handling import public_methods
from rpcfake.hints import brief, did_you_mean, listing
from rpcfake.stubs import Stubs
from rpcfake.traffic.diff import diff


def seconds_text(seconds: float) -> str:
    """Seconds for a text: ``60 s``, ``0.5 s``."""
    return "for ever" if seconds == math.inf else f"{seconds:g} s"


def explain_timeout(
    broker: Broker, stubs: Stubs, envelope: Envelope, seconds: float, now: int
) -> str:
    """What a `Timeout` of a call or multicall says."""
    name = f"{envelope.topic}.{envelope.method}"
    lines = [
        f"no answer to {envelope.kind} {name} within {seconds_text(seconds)}"
        f" (the bus's time is now {now / 1e6:g} s)"
    ]
    if envelope.taken is None:
        lines += ["  " + line for line in _why_untaken(broker, stubs, envelope)]
    else:
        links = list(_follow(envelope))
        lines += ["  " + text for _, text in links]
        last = links[-1][0]
        if isinstance(last, Envelope) and last.taken is None:
            lines += ["    " + line for line in _why_untaken(broker, stubs, last)]
    return "\n".join(lines)


CHAIN = 20
"""How many links of a chain of waits are told."""


STUBS, DIFFERENCES = 3, 5
"""How many stubs that did not match are told, and how many differences of each."""


class Job(Protocol):
    """Something that runs, and that is no message: a task."""

    name: str
    done: bool
    worker: Any


def waits_for(what: Envelope | Job | None) -> list[str]:
    """The chain from what is waited for, a message that is being handled or a task, to what its
    handler or the task waits for, and so on."""
    return [text for _, text in _follow(what)]


def _follow(what: Envelope | Job | None) -> Iterator[tuple[Envelope | Job | None, str]]:
    """Each link of that chain, and what is told of it; None where the telling breaks off."""
    seen: list[Envelope | Job] = []
    while what is not None:
        if len(seen) == CHAIN:
            yield None, "… and so on"
            return
        head = (
            f"{what.kind} {what.topic}.{what.method} (record {what.seq})"
            if isinstance(what, Envelope)
            else f"task {what.name}"
        )
        if what in seen:
            yield what, f"{head}: here the circle closes, each waits for the next"
            return
        seen.append(what)
        following: Envelope | Job | None = None
        if what.done:
            text = f"{head} {'was answered' if isinstance(what, Envelope) else 'has ended'}"
        elif isinstance(what, Envelope) and what.taken is None:
            text = f"{head} was taken by nobody yet"
        else:
            doing = "it gives no answer"
            if what.worker is not None and _is_busy_with(what):
                doing, following = what.worker.doing()
            taken = ""
            if isinstance(what, Envelope):
                assert what.consumer is not None
                taken = f" was taken by {what.consumer.name}"
            text = f"{head}{taken}: {doing}"
        yield what, text
        what = following


def _is_busy_with(what: Envelope | Job) -> bool:
    """Whether its handler still runs: one may return without an answer (a stub's never())."""
    return not isinstance(what, Envelope) or what.worker.envelope is what


def _why_untaken(broker: Broker, stubs: Stubs, envelope: Envelope) -> list[str]:
    topic, method = envelope.topic, envelope.method
    served = [name for name, place in broker.topics.items() if place.consumers]
    known = list(dict.fromkeys([*served, *stubs.topics()]))
    place = broker.topics.get(topic)
    lines = []
    shared = [] if place is None else [one for one in place.consumers if not one.fanout]
    if shared:
        names = listing(one.name for one in shared)
        if any(one.started for one in shared):
            lines.append(
                f"it waits in the queue of {topic!r}; its consumers {names} took others first"
            )
        else:
            lines.append(
                f"{topic!r} has the consumers {names}, but none was started:"
                " call consume_in_thread() on their connection"
            )
        methods = [name for one in shared for name in public_methods(one.proxy)]
        lines += _near(method, methods)
        return lines
    if place is not None and place.consumers:
        lines.append(
            f"{topic!r} has fanout consumers only, which no {envelope.kind} reaches:"
            " create one without fanout=True"
        )
    elif place is not None and place.declared:
        lines.append(f"nothing serves the topic {topic!r} any more: its consumers are closed")
    else:
        lines.append(f"nothing serves the topic {topic!r}: it has no consumer, and no stub matches")
    lines += _missed(stubs, envelope)
    stubbed = stubs.methods(topic)
    if stubbed:
        lines.append(f"stubs on {topic!r}: {listing(dict.fromkeys(stubbed))}")
        lines += _near(method, stubbed)
    others = [name for name in known if name != topic]
    lines.append(f"topics served: {listing(others) or 'none'}{did_you_mean(topic, others)}")
    return lines


def _missed(stubs: Stubs, envelope: Envelope) -> Iterator[str]:
    """Why the stubs of this method, the newest first, did not answer."""
    named = [
        each for each in stubs if (each.topic, each.method) == (envelope.topic, envelope.method)
    ]
    for stub in named[: -STUBS - 1 : -1]:
        shown = "" if stub.args is None else f" with args {brief(stub.args)}"
        head = f"the stub for {stub.topic}.{stub.method}{shown}"
        if stub.spent:
            yield f"{head} is used up: times={stub.times}"
        elif found := diff(stub.args, stub.load_args(envelope.payload)):
            yield f"{head} wants other args:"
            yield from (f"  {difference}" for difference in found[:DIFFERENCES])
            if len(found) > DIFFERENCES:
                yield f"  … {len(found) - DIFFERENCES} more"


def _near(method: str, known: list[str]) -> list[str]:
    if method in known:
        return []
    hint = did_you_mean(method, known).removeprefix("; ")
    return [f"there is no method {method!r} there: {hint}"] if hint else []
