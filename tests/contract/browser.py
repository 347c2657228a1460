"""A real browser: headless Chromium, driven by Playwright."""

from __future__ import annotations

import os
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
        self.context = browser.new_context(viewport={"width": 1280, "height": 800}, **options)
        self.page = self.context.new_page()
        self.wrong: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.wrong.append(f"console: {message.text}"))
        self.page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        self.page.on("dialog", lambda dialog: self.wrong.append(f"dialog: {dialog.message}"))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.url = file.as_uri()
        self.page.goto(self.url + fragment)

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

    def overflows(self) -> bool:
        """Whether the page is wider than its window."""
        return bool(self.page.evaluate("document.documentElement.scrollWidth > window.innerWidth"))
