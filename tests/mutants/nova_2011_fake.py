"""A backend that behaves as nova's fake of 2011 did, written anew from its rules.

It is no mutant of ours: whole projects were tested on it. A cast runs its handler before it
returns, the first consumer takes everything, a fanout cast reaches nobody, nothing needs to be
started, and sender and receiver share their objects. `rpcfake verify tests.mutants.nova_2011_fake`
shows what the contract says."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from types import GeneratorType
from typing import Any

CONSUMERS: dict[str, list[Any]] = {}


class RemoteError(Exception):
    def __init__(self, exc_type: str, value: str, traceback: str) -> None:
        super().__init__(exc_type, value, traceback)
        self.exc_type, self.value, self.traceback = exc_type, value, traceback


class Timeout(Exception):
    pass


class FakeContext(dict[str, Any]):
    def __init__(self, values: dict[str, Any]) -> None:
        super().__init__(values)
        self._replies: list[Any] = []
        self._ended = False

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def to_dict(self) -> dict[str, Any]:
        return self

    def reply(self, reply: Any = None, ending: bool = False) -> None:
        if ending:
            self._ended = True
        elif not self._ended:
            self._replies.append(reply)


class Connection:
    def create_consumer(self, topic: str, proxy: Any, fanout: bool = False) -> None:
        CONSUMERS.setdefault(topic, []).append(proxy)

    def consume_in_thread(self) -> None:
        pass

    def close(self) -> None:
        pass


def create_connection(new: bool = True) -> Connection:
    return Connection()


def multicall(
    context: Any, topic: str, msg: dict[str, Any], timeout: float | None = None
) -> Iterator[Any]:
    method, args = msg["method"], msg.get("args", {})
    try:
        proxy = CONSUMERS[topic][0]
    except (KeyError, IndexError):
        return iter([None])
    ctxt = FakeContext(context or {})
    try:
        result = getattr(proxy, method)(context=ctxt, **args)
        if ctxt._ended:
            return iter(ctxt._replies)
        values = list(result) if isinstance(result, GeneratorType) else [*ctxt._replies, result]
    except Exception as error:
        raise RemoteError(type(error).__name__, str(error), traceback.format_exc()) from None
    return iter(values)


def call(context: Any, topic: str, msg: dict[str, Any], timeout: float | None = None) -> Any:
    values = list(multicall(context, topic, msg, timeout))
    return values[-1] if values else None


def cast(context: Any, topic: str, msg: dict[str, Any]) -> None:
    try:
        call(context, topic, msg)
    except Exception:
        return


def fanout_cast(context: Any, topic: str, msg: dict[str, Any]) -> Iterator[Any]:
    # A generator that nobody runs.
    for proxy in CONSUMERS.get(topic, []):
        yield getattr(proxy, msg["method"])(context=FakeContext(context or {}), **msg["args"])
