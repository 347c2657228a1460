"""``rpcfake replay``: recorded requests against the code of today."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import rpcfake
from rpcfake import Bus, RemoteError
from rpcfake.cli import main

SHOP = """
import time
import rpcfake

class Shop:
    def price(self, context, item):
        return {{"tea": {tea}, "milk": 2}}[item]

    def buy(self, context, item):
        time.sleep({pause})
        rpcfake.call(context, "bank", {{"method": "pay", "args": {{"n": {pay}}}}})
        return self.price(context, item)

    def each(self, context, to):
        yield from range(to{less})

    def again(self, context):
        return rpcfake.call(context, "shop", {{"method": "price", "args": {{"item": "tea"}}}})

    def login(self, context, password):
        return {{"token": password * 2, "user": "ann"}}

    def hear(self, context):
        pass

shop = Shop()
"""

THEN = {"tea": 3, "pause": 0.5, "pay": 1, "less": ""}


def run(*args: object) -> Result:
    return CliRunner().invoke(main, ["replay", *map(str, args)], prog_name="rpcfake")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with the module `theshop`, and what it answered once in `one.jsonl`."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path)
    record(tmp_path / "one.jsonl")
    yield tmp_path
    sys.modules.pop("theshop", None)


def write(folder: Path, **changes: Any) -> None:
    sys.modules.pop("theshop", None)
    (folder / "theshop.py").write_text(SHOP.format(**THEN | changes))
    for cached in folder.glob("__pycache__/*"):
        cached.unlink()


def record(path: Path) -> None:
    namespace: dict[str, Any] = {}
    exec(SHOP.format(**THEN), namespace)
    bus = Bus()
    bus.serve("shop", namespace["shop"])
    bus.serve("shop", namespace["shop"], fanout=True)
    bus.stub("bank", "pay").returns("paid")
    with bus.installed():
        for method, args in (
            ("price", {"item": "tea"}),
            ("buy", {"item": "milk"}),
            ("again", {}),
            ("login", {"password": "sesame"}),
            ("price", {"item": "salt"}),
            ("nothing", {}),
        ):
            with suppress(RemoteError):
                rpcfake.call({"user": "ann"}, "shop", {"method": method, "args": args})
        list(rpcfake.multicall({}, "shop", {"method": "each", "args": {"to": 3}}))
        rpcfake.fanout_cast({}, "shop", {"method": "hear"})
        rpcfake.cast({}, "shop", {"method": "hear"})
        bus.run()
    bus.traffic.save(path)


@pytest.mark.parametrize("spec", ["theshop:Shop", "theshop:shop"])
@pytest.mark.parametrize("options", [[], ["--no-gaps"], ["--topic", "shop"]])
def test_code_that_has_not_changed_answers_as_it_did(
    project: Path, spec: str, options: list[str]
) -> None:
    result = run("one.jsonl", "--against", spec, *options)
    assert result.output == "9 requests to 'shop': 9 answered as recorded\n"
    assert result.exit_code == 0


def test_what_is_answered_otherwise_is_told(project: Path) -> None:
    write(project, tea=4, less=" - 1")
    result = run("one.jsonl", "--against", "theshop:Shop")
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        "#0 call shop.price(item='tea')",
        "    value: expected 3, was 4",
        "#12 call shop.again()",
        "    value: expected 3, was 4",
        "#30 multicall shop.each(to=3)",
        "    value 2: recorded as 2, is not there",
        "9 requests to 'shop': 6 answered as recorded, 3 otherwise",
    ]


def test_what_it_asks_others_is_answered_as_recorded_or_told(project: Path) -> None:
    write(project, pay=2)
    result = run("one.jsonl", "--against", "theshop:Shop")
    assert result.exit_code == 1
    text = "value: recorded as 2, is NotRecorded: nothing that was recorded answers call bank.pay"
    assert text in result.output


def test_time_is_virtual(project: Path) -> None:
    write(project, pause=1000)
    assert run("one.jsonl", "--against", "theshop:Shop").exit_code == 1
    write(project, pause=30)
    assert run("one.jsonl", "--against", "theshop:Shop").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["one.jsonl", "--against", "nope:Shop"], "nope:Shop can't be had: ModuleNotFoundError"),
        (["one.jsonl", "--against", "theshop:Shoq"], "theshop:Shoq can't be had: AttributeError"),
        (["none", "--against", "theshop:Shop"], "none: no such file or directory"),
        (["one.jsonl"], "Missing option '--against'"),
        (["one.jsonl", "--against", "theshop:Shop", "--topic", "bar"], "has 'bank', 'shop'"),
    ],
)
def test_what_cannot_be_had_is_told(project: Path, arguments: list[str], text: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert text in result.stderr


def test_without_a_topic_there_must_be_one_from_outside(project: Path) -> None:
    bus = Bus()
    for topic in ("shop", "bank"):
        bus.cast({}, topic, {"method": "hear"})
    bus.traffic.save(project / "two.jsonl")
    result = run("two.jsonl", "--against", "theshop:Shop")
    assert result.exit_code == 2
    text = "topic must be given: what the cassette has is sent to 'bank', 'shop'"
    assert text in result.stderr.replace("\n", " ")


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("class Mail: pass", "failure: was not recorded, is AttributeError: "),
        (
            "class Mail:\n    def send(self, context, to):\n        raise RuntimeError('boom')",
            "failure: was not recorded, is RuntimeError: boom",
        ),
    ],
)
@pytest.mark.parametrize("kind", ["cast", "fanout_cast"])
@pytest.mark.parametrize("options", [[], ["--no-gaps"]])
def test_a_handler_that_fails_is_told_where_nobody_waits_for_it(
    project: Path, body: str, text: str, kind: str, options: list[str]
) -> None:
    class Mail:
        def send(self, context: Any, to: str) -> None:
            if to == "nobody":
                raise ValueError("no such")

    bus = Bus()
    bus.serve("mail", Mail(), fanout=kind == "fanout_cast")
    for to in ("ann", "nobody"):
        getattr(bus, kind)({}, "mail", {"method": "send", "args": {"to": to}})
    bus.run()
    bus.traffic.save(project / "mail.jsonl")
    (project / "brokenmail.py").write_text(body)
    result = run("mail.jsonl", "--against", "brokenmail:Mail", *options)
    sys.modules.pop("brokenmail")
    assert result.exit_code == 1
    assert text in result.output
    assert "0 answered as recorded, 2 otherwise" in result.output
    # What failed then may fail now.
    (project / "goodmail.py").write_text(
        "class Mail:\n    def send(self, context, to):\n"
        "        if to == 'nobody': raise ValueError('no such')"
    )
    assert run("mail.jsonl", "--against", "goodmail:Mail", *options).exit_code == 0
    sys.modules.pop("goodmail")
