"""A scene: one example of one clause, played on a backend.

Whatever a clause does through its scene is written down as a line of Python, so that a violation
comes with a program that shows it."""

from __future__ import annotations

import keyword
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import count
from typing import Any

from rpcfake import rpc
from rpcfake.active import use_backend
from rpcfake.contract.actor import Actor, Listener
from rpcfake.contract.acts import spoil
from rpcfake.contract.forms import FORMS
from rpcfake.contract.harness import harness_of
from rpcfake.contract.history import Event, History
from rpcfake.contract.reading import Reading
from rpcfake.contract.script import Line, Script
from rpcfake.contract.trouble import ODD
from rpcfake.contract.violation import Unknown, Violation, same, tell
from rpcfake.errors import RemoteError, Timeout

_scenes = count(1)

FENCE = "fence"
"""The tag of markers."""

SETTLED = 0.1
"""Seconds in which nothing happened: what can happen has, for a person who looks on."""


class Spawned:
    """A function that runs beside the clause."""

    def __init__(self, fn: Callable[[], Any], line: Line) -> None:
        self._fn = fn
        self.line = line
        """Where the program begins it."""
        self.done = False
        self.value: Any = None
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.value = self._fn()
        except BaseException as error:
            self.error = error
        self.done = True


class Caught(list[BaseException]):
    """The error that a body was to raise."""

    line: Line

    def expression(self, attribute: str) -> str:
        """How the program gets at an attribute of it."""
        return f"str({self.line.named('caught')}[0].{attribute})"


class Scene:
    """The stage on which a clause plays: a backend, its harness, and a history.

    Args:
        backend: what is judged.
        patience: seconds after which something that should happen counts as not happening.
    """

    def __init__(self, backend: Any, patience: float = 2.0) -> None:
        self.backend = backend
        self.patience = patience
        self.harness = harness_of(backend)
        self.RemoteError: type[Exception] = getattr(backend, "RemoteError", RemoteError)
        self.Timeout: type[Exception] = getattr(backend, "Timeout", Timeout)
        self.concurrency: int = getattr(backend, "concurrency", 32)
        self.history = History(self._noted)
        self._times: list[float] = []
        self._began = self.now()
        self.script = Script()
        self.broken: Violation | None = None
        """What it ended with, if a rule was broken."""
        self.failed: BaseException | None = None
        """What the backend raised last, unless that was expected."""
        self.pulse = 0
        """Grows with everything that happens; a judge sees by it that the scene is alive."""
        self._number = f"{os.getpid():x}.{next(_scenes):x}"
        self._connections: list[Any] = []
        self._given: list[tuple[Any, Line]] = []
        self._topics: list[str] = []
        self._gates: set[str] = set()
        self._names = count(1)
        self._spawned: list[Spawned] = []

    def _stir(self) -> None:
        self.pulse += 1
        poke = getattr(self.harness, "poke", None)
        if poke is not None:
            poke()

    def _noted(self) -> None:
        self._times.append(self.now() - self._began)
        self._stir()

    @property
    def program(self) -> list[str]:
        """What was done so far, as lines of Python."""
        return self.script.lines

    def write(self, text: str, name: str = "") -> Line:
        """Add a line to the program, which gives what is to go by this name."""
        self.pulse += 1
        return self.script.write(text, name)

    def keep(self, value: Any, name: str) -> Any:
        """Give a value a name in the program too: what is to be changed has to be one object."""
        self.script.keep(value, name)
        return value

    def spoil(self, value: Any) -> None:
        """Change every list and dict in a value in place."""
        self.write(f"scene.spoil({self.script.expression(value) or self.script.source(value)})")
        spoil(value)

    def odd(self, which: str) -> Any:
        """A value that JSON can't carry, by its name in `ODD`."""
        value = ODD[which]()
        self.script.keep(value, f"odd{next(self._names)}", f"scene.odd({which!r})")
        return value

    def has(self, capability: str) -> bool:
        """Whether the backend claims a capability."""
        return capability not in (getattr(self.backend, "unsupported", None) or {})

    # Putting up

    def topic(self, name: str = "") -> str:
        """A topic that nobody else uses; a name makes it part of it."""
        topic = f"{name or 't'}-{self._number}-{len(self._topics) + 1}"
        return self.own(topic)

    def own(self, topic: str) -> str:
        """Say that the scene uses this topic: what it leaves on a broker is deleted at the end."""
        if topic not in self._topics:
            self._topics.append(topic)
        return topic

    def actor(self, name: str = "") -> Actor:
        """A proxy that notes what it is asked."""
        actor = Actor(self, name or f"actor{next(self._names)}")
        self._put_up(actor, "actor", name)
        return actor

    def listener(self, name: str = "") -> Listener:
        """A proxy that has every method, and notes the order in which they are looked up."""
        listener = Listener(self, name or f"listener{next(self._names)}")
        self._put_up(listener, "listener", name)
        return listener

    def _put_up(self, proxy: Actor | Listener, kind: str, name: str) -> None:
        variable = f"{kind}{next(self._names)}" if name else proxy._name
        self.script.keep(proxy, variable, f"scene.{kind}({repr(name) if name else ''})")

    def connect(self, new: bool = True) -> Any:
        """A connection, closed at the end of the scene."""
        name = f"connection{len(self._connections) + 1}"
        line = self.write(f"scene.connect({'' if new else 'new=False'})", name)
        with self._remarked(line):
            connection = self.backend.create_connection(new)
        self._connections.append(connection)
        return connection

    def declare(self, connection: Any, topic: str, proxy: Any, fanout: bool = False) -> None:
        """``connection.create_consumer``."""
        self.own(topic)
        shown = f"{self._named(connection)}, {self.script.source(topic)}, {self._actor(proxy)}"
        line = self.write(f"scene.declare({shown}{', fanout=True' if fanout else ''})")
        with self._remarked(line):
            connection.create_consumer(topic, proxy, fanout)

    def start(self, connection: Any) -> None:
        """``connection.consume_in_thread``."""
        with self._remarked(self.write(f"scene.start({self._named(connection)})")):
            connection.consume_in_thread()

    def close(self, connection: Any) -> None:
        """``connection.close``."""
        with self._remarked(self.write(f"scene.close({self._named(connection)})")):
            connection.close()

    def close_beside(self, connection: Any) -> Spawned:
        """``connection.close`` beside the clause."""
        line = self.write(f"scene.close_beside({self._named(connection)})")
        return self._spawn(connection.close, line)

    @contextmanager
    def entered(self, connection: Any) -> Iterator[Any]:
        """``with connection as …``; gives what that gives."""
        with self.script.inside(f"with {self._named(connection)}") as line, connection as given:
            self._given.append((given, line))
            yield given

    def close_numbered(self, number: int) -> None:
        """``close`` of the connection that the program calls by this number."""
        self._connections[number - 1].close()

    def serve(self, proxy: Any, topic: str | None = None, fanout: bool = False) -> str:
        """Put a proxy behind a topic, started, on a connection of its own; gives the topic."""
        if topic is None:
            topic = self.topic()
        connection = self.connect()
        self.declare(connection, topic, proxy, fanout)
        self.start(connection)
        return topic

    def consumers(self, layout: list[int], topic: str, fanout: bool = False) -> list[Actor]:
        """Actors that read one topic, all started.

        Args:
            layout: for each actor the number of its connection; equal numbers share one.
        """
        actors = [self.actor() for _ in layout]
        connections = {number: self.connect() for number in sorted(set(layout))}
        for actor, number in zip(actors, layout, strict=True):
            self.declare(connections[number], topic, actor, fanout)
        for connection in connections.values():
            self.start(connection)
        return actors

    def _named(self, connection: Any) -> str:
        for number, known in enumerate(self._connections, 1):
            if known is connection:
                return f"connection{number}"
        for known, line in self._given:
            if known is connection:
                return line.named("given")
        return repr(connection)

    def _actor(self, proxy: Any) -> str:
        return self.script.expression(proxy) or f"{type(proxy).__name__}()"

    # Sending, on the backend's own functions

    def call(
        self,
        topic: str,
        method: str,
        /,
        *,
        context: Any = None,
        timeout: float | None = None,
        **args: Any,
    ) -> Any:
        """Call a method, and note what came of it."""
        line = self._sent("call", topic, method, context, timeout, args)
        return self._came_of(line, lambda: self._call(topic, method, context, timeout, args))

    def call_beside(
        self,
        topic: str,
        method: str,
        /,
        *,
        context: Any = None,
        timeout: float | None = None,
        **args: Any,
    ) -> Spawned:
        """`call` beside the clause; `result` gives what came of it."""
        line = self._sent("call_beside", topic, method, context, timeout, args, "call")
        return self._spawn(lambda: self._call(topic, method, context, timeout, args), line)

    def _call(
        self, topic: str, method: str, context: Any, timeout: float | None, args: dict[str, Any]
    ) -> Any:
        try:
            value = self.backend.call(
                {} if context is None else context,
                topic,
                {"method": method, "args": args},
                self.patience if timeout is None else timeout,
            )
        except BaseException as error:
            self.history.add(Event(self.outcome(error), args.get("tag"), "caller", "call"))
            raise
        self.history.add(Event("value", args.get("tag"), "caller", "call", value=value))
        return value

    def multicall(
        self,
        topic: str,
        method: str,
        /,
        *,
        context: Any = None,
        timeout: float | None = None,
        **args: Any,
    ) -> Reading:
        """Start a multicall; gives an iterator over the bare values."""
        line = self._sent("multicall", topic, method, context, timeout, args)
        with self._remarked(line):
            values = self.backend.multicall(
                {} if context is None else context,
                topic,
                {"method": method, "args": args},
                self.patience if timeout is None else timeout,
            )
            return Reading(self, line.named("values"), args.get("tag"), values)

    def cast(self, topic: str, method: str, /, *, context: Any = None, **args: Any) -> Any:
        """Cast a message; gives what the backend's function returned."""
        return self._cast("cast", topic, method, context, args)

    def fanout_cast(self, topic: str, method: str, /, *, context: Any = None, **args: Any) -> Any:
        """Cast a message to all fanout consumers; gives what the backend's function returned."""
        return self._cast("fanout_cast", topic, method, context, args)

    def _cast(self, kind: str, topic: str, method: str, context: Any, args: dict[str, Any]) -> Any:
        line = self._sent(kind, topic, method, context, None, args)
        send, msg = getattr(self.backend, kind), {"method": method, "args": args}
        return self._came_of(line, lambda: send({} if context is None else context, topic, msg))

    def send(
        self, kind: str, context: Any, topic: Any, msg: Any, timeout: float | None = None
    ) -> Any:
        """One of the four functions with these very arguments; gives what it returned, of a
        multicall to be read as a `multicall` is."""
        more = [] if timeout is None else [timeout]
        shown = "".join(f", {self.script.source(each)}" for each in (context, topic, msg, *more))
        line = self.write(f"scene.send({kind!r}{shown})")
        if isinstance(topic, str):
            self.own(topic)
        send = getattr(self.backend, kind)
        return self._sent_as(kind, line, lambda: send(context, topic, msg, *more))

    def _sent_as(self, kind: str, line: Line, run: Callable[[], Any]) -> Any:
        if kind != "multicall":
            return self._came_of(line, run)
        with self._remarked(line):
            return Reading(self, line.named("values"), None, run())

    def call_as(self, form: str, wire: dict[str, Any], topic: str, method: str, **args: Any) -> Any:
        """Call with a context in one of the `FORMS`."""
        self.own(topic)
        source = self.script.source
        more = "".join(f", {name}={source(value)}" for name, value in args.items())
        line = self.write(
            f"scene.call_as({form!r}, {source(wire)}, {source(topic)}, {method!r}{more})"
        )
        msg = {"method": method, "args": args}
        call = self.backend.call
        return self._came_of(line, lambda: call(FORMS[form](wire), topic, msg, self.patience))

    def _sent(
        self,
        verb: str,
        topic: str,
        method: str,
        context: Any,
        timeout: Any,
        args: dict[str, Any],
        kind: str = "",
    ) -> Line:
        """Note a sending; gives its line."""
        self.own(topic)
        source = self.script.source
        more = "".join(f", {name}={source(value)}" for name, value in args.items())
        if not all(name.isidentifier() and not keyword.iskeyword(name) for name in args):
            more = f", **{source(args)}"
        if context is not None:
            more += f", context={source(context)}"
        if timeout is not None:
            more += f", timeout={source(timeout)}"
        line = self.write(f"scene.{verb}({source(topic)}, {source(method)}{more})")
        self.history.add(Event("sent", args.get("tag"), "sender", kind or verb, topic))
        return line

    @contextmanager
    def _remarked(self, line: Line) -> Iterator[None]:
        """What is raised is told beside the line."""
        try:
            yield
        except BaseException as error:
            line.remark(f"raised {type(error).__name__}: {tell(str(error))}")
            self.failed = error
            raise

    def _came_of(self, line: Line, run: Callable[[], Any]) -> Any:
        """What came of it is told beside the line, and remembered by it."""
        with self._remarked(line):
            value = run()
        self.pulse += 1
        if value is not None or "cast(" not in line.text:
            line.remark(f"gave {tell(value)}")
        self.script.remember(value, lambda: line.named("given"))
        return value

    def outcome(self, error: BaseException) -> str:
        """What an error means to the history."""
        return "timed_out" if isinstance(error, self.Timeout) else "failed"

    # Sending, as users do: through the functions of `rpcfake`

    def facade(self, kind: str, context: Any, topic: Any, msg: Any) -> Any:
        """``rpcfake.call(context, topic, msg)`` or another of the four, with this backend
        active."""
        shown = "".join(f", {self.script.source(each)}" for each in (context, topic, msg))
        line = self.write(f"scene.facade({kind!r}{shown})")
        more = {"timeout": self.patience} if kind in ("call", "multicall") else {}

        def run() -> Any:
            with use_backend(self.backend):
                return getattr(rpc, kind)(context, topic, msg, **more)

        return self._sent_as(kind, line, run)

    # Letting things happen

    def spawn(self, fn: Callable[[], Any]) -> Spawned:
        """Run a function beside the clause."""
        line = self.write("scene.spawn()")
        return self._spawn(fn, line, self.script.beside)

    def _spawn(
        self,
        fn: Callable[[], Any],
        line: Line,
        written: Callable[[Line, Callable[[], None]], Callable[[], None]] = lambda _, run: run,
    ) -> Spawned:
        spawned = Spawned(fn, line)

        def run() -> None:
            spawned.run()
            self._stir()

        self._spawned.append(spawned)
        self.harness.spawn(written(line, run))
        return spawned

    def result(self, spawned: Spawned, what: str) -> Any:
        """What came of it, once it is done; raises `Violation` where it does not get done."""
        line = self.write(f"scene.result({spawned.line.named('beside')}, {what!r})")
        if not self._comes(lambda: spawned.done):
            raise self._broken(f"{what} to come back", "it did not", line)

        def outcome() -> Any:
            if spawned.error is not None:
                raise spawned.error
            return spawned.value

        return self._came_of(line, outcome)

    @property
    def over(self) -> bool:
        """Whether the scene has ended."""
        return "*" in self._gates

    def sleep(self, seconds: float) -> None:
        """Let time pass, virtual or real."""
        self.write(f"scene.sleep({seconds!r})")
        self.harness.sleep(seconds)
        self.pulse += 1

    def now(self) -> float:
        """The harness's time in seconds."""
        return float(self.harness.now())

    @contextmanager
    def interrupted(self) -> Iterator[None]:
        """While the ``with`` lasts, the backend can't reach its broker.

        Raises `Unknown` where the harness can't do that."""
        interrupt = getattr(self.harness, "interrupt", None)
        if interrupt is None:
            raise Unknown("the backend's harness can't interrupt the broker: no interrupt()")
        with self.script.inside("with scene.interrupted()"), interrupt():
            yield

    def open_gate(self, gate: str) -> None:
        """Let those pass who wait at a gate, and all who come to it later."""
        self.write(f"scene.open_gate({gate!r})")
        self.unlock(gate)

    def unlock(self, gate: str) -> None:
        """`open_gate` for a handler: the program does not do it, the actor does."""
        self._gates.add(gate)
        self._stir()

    def release(self) -> None:
        """Let everybody go who waits at a gate."""
        self.unlock("*")

    def pass_gate(self, gate: str) -> None:
        """Wait, in a handler, until the gate is open (or the scene has ended)."""
        self.harness.wait_until(lambda: gate in self._gates or self.over, 60.0)

    def happens(self, predicate: Callable[[], object]) -> bool:
        """Whether the predicate comes true within the scene's patience."""
        self.write("scene.settle()")
        return self._comes(predicate)

    def _comes(self, predicate: Callable[[], object]) -> bool:
        return bool(self.harness.wait_until(predicate, self.patience))

    def settle(self) -> None:
        """Wait until nothing more happens for a while, for a program that can't say what it waits
        for."""
        seen, end = -1, self.now() + self.patience
        while len(self.history) != seen and self.now() < end:
            seen = len(self.history)
            self.harness.sleep(SETTLED)

    def show(self) -> None:
        """Print what has happened so far, and when."""
        self.settle()
        for time, event in zip(self._times, self.history, strict=False):
            print(f"{time:7.3f} s  {event}")

    def taken(self, who: Actor | None = None) -> list[Any]:
        """The tags that were taken so far, by one actor or by all, in that order."""
        events = self.history.of("taken", None if who is None else who._name)
        tags = [event.request for event in events]
        actor = "" if who is None else self._actor(who)
        self.script.remember(tags, lambda: f"scene.taken({actor})")
        return tags

    def looked_up(self, who: Listener) -> list[str]:
        """The methods that were looked up so far, in the order in which they first were."""
        events = self.history.of("looked_up", who._name)
        methods = list(dict.fromkeys(str(event.request) for event in events))
        self.script.remember(methods, lambda: f"scene.looked_up({self._actor(who)})")
        return methods

    def await_taken(self, number: int, *who: Actor) -> list[Any]:
        """Wait until so many messages were taken, by these actors together or by all; gives the
        tags.

        Raises `Violation` where they are not within the scene's patience.
        """
        names = [actor._name for actor in who]

        def tags() -> list[Any]:
            events = self.history.of("taken")
            return [event.request for event in events if not names or event.who in names]

        line = self.write(f"scene.await_taken({number}{self._actors(who)})")
        if not self._comes(lambda: len(tags()) >= number):
            raise self._broken(f"{number} messages to be taken", f"only {tell(tags())} were", line)
        found = tags()
        self.script.remember(found, lambda: line.named("taken"))
        return found

    def _actors(self, who: Iterable[Actor]) -> str:
        return "".join(f", {self._actor(actor)}" for actor in who)

    def await_once(self, tags: list[Any], what: str, *who: Actor, each: int = 1) -> None:
        """Wait until all these were taken, by these actors together or by all; then judge.

        Fences are not counted. A second taking shows only if it has happened by now: let a fence
        come through first.

        Args:
            each: how often each was to be taken.
        """
        names = [actor._name for actor in who]

        def counts() -> Counter[Any]:
            return Counter(
                event.request
                for event in self.history.of("taken")
                if event.request != FENCE and (not names or event.who in names)
            )

        line = self.write(
            f"scene.await_once({self.script.source(tags)}, {what!r}{self._actors(who)}"
            f"{'' if each == 1 else f', each={each}'})"
        )
        expected = Counter(dict.fromkeys(tags, each))
        self._comes(lambda: counts() >= expected)
        found = counts()
        said = [
            f"{word}: {tell(sorted(some, key=str))}"
            for word, some in (
                ("lost", [tag for tag in expected if found[tag] < each]),
                ("more than once", [tag for tag in expected if found[tag] > each]),
                ("unexpected", [tag for tag in found if tag not in expected]),
            )
            if some
        ]
        if said:
            raise self._broken(what, "; ".join(said), line)

    def fence(self, topic: str, number: int = 1) -> None:
        """Let what was sent to a topic before come through: a marker goes the same way behind it.

        Args:
            number: how many consumers share the topic; there is a marker for each.
        """
        more = "" if number == 1 else f", {number}"
        line = self.write(f"scene.fence({self.script.source(topic)}{more})")
        with self._remarked(line), self.script.muted():
            for _ in range(number):
                self.call(topic, "give", tag=FENCE)

    def fanout_fence(self, topic: str, *actors: Actor) -> None:
        """As `fence`, for these fanout consumers."""

        def passed() -> list[int]:
            return [self.taken(actor).count(FENCE) for actor in actors]

        line = self.write(f"scene.fanout_fence({self.script.source(topic)}{self._actors(actors)})")
        with self.script.muted():
            before = passed()
            with self._remarked(line):
                self.fanout_cast(topic, "note", tag=FENCE)
            through = self._comes(
                lambda: all(now > then for now, then in zip(passed(), before, strict=True))
            )
        if not through:
            raise self._broken(
                "a fanout cast to reach every fanout consumer",
                f"of {len(actors)} these took it: {tell(passed())}",
                line,
            )

    # Judging

    def violated(self, expected: str, actual: str) -> Violation:
        """The violation to raise; the scene remembers that it ended with one."""
        return self._broken(expected, actual, self.write("scene.show()"))

    def _broken(self, expected: str, actual: str, line: Line) -> Violation:
        """The violation that a line of the program ends with."""
        line.remark(f"expected {expected}: {actual}")
        self.broken = Violation(expected, actual)
        return self.broken

    def same(self, actual: Any, expected: Any, what: str) -> None:
        """Raise `Violation` unless the values are the same JSON."""
        if not same(actual, expected):
            found, wanted = tell(actual), tell(expected)
            if found == wanted:
                found += f" (of {type(actual).__name__}, or different inside)"
            got = self.script.expression(actual)
            source = self.script.source
            check = "show()" if got is None else f"same({got}, {source(expected)}, {what!r})"
            line = self.write(f"scene.{check}")
            raise self._broken(f"{what} to be {wanted}", f"it was {found}", line)

    def holds(self, condition: object, expected: str, actual: str) -> None:
        """Raise `Violation` unless the condition is true."""
        if not condition:
            raise self.violated(expected, actual)

    def first(self, condition: object, what: str) -> None:
        """Raise `Unknown` unless something is so that the rule is not about, but that it needs."""
        if not condition:
            raise Unknown(what)

    @contextmanager
    def fails(self, *errors: type[BaseException], what: str) -> Iterator[Caught]:
        """Expect one of these errors from the body; a list gets it."""
        caught = Caught()
        names = " or ".join(error.__name__ for error in errors)
        shown = ", ".join(map(self._error, errors))
        with self.script.inside(f"with scene.fails({shown}, what={what!r})") as line:
            caught.line = line
            try:
                yield caught
            except errors as error:
                caught.append(error)
                self.failed = None
            except (Violation, Unknown, KeyboardInterrupt):
                raise
            except BaseException as error:  # a SystemExit of a handler may come out here
                text = f"it raised {type(error).__name__}: {tell(str(error))}"
                raise self._broken(f"{what} to raise {names}", text, line) from error
            if not caught:
                raise self._broken(f"{what} to raise {names}", "it raised nothing", line)

    def _error(self, error: type[BaseException]) -> str:
        """An exception's class in the program."""
        for name in ("RemoteError", "Timeout"):
            if error is getattr(self, name):
                return f"scene.{name}"
        if error.__module__ != "builtins":
            self.script.needs(f"from {error.__module__} import {error.__name__}")
        return error.__name__

    def remote_error(self, what: str, run: Callable[[], Any]) -> tuple[str, str, str]:
        """Expect a RemoteError; gives its exc_type, value and traceback."""
        with self.fails(self.RemoteError, what=what) as caught:
            run()
        told = []
        for name in ("exc_type", "value", "traceback"):
            value = str(getattr(caught[0], name, ""))
            self.script.remember(value, partial(caught.expression, name))
            told.append(value)
        return told[0], told[1], told[2]

    def refused(self, what: str, run: Callable[[], Any]) -> None:
        """Expect that the sender itself refuses, by whichever error.

        A RemoteError or a Timeout is none: something had been sent."""
        with self.refuses(what):
            run()

    @contextmanager
    def refuses(self, what: str) -> Iterator[None]:
        """`refused` for the body."""
        with self.script.inside(f"with scene.refuses({what!r})") as line:
            text = "it raised nothing"
            try:
                yield
            except (Violation, Unknown):
                raise
            except (self.RemoteError, self.Timeout) as error:
                text = f"it was sent, and raised {type(error).__name__}"
            except Exception:
                self.failed = None
                return
            raise self._broken(f"{what} to be refused", text, line)

    # The end

    def end(self) -> None:
        """Let everybody go, close what was opened, and delete what the topics left on a broker."""
        self.release()
        for connection in self._connections:
            with suppress(Exception):
                connection.close()
        self.harness.wait_until(lambda: all(one.done for one in self._spawned), self.patience)
        for topic in self._topics:
            with suppress(Exception):
                self.harness.forget(topic)

    def __enter__(self) -> Scene:
        return self

    def __exit__(self, *exc: object) -> None:
        self.end()


@contextmanager
def play(backend: Any, **options: Any) -> Iterator[Scene]:
    """A scene on a backend by name, for the programs that violations come with."""
    from rpcfake.backends.registry import find_backend

    found = find_backend(backend, **options)
    try:
        with Scene(found) as scene:
            yield scene
    finally:
        close = getattr(found, "close", None)
        if callable(close):
            close()


def program_text(lines: list[str], play: str) -> str:
    """The program of a scene, as a person can run it.

    Args:
        play: the call of `play`.
    """
    imports = [line for line in lines if line.startswith(("import ", "from "))]
    body = [line for line in lines if line not in imports]
    if all(line.startswith("#") for line in body):
        body.append("pass")
    return "\n".join(
        [
            *imports,
            "from rpcfake.contract import play",
            "",
            f"with {play} as scene:",
            *(f"    {line}" for line in body),
            "",
        ]
    )
