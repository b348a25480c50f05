"""The console in a real Chromium: live, filtered, by keyboard, at 100,000 exchanges, on a phone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from itertools import combinations
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from console_page import DESKTOP, barriers, live, page_of, rows
from control_client import Control, controlled
from journal_entries import an_entry
from simulator.serve.entries import BOUNDS_MS, COLUMNS
from simulator.serve.streams import STREAMS_MAX

pytestmark = pytest.mark.e2e

JOURNAL = "/?text="
"""The journal, also on a server on which nothing has happened."""
PHONE = {"width": 360, "height": 780}
PAGES = (
    "/",
    "/console/players",
    "/console/player?agent=demo&player=1000",
    "/console/sessions",
    "/console/findings",
    "/console/undelivered",
    "/console/latency",
    "/console/connect",
    "/console/exchange/1",
    "/console/requests",
    "/console/explorer",
    "/console/compose",
    "/console/rules/IDE-01",
)
MANY = 100_000


@pytest.fixture
def control() -> Iterator[Control]:
    """A server with a wallet that charges a bet again when it is sent again."""
    with controlled("bet-charged-again") as found:
        yield found


def test_what_happens_is_on_the_page_at_once_with_icon_and_word(browser: Browser, control: Control) -> None:
    """A bet comes in as a row; sent again, its row says that it is wrong."""
    control.read()
    with page_of(browser, control) as page:
        live(page)
        number = control.bet("10.00")["exchanges"][0]
        row = page.locator(f'li.row[data-number="{number}"]')
        expect(row.locator(".outcome")).to_have_text("accepted")
        expect(row.locator(".outcome svg use")).to_have_attribute("href", "#i-accepted")
        expect(row.locator(".balance")).to_have_text("990.00")
        again = control.do("POST", f"/journal/{number}/resend")["exchanges"][0]
        wrong = page.locator(f'li.row[data-number="{again}"]')
        expect(wrong.locator(".verdict")).to_have_text("wrong")
        expect(wrong.locator(".mark.rule")).to_have_text("IDE-01")
        control.do("POST", "/reset")
        expect(rows(page)).to_have_count(0)
        expect(page.locator("#empty")).to_be_visible()


def test_the_keyboard_is_enough(browser: Browser, control: Control) -> None:
    """Arrows move, Enter opens, Escape closes, / filters as one types."""
    for player in ("1000", "1001", "1002"):
        control.bet(player=player)
    with page_of(browser, control) as page:
        live(page)
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowDown")
        second = rows(page).nth(1)
        expect(second.locator("a")).to_be_focused()
        page.keyboard.press("Enter")
        detail = page.locator("#detail")
        number = second.get_attribute("data-number")
        expect(detail.locator("article")).to_have_attribute("data-number", str(number))
        page.keyboard.press("ArrowDown")
        expect(detail.locator("article")).not_to_have_attribute("data-number", str(number))
        page.keyboard.press("Escape")
        expect(detail).to_be_hidden()
        expect(rows(page).nth(2).locator("a")).to_be_focused()
        page.keyboard.press("/")
        expect(page.locator("#search")).to_be_focused()
        page.keyboard.type('"1001"')
        expect(rows(page).locator(".player")).to_have_text(["1001"])
        assert "text=" in page.url
        page.keyboard.press("Escape")
        page.keyboard.press("Escape")
        expect(rows(page)).to_have_count(3)


def test_one_exchange_shows_both_sides_and_is_sent_again(browser: Browser, control: Control) -> None:
    """Side by side, as curl in the clipboard, and a finding in words once it is sent again."""
    control.read()
    number = control.bet("10.00")["exchanges"][0]
    with page_of(browser, control) as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        live(page)
        page.locator(f'li.row[data-number="{number}"]').click()
        sides = page.locator("#detail .sides > section")
        left, right = sides.nth(0).bounding_box(), sides.nth(1).bounding_box()
        assert left is not None
        assert right is not None
        assert left["x"] < right["x"]
        assert left["y"] == right["y"]
        expect(sides.nth(0)).to_contain_text('"amount": "10.00"')
        expect(sides.nth(1)).to_contain_text('"balance": "990.00"')
        page.get_by_role("button", name="Copy as curl").click()
        expect(page.locator(".toast")).to_have_text("Copied")
        assert page.evaluate("navigator.clipboard.readText()").startswith("curl ")
        page.get_by_role("button", name="Send again").click()
        expect(page.locator(".toast.accepted")).to_contain_text("Sent again: accepted")
        page.locator('li.row[data-verdict="wrong"]').click()
        expect(page.locator("#detail .finding")).to_contain_text("A bet that is sent again is charged again.")
        expect(page.locator("#detail .attempts li")).to_have_count(2)
        with page.expect_download() as saved:
            page.get_by_role("link", name="As scenario").click()
        assert "resend: b1" in saved.value.path().read_text()


def crowd(control: Control) -> None:
    """A hundred thousand exchanges in the journal, without a wallet's time for each."""
    store = control.api.state.delivery.journal._store
    texts = dict.fromkeys(
        (
            "game",
            "fault",
            "problem",
            "findings",
            "content_type",
            "reply_headers",
            "reason",
            "no_reply",
            "account",
        ),
        "''",
    )
    numbers = dict.fromkeys(("at_ms", "sent_ns", "reply_bytes"), "n")
    values = {
        **texts,
        **numbers,
        # Nothing that is news.
        "change": "0",
        "agent": "'demo'",
        "session": "'demo-' || (n % 500)",
        "player": "1000 + n % 700",
        "method": "'transaction_bet'",
        "transaction_id": "'bet-' || n",
        "outcome": "CASE n % 1000 WHEN 0 THEN 'unknown' ELSE 'accepted' END",
        "verdict": "'right'",
        "purpose": "'round'",
        "attempt": "1",
        "amount": "1000",
        "difference": "0",
        "form": "'canonical'",
        "balance": "100000 - n",
        "stated_balance": "NULL",
        "expected": "100000 - n",
        "http_status": "200",
        "duration_ns": "n * 1000",
        "request_body": "CAST('{\"transaction_id\":\"bet-' || n || '\"}' AS BLOB)",
        "reply_body": "x'7b7d'",
    }
    chosen = ", ".join(values[name] for name in COLUMNS)
    store.write(
        f"WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {MANY}) "
        f"INSERT INTO exchanges ({', '.join(COLUMNS)}, bytes) SELECT {chosen}, 500 FROM numbers"
    )


def test_a_hundred_thousand_exchanges_stay_usable(browser: Browser, control: Control) -> None:
    """The page holds few rows however far one scrolls, gets back those it let go, and the server filters."""
    crowd(control)
    with page_of(browser, control, JOURNAL) as page:
        live(page)
        expect(rows(page).first).to_have_attribute("data-number", str(MANY))
        lowest = MANY
        for _ in range(13):
            page.locator("#rows").evaluate("box => { box.scrollTop = box.scrollHeight; }")
            expect(rows(page).last).not_to_have_attribute("data-number", str(lowest))
            lowest = int(str(rows(page).last.get_attribute("data-number")))
        assert lowest <= MANY - 1200
        assert rows(page).count() < 1000
        page.locator("#rows").evaluate("box => { box.scrollTop = 0; }")
        expect(page.locator(f'li.row[data-number="{MANY}"]')).to_be_visible()
        page.get_by_label("Outcome").select_option("unknown")
        expect(rows(page)).to_have_count(100)
        page.get_by_label("Filter by text").fill("bet-77000")
        expect(rows(page)).to_have_count(1)
        page.keyboard.press("Enter")
        page.locator("#search").fill("#4711")
        page.keyboard.press("Enter")
        expect(page.locator("#detail article")).to_have_attribute("data-number", "4711")


def test_who_reads_further_down_is_not_pushed_about(browser: Browser, control: Control) -> None:
    """News wait above, counted, until one asks for them."""
    for _ in range(60):
        control.do("POST", "/webhooks", {"webhook": {"method": "account_details", "user_id": "1000"}})
    with page_of(browser, control) as page:
        live(page)
        page.locator("#rows").evaluate("box => { box.scrollTop = 600; }")
        control.do("POST", "/webhooks", {"webhook": {"method": "account_details", "user_id": "1001"}})
        news = page.locator("#news")
        expect(news).to_have_text("+1 new")
        assert page.locator("#rows").evaluate("box => box.scrollTop") == 600
        news.click()
        expect(rows(page).first.locator(".player")).to_have_text("1001")


def test_a_page_beyond_the_cap_polls_and_says_so(browser: Browser, control: Control) -> None:
    """It shows what happens all the same."""
    host, _, port = control.played.url.removeprefix("http://").partition(":")
    with ExitStack() as held:
        for _ in range(STREAMS_MAX):
            connection = held.enter_context(closing(HTTPConnection(host, int(port), timeout=30)))
            connection.request("GET", "/console/events")
            # It is the answer that holds the connection.
            reply = held.enter_context(closing(connection.getresponse()))
            assert reply.status == 200
        with page_of(browser, control, JOURNAL) as page:
            expect(page.locator("#live")).to_have_text("Polling")
            control.bet("3.00")
            expect(page.locator("li.row .amount", has_text="3.00")).to_be_visible()


def test_a_browser_logs_in_with_the_token(browser: Browser) -> None:
    """A wrong one is told; the right one leads to the page that was asked for."""
    with controlled(admin_token="s3cret") as control, page_of(browser, control, "/console/findings") as page:
        page.get_by_label("Admin token").fill("wrong")
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("alert")).to_have_text("This is not the admin token.")
        page.get_by_label("Admin token").fill("s3cret")
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("heading", name="Findings")).to_be_visible()
        live(page)
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_label("Admin token")).to_be_visible()


def test_a_game_is_launched_from_the_console_and_demo_calls_no_wallet(
    browser: Browser, control: Control
) -> None:
    """It opens in a page of its own; the session is in the list and can be ended."""
    with page_of(browser, control, "/console/sessions") as page:
        page.get_by_label("Type").select_option("DEMO")
        page.get_by_role("button", name="Launch").click()
        with page.context.expect_page() as opened:
            page.get_by_role("link", name=re.compile("Open the game")).click()
        assert "/play/" in opened.value.url
        expect(page.get_by_role("cell", name="DEMO", exact=True)).to_be_visible()
        expect(page.get_by_text("For DEMO sessions: 0.")).to_be_visible()
        page.get_by_role("button", name="End").click()
        expect(page.get_by_role("cell", name="over")).to_be_visible()


def test_who_has_fixed_the_wallet_starts_over(browser: Browser, control: Control) -> None:
    """The findings lead to an empty server, once the question is answered; agents stay."""
    control.read()
    number = control.bet("10.00")["exchanges"][0]
    control.do("POST", f"/journal/{number}/resend")
    with page_of(browser, control, "/console/findings") as page:
        expect(page.locator(".finding")).to_have_count(1)
        page.once("dialog", lambda dialog: dialog.accept())
        page.get_by_role("button", name="Start over").click()
        expect(page.locator(".finding")).to_have_count(0)
        expect(page.get_by_text("No call to your wallet could be judged yet.")).to_be_visible()
    assert len(control.get("/agents")["agents"]) == 1


def test_the_player_that_a_wallet_knows_is_launched_next(browser: Browser, control: Control) -> None:
    with page_of(browser, control, "/console/connect") as page:
        page.get_by_label("Player").fill("1042")
        page.get_by_role("button", name="Test").click()
        launch = page.get_by_role("link", name="Launch a game")
        expect(launch).to_have_attribute("href", re.compile("1042"))
        launch.click()
        expect(page.get_by_label("Player")).to_have_value("1042")


@pytest.mark.parametrize(("locale", "word"), [("tr-TR", "Günlük"), ("pt-BR", "Diário"), ("en-GB", "Journal")])
def test_the_console_speaks_the_browsers_language(
    browser: Browser, control: Control, locale: str, word: str
) -> None:
    """And another one when it is chosen."""
    with page_of(browser, control, JOURNAL, locale=locale) as page:
        expect(page.locator("nav [aria-current]")).to_have_text(word)
        page.locator(".lang select").select_option("tr")
        expect(page.locator("nav [aria-current]")).to_have_text("Günlük")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_every_page_fits_its_screen(
    browser: Browser, control: Control, screenshots: Path, viewport: dict[str, int], scheme: str
) -> None:
    """Nothing is wider than the screen or a barrier; a picture of each page is kept to be looked at."""
    path = control.seat()
    for _ in range(12):
        control.spin(path, "5.00")
    number = control.bet("10.00")["exchanges"][0]
    wrong = control.do("POST", f"/journal/{number}/resend")["exchanges"][0]
    kind = f"{'phone' if viewport is PHONE else 'desktop'}-{scheme}"
    with page_of(browser, control, viewport=viewport, color_scheme=scheme) as page:
        for place in (*PAGES, f"/console/exchange/{wrong}"):
            page.goto(place)
            expect(page.locator("#main")).to_be_visible()
            width = page.evaluate("document.documentElement.scrollWidth")
            assert width <= viewport["width"], place
            assert page.locator("main").count() == 1, place
            # What a page holds is the same on a phone, and looking at it takes time.
            assert viewport is PHONE or barriers(page) == [], place
            name = re.sub(r"\W+", "-", place.partition("?")[0]).strip("-") or "journal"
            page.screenshot(path=screenshots / f"{name}-{kind}.png")
        page.goto("/")
        page.locator(f'li.row[data-number="{wrong}"]').click()
        expect(page.locator("#detail .finding")).to_be_visible()
        page.screenshot(path=screenshots / f"console-detail-{kind}.png")


def test_latencies_of_all_kinds_have_room_for_their_labels_on_a_phone(
    browser: Browser, control: Control
) -> None:
    journal = control.api.state.delivery.journal
    for bound_ms in (*BOUNDS_MS, 9_999):
        journal.record(an_entry(took_ns=bound_ms * 999_999))
    with page_of(browser, control, "/console/latency", viewport=PHONE) as page:
        labels = [each.bounding_box() for each in page.locator(".plot.narrow").last.locator("text").all()]
    assert len(labels) == 2 * len((*BOUNDS_MS, None)) + 1
    for one, other in combinations(filter(None, labels), 2):
        beside = one["x"] + one["width"] <= other["x"] or other["x"] + other["width"] <= one["x"]
        above = one["y"] + one["height"] / 2 <= other["y"] or other["y"] + other["height"] / 2 <= one["y"]
        assert beside or above, (one, other)


def test_the_explorer_sends_a_call_and_shows_its_answer(
    browser: Browser, control: Control, screenshots: Path
) -> None:
    """A GET as it is, and a POST with the body as it was edited; nothing is cut off on a phone."""
    with page_of(browser, control, "/console/explorer") as page:
        state = page.locator("form[data-path='/_sim/state']")
        page.get_by_text("GET /_sim/state").click()
        state.get_by_role("button", name="Send").click()
        expect(state.locator("pre")).to_contain_text("HTTP 200")
        expect(state.locator("pre")).to_contain_text('"exchanges_max": 100000')
        control.do("POST", "/faults", {"kind": "garbage", "route": "authentication", "first": 1})
        page.get_by_role("button", name="Get a token of demo").click()
        expect(page.get_by_text("the simulator did not answer")).to_be_visible()
        expect(page.locator("#authorization")).to_have_value("")
        page.get_by_role("button", name="Get a token of demo").click()
        expect(page.locator("#authorization")).to_have_value(re.compile(r"^Bearer \S+\.\S+\.\S+$"))
        games = page.locator("form[data-path='/api/games/all']")
        page.get_by_text("GET /api/games/all").click()
        games.get_by_role("button", name="Send").click()
        expect(games.locator("pre")).to_contain_text("Gates of Olympus")
        ahead = page.locator("form[data-path='/_sim/clock/advance']")
        page.get_by_text("POST /_sim/clock/advance").click()
        ahead.locator("textarea").fill('{"by_ms": 1000}')
        ahead.get_by_role("button", name="Send").click()
        expect(ahead.locator("pre")).to_contain_text('"ahead_ms": 1000')
        page.screenshot(path=screenshots / "console-explorer.png")
        page.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        page.screenshot(path=screenshots / "console-explorer-phone.png")


def test_a_casino_is_connected_on_the_first_page(browser: Browser, control: Control) -> None:
    """The webhook URL is tested step by step; credentials appear when they are asked for."""
    with page_of(browser, control) as page:
        expect(page.get_by_role("heading", name="Connect your casino")).to_be_visible()
        page.get_by_role("button", name="Test").click()
        expect(page.locator(".checks .ok")).to_have_count(6)
        expect(page.locator(".checks .closing")).to_have_text("Your wallet answers. Launch a game next.")
        page.get_by_role("button", name="Show credentials").click()
        expect(page.locator('[data-secret="secret_key"]')).to_have_text("demo-secret")
        page.get_by_text("Laravel", exact=True).click()
        expect(page.locator('[data-snippet="laravel"]')).to_contain_text("demo-secret")
        page.get_by_role("button", name="+ 1 h").click()
        expect(page.locator("#server")).to_contain_text("clock is 1 h ahead.")


def test_a_webhook_is_composed_and_sent(browser: Browser, control: Control) -> None:
    """The fields are those of its method; what became of it is a link to the exchange."""
    with page_of(browser, control, "/console/compose") as page:
        page.get_by_label("method").select_option("refund")
        expect(page.get_by_label("game_id")).to_be_hidden()
        page.get_by_label("method").select_option("transaction_bet")
        page.get_by_label("amount").fill("7.00")
        page.get_by_role("button", name="Send").click()
        page.get_by_role("link", name="Sent: accepted").click()
        expect(page.locator(".exchange h1")).to_have_text("transaction_bet 7.00")


def test_a_list_that_grows_too_fast_to_be_read_waits(browser: Browser, control: Control) -> None:
    """Above 50 a second it says how many came, and goes on by itself afterwards."""
    control.read()
    with page_of(browser, control) as page:
        live(page)
        journal = control.api.state.delivery.journal
        for number in range(400):
            journal.record(an_entry(transaction_id=f"t{number}"))
        expect(page.locator("#news")).to_have_text(re.compile(r"^\+\d+ new$"))
        expect(page.locator("#news")).to_be_hidden()
        expect(rows(page).first).to_have_attribute("data-number", str(journal.count()))
