"""The journal's page and the game's panel stay true however late and in whatever order news come."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import APIResponse, Browser, Page, Route, expect

from console_page import live, page_of, rows
from control_client import Control, controlled
from simulator.core.findings import CallVerdict
from simulator.serve.journal import Journal

pytestmark = pytest.mark.e2e


@pytest.fixture
def control() -> Iterator[Control]:
    """A server whose journal has one exchange."""
    with controlled() as found:
        found.read()
        yield found


def journal_of(control: Control) -> Journal:
    return control.api.state.delivery.journal


def record(journal: Journal, verdict: CallVerdict) -> int:
    """One more exchange like the latest; its number."""
    return journal.record(replace(journal.latest(limit=1)[0], verdict=verdict, number=0)).number


def judge(journal: Journal, number: int, verdict: CallVerdict) -> None:
    journal.judge(number, verdict, None, ())


def numbers(page: Page) -> list[int]:
    """What the page lists, from its top."""
    shown = page.locator("li.row").evaluate_all("rows => rows.map((row) => Number(row.dataset.number))")
    return [int(number) for number in shown]


def wanted_rows(page: Page, expected: list[int]) -> None:
    """The page comes to list these and no others."""
    expect(rows(page)).to_have_count(len(expected))
    assert numbers(page) == expected


def scroll_down(page: Page) -> None:
    """So far that the rows at the top are given back."""
    for _ in range(4):
        shown = rows(page).last.get_attribute("data-number")
        page.locator("#rows").evaluate("box => { box.scrollTop = box.scrollHeight; }")
        expect(rows(page).last).not_to_have_attribute("data-number", str(shown))


def test_a_row_that_was_judged_before_it_was_told_stands_at_its_place(
    browser: Browser, control: Control
) -> None:
    """Its change is the latest, so it comes after rows of higher numbers."""
    journal = journal_of(control)
    with page_of(browser, control) as page:
        live(page)
        with journal.transaction():
            first, second, third = (record(journal, CallVerdict.OPEN) for _ in range(3))
            judge(journal, first, CallVerdict.RIGHT)
        expect(page.locator(f'li.row[data-number="{first}"] .verdict')).to_have_text("right")
        wanted_rows(page, [third, second, first, first - 1])


def test_rows_come_and_go_as_later_words_fit_the_filter(browser: Browser, control: Control) -> None:
    """A verdict that comes late puts a row between others, or takes it away."""
    journal = journal_of(control)
    first, second, third = (
        record(journal, verdict) for verdict in (CallVerdict.WRONG, CallVerdict.OPEN, CallVerdict.WRONG)
    )
    with page_of(browser, control, "/?verdict=wrong") as page:
        live(page)
        wanted_rows(page, [third, first])
        judge(journal, second, CallVerdict.WRONG)
        expect(page.locator(f'li.row[data-number="{second}"]')).to_be_visible()
        wanted_rows(page, [third, second, first])
        for number in (third, first, second):
            judge(journal, number, CallVerdict.RIGHT)
        expect(page.locator("#empty")).to_be_visible()
        judge(journal, first, CallVerdict.WRONG)
        expect(page.locator(f'li.row[data-number="{first}"]')).to_be_visible()
        wanted_rows(page, [first])


def test_rows_far_from_the_view_stay_complete(browser: Browser, control: Control) -> None:
    """What is judged late among rows that were given back is there when one comes by again."""
    journal = journal_of(control)
    kept = [record(journal, CallVerdict.OPEN if n % 25 == 0 else CallVerdict.WRONG) for n in range(500)]
    with page_of(browser, control, "/?verdict=wrong") as page:
        live(page)
        box = page.locator("#rows")
        scroll_down(page)
        expect(page.locator(f'li.row[data-number="{kept[-1]}"]')).to_have_count(0)
        for number in kept[::25]:
            judge(journal, number, CallVerdict.WRONG)
        judge(journal, kept[-2], CallVerdict.RIGHT)
        # The lowest stands among rows that are shown: the stream has told all before it, too.
        judge(journal, kept[1], CallVerdict.RIGHT)
        expect(page.locator(f'li.row[data-number="{kept[1]}"]')).to_have_count(0)
        box.evaluate("box => { box.scrollTop = 0; }")
        expect(page.locator(f'li.row[data-number="{kept[-1]}"]')).to_be_visible()
        there = sorted(set(kept) - {kept[-2], kept[1]}, reverse=True)
        assert numbers(page)[:100] == there[:100]


def test_what_is_said_of_rows_while_they_come_back_is_on_them(browser: Browser, control: Control) -> None:
    """Also where they come in two pages, and the word falls between the two."""
    journal = journal_of(control)
    kept = [record(journal, CallVerdict.OPEN if n % 25 == 0 else CallVerdict.WRONG) for n in range(500)]
    held: list[tuple[Route, APIResponse]] = []

    def hold(route: Route) -> None:
        held.append((route, route.fetch()))
        judge(journal, kept[-2], CallVerdict.RIGHT)
        record(journal, CallVerdict.WRONG)

    with page_of(browser, control, "/?verdict=wrong") as page:
        live(page)
        box = page.locator("#rows")
        scroll_down(page)
        for number in kept[::25]:
            judge(journal, number, CallVerdict.WRONG)
        page.route(re.compile(f"before={kept[-1] + 1}(&|$)"), hold, times=1)
        box.evaluate("box => { box.scrollTop = 0; }")
        # The next one is shown: the page has been told of all before it.
        expect(page.locator(f'li.row[data-number="{kept[-1] + 1}"]')).to_be_visible()
        [(route, written)] = held
        route.fulfill(response=written)
        expect(page.locator(f'li.row[data-number="{kept[-1]}"]')).to_be_visible()
        assert kept[-2] not in numbers(page)


def test_an_exchange_that_is_looked_at_shows_what_is_said_of_it_later(
    browser: Browser, control: Control
) -> None:
    """Its verdict, and that it was sent again; what the reader has unfolded stays so."""
    journal = journal_of(control)
    number = control.bet()["exchanges"][0]
    judge(journal, number, CallVerdict.OPEN)
    with page_of(browser, control) as page:
        live(page)
        page.locator(f'li.row[data-number="{number}"]').click()
        detail = page.locator("#detail")
        detail.locator("summary").first.click()
        expect(detail.locator(".verdict").first).to_have_text("undecided")
        judge(journal, number, CallVerdict.RIGHT)
        expect(detail.locator(".verdict").first).to_have_text("right")
        expect(detail.locator("details").first).to_have_attribute("open", "")
        page.get_by_role("button", name="Send again").click()
        expect(detail.locator(".attempts li")).to_have_count(2)


def test_what_happens_while_the_list_is_fetched_is_in_it(browser: Browser, control: Control) -> None:
    """The list was written before, and comes after the news."""
    journal = journal_of(control)
    latest = [record(journal, CallVerdict.RIGHT) for _ in range(60)][-1] + 2
    held: list[tuple[Route, APIResponse]] = []

    def hold(route: Route) -> None:
        held.append((route, route.fetch()))
        record(journal, CallVerdict.RIGHT)

    with page_of(browser, control) as page:
        live(page)
        page.locator("#rows").evaluate("box => { box.scrollTop = 600; }")
        record(journal, CallVerdict.RIGHT)
        expect(page.locator("#news")).to_have_text("+1 new")
        page.route(re.compile("/console/rows"), hold, times=1)
        page.locator("#news").click()
        # The page has been told of the latest, and says how many there are.
        expect(page.locator("#counts")).to_contain_text(str(latest))
        [(route, written)] = held
        route.fulfill(response=written)
        expect(rows(page).first).to_have_attribute("data-number", str(latest))
        expect(page.locator("#news")).to_be_hidden()


def test_other_pages_are_told_what_happened_while_they_were_made(browser: Browser, control: Control) -> None:
    """From the moment that their content was read, not from when their script begins."""

    def late(route: Route) -> None:
        written = route.fetch()
        control.read("1001")
        route.fulfill(response=written)

    with page_of(browser, control) as page:
        page.route(re.compile("/console/players$"), late, times=1)
        page.goto("/console/players")
        expect(page.get_by_role("link", name="1001")).to_be_visible()


def test_the_panel_of_the_game_keeps_its_order(browser: Browser, control: Control) -> None:
    """A call that was judged late stands at its place there, too."""
    journal = journal_of(control)
    path = control.seat()
    with page_of(browser, control, path) as page:
        panel = page.locator("#journal > li")
        expect(panel).not_to_have_count(0)
        expect(page.locator("#live")).to_have_text("live")
        with journal.transaction():
            first, second = (record(journal, CallVerdict.OPEN) for _ in range(2))
            judge(journal, first, CallVerdict.RIGHT)
        expect(page.locator(f'#journal > li[data-number="{first}"]')).to_be_attached()
        shown = panel.evaluate_all("rows => rows.map((row) => Number(row.dataset.number))")
        assert shown == sorted(shown, reverse=True)
        assert shown[:2] == [second, first]


def test_the_api_log_shows_a_call_as_soon_as_it_comes(control: Control, browser: Browser) -> None:
    """With its error, without a reload."""
    with page_of(browser, control, "/console/requests") as page:
        expect(page.get_by_text("has not called this simulator yet")).to_be_visible()
        live(page)
        control.api.client.get("/api/games/game_lunch")
        expect(page.locator("tr.failed")).to_contain_text("NOT_FOUND")
        page.locator("tr.failed a").first.click()
        expect(page.locator("h1")).to_contain_text("/api/games/game_lunch")
