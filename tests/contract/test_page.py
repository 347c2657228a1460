"""The page of ``rpcfake verify --html``, in a real browser."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rpcfake.contract import Report
from rpcfake.contract.page import page, write_page
from rpcfake.pages import printable

from ..browser import HOSTILE, Opened, contrast, luminance
from .reports import CLAUSES, failed, finding, full, report


class Matrix(Opened):
    """The page of some reports."""

    def rows(self) -> list[str]:
        """The ids of the clauses that are shown."""
        texts = self.page.locator("tr.clause:visible code").all_text_contents()
        return [str(text) for text in texts]

    def cell(self, clause: str, column: int = 0) -> Any:
        """The button of a clause."""
        return (
            self.page.get_by_role("row").filter(has_text=clause).get_by_role("button").nth(column)
        )

    def focused(self) -> str:
        """What the cell says that has the focus."""
        return str(self.page.evaluate("document.activeElement.getAttribute('aria-label') ?? ''"))

    def detail(self) -> str:
        """The text of the dialog."""
        return str(self.page.locator("dialog").inner_text())


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Callable[..., Matrix]]:
    """Opens a page of reports. When the test is over, nothing must have gone wrong in it."""
    pages: list[Matrix] = []

    def open_page(*reports: Report, fragment: str = "", **options: Any) -> Matrix:
        pages.append(Matrix(browser, write_page(reports, tmp_path), fragment, **options))
        return pages[-1]

    yield open_page
    for each in pages:
        assert each.close().startswith("rpcfake verify: ")


def small() -> Report:
    """A report with every verdict."""
    return report(
        "small",
        finding("RPC-SEND-001"),
        failed("RPC-CALL-001"),
        finding("RPC-CALL-016", "nonstrict", actual="it waits"),
        finding("RPC-SHARE-004", "unsupported", note="nobody takes turns"),
        finding("RPC-TIME-001", "unknown", note="no clock"),
        finding("RPC-TOPIC-008", "harness-error", note="it fails on memory too"),
    )


# Filters


def test_all_clauses_are_shown_at_first(opened: Callable[..., Matrix]) -> None:
    shown = opened(small())
    assert shown.rows() == [one.clause.id for one in small().findings]
    assert shown.page.locator("#count").inner_text() == "6 of 6 clauses"


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("share-004", ["RPC-SHARE-004"]),
        ("round_robin", ["RPC-SHARE-004"]),
        ("  IS NO DICT ", ["RPC-SEND-001"]),
        ("LP 843200", ["RPC-TIME-001"]),
        ("<b>", []),
    ],
)
def test_a_text_is_looked_for(opened: Callable[..., Matrix], text: str, ids: list[str]) -> None:
    shown = opened(small())
    shown.page.get_by_role("searchbox").fill(text)
    assert shown.rows() == ids
    assert shown.page.locator("#count").inner_text() == f"{len(ids)} of 6 clauses"
    assert shown.page.locator("tr.group:visible").count() == len(ids)


def test_levels_and_verdicts_are_chosen(opened: Callable[..., Matrix]) -> None:
    shown = opened(small())
    shown.page.get_by_label("Level").select_option("SHOULD")
    assert shown.rows() == ["RPC-CALL-016"]
    shown.page.get_by_label("Level").select_option("")
    shown.page.get_by_role("checkbox", name="fail").check()
    assert shown.rows() == ["RPC-CALL-001"]
    shown.page.get_by_role("checkbox", name="unsupported").check()
    assert shown.rows() == ["RPC-CALL-001", "RPC-SHARE-004"]


def test_only_where_backends_differ(opened: Callable[..., Matrix]) -> None:
    shown = opened(full("one"), full("two", TOPIC="fail"))
    shown.page.get_by_label("only where backends differ").check()
    assert shown.rows() == [id for id in sorted(CLAUSES) if id.startswith("RPC-TOPIC")]


def test_what_hides_everything_is_undone_by_one_click(opened: Callable[..., Matrix]) -> None:
    shown = opened(small())
    shown.page.get_by_role("searchbox").fill("no such thing")
    assert shown.page.get_by_text("No clause fits.").is_visible()
    shown.page.get_by_role("button", name="Show all").click()
    assert len(shown.rows()) == 6


# Keyboard


def test_the_keyboard_leads_everywhere(opened: Callable[..., Matrix]) -> None:
    shown = opened(full("one"), full("two"))
    keys = shown.page.keyboard
    shown.page.locator("#differ").focus()
    keys.press("Tab")  # the table that scrolls can be reached, too
    while not shown.focused():
        keys.press("Tab")
    assert shown.focused() == "RPC-SEND-001 on one: pass"
    for key, place in [
        ("ArrowDown", "RPC-SEND-002 on one"),
        ("ArrowRight", "RPC-SEND-002 on two"),
        ("ArrowRight", "RPC-SEND-002 on two"),
        ("ArrowUp", "RPC-SEND-001 on two"),
        ("ArrowUp", "RPC-SEND-001 on two"),
        ("Home", "RPC-SEND-001 on one"),
        ("PageDown", "RPC-SEND-011 on one"),
        ("End", "RPC-SEND-011 on two"),
        ("ArrowLeft", "RPC-SEND-011 on one"),
        ("PageUp", "RPC-SEND-001 on one"),
    ]:
        keys.press(key)
        assert shown.focused() == f"{place}: pass", key


def test_tab_stops_at_one_cell_only(opened: Callable[..., Matrix]) -> None:
    shown = opened(full("one"), full("two"))
    assert shown.page.locator("td button[tabindex='0']").count() == 1
    shown.cell("RPC-CALL-003", 1).click()
    shown.page.keyboard.press("Escape")
    assert shown.page.locator("td button[tabindex='0']").count() == 1
    assert shown.focused() == "RPC-CALL-003 on two: pass"


def test_the_keyboard_keeps_to_what_is_shown(opened: Callable[..., Matrix]) -> None:
    shown = opened(small())
    shown.page.get_by_role("checkbox", name="unknown").check()
    shown.page.get_by_role("checkbox", name="nonstrict").check()
    shown.cell("RPC-CALL-016").focus()
    shown.page.keyboard.press("ArrowDown")
    assert shown.focused() == "RPC-TIME-001 on small: unknown"


def test_enter_opens_and_escape_closes(opened: Callable[..., Matrix]) -> None:
    shown = opened(small())
    shown.cell("RPC-CALL-001").focus()
    shown.page.keyboard.press("Enter")
    assert shown.page.get_by_role("dialog").is_visible()
    shown.page.keyboard.press("Escape")
    assert not shown.page.get_by_role("dialog").is_visible()
    assert shown.focused() == "RPC-CALL-001 on small: fail"


# The dialog


def test_a_failure_tells_everything(opened: Callable[..., Matrix]) -> None:
    shown = opened(small())
    shown.cell("RPC-CALL-001").click()
    clause = CLAUSES["RPC-CALL-001"]
    told = shown.detail()
    for text in (
        *("fail RPC-CALL-001 on small", f"{clause.rule} (MUST)", clause.hint, *clause.bugs),
        *("what the call returned to be 1", "it was 2", "with play('it') as scene:\n    pass"),
        *("thread rpcfake-judge", "5 examples in 0.25 s"),
        "rpcfake verify small --clause RPC-CALL-001",
    ):
        assert text in told


def test_a_pass_tells_no_hint(opened: Callable[..., Matrix]) -> None:
    shown = opened(small())
    shown.cell("RPC-SEND-001").click()
    assert CLAUSES["RPC-SEND-001"].rule in shown.detail()
    for heading in ("Expected", "Actual", "Program", "If this fails", "To judge it again"):
        assert heading not in shown.detail()


def test_what_is_unsupported_tells_the_reason(opened: Callable[..., Matrix]) -> None:
    shown = opened(small())
    shown.cell("RPC-SHARE-004").click()
    assert "Reason\n\nnobody takes turns" in shown.detail()
    assert "Needs\n\nround_robin" in shown.detail()


def test_a_click_beside_it_or_on_the_cross_closes_it(opened: Callable[..., Matrix]) -> None:
    shown = opened(small())
    for close in (
        lambda: shown.page.get_by_role("button", name="Close").click(),
        lambda: shown.page.mouse.click(5, 5),
    ):
        shown.cell("RPC-SEND-001").click()
        assert shown.page.get_by_role("dialog").is_visible()
        close()
        assert not shown.page.get_by_role("dialog").is_visible()


def test_a_link_leads_to_a_cell(opened: Callable[..., Matrix]) -> None:
    first = opened(full("one"), full("two"))
    first.cell("RPC-TIME-003", 1).click()
    fragment = str(first.page.evaluate("location.hash"))
    second = opened(full("one"), full("two"), fragment=fragment)
    assert "RPC-TIME-003 on two" in second.detail()
    assert second.cell("RPC-TIME-003", 1).is_visible()


@pytest.mark.parametrize("fragment", ["#", "#RPC", "#RPC-CALL-001/9", "#<b>/0", "#a/b/c"])
def test_a_wrong_link_leads_nowhere(opened: Callable[..., Matrix], fragment: str) -> None:
    shown = opened(small(), fragment=fragment)
    assert not shown.page.get_by_role("dialog").is_visible()


def test_the_program_is_copied(opened: Callable[..., Matrix]) -> None:
    shown = opened(small(), permissions=["clipboard-read", "clipboard-write"])
    shown.cell("RPC-CALL-001").click()
    shown.page.get_by_role("button", name="Copy the program").click()
    shown.page.get_by_role("button", name="Copied").wait_for()
    copied = shown.page.evaluate("navigator.clipboard.readText()")
    assert copied == small().findings[1].program


# Hostile texts


def test_hostile_texts_are_texts(opened: Callable[..., Matrix]) -> None:
    reports = []
    for text in HOSTILE.values():
        told = finding(
            "RPC-CALL-001", "fail", expected=text, actual=text, program=text, note=f"{text}\n{text}"
        )
        reports.append(report(text, told, about={"python": text}, command=f"verify {text}"))
    shown = opened(*reports)
    seen = [printable(text) for text in HOSTILE.values()]
    assert shown.page.locator("thead .name").all_text_contents() == seen
    how = shown.page.locator(".how small").all_text_contents()
    assert how == [f"python {text}" for text in seen]
    for number, text in enumerate(seen):
        shown.cell("RPC-CALL-001", number).click()
        title = shown.page.locator("#detail-title").text_content()
        assert title == f"fail RPC-CALL-001 on {text}"
        blocks = shown.page.locator("#detail-body p, #detail-body pre").all_text_contents()
        assert [one for one in blocks if one == text] == [text] * 3  # expected, actual, program
        assert f"{text}\n{text}" in blocks
        shown.page.keyboard.press("Escape")
    assert shown.page.locator("#detail-body *:not(h3, p, pre, button)").count() == 0
    assert shown.page.locator("img, b, a, iframe, object, embed, form:not(#filters)").count() == 0


def test_a_text_of_a_mebibyte_is_cut_and_quick(opened: Callable[..., Matrix]) -> None:
    long = "<x" * 2**19
    shown = opened(report("long", finding("RPC-CALL-001", "fail", actual=long, program=long)))
    shown.page.set_default_timeout(10_000)
    shown.cell("RPC-CALL-001").click()
    told = shown.detail()
    assert "<x<x<x" in told
    assert f"(and {2**20 - 100_000} more characters)" in told
    assert not shown.overflows()


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_what_is_embedded_is_json_and_ends_where_it_should(text: str) -> None:
    made = page([report(text, finding("RPC-CALL-001", "fail", actual=text))])
    made.encode("utf-8")
    ((data),) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', made, re.S)
    assert json.loads(data)["reports"][0]["findings"][0]["actual"] == text
    assert made.count("<script") == made.count("</script>") == 2


# How it looks


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_can_be_read_in_light_and_dark(
    opened: Callable[..., Matrix], scheme: str
) -> None:
    shown = opened(small(), color_scheme=scheme)
    ground = luminance(shown.page, "body", "backgroundColor")
    assert ground < 0.1 if scheme == "dark" else ground > 0.8
    for each in shown.page.locator("td button").all():
        assert contrast(each) >= 4.5, each.inner_text()
    for selector in (".rule", ".level", ".sum", "#count", "caption", "td.share"):
        text = shown.page.locator(selector).first
        assert contrast(text) >= 4.5, selector
    shown.cell("RPC-CALL-001").click()
    for each in shown.page.locator("#detail-body p, #detail-body pre, #detail-body h3").all():
        assert contrast(each) >= 4.5


@pytest.mark.parametrize("width", [320, 390, 1280, 2560])
def test_no_window_is_too_narrow(opened: Callable[..., Matrix], width: int) -> None:
    names = ("memory", "kombu=amqp://guest:guest@127.0.0.1:5672//", "a.module.with.a.long.name:x")
    shown = opened(*(full(name, TIME="fail") for name in names), small())
    shown.page.set_viewport_size({"width": width, "height": 800})
    assert not shown.overflows()
    shown.cell("RPC-CALL-001", 3).click()
    assert not shown.overflows()
    box = shown.page.get_by_role("dialog").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width


def test_five_backends_stay_usable(opened: Callable[..., Matrix]) -> None:
    shown = opened(*(full(f"backend-{number}", TIME="fail") for number in range(5)))
    last = shown.cell("RPC-WHOLE-001", 4)
    last.scroll_into_view_if_needed()
    # Who is down there still sees whose column it is, and which clause.
    for sticky in (
        shown.page.get_by_role("columnheader", name="backend-4"),
        shown.page.get_by_role("rowheader", name="RPC-WHOLE-001"),
    ):
        box = sticky.bounding_box()
        assert box is not None
        assert 0 <= box["y"] < 800
        assert 0 <= box["x"] < 1280
    shown.page.get_by_role("searchbox").fill("time-001")
    assert shown.rows() == ["RPC-TIME-001"]
    last_of_row = shown.cell("RPC-TIME-001", 4).bounding_box()
    assert last_of_row is not None
    assert last_of_row["x"] + last_of_row["width"] <= 1280


def test_groups_tell_their_shares(opened: Callable[..., Matrix]) -> None:
    shown = opened(full("whole"), full("none", CALL="fail"), small())
    calls = shown.page.locator("tr.group").filter(has_text="CALL").first.locator("td")
    size = sum(id.startswith("RPC-CALL-") for id in CLAUSES)
    assert calls.all_text_contents() == [f"{size} of {size}", f"0 of {size}", "0 of 2"]
    colours = [each.evaluate("e => getComputedStyle(e).backgroundColor") for each in calls.all()]
    assert colours[0] != colours[1] == colours[2]


def test_clauses_that_were_not_judged_say_so(opened: Callable[..., Matrix]) -> None:
    shown = opened(small(), report("other", finding("RPC-WIRE-001")))
    row = shown.page.get_by_role("row").filter(has_text="RPC-WIRE-001")
    assert row.locator("td").all_text_contents() == ["not judged", "pass"]


def test_the_page_can_be_read_without_its_script(opened: Callable[..., Matrix]) -> None:
    shown = opened(small(), java_script_enabled=False)
    assert shown.rows() == [one.clause.id for one in small().findings]
