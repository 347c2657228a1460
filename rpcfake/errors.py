"""Every error that rpcfake raises on purpose.

All of them are `RpcError`; those that refuse an argument are also the builtin class that Python
itself would raise there. Errors carry fields, so that a program need not parse their text."""

from __future__ import annotations


class RpcError(Exception):
    """Base of all errors of this package."""


class RemoteError(RpcError):
    """The remote method failed (rule ERROR).

    Nothing but text crosses a bus, so the original exception object is not here. The remote
    traceback is a note (PEP 678), which Python and pytest show below the error: a part of ``str()``
    would double at each hop of a chain of calls that fails.

    Attributes:
        exc_type: the name of the remote exception's class, such as ``"ValueError"``.
        value: ``str()`` of the remote exception.
        traceback: the remote traceback as text; it names the line that raised.
    """

    def __init__(self, exc_type: str, value: str, traceback: str = "") -> None:
        super().__init__(exc_type, value, traceback)
        self.exc_type = exc_type
        self.value = value
        self.traceback = traceback
        if traceback:
            self.add_note(f"\nRemote traceback:\n{traceback.rstrip()}")

    def __str__(self) -> str:
        return f"{self.exc_type}: {self.value}" if self.value else self.exc_type


class Timeout(RpcError):
    """No answer came in time (rule TIME).

    Attributes:
        topic, method: what was asked; None where the wait was for something else.
        seconds: how long was waited, or None.
    """

    def __init__(
        self,
        text: str,
        *,
        topic: str | None = None,
        method: str | None = None,
        seconds: float | None = None,
    ) -> None:
        super().__init__(text)
        self.topic = topic
        self.method = method
        self.seconds = seconds


class Stalled(RpcError):
    """The caller waits without a deadline, and nothing that is left can ever wake it.

    Attributes:
        waiting: one line for each task that waits: who it is and for what.
    """

    def __init__(self, text: str, waiting: tuple[str, ...] = ()) -> None:
        super().__init__(text)
        self.waiting = waiting


class Livelock(Stalled):
    """Tasks go on and on, but virtual time stands still, or nobody ever gets what it waits for."""


class InvalidMessage(RpcError, ValueError):
    """A message, topic or context that the bus refuses; nothing was sent (rules SEND, TOPIC)."""


class SerializationError(RpcError, TypeError):
    """A value that the codec can't carry; nothing was sent (rule WIRE).

    Attributes:
        path: where in the message the value stands, such as ``args['disk']``.
    """

    def __init__(self, text: str, path: str = "") -> None:
        super().__init__(text)
        self.path = path


class ConnectionClosed(RpcError):
    """The connection, or the bus under it, is closed (rule CONN)."""


class BackendUnavailable(RpcError):
    """The backend can't be had: unknown, not importable, or its broker does not answer (rule
    LOSS)."""


class WrongThread(RpcError):
    """A simulated bus was used from a thread that is not its own; `rpcfake.ThreadedBus` allows
    that."""


class RealTimeWarning(UserWarning):
    """Real time leaks into virtual time: a freeze that ticks is active."""


class NotRecorded(RpcError):
    """A request to a replayed topic that nothing in the cassette answers; nothing was sent.

    Attributes:
        topic, method: what was asked.
    """

    def __init__(self, text: str, topic: str, method: str) -> None:
        super().__init__(text)
        self.topic = topic
        self.method = method


class CassetteError(RpcError, ValueError):
    """A file that is no cassette, or a damaged one; nothing of it was loaded.

    Attributes:
        path: the file.
        line, column: where it is wrong, from 1.
        reason: what is wrong there.
    """

    def __init__(self, path: str, line: int, column: int, reason: str) -> None:
        super().__init__(f"{path}, line {line}, column {column}: {reason}")
        self.path = path
        self.line = line
        self.column = column
        self.reason = reason
