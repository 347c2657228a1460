"""What is saved is loaded, the same traffic is the same bytes, and damage is told where it is."""

from __future__ import annotations

import contextlib
import json
import re
import tracemalloc
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rpcfake
from rpcfake import Bus, CassetteError, SerializationError, ThreadedBus, Traffic
from rpcfake.traffic import cassette
from rpcfake.traffic.cassette import CassetteWriter, Header, layout, read_entries, read_header
from rpcfake.traffic.record import Record

from .rows import Script, any_text, plain_values, scripts

odd_names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
"""Topics and methods: names that may read alike when joined, and signs that nobody can see."""

odd_values = plain_values | any_text | st.floats(allow_nan=False, allow_infinity=False)


@cache
def schema() -> Any:
    path = Path(cassette.__file__).with_name("schema.json")
    found = json.loads(path.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(found)
    return jsonschema.Draft202012Validator(found)


def fields(record: Record) -> list[Any]:
    """All of a record but what a cassette leaves out: the traceback."""
    value = record.value
    if isinstance(value, rpcfake.Failure):
        value = value._replace(traceback="")
    same = {name: getattr(record, name) for name in record.__slots__} | {"value": value}
    return [joined(each) for each in same.values()]


def joined(value: Any) -> Any:
    """JSON can't keep the two halves of a surrogate pair apart."""
    return json.loads(json.dumps(value))


def save(traffic: Traffic, path: Path, **options: Any) -> bytes:
    traffic.save(path, **options)
    return path.read_bytes()


def from_start(script: Script) -> Traffic:
    """Its traffic, with the first record at the time 0."""
    begin = script.rows[0][1] if script.rows else 0
    script.rows = [(row[0], row[1] - begin, *row[2:]) for row in script.rows]
    return script.traffic


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cassettes") / "one.jsonl"


@given(script=scripts(odd_names, odd_names, odd_names, odd_values))
def test_what_was_saved_is_loaded(script: Script, path: Path) -> None:
    traffic = from_start(script)
    text = save(traffic, path, redact=False)
    loaded = Traffic.load(path)
    assert [fields(each) for each in loaded] == [fields(each) for each in traffic]
    assert save(loaded, path, redact=False) == text


@given(script=scripts())
def test_a_line_is_what_the_schema_says(script: Script, path: Path) -> None:
    for line in save(script.traffic, path).decode().splitlines():
        schema().validate(json.loads(line))


@given(script=scripts(odd_names, odd_names, odd_names, odd_values))
def test_nothing_in_it_is_unseen(script: Script, path: Path) -> None:
    text = save(script.traffic, path, redact=False).decode()
    assert text.splitlines() == text[:-1].split("\n")
    assert not re.search("[\u200b-\u200f\u202a-\u202e\u2066-\u2069\x00-\x09\x7f]", text)


@given(script=scripts(), data=st.data())
def test_filtered_traffic_is_loaded_filtered(
    script: Script, data: st.DataObject, path: Path
) -> None:
    traffic = script.traffic
    chosen = data.draw(st.sets(st.sampled_from([*rpcfake.Kind]), min_size=1))
    some = traffic.select(chosen)
    text = save(some, path)
    loaded = Traffic.load(path)
    same = ("kind", "topic", "method", "args", "context", "consumer")
    assert [[getattr(each, name) for name in same] for each in loaded] == [
        [getattr(each, name) for name in same] for each in some
    ]
    assert save(loaded, path) == text


@given(script=scripts(), start=st.integers(0, 10), size=st.integers(0, 10))
def test_a_slice_is_loaded_as_a_slice(script: Script, start: int, size: int, path: Path) -> None:
    some = script.traffic[start : start + size]
    save(some, path)
    assert [each.kind for each in Traffic.load(path)] == [each.kind for each in some]


def test_the_same_on_the_bus_is_the_same_in_the_file(tmp_path: Path) -> None:
    files = [save(rich().traffic, tmp_path / name) for name in ("a", "b")]
    assert files[0] == files[1]


def test_a_loaded_one_does_all_that_traffic_does(tmp_path: Path) -> None:
    bus = rich("tea", "cup")
    bus.traffic.save(tmp_path / "one", redact=False)
    loaded = Traffic.load(tmp_path / "one")
    assert loaded.diagram() == bus.traffic.diagram()
    assert str(loaded) == str(bus.traffic)
    assert loaded.calls("shop") == bus.traffic.calls("shop")
    mine, its = loaded.caused_by(loaded[0]), bus.traffic.caused_by(bus.traffic[0])
    assert [each.seq for each in mine] == [each.seq for each in its]


def test_it_reads_well(tmp_path: Path) -> None:
    bus = Bus()
    bus.stub("mail", "send").returns(None)
    bus.serve("shop", Shop())
    with bus.installed():
        rpcfake.call({"user": "ann"}, "shop", {"method": "buy", "args": {"item": "tea"}})
    with pytest.raises(rpcfake.RemoteError):
        bus.call({}, "shop", {"method": "buy", "args": {"item": "moon"}})
    bus.traffic.save(tmp_path / "one")
    assert (tmp_path / "one").read_text(encoding="utf-8") == READS


READS = """\
{"cassette": 1, "codec": "json", "clock": "virtual", "made_by": {"name": "Bus", "schedule": "fifo", "seed": 0}, "redacted": {"defaults": 1}}
{"kind": "call", "id": "shop.buy#1", "topic": "shop", "method": "buy", "args": {"item": "tea"}, "context": {"user": "ann"}}
{"kind": "taken", "id": "shop.buy#1", "consumer": "shop#1"}
{"kind": "call", "id": "mail.send#1", "cause": ["shop.buy#1", "shop#1"], "topic": "mail", "method": "send", "args": {"text": "tea it is"}, "after": 0.25}
{"kind": "taken", "id": "mail.send#1", "consumer": "stub:mail#1"}
{"kind": "reply", "id": "mail.send#1", "consumer": "stub:mail#1", "value": null}
{"kind": "ending", "id": "mail.send#1", "consumer": "stub:mail#1"}
{"kind": "reply", "id": "shop.buy#1", "consumer": "shop#1", "value": 3}
{"kind": "ending", "id": "shop.buy#1", "consumer": "shop#1"}
{"kind": "call", "id": "shop.buy#2", "topic": "shop", "method": "buy", "args": {"item": "moon"}}
{"kind": "taken", "id": "shop.buy#2", "consumer": "shop#1"}
{"kind": "failure", "id": "shop.buy#2", "consumer": "shop#1", "failure": {"type": "LookupError", "value": "no <moon at 0x0>"}}
{"end": true}
"""  # noqa: E501


def test_a_message_more_changes_few_lines(tmp_path: Path) -> None:
    def lines(*items: str) -> list[bytes]:
        script = Script()
        for item in items:
            script.call("shop", item)
        return save(script.traffic, tmp_path / "one").splitlines()

    before, after = lines("a", "b", "c"), lines("a", "new", "b", "c")
    assert [line for line in after if line not in before] == after[5:9]
    assert [line for line in before if line not in after] == []


def test_times_and_tracebacks_are_kept_as_asked(tmp_path: Path) -> None:
    bus = rich()
    assert b'"after"' in save(bus.traffic, tmp_path / "one")
    plain = save(bus.traffic, tmp_path / "one", times=False)
    assert b'"after"' not in plain
    assert b'"clock": "none"' in plain
    assert b"Traceback" not in plain
    assert b"test_cassette.py" in save(bus.traffic, tmp_path / "one", tracebacks=True)


def test_the_clock_of_threads_is_real(tmp_path: Path) -> None:
    bus = ThreadedBus()
    bus.serve("shop", Shop())
    bus.cast({}, "shop", {"method": "stock"})
    bus.run(timeout=10)
    bus.close()
    bus.traffic.save(tmp_path / "one")
    assert read_header(tmp_path / "one").clock == "real"
    assert Traffic.load(tmp_path / "one").taken() == Traffic.load(tmp_path / "one")[1:2]


class Hex:
    """A codec whose texts are no JSON."""

    name = "hex"

    def encode(self, value: Any) -> str:
        return repr(value).encode().hex()

    def decode(self, text: str) -> Any:
        return eval(bytes.fromhex(text), {"Odd": Odd})


class Odd:
    def __repr__(self) -> str:
        return "Odd()"


def test_a_codec_of_ones_own_is_saved_as_json(tmp_path: Path) -> None:
    bus = Bus(codec=Hex())
    bus.serve("shop", Shop())
    bus.call({"token": "abcdefgh"}, "shop", {"method": "stock"})
    text = save(bus.traffic, tmp_path / "one")
    assert b'"codec": "hex"' in text
    assert b"[redacted #1]" in text
    assert b"abcdefgh" not in text
    assert Traffic.load(tmp_path / "one").replies()[0].value == 7


def test_what_json_cannot_carry_is_refused_and_the_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "one"
    path.write_text("as it was")
    bus = Bus(codec=Hex())
    bus.cast({}, "shop", {"method": "buy", "args": {"item": Odd()}})
    with pytest.raises(SerializationError, match=r"record 0 .*cast shop.buy.*Odd"):
        bus.traffic.save(path)
    assert path.read_text() == "as it was"
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize("options", [{"redact": "yes"}, {"times": 1}, {"tracebacks": None}])
def test_wrong_options_are_refused(options: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=f"^{next(iter(options))} is "):
        rich().traffic.save(tmp_path / "one", **options)
    assert [*tmp_path.iterdir()] == []


# Damage


def test_cut_off_anywhere_it_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "one"
    whole = save(rich().traffic, path)
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(CassetteError) as caught:
            Traffic.load(path)
        assert caught.value.line == whole[:size].count(b"\n") + 1
        assert 1 <= caught.value.column <= size + 1


@given(data=st.data())
def test_damaged_it_is_refused_or_sound(data: st.DataObject, path: Path) -> None:
    whole = bytearray(save(rich().traffic, path))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(whole) - 1))
        whole[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    path.write_bytes(whole)
    try:
        loaded = Traffic.load(path)
    except CassetteError as error:
        assert min(error.line, error.column) >= 1
        assert str(path) in str(error)
    else:
        assert len([*loaded]) == len(loaded)
        assert loaded.diagram() is not None


HEAD = Header().to_line()
CALL = '{"kind": "call", "id": "a.b#1", "topic": "a", "method": "b"}\n'
TAKEN = '{"kind": "taken", "id": "a.b#1", "consumer": "a#1"}\n'
FAILED = '{"kind": "failure", "id": "a.b#1", "failure": "x"}\n'
END = layout.END


def with_(key: str, value: str) -> str:
    return f'{CALL[:-2]}, "{key}": {value}}}\n'


WRONG = {
    "": (1, 1, "the file is empty"),
    "hello\n": (1, 1, "it is no JSON: Expecting value"),
    "[1]\n": (1, 1, r"it is \[1\]: a line must be a JSON object"),
    '{"kind": "call"}\n': (1, 1, 'it is no cassette: the first line has no "cassette"'),
    HEAD.replace("1,", "2,"): (1, 2, "its format is version 2, and this .* reads up to 1: update"),
    HEAD.replace("1,", '"1",'): (1, 2, "cassette is '1': it must be the version"),
    HEAD.replace("virtual", "sun"): (1, 34, "clock is 'sun': it must be one of virtual, real"),
    HEAD.replace("null", '{"key": []}'): (1, 69, "redacted has no such rules: .*key"),
    HEAD.replace("codec", "kodec"): (1, 1, "codec is None: it must be the name of one"),
    HEAD.replace('"made', '"clok": 1, "made'): (
        1,
        54,
        "there is 'clok' in the header; did you mean",
    ),
    HEAD + CALL: (3, 1, "the end is missing: it was cut off"),
    HEAD + CALL + END + CALL: (4, 1, "there is more after the end"),
    HEAD + CALL[:-1]: (2, 61, "it ends in the middle of a line"),
    HEAD + CALL.replace("call", "cal"): (2, 2, "kind is 'cal': it must be one of .*mean 'call'"),
    HEAD + CALL.replace("topic", "topik"): (2, 33, "a call has no 'topik'; did you mean 'topic'"),
    HEAD + '{"kind": "call", "id": "a", "topic": "a"}\n': (2, 1, 'a call must have "method"'),
    HEAD + '{"id": "a"}\n': (2, 1, 'it has no "kind"'),
    HEAD + CALL.replace('"b"', "3"): (2, 47, "method is 3: it must be a text"),
    HEAD + CALL.replace('"a"', '""'): (2, 33, "topic is '': it must be a non-empty text"),
    HEAD + with_("args", "[]"): (2, 62, r"args is \[\]: it must be an object"),
    HEAD + with_("after", "-1"): (2, 62, "after is -1: it must be seconds"),
    HEAD + with_("args", '{"x": NaN}'): (2, 1, "NaN is no JSON"),
    HEAD + with_("args", f'{{"x": {"9" * 5000}}}'): (2, 1, "4300 digits"),
    HEAD + with_("args", "[" * 100_000): (2, 1, "nested too deeply"),
    HEAD + CALL + CALL: (3, 18, "id is 'a.b#1', as in line 2"),
    HEAD + CALL + TAKEN + TAKEN: (4, 34, "'a#1' took it in line 3 already"),
    HEAD + TAKEN: (2, 19, "id is 'a.b#1': no line before it sends that message"),
    HEAD + CALL + TAKEN.replace("a.b#1", "a.b#2"): (3, 19, "no line .*did you mean 'a.b#1'"),
    HEAD + CALL + TAKEN.replace("taken", "ending"): (3, 35, "consumer is 'a#1': no line before"),
    HEAD + with_("cause", '["a", "b"]'): (
        2,
        62,
        r"cause is \['a', 'b'\]: no line",
    ),
    HEAD + with_("cause", '["a"]'): (
        2,
        62,
        "it must be .the id of a message, its",
    ),
    HEAD + CALL + TAKEN + '{"kind": "failure", "id": "a.b#1", "failure": "x"}\n': (
        4,
        36,
        "failure is",
    ),
    HEAD + '{"end": false}\n': (2, 2, "the end is"),
    HEAD + '{"end": 1}\n': (2, 2, "the end is"),
    HEAD + CALL + '{"kind": "requeued", "id": "a.b#1"}\n': (
        3,
        1,
        'a requeued must have "consumer"',
    ),
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_told_where_it_is(text: str, tmp_path: Path) -> None:
    path = tmp_path / "one.jsonl"
    path.write_text(text)
    line, column, reason = WRONG[text]
    with pytest.raises(CassetteError, match=reason) as caught:
        Traffic.load(path)
    error = caught.value
    assert (error.path, error.line, error.column) == (str(path), line, column)
    assert str(error) == f"{path}, line {line}, column {column}: {error.reason}"


def test_bytes_that_are_no_text_are_told(tmp_path: Path) -> None:
    path = tmp_path / "one"
    path.write_bytes(HEAD.encode() + b'{"\xff"}\n')
    with pytest.raises(CassetteError, match="line 2, column 3: byte 0xff is no UTF-8"):
        Traffic.load(path)


def test_a_line_without_end_is_not_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "one"
    with open(path, "wb") as file:
        file.truncate(2**31)  # no disk, but zeros as far as one reads
    tracemalloc.start()
    with pytest.raises(CassetteError, match="line 1, column 67108864: the line is longer than"):
        Traffic.load(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 * layout.LONGEST


# Streams


def peak(work: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_reading_and_writing_need_the_same_memory_however_many_there_are(tmp_path: Path) -> None:
    def write(count: int) -> None:
        with CassetteWriter(tmp_path / str(count), Header(redacted=cassette.Redaction())) as writer:
            for number in range(count):
                id = f"shop.buy#{number}"
                args = {"item": "tea", "password": "the same"}
                writer.write(
                    {"kind": "cast", "id": id, "topic": "shop", "method": "buy", "args": args}
                )

    def read(count: int) -> None:
        assert sum(1 for _ in read_entries(tmp_path / str(count))) == count

    for work in (write, read):
        work(10)  # what is made once
        few, many = peak(lambda work=work: work(1000)), peak(lambda work=work: work(10_000))  # type: ignore[misc]
        assert many < 1.2 * few + 10_000


def test_what_was_written_is_in_the_file_whatever_happens(tmp_path: Path) -> None:
    path = tmp_path / "one"
    writer = CassetteWriter(path, Header(clock="real"))
    entry = {"kind": "cast", "id": "a", "topic": "shop", "method": "buy"}
    writer.write(entry)
    assert json.loads(path.read_text().splitlines()[-1]) == entry
    with pytest.raises(CassetteError, match="the end is missing"):
        Traffic.load(path)
    writer.close()
    writer.close()
    assert [*read_entries(path)] == [entry]


class Thing:
    def __repr__(self) -> str:
        return f"<moon at {0x7F0123456789:#x}>"


class Shop:
    def buy(self, context: Any, item: str) -> int:
        if item == "moon":
            raise LookupError(f"no {Thing()!r}")
        import time

        time.sleep(0.25)
        rpcfake.call({}, "mail", {"method": "send", "args": {"text": f"{item} it is"}})
        return 3

    def stock(self, context: Any) -> int:
        return 7


def rich(*items: str) -> Bus:
    bus = Bus()
    bus.stub("mail", "send").returns({"sent": True}).raises(KeyError("nobody"))
    bus.serve("shop", Shop())
    bus.serve("shop", Shop(), fanout=True)
    bus.stub("slow", "think").never()
    with bus.installed():
        for item in items or ("tea", "moon", "cup"):
            with contextlib.suppress(rpcfake.RemoteError):
                rpcfake.call({"user": "ann"}, "shop", {"method": "buy", "args": {"item": item}})
        rpcfake.fanout_cast({}, "shop", {"method": "stock"})
        assert list(rpcfake.multicall({}, "shop", {"method": "stock"})) == [(0, 7)]
        with pytest.raises(rpcfake.Timeout):
            rpcfake.call({}, "slow", {"method": "think"}, 2.5)
        rpcfake.cast({}, "nobody", {"method": "hear"})
    bus.run()
    return bus


def test_a_link_stays_and_what_it_leads_to_is_written(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "one")
    rich().traffic.save(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert len(Traffic.load(tmp_path / "one")) > 10


def test_an_expression_that_is_too_large_is_told(tmp_path: Path) -> None:
    for pattern in ("a{99999999999999999999}", "(" * 3000 + ")" * 3000):
        rules = json.dumps({"patterns": [pattern]})
        (tmp_path / "one").write_text(HEAD.replace("null", rules) + END)
        with pytest.raises(CassetteError, match="line 1, column 69: redacted has no such rules"):
            Traffic.load(tmp_path / "one")
