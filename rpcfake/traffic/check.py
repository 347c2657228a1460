"""What assertions accept as arguments; all else is a TypeError or ValueError that says so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rpcfake.hints import brief
from rpcfake.message import SENDS
from rpcfake.traffic.match import Wanted

KINDS = ", ".join(f'"{kind}"' for kind in SENDS)


def check_topic(name: str, topic: object) -> None:
    if not isinstance(topic, str):
        raise TypeError(f"{name} is {brief(topic)}: it must be a str")
    if not topic:
        raise ValueError(f"{name} is '': no topic is empty")


def check_method(name: str, method: object) -> None:
    if method is not None and not isinstance(method, str):
        raise TypeError(f"{name} is {brief(method)}: it must be a str, or None for any method")


def check_args(name: str, args: object) -> None:
    if not (args is None or isinstance(args, Mapping) or is_matcher(args)):
        raise TypeError(
            f"{name} is {brief(args)}: it must be a dict, an object with an == of its own,"
            f" or None for any {name}"
        )


def check_times(times: object) -> None:
    allowed = "it must be an int, 0 or more, or None for at least once"
    if times is None:
        return
    if isinstance(times, bool) or not isinstance(times, int):
        raise TypeError(f"times is {brief(times)}: {allowed}")
    if times < 0:
        raise ValueError(f"times is {brief(times)}: {allowed}")


def check_partial(partial: object) -> None:
    if not isinstance(partial, bool):
        raise TypeError(f"partial is {brief(partial)}: it must be True or False")


def read_context(context: Any) -> Any:
    """What to compare contexts with: an object with ``to_dict()`` stands for its dict."""
    if not isinstance(context, Mapping) and callable(getattr(type(context), "to_dict", None)):
        context = context.to_dict()
    check_args("context", context)
    return context


def read_items(items: Iterable[Any]) -> list[Wanted]:
    """The items of a sequence: ``(kind, topic[, method[, args]])``."""
    if isinstance(items, str | Mapping) or not isinstance(items, Iterable):
        raise TypeError(
            f"items is {brief(items)}: it must be a list of tuples (kind, topic[, method[, args]])"
        )
    wanted = [_read_item(f"items[{index}]", item) for index, item in enumerate(items)]
    if not wanted:
        raise ValueError("items is empty: an assertion about no message can't fail")
    return wanted


def _read_item(name: str, item: Any) -> Wanted:
    allowed = "it must be a tuple (kind, topic[, method[, args]])"
    if not isinstance(item, tuple):
        raise TypeError(f"{name} is {brief(item)}: {allowed}")
    if not 2 <= len(item) <= 4:
        raise ValueError(f"{name} is {brief(item)}, of length {len(item)}: {allowed}")
    kind, topic, method, args = (*item, None, None)[:4]
    if not isinstance(kind, str):
        raise TypeError(f"{name} has kind {brief(kind)}: it must be one of {KINDS}")
    if kind not in SENDS:
        raise ValueError(f"{name} has kind {brief(kind)}: it must be one of {KINDS}")
    check_topic(f"topic of {name}", topic)
    check_method(f"method of {name}", method)
    check_args(f"args of {name}", args)
    return Wanted(kind, topic, method, args)


def is_matcher(value: object) -> bool:
    """Whether a value has an ``==`` of its own, unlike plain data and unlike bare objects."""
    plain = (str, bytes, bytearray, int, float, complex, list, tuple, set, frozenset)
    return not isinstance(value, plain) and type(value).__eq__ is not object.__eq__
