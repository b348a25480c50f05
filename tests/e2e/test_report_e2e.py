"""The HTML reports of a run and of a load in a real Chromium, opened as files."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from report_stories import RUN, told
from simulator.errors import ExitCode
from simulator.load.figures import Figures, Moment, Percentiles
from simulator.load.launch import LoadResult, WorkerRecord
from simulator.load.outcome import CollidedCall, Collision, LoadCause, LoadOutcome
from simulator.load.page import load_html

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_the_page_works_from_a_file(browser: Browser, tmp_path: Path, width: int) -> None:
    """It asks nobody for anything, fits its width, says nothing to the console, and its search works."""
    file = tmp_path / "report.html"
    file.write_text(told("html", RUN), encoding="utf-8")
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(file.as_uri())
    expect(page.locator("main")).to_have_count(1)
    copied = page.locator("#run .copied").first
    copied.get_by_role("button", name="Copy").click()
    expect(copied.get_by_role("button")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == copied.locator("pre").text_content()
    page.get_by_label("Search scenarios").fill("restart no")
    expect(page.locator("#list tbody tr:not([hidden])")).to_have_count(1)
    page.get_by_label("Search scenarios").fill("")
    page.get_by_label("Verdict").select_option("failed")
    expect(page.locator("#list tbody tr:not([hidden])")).to_have_count(1)
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert said == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.close()


TAKEN = Percentiles(900, 2.0, 8.5, 20.25, 90.0)
COLLISION = Collision(
    "1000",
    "worker-1",
    "Bet b1 of 1.00 and bet b2 of 2.00 both started from 10.00, which the wallet held only once.",
    ("bet b1 of 1.00  |======|         → 9.00", "bet b2 of 2.00      |======|     → 8.00"),
    (
        CollidedCall("bet b1 of 1.00", "a-very-long-id-" * 4, 1.5, 2.25),
        CollidedCall("bet b2", "x", 1.5, None),
    ),
)
LOADED = LoadResult(
    workers=(
        WorkerRecord(name="worker-1", host="a", sent=900, recorded=900),
        WorkerRecord(name="w", killed=True),
    ),
    figures=Figures(
        unread=(),
        calls=900,
        seconds=9.0,
        errors=3,
        refused=2,
        disturbed=1,
        details=0,
        reasons=(("no answer within 5 s", 3),),
        latencies=TAKEN,
        by_method=(("bet", 900, TAKEN), ("refund", 1, None)),
        clocks={},
        moments=tuple(Moment(float(second), 100.0 + second, 0.5, TAKEN) for second in range(9)),
    ),
)


@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_of_a_load_shows_its_plots_without_a_script(
    browser: Browser, tmp_path: Path, width: int
) -> None:
    """It asks nobody for anything, fits its width, and says nothing to the console."""
    cause = LoadCause(
        3, "lost-update", "CCY-01", "calls overwrite each other", "money is lost", (COLLISION,) * 3
    )
    outcome = LoadOutcome(code=ExitCode.FOUND, why="your wallet got money wrong under load", causes=(cause,))
    file = tmp_path / "load.html"
    file.write_text(load_html(LOADED, outcome), encoding="ascii")
    page = browser.new_page(viewport={"width": width, "height": 800}, java_script_enabled=False)
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.goto(file.as_uri())
    expect(page.locator("svg")).to_have_count(3)
    lines = [box for each in page.locator("path.line1").all() if (box := each.bounding_box())]
    assert [box["width"] > 100 for box in lines] == [True, True]
    wide = page.locator("main").bounding_box()
    assert wide is not None
    assert wide["width"] <= width
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert said == []
    page.close()
