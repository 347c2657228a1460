"""`nox -s pictures`: the report on the example project, in headless Chromium."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent
EXAMPLE = HERE.parent / "examples" / "compute"
TEST = "test_a_server_deleted_while_it_is_built_stays_deleted"
LINE = "multicall transfer"
FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")


def main() -> None:
    chromium = os.environ.get("RPCFAKE_CHROMIUM") or shutil.which("chromium")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        # In the order of the files, and without a trace beside them.
        plain = ("-p", "no:cacheprovider", "-p", "no:randomly")
        command = [sys.executable, "-m", "pytest", EXAMPLE, "-q", *plain]
        subprocess.run([*command, f"--rpcfake-report={folder}"], check=True)
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        page = browser.new_page(viewport={"width": 1440, "height": 800})
        page.goto((Path(folder) / "index.html").as_uri())
        page.get_by_role("button", name=TEST).click()
        page.locator("g.line").filter(has_text=LINE).first.click()
        page.screenshot(path=HERE / "report.png")
        browser.close()


if __name__ == "__main__":
    main()
