"""What a clause waits for, and what it then sees."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from rpcfake.contract.actor import Actor, Listener
from rpcfake.contract.sending import Sending
from rpcfake.contract.violation import Unknown, tell

FENCE = "fence"
"""The tag of markers."""

SETTLED = 0.1
"""Seconds in which nothing happened: what can happen has, for a person who looks on."""


class Watching(Sending):
    """Waiting for what should happen, for as long as the scene's patience lasts."""

    def sleep(self, seconds: float) -> None:
        """Let time pass, virtual or real."""
        self.write(f"scene.sleep({seconds!r})")
        self.harness.sleep(seconds)
        self.pulse += 1

    @contextmanager
    def interrupted(self) -> Iterator[None]:
        """While the ``with`` lasts, the backend can't reach its broker.

        Raises `Unknown` where the harness can't do that."""
        interrupt = getattr(self.harness, "interrupt", None)
        if interrupt is None:
            raise Unknown("the backend's harness can't interrupt the broker: no interrupt()")
        with self.script.inside("with scene.interrupted()"), interrupt():
            yield

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
