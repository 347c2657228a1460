"""``rpcfake show`` and ``rpcfake diff``."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from rpcfake import Bus, RemoteError
from rpcfake.cli import main
from rpcfake.traffic.cassette import CassetteWriter, Header

COMMAND = (sys.executable, "-m", "rpcfake.cli")


def run(*args: object) -> Result:
    return CliRunner().invoke(main, [*map(str, args)], prog_name="rpcfake")


def record(path: Path, *items: str) -> Path:
    bus = Bus()
    bus.stub("shop", "price").returns(3).raises(KeyError("no\n\x1b[31msuch\u202e"))
    for item in items:
        with suppress(RemoteError):
            bus.call({}, "shop", {"method": "price", "args": {"item": item}})
    bus.cast({}, "mail", {"method": "send", "args": {"text": "x" * 1000}})
    bus.sleep(2.5)
    bus.cast({}, "mail", {"method": "send"})
    bus.traffic.save(path)
    return path


@pytest.fixture
def cassette(tmp_path: Path) -> Path:
    return record(tmp_path / "one.jsonl", "tea", "milk")


def test_show_has_a_line_for_each_record(cassette: Path) -> None:
    result = run("show", cassette)
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[:4] == [
        "    0.000000  call         shop.price#1  item='tea'",
        "    0.000000  taken        shop.price#1  by stub:shop#1",
        "    0.000000  reply        shop.price#1  3  by stub:shop#1",
        "    0.000000  ending       shop.price#1  by stub:shop#1",
    ]
    assert lines[-2] == "    2.500000  cast         mail.send#2"
    assert max(map(len, lines)) < 160
    assert len(lines) == 11


def test_what_stands_in_a_file_does_nothing_to_the_terminal(cassette: Path) -> None:
    output = run("show", cassette).output
    assert r"KeyError: 'no\n\x1b[31msuch\u202e'" in output
    assert "\x1b" not in output
    assert "\u202e" not in output


@pytest.mark.parametrize(
    ("options", "count"),
    [
        (["--kind", "call"], 2),
        (["--kind", "call", "--kind", "cast"], 4),
        (["--topic", "shop"], 7),
        (["--topic", "shop", "--kind", "reply"], 1),
        (["--method", "send"], 4),
        (["--grep", "milk"], 1),
        (["--topic", "nobody"], 0),
    ],
)
def test_show_filters(cassette: Path, options: list[str], count: int) -> None:
    assert len(run("show", cassette, *options).output.splitlines()) == count


def test_show_draws_a_diagram(cassette: Path) -> None:
    result = run("show", cassette, "--diagram", "--topic", "shop")
    assert result.exit_code == 0
    assert "call price(item='tea')" in result.output
    assert "send" not in result.output
    assert run("show", cassette, "--diagram", "--grep", "x").exit_code == 2


@pytest.mark.parametrize("command", [["show"], ["show", "--diagram"], ["diff"]])
def test_what_is_unreadable_is_told_in_one_line(
    cassette: Path, tmp_path: Path, command: list[str]
) -> None:
    more = [cassette] if command == ["diff"] else []
    damaged = tmp_path / "damaged"
    damaged.write_bytes(cassette.read_bytes().replace(b'"reply"', b'"repli"', 1))
    result = run(*command, damaged, *more)
    assert result.exit_code == 2
    text = f"Error: {damaged}, line 4, column 2: kind is 'repli': it must be one of"
    assert result.stderr.startswith(text)
    assert result.stderr.count("\n") == 1
    result = run(*command, tmp_path / "nothing", *more)
    assert result.exit_code == 2
    assert result.stderr == f"Error: {tmp_path / 'nothing'}: no such file or directory\n"


def test_show_shows_what_comes_before_the_damage(cassette: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut"
    cut.write_bytes(b"".join(cassette.read_bytes().splitlines(keepends=True)[:4]))
    result = run("show", cut)
    assert len(result.stdout.splitlines()) == 3
    assert "line 5, column 1: the end is missing" in result.stderr


def test_follow_shows_each_record_as_it_comes(tmp_path: Path) -> None:
    path = tmp_path / "growing"
    writer = CassetteWriter(path, Header(clock="real"))
    process = subprocess.Popen(
        [*COMMAND, "show", "--follow", str(path)],
        stdout=subprocess.PIPE,
        encoding="utf-8",
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    guard = threading.Timer(60, process.kill)
    guard.start()
    try:
        for number in (1, 2):
            id = f"a.b#{number}"
            writer.write({"kind": "cast", "id": id, "topic": "a", "method": "b"})
            assert id in process.stdout.readline()
        writer.close()
        assert process.stdout.read() == ""
        assert process.wait(60) == 0
    finally:
        guard.cancel()
        process.kill()
        process.wait()
        process.stdout.close()


def test_diff_says_how_they_differ_by_its_exit_code(cassette: Path, tmp_path: Path) -> None:
    result = run("diff", cassette, record(tmp_path / "same", "tea", "milk"))
    assert (result.exit_code, result.output) == (0, "no difference\n")
    other = record(tmp_path / "other", "tea", "salt")
    result = run("diff", cassette, other)
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        "1 changed",
        "changed    #4  call shop.price(item='salt')",
        "               args[\"item\"]: expected 'milk', was 'salt'",
    ]
    assert run("diff", cassette, other, "--ignore", "item").exit_code == 0
    assert run("diff", cassette, other, "--kind", "cast").exit_code == 0


def test_diff_shows_all_if_asked(tmp_path: Path) -> None:
    few, many = record(tmp_path / "few"), record(tmp_path / "many", *["tea"] * 30)
    assert len(run("diff", few, many).output.splitlines()) == 12
    assert len(run("diff", few, many, "--all").output.splitlines()) == 92


def test_diff_refuses_what_makes_no_sense(cassette: Path) -> None:
    result = run("diff", cassette, cassette, "--times", "--order", "none")
    assert result.exit_code == 2
    assert "times=True needs order='total', not 'none'" in result.stderr
    assert run("diff", cassette).exit_code == 2


# A page


def test_show_writes_a_page(cassette: Path, tmp_path: Path) -> None:
    result = run("show", cassette, "--html", tmp_path / "made" / "page")
    path = tmp_path / "made" / "page" / "index.html"
    assert (result.exit_code, result.output) == (0, f"wrote {path}\n")
    page = path.read_text(encoding="utf-8")
    assert f"<title>rpcfake: traffic of {cassette}</title>" in page
    assert "call price(item='tea')" in page
    assert "mail" in page


def test_the_page_shows_what_was_chosen(cassette: Path, tmp_path: Path) -> None:
    run("show", cassette, "--html", tmp_path, "--topic", "shop", "--kind", "call")
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "call price(item='tea')" in page
    assert "reply to price" not in page
    assert "mail" not in page


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--follow"], "--html goes with neither --follow nor --grep"),
        (["--grep", "tea"], "--html goes with neither --follow nor --grep"),
        (["--diagram"], "--diagram goes with neither --html, --follow nor --grep"),
    ],
)
def test_a_page_has_filters_of_its_own(
    cassette: Path, tmp_path: Path, options: list[str], text: str
) -> None:
    result = run("show", cassette, "--html", tmp_path / "page", *options)
    assert result.exit_code == 2
    assert text in result.output
    assert not (tmp_path / "page").exists()


def test_a_page_that_cannot_be_written_is_told(cassette: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    result = run("show", cassette, "--html", tmp_path / "file" / "below")
    assert result.exit_code == 1
    assert "can't be written: Not a directory" in result.output


def test_of_what_is_no_cassette_no_page_is_made(tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text("no\n")
    assert run("show", tmp_path / "bad.jsonl", "--html", tmp_path / "page").exit_code == 2
    assert not (tmp_path / "page").exists()
