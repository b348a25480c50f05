"""A page of the console in a browser, as tests of it use it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from control_client import Control

DESKTOP = {"width": 1440, "height": 900}


@contextmanager
def page_of(browser: Browser, control: Control, path: str = "/", **options: Any) -> Iterator[Page]:
    """A page that fails the test for whatever its console complains of."""
    given = {"viewport": DESKTOP, "locale": "en-US", "base_url": control.played.url, **options}
    context = browser.new_context(**given)
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    # What a route refuses, Chromium writes down by itself.
    page.on("console", lambda said: complaints.append(said.text) if _is_complaint(said) else None)
    try:
        page.goto(path)
        yield page
        assert complaints == []
    finally:
        context.close()


def _is_complaint(said: ConsoleMessage) -> bool:
    return said.type == "error" and not said.text.startswith("Failed to load resource")


def live(page: Page) -> None:
    """Wait until the page is told what happens."""
    expect(page.locator("#live")).to_have_text("Live")


def rows(page: Page) -> Any:
    """The rows of the journal."""
    return page.locator("li.row")


def barriers(page: Page) -> list[str]:
    """What axe finds on the page that keeps people from using it: the serious and the critical."""
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{each['id']}: {node['html'][:200]}"
        for each in found
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]
