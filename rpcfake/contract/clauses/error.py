"""ERROR: what goes wrong in a handler is told to its caller, and to nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from hypothesis import strategies as st

from rpcfake.contract.acts import Acts
from rpcfake.contract.clause import MUST, clause
from rpcfake.contract.scene import Scene
from rpcfake.contract.strategies import simple, some, text
from rpcfake.contract.trouble import DEMANDING, EXITS, ODD, ORDINARY, RAISED

some_values = st.lists(simple, min_size=1, max_size=3)
ways = st.sampled_from(["yield", "reply"])
askings = st.sampled_from(["call", "multicall"])

FAILURES: list[tuple[str, dict[str, Any]]] = [
    ("raises", {"error": "ValueError"}),
    ("raises", {"error": "SystemExit"}),
    ("raises", {"error": "GreenletExit"}),
    ("raises", {"error": "ValueError", "how": "yield", "first": [1]}),
    ("no_such_method", {}),
    ("builds", {"no": "such"}),
    ("explodes", {}),
    ("odd", {"which": "object"}),
]
"""Method and args of what fails in each way."""


def ask(scene: Scene, kind: str, topic: str, method: str, **args: Any) -> Any:
    """Call; or multicall, where the backend can, and read to the end."""
    if kind == "call" or not scene.has("multicall"):
        return scene.call(topic, method, **args)
    return list(scene.multicall(topic, method, **args))


def ask_raw(scene: Scene, kind: str, topic: str, method: str, args: Any) -> None:
    """`ask` with args that may be anything."""
    if not scene.has("multicall"):
        kind = "call"
    given = scene.send(kind, {}, topic, {"method": method, "args": args}, scene.patience)
    if kind == "multicall":
        list(given)


def is_told(
    scene: Scene, topic: str, error: str, words: str, kind: str, how: str = "return"
) -> None:
    """Judge that an exception arrives under its own name and with its own text."""
    exc_type, value, _ = scene.remote_error(
        f"a {kind} of a method that raises {error}",
        lambda: ask(scene, kind, topic, "raises", error=error, text=words, how=how),
    )
    scene.same(exc_type, error, "the error's exc_type")
    scene.same(value, str(RAISED[error](words)), "the error's value")


def outcome_of_args(scene: Scene, kind: str, topic: str, args: Any) -> str:
    """What comes of a message with such args: ``refused``, or a text that tells it."""
    try:
        if kind in ("call", "multicall"):
            ask_raw(scene, kind, topic, "give", args)
            return "it raised nothing"
        scene.send(kind, {}, topic, {"method": "give", "args": args})
    except scene.Timeout:
        return "nothing came back in time"
    except Exception:
        return "refused"
    return "refused"  # a cast may be refused where nobody sees it


def given_before(scene: Scene, reading: Iterator[Any], values: list[Any]) -> str:
    """Judge that a multicall gives these values and then a RemoteError; gives its exc_type."""
    got: list[Any] = []
    exc_type, _, _ = scene.remote_error("the multicall", lambda: got.extend(reading))
    scene.same(got, values, "the values before the error")
    return exc_type


def lives_on(scene: Scene, topic: str, after: str) -> None:
    """Judge that the consumer of a topic still answers."""
    scene.same(scene.call(topic, "give", value="alive"), "alive", f"a call after {after}")


def not_handled(scene: Scene, what: str) -> None:
    """Judge that nothing but calls of ``give`` was handled so far."""
    methods = [event.kind for event in scene.history.of("taken") if event.kind != "give"]
    scene.holds(not methods, f"{what} not to be handled", f"handled were {methods}")


@clause(
    "RPC-ERROR-001",
    MUST,
    "A handler's exception is a RemoteError at the caller, with the name of its class and its"
    " str().",
    bugs=("nova LP 699910: exceptions are swallowed",),
    hint="what is caught around the handler, and what of it crosses the wire",
    errors=some(sorted(ORDINARY)),
    words=text,
    kind=askings,
)
def exception_is_remote_error(scene: Scene, errors: list[str], words: str, kind: str) -> None:
    topic = scene.serve(scene.actor())
    for error in errors:
        is_told(scene, topic, error, words, kind)


@clause(
    "RPC-ERROR-002",
    MUST,
    "A RemoteError has a traceback that names the remote line.",
    hint="the traceback is formatted where the exception is caught, before it crosses the wire",
    how=st.sampled_from(["return", "yield"]),
)
def traceback_names_the_line(scene: Scene, how: str) -> None:
    topic = scene.serve(scene.actor())
    _, _, traceback = scene.remote_error(
        "the call", lambda: scene.call(topic, "raises", error="ValueError", how=how)
    )
    raising = (Acts._yields_and_raises if how == "yield" else Acts.raises).__code__
    numbers = {number for _, _, number in raising.co_lines() if number is not None}
    named = raising.co_name in traceback and raising.co_filename in traceback
    scene.holds(
        named and any(f"line {number}," in traceback for number in numbers),
        f"a traceback that names a line of {raising.co_name}() in {raising.co_filename}",
        f"it is {traceback!r}",
    )


@clause(
    "RPC-ERROR-003",
    MUST,
    "An exception whose class demands arguments arrives under its own name too.",
    bugs=("oslo.messaging 001d66e6: it becomes a TypeError",),
    hint="exceptions are made again from their text somewhere: nothing but text should cross",
    error=st.sampled_from(sorted(DEMANDING)),
    kind=askings,
)
def demanding_exception(scene: Scene, error: str, kind: str) -> None:
    is_told(scene, scene.serve(scene.actor()), error, "i-1", kind)


@clause(
    "RPC-ERROR-004",
    MUST,
    "Values that were given before an error are delivered first; then a multicall raises it.",
    needs="multicall",
    hint="a failure must wait in the same queue as the values",
    values=some_values,
    how=ways,
)
def values_come_before_the_error(scene: Scene, values: list[Any], how: str) -> None:
    topic = scene.serve(scene.actor())
    reading = scene.multicall(topic, "raises", error="ValueError", first=values, how=how)
    exc_type = given_before(scene, reading, values)
    scene.same(exc_type, "ValueError", "the error's exc_type")


@clause(
    "RPC-ERROR-005",
    MUST,
    "A call whose handler gave values and then raised ends in the RemoteError.",
    hint="a value that is there is taken for the end",
    values=some_values,
    how=ways,
)
def error_wins_over_values(scene: Scene, values: list[Any], how: str) -> None:
    topic = scene.serve(scene.actor())
    exc_type, _, _ = scene.remote_error(
        "the call",
        lambda: scene.call(topic, "raises", error="ValueError", first=values, how=how),
    )
    scene.same(exc_type, "ValueError", "the error's exc_type")


@clause(
    "RPC-ERROR-006",
    MUST,
    "An unknown method is a RemoteError, and the consumer lives on.",
    bugs=("nova LP 894683: the caller hangs",),
    hint="the look-up of the method stands outside of what answers for the handler",
    method=st.sampled_from(["", "gives", "Give", "give.value", "give ", "no\nsuch"])
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20).map("no {}".format),
    kind=askings,
)
def unknown_method(scene: Scene, method: str, kind: str) -> None:
    topic = scene.serve(scene.actor())
    scene.remote_error(f"a {kind} of {method!r}", lambda: ask(scene, kind, topic, method))
    lives_on(scene, topic, "one of an unknown method")


@clause(
    "RPC-ERROR-007",
    MUST,
    "What is no method, though the proxy has it, is a RemoteError.",
    hint="whether an attribute can be called is asked outside of what answers for the handler",
    kind=askings,
)
def attribute_that_is_no_method(scene: Scene, kind: str) -> None:
    topic = scene.serve(scene.actor())
    scene.remote_error(f"a {kind} of an attribute", lambda: ask(scene, kind, topic, "number"))
    lives_on(scene, topic, "one of an attribute")


@clause(
    "RPC-ERROR-008",
    MUST,
    "A method whose name begins with an underscore is not run: it is a RemoteError.",
    needs="private_methods_refused",
    hint="refuse the name before the proxy is asked for it",
    methods=some(
        ["_private", "__init__", "__class__", "__getattr__", "__str__", "__dict__", "_", "__"]
    ),
    kind=askings,
)
def private_method(scene: Scene, methods: list[str], kind: str) -> None:
    topic = scene.serve(scene.actor())
    for method in methods:
        scene.remote_error(f"a {kind} of {method}", partial(ask, scene, kind, topic, method))
        scene.cast(topic, method)
    lives_on(scene, topic, "private methods")
    not_handled(scene, "private methods")


@clause(
    "RPC-ERROR-009",
    MUST,
    "Wrong arguments are a RemoteError, and the consumer lives on.",
    hint="the call of the method stands outside of what answers for the handler",
    wrong=some([{}, {"no": 1}, {"source": "1", "no": 1}, {"context": {}}, {"self": 1}, {"": 1}]),
    kind=askings,
)
def wrong_arguments(scene: Scene, wrong: list[dict[str, Any]], kind: str) -> None:
    topic = scene.serve(scene.actor())
    for args in wrong:
        scene.remote_error(
            f"a {kind} with the wrong arguments {args}",
            partial(ask_raw, scene, kind, topic, "builds", args),
        )
    lives_on(scene, topic, "one with wrong arguments")


@clause(
    "RPC-ERROR-010",
    MUST,
    "Args that are no dict are refused at the sender or are a RemoteError; nothing hangs.",
    hint="args are unpacked outside of what answers for the handler",
    odd=some([[], [1], "value", 5, True, ["value"], [["value", 1]]]),
)
def args_that_are_no_dict(scene: Scene, odd: list[Any]) -> None:
    topic = scene.serve(scene.actor())
    scene.serve(scene.actor(), topic, fanout=True)
    for kind in ("call", "multicall", "cast", "fanout_cast"):
        for args in odd:
            outcome = outcome_of_args(scene, kind, topic, args)
            scene.holds(
                outcome == "refused",
                f"a {kind} with args {args!r} to be refused, or to be a RemoteError",
                outcome,
            )
    lives_on(scene, topic, "some with args that are no dict")


@clause(
    "RPC-ERROR-011",
    MUST,
    "A proxy that raises when it is asked for a method is a RemoteError.",
    hint="hasattr lets through what is no AttributeError; catch more than that",
    kind=askings,
)
def proxy_that_raises(scene: Scene, kind: str) -> None:
    topic = scene.serve(scene.actor())
    exc_type, _, _ = scene.remote_error("the call", lambda: ask(scene, kind, topic, "explodes"))
    scene.same(exc_type, "RuntimeError", "the error's exc_type")
    scene.cast(topic, "explodes")
    lives_on(scene, topic, "the proxy raised")


@clause(
    "RPC-ERROR-012",
    MUST,
    "An exception whose str() and repr() raise is a RemoteError with the name of its class.",
    hint="the text of an exception is made with the exception's own code",
    kind=askings,
)
def exception_without_str(scene: Scene, kind: str) -> None:
    topic = scene.serve(scene.actor())
    exc_type, _, _ = scene.remote_error(
        "the call", lambda: ask(scene, kind, topic, "raises", error="Unprintable")
    )
    scene.same(exc_type, "Unprintable", "the error's exc_type")
    scene.cast(topic, "raises", error="Unprintable")
    lives_on(scene, topic, "an exception without str()")


@clause(
    "RPC-ERROR-013",
    MUST,
    "SystemExit, GreenletExit and whatever else is no Exception are RemoteErrors, and the consumer"
    " lives on.",
    hint="`except Exception` around the handler lets them through, and the worker ends",
    errors=some(sorted(EXITS)),
    how=st.sampled_from(["return", "yield"]),
    kind=askings,
)
def exits_are_remote_errors(scene: Scene, errors: list[str], how: str, kind: str) -> None:
    topic = scene.serve(scene.actor())
    for error in errors:
        is_told(scene, topic, error, "1", kind, how)
        scene.cast(topic, "raises", error=error)
    lives_on(scene, topic, f"{', '.join(errors)}")


@clause(
    "RPC-ERROR-014",
    MUST,
    "A reply that the codec can't carry is a RemoteError, and the consumer lives on.",
    bugs=("nameko#658: the caller hangs", "FastStream#1437: the fake does not serialize replies"),
    hint="the reply is encoded outside of what answers for the handler, or not strictly",
    odd=some(sorted(ODD)),
    how=st.sampled_from(["return", "yield", "reply"]),
    kind=askings,
)
def odd_reply(scene: Scene, odd: list[str], how: str, kind: str) -> None:
    topic = scene.serve(scene.actor())
    for which in odd:
        scene.remote_error(
            f"a {kind} whose reply is a {which}",
            partial(ask, scene, kind, topic, "odd", which=which, how=how),
        )
    lives_on(scene, topic, "a reply that can't be carried")


@clause(
    "RPC-ERROR-015",
    MUST,
    "Values before one that the codec can't carry are delivered first.",
    needs="multicall",
    hint="each value must be encoded and sent by itself, as it is given",
    which=st.sampled_from(sorted(ODD)),
    values=some_values,
)
def values_come_before_the_odd(scene: Scene, which: str, values: list[Any]) -> None:
    topic = scene.serve(scene.actor())
    for how in ("return", "yield", "reply"):
        reading = scene.multicall(topic, "odd", which=which, first=values, how=how)
        given_before(scene, reading, values)


@clause(
    "RPC-ERROR-016",
    MUST,
    "A RemoteError that a handler's own call got is, where the handler lets it pass, its exception"
    " like any other.",
    hint="errors of the bus are told by their class from those of handlers, also inside of one",
    words=text,
)
def remote_error_of_a_handler(scene: Scene, words: str) -> None:
    inner = scene.serve(scene.actor())
    outer = scene.serve(scene.actor())
    args = {"error": "ValueError", "text": words}
    exc_type, _, _ = scene.remote_error(
        "the call", lambda: scene.call(outer, "forwards", topic=inner, method="raises", args=args)
    )
    scene.same(exc_type, scene.RemoteError.__name__, "the error's exc_type")


@clause(
    "RPC-ERROR-017",
    MUST,
    "A Timeout that a handler's own call got is a RemoteError at its caller, not a Timeout.",
    needs="timeouts",
    hint="errors of the bus are told by their class from those of handlers, also inside of one",
    waits=True,
)
def timeout_of_a_handler(scene: Scene) -> None:
    silent = scene.topic()
    scene.declare(scene.connect(), silent, scene.actor())
    topic = scene.serve(scene.actor())
    exc_type, _, _ = scene.remote_error(
        "the call", lambda: scene.call(topic, "waits_in_vain", topic=silent, seconds=0.1)
    )
    scene.same(exc_type, scene.Timeout.__name__, "the error's exc_type")


@clause(
    "RPC-ERROR-018",
    MUST,
    "A consumer lives on after more failures than it has workers.",
    bugs=("oslo.messaging d5780ad3, LP 1474698: a failure leaks a slot of the pool",),
    hint="whatever a handler holds must be given back when it fails: a worker, a slot, an ack",
    kind=st.sampled_from(["call", "cast", "fanout_cast"]),
)
def many_failures(scene: Scene, kind: str) -> None:
    topic = scene.serve(scene.actor())
    fanned = scene.actor()
    spread = scene.serve(fanned, fanout=True)
    for number in range(min(scene.concurrency, 40) + len(FAILURES)):
        method, args = FAILURES[number % len(FAILURES)]
        if kind == "call":
            with scene.fails(scene.RemoteError, what="the call"):
                scene.call(topic, method, **args)
        elif kind == "cast":
            scene.cast(topic, method, **args)
        else:
            scene.fanout_cast(spread, method, **args)
    lives_on(scene, topic, "so many failures")
    scene.fanout_fence(spread, fanned)


@clause(
    "RPC-ERROR-019",
    MUST,
    "Of callers at the same time each gets its own error or its own value.",
    bugs=("nova 10516fbfb: replies overlap on a shared connection",),
    hint="failures must be told apart by what they answer, as replies are",
    outcomes=st.lists(st.booleans(), min_size=2, max_size=6),
)
def each_its_own_error(scene: Scene, outcomes: list[bool]) -> None:
    actor = scene.actor()
    topic = scene.serve(actor)
    callers = []
    for number, good in enumerate(outcomes):
        if good:
            caller = scene.call_beside(topic, "holds", gate="all", value=number)
        else:
            caller = scene.call_beside(
                topic, "raises", error="ValueError", text=str(number), gate="all"
            )
        callers.append(caller)
    scene.await_taken(len(outcomes), actor)
    scene.open_gate("all")
    for number, (good, caller) in enumerate(zip(outcomes, callers, strict=True)):
        if good:
            scene.same(scene.result(caller, "the call"), number, f"what caller {number} got")
        else:
            run = partial(scene.result, caller, "the call")
            _, value, _ = scene.remote_error(f"call {number}", run)
            scene.same(value, str(number), f"the error of caller {number}")


@clause(
    "RPC-ERROR-020",
    MUST,
    "An error in one fanout consumer keeps the message from no other.",
    hint="the copies of a fanout cast are independent messages",
    error=st.sampled_from(["ValueError", "SystemExit"]),
    number=st.integers(2, 3),
)
def failing_fanout_consumer(scene: Scene, error: str, number: int) -> None:
    topic = scene.topic()
    actors = scene.consumers(list(range(number)), topic, fanout=True)
    for tag in (1, 2):
        scene.fanout_cast(topic, "raises", error=error, tag=tag)
    for actor in actors:
        tags = scene.await_taken(2, actor)
        scene.same(sorted(tags), [1, 2], "what each fanout consumer took")
