"""Where a backend stands while it is judged: a thread of its own, which may get stuck."""

from __future__ import annotations

import queue
import threading
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rpcfake.contract.clause import CAPABILITIES
from rpcfake.errors import RpcError
from rpcfake.frames import current_frames
from rpcfake.hints import brief, did_you_mean

if TYPE_CHECKING:
    from rpcfake.contract.trial import Trial

MAKING = 30.0
"""Seconds that a backend may take to be made, or to be closed."""

GOING = 1.0
"""Seconds that a clause which was given up gets to end after all."""

LOOKS = 20
"""How often it is looked, within the silence that is too long, whether anything happens."""

LONGEST = 400
"""Characters of an error that are told."""

THREADS, FRAMES = 5, 6
"""Of how many threads is told where they stand, and by how many frames."""

OWN = ("beside.py", "bench.py", "harness.py", "scene.py", "sending.py", "trial.py", "watching.py")
"""The files of the judge, whose frames tell nothing."""


class CannotJudge(Exception):
    """There is no backend to judge, or it can't be reached; the text is one line."""


class Bench:
    """A thread, and the backend that was made in it (a simulated bus belongs to its thread).

    Raises:
        CannotJudge: it can't be made.
    """

    def __init__(self, make: Callable[[], Any]) -> None:
        self._others = {thread.ident for thread in threading.enumerate()}
        self._jobs: queue.SimpleQueue[tuple[Trial, threading.Event] | None] = queue.SimpleQueue()
        self._ready = threading.Event()
        self._error: BaseException | None = None
        self.unsupported: Mapping[str, str] = {}
        """What the backend says it has not got, and why."""
        self.has_broker = True
        """Whether there is anything that can go away."""
        self.about: Mapping[str, str] = {}
        """The versions of what the backend stands on."""
        self._thread = threading.Thread(
            target=self._work, args=(make,), name="rpcfake-judge", daemon=True
        )
        self._thread.start()
        if not self._ready.wait(MAKING):
            raise CannotJudge(f"it was not made within {MAKING:g} s")
        if isinstance(self._error, CannotJudge | RpcError | TypeError):
            raise CannotJudge(" ".join(str(self._error).split())) from self._error
        if self._error is not None:
            raise CannotJudge(describe(self._error)) from self._error

    def _work(self, make: Callable[[], Any]) -> None:
        try:
            backend = make()
            self.unsupported = _checked(getattr(backend, "unsupported", None) or {})
            self.has_broker = bool(getattr(backend, "has_broker", True))
            self.about = dict(getattr(backend, "about", None) or {})
        except BaseException as error:  # a module may well exit when it is imported
            self._error = error
            return
        finally:
            self._ready.set()

        def renew() -> Any:
            nonlocal backend
            _close(backend)
            backend = make()
            return backend

        while (job := self._jobs.get()) is not None:
            trial, done = job
            try:
                trial.run(backend, renew)
            except BaseException as error:
                trial.broken(error)
            done.set()
        _close(backend)

    def run(self, trial: Trial, silence: float) -> bool:
        """Run a trial; False when nothing happened in it for so many seconds."""
        done = threading.Event()
        self._jobs.put((trial, done))
        pulse, looks = trial.pulse, 0
        while not done.wait(silence / LOOKS):
            looks = looks + 1 if trial.pulse == pulse else 0
            pulse = trial.pulse
            if looks == LOOKS:
                return False
        return True

    def stacks(self) -> str:
        """Where the threads stand that are here because of the backend."""
        frames = current_frames()
        threads = [self._thread] + [
            thread
            for thread in threading.enumerate()
            if thread.ident in frames and thread.ident not in {*self._others, self._thread.ident}
        ]
        told = []
        for thread in threads[:THREADS]:
            stack = traceback.extract_stack(frames[thread.ident or 0])
            told.append(f"thread {thread.name}:\n{frames_text(stack)}")
        if len(threads) > THREADS:
            told.append(f"and {len(threads) - THREADS} more threads")
        return "\n".join(told)

    def close(self) -> None:
        """End the thread, and close the backend."""
        self._jobs.put(None)
        self._thread.join(MAKING)

    def abandon(self, trial: Trial) -> None:
        """Leave the thread where it is stuck; it ends if it ever comes back."""
        self._jobs.put(None)
        trial.give_up()
        self._thread.join(GOING)


def frames_text(stack: traceback.StackSummary) -> str:
    """Where it went: the innermost frames, without those of the judge itself and of its tools."""

    def is_own(file: str) -> bool:
        path = Path(file)
        ours = path.parent == Path(__file__).parent and path.name in OWN
        return ours or "hypothesis" in path.parts or file == threading.__file__

    kept = [frame for frame in stack if not is_own(frame.filename)] or list(stack)
    lines = (
        f'  File "{frame.filename}", line {frame.lineno}, in {frame.name}\n    {frame.line}\n'
        for frame in kept[-FRAMES:]
    )
    return "".join(lines)


def _close(backend: Any) -> None:
    close = getattr(backend, "close", None)
    if callable(close):
        with suppress(Exception):
            close()


def describe(error: BaseException) -> str:
    """What was raised, in one line: the first paragraph of its text."""
    try:
        text = " ".join(str(error).partition("\n\n")[0].split())[:LONGEST]
    except Exception:  # its own __str__
        text = ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _checked(unsupported: Any) -> Mapping[str, str]:
    if not isinstance(unsupported, Mapping):
        raise CannotJudge(
            "its `unsupported` must be a mapping from a capability to the reason,"
            f" not {brief(unsupported)}"
        )
    for name in unsupported:
        if name not in CAPABILITIES:
            raise CannotJudge(
                f"its `unsupported` names {brief(name)}, which is no capability"
                f"{did_you_mean(str(name), CAPABILITIES)} (they are {', '.join(CAPABILITIES)})"
            )
    return unsupported
