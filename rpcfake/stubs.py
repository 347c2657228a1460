"""Stubs: answers that a test gives in place of a consumer."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

from rpcfake.codec import Codec
from rpcfake.core import Consumer, Queue
from rpcfake.errors import RemoteError, Timeout
from rpcfake.handling import Unanswered, Verbatim
from rpcfake.hints import brief


class Stub:
    """Answers the messages of one topic and method; made by `Bus.stub`.

    Each action that is chained answers one message, and the last one all that follow::

        bus.stub("shop", "price").raises(KeyError("milk")).returns(3)

    A stub without an action returns None.
    """

    # Nothing else can be set: `stub.return_value = 3`, a mock's habit, would do nothing.
    __slots__ = (
        *("topic", "method", "args", "times", "queue", "name"),
        *("_actions", "_codec", "_tickets", "_turns", "_uses"),
    )

    def __init__(
        self,
        topic: str,
        method: str,
        args: dict[str, Any] | None,
        times: int | None,
        queue: Queue,
        name: str,
        codec: Codec,
    ) -> None:
        self.topic = topic
        self.method = method
        self.args = args
        self.times = times
        """How many messages it answers; None: without end."""
        self.queue = queue
        self.name = name
        self._codec = codec
        self._tickets = itertools.count(1)
        self._uses: list[int] = []
        self._turns = itertools.count()
        self._actions: list[Callable[..., Any]] = []
        consumer = Consumer(name, queue, _Proxy(self._answer), fanout=False)
        consumer.started = True
        queue.readers.append(consumer)

    def returns(self, value: Any) -> Stub:
        """Answer with a value; it must be one that the codec carries."""
        text = self._codec.encode(value)
        return self._then(lambda context, **args: self._codec.decode(text))

    def raises(self, error: BaseException | type[BaseException]) -> Stub:
        """Answer with a failure: the caller gets a `RemoteError` of that type and text.

        A `RemoteError` reaches the caller as it is. For no answer at all there is `never`.
        """
        made = _make(error)
        if isinstance(made, Timeout):
            raise ValueError(
                "a stub can't raise Timeout in its caller: that is the caller's own clock."
                " Use .never(), and let the call's timeout pass"
            )
        if isinstance(made, RemoteError):
            made = Verbatim(made.exc_type, made.value, made.traceback)

        def action(context: Any, **args: Any) -> Any:
            raise made.with_traceback(None)

        return self._then(action)

    def yields(self, *values: Any) -> Stub:
        """Answer a multicall with these values, one by one (a call gets the last one)."""
        texts = [self._codec.encode(value) for value in values]

        def action(context: Any, **args: Any) -> Iterator[Any]:
            for text in texts:
                yield self._codec.decode(text)

        return self._then(action)

    def runs(self, function: Callable[..., Any]) -> Stub:
        """Answer as a handler would: by ``function(context=…, **args)``."""
        if not callable(function):
            raise TypeError(f"function is {brief(function)}: it must be callable")
        return self._then(function)

    def never(self) -> Stub:
        """Take the message and give no answer: the call ends in `Timeout`."""

        def action(context: Any, **args: Any) -> Any:
            raise Unanswered

        return self._then(action)

    def __repr__(self) -> str:
        shown = "" if self.args is None else f", {brief(self.args)}"
        return f"<stub {self.topic}.{self.method}{shown}, used {self.used} times>"

    def load_args(self, payload: str) -> dict[str, Any]:
        """The args of a message, to compare with its own."""
        return self._codec.decode(payload)[1] or {}

    @property
    def used(self) -> int:
        """How many messages were routed to it so far."""
        return len(self._uses)

    def claim(self) -> bool:
        """Use it for one more message; False where it is used up by now.

        Senders in several threads may claim it at once: each step here is one that no thread can
        interrupt.
        """
        ticket = next(self._tickets)
        if self.times is not None and ticket > self.times:
            return False
        self._uses.append(ticket)
        return True

    @property
    def spent(self) -> bool:
        """Whether it has answered as often as it may."""
        return self.times is not None and self.used >= self.times

    @property
    def unused(self) -> bool:
        """Whether it was used less than it was made for."""
        return self.used < (1 if self.times is None else self.times)

    def _then(self, action: Callable[..., Any]) -> Stub:
        self._actions.append(action)
        return self

    def _answer(self, /, context: Any, **args: Any) -> Any:
        if not self._actions:
            return None
        action = self._actions[min(next(self._turns), len(self._actions) - 1)]
        return action(context=context, **args)


class _Proxy:
    """Has every method."""

    def __init__(self, answer: Callable[..., Any]) -> None:
        self._answer = answer

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return self._answer


def _make(error: object) -> BaseException:
    if isinstance(error, BaseException):
        return error
    if not (isinstance(error, type) and issubclass(error, BaseException)):
        raise TypeError(f"error is {brief(error)}: it must be an exception, or a class of one")
    try:
        return error()
    except TypeError:
        raise TypeError(
            f"error is the class {error.__name__}, which can't be made without arguments:"
            " give an instance"
        ) from None


class Stubs:
    """The stubs of one bus: of those that match a message, the newest that is not spent answers
    it."""

    def __init__(self) -> None:
        self._stubs: dict[tuple[str, str], list[Stub]] = {}
        self._all: list[Stub] = []

    def add(self, stub: Stub) -> None:
        self._stubs.setdefault((stub.topic, stub.method), []).append(stub)
        self._all.append(stub)

    def find(self, topic: str, method: str, args: Callable[[], dict[str, Any]]) -> Stub | None:
        """The stub that answers a message, claimed for it; the args are asked for only where a stub
        looks at them."""
        known: dict[str, Any] | None = None
        for stub in reversed(self._stubs.get((topic, method), [])):
            if stub.spent:
                continue
            if stub.args is not None:
                if known is None:
                    known = args()
                if stub.args != known:
                    continue
            if stub.claim():
                return stub
        return None

    def methods(self, topic: str) -> list[str]:
        """The methods of a topic that have stubs."""
        return [stub.method for stub in self._all if stub.topic == topic]

    def topics(self) -> list[str]:
        return [stub.topic for stub in self._all]

    @property
    def unused(self) -> list[Stub]:
        return [stub for stub in self._all if stub.unused]

    def __iter__(self) -> Iterator[Stub]:
        return iter(self._all)

    def __bool__(self) -> bool:
        return bool(self._all)
