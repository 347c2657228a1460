"""The page of traffic, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import rpcfake
from rpcfake import Bus, Traffic
from rpcfake.pages import printable
from rpcfake.traffic.cassette.layout import dump
from rpcfake.traffic.report import Entry, Sheet, write_report
from rpcfake.traffic.story import find_lines

from ...browser import HOSTILE, Opened, contrast, luminance, ratio
from ..rows import Script


class Report(Opened):
    """The page of some traffic."""

    def lines(self) -> list[str]:
        """The words of the lines that are drawn, from the top."""
        return [str(each) for each in self.page.locator("g.line text.words").all_text_contents()]

    def line(self, words: str) -> Any:
        return self.page.locator("g.line").filter(has_text=words).first

    def chosen(self) -> str:
        """The words of the chosen line; it is the one that screen readers are told of."""
        line = self.page.locator("g.line[aria-selected=true]")
        if not line.count():
            return ""
        active = self.page.locator("#scroll").get_attribute("aria-activedescendant")
        assert line.get_attribute("id") == active
        return str(line.locator("text.words").text_content())

    def bright(self) -> list[str]:
        """The words of the lines that belong to the causal tree that is looked at."""
        lines = self.page.locator("g.line:not(.dim) text.words")
        return [str(each) for each in lines.all_text_contents()]

    def lanes(self) -> list[str]:
        return [str(each) for each in self.page.locator(".lane").all_text_contents()]

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def detail(self) -> str:
        return str(self.page.locator("#detail").inner_text())

    def count(self) -> str:
        return str(self.page.locator("#count").inner_text())


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Callable[..., Report]]:
    """Opens a page of traffic. When the test is over, nothing must have gone wrong in it."""
    pages: list[Report] = []

    def open_page(*shown: Traffic | Entry, fragment: str = "", **options: Any) -> Report:
        folder = tmp_path / str(len(pages))
        entries = [each if isinstance(each, Entry) else entry("one", each) for each in shown]
        path = write_report(entries, folder, "traffic of tests")
        pages.append(Report(browser, path, fragment, **options))
        return pages[-1]

    yield open_page
    for each in pages:
        assert each.close() == "traffic of tests"


def entry(name: str, *traffic: Traffic, outcome: str = "", **more: Any) -> Entry:
    return Entry(name, [Sheet.of(each) for each in traffic], outcome, **more)


class Stock:
    def price(self, context: Any, item: str) -> Any:
        return {"tea": 3}[item]


class Shop:
    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    def buy(self, context: Any, item: str, password: str) -> Any:
        price = self._bus.call(context, "stock", {"method": "price", "args": {"item": item}})
        self._bus.cast(context, "mail", {"method": "send", "args": {"to": "ann"}})
        self._bus.sleep(2.5)
        return {"price": price}


def small() -> Traffic:
    """What a shop does: an order, one that fails, a cast that nobody takes, and a timeout."""
    bus = Bus()
    bus.serve("shop", Shop(bus))
    bus.serve("stock", Stock())
    bus.stub("bank", "pay").never()
    buy = {"method": "buy", "args": {"item": "tea", "password": "open sesame"}}
    bus.call({"user": "ann"}, "shop", buy)
    buy["args"]["item"] = "salt"  # type: ignore[index]
    with pytest.raises(rpcfake.RemoteError):
        bus.call({"user": "bob"}, "shop", buy)
    with pytest.raises(rpcfake.Timeout):
        bus.call(None, "bank", {"method": "pay"}, timeout=30)
    traffic = bus.traffic
    bus.close()
    return traffic


LINES = [
    "call buy(item='tea', password='[redacted #1]')",
    "call price(item='tea')",
    "reply to price: 3",
    "cast mail.send(to='ann') (nothing serves it)",
    "reply to buy: {'price': 3}",
    "call buy(item='salt', password='[redacted #1]')",
    "call price(item='salt')",
    "failure in price: KeyError: 'salt'",
    "failure in buy: RemoteError: KeyError: 'salt'",
    "call pay()",
    "timeout of pay after 30 s",
]


def large(messages: int = 10_000) -> Traffic:
    script = Script()
    for number in range(messages):
        script.call("shop", "buy", {"number": number}, value=number)
        script.now += 1000
    return script.traffic


# The diagram


def test_a_line_stands_there_for_each_thing_that_happened(opened: Callable[..., Report]) -> None:
    shown = opened(small())
    assert shown.lines() == LINES
    assert shown.lanes() == ["test", "shop#1", "stock#1", "stub:bank#1"]
    assert shown.count() == "11 lines"
    numbers = shown.page.locator("g.line .number").all_text_contents()
    assert numbers == [f"#{seq}" for seq in find_lines(small()._log, range(len(small())))]
    times = shown.page.locator("g.line .time").all_text_contents()
    assert times == [*["0.000"] * 4, *["2.500"] * 6, "32.500"]


def test_arrows_lead_from_lane_to_lane(opened: Callable[..., Report]) -> None:
    shown = opened(small())
    at = [
        box["x"] + box["width"] / 2
        for each in shown.page.locator(".lane").all()
        if (box := each.bounding_box())
    ]
    call = shown.line("call price(item='tea')").locator("line.arrow").bounding_box()
    assert call["x"] == pytest.approx(at[1], abs=3)
    assert call["x"] + call["width"] == pytest.approx(at[2], abs=10)
    reply = shown.line("reply to price").locator("line.arrow")
    assert "dashed" in reply.get_attribute("class")
    assert reply.bounding_box()["x"] == pytest.approx(at[1], abs=10)
    assert shown.line("failure in price").locator("path.cross").count() == 1
    assert shown.line("cast mail.send").locator("path.cross").count() == 1
    busy = shown.page.locator("rect.busy").all()
    # Of the shop and of the stock twice, and of the bank, which is at it still.
    assert len(busy) == 5


def test_what_may_help_is_told(opened: Callable[..., Report]) -> None:
    shown = opened(entry("test_a", large(1)), entry("test_b", small()))
    assert not shown.page.locator("#hints").is_visible()
    shown.page.get_by_role("button", name="test_b").click()
    hint = shown.page.locator("#hints").inner_text()
    assert hint == "nothing serves it: neither a stub nor a consumer without fanout=True"


def test_time_that_passes_is_seen(opened: Callable[..., Report]) -> None:
    shown = opened(small())
    assert shown.page.locator("g.line:has(.gap) .words").all_text_contents() == [
        LINES[4],
        LINES[10],
    ]


def test_lanes_of_topics(opened: Callable[..., Report]) -> None:
    script = Script()
    for topic in ("shop", "test"):
        for number in (1, 2):
            script.reply(script.taken(script.send("call", topic, "do"), f"{topic}#{number}"), 1)
    shown = opened(script.traffic)
    assert shown.lanes() == ["test", "shop#1", "shop#2", "test#1", "test#2"]
    shown.page.get_by_label("Lanes").select_option("topics")
    assert shown.lanes() == ["test", "shop", "test"]
    assert len(shown.lines()) == 8


def test_ten_thousand_messages_are_drawn_as_they_come_into_view(
    opened: Callable[..., Report],
) -> None:
    shown = opened(large())
    page = shown.page
    assert shown.count() == "20,000 lines"
    assert page.locator("*").count() < 1500
    page.locator("#scroll").focus()
    shown.press("End")
    assert shown.chosen() == "reply to buy: 9999"
    assert page.locator("*").count() < 1500
    # What is in view is drawn, wherever one scrolls to, and soon.
    for place in (0.5, 0.25, 0.99, 0.0):
        drawn = page.evaluate(
            """async place => {
              const scroll = document.getElementById('scroll');
              scroll.scrollTop = place * scroll.scrollHeight;
              for (const _ of [1, 2, 3]) await new Promise(requestAnimationFrame);
              const { x, y, height } = scroll.getBoundingClientRect();
              const inView = [60, height / 2, height - 60].map((each) => y + each);
              return inView.every((at) => document.elementFromPoint(x + 300, at).closest('g.line'));
            }""",
            place,
        )
        assert drawn, place
    shown.page.get_by_role("searchbox").fill("number=4999")
    assert shown.count() == "1 of 20,000 lines"
    assert shown.lines() == ["call buy(number=4999)"]


# Filters


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("SALT", [5, 6, 7, 8]),
        ('"user": "bob"', [5, 6]),
        ("nothing of it", []),
        ("open sesame", []),
        ("price", [1, 2, 4, 6, 7, 8]),  # tracebacks are looked through, too
    ],
)
def test_a_text_is_looked_for(opened: Callable[..., Report], text: str, lines: list[int]) -> None:
    shown = opened(small())
    shown.page.get_by_role("searchbox").fill(text)
    assert shown.count() == f"{len(lines)} of 11 lines"
    if lines:
        assert shown.lines() == [LINES[number] for number in lines]
    else:
        assert shown.page.get_by_text("Nothing fits.").is_visible()
        shown.page.get_by_role("button", name="Show all").click()
        assert shown.lines() == LINES


def test_topics_methods_and_kinds_are_chosen(opened: Callable[..., Report]) -> None:
    shown = opened(small())
    shown.page.get_by_label("Topic", exact=True).select_option("stock")
    assert shown.lines() == [LINES[number] for number in (1, 2, 6, 7)]
    shown.page.get_by_label("Topic", exact=True).select_option("any")
    shown.page.get_by_label("Method").select_option("pay")
    assert shown.lines() == LINES[9:]
    shown.page.get_by_label("Method").select_option("any")
    shown.page.get_by_role("checkbox", name="failure").check()
    shown.page.get_by_role("checkbox", name="timeout").check()
    assert shown.lines() == [LINES[number] for number in (7, 8, 10)]


def test_what_was_dropped_at_once_is_found(opened: Callable[..., Report]) -> None:
    shown = opened(small())
    shown.page.get_by_role("checkbox", name="dropped").check()
    assert shown.lines() == [LINES[3]]
    shown.page.get_by_role("checkbox", name="dropped").uncheck()
    shown.page.get_by_role("searchbox").fill("dropped")
    assert shown.lines() == [LINES[3]]


def test_only_what_is_shown_has_handlers_at_work(opened: Callable[..., Report]) -> None:
    shown = opened(small())
    shown.page.get_by_label("Topic", exact=True).select_option("stock")
    assert shown.page.locator("rect.busy").count() == 4  # the shop's and the stock's, twice
    shown.page.get_by_label("Topic", exact=True).select_option("bank")
    assert shown.page.locator("rect.busy").count() == 1


# Where one is


def scrolled(shown: Report) -> tuple[float, float]:
    left, top = shown.page.evaluate(
        "() => { const { scrollLeft, scrollTop } = document.getElementById('scroll');"
        " return [scrollLeft, scrollTop]; }"
    )
    return left, top


def scroll_to(shown: Report, top: int) -> None:
    shown.page.evaluate("top => { document.getElementById('scroll').scrollTop = top; }", top)


def test_another_test_is_shown_from_its_beginning(opened: Callable[..., Report]) -> None:
    shown = opened(entry("test_a", large(200)), entry("test_b", large(200), large(100)))
    scroll_to(shown, 5000)
    shown.page.get_by_role("button", name="test_b").click()
    assert scrolled(shown) == (0, 0)
    scroll_to(shown, 2000)
    shown.page.get_by_label("Bus").select_option("2 of 2")
    assert scrolled(shown) == (0, 0)


def test_who_has_gone_on_is_not_brought_back(opened: Callable[..., Report]) -> None:
    shown = opened(large(200))
    shown.line("buy(number=1)").click()
    scroll_to(shown, 4000)
    shown.page.set_viewport_size({"width": 1000, "height": 600})
    shown.page.get_by_role("button", name="Close").click()
    assert scrolled(shown) == (0, 4000)


def test_what_is_chosen_is_in_view_sideways_too(opened: Callable[..., Report]) -> None:
    script = Script()
    taken = None
    for number in range(100):
        send = script.send("cast", f"topic-{number}", "do", by=taken)
        taken = script.taken(send, f"topic-{number}#1")
    shown = opened(script.traffic)
    shown.page.locator("#scroll").focus()
    for key in ("End", "Home"):
        shown.press(key)
        arrow = shown.page.locator("g.line[aria-selected=true] path.head").bounding_box()
        assert 0 <= arrow["x"] <= 1280


@pytest.mark.parametrize("size", [(640, 320), (320, 640), (740, 500)])
def test_low_windows_can_be_used(opened: Callable[..., Report], size: tuple[int, int]) -> None:
    width, height = size
    entries = [
        entry(f"test_{n}", small(), outcome="failed", notes=[("Failure", "x\n" * 99)])
        for n in range(2)
    ]
    shown = opened(*entries, fragment="#0/0", viewport={"width": width, "height": height})
    shown.page.get_by_text("Failure", exact=True).click()
    shown.line("call buy").click()
    for selector in ("#scroll", "#detail"):
        part = shown.page.locator(selector)
        part.scroll_into_view_if_needed()
        assert part.bounding_box()["height"] > 90, selector
    assert not shown.overflows()


def test_a_phone_that_is_turned_shows_a_test(opened: Callable[..., Report]) -> None:
    entries = [entry(f"test_{n}", small(), outcome="passed") for n in range(2)]
    shown = opened(*entries, viewport={"width": 400, "height": 800})
    assert not shown.page.locator("#main").is_visible()
    shown.page.set_viewport_size({"width": 1000, "height": 800})
    shown.page.locator("#main").wait_for()
    assert shown.lines() == LINES


# The causal tree


def test_the_mouse_shows_what_belongs_together(opened: Callable[..., Report]) -> None:
    shown = opened(small())
    shown.line("call price(item='tea')").hover()
    assert shown.bright() == LINES[:3]
    shown.line("reply to buy").hover()
    assert shown.bright() == LINES[:5]
    shown.page.locator("h1").hover()
    assert shown.bright() == LINES


def test_the_keyboard_goes_through_the_diagram(opened: Callable[..., Report]) -> None:
    shown = opened(small())
    shown.page.locator("#scroll").focus()
    for key, number in [
        ("ArrowDown", 0),
        ("ArrowDown", 1),
        ("ArrowDown", 2),
        ("ArrowLeft", 1),
        ("ArrowLeft", 0),
        ("ArrowLeft", 0),
        ("ArrowRight", 1),
        ("ArrowRight", 2),
        ("ArrowRight", 2),
        ("End", 10),
        ("ArrowDown", 10),
        ("Home", 0),
        ("ArrowUp", 0),
        ("PageDown", 10),
        ("PageUp", 0),
    ]:
        shown.press(key)
        assert shown.chosen() == LINES[number], key
    shown.press("ArrowDown")
    assert shown.bright() == LINES[:3]


def test_the_whole_page_can_be_walked_with_tab(opened: Callable[..., Report]) -> None:
    shown = opened(
        entry("test_a.py::test_a", small(), outcome="passed"),
        entry("test_a.py::test_b", small(), outcome="failed"),
    )
    seen = []
    for _ in range(40):
        shown.press("Tab")
        seen.append(shown.page.evaluate("document.activeElement.id || document.activeElement.name"))
    for id in ("name", "outcome", "text", "topic", "method", "by", "kind", "mermaid", "scroll"):
        assert id in seen
    assert shown.page.locator(".test[tabindex='0']").count() == 1


# Details


def test_a_click_tells_all_of_a_message(opened: Callable[..., Report]) -> None:
    shown = opened(small())
    shown.line("reply to price: 3").click()
    told = shown.detail()
    for text in (
        *("call stock.price", "#2 at 0.000 s, from shop#1, which handled", f"#0 {LINES[0]}"),
        *('{\n  "item": "tea"\n}', '{\n  "user": "ann"\n}', "#3 taken by stock#1"),
        *("#4 reply of stock#1", "\n3\n", "end of its values"),
    ):
        assert text in told
    assert "Headers" not in told
    here = shown.page.locator(".event.here").all_text_contents()
    assert here == ["#4 reply of stock#1"]


def test_a_failure_tells_its_traceback(opened: Callable[..., Report]) -> None:
    shown = opened(small())
    shown.line("failure in price").click()
    assert "KeyError: 'salt'" in shown.detail()
    shown.page.get_by_text("Traceback", exact=True).click()
    assert 'return {"tea": 3}[item]' in shown.detail()


def test_from_the_details_one_goes_on_to_cause_and_effect(opened: Callable[..., Report]) -> None:
    shown = opened(small())
    shown.line("call price(item='tea')").click()
    shown.page.get_by_role("button", name="#0 call buy").click()
    assert shown.chosen() == LINES[0]
    assert "What its handlers sent" in shown.detail()
    assert "2.5 s later" in shown.detail()
    shown.page.get_by_role("button", name="cast mail.send").click()
    assert shown.chosen() == LINES[3]
    assert "dropped: nothing serves its topic" in shown.detail()


def test_what_is_filtered_out_is_found_from_the_details(opened: Callable[..., Report]) -> None:
    shown = opened(small())
    shown.page.get_by_label("Topic", exact=True).select_option("stock")
    shown.line("call price(item='tea')").click()
    shown.page.get_by_role("button", name="#0 call buy").click()
    assert shown.lines() == LINES
    assert shown.chosen() == LINES[0]


def test_enter_opens_escape_closes_and_arrows_go_on(opened: Callable[..., Report]) -> None:
    shown = opened(small())
    shown.page.locator("#scroll").focus()
    shown.press("ArrowDown", "Enter")
    assert "call shop.buy" in shown.detail()
    shown.press("ArrowDown")
    assert "call stock.price" in shown.detail()
    shown.press("Escape")
    assert not shown.page.locator("#detail").is_visible()
    shown.line("call pay").click()
    shown.page.get_by_role("button", name="Close").click()
    assert not shown.page.locator("#detail").is_visible()
    assert shown.page.evaluate("document.activeElement.id") == "scroll"


def test_the_focus_is_never_lost(opened: Callable[..., Report]) -> None:
    def focused() -> str:
        return str(shown.page.evaluate("document.activeElement.id"))

    shown = opened(small())
    shown.line("call price(item='tea')").click()
    shown.page.get_by_role("button", name="#0 call buy").focus()
    shown.press("Enter")
    assert focused() == "detail-title"
    shown.press("Escape")
    assert focused() == "scroll"
    shown.page.get_by_role("searchbox").fill("no such thing")
    shown.page.get_by_role("button", name="Show all").click()
    assert focused() == "scroll"
    shown.line("call buy").click()
    shown.page.get_by_role("searchbox").fill("no such thing")
    shown.page.get_by_role("button", name="Close").click()
    assert focused() == "reset"


def test_numbers_of_any_size_are_shown_as_they_are(opened: Callable[..., Report]) -> None:
    script = Script()
    script.send(
        "cast", "shop", "buy", {"big": 10**40, "exact": 0.1, "none": [], "deep": {"a": [1]}}
    )
    shown = opened(script.traffic)
    shown.line("buy").click()
    told = shown.page.locator("#detail-body pre").first.text_content()
    assert told == (
        f'{{\n  "big": {10**40},\n  "exact": 0.1,\n  "none": [],\n'
        '  "deep": {\n    "a": [\n      1\n    ]\n  }\n}'
    )


def test_very_many_values_are_counted(opened: Callable[..., Report]) -> None:
    script = Script()
    taken = script.taken(script.send("multicall", "shop", "list"), "shop#1")
    for number in range(100):
        script.reply(taken, number)
    shown = opened(script.traffic)
    shown.page.locator("#scroll").focus()
    shown.press("End", "Enter")
    assert "… and 70 records more" in shown.detail()
    assert shown.page.locator(".event.here").all_text_contents() == ["#101 reply of shop#1"]


def test_a_link_leads_to_a_line(opened: Callable[..., Report]) -> None:
    entries = [entry(f"test_{number}", small(), outcome="passed") for number in range(3)]
    first = opened(*entries)
    first.page.get_by_role("button", name="test_2").click()
    first.line("call price(item='salt')").click()
    first.page.wait_for_url(re.compile(r"#\d+/\d+/\d+$"))
    fragment = str(first.page.evaluate("location.hash"))
    second = opened(*entries, fragment=fragment)
    assert second.chosen() == LINES[6]
    assert "call stock.price" in second.detail()
    assert second.page.locator(".test[aria-current=true]").inner_text().splitlines()[1] == "test_2"


@pytest.mark.parametrize("fragment", ["#", "#7", "#0/9", "#0/0/99", "#<b>/0", "#a/b/c"])
def test_a_wrong_link_leads_to_the_beginning(opened: Callable[..., Report], fragment: str) -> None:
    shown = opened(small(), fragment=fragment)
    assert shown.lines() == LINES
    assert not shown.page.locator("#detail").is_visible()


# Mermaid


def test_mermaid_is_what_is_shown(opened: Callable[..., Report]) -> None:
    shown = opened(small(), permissions=["clipboard-read", "clipboard-write"])
    shown.page.get_by_label("Topic", exact=True).select_option("stock")
    shown.page.get_by_role("button", name="Mermaid").click()
    shown.page.get_by_role("button", name="Copy the text").click()
    shown.page.get_by_role("button", name="Copied").wait_for()
    copied = shown.page.evaluate("navigator.clipboard.readText()")
    assert copied == shown.page.get_by_label("Mermaid text").input_value()
    assert copied == (
        "sequenceDiagram\n"
        "    participant p1 as shop#35;1\n"
        "    participant p2 as stock#35;1\n"
        "    p1->>p2: call price(item='tea')\n"
        "    p2-->>p1: reply to price#58; 3\n"
        "    p1->>p2: call price(item='salt')\n"
        "    p2--xp1: failure in price#58; KeyError#58; 'salt'\n"
    )


def test_mermaid_follows_the_filters(opened: Callable[..., Report]) -> None:
    shown = opened(small())
    shown.page.get_by_role("button", name="Mermaid").click()
    assert "11 lines. As they are shown." in shown.detail()
    shown.page.get_by_role("searchbox").fill("salt")
    assert "4 lines. As they are shown." in shown.detail()
    assert "tea" not in shown.page.get_by_label("Mermaid text").input_value()
    shown.press("Escape")
    shown.page.get_by_role("searchbox").fill("tea")
    assert not shown.page.locator("#detail").is_visible()


def test_more_than_mermaid_draws_is_told(opened: Callable[..., Report]) -> None:
    shown = opened(large(800))
    shown.page.get_by_role("button", name="Mermaid").click()
    assert "1,600 lines. More than the 50,000 characters that Mermaid draws" in shown.detail()


def test_dollars_are_no_formula(opened: Callable[..., Report]) -> None:
    script = Script()
    script.send("cast", "shop", "pay", {"note": "$$5 and $$6"})
    shown = opened(script.traffic)
    shown.page.get_by_role("button", name="Mermaid").click()
    told = shown.page.get_by_label("Mermaid text").input_value()
    assert "#36;#36;5 and #36;#36;6" in told


# Tests


def test_tests_are_listed_and_chosen(opened: Callable[..., Report]) -> None:
    shown = opened(
        entry("tests/test_a.py::test_one", large(2), outcome="passed", seconds=0.25),
        entry(
            "tests/test_b.py::TestB::test_two[x-1]",
            small(),
            outcome="failed",
            seconds=2.0,
            notes=[("Failure", "E   assert 1 == 2")],
        ),
        entry("tests/test_c.py::test_three", large(1), large(3), outcome="skipped"),
    )
    page = shown.page
    assert page.locator("#tally").inner_text() == "1 passed, 1 failed, 1 skipped"
    # What failed is shown first.
    assert "TestB::test_two[x-1]" in page.locator("#which").inner_text()
    assert shown.lines() == LINES
    page.get_by_text("Failure", exact=True).click()
    assert page.get_by_text("E assert 1 == 2").is_visible()
    page.get_by_role("button", name="test_one").click()
    assert "0.250 s" in page.locator("#which").inner_text()
    assert shown.count() == "4 lines"
    page.get_by_role("button", name="test_three").click()
    assert shown.count() == "2 lines"
    page.get_by_label("Bus").select_option("2 of 2")
    assert shown.count() == "6 lines"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("test_a", ["test_one"]),
        ("STOCK", ["TestB::test_two"]),
        ("", ["test_one", "TestB::test_two"]),
        ("nobody", []),
    ],
)
def test_tests_are_looked_for(
    opened: Callable[..., Report], text: str, names: Sequence[str]
) -> None:
    shown = opened(
        entry("tests/test_a.py::test_one", large(1), outcome="passed"),
        entry("tests/test_b.py::TestB::test_two", small(), outcome="failed"),
    )
    shown.page.get_by_role("searchbox", name="Tests by name or topic").fill(text)
    assert shown.page.locator(".test:visible .name").all_text_contents() == list(names)
    assert shown.page.get_by_text("No test fits.").is_visible() == (not names)
    shown.page.get_by_role("searchbox", name="Tests by name or topic").fill("")
    shown.page.get_by_role("checkbox", name="failed").check()
    assert shown.page.locator(".test:visible .name").all_text_contents() == ["TestB::test_two"]


def test_arrows_go_through_the_tests(opened: Callable[..., Report]) -> None:
    shown = opened(*(entry(f"test_{n}", large(1), outcome="passed") for n in range(4)))
    shown.page.get_by_role("button", name="test_0").focus()
    shown.press("ArrowDown", "ArrowDown", "Enter")
    assert "test_2" in shown.page.locator("#which").inner_text()


def test_where_no_test_used_a_bus_it_says_so(opened: Callable[..., Report]) -> None:
    shown = opened()
    assert shown.page.get_by_text("No test used a bus.").is_visible()


def test_a_test_whose_traffic_could_not_be_read(opened: Callable[..., Report]) -> None:
    note = ("No diagram", "ZeroDivisionError: so it is")
    shown = opened(entry("test_a", small()), entry("test_b", outcome="passed", notes=[note]))
    shown.page.get_by_role("button", name="test_b").click()
    shown.page.get_by_text("No diagram").click()
    assert shown.page.get_by_text(note[1]).is_visible()
    assert not shown.page.locator("#diagram").is_visible()
    shown.page.get_by_role("button", name="test_a").click()
    assert shown.lines() == LINES


def test_a_bus_on_which_nothing_happened(opened: Callable[..., Report]) -> None:
    shown = opened(Bus().traffic)
    assert shown.count() == "0 lines"
    assert shown.page.locator("#nothing").inner_text().strip() == "Nothing was sent."


# Hostile texts


def test_hostile_texts_are_texts(opened: Callable[..., Report]) -> None:
    shown = opened(*map(hostile, HOSTILE.values()))
    page = shown.page
    for number, text in enumerate(HOSTILE.values()):
        page.locator(".test").nth(number).click()
        seen = in_browser(text)
        assert page.locator(".test .name").nth(number).text_content() == f"{seen}::{seen}"
        assert page.locator("#which").text_content().startswith(f"{seen} {seen}::{seen}::{seen}")
        assert page.locator("#notes").text_content() == seen * 2
        assert shown.lanes() == ["test", seen]
        assert page.locator("#topic option").all_text_contents() == ["any", seen]
        assert [line[:5] for line in shown.lines()] == ["call ", "reply", "failu"]
        assert all(line.isprintable() for line in shown.lines())
        shown.line("call").click()
        blocks = page.locator("#detail-body pre").all_text_contents()
        as_json = in_browser(dump({text: text})[1:-1])
        assert [block.split("\n")[1].strip() for block in blocks[:2]] == [as_json] * 2
        assert blocks[2:] == [in_browser(dump(text)), f"{seen}: {seen}", "Traceback: …"]
        page.get_by_role("button", name="Mermaid").click()
        mermaid = page.get_by_label("Mermaid text").input_value()
        assert mermaid.replace("\n", "").isprintable()
        names, sent = mermaid.splitlines()[1:3], mermaid.splitlines()[3:]
        assert [re.match(r"    participant p\d as ", each) is not None for each in names] == [
            True
        ] * 2
        assert [re.split(r"p\d: ", each)[0] for each in sent] == [
            "    p0->>",
            "    p1-->>",
            "    p1--x",
        ]
        for line in (*names, *sent):
            told = re.split(r" as |p\d: ", line)[1]
            assert not re.search(r"[<>;:\"`%\\&]", re.sub(r"#\d+;", "", told)), line
        shown.press("Escape")
    assert page.locator("img, b, a, iframe, object, embed, foreignObject").count() == 0


def hostile(text: str) -> Entry:
    """A test in which all that can be is this text."""
    script = Script()
    send = script.send("call", text, text, {text: text}, context={text: text})
    taken = script.taken(send, text)
    script.reply(taken, text)
    script.failure(taken, text, text)
    sheets = [Sheet.of(script.traffic, redact=False)]
    return Entry(f"{text}::{text}::{text}", sheets, text, 0.1, [(text, text)])


def in_browser(text: str) -> str:
    """A text as the page shows it: what can't be seen is escaped, lines end as they do."""
    return "".join(char if char in "\n\t" else printable(char) for char in text)


def test_a_text_of_a_mebibyte_is_cut_and_quick(opened: Callable[..., Report]) -> None:
    script = Script()
    send = script.send("call", "shop", "buy", {"x": "<b" * 2**19})
    script.reply(script.taken(send, "shop#1"), "<x" * 2**19)
    shown = opened(script.traffic)
    shown.page.set_default_timeout(10_000)
    shown.line("call buy").click()
    told = shown.detail()
    assert "<b<b<b" in told
    assert "<x<x<x" in told
    assert f"(and {2**20 + 9 - 100_000} more characters)" in told  # of {"x": "…"}
    assert f"(and {2**20 + 2 - 100_000} more characters)" in told
    assert not shown.overflows()


# How it looks


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_can_be_read_in_light_and_dark(
    opened: Callable[..., Report], scheme: str
) -> None:
    outcomes = ("passed", "failed", "skipped", "xfailed", "error")
    shown = opened(
        *(entry(f"test_{one}", small(), outcome=one) for one in outcomes), color_scheme=scheme
    )
    ground = luminance(shown.page, "body", "backgroundColor")
    assert ground < 0.1 if scheme == "dark" else ground > 0.8
    for each in shown.page.locator(".badge, .chip, .lane, .test small, #which, #count").all():
        assert contrast(each) >= 4.5, each.inner_text()
    shown.line("failure in price").click()
    for each in shown.page.locator("#detail-body p, #detail-body pre, #detail-body h3").all():
        assert contrast(each) >= 4.5
    for each in shown.page.locator("#detail-body button").all():
        assert contrast(each) >= 4.5
    panel = luminance(shown.page, "#diagram", "backgroundColor")
    for selector in (".call .words", ".failure .words", ".number", ".time", ".time.same"):
        ink = luminance(shown.page, f"g.line{selector}" if " " in selector else selector, "fill")
        assert ratio(ink, panel) >= 4.5, selector
    for kind in ("call", "cast", "reply", "failure", "timeout"):
        ink = luminance(shown.page, f"g.line.{kind}", "color")
        assert ratio(ink, panel) >= 3, kind


@pytest.mark.parametrize("width", [320, 390, 1280, 2560])
def test_no_window_is_too_narrow(opened: Callable[..., Report], width: int) -> None:
    script = Script()
    for number in range(30):
        script.taken(
            script.send("cast", f"a.topic.with.a.long.name.{number}", "do"), f"shop#{number}"
        )
    entries = [
        entry("test_many.py::test_lanes" + "_and_more" * 20, script.traffic, outcome="passed"),
        entry("test_few.py::test_lanes", small(), outcome="failed"),
    ]
    shown = opened(*entries, fragment="#0/0")
    shown.page.set_viewport_size({"width": width, "height": 700})
    assert not shown.overflows()
    shown.line("cast do").click()
    assert not shown.overflows()
    detail = shown.page.locator("#detail").bounding_box()
    assert detail["x"] >= 0
    assert detail["x"] + detail["width"] <= width
    # The chosen line is in view beside the details, or above them.
    line = shown.page.locator("g.line[aria-selected=true] .number").bounding_box()
    assert 0 <= line["y"] < 700
    assert width >= 700 or line["y"] < detail["y"]


def test_on_a_phone_one_goes_from_the_list_to_a_test_and_back(
    opened: Callable[..., Report],
) -> None:
    shown = opened(
        *(entry(f"test_{number}", small(), outcome="passed") for number in range(3)),
        viewport={"width": 390, "height": 800},
    )
    page = shown.page
    assert page.locator("#nav").is_visible()
    assert not page.locator("#main").is_visible()
    page.get_by_role("button", name="test_1").click()
    assert not page.locator("#nav").is_visible()
    assert shown.page.locator("g.line .words").first.text_content().startswith("call buy(")
    page.get_by_role("button", name="All").click()
    assert page.locator("#nav").is_visible()
    assert shown.page.evaluate("document.activeElement.className").startswith("test")


def test_without_its_script_the_page_says_so(opened: Callable[..., Report]) -> None:
    shown = opened(small(), java_script_enabled=False)
    assert "with a script of its own" in shown.page.locator("noscript").inner_text()
