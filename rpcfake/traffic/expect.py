"""Assertions over what was sent, for everything that has ``traffic``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rpcfake.message import Kind
from rpcfake.traffic.check import (
    check_args,
    check_method,
    check_partial,
    check_times,
    check_topic,
    read_context,
    read_items,
)
from rpcfake.traffic.failure import explain_count, explain_not_sent, explain_sequence, show_call
from rpcfake.traffic.match import Wanted
from rpcfake.traffic.traffic import Traffic

Item = tuple[Any, ...]
"""An item of `Expectations.assert_sequence`: ``(kind, topic[, method[, args]])``."""


class Expectations:
    """The assertions of a bus.

    They look at what was sent until now and change nothing. A failure is a plain AssertionError, so
    they work under any test runner; its text says what was asked, what was sent to that topic, the
    nearest messages with only what differs, and what may help.

    ``args`` and ``context`` compare exactly unless ``partial``; then only the named keys do, at the
    top level. Any object with an ``==`` of its own may stand for a value at any depth, or for all
    the args: `unittest.mock.ANY`, for one. A context may also be an object with ``to_dict()``. None
    asks for nothing: any method, any args, any context.
    """

    @property
    def traffic(self) -> Traffic:
        """Every record so far."""
        raise NotImplementedError

    def assert_cast(
        self,
        topic: str,
        method: str | None = None,
        args: Any = None,
        *,
        context: Any = None,
        times: int | None = None,
        partial: bool = False,
    ) -> Traffic:
        """Assert that such a cast was sent: at least once, or exactly ``times`` times.

        Returns:
            The records of the casts that match.

        Raises:
            AssertionError: it was not; also where an ``==`` raised so that nobody can say.
            TypeError, ValueError: an argument is wrong.
        """
        __tracebackhide__ = True
        return self._assert_sent(Kind.CAST, topic, method, args, context, times, partial)

    def assert_call(
        self,
        topic: str,
        method: str | None = None,
        args: Any = None,
        *,
        context: Any = None,
        times: int | None = None,
        partial: bool = False,
    ) -> Traffic:
        """Assert that such a call was sent; otherwise as `assert_cast`."""
        __tracebackhide__ = True
        return self._assert_sent(Kind.CALL, topic, method, args, context, times, partial)

    def assert_multicall(
        self,
        topic: str,
        method: str | None = None,
        args: Any = None,
        *,
        context: Any = None,
        times: int | None = None,
        partial: bool = False,
    ) -> Traffic:
        """Assert that such a multicall was sent; otherwise as `assert_cast`."""
        __tracebackhide__ = True
        return self._assert_sent(Kind.MULTICALL, topic, method, args, context, times, partial)

    def assert_fanout_cast(
        self,
        topic: str,
        method: str | None = None,
        args: Any = None,
        *,
        context: Any = None,
        times: int | None = None,
        partial: bool = False,
    ) -> Traffic:
        """Assert that such a fanout cast was sent, whoever took it; otherwise as `assert_cast`."""
        __tracebackhide__ = True
        return self._assert_sent(Kind.FANOUT_CAST, topic, method, args, context, times, partial)

    def assert_notification(
        self,
        topic: str,
        method: str | None = None,
        args: Any = None,
        *,
        context: Any = None,
        times: int | None = None,
        partial: bool = False,
    ) -> Traffic:
        """Assert that such a notification was sent (with oslo.messaging): the topic ends with the
        priority, as in ``"notifications.info"``, the method is the event type, and the args are
        ``{"payload": …}``. Otherwise as `assert_cast`."""
        __tracebackhide__ = True
        return self._assert_sent(Kind.NOTIFICATION, topic, method, args, context, times, partial)

    def assert_not_sent(self, topic: str | None = None, method: str | None = None) -> None:
        """Assert that nothing of any kind was sent: at all, to this topic, for this method."""
        __tracebackhide__ = True
        if topic is not None:
            check_topic("topic", topic)
        check_method("method", method)
        traffic = self.traffic
        log = traffic._log
        found, _ = Wanted(topic=topic, method=method).find(log, traffic.sent._seqs)
        if found:
            asked = show_call("assert_not_sent", (), topic=topic, method=method)
            raise AssertionError(explain_not_sent(asked, log, found))

    def assert_sequence(self, items: Iterable[Item]) -> Traffic:
        """Assert that all this was sent in this order; others may have been sent in between.

        Args:
            items: tuples ``(kind, topic[, method[, args]])``, kind being ``"cast"``, ``"call"``,
                ``"multicall"`` or ``"fanout_cast"``.

        Returns:
            The records that match, one for each item: the first that come in this order.

        Raises:
            AssertionError: it was not.
            TypeError, ValueError: an item is malformed, or there is none.
        """
        __tracebackhide__ = True
        wanted = read_items(items)
        traffic = self.traffic
        log, sends = traffic._log, traffic.sent._seqs
        matched: list[int] = []
        left = iter(sends)
        for item in wanted:
            seq = next((seq for seq in left if item.find(log, (seq,))[0]), None)
            if seq is None:
                raise AssertionError(explain_sequence(wanted, log, sends, matched))
            matched.append(seq)
        return traffic._narrow(matched)

    def _assert_sent(
        self,
        kind: Kind,
        topic: str,
        method: str | None,
        args: Any,
        context: Any,
        times: int | None,
        partial: bool,
    ) -> Traffic:
        __tracebackhide__ = True
        check_topic("topic", topic)
        check_method("method", method)
        check_args("args", args)
        context = read_context(context)
        check_times(times)
        check_partial(partial)
        traffic = self.traffic
        log = traffic._log
        wanted = Wanted(kind, topic, method, args, context, partial)
        sends = traffic.sent._seqs
        found, undecided = wanted.find(log, sends)
        if not found if times is None else len(found) != times or undecided:
            asked = show_call(
                f"assert_{kind}",
                (topic, method, args),
                context=context,
                times=times,
                partial=partial,
            )
            raise AssertionError(explain_count(asked, wanted, log, sends, found, undecided, times))
        return traffic._narrow(found)
