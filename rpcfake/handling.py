"""How a message that was taken is handled: the same on every bus (rules CALL, MULTICALL, ERROR,
CONTEXT)."""

from __future__ import annotations

import sys
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from types import GeneratorType, TracebackType
from typing import Any, Protocol

from rpcfake.codec import Codec
from rpcfake.context import ContextFactory, from_wire, rebuild
from rpcfake.errors import RemoteError
from rpcfake.hints import did_you_mean


class Unanswered(Exception):
    """Raised in place of a handler's return: neither a value nor an ending is given (a stub's
    never())."""


class Verbatim(RemoteError):
    """A failure that reaches the caller as it stands here: a stub raises it in a handler's name."""


class Serving(Protocol):
    """A consumer, as far as handling is concerned."""

    @property
    def name(self) -> str: ...
    @property
    def proxy(self) -> Any: ...


class Receiver(ABC):
    """A consumer's proxy that is handed each message whole, and may answer it later, from another
    thread (oslo.messaging's listeners)."""

    @abstractmethod
    def receive(self, delivery: Delivery) -> None:
        """Take a message. What is raised here is the failure of its handling."""


class Answering(Protocol):
    """Takes what a handler gives. A request is whatever the loop hands to `Handling.handle`."""

    def reply(self, now: int, request: Any, text: str, /) -> None:
        """A value."""

    def end(self, now: int, request: Any, /) -> None:
        """No more values."""

    def fail(self, now: int, request: Any, text: str, surfaces: bool, /) -> None:
        """A failure; ``surfaces`` says that whoever drives the bus sees it in any case."""


class Request(Protocol):
    """A message that a consumer took."""

    kind: str
    method: str
    payload: Any
    asks: bool
    """Whether its sender wants an answer."""
    ended: bool
    """Whether it has got the ending."""
    cancelled: bool
    """Whether nobody waits for an answer any more."""

    @property
    def consumer(self) -> Serving | None: ...


class Delivery:
    """A message that a `Receiver` was handed by one of the buses in memory, and how to answer it.

    Whoever handles it calls `begin`, and then one of `reply`, `fail`, `requeue` and `done`."""

    def __init__(self, handling: Handling, envelope: Any) -> None:
        self._handling = handling
        self._broker: Any = handling._broker
        self._envelope = envelope
        self.worker: Any = None
        """What stands on the bus for the thread that handles it."""
        self.kind: str = envelope.kind
        self.method: str = envelope.method
        self.context: dict[str, Any]
        self.args: dict[str, Any]
        self.headers: dict[str, Any]
        self.context, self.args, *more = handling._codec.decode(envelope.payload)
        self.headers = more[0] if more else {}

    @property
    def envelope(self) -> Any:
        """What the broker knows it by."""
        return self._envelope

    def begin(self) -> None:
        """The thread that calls this handles the message from now on."""
        self._handling.adopt(self)

    def reply(self, value: Any) -> None:
        """Answer with a value; one that the codec can't carry makes it a failure."""
        handling, envelope = self._handling, self._envelope
        try:
            text = handling._codec.encode(value) if envelope.asks else ""
        except Exception as error:
            self.fail(error)
            return
        try:
            if envelope.asks:
                self._broker.reply(handling._now(), envelope, text)
                self._broker.end(handling._now(), envelope)
        finally:
            self.done()

    def fail(self, error: BaseException) -> None:
        """Answer with a failure."""
        handling = self._handling
        try:
            text = handling._encode_failure(error)
            self._broker.fail(handling._now(), self._envelope, text, False)
        finally:
            self.done()

    def heartbeat(self) -> None:
        """Tell the caller that the handler is still at it."""
        self._broker.heartbeat(self._handling._now(), self._envelope)

    def requeue(self) -> None:
        """Give it back: it is the next to be taken from its queue."""
        try:
            self._broker.requeue(self._handling._now(), self._envelope)
        finally:
            self.done()

    def done(self) -> None:
        """Nobody handles it any more."""
        self._handling.finish(self)


class Handling:
    """Runs the handlers of one bus; the loop calls `handle` in a worker of its own."""

    describe: Callable[[BaseException], list[Any]] = staticmethod(lambda error: describe(error))
    """What crosses the bus for an exception: three texts, and maybe more for those who know it."""

    def __init__(
        self,
        broker: Answering,
        codec: Codec,
        now: Callable[[], int],
        context_factory: ContextFactory | None,
    ) -> None:
        self._broker = broker
        self._codec = codec
        self._now = now
        self._context_factory = context_factory
        self.closed = False
        """What a handler raises after the bus was closed is the closing itself: it is not
        recorded."""

    def handle(self, envelope: Request) -> BaseException | None:
        """Call the method that a message asks for, and give what it gives.

        Never raises. Returns the exception that the handler raised and that belongs to whoever
        drives the bus (see `surfaces`), else None."""
        try:
            consumer: Any = envelope.consumer
            if isinstance(consumer.proxy, Receiver):
                self.hand_over(Delivery(self, envelope), consumer.proxy)
                return None
            context, args = self._open(envelope)
            method = self._find(envelope)
            context = from_wire(context, (self, envelope))
            if self._context_factory is not None:
                context = rebuild(context, self._context_factory)
            value = method(context=context, **args)
            if type(value) is GeneratorType:
                self._drain(envelope, value)
            elif envelope.asks and not envelope.ended:
                self._broker.reply(self._now(), envelope, self._codec.encode(value))
            if envelope.asks:
                self._broker.end(self._now(), envelope)
        except Unanswered:
            pass
        except BaseException as error:
            if self.closed:
                return None
            surfacing = surfaces(error)
            if surfacing:
                self.surface(error)
            self._broker.fail(self._now(), envelope, self._encode_failure(error), surfacing)
            if surfacing:
                return error
        return None

    def hand_over(self, delivery: Delivery, receiver: Receiver) -> None:
        """Hand a message to its receiver, who answers it."""
        receiver.receive(delivery)

    def adopt(self, delivery: Delivery) -> None:
        """Told that the thread which calls this handles a message that was handed over."""

    def finish(self, delivery: Delivery) -> None:
        """Told that a message which was handed over is handled no more."""

    def surface(self, error: BaseException) -> None:
        """Told what `handle` will return, before the caller is told that its call failed."""

    def answer(self, envelope: Any, value: Any, ending: bool) -> None:
        """Give a value, or the ending, before the method has returned: ``context.reply()``."""
        if ending:
            self._broker.end(self._now(), envelope)
        elif envelope.asks:
            self._broker.reply(self._now(), envelope, self._codec.encode(value))

    def _encode_failure(self, error: BaseException) -> str:
        """The codec's text of a failure, also where its texts are what the codec can't carry."""
        try:
            return self._codec.encode(self.describe(error))
        except Exception as broken:
            told = f"<the codec could not carry the failure: {type(broken).__name__}>"
            return self._codec.encode([type(error).__name__, told, ""])

    def _open(self, envelope: Any) -> tuple[Any, dict[str, Any]]:
        """Context and args of a message."""
        context, args, *_ = self._codec.decode(envelope.payload)
        return context, args

    def _find(self, envelope: Any) -> Callable[..., Any]:
        """The method that a message names, of its consumer's proxy; AttributeError where it has
        none."""
        name = envelope.method
        consumer: Any = envelope.consumer
        if not name.startswith("_"):
            method = getattr(consumer.proxy, name, _MISSING)
            if method is not _MISSING:
                return method  # type: ignore[no-any-return]
        raise no_method(consumer, name)

    def _drain(self, envelope: Request, values: GeneratorType[Any, Any, Any]) -> None:
        """Give each value of a generator at once; close it when the caller of a multicall is
        gone."""
        try:
            for value in values:
                if envelope.asks:
                    self._broker.reply(self._now(), envelope, self._codec.encode(value))
                if envelope.cancelled and envelope.kind == "multicall":
                    break
        finally:
            values.close()


_MISSING: Any = object()


def no_method(consumer: Serving, name: str) -> AttributeError:
    """Why a consumer's proxy does not serve a method: it has none, or it is private."""
    proxy = consumer.proxy
    who = f"{consumer.name} ({type(proxy).__name__})"
    if name.startswith("_"):
        return AttributeError(f"{who} does not serve private methods: {name!r}")
    return AttributeError(
        f"{who} has no method {name!r}{did_you_mean(name, public_methods(proxy))}"
    )


def public_methods(proxy: Any) -> list[str]:
    """The names of methods that a message to this proxy may name, as far as the proxy tells."""
    try:
        names = dir(proxy)
    except Exception:
        return []
    return [name for name in names if not name.startswith("_")]


def describe(error: BaseException) -> list[str]:
    """What crosses the bus for an exception: the name of its class, its str(), and its
    traceback."""
    if isinstance(error, Verbatim):
        return [error.exc_type, error.value, error.traceback]
    try:
        value = str(error)
    except BaseException as broken:
        value = f"<str() of the {type(error).__name__} raised {type(broken).__name__}>"
    return [type(error).__name__, value, _format(error)]


_HERE = Path(__file__).parent
_BUS = str(_HERE)
_GUESTS = (str(_HERE / "contract"), str(_HERE / "_examples"))
"""Handlers may live here though it is this package: what a judge asks, and the example project."""


def _format(error: BaseException) -> str:
    """The traceback as text, from the handler's own first line on: the frames of the bus say
    nothing."""
    frames: TracebackType | None = error.__traceback__
    while frames is not None and _is_of_the_bus(frames.tb_frame.f_code.co_filename):
        frames = frames.tb_next
    try:
        return "".join(traceback.format_exception(type(error), error, frames))
    except BaseException as broken:
        return f"<the traceback could not be formatted: {type(broken).__name__}>\n"


def _is_of_the_bus(filename: str) -> bool:
    return filename.startswith(_BUS) and not filename.startswith(_GUESTS)


def surfaces(error: BaseException) -> bool:
    """Whether a handler's exception is meant for whoever drives the bus: KeyboardInterrupt, and
    what a test runner raises to end a test (pytest's and unittest's outcomes, Hypothesis's control
    flow)."""
    if isinstance(error, KeyboardInterrupt):
        return True
    return any(isinstance(error, outcome) for outcome in _outcomes())


_OUTCOMES = (
    ("_pytest.outcomes", ("OutcomeException", "Exit")),
    ("unittest.case", ("SkipTest", "_ShouldStop")),
    ("hypothesis.errors", ("StopTest", "UnsatisfiedAssumption")),
)


def _outcomes() -> list[type[BaseException]]:
    # Only where the runner is loaded already: a bus must not import one.
    found = []
    for module, names in _OUTCOMES:
        loaded = sys.modules.get(module)
        found += [getattr(loaded, name) for name in names if hasattr(loaded, name)]
    return found
