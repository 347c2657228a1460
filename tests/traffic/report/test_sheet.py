"""What the page is told of traffic: all of it, and no secret."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcfake import Bus, Traffic
from rpcfake.message import SENDS
from rpcfake.traffic.cassette import Redaction
from rpcfake.traffic.report import Entry, Sheet, sheet, write_report
from rpcfake.traffic.story import find_lines

from ...browser import HOSTILE
from ..rows import Script, any_text, scripts


def read(traffic: Traffic, redact: bool | Redaction = False) -> dict[str, Any]:
    data = json.loads(Sheet.of(traffic, redact).text)
    assert isinstance(data, dict)
    return data


def records(data: dict[str, Any]) -> dict[int, list[Any]]:
    return {record[0]: record[1:] for record in data["records"]}


@given(scripts(topics=any_text.filter(bool), values=any_text))
def test_all_records_and_all_lines_are_there(script: Script) -> None:
    traffic = script.traffic
    data = read(traffic)
    there = records(data)
    assert [*there] == [record.seq for record in traffic]
    for record in traffic:
        time, kind, cause, *rest = there[record.seq]
        assert time == round(record.time * 1e6)
        assert (data["kinds"][kind], cause) == (record.kind, record.cause)
        if record.kind in SENDS:
            topic, method, args, context = rest
            assert (data["names"][topic], data["names"][method]) == (record.topic, record.method)
            assert [json.loads(text or "{}") for text in (args, context)] == [
                record.args,
                record.context,
            ]
        elif record.kind == "taken":
            assert data["names"][rest[0]] == record.consumer
        elif record.kind == "failure":
            assert rest[:2] == [record.value.exc_type, record.value.value]
        elif record.kind == "reply":
            assert json.loads(rest[0]) == record.value
    assert [line[0] for line in data["lines"]] == find_lines(traffic._log, range(len(traffic)))
    for _, lane, words, _, _, *heads in data["lines"]:
        assert words.isprintable()
        assert {lane, *(head >> 1 for head in heads)} <= set(range(len(data["lanes"])))
    assert len({name for name, _ in data["lanes"]}) == len(data["lanes"])


@given(scripts())
def test_the_same_traffic_gives_the_same_sheet(script: Script) -> None:
    assert Sheet.of(script.traffic) == Sheet.of(script.traffic)


@given(scripts(), st.data())
def test_of_filtered_traffic_there_is_what_it_refers_to(
    script: Script, data: st.DataObject
) -> None:
    whole = script.traffic
    kinds = data.draw(st.lists(st.sampled_from([*SENDS, "taken", "reply", "failure"])))
    part = whole.select(kinds)
    there = records(read(part))
    assert {record.seq for record in part} <= set(there)
    assert {record[2] for record in there.values()} - {None} <= set(there)


def test_consumers_of_a_topic_stand_side_by_side() -> None:
    script = Script()
    for topic, number in (("shop", 10), ("mail", 1), ("shop", 2), ("mail", 3)):
        script.taken(script.send("cast", topic, "do"), f"{topic}#{number}")
    script.reply(script.send("call", "away", "do"), 1)  # nobody saw who took it
    assert read(script.traffic)["lanes"] == [
        ["test", ""],
        *(["shop#2", "shop"], ["shop#10", "shop"]),
        *(["mail#1", "mail"], ["mail#3", "mail"]),
        ["away#?", "away"],
    ]


def test_what_it_counts() -> None:
    script = Script()
    script.call("shop", "buy")
    sent = script.send("call", "mail", "send")
    script.failure(script.taken(sent, "mail#1"), "ValueError")
    script.timeout(script.send("call", "shop", "buy"))
    script.dropped(script.send("cast", "nobody", "x"))
    made = Sheet.of(script.traffic)
    assert (made.sent, made.wrong, made.topics) == (4, 3, ("mail", "nobody", "shop"))


def test_long_traffic_is_left_out_in_the_middle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet, "MOST", 3)
    script = Script()
    for number in range(10):
        script.call("shop", "buy", {"number": number})
    data = read(script.traffic)
    assert (data["left_out"], data["split"]) == (14, 3)
    assert [line[0] for line in data["lines"]] == [0, 2, 4, 34, 36, 38]
    there = records(data)
    assert set(there) == {*range(5), *range(32, 40)}
    assert {record[2] for record in there.values()} - {None} <= set(there)


def test_large_payloads_are_cut_and_then_cut_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet, "ROOM", 150_000)
    script = Script()
    for _ in range(3):
        script.send("cast", "shop", "buy", {"text": "x" * 200_000})
    made = [record[5] for record in records(read(script.traffic)).values()]
    assert [(len(text), more) for text, more in made] == [
        (100_000, 100_012),
        (100_000, 100_012),
        (1_000, 199_012),
    ]
    assert made[0][0].startswith('{"text": "xxx')


# Secrets

SECRET = "open-sesame-1"


def test_no_secret_is_there() -> None:
    script = Script()
    # The text of an error tells it before any key says that it is one.
    failed = script.taken(script.send("call", "shop", "buy", {"note": f"try {SECRET}"}), "shop#1")
    script.add("failure", failed, json.dumps(["ValueError", f"not {SECRET}", f"at {SECRET}"]))
    script.send("cast", "shop", "login", {"password": SECRET}, context={"token": SECRET * 2})
    script.reply(failed, {"deep": [SECRET]})
    made = Sheet.of(script.traffic)
    assert SECRET not in made.text
    assert made.text.count("[redacted #1]") >= 5
    assert SECRET in Sheet.of(script.traffic, redact=False).text
    own = Sheet.of(script.traffic, redact=Redaction(keys=("note",), defaults=0)).text
    assert "try" not in own


@dataclass
class Card:
    owner: str
    password: str


class AsIs:
    """A codec that carries anything."""

    name = "as is"
    kept: list[Any]

    def __init__(self) -> None:
        self.kept = []

    def encode(self, value: Any) -> str:
        self.kept.append(value)
        return str(len(self.kept) - 1)

    def decode(self, text: str) -> Any:
        return self.kept[int(text)]


def test_what_is_no_json_is_shown_as_python_shows_it() -> None:
    bus = Bus(codec=AsIs())

    class Unseen:
        def __repr__(self) -> str:
            raise ValueError("no")

    bus.stub("shop", "pay").returns(Unseen())
    bus.call({}, "shop", {"method": "pay", "args": {"card": Card("ann", SECRET)}})
    made = Sheet.of(bus.traffic)
    assert SECRET not in made.text
    there = records(json.loads(made.text))
    assert there[0][5] == {"repr": "{'card': Card(owner='ann', password='[redacted #1]')}"}
    assert there[2][3] == {"repr": "<Unseen whose repr raises ValueError>"}


@pytest.mark.parametrize("key", [("tok", SECRET), SECRET.encode(), Card("ann", SECRET).owner])
def test_keys_of_a_codec_of_its_own_tell_no_secret(key: Any) -> None:
    bus = Bus(codec=AsIs())
    bus.stub("shop", "pay").returns({key: 1})
    bus.call({}, "shop", {"method": "pay", "args": {"password": SECRET, "card": {key: [1]}}})
    assert SECRET not in Sheet.of(bus.traffic).text


def test_what_leads_to_itself_is_told_as_python_tells_it() -> None:
    bus = Bus(codec=AsIs())
    endless: list[Any] = []
    endless.append(endless)
    bus.stub("shop", "pay").returns(endless)
    bus.call({}, "shop", {"method": "pay"})
    (value,) = records(json.loads(Sheet.of(bus.traffic).text))[2][3:]
    assert value["repr"].startswith("[[[[")


# Handlers at work


def busy(traffic: Traffic) -> dict[str, list[list[int]]]:
    """Of each consumer from which line to which it is at work."""
    data = read(traffic)
    found: dict[str, list[list[int]]] = {}
    for lane, *span in data["busy"]:
        found.setdefault(data["lanes"][lane][0], []).append(span)
    return found


def test_a_handler_is_at_work_from_its_message_to_its_last_answer() -> None:
    script = Script()
    outer = script.taken(script.send("call", "shop", "buy"), "shop#1")
    inner = script.taken(script.send("call", "stock", "price", by=outer), "stock#1")
    script.reply(inner, 3)
    script.ending(inner)
    script.send("cast", "mail", "send", by=outer)
    script.reply(outer, 3)
    script.ending(outer)
    # Lines: buy, price, its reply, the cast, the reply.
    assert busy(script.traffic) == {"shop#1": [[0, 4]], "stock#1": [[1, 2]]}


def test_who_does_not_answer_is_at_work_to_the_end() -> None:
    script = Script()
    send = script.send("call", "shop", "buy")
    script.taken(send, "shop#1")
    script.taken(script.send("cast", "mail", "send"), "mail#1")
    script.timeout(send)
    script.send("cast", "shop", "buy")
    assert busy(script.traffic) == {"shop#1": [[0, 3]], "mail#1": [[1, 1]]}


def test_what_overlaps_is_one() -> None:
    script = Script()
    for _ in range(5):
        script.taken(script.send("call", "shop", "buy"), "shop#1")
    assert busy(script.traffic) == {"shop#1": [[0, 4]]}


@pytest.mark.parametrize("kinds", [["call", "taken", "reply"], ["call", "reply"]])
def test_what_is_filtered_out_still_ends_it(kinds: list[str]) -> None:
    script = Script()
    for _ in range(3):
        script.call("shop", "buy")
    assert busy(script.traffic.select(kinds)) == {"shop#1": [[0, 1], [2, 3], [4, 5]]}


def test_what_is_left_out_ends_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet, "MOST", 3)
    script = Script()
    first = script.taken(script.send("call", "shop", "buy"), "shop#1")
    for _ in range(3):
        script.call("stock", "price")
    script.reply(first, 1)
    script.ending(first)
    for _ in range(3):
        script.call("stock", "price")
    assert busy(script.traffic)["shop#1"] == [[0, 2]]


def test_a_consumer_of_any_name_has_a_lane() -> None:
    script = Script()
    for number in ("1" * 5000, "x", "²", "007"):
        script.taken(script.send("cast", "shop", "buy"), f"shop#{number}")
    assert len(read(script.traffic)["lanes"]) == 5


# The file


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_what_is_embedded_is_json_and_ends_where_it_should(text: str, tmp_path: Path) -> None:
    script = Script()
    script.failure(script.taken(script.send("call", text, text, {text: text}), text), text, text)
    entry = Entry(text, [Sheet.of(script.traffic, redact=False)], "failed", 0.1, [(text, text)])
    path = write_report([entry], tmp_path / "made" / "here", text)
    assert path == tmp_path / "made" / "here" / "index.html"
    made = path.read_text(encoding="utf-8")
    blocks = re.findall(r'<script type="application/json" id="([\w-]+)">(.*?)</script>', made, re.S)
    data = {id: json.loads(block) for id, block in blocks}
    assert [*data] == ["index", "sheet-0-0"]
    assert data["index"]["entries"][0]["notes"] == [[text, text]]
    assert json.loads(data["sheet-0-0"]["records"][0][6]) == {text: text}
    assert made.count("<script") == made.count("</script>") == 3


def test_what_was_there_stays_where_it_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("as it was")
    with pytest.raises(OSError, match="file"):
        write_report([], tmp_path / "file", "a title")
    assert (tmp_path / "file").read_text() == "as it was"
