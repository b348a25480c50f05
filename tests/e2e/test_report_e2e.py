"""The HTML report in a real Chromium, opened as a file."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from report_stories import RUN, told

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_the_page_works_from_a_file(browser: Browser, tmp_path: Path, width: int) -> None:
    """It asks nobody for anything, fits its width, says nothing to the console, and its search works."""
    file = tmp_path / "report.html"
    file.write_text(told("html", RUN), encoding="utf-8")
    page = browser.new_page(viewport={"width": width, "height": 800})
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(file.as_uri())
    expect(page.locator("main")).to_have_count(1)
    page.get_by_label("Search scenarios").fill("restart no")
    expect(page.locator("#list tbody tr:not([hidden])")).to_have_count(1)
    page.get_by_label("Search scenarios").fill("")
    page.get_by_label("Verdict").select_option("failed")
    expect(page.locator("#list tbody tr:not([hidden])")).to_have_count(1)
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert said == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.close()
