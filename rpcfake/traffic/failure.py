"""The texts of failed assertions: what was asked, what was sent, what comes near, how to loosen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from rpcfake.traffic.explain import NearMiss, near_misses, nearest
from rpcfake.traffic.listing import listing, numbers
from rpcfake.traffic.log import METHOD, TOPIC, Log
from rpcfake.traffic.match import Wanted
from rpcfake.traffic.record import describe
from rpcfake.traffic.text import arguments, brief, clean, plural
from rpcfake.traffic.ways import find_ways

LISTED = 5
"""How many records a failure lists from the beginning, and again from the end."""
DIFFERENCES = 8
"""How many differences a failure shows of one near miss."""

NOTHING_SENT = "Nothing was sent at all. Did the code that sends it run, and does it use this bus?"


def show_call(name: str, args: Sequence[object], **options: object) -> str:
    """An assertion as its caller may have written it, without what was left at its default."""
    given = list(args)
    while given and given[-1] is None:
        given.pop()
    shown = [brief(each, 160) for each in given]
    shown += [
        f"{key}={brief(each, 160)}"
        for key, each in options.items()
        if each is not None and each is not False
    ]
    return f"{name}({', '.join(shown)})"


def explain_count(
    asked: str,
    wanted: Wanted,
    log: Log,
    sends: Sequence[int],
    found: Sequence[int],
    undecided: Sequence[int],
    times: int | None,
) -> str:
    """Why an assertion about one message failed: too few, too many, or nobody can say."""
    parts = [f"{asked} failed: {_count(str(wanted.kind), found, undecided, times)}"]
    if not sends:
        return _paragraphs([*parts, NOTHING_SENT])
    parts.append(_block("These match:", listing(log, found, LISTED)))
    ways = []
    if times is None or len(found) <= times:
        near = near_misses(wanted, log, sorted(set(sends).difference(found)))
        parts.append(_sent_to_topic(wanted, log, sends, found))
        parts.append(_show_near(near))
        ways += find_ways(wanted, log, sends, near, len(found), partial=True)
    if times is not None and found:
        ways.append(f"times={len(found)} is what was sent. Without times, one or more are enough.")
    return _paragraphs([*parts, _block("What may help:", _bullets(ways))])


def explain_not_sent(asked: str, log: Log, found: Sequence[int]) -> str:
    """Why `assert_not_sent` failed: something was sent."""
    ways = [
        "assert_not_sent(topic, method) forbids only this method on this topic.",
        "assert_cast(topic, method, args, times=0) forbids only such casts, assert_call calls.",
    ]
    return _paragraphs(
        [
            f"{asked} failed: {plural(len(found), 'message')} {_were(len(found))} sent.",
            _block("Sent:", listing(log, found, LISTED)),
            _block("What may help:", _bullets(ways)),
        ]
    )


def explain_sequence(
    items: Sequence[Wanted], log: Log, sends: Sequence[int], matched: Sequence[int]
) -> str:
    """Why `assert_sequence` failed: the first item that was not sent after those before it."""
    missing = items[len(matched)]
    after = f" after #{matched[-1]}" if matched else ""
    parts = [
        f"assert_sequence failed: item {len(matched) + 1} of {len(items)} was not sent{after}.",
        _block("Asked for, in this order:", _show_items(items, matched, after)),
    ]
    if not sends:
        return _paragraphs([*parts, NOTHING_SENT])
    later = [seq for seq in sends if not matched or seq > matched[-1]]
    earlier, _ = missing.find(log, (seq for seq in sends if matched and seq <= matched[-1]))
    if earlier:
        parts.append(f"It was sent earlier, as {numbers(earlier)}: what differs is the order.")
    if later:
        title = f"Sent{after} ({plural(len(later), 'message')}):"
        parts.append(_block(title, listing(log, later, LISTED)))
    else:
        parts.append(f"Nothing was sent{after}.")
    near = near_misses(missing, log, later)
    parts.append(_show_near(near))
    ways = find_ways(missing, log, later, near, 0, partial=False)
    return _paragraphs([*parts, _block("What may help:", _bullets(ways))])


def _count(noun: str, found: Sequence[int], undecided: Sequence[int], times: int | None) -> str:
    if times is None:
        return f"no such {noun} was sent."
    sent = f"{plural(len(found), f'such {noun}')} {_were(len(found))} sent"
    if len(found) != times:
        return f"{sent}, not {times:,}."
    return (
        f"{sent}, but of {numbers(undecided)} nobody can say: comparing raised an error, as shown"
        " below."
    )


def _sent_to_topic(wanted: Wanted, log: Log, sends: Sequence[int], shown: Sequence[int]) -> str:
    """What was sent to the topic; and the names that may have been meant."""
    rows = log.rows
    topic, method = str(wanted.topic), wanted.method
    there = [seq for seq in sends if rows[seq][TOPIC] == topic]
    if not there:
        topics = Counter(rows[seq][TOPIC] for seq in sends)
        lines = [f"{brief(each)} ({plural(n, 'message')})" for each, n in topics.items()]
        if len(lines) > 2 * LISTED:
            lines[2 * LISTED :] = [f"… {len(lines) - 2 * LISTED:,} more topics …"]
        meant = _meant(topic, topics) or "."
        return _block(f"Nothing was sent to {brief(topic)}{meant} These topics were used:", lines)
    if len(there) == len(shown):
        return ""
    title = plural(len(there), "message")
    methods = {rows[seq][METHOD] for seq in there}
    if method is not None and method not in methods:
        title += f", none of them {brief(method)}{_meant(method, methods)}"
    return _block(f"Sent to {brief(topic)} ({title}):", listing(log, there, LISTED))


def _show_near(near: Sequence[NearMiss]) -> str:
    """The near misses; only those of the right topic and method, if there are any."""
    named = [miss for miss in near if not {"topic", "method"} & {d.path for d in miss.differences}]
    lines = []
    for miss in named or near:
        lines.append(f"#{miss.record.seq} {describe(miss.record)}")
        shown = [f"    {difference}" for difference in miss.differences[:DIFFERENCES]]
        more = len(miss.differences) - len(shown)
        lines += [*shown, f"    … {plural(more, 'more difference')} …"] if more else shown
    return _block("Nearest:", lines)


def _show_items(items: Sequence[Wanted], matched: Sequence[int], after: str) -> list[str]:
    texts = [f"{place}. {_show_item(item)}" for place, item in enumerate(items, 1)]
    fates = [f"is #{seq}" for seq in matched]
    fates += [f"not sent{after}", *["not looked for"] * (len(items) - len(matched) - 1)]
    wide = max(map(len, texts))
    shown = [f"{text:{wide}}  {fate}" for text, fate in zip(texts, fates, strict=True)]
    first, last = max(len(matched) - LISTED, 0), len(matched) + 1 + LISTED
    if last < len(shown):
        shown[last:] = [f"… {plural(len(shown) - last, 'more item')} …"]
    if first:
        shown[:first] = [f"… {plural(first, 'item')} before, all sent …"]
    return shown


def _show_item(item: Wanted) -> str:
    method = "" if item.method is None else f".{clean(item.method, 60)}"
    args = item.args
    if isinstance(args, Mapping):
        shown = f"({arguments(args)})"
    else:
        shown = "" if args is None else f" with args {brief(args)}"
    return f"{item.kind} {clean(str(item.topic), 60)}{method}{shown}"


def _meant(name: str, names: Iterable[str]) -> str:
    like = nearest(name, names)
    return "" if like is None else f"; did you mean {brief(like)}?"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def _bullets(ways: Sequence[str]) -> list[str]:
    return [f"- {way}" for way in ways]


def _paragraphs(parts: Iterable[str]) -> str:
    return "\n\n".join(part for part in parts if part)


def _block(title: str, lines: Sequence[str]) -> str:
    """A title with its lines indented below it; nothing where there are no lines."""
    return "\n".join([title, *(f"  {line}" for line in lines)]) if lines else ""
