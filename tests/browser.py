"""A real browser: headless Chromium, driven by Playwright."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
QUIET = (
    "--no-sandbox",  # CI runs as root in a container
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find_chromium() -> str:
    """Where Chromium is: RPCFAKE_CHROMIUM, or on PATH. Without one the test is skipped, under CI
    it fails."""
    found = os.environ.get("RPCFAKE_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        missing("no Chromium: neither RPCFAKE_CHROMIUM nor any of these on PATH: chromium, …")
    return found


def missing(reason: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


HOSTILE = {
    "HTML": "<img src=x onerror=\"document.title='run'\"><b>bold</b>",
    "a script": "</script><script>document.title='run'</script>",
    "the end of the data": "</script><!-- <script> ]]>",
    "entities": "&lt;b&gt; &amp;amp;",
    "templates": "{{ 7 * 7 }} {% raw %} ${7*7} `x`",
    "quotes": "'\"`\\' \" onclick=\"document.title='run'\"",
    "a URL": "javascript:document.title='run'",
    "bidi": "right \u202eto\u202c left \u2066x\u2069",
    "control characters": "a\x00b\x07c\x1b[31md\x7fe\x85f",
    "what is not seen": "zero\u200bwidth\ufeff \u2028 line",
    "lone surrogates": "\ud800 and \udfff",
    "other scripts": "日本語 العربية 🐍",
}


@contextmanager
def running_browser() -> Iterator[Any]:
    """Chromium, started."""
    executable = find_chromium()
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("no Playwright: pip install playwright")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(QUIET))
        try:
            yield browser
        finally:
            browser.close()


class Opened:
    """A page in the browser, and everything that went wrong in it: what its policy blocks stands
    on the console, too."""

    def __init__(self, browser: Any, file: Path, fragment: str = "", **options: Any) -> None:
        self.context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}} | options)
        self.page = self.context.new_page()
        self.wrong: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.wrong.append(f"console: {message.text}"))
        self.page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        self.page.on("dialog", lambda dialog: self.wrong.append(f"dialog: {dialog.message}"))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.url = file.as_uri()
        self.page.goto(self.url + fragment)

    def close(self) -> str:
        """Close it; nothing must have gone wrong in it, and nothing been fetched. Gives the
        title."""
        title = str(self.page.title())
        self.context.close()
        assert self.wrong == []
        assert {url.partition("#")[0] for url in self.requests} == {self.url}
        return title

    def overflows(self) -> bool:
        """Whether the page is wider than its window."""
        return bool(self.page.evaluate("document.documentElement.scrollWidth > window.innerWidth"))


def luminance(page: Any, selector: str, what: str) -> float:
    return relative(page.locator(selector).first.evaluate(f"e => getComputedStyle(e).{what}"))


def contrast(element: Any) -> float:
    """The contrast of a text to what it stands on, as WCAG 2 counts it."""
    ink, ground = element.evaluate(
        """element => {
          const ink = getComputedStyle(element).color;
          const canvas = new OffscreenCanvas(1, 1).getContext(
            '2d', { willReadFrequently: true });
          const chain = [];
          for (let e = element; e; e = e.parentElement) chain.unshift(e);
          for (const each of chain) {
            canvas.fillStyle = getComputedStyle(each).backgroundColor;
            canvas.fillRect(0, 0, 1, 1);
          }
          const ground = [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
          canvas.fillStyle = ink;
          canvas.fillRect(0, 0, 1, 1);
          const over = [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
          return [`rgb(${over})`, `rgb(${ground})`];
        }"""
    )
    return ratio(relative(ink), relative(ground))


def ratio(one: float, other: float) -> float:
    """The contrast of two luminances."""
    light, dark = max(one, other), min(one, other)
    return (light + 0.05) / (dark + 0.05)


def relative(colour: str) -> float:
    """The relative luminance of rgb(r, g, b)."""
    channels = [int(number) / 255 for number in re.findall(r"\d+", colour)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
