"""One rich scenario on the bus; prints a hash of its traffic for each schedule.

`test_determinism.py` runs it in fresh processes. What is in it may depend on nothing but the seed:
no clock, no address, no order of a set.
"""

from __future__ import annotations

import hashlib
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import rpcfake
from rpcfake import Bus, RemoteError, Timeout

HOSTS = tuple(f"host-{name}" for name in ("oak", "elm", "ash", "fir", "yew"))
CONTEXT = {"user": "ada", "roles": ["admin", "reader"], "request": {"id": 7, "tags": {}}}


def send(kind: str, topic: str, method: str, timeout: float | None = None, **args: Any) -> Any:
    message = {"method": method, "args": args}
    if kind in ("cast", "fanout_cast"):
        return getattr(rpcfake, kind)(CONTEXT, topic, message)
    return getattr(rpcfake, kind)(CONTEXT, topic, message, timeout)


class Host:
    """Works, breaks, takes its time, and asks others."""

    def __init__(self, name: str, dice: random.Random) -> None:
        self.name = name
        self.dice = dice
        self.heard: Counter[str] = Counter()

    def build(self, context: Any, n: int, depth: int) -> Any:
        time.sleep(self.dice.choice([0, 0, 0.001, 0.5]))
        if depth:
            other = self.dice.choice(HOSTS)
            return [self.name, send("call", other, "build", n=n, depth=depth - 1)]
        send("fanout_cast", "news", "hear", name=self.name, n=n)
        return [self.name]

    def fail(self, context: Any, n: int) -> None:
        raise [KeyError(n), ValueError(f"{n} is wrong"), ZeroDivisionError()][n % 3]

    def relay_failure(self, context: Any, n: int) -> None:
        send("call", self.dice.choice(HOSTS), "fail", n=n)

    def hang(self, context: Any, n: int) -> None:
        time.sleep(1000 + n)

    def patience(self, context: Any, n: int) -> str:
        try:
            return str(send("call", self.dice.choice(HOSTS), "hang", n=n, timeout=n % 5 + 0.25))
        except Timeout:
            return f"gave up on {n}"

    def transfer(self, context: Any, parts: int) -> Iterator[dict[str, Any]]:
        for part in range(parts):
            time.sleep(0.01)
            yield {"part": part, "of": parts, "from": self.name}

    def early(self, context: Any, n: int) -> str:
        context.reply(n)
        context.reply(n + 1)
        context.reply(ending=True)
        return "too late"

    def fetch(self, context: Any, n: int) -> list[Any]:
        values = send("multicall", self.dice.choice(HOSTS), "transfer", parts=9)
        taken = [next(values) for _ in range(n % 4)]
        if n % 2:
            values.close()
        return taken  # else it is let go

    def hear(self, context: Any, name: str, n: int) -> None:
        self.heard[name] += n
        if n % 7 == 0:
            send("cast", "audit", "write", line=f"{self.name} heard {name}")


def attempt(kind: str, topic: str, method: str, **args: Any) -> None:
    try:
        answer = send(kind, topic, method, **args)
        if kind == "multicall":
            list(answer)
    except (RemoteError, Timeout):
        pass


def play(schedule: str, seed: int) -> Bus:
    """The whole scenario; the bus afterwards, closed."""
    dice = random.Random(seed)
    bus = Bus(schedule=schedule, seed=seed)
    with bus.installed():
        for name in HOSTS:
            host = Host(name, dice)
            connection = rpcfake.create_connection()
            connection.create_consumer(name, host)
            connection.create_consumer("any", host)
            connection.create_consumer("news", host, fanout=True)
            connection.consume_in_thread()
        closing = bus.serve("any", Host("host-box", dice))
        bus.stub("audit", "write").returns(None)
        bus.stub("price", "ask", {"n": 3}, times=2).raises(KeyError("milk"))
        bus.stub("price", "ask").returns(1).yields(1, 2).never()
        for n in range(140):
            send("cast", "any", "build", n=n, depth=n % 4)
            attempt("call", dice.choice(HOSTS), "build", n=n, depth=2)
            kinds = ["call", "multicall", "cast"]
            attempt(dice.choice(kinds), "any", "fail", n=n)
            attempt(dice.choice(kinds), "any", "early", n=n)
            attempt(dice.choice(kinds), "any", "fetch", n=n)
            attempt("call", "price", "ask", n=n % 5, timeout=2)
            if n % 3 == 0:
                attempt("call", "any", "relay_failure", n=n)
                attempt("multicall", dice.choice(HOSTS), "transfer", parts=n % 6)
                send("cast", f"nobody-{n}", "hear")
            if n % 10 == 0:
                bus.spawn(attempt, "call", "any", "patience")  # its argument is missing
                attempt("call", "any", "patience", n=n)
                bus.advance(0.125)
            if n == 75:
                send("cast", "any", "build", n=n, depth=0)
                send("cast", HOSTS[0], "build", n=n, depth=0)
                closing.close()
                bus.queue(HOSTS[0]).purge()
                bus.queue("any").purge()
        bus.advance(2000)
        for name in HOSTS:
            send("cast", name, "hang", n=1)
        bus.run()
        bus.close()
    return bus


def main() -> None:
    seed = int(sys.argv[1])
    for schedule in ("fifo", "random"):
        bus = play(schedule, seed)
        rows = bus._broker.rows
        kinds = Counter(row[0] for row in rows)
        text = "\n".join(map(repr, rows)) + repr(bus.problems())
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        print(schedule, digest, *(f"{kind}={count}" for kind, count in sorted(kinds.items())))


if __name__ == "__main__":
    main()
