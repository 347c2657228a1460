"""A scene: one example of one clause, played on a backend.

Whatever a clause does through its scene is written down as a line of Python, so that a violation
comes with a program that shows it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Self

from rpcfake.contract.watching import Watching


class Scene(Watching):
    """The stage on which a clause plays: a backend, its harness, and a history.

    Args:
        backend: what is judged.
        patience: seconds after which something that should happen counts as not happening.
    """

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

    def __enter__(self) -> Self:
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
