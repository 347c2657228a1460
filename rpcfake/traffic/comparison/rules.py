"""What counts when two traffics are compared."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from rpcfake.hints import brief, did_you_mean
from rpcfake.message import Kind

Order = Literal["total", "topic", "none"]
ORDERS = ("total", "topic", "none")


@dataclass(frozen=True)
class Comparing:
    """What counts when two traffics are compared. Ids and numbers of records never do.

    Args:
        kinds: the kinds of records that count; None: all.
        order: ``total``: everything in the order in which it happened; ``topic``: in this order on
            each topic; ``none``: in any.
        ignore: keys that don't count: a name such as ``"request_id"``, wherever it stands, or a
            path such as ``"args.spec.id"`` or ``"context.*"``, from one of ``args``, ``context``,
            ``headers``, ``value``, ``failure``. ``"consumer"`` is who took a message.
        match: a matcher for each such key: an object whose ``==`` says whether a value is as it
            must be, such as `unittest.mock.ANY`.
        times: whether the time between two records counts; with the order ``total`` only.

    Raises:
        TypeError, ValueError: an option is malformed; the text says what is allowed.
    """

    kinds: Collection[str] | None = None
    order: Order = "total"
    ignore: Collection[str] = ()
    match: Mapping[str, Any] = field(default_factory=dict)
    times: bool = False

    def __post_init__(self) -> None:
        kinds = self.kinds
        if kinds is not None:
            if isinstance(kinds, str) or not isinstance(kinds, Collection):
                raise TypeError(
                    f"kinds is {brief(kinds)}: it must be a collection of kinds, or None"
                )
            for kind in kinds:
                if kind not in [*Kind]:
                    near = did_you_mean(kind, map(str, Kind))
                    raise ValueError(
                        f"kinds has {brief(kind)}: it must have {', '.join(Kind)}{near}"
                    )
        if self.order not in ORDERS:
            raise ValueError(f"order is {brief(self.order)}: it must be {', '.join(ORDERS)}")
        if isinstance(self.ignore, str) or not isinstance(self.ignore, Collection):
            raise TypeError(f"ignore is {brief(self.ignore)}: it must be a list of keys")
        if not isinstance(self.match, Mapping):
            raise TypeError(f"match is {brief(self.match)}: it must be a dict of keys and matchers")
        named: list[tuple[str, Collection[object]]]
        named = [("ignore", self.ignore), ("match", self.match.keys())]
        for name, keys in named:
            for key in keys:
                if not isinstance(key, str) or not all(key.split(".")):
                    raise ValueError(f"{name} has {brief(key)}: it must be a key, or a path a.b")
        if not isinstance(self.times, bool):
            raise TypeError(f"times is {brief(self.times)}: it must be True or False")
        if self.times and self.order != "total":
            raise ValueError(f"times=True needs order='total', not {self.order!r}")


class Picker:
    """Takes out of a payload what does not count."""

    def __init__(self, rules: Comparing, actual: bool = False) -> None:
        self._actual = actual
        self.consumer = "consumer" not in rules.ignore
        ignored = [(each, None) for each in rules.ignore]
        self._rules = [
            (tuple(key.split(".")), matcher) for key, matcher in (*ignored, *rules.match.items())
        ]
        self.active = bool(self._rules)

    def __call__(self, value: Any, path: tuple[str, ...] = ()) -> Any:
        if isinstance(value, dict):
            items = ((key, self._pick(each, (*path, key))) for key, each in value.items())
            return {key: each for key, each in items if each is not _IGNORED}
        if isinstance(value, list):
            items = (
                (index, self._pick(each, (*path, str(index)))) for index, each in enumerate(value)
            )
            return [each for _, each in items if each is not _IGNORED]
        return value

    def _pick(self, value: Any, path: tuple[str, ...]) -> Any:
        for rule, matcher in self._rules:
            if not _fits(rule, path):
                continue
            if matcher is None:
                return _IGNORED
            if _as_wanted(matcher, value):
                return "(as it must be)"
            if self._actual:  # so it is unlike whatever was recorded
                return {"(not as it must be)": value}
        return self(value, path)


_IGNORED = object()


def _fits(rule: tuple[str, ...], path: tuple[str, ...]) -> bool:
    if len(rule) == 1:
        return rule[0] == path[-1]
    return len(rule) == len(path) and all(
        part in ("*", name) for part, name in zip(rule, path, strict=True)
    )


def _as_wanted(matcher: Any, value: Any) -> bool:
    try:
        return bool(matcher == value)
    except Exception:  # it can't tell, so the values themselves must
        return False
