"""A correct backend written on its own: plain threads and locks, nothing of our core.

It shows that the contract asks for what the rules say, and not for how our buses happen to work. It
is as simple as the rules allow: one lock, a thread for each message."""

from __future__ import annotations

import copy
import itertools
import json
import threading
import time
import traceback
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

FOREVER = 10**9


class Failed(Exception):
    """The remote method failed."""

    def __init__(self, exc_type: str, value: str, traceback: str) -> None:
        super().__init__(exc_type, value, traceback)
        self.exc_type, self.value, self.traceback = exc_type, value, traceback


class TooLate(Exception):
    """No answer in time."""


class Refused(Exception):
    """A message, topic, value or connection that is not accepted."""


def to_text(value: Any) -> str:
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise Refused(str(error)) from None


class Context(dict[str, Any]):
    """The context of a handler."""

    def __init__(self, values: Mapping[str, Any], request: Request) -> None:
        super().__init__(values)
        self.__dict__["_request"] = request

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def __deepcopy__(self, memo: dict[int, Any]) -> Context:
        return Context(copy.deepcopy(dict(self), memo), self.__dict__["_request"])

    def to_dict(self) -> dict[str, Any]:
        return dict(self)

    def reply(self, value: Any = None, ending: bool = False) -> None:
        if ending:
            self.__dict__["_request"].finish()
        else:
            self.__dict__["_request"].give(value)


class Request:
    """One message on its way, and what its handler gave."""

    def __init__(self, kind: str, text: str, deadline: float) -> None:
        self.kind, self.text, self.deadline = kind, text, deadline
        self.changed = threading.Condition()
        self.values: deque[str] = deque()
        self.failure: list[str] | None = None
        self.over = False
        self.gone = False

    @property
    def asks(self) -> bool:
        return self.kind in ("call", "multicall")

    def give(self, value: Any) -> None:
        if not self.asks:
            return
        text = to_text(value)
        with self.changed:
            if not self.over:
                self.values.append(text)
                self.changed.notify_all()

    def finish(self, failure: list[str] | None = None) -> None:
        with self.changed:
            if not self.over:
                self.over, self.failure = True, failure
                self.changed.notify_all()

    def wait(self, deadline: float) -> None:
        """Until there is a value or the end."""
        with self.changed:
            while not (self.values or self.over):
                left = deadline - time.monotonic()
                if left <= 0:
                    self.gone = True
                    raise TooLate("no answer")
                self.changed.wait(min(left, FOREVER))

    def wait_for_end(self, deadline: float) -> None:
        with self.changed:
            while not self.over:
                left = deadline - time.monotonic()
                if left <= 0:
                    self.gone = True
                    raise TooLate("no answer")
                self.changed.wait(min(left, FOREVER))


class Queue:
    """Requests, and the readers who take turns."""

    def __init__(self) -> None:
        self.requests: deque[Request] = deque()
        self.readers: deque[Reader] = deque()


class Reader:
    """One consumer, with its own order of lookups."""

    def __init__(self, queue: Queue, proxy: Any) -> None:
        self.queue, self.proxy = queue, proxy
        self.last = threading.Event()
        self.last.set()


class PlainBackend:
    """The five functions."""

    RemoteError = Failed
    Timeout = TooLate
    has_broker = False

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.shared: dict[str, Queue] = {}
        self.fanouts: dict[str, list[Queue]] = {}
        self.numbers = itertools.count(1)

    def create_connection(self, new: bool = True) -> PlainConnection:
        return PlainConnection(self)

    def call(self, context: Any, topic: str, msg: Any, timeout: float | None = None) -> Any:
        deadline = time.monotonic() + min(60 if timeout is None else timeout, FOREVER)
        request = self.send("call", context, topic, msg, deadline)
        request.wait_for_end(deadline)
        if request.failure is not None:
            raise Failed(*request.failure)
        return json.loads(request.values[-1]) if request.values else None

    def multicall(
        self, context: Any, topic: str, msg: Any, timeout: float | None = None
    ) -> PlainValues:
        seconds = min(60 if timeout is None else timeout, FOREVER)
        deadline = time.monotonic() + seconds
        return PlainValues(self.send("multicall", context, topic, msg, deadline), seconds)

    def cast(self, context: Any, topic: str, msg: Any) -> None:
        self.send("cast", context, topic, msg, time.monotonic() + FOREVER)

    def fanout_cast(self, context: Any, topic: str, msg: Any) -> None:
        self.send("fanout_cast", context, topic, msg, time.monotonic() + FOREVER)

    def send(self, kind: str, context: Any, topic: str, msg: Any, deadline: float) -> Request:
        check_topic(topic)
        if not isinstance(msg.get("args", {}), dict):
            raise Refused("args must be a dict")
        if context is None:
            context = {}
        elif not isinstance(context, Mapping):
            context = context.to_dict()
        text = to_text([dict(context), msg["method"], msg.get("args", {})])
        with self.lock:
            if kind == "fanout_cast":
                for queue in self.fanouts.get(topic, []):
                    queue.requests.append(Request(kind, text, deadline))
                    self.serve(queue)
                return Request(kind, text, deadline)
            request = Request(kind, text, deadline)
            if topic in self.shared:
                self.shared[topic].requests.append(request)
                self.serve(self.shared[topic])
            return request

    def serve(self, queue: Queue) -> None:
        """Give what waits to the readers in turn; the lock is held."""
        while queue.requests and queue.readers:
            request = queue.requests.popleft()
            if request.gone or time.monotonic() > request.deadline:
                continue
            reader = queue.readers[0]
            queue.readers.rotate(-1)
            before, reader.last = reader.last, threading.Event()
            arguments = (request, reader.proxy, before, reader.last)
            threading.Thread(target=handle, args=arguments, daemon=True).start()


def handle(
    request: Request, proxy: Any, before: threading.Event, looked_up: threading.Event
) -> None:
    """Run one handler."""
    try:
        try:
            values, name, args = json.loads(request.text)
            before.wait()
            if name.startswith("_"):
                raise AttributeError(f"private: {name}")
            method = getattr(proxy, name)
        finally:
            looked_up.set()
        result = method(context=Context(values, request), **args)
        if isinstance(result, Iterator) and hasattr(result, "gi_frame"):
            for value in result:
                request.give(value)
                if request.gone:
                    result.close()
                    break
        else:
            request.give(result)
        request.finish()
    except BaseException as error:
        try:
            text = str(error)
        except BaseException:
            text = "<no text>"
        request.finish([type(error).__name__, text, traceback.format_exc()])


class PlainValues:
    """The values of a multicall."""

    def __init__(self, request: Request, seconds: float) -> None:
        self.request, self.seconds = request, seconds
        self.over = False

    def __iter__(self) -> PlainValues:
        return self

    def __next__(self) -> Any:
        if self.over:
            raise StopIteration
        try:
            self.request.wait(time.monotonic() + self.seconds)
        except BaseException:
            self.close()
            raise
        with self.request.changed:
            if self.request.values:
                return json.loads(self.request.values.popleft())
        self.over = True
        if self.request.failure is not None:
            raise Failed(*self.request.failure)
        raise StopIteration

    def close(self) -> None:
        self.over = self.request.gone = True

    __del__ = close


class PlainConnection:
    """Consumers that start and close together."""

    def __init__(self, backend: PlainBackend) -> None:
        self.backend = backend
        self.readers: list[tuple[str, Reader]] = []
        self.started = self.closed = False

    def create_consumer(self, topic: str, proxy: Any, fanout: bool = False) -> None:
        check_topic(topic)
        with self.backend.lock:
            self.check()
            if fanout:
                queue = Queue()
                self.backend.fanouts.setdefault(topic, []).append(queue)
            else:
                queue = self.backend.shared.setdefault(topic, Queue())
            reader = Reader(queue, proxy)
            self.readers.append((topic, reader))
            if self.started:
                self.begin(reader)

    def consume_in_thread(self) -> None:
        with self.backend.lock:
            self.check()
            if not self.started:
                self.started = True
                for _, reader in self.readers:
                    self.begin(reader)

    def begin(self, reader: Reader) -> None:
        reader.queue.readers.append(reader)
        self.backend.serve(reader.queue)

    def close(self) -> None:
        with self.backend.lock:
            for topic, reader in self.readers:
                if reader in reader.queue.readers:
                    reader.queue.readers.remove(reader)
                if reader.queue in self.backend.fanouts.get(topic, []):
                    self.backend.fanouts[topic].remove(reader.queue)
            self.closed = True

    def check(self) -> None:
        if self.closed:
            raise Refused("this connection is closed")

    def __enter__(self) -> PlainConnection:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def check_topic(topic: Any) -> None:
    if not isinstance(topic, str) or not topic:
        raise Refused("a topic is a non-empty str")
    try:
        size = len(topic.encode())
    except UnicodeEncodeError:
        raise Refused("a topic must be UTF-8") from None
    if size > 200:
        raise Refused("a topic has at most 200 bytes")
