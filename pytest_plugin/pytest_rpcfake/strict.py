"""What a bus may not be left with, and the words for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from pytest_rpcfake.options import WORDS
from rpcfake import Bus, ThreadedBus
from rpcfake.bus import describe_problems

ERRORS = "handler_errors"


def find_leftovers(bus: Bus | ThreadedBus, allow: Collection[str]) -> str:
    """Let run what can run now, and return the text of what is left that may not be; or ""."""
    if bus.closed:
        found = [problem for problem in bus.problems() if problem.allow not in allow]
        return describe_problems(found)
    try:
        bus.assert_clean(allow)
    except AssertionError as error:
        return str(error)
    return ""


def told_briefly(bus: Bus | ThreadedBus, allow: Collection[str]) -> str:
    """What is left where the test has failed already, and so most of it is no news: errors of
    handlers whole, as they may be why it failed, and of all else one line for each sort."""
    if not bus.closed:
        bus.assert_clean(WORDS)
    found = [problem for problem in bus.problems() if problem.allow not in allow]
    errors = [problem.text for problem in found if problem.allow == ERRORS]
    counts = Counter(problem.allow for problem in found if problem.allow != ERRORS)
    first = {problem.allow: problem.text.splitlines()[0] for problem in reversed(found)}
    more = {word: f" (and {count - 1} more)" if count > 1 else "" for word, count in counts.items()}
    if len(errors) > 10:
        errors[10:] = [f"… and {len(errors) - 10} more"]
    return "\n".join([*errors, *(f"{first[word]}{more[word]}" for word in counts)])


def failure(leftovers: str, stuck: str, failed: list[str]) -> str:
    """The text for a test that did nothing wrong but leave this behind.

    Args:
        leftovers: what is left on the bus, or "".
        stuck: which handlers do not end, or "".
        failed: other tests that used this bus, and failed.
    """
    lines = ["rpcfake: the bus was not clean when it was put away."]
    if leftovers:
        words = ", ".join(repr(word) for word in WORDS if f"allow={{{word!r}}}" in leftovers)
        lines += [
            "",
            leftovers,
            "",
            f"Where it is meant, permit it: on the test @pytest.mark.rpc_bus(allow={{{words}}}),",
            "for all tests in the ini file: rpcfake_allow.",
        ]
    if stuck:
        lines += ["", stuck]
    if failed:
        shown = ", ".join(failed[:5]) + (", …" if len(failed) > 5 else "")
        lines += ["", f"While this bus was open there failed, and may have left this: {shown}"]
    return printable("\n".join(lines))


def printable(text: str) -> str:
    """The text without what a terminal would obey, or what UTF-8 can't carry to another process."""
    return "".join(
        char if char.isprintable() or char == "\n" else char.encode("unicode_escape").decode()
        for char in text
    )
