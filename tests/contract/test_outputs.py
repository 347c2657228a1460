"""Reports as JSON, as JUnit XML and in Markdown."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree as xml

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcfake.contract import Report, Verdict
from rpcfake.contract.markdown import matrix_page
from rpcfake.contract.outputs import to_dict, to_junit

from .reports import failed, finding, report

any_text = st.text(st.characters(exclude_categories=()))


def every_verdict() -> Report:
    return report(
        "every",
        finding("RPC-SEND-001"),
        failed("RPC-CALL-001"),
        finding("RPC-CALL-016", "nonstrict", actual="it waits"),
        finding("RPC-SHARE-004", "unsupported", note="nobody takes turns"),
        finding("RPC-TIME-001", "unknown", note="no clock"),
        finding("RPC-TOPIC-008", "unknown", note="nobody knows"),
        finding("RPC-CALL-002", "harness-error", note="it fails on memory too"),
    )


def suite(*reports: Report) -> Any:
    root = xml.fromstring(to_junit(reports))
    assert root.tag == "testsuites"
    return root


def test_junit_counts_what_it_holds() -> None:
    (found,) = suite(every_verdict())
    assert found.attrib == {
        "name": "every",
        "tests": "7",
        "failures": "1",
        "errors": "2",
        "skipped": "2",
        "time": "1.500",
    }
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        assert found.attrib[name] == str(len(found.findall(f"testcase/{tag}")))
    assert int(found.attrib["tests"]) == len(found.findall("testcase"))


@pytest.mark.parametrize(
    ("id", "tag"),
    [
        ("RPC-SEND-001", None),
        ("RPC-CALL-001", "failure"),
        ("RPC-CALL-016", None),
        ("RPC-SHARE-004", "skipped"),
        ("RPC-TIME-001", "error"),
        ("RPC-TOPIC-008", "skipped"),
        ("RPC-CALL-002", "error"),
    ],
)
def test_what_junit_makes_of_a_verdict(id: str, tag: str | None) -> None:
    (case,) = (one for one in suite(every_verdict())[0] if one.get("name", "").startswith(id))
    assert case.get("classname") == f"rpcfake.{id.split('-')[1]}"
    assert [child.tag for child in case] == ([tag] if tag else [])


def test_junit_tells_everything_of_a_failure() -> None:
    (failure,) = suite(every_verdict()).iter("failure")
    assert failure.get("message") == "it was 2"
    for text in ("requirement: ", "expected: what", "look at: ", "with play('it') as scene:"):
        assert text in (failure.text or "")
    assert "again: rpcfake verify every --clause RPC-CALL-001" in (failure.text or "")


def test_several_backends_are_several_suites() -> None:
    names = [one.get("name") for one in suite(report("one"), report("two"))]
    assert names == ["one", "two"]


@given(any_text)
def test_any_text_is_valid_xml(text: str) -> None:
    told = finding("RPC-CALL-001", "fail", actual=text, program=text, note=text)
    made = to_junit([report(text, told)])
    assert len(list(xml.fromstring(made.encode("utf-8")).iter("failure"))) == 1


@given(any_text)
def test_any_text_is_valid_json(text: str) -> None:
    told = finding("RPC-CALL-001", "fail", actual=text, program=text, note=text)
    made = json.dumps(to_dict(report(text, told)))
    made.encode("ascii")
    read = json.loads(made)
    assert read["backend"] == text
    assert read["findings"][0]["actual"] == text


def test_json_tells_everything() -> None:
    read = to_dict(every_verdict())
    assert read["counts"] == {
        **{str(verdict): 1 for verdict in Verdict},
        "unknown": 2,
    }
    assert (read["holds"], read["seed"], read["profile"]) == (False, 7, "quick")
    told = read["findings"][1]
    clause = every_verdict().findings[1].clause
    assert told["clause"] == clause.id
    assert (told["rule"], told["hint"], told["bugs"]) == (
        *(clause.rule, clause.hint),
        list(clause.bugs),
    )
    assert told["again"] == "rpcfake verify every --clause RPC-CALL-001"


@pytest.mark.parametrize(
    ("verdicts", "holds"),
    [
        ({"RPC-CALL-001": "pass", "RPC-SHARE-004": "unsupported"}, True),
        ({"RPC-CALL-016": "nonstrict", "RPC-TOPIC-008": "unknown"}, True),
        ({"RPC-CALL-001": "fail"}, False),
        ({"RPC-CALL-001": "unknown"}, False),
        ({"RPC-CALL-001": "harness-error"}, False),
        ({}, True),
    ],
)
def test_whether_every_must_holds(verdicts: dict[str, str], holds: bool) -> None:
    assert report("it", *(finding(*one) for one in verdicts.items())).holds is holds


def test_the_matrix_has_every_backend_and_what_it_does_not_pass() -> None:
    right = report("right", finding("RPC-SEND-001"), about={"spoon": "3"}, command="verify it")
    page = matrix_page([right, every_verdict()])
    assert page.startswith("| | `right` | `every` |\n|---|---|---|\n")
    assert "| pass | 1 | 1 |\n| fail |  | 1 |\n" in page
    assert "| every MUST holds | yes | no |" in page
    assert "\n    verify it\n" in page
    assert "spoon 3" in page
    ids = [clause for clause in page.splitlines() if clause.startswith("| RPC-")]
    assert [line.split()[1] for line in ids] == [
        *("RPC-CALL-001", "RPC-CALL-002", "RPC-CALL-016", "RPC-SHARE-004"),
        *("RPC-TIME-001", "RPC-TOPIC-008"),
    ]
    assert ids[3].endswith("|  | unsupported |")
    assert "- RPC-SHARE-004 unsupported: nobody takes turns\n" in page


def test_reasons_that_are_the_same_are_told_once() -> None:
    both = report(
        "b",
        finding("RPC-LOSS-001", "unsupported", note="no | broker"),
        finding("RPC-LOSS-002", "unsupported", note="no | broker"),
    )
    assert "- RPC-LOSS-001, RPC-LOSS-002 unsupported: no \\| broker\n" in matrix_page([both])


@given(any_text)
def test_no_text_breaks_a_table(text: str) -> None:
    page = matrix_page([report("b", finding("RPC-TIME-001", "unknown", note=text))])
    assert len([line for line in page.splitlines() if line.startswith("- ")]) == 1
