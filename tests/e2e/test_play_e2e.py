"""The game in a real Chromium: what a player sees and does, and what the operator's books say afterwards."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from console_page import barriers
from play_server import PlayServer, play_server, seed_where
from scripted_server import ScriptedServer, answering, reply
from simulator.core.rounds import Spin
from simulator.core.webhooks import Method

pytestmark = pytest.mark.e2e

Open = Callable[..., Page]

NOTHING = "\N{EN DASH}"
TIMES = "\N{MULTIPLICATION SIGN}"

HOSTILE = "<img src=x onerror=\"document.title='hacked'\"><b>x</b>"
PHONE, DESKTOP = {"width": 360, "height": 740}, {"width": 1280, "height": 800}
LYING = {"width": 740, "height": 360}

# Text on a ground of one colour; what stands on gradients is for the eye.
PALE = """() => {
    const light = (colour) => {
        const parts = colour.match(/[\\d.]+/g).slice(0, 3).map((part) => part / 255);
        const linear = parts.map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
    };
    const ground = (element) => {
        for (let at = element; at; at = at.parentElement) {
            const style = getComputedStyle(at);
            if (style.backgroundImage !== "none") return null;
            if (/^rgb\\(/.test(style.backgroundColor)) return style.backgroundColor;
        }
        return null;
    };
    const texts = [...document.querySelectorAll("body *")].filter((element) =>
        element.checkVisibility() && !element.closest("[aria-disabled=true]") &&
        [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()));
    return texts.flatMap((element) => {
        const behind = ground(element);
        if (!behind) return [];
        const [low, high] = [light(getComputedStyle(element).color), light(behind)].sort((a, b) => a - b);
        const ratio = (high + 0.05) / (low + 0.05);
        return ratio < 4.5 ? [`${element.outerHTML.slice(0, 80)} ${ratio.toFixed(2)}`] : [];
    });
}"""


def lost(drawn: Spin) -> bool:
    return drawn.factor_hundredths == 0


def won(drawn: Spin) -> bool:
    return 300 <= drawn.factor_hundredths < 900 and not drawn.feature


def won_big(drawn: Spin) -> bool:
    return 1500 <= drawn.factor_hundredths < 4000 and not drawn.feature


@pytest.fixture
def open_game(browser: Browser) -> Iterator[Open]:
    """Opens a page; fails a test whose page logged an error, a refused resource among them."""
    contexts: list[Any] = []
    problems: list[str] = []

    def opened(url: str, **options: Any) -> Page:
        allowed = options.pop("allowed", "$^")
        context = browser.new_context(**{"viewport": DESKTOP, "reduced_motion": "reduce", **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)

        def take(kind: str, text: str) -> None:
            if kind in ("error", "warning") and not re.search(allowed, text):
                problems.append(text)

        page.on("console", lambda message: take(message.type, message.text))
        page.on("pageerror", lambda error: take("error", str(error)))
        page.goto(url)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert problems == []


@pytest.fixture(scope="module")
def server() -> Iterator[PlayServer]:
    """The first three rounds of the first session are lost."""
    with play_server(seed=seed_where(lost, rounds=3)) as running:
        yield running


def ready(page: Page) -> Page:
    """The page once the game can be played."""
    expect(page.locator("#spin")).to_be_enabled()
    return page


def spin(page: Page) -> None:
    """One round by the button, to its end."""
    page.locator("#spin").click()
    at_rest(page)


def at_rest(page: Page) -> None:
    """The reels stand still, and what was won is shown."""
    expect(page.locator("body")).not_to_have_class(re.compile("spinning"))


def moved(page: Page) -> Locator:
    """The panel's rows of calls that move money, newest first."""
    return page.locator("#journal > li:not([data-method^=user], [data-method^=account])")


def journal(page: Page) -> list[tuple[str | None, str | None]]:
    """Method and outcome of each of them."""
    return [
        (row.get_attribute("data-method"), row.get_attribute("data-outcome")) for row in moved(page).all()
    ]


def test_a_charged_game_is_played_and_the_books_agree(open_game: Open) -> None:
    """Launched through the API, five rounds: page, history and the operator's database have one balance."""
    with play_server() as server:
        page = ready(open_game(server.launch()))
        expect(page.locator("#balance")).to_have_text("1,000.00")
        for _ in range(5):
            spin(page)
            expect(page.locator("#balance")).to_have_text(f"{grouped(server.money_at_operator())}")
        page.locator("#history summary").click()
        rows = page.locator("#history tbody tr")
        expect(rows).to_have_count(5)
        shown = rows.first.locator("td").last.inner_text()
        assert shown == grouped(server.money_at_operator()) == page.locator("#balance").inner_text()
        assert server.calls_at_operator() == page.locator("#journal > li").count()


def grouped(money: str) -> str:
    """1000.00 as English readers write it."""
    units, _, cents = money.partition(".")
    return f"{int(units):,}.{cents}"


def test_a_demo_game_leaves_the_wallet_alone(open_game: Open) -> None:
    """Play money on the page, a ribbon that says so, and not one call at the operator."""
    with play_server() as server:
        page = ready(open_game(server.launch(type="DEMO")))
        expect(page.locator(".ribbon")).to_be_visible()
        for _ in range(3):
            spin(page)
        expect(page.locator("#balance")).not_to_have_text(NOTHING)
        assert server.calls_at_operator() == 0
        assert server.api.state.delivery.wallet_calls.demo == 0


def test_a_lost_reply_ends_in_a_refund_in_the_panel(open_game: Open, server: PlayServer) -> None:
    """The player reads that the stake is returned, the developer reads how."""
    page = ready(open_game(server.launch(user_id="1010")))
    page.get_by_role("button", name="Lose the next reply").click()
    expect(page.locator("[data-trouble=lose_reply]")).to_have_attribute("aria-pressed", "true")
    spin(page)
    expect(page.locator("#notice")).to_contain_text("Your stake is returned")
    expect(moved(page)).to_have_count(2)
    assert journal(page) == [("refund", "accepted"), ("transaction_bet", "unknown")]
    expect(moved(page).nth(1)).to_contain_text("fault: lost_reply")
    expect(page.locator("[data-trouble=lose_reply]")).to_have_attribute("aria-pressed", "false")
    expect(page.locator("#balance")).to_have_text("1,000.00")
    assert server.money_at_operator("1010") == "1000.00"


def test_a_promise_that_was_kept_is_no_longer_shown(open_game: Open) -> None:
    """A win whose reply was lost is sent again: the player reads that it is paid, and sees the balance."""
    with play_server(seed=seed_where(won)) as server:
        page = ready(open_game(server.launch()))
        server.api.state.delivery.trouble.disturb_next("demo-1", method=Method.WIN)
        spin(page)
        expect(page.locator("#message")).to_have_text("Your win has been paid.")
        expect(page.locator("#notice")).to_be_hidden()
        expect(page.locator("#balance")).to_have_text(grouped(server.money_at_operator()))


def test_trouble_is_made_by_its_buttons(open_game: Open) -> None:
    """Refund the last bet, send again, slow down, refund before bet: each does what it says."""
    with play_server(seed=seed_where(lost, rounds=3)) as server:
        page = ready(open_game(server.launch()))
        spin(page)
        expect(page.locator("#balance")).to_have_text("999.00")
        page.get_by_role("button", name="Refund the last bet").click()
        expect(page.locator("#balance")).to_have_text("1,000.00")
        expect(page.locator("#trouble-note")).to_have_text("Refund the last bet: accepted")
        page.get_by_role("button", name="Send the last webhook again").click()
        expect(moved(page)).to_have_count(3)
        assert [method for method, _ in journal(page)] == ["refund", "refund", "transaction_bet"]
        page.get_by_role("button", name="Refund before bet").click()
        expect(page.locator("#trouble-note")).to_have_text("Refund before bet: armed")
        spin(page)
        expect(moved(page)).to_have_count(5)
        assert [method for method, _ in journal(page)[:2]] == ["transaction_bet", "refund"]
        slow = page.get_by_role("button", name="Slow down")
        slow.click()
        expect(slow).to_have_attribute("aria-pressed", "true")
        slow.click()
        expect(slow).to_have_attribute("aria-pressed", "false")
        assert server.money_at_operator() == page.locator("#balance").inner_text().replace(",", "")


LANGUAGES = {
    "tr_TR": ("tr", "Bakiye", "Çevir", "1.000,00 ₺", "Geliştirici paneli"),
    "pt_BR": ("pt-BR", "Saldo", "Girar", "R$ 1.000,00", "Painel do desenvolvedor"),
    "en": ("en", "Balance", "Spin", "1,000.00", "Developer panel"),
}


@pytest.mark.parametrize(("lang", "shown"), LANGUAGES.items(), ids=LANGUAGES.keys())
def test_the_game_speaks(
    open_game: Open, server: PlayServer, lang: str, shown: tuple[str, str, str, str, str]
) -> None:
    """Turkish, Portuguese and English, money included."""
    tag, balance, button, money, panel = shown
    page = ready(open_game(server.launch(lang=lang, type="DEMO")))
    expect(page.locator("html")).to_have_attribute("lang", tag)
    expect(page.locator(".meters dt").first).to_have_text(balance)
    expect(page.locator("#spin")).to_have_text(button)
    expect(page.locator("#balance")).to_have_text(money)
    expect(page.locator("#panel-title")).to_have_text(panel)


MONEY = {
    "0.00": "0,00",
    "0.05": "0,05",
    "-0.05": "-0,05",
    "999.99": "999,99",
    "1234.56": "1.234,56",
    "-1234567.80": "-1.234.567,80",
    "90071992547409931234.05": "90.071.992.547.409.931.234,05",
}


def test_money_is_exact_whatever_its_size(open_game: Open, server: PlayServer) -> None:
    """Far beyond what a floating-point number holds; there and back again."""
    page = open_game(server.launch(type="DEMO"))
    script = """async (amounts) => {
        const { canonical, cents, money } = await import("/play/static/money.js");
        const form = { before: "", after: "", group: ".", decimal: "," };
        return amounts.map((text) => [money(text, form), canonical(cents(text)), String(cents(text))]);
    }"""
    found = page.evaluate(script, list(MONEY))
    assert found == [[shown, text, str(int(text.replace(".", "")))] for text, shown in MONEY.items()]


def test_a_win_shows_its_lines_and_what_they_pay(open_game: Open) -> None:
    """Lines over the reels, cells that stand out, multipliers, and the last win."""
    with play_server(seed=seed_where(won)) as server:
        page = ready(open_game(server.launch()))
        spin(page)
        expect(page.locator(".tags b").first).to_have_text(re.compile(rf"^{TIMES}\d+\.\d\d$"))
        assert page.locator(".paylines .line").count() >= 1
        assert page.locator(".cell.hit").count() >= 3
        last = page.locator("#last-win").inner_text()
        expect(page.locator("#announcement")).to_have_text(f"You win {last}")
        spin(page)
        if page.locator("#last-win").inner_text() == "0.00":
            expect(page.locator(".cell.hit")).to_have_count(0)


def test_a_big_win_is_a_moment_that_ends(open_game: Open) -> None:
    """It takes the focus, and gives it back to the button that spins."""
    with play_server(seed=seed_where(won_big)) as server:
        page = ready(open_game(server.launch(type="DEMO")))
        page.locator("#spin").click()
        expect(page.locator("#bigwin")).to_be_visible()
        expect(page.locator(".bigwin-amount")).to_have_text(page.locator("#last-win").inner_text())
        page.keyboard.press("Escape")
        expect(page.locator("#bigwin")).to_be_hidden()
        expect(page.locator("#spin")).to_be_focused()
        at_rest(page)


def test_the_keyboard_plays(open_game: Open, server: PlayServer) -> None:
    """Space spins; on a button that has the focus it does what that button does."""
    page = ready(open_game(server.launch(type="DEMO")))
    page.keyboard.press("Space")
    expect(page.locator("#last-win")).not_to_have_text(NOTHING)
    at_rest(page)
    page.locator("#stake-more").focus()
    page.keyboard.press("Space")
    expect(page.locator("#stake")).to_have_text("2.00")
    at_rest(page)
    page.locator("#history summary").click()
    expect(page.locator("#history tbody tr")).to_have_count(1)


def test_space_spins_after_a_click_in_the_panel(open_game: Open, server: PlayServer) -> None:
    page = ready(open_game(server.launch()))
    page.locator("#turbo").click()
    page.locator("#turbo").click()
    page.keyboard.press("Space")
    expect(page.locator("#last-win")).not_to_have_text(NOTHING)


def test_stakes_end_where_the_ladder_ends(open_game: Open, server: PlayServer) -> None:
    """Up to its top, down to its bottom, and no further."""
    page = ready(open_game(server.launch(type="DEMO", lang="tr_TR")))
    expect(page.locator("#stake")).to_have_text("5,00 ₺")
    for button, end in (("#stake-more", "500,00 ₺"), ("#stake-less", "1,00 ₺")):
        page.locator(button).focus()
        for _ in range(14):
            page.keyboard.press("Enter")
        expect(page.locator("#stake")).to_have_text(end)
        expect(page.locator(button)).to_have_attribute("aria-disabled", "true")
        expect(page.locator(button)).to_be_focused()


def test_autoplay_plays_on_and_stops(open_game: Open, server: PlayServer) -> None:
    """Ten rounds and no more; until stopped, and then no more either."""
    page = ready(open_game(server.launch(type="DEMO", user_id="1011")))
    page.get_by_role("button", name="Autoplay").click()
    page.locator("[data-spins='10']").click()
    expect(page.locator("#autoplay")).to_have_text("Autoplay", timeout=60_000)
    at_rest(page)
    page.locator("#history summary").click()
    expect(page.locator("#history tbody tr")).to_have_count(10)
    page.get_by_role("button", name="Autoplay").click()
    page.locator("[data-spins=endless]").click()
    expect(page.locator("#history tbody tr").first.locator("td").first).to_have_text("11")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#autoplay")).to_have_text("Autoplay")
    at_rest(page)


def test_an_unreadable_balance_can_be_asked_for_again(open_game: Open) -> None:
    """The player is told in the player's words, and the retry works."""
    broken = reply(b"<html>maintenance</html>")
    details = reply(b'{"user_id":"1000","email":"a@b.example","name_jogador":"Ayla"}')
    balance = reply(b'{"status":1,"balance":"12.50"}')
    wallet = ScriptedServer(answering(details, broken, details, balance))
    with wallet, play_server(webhook_url=wallet.url()) as server:
        page = open_game(server.launch(lang="tr_TR"))
        expect(page.locator("#notice")).to_contain_text("Bakiyeniz okunamad\N{LATIN SMALL LETTER DOTLESS I}")
        expect(page.locator("#journal > li").first).to_have_attribute("data-outcome", "unknown")
        page.get_by_role("button", name="Yeniden dene").click()
        expect(page.locator("#balance")).to_have_text("12,50 ₺")
        expect(page.locator("#notice")).to_be_hidden()
        expect(page.locator("#message")).to_have_text("Bol şans, Ayla!")


def test_hostile_text_stays_text(open_game: Open) -> None:
    """In the player's name, in what the operator answers, in its errors."""
    details, balance = reply(b"{}"), reply(b'{"status":1,"balance":"10.00"}')
    refusal = reply(b'{"status":0,"error":"<img src=x onerror=alert(1)>","x":"</pre><script>"}')
    wallet = ScriptedServer(answering(details, balance, refusal))
    with wallet, play_server(webhook_url=wallet.url()) as server:
        page = ready(open_game(server.launch(user_name=HOSTILE)))
        expect(page.locator("#message")).to_have_text(f"Good luck, {HOSTILE}!")
        spin(page)
        row = moved(page).first
        # A row that is opened before the answer came is made anew with it.
        expect(row).to_have_attribute("data-outcome", "refused")
        row.locator("summary").click()
        expect(row.locator("pre").last).to_contain_text("<img src=x onerror=alert(1)>")
        assert page.locator("img").count() == 0
        assert page.title() == "Gates of Olympus"


def test_the_game_plays_in_a_frame_of_another_site(open_game: Open, server: PlayServer) -> None:
    """As operators show it: no header of ours forbids it, and its own calls are its own."""
    url = server.launch(type="DEMO")
    body = f'<iframe src="{url}?panel=0" width="380" height="640" title="game"></iframe>'.encode()
    site = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    with ScriptedServer(answering(site)) as casino:
        # Another name for this machine is another site to a browser.
        page = open_game(casino.url(host="localhost", path="/"))
        frame = page.frame_locator("iframe")
        frame.locator("#spin:enabled").click()
        expect(frame.locator("#last-win")).not_to_have_text(NOTHING)
        page.context.close()


def test_a_page_without_a_stream_polls_and_says_so(open_game: Open, server: PlayServer) -> None:
    """Beyond the cap the journal still comes, and the panel shows how."""
    taken = [server.api.state.streams.open(tuple, {}) for _ in range(50)]
    page = ready(open_game(server.launch(user_id="1012"), allowed="503"))
    expect(page.locator("#live")).to_have_attribute("data-state", "polling")
    expect(page.locator("#live")).to_have_text("polling")
    spin(page)
    expect(moved(page).first).to_have_attribute("data-method", re.compile("transaction_"))
    for stream in taken:
        if stream is not None:
            stream.close()


def test_a_session_that_ended_is_told_in_the_game(open_game: Open) -> None:
    """Whoever comes back too late reads what to do."""
    with play_server() as server:
        page = ready(open_game(server.launch(type="DEMO"), allowed="410"))
        (session,) = server.api.state.sessions.all()
        server.api.state.sessions.end(session.id)
        spin(page)
        expect(page.locator("#notice")).to_contain_text("This game session is over")
        expect(page.locator("#spin")).to_be_disabled()


def test_the_spin_is_animated_by_the_compositor(open_game: Open, server: PlayServer) -> None:
    """Transforms only, on every reel; and none for those who asked for less motion."""
    animated = """() => document.getAnimations().filter((a) => a.effect.target?.className === 'strip')
        .flatMap((a) => a.effect.getKeyframes().flatMap((frame) => Object.keys(frame)))"""
    # Kept as they begin: on a busy machine no moment may be seen at which all five run.
    kept = """() => {
        const animate = Element.prototype.animate;
        window.motions = [];
        Element.prototype.animate = function (...given) {
            const motion = animate.apply(this, given);
            if (this.className === "strip") window.motions.push(motion.effect);
            return motion;
        };
    }"""
    page = ready(open_game(server.launch(type="DEMO"), reduced_motion="no-preference"))
    page.evaluate(kept)
    page.locator("#spin").click()
    at_rest(page)
    assert page.evaluate("() => new Set(window.motions.map((effect) => effect.target)).size") == 5
    own = {"offset", "computedOffset", "easing", "composite"}
    keys = "() => window.motions.flatMap((effect) => effect.getKeyframes().flatMap(Object.keys))"
    assert set(page.evaluate(keys)) - own == {"transform"}
    calm = ready(open_game(server.launch(type="DEMO")))
    calm.locator("#spin").click()
    at_rest(calm)
    assert calm.evaluate(animated) == []


LOOKS = {
    "desktop-dark": (DESKTOP, "dark", "tr_TR"),
    "desktop-light": (DESKTOP, "light", "pt_BR"),
    "phone-dark": (PHONE, "dark", "pt_BR"),
    "phone-light": (PHONE, "light", "tr_TR"),
    "phone-lying": (LYING, "light", "en"),
}


@pytest.mark.parametrize(("name", "look"), LOOKS.items(), ids=LOOKS.keys())
def test_the_game_is_looked_at(
    open_game: Open, screenshots: Path, name: str, look: tuple[dict[str, int], str, str]
) -> None:
    """Pictures for people; machines see that nothing is cut off and that the spin button is in view."""
    viewport, scheme, lang = look
    with play_server(seed=seed_where(won)) as server:
        options = {"viewport": viewport, "color_scheme": scheme}
        page = ready(open_game(server.launch(lang=lang), **options))
        spin(page)
        page.screenshot(path=screenshots / f"play-{name}.png")
        assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
        box = page.locator("#spin").bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= viewport["height"]
        for control in page.locator("button:visible").all():
            size = control.bounding_box()
            assert size is not None
            assert size["x"] >= 0
            assert size["x"] + size["width"] <= viewport["width"]
        if viewport is not DESKTOP:
            page.locator("#panel > summary").click()
        page.locator("#journal > li > details > summary").first.click()
        page.screenshot(path=screenshots / f"play-{name}-panel.png", full_page=True)
        assert page.evaluate(PALE) == []
        assert barriers(page) == []


def test_the_panel_chooses_what_a_round_brings_and_sends_a_win_twice(open_game: Open) -> None:
    """A win of 100.00 that comes twice is paid once by a right wallet."""
    with play_server() as server:
        page = ready(open_game(server.launch()))
        page.locator("#outcome").select_option("win 100.00")
        page.get_by_role("button", name="Send the next win twice").click()
        expect(page.locator("[data-trouble=win_twice]")).to_have_attribute("aria-pressed", "true")
        # A win like this is celebrated for longer than a test waits for reels at rest.
        page.locator("#spin").click()
        expect(page.locator("[data-trouble=win_twice]")).to_have_attribute("aria-pressed", "false")
        expect(page.locator("#last-win")).to_have_text("100.00")
        expect(page.locator("#balance")).to_have_text(grouped(server.money_at_operator()))
        assert [method for method, _ in journal(page)].count("transaction_win") == 2


def test_turbo_plays_without_the_show(open_game: Open) -> None:
    """A big win is paid and counted, and no celebration keeps a developer waiting."""
    with play_server() as server:
        page = ready(open_game(server.launch(), reduced_motion="no-preference"))
        page.get_by_label("Turbo: no animation").check()
        page.locator("#outcome").select_option("win 100.00")
        for _ in range(3):
            spin(page)
            expect(page.locator("#bigwin")).to_be_hidden()
        expect(page.locator("#balance")).to_have_text(grouped(server.money_at_operator()))


def test_a_player_whom_the_wallet_refuses_is_told_to_the_developer(open_game: Open) -> None:
    """The panel has the wallet's words, the game only what a player should read."""
    with play_server() as server:
        page = open_game(server.launch(user_id="nobody"))
        expect(page.locator("#launch-note")).to_contain_text(
            "Your wallet refuses the player nobody: HTTP 200"
        )
        expect(page.locator("#launch-note")).to_contain_text("INVALID_USER")
        expect(page.locator("#notice")).not_to_contain_text("INVALID_USER")
