"""Runs tests of another project in this process, and writes down what becomes of each.

`run.py` starts it, with a JSON object as its only argument (see `main`). What these tests need to
be other than their project has them is done here by name, one function for each, in `CHANGES`.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
import unittest
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any


class Recorder(unittest.TestResult):
    """Writes a line when a test starts, and one when it is over: who hangs can be named too."""

    def __init__(self, path: str, each: list[Callable[[], object]]) -> None:
        super().__init__()
        self._file = Path(path).open("a")  # noqa: SIM115
        self._each = each
        self._outcome, self._text = "passed", ""

    def startTest(self, test: Any) -> None:
        super().startTest(test)
        self._outcome, self._text = "passed", ""
        self._write(id=test.id(), outcome="hung", seconds=0.0, text="it did not end")
        self._started = time.monotonic()

    def stopTest(self, test: Any) -> None:
        seconds = time.monotonic() - self._started
        super().stopTest(test)
        for clean_up in self._each:
            clean_up()
        self._write(id=test.id(), outcome=self._outcome, seconds=seconds, text=self._text)

    def addError(self, test: Any, err: Any) -> None:
        super().addError(test, err)
        self._outcome, self._text = "failed", self.errors[-1][1]

    def addFailure(self, test: Any, err: Any) -> None:
        super().addFailure(test, err)
        self._outcome, self._text = "failed", self.failures[-1][1]

    def addSkip(self, test: Any, reason: str) -> None:
        super().addSkip(test, reason)
        if self._outcome == "passed":
            self._outcome, self._text = "skipped", reason

    def addUnexpectedSuccess(self, test: Any) -> None:
        super().addUnexpectedSuccess(test)
        self._outcome, self._text = "failed", "it should have failed"

    def _write(self, **record: Any) -> None:
        self._file.write(json.dumps(record) + "\n")
        self._file.flush()


def each_test(suite: Any) -> Iterator[Any]:
    """The tests of a suite and of all suites in it."""
    for part in suite:
        if isinstance(part, unittest.TestSuite):
            yield from each_test(part)
        else:
            yield part


def load(names: list[str], without: list[str]) -> list[Any]:
    """The tests of these packages and classes, but for those whose names say one of ``without``."""
    loader, found = unittest.TestLoader(), []
    for name in names:
        if name.rsplit(".", 1)[-1][0].isupper():
            suite = loader.loadTestsFromName(name)
        else:
            package = Path(importlib.import_module(name).__file__ or "").parent
            top = package.parents[name.count(".")]
            suite = loader.discover(str(package), top_level_dir=str(top))
        found.extend(each_test(suite))
    return [test for test in found if not any(part in test.id() for part in without)]


class LikeRabbit(str):
    """A URL for tests that ask for ``rabbit://`` where they mean: what does as rabbit does."""

    __slots__ = ()

    def startswith(self, prefix: Any, *span: Any) -> bool:
        return prefix == "rabbit://" or super().startswith(prefix, *span)


def open_gates(_: dict[str, Any]) -> None:
    """Let functional tests run that skip themselves for any URL but ``rabbit://``."""
    from oslo_messaging.tests.functional.utils import SkipIfNoTransportURL

    original = SkipIfNoTransportURL.setUp

    def set_up(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        self.rpc_url = LikeRabbit(self.rpc_url)

    SkipIfNoTransportURL.setUp = set_up


def rebind_fake(_: dict[str, Any]) -> None:
    """Who asks for ``fake:`` gets the driver of ``rpcfake://``."""
    from oslo_messaging._drivers import impl_fake

    from rpcfake.oslo.driver import RpcFakeDriver

    # The entry point `fake` is looked up in this module each time.
    impl_fake.FakeDriver = RpcFakeDriver


def equal_contexts(_: dict[str, Any]) -> None:
    """A context counts as equal to the dictionary that it is when it has crossed a wire."""
    from oslo_messaging.tests.utils import TestContext

    def equal(self: Any, other: object) -> bool:
        return other is self or other == self.to_dict()

    TestContext.__eq__ = equal


def nova_fixtures() -> Any:
    """The module; as an attribute of its package that name leads elsewhere."""
    return importlib.import_module("nova.tests.fixtures.nova")


def nova_url(options: dict[str, Any]) -> None:
    """Nova's RPCFixture with another URL than ``fake:/``; and who uses that all the same fails."""
    from oslo_messaging import conffixture
    from oslo_messaging._drivers import impl_fake

    class ConfFixture(conffixture.ConfFixture):
        @property
        def transport_url(self) -> Any:
            return super().transport_url

        @transport_url.setter
        def transport_url(self, url: Any) -> None:
            url = options["url"] if url == "fake:/" else url
            conffixture.ConfFixture.transport_url.fset(self, url)

    nova_fixtures().messaging_conffixture = SimpleNamespace(ConfFixture=ConfFixture)

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError(f"a transport of fake:// was made: {args}")

    impl_fake.FakeDriver = refuse


def nova_contexts(_: dict[str, Any]) -> None:
    """The connections of a cell, which nova's tests put into contexts as they are, go as numbers:
    no wire takes more, and `fake://` has none."""
    cheat = nova_fixtures().CheatingSerializer
    serialize, deserialize = cheat.serialize_context, cheat.deserialize_context
    names = ("db_connection", "mq_connection")
    kept: dict[int, Any] = {}

    def serialize_context(self: Any, context: Any) -> Any:
        values = serialize(self, context)
        for name in names:
            if (connection := values[name]) is not None:
                kept[id(connection)] = connection
                values[name] = id(connection)
        return values

    def deserialize_context(self: Any, values: Any) -> Any:
        found = {name: kept.get(values.get(name)) for name in names}
        return deserialize(self, values | found)

    cheat.serialize_context, cheat.deserialize_context = serialize_context, deserialize_context


def nova_casts(options: dict[str, Any]) -> None:
    """Casts stay casts: what CastAsCallFixture is for, `RpcFakeFixture.drain` does after each
    request to the API."""
    from nova import conf
    from nova.tests.functional.api.client import TestOpenStackClient
    from nova.tests.functional.integrated_helpers import _IntegratedTestBase

    from rpcfake.oslo import RpcFakeFixture

    _IntegratedTestBase.CAST_AS_CALL = False
    fixture = None
    original = TestOpenStackClient.request

    def set_up(self: Any) -> None:
        nonlocal fixture
        # The first thing that this RPCFixture does, so that it is cleaned up last.
        fixture = self.useFixture(RpcFakeFixture(conf.CONF))
        options["url"] = fixture.transport_url

    def request(self: Any, *args: Any, **kwargs: Any) -> Any:
        response = original(self, *args, **kwargs)
        fixture.drain(60)
        return response

    nova_fixtures().RPCFixture._setUp = set_up
    TestOpenStackClient.request = request


CHANGES: dict[str, Callable[[dict[str, Any]], None]] = {
    change.__name__: change
    for change in (open_gates, rebind_fake, equal_contexts, nova_url, nova_contexts, nova_casts)
}


def drop_buses() -> None:
    """A new bus for each test, whatever the last one left."""
    from rpcfake.oslo import buses

    for station in list(buses._stations.values()):
        buses.drop(station, "the test that made it has ended")


def main(options: dict[str, Any]) -> None:
    """Run a share of the tests; ``options`` is a `Job` of run.py, with an ``out`` and a share."""
    # First, for nova wants to be the first to import its own.
    tests = load(options["names"], options["without"])
    for name in options["changes"]:
        CHANGES[name](options)
    share, shares = options["share"]
    each = [drop_buses] if options["drop_buses"] else []
    recorder = Recorder(options["out"], each)
    for test in tests[share::shares]:
        test(recorder)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
    # Threads that a test has left are not waited for.
    os._exit(0)
