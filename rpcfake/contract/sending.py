"""What a clause sends."""

from __future__ import annotations

import keyword
from collections.abc import Callable
from typing import Any

from rpcfake import rpc
from rpcfake.active import use_backend
from rpcfake.contract.forms import FORMS
from rpcfake.contract.history import Event
from rpcfake.contract.reading import Reading
from rpcfake.contract.script import Line
from rpcfake.contract.stage import Spawned
from rpcfake.contract.staging import Staging


class Sending(Staging):
    """The four functions of the backend itself, and of `rpcfake`; what came of each is noted."""

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
