"""Recording over any backend: the same records as a bus keeps, of what passes through here."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from contextvars import ContextVar
from types import GeneratorType
from typing import Any

from rpcfake.backends.port import Backend, Connection
from rpcfake.codec import JSON
from rpcfake.context import Context, from_wire, to_wire
from rpcfake.errors import RemoteError, SerializationError, Timeout
from rpcfake.handling import describe
from rpcfake.message import check_sending
from rpcfake.traffic import Expectations, Traffic
from rpcfake.traffic.log import CAUSE, METHOD, PAYLOAD, TOPIC, Origin, Row

_handled: ContextVar[int | None] = ContextVar("rpcfake_handled", default=None)
"""The taken row of the handler that runs here."""


class Recorder(Expectations):
    """A backend that passes everything on to another one, and records it.

    ``use_backend(Recorder(backend))``, and its ``traffic`` has the same records as a bus's, its
    assertions are the same, and ``traffic.save(path)`` makes a cassette. It sees what is sent and
    what is handled through it. Where only one end is in this process, a message that is handled
    here and was sent elsewhere is recorded as if it were sent here, as a cast since nobody can
    know, with the header ``{"sent": "elsewhere"}``; and an answer that was given elsewhere has no
    consumer. What is handled once more than it was sent here was given twice by the backend: it is
    recorded as taken again.

    Args:
        backend: an object with the five functions.

    Its own errors, its ``unsupported`` and its ``harness`` are those of the backend. A message that
    is no JSON is refused with `SerializationError`.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._rows: list[Row] = []
        self._lock = threading.RLock()
        self._consumers: dict[str, itertools.count[int]] = defaultdict(lambda: itertools.count(1))
        # What was sent and not seen taken yet, by what it says: messages that say the same are the
        # same to everyone.
        self._sent: dict[tuple[str, ...], deque[int]] = defaultdict(deque)
        self._overdue: dict[tuple[str, ...], deque[int]] = defaultdict(deque)
        self._fanouts: dict[tuple[str, ...], list[tuple[int, set[str]]]] = defaultdict(list)
        self._answered: set[int] = set()
        self._given_up: set[int] = set()
        self._matched: set[int] = set()
        self._newest: dict[tuple[str, ...], int] = {}
        """What was matched last, of what was sent to one and says the same."""
        harness = getattr(backend, "harness", None)
        self._clock: Callable[[], float] = getattr(harness, "now", None) or time.monotonic
        self._virtual = bool(getattr(harness, "virtual", False))
        self._began = self._clock()

    def __getattr__(self, name: str) -> Any:
        # What a backend may have beside the five functions.
        return getattr(self._backend, name)

    @property
    def traffic(self) -> Traffic:
        """Every record so far; what comes later is not in it."""
        clock = "virtual" if self._virtual else "real"
        made_by = {"name": "Recorder", "backend": type(self._backend).__name__}
        return Traffic(self._rows, JSON.decode, None, Origin("json", clock, made_by, "json"))

    # The five functions

    def create_connection(self, new: bool = True) -> RecordedConnection:
        """A connection whose consumers are recorded."""
        return RecordedConnection(self, self._backend.create_connection(new))

    def call(self, context: Any, topic: str, msg: Any, timeout: float | None = None) -> Any:
        """As the backend's."""
        __tracebackhide__ = True
        seq = self._send("call", context, topic, msg)
        with _Sending(self, seq):
            value = self._backend.call(context, topic, msg, timeout)
        self._answer(seq, value)
        self._end(seq)
        return value

    def multicall(
        self, context: Any, topic: str, msg: Any, timeout: float | None = None
    ) -> Iterator[Any]:
        """As the backend's."""
        seq = self._send("multicall", context, topic, msg)
        with _Sending(self, seq):
            values = self._backend.multicall(context, topic, msg, timeout)
        return _Values(self, seq, values)

    def cast(self, context: Any, topic: str, msg: Any) -> None:
        """As the backend's."""
        seq = self._send("cast", context, topic, msg)
        with _Sending(self, seq):
            self._backend.cast(context, topic, msg)

    def fanout_cast(self, context: Any, topic: str, msg: Any) -> None:
        """As the backend's."""
        seq = self._send("fanout_cast", context, topic, msg)
        with _Sending(self, seq):
            self._backend.fanout_cast(context, topic, msg)

    # What is recorded at the sender

    def _now(self) -> int:
        return round((self._clock() - self._began) * 1e6)

    def _add(self, kind: str, cause: int | None, *rest: Any) -> int:
        with self._lock:
            self._rows.append((kind, self._now(), cause, *rest))
            return len(self._rows) - 1

    def _send(self, kind: str, context: Any, topic: str, msg: Any) -> int:
        check_sending(topic, msg)
        wire, args = to_wire(context), msg.get("args") or {}
        payload = JSON.encode([wire, args])
        says = _says(topic, msg["method"], JSON.decode(payload))
        with self._lock:
            seq = self._add(kind, _handled.get(), topic, msg["method"], payload)
            if kind == "fanout_cast":
                self._fanouts[says].append((seq, set()))
            else:
                self._sent[says].append(seq)
                self._sent[says[:-1]].append(seq)
        return seq

    def _answer(self, seq: int, value: Any) -> None:
        """A value has arrived: it is recorded here where it was not where it was given."""
        if seq not in self._answered:
            self._add("reply", seq, JSON.encode(value))

    def _end(self, seq: int) -> None:
        if seq not in self._answered:
            self._add("ending", seq)

    def _raised(self, seq: int, error: BaseException) -> None:
        """What the backend raised at the sender."""
        remote = getattr(self._backend, "RemoteError", RemoteError)
        timeout = getattr(self._backend, "Timeout", Timeout)
        if isinstance(error, timeout):
            self._give_up("timeout", seq)
        elif isinstance(error, remote):
            if seq not in self._answered:
                parts = [getattr(error, name, "") for name in ("exc_type", "value", "traceback")]
                self._add("failure", seq, JSON.encode([str(part) for part in parts]))
        elif self._rows[seq][0] in ("cast", "fanout_cast"):
            self._add("dropped", seq, None)
        else:
            self._give_up("abandoned", seq)

    def _give_up(self, kind: str, seq: int) -> None:
        """Its sender waits no longer."""
        with self._lock:
            self._add(kind, seq)
            self._given_up.add(seq)
            row = self._rows[seq]
            says = _says(row[TOPIC], row[METHOD], JSON.decode(row[PAYLOAD]))
            if seq not in self._matched:
                # It may still be taken, but rather another one is that says the same.
                for known in (says, says[:-1]):
                    self._sent[known].remove(seq)
                    self._overdue[known].append(seq)

    # What is recorded at the consumer

    def _name(self, topic: str) -> str:
        with self._lock:
            return f"{topic}#{next(self._consumers[topic])}"

    def _take(
        self, topic: str, method: str, context: Any, args: Any, name: str, fanout: bool
    ) -> tuple[int, bool]:
        """The taken row of a message, and whether its sender waits for an answer."""
        wire = to_wire(context)
        says = _says(topic, method, [wire, args])
        with self._lock:
            seq = self._find_fanout(says, name) if fanout else self._find_sent(says)
            if seq is None:  # the backend may have given it once more
                seq = self._newest_fanout(says) if fanout else self._newest.get(says)
            if seq is None:
                kind = "fanout_cast" if fanout else "cast"
                payload = JSON.encode([wire, args, {"sent": "elsewhere"}])
                seq = self._add(kind, None, topic, method, payload)
            asks = self._rows[seq][0] in ("call", "multicall")
            if asks:
                self._answered.add(seq)
            return self._add("taken", seq, name), asks

    def _find_sent(self, says: tuple[str, ...]) -> int | None:
        # A context may have grown on its way, by what a factory makes of it; the args have not.
        for known in (says, says[:-1]):
            for left in (self._sent.get(known), self._overdue.get(known)):
                while left:
                    seq = left.popleft()
                    if seq not in self._matched:
                        self._matched.add(seq)
                        self._newest[says] = seq
                        return seq
        return None

    def _find_fanout(self, says: tuple[str, ...], name: str) -> int | None:
        for seq, takers in self._fanouts.get(says, ()):
            if name not in takers:
                takers.add(name)
                return seq
        return None

    def _newest_fanout(self, says: tuple[str, ...]) -> int | None:
        heard = self._fanouts.get(says)
        return heard[-1][0] if heard else None


class RecordedConnection:
    """A connection of the backend, whose consumers are recorded."""

    def __init__(self, recorder: Recorder, connection: Connection) -> None:
        self._recorder = recorder
        self._connection = connection

    def create_consumer(self, topic: str, proxy: Any, fanout: bool = False) -> Any:
        """As the backend's."""
        if proxy is not None:
            proxy = _Proxy(self._recorder, topic, proxy, fanout)
        return self._connection.create_consumer(topic, proxy, fanout)

    def __enter__(self) -> RecordedConnection:
        return self

    def __exit__(self, *exc: object) -> None:
        self._connection.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


class _Sending:
    """Records what the backend raises meanwhile."""

    def __init__(self, recorder: Recorder, seq: int) -> None:
        self._recorder = recorder
        self._seq = seq

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if error is not None:
            self._recorder._raised(self._seq, error)


class _Values(Iterator[Any]):
    """The values of a multicall."""

    def __init__(self, recorder: Recorder, seq: int, values: Iterator[Any]) -> None:
        self._recorder = recorder
        self._seq = seq
        self._values = values
        self._over = False

    def __next__(self) -> Any:
        __tracebackhide__ = True
        try:
            value = next(self._values)
        except StopIteration:
            if not self._over:
                self._recorder._end(self._seq)
            self._over = True
            raise
        except BaseException as error:
            if not self._over:
                self._recorder._raised(self._seq, error)
            self._over = True
            raise
        self._recorder._answer(self._seq, value)
        return value

    def close(self) -> None:
        """Abandon the call."""
        if not self._over:
            self._over = True
            self._recorder._give_up("abandoned", self._seq)
        close = getattr(self._values, "close", None)
        if close is not None:
            close()


class _Proxy:
    """Records what each method of a proxy is asked, and what it gives."""

    def __init__(self, recorder: Recorder, topic: str, proxy: Any, fanout: bool) -> None:
        self.__recorder = recorder
        self.__topic = topic
        self.__proxy = proxy
        self.__fanout = fanout
        self.__name = recorder._name(topic)

    def __getattr__(self, method: str) -> Any:
        found = getattr(self.__proxy, method)
        if not callable(found):
            return found

        def handle(*unnamed: Any, **args: Any) -> Any:
            recorder = self.__recorder
            context = args.pop("context", None)
            taken, asks = recorder._take(
                self.__topic, method, context, args, self.__name, self.__fanout
            )
            return _Handling(recorder, taken, asks).run(found, unnamed, context, args)

        return handle


class _Handling:
    """One message that is handled."""

    def __init__(self, recorder: Recorder, taken: int, asks: bool) -> None:
        self._recorder = recorder
        self._taken = taken
        self._asks = asks
        self._ended = False

    def run(self, method: Callable[..., Any], unnamed: Any, context: Any, args: Any) -> Any:
        context = self._listen(context)
        value = self._inside(lambda: method(*unnamed, context=context, **args), ends=False)
        if type(value) is GeneratorType:
            return self._iterate(value)
        self._give(value)
        self._end()
        return value

    def answer(self, relayed: Any, value: Any, ending: bool) -> None:
        """A value by ``context.reply``."""
        self._relay(relayed.reply, value, ending)

    def _relay(self, reply: Callable[..., Any], value: Any, ending: bool) -> None:
        reply(value, ending=ending)
        if ending:
            self._end()
        else:
            self._give(value)

    def _listen(self, context: Any) -> Any:
        """A context whose ``reply`` is recorded, too."""
        if isinstance(context, Context):
            return from_wire(context, (self, context))
        reply = getattr(context, "reply", None)
        if reply is None:
            return context

        def recorded(value: Any = None, *, ending: bool = False) -> None:
            self._relay(reply, value, ending)

        # Where it has no room for it, what the method returns is recorded all the same.
        with suppress(AttributeError, TypeError):
            object.__setattr__(context, "reply", recorded)
        return context

    def _iterate(self, values: Any) -> Iterator[Any]:
        try:
            while True:
                try:
                    value = self._inside(values.__next__, ends=True)
                except StopIteration:
                    break
                self._give(value)
                yield value
        finally:
            values.close()
        self._end()

    def _inside(self, work: Callable[[], Any], *, ends: bool) -> Any:
        """Run the handler's own code: what it sends is sent by it. With ``ends`` a StopIteration is
        no failure."""
        token = _handled.set(self._taken)
        try:
            return work()
        except BaseException as error:
            if ends and isinstance(error, StopIteration):
                raise
            self._ended = True
            text = JSON.encode(describe(error)[:3])
            self._recorder._add("failure", self._taken, text)
            raise
        finally:
            _handled.reset(token)

    def _give(self, value: Any) -> None:
        if not self._asks or self._ended:
            return
        try:
            text = JSON.encode(value)
        except SerializationError as error:
            # What cannot be carried becomes a failure on the way.
            self._ended = True
            self._recorder._add("failure", self._taken, JSON.encode(describe(error)[:3]))
        else:
            kind = "dropped" if self._nobody_waits() else "reply"
            self._recorder._add(kind, self._taken, text)

    def _end(self) -> None:
        if self._asks and not self._ended:
            self._ended = True
            if not self._nobody_waits():
                self._recorder._add("ending", self._taken)

    def _nobody_waits(self) -> bool:
        recorder = self._recorder
        return recorder._rows[self._taken][CAUSE] in recorder._given_up


def _says(topic: str, method: str, payload: Any) -> tuple[str, ...]:
    """What a message says, however it was carried: topic, method, args, and then the context."""
    context, args = (json.dumps(part, sort_keys=True) for part in payload[:2])
    return topic, method, args, context
