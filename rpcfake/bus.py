"""What both buses share: the five functions, stubs, specs, traffic, and what a strict test asks at
its end.

`rpcfake.sim.Bus` and `rpcfake.threads.ThreadedBus` add the loop: how time passes, and how a caller
waits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from os import PathLike
from typing import Any, Literal, NamedTuple, Self

from rpcfake.codec import Codec, JsonCodec, find_codec
from rpcfake.connection import Connection
from rpcfake.context import ContextFactory, to_wire
from rpcfake.core import Broker, Consumer, Envelope, Queue
from rpcfake.errors import InvalidMessage, RemoteError, RpcError, SerializationError, Timeout
from rpcfake.handling import Handling
from rpcfake.hints import brief, did_you_mean, listing
from rpcfake.message import (
    DEFAULT_TIMEOUT,
    Message,
    check_sending,
    check_timeout,
    check_topic,
)
from rpcfake.queues import QueueView
from rpcfake.replay import Replay
from rpcfake.specs import Spec
from rpcfake.stubs import Stub, Stubs
from rpcfake.traffic import Comparing, Expectations, Record, Traffic
from rpcfake.traffic.log import Origin
from rpcfake.waiting import explain_timeout

ALLOW = {
    "handler_errors": "a handler or a spawned task failed, and nobody saw it",
    "untaken": "a message that nobody took",
    "unused_stubs": "a stub that answered fewer messages than it was made for",
    "blocked": "a task that is still waiting",
}
"""What `MessageBus.problems` may find, by the word that allows it."""


class Problem(NamedTuple):
    """Something that a strict test does not leave behind."""

    allow: str
    """The word that permits it; see `ALLOW`."""
    text: str


class MessageBus(Expectations, ABC):
    """A bus in memory, but for its loop. It is a backend: it has the five functions as methods."""

    def __init__(
        self,
        broker: Broker,
        codec: str | Codec,
        context_factory: ContextFactory | None,
        now: Callable[[], int],
        handling: type[Handling] = Handling,
    ) -> None:
        if context_factory is not None and not callable(context_factory):
            raise TypeError(
                f"context_factory is {brief(context_factory)}:"
                " it must be callable with a dict, or None"
            )
        self.codec = find_codec(codec)
        self.closed = False
        self._broker = broker
        self._now = now
        """The bus's time in microseconds."""
        self._handling = handling(broker, self.codec, now, context_factory)
        self._stubs = Stubs()
        self._replays: list[Replay] = []
        self._specs: dict[str, Spec] = {}
        self._abandoned: deque[Envelope] = deque()

    # The loop

    @abstractmethod
    def _cause(self) -> int | None:
        """The seq of the taken record whose handler runs here; None outside handlers."""

    @abstractmethod
    def _origin(self) -> tuple[str, dict[str, Any]]:
        """The bus's clock, ``virtual`` or ``real``, and by what it was made, for a cassette."""

    _replay_sleep: Callable[[float], object] | None = None
    """Lets the time pass that a recorded answer took."""

    @abstractmethod
    def _wait_for_answer(self, envelope: Envelope, seconds: float) -> str | None:
        """Wait until the caller of an envelope has something to read.

        Returns None, or, when the time is up, the text of the `Timeout`; then nothing reaches it
        any more."""

    @abstractmethod
    def _check_use(self) -> None:
        """Raise where the bus may not be used from here: it is closed, or this is a wrong
        thread."""

    @abstractmethod
    def close(self) -> None:
        """End what runs, and refuse everything from now on. Closing twice is closing once."""

    @abstractmethod
    def installed(self) -> AbstractContextManager[Self]:
        """While the ``with`` lasts, `rpcfake.call` and the others go to this bus."""

    @abstractmethod
    def _settle(self) -> None:
        """Let what can run now run, before a test's end is judged."""

    @abstractmethod
    def _blocked(self) -> list[str]:
        """Who still waits, and for what."""

    @abstractmethod
    def _failed_tasks(self) -> list[str]:
        """The spawned tasks that failed without anybody asking for their result."""

    # The five functions

    def create_connection(self, new: bool = True) -> Connection:
        """A connection to this bus. Raises `ConnectionClosed` when the bus is closed."""
        if not isinstance(new, bool):
            raise TypeError(f"new is {brief(new)}: it must be True or False")
        self._check_use()
        return Connection(self)

    def call(self, context: Any, topic: str, msg: Message, timeout: float | None = None) -> Any:
        """As `rpcfake.call`, on this bus."""
        __tracebackhide__ = True
        seconds = DEFAULT_TIMEOUT if timeout is None else check_timeout(timeout)
        envelope = self._send("call", context, topic, msg)
        if not envelope.done:
            self._wait(envelope, seconds)
        if envelope.failure is not None:
            raise self._remote_error(envelope.failure)
        return None if envelope.last is None else self.codec.decode(envelope.last)

    def multicall(
        self, context: Any, topic: str, msg: Message, timeout: float | None = None
    ) -> Replies:
        """As `rpcfake.multicall`, on this bus; gives bare values."""
        seconds = DEFAULT_TIMEOUT if timeout is None else check_timeout(timeout)
        return Replies(self, self._send("multicall", context, topic, msg), seconds)

    def cast(self, context: Any, topic: str, msg: Message) -> None:
        """As `rpcfake.cast`, on this bus."""
        self._send("cast", context, topic, msg)

    def fanout_cast(self, context: Any, topic: str, msg: Message) -> None:
        """As `rpcfake.fanout_cast`, on this bus."""
        self._send("fanout_cast", context, topic, msg)

    def _send(self, kind: str, context: Any, topic: str, msg: Message) -> Envelope:
        """Everything that can be refused is refused before the broker hears of it."""
        self._check_use()
        check_sending(topic, msg)
        method = msg["method"]
        args = msg.get("args")
        if args is None:
            args = {}
        wire = context if type(context) is dict else to_wire(context)
        try:
            payload = self.codec.encode((wire, args))
        except SerializationError as error:
            raise self._located(error, wire, args) from None
        if self._specs and topic in self._specs:
            self._specs[topic].check(method, self.codec.decode(payload)[1])
        to = self._substitute(kind, topic, method, payload)
        return self._broker.send(self._now(), kind, topic, method, payload, self._cause(), to)

    def _post(self, *sending: Any) -> Envelope:
        """Send; where a `Receiver` is to take it, it may do so before this returns."""
        return self._broker.send(self._now(), *sending)

    def _substitute(self, kind: str, topic: str, method: str, payload: str) -> Queue | None:
        """The queue of the stub or the recording that is to answer a message, if one is."""
        to = self._stubbed(topic, method, payload) if self._stubs else None
        if to is None and self._replays:
            to = self._replayed(kind, topic, method, payload)
        return to

    def _stubbed(self, topic: str, method: str, payload: str) -> Queue | None:
        """The queue of the stub that is to answer a message, if one is."""
        stub = self._stubs.find(topic, method, lambda: self.codec.decode(payload)[1])
        return None if stub is None else stub.queue

    def _replayed(self, kind: str, topic: str, method: str, payload: str) -> Queue | None:
        """The queue of a recorded answer, if the topic is replayed."""
        place = self._broker.topics.get(topic)
        served = place is not None and bool(place.declared)
        replay = next((each for each in self._replays if each.wants(topic, served)), None)
        if replay is None:
            return None
        recorded = replay.find(kind, topic, method, *self.codec.decode(payload)[:2])
        # A queue for this one: who handles it must know which it is, whatever threads do meanwhile.
        queue = self._broker.new_queue(topic)
        answer = Stub(topic, method, None, 1, queue, f"replay:{topic}", self.codec)
        answer.runs(lambda context, **args: replay.play(recorded))
        return queue

    def _located(self, error: SerializationError, context: Any, args: Any) -> SerializationError:
        """The error of encoding both, with a path that begins at one of them."""
        for name, value in (("context", context), ("args", args)):
            try:
                self.codec.encode(value)
            except SerializationError as part:
                text = str(part).removeprefix(part.path or "the value")
                path = name + part.path
                return SerializationError(f"{path}{text}", path)
        return error

    def _wait(self, envelope: Envelope, seconds: float) -> None:
        __tracebackhide__ = True
        try:
            text = self._wait_for_answer(envelope, seconds)
        except BaseException:
            # The caller is torn away (Stalled, KeyboardInterrupt, the bus closes): nobody reads on.
            self._broker.give_up(self._now(), envelope, "abandoned")
            raise
        if text is not None:
            raise Timeout(text, topic=envelope.topic, method=envelope.method, seconds=seconds)

    def _remote_error(self, failure: int) -> RemoteError:
        return RemoteError(*self.codec.decode(self._broker.rows[failure][3])[:3])

    def _timeout_text(self, envelope: Envelope, seconds: float) -> str:
        return explain_timeout(self._broker, self._stubs, envelope, seconds, self._now())

    def _let_go(self) -> None:
        """Abandon the multicalls whose iterators were let go.

        A finalizer runs at moments of its own, maybe in another thread, so it only leaves a note.
        """
        while self._abandoned:
            with suppress(IndexError):  # another thread may be quicker
                envelope = self._abandoned.popleft()
                self._broker.give_up(self._now(), envelope, "abandoned")

    # Consumers (see `rpcfake.connection.Host`)

    def serve(self, topic: str, proxy: Any, fanout: bool = False) -> Connection:
        """A connection with one consumer, started. Arguments are those of
        `Connection.create_consumer`."""
        connection = self.create_connection()
        connection.create_consumer(topic, proxy, fanout)
        connection.consume_in_thread()
        return connection

    def _declare(self, topic: str, proxy: Any, fanout: bool, pool: str = "") -> Consumer:
        self._check_use()
        return self._broker.declare(topic, proxy, fanout, pool)

    def _start(self, consumer: Consumer) -> None:
        self._check_use()
        self._broker.start(consumer)

    def _close(self, consumer: Consumer) -> None:
        self._broker.close(consumer)

    # What a test sets up, and what it sees

    def stub(
        self,
        topic: str,
        method: str,
        args: dict[str, Any] | None = None,
        *,
        times: int | None = None,
    ) -> Stub:
        """Answer messages in place of a consumer, from now on.

        Args:
            topic, method: which messages.
            args: only those whose args equal this; its values may be objects with an ``==`` of
                their own.
            times: how many messages at the most (the others go on to older stubs, or to consumers);
                None: without end. Used less than that, or not at all, is a problem
                (``unused_stubs``).

        Of the stubs that match, the newest that is not spent answers. A fanout cast that a stub
        matches reaches the stub alone."""
        self._check_use()
        check_topic(topic)
        if not isinstance(method, str):
            raise InvalidMessage(f"method is {brief(method)}: it must be a str")
        if args is not None and not isinstance(args, dict):
            raise InvalidMessage(f"args is {brief(args)}: it must be a dict, or None for any args")
        if times is not None and (isinstance(times, bool) or not isinstance(times, int)):
            raise TypeError(f"times is {brief(times)}: it must be an int, or None")
        if times is not None and times < 1:
            raise ValueError(
                f"times is {times}: it must be 1 or more (for none at all there is assert_not_sent)"
            )
        number = 1 + sum(stub.topic == topic for stub in self._stubs)
        stub = Stub(
            topic,
            method,
            args,
            times,
            self._broker.new_queue(topic),
            f"stub:{topic}#{number}",
            self.codec,
        )
        self._stubs.add(stub)
        return stub

    def replay(
        self,
        cassette: Traffic | str | PathLike[str],
        topics: Collection[str] | None = None,
        *,
        order: Literal["match", "strict"] = "match",
        gaps: bool = True,
        context: bool = False,
        ignore: Collection[str] = (),
        match: Mapping[str, Any] | None = None,
    ) -> Replay:
        """Answer requests from now on as they were answered when a cassette was recorded.

        A request is answered by a recorded one of the same kind, topic, method and args, and uses
        it up. What is secret in it counts as what stands for it in the cassette. Stubs win over it.

        Args:
            cassette: recorded traffic, or the file that it is in.
            topics: which topics it answers for, whoever serves them; None: those that have no
                consumer when something is sent to them.
            order: ``match``: requests may come in any order, and not all of them; ``strict``: in
                the order in which they were recorded, and all: one that was not made is a problem
                (``unused_stubs``).
            gaps: whether answers take the (virtual) time that they took. `ThreadedBus` never waits.
            context: whether the context must be equal, too.
            ignore, match: keys of args and context that don't count, and matchers for others; see
                `rpcfake.traffic.Comparing`.

        A request that none answers raises `NotRecorded` at its sender, and names the three nearest.

        Raises:
            CassetteError, OSError: the file can't be read.
            TypeError, ValueError: an argument is wrong.
        """
        self._check_use()
        traffic = cassette if isinstance(cassette, Traffic) else Traffic.load(cassette)
        for name, value in (("gaps", gaps), ("context", context)):
            if not isinstance(value, bool):
                raise TypeError(f"{name} is {brief(value)}: it must be True or False")
        rules = Comparing(ignore=ignore, match=match or {})
        replay = Replay(
            traffic, topics, order, rules, context, self._replay_sleep if gaps else None
        )
        self._replays.append(replay)
        return replay

    def spec(self, topic: str, cls: Any) -> None:
        """Refuse, from now on, to send to a topic what does not fit a method of this class.

        Refused with `InvalidMessage` are an unknown method, and arguments that `inspect.signature`
        can't bind as a handler is called: ``method(context=…, **args)``."""
        check_topic(topic)
        self._specs[topic] = Spec(topic, cls)

    def queue(self, topic: str) -> QueueView:
        """A view of what is queued for a topic. Raises `InvalidMessage` for what is no topic."""
        check_topic(topic)
        return QueueView(self, topic)

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics that a consumer was ever declared on, in the order of the first
        declarations."""
        topics = self._broker.topics.copy()  # in one piece: other threads may declare meanwhile
        return tuple(name for name, topic in topics.items() if topic.declared)

    @property
    def traffic(self) -> Traffic:
        """Every record so far; what comes later is not in it."""
        texts: Any = "json" if type(self.codec) is JsonCodec else "opaque"
        origin = Origin(str(self.codec.name), *self._origin(), texts)
        return Traffic(self._broker.rows, self.codec.decode, None, origin)

    # At the end of a test

    def problems(self) -> list[Problem]:
        """What a strict test does not leave behind, as the bus stands now."""
        self._let_go()
        return [
            *(Problem("handler_errors", text) for text in self._unseen_errors()),
            *(Problem("untaken", text) for text in self._untaken()),
            *(Problem("unused_stubs", f"{_count_stub(stub)}") for stub in self._stubs.unused),
            *(Problem("unused_stubs", each.problem) for each in self._replays if each.problem),
            *(Problem("blocked", text) for text in self._blocked()),
        ]

    def assert_clean(self, allow: Collection[str] = ()) -> None:
        """Let run what can run now (no virtual time passes), then raise AssertionError for each
        problem.

        Args:
            allow: words of problems that are permitted: ``handler_errors``, ``untaken``,
                ``unused_stubs``, ``blocked``.
        """
        __tracebackhide__ = True
        check_allow(allow)
        if not self.closed:
            self._settle()
        found = [problem for problem in self.problems() if problem.allow not in allow]
        if found:
            raise AssertionError(describe_problems(found))

    def _unseen_errors(self) -> Iterator[str]:
        traffic = self.traffic
        for seq in self._broker.unseen:
            record = traffic[seq]
            failure: Any = record.value
            yield (
                f"{record.consumer} failed to handle {_message(traffic[record.id])}: {failure}\n"
                f"{failure.traceback}".rstrip()
            )
        yield from self._failed_tasks()

    def _untaken(self) -> Iterator[str]:
        traffic = self.traffic
        for topic in self._broker.topics.values():
            for queue in (topic.shared, *topic.fanouts):
                yield from self._waiting_in(queue, traffic)
        for stub in self._stubs:
            yield from self._waiting_in(stub.queue, traffic)
        for row in self._broker.rows:
            if row[0] == "dropped" and row[3] is None:
                record = traffic[row[2]]
                if record.kind == "cast":
                    yield (
                        f"{_message(record)} was dropped: no consumer was ever declared on"
                        f" {record.topic!r}{did_you_mean(record.topic, self.topics)}"
                        f" (topics served: {listing(self.topics) or 'none'})"
                    )

    def _waiting_in(self, queue: Queue, traffic: Traffic) -> Iterator[str]:
        for envelope in queue.envelopes:
            if envelope.kind == "notification":  # as often as not nobody listens to them
                continue
            why = "nothing ran since" if queue.readers else "no consumer of it is started and open"
            yield f"{_message(traffic[envelope.seq])} was never taken: {why}"


class Replies(Iterator[Any]):
    """The values of a multicall as they come. ``close()``, or letting it go, abandons the call."""

    def __init__(self, bus: MessageBus, envelope: Envelope, seconds: float) -> None:
        self._bus = bus
        self._envelope = envelope
        self._seconds = seconds
        self._over = False

    def __next__(self) -> Any:
        __tracebackhide__ = True
        envelope = self._envelope
        if self._over:
            raise StopIteration
        assert envelope.values is not None
        if not envelope.readable:
            self._bus._check_use()
            if envelope.waiter is not None:
                raise RpcError("somebody else waits for the next value of this multicall already")
            self._bus._now()
            try:
                self._bus._wait(envelope, self._seconds)
            except BaseException:
                self._over = True
                raise
        if envelope.values:
            return self._bus.codec.decode(envelope.values.popleft())
        self._over = True
        if envelope.failure is not None:
            raise self._bus._remote_error(envelope.failure)
        raise StopIteration

    def close(self) -> None:
        """Abandon the call: what comes now goes nowhere, and the remote generator is closed."""
        if not self._over:
            self._over = True
            self._bus._abandoned.append(self._envelope)
            self._bus._let_go()

    def __del__(self) -> None:
        if not self._over:
            self._bus._abandoned.append(self._envelope)


def check_allow(allow: Collection[str]) -> None:
    """Raise unless each is a word of `ALLOW`."""
    if isinstance(allow, str) or not isinstance(allow, Collection):
        raise TypeError(f"allow is {brief(allow)}: it must be a set of words ({listing(ALLOW)})")
    for word in allow:
        if word not in ALLOW:
            raise ValueError(
                f"allow has {brief(word)}{did_you_mean(word, ALLOW)} (allowed: {listing(ALLOW)})"
            )


def describe_problems(problems: list[Problem]) -> str:
    """The text of a failure: each problem under the word that permits it."""
    lines = []
    for word, meaning in ALLOW.items():
        texts = [problem.text for problem in problems if problem.allow == word]
        if texts:
            lines.append(f"{meaning} (permit it with allow={{{word!r}}}):")
            lines += ["  - " + text.replace("\n", "\n    ") for text in texts[:10]]
            if len(texts) > 10:
                lines.append(f"  … and {len(texts) - 10} more")
    return "\n".join(lines)


def _message(record: Record) -> str:
    return f"{record.kind} {record.topic}.{record.method} (record {record.seq})"


def _count_stub(stub: Stub) -> str:
    shown = "" if stub.args is None else f" with args {brief(stub.args)}"
    wanted = "never used" if not stub.used else f"used {stub.used} of {stub.times} times"
    return f"the stub for {stub.topic}.{stub.method}{shown} was {wanted}"
