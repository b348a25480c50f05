"""The pages below /play: their languages, their headers, and what is shown where there is no game."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest

from play_page import Page, page_of, refused
from play_server import PlayServer, play_server
from simulator.serve.accounts import LIFETIME_S

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{7*7}}"


@pytest.fixture(scope="module")
def server() -> Iterator[PlayServer]:
    with play_server() as running:
        yield running


class Elements(HTMLParser):
    """A page as a browser would take it apart: elements with attributes, and the text of scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember it."""
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Keep what stands in scripts."""
        if self.found and self.found[-1][0] == "script":
            self.scripts.append(data)

    def of(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of all elements of that name."""
        return [attributes for name, attributes in self.found if name == tag]

    def boot(self) -> dict[str, Any]:
        """What the page hands to its modules."""
        value = json.loads("".join(self.scripts))
        assert isinstance(value, dict)
        return value


LANGUAGES = {
    "tr_TR": ("tr", "Bakiye", "1.234,50 ₺"),
    "pt_BR": ("pt-BR", "Saldo", "R$ 1.234,50"),
    "en": ("en", "Balance", "1,234.50"),
    "de_DE": ("en", "Balance", "1,234.50"),
}


@pytest.mark.parametrize(("lang", "shown"), LANGUAGES.items(), ids=LANGUAGES.keys())
def test_the_page_speaks_the_players_language(
    server: PlayServer, lang: str, shown: tuple[str, str, str]
) -> None:
    """English where it knows no better; how money is written goes with the language."""
    tag, balance, money = shown
    page = page_of(server, lang=lang).get().text
    elements = Elements(page)
    assert elements.of("html") == [{"lang": tag}]
    assert f"<dt>{balance}</dt>" in page
    form = elements.boot()["texts"]["money"]
    assert f"{form['before']}1{form['group']}234{form['decimal']}50{form['after']}" == money


def test_the_page_has_nothing_from_elsewhere_and_nothing_inline(server: PlayServer) -> None:
    """What a strict policy would refuse is not there in the first place."""
    elements = Elements(page_of(server).get().text)
    for tag, attributes in elements.found:
        assert "style" not in attributes, (tag, attributes)
        assert not any(name.startswith("on") for name in attributes), (tag, attributes)
        for name in ("src", "href"):
            assert not re.match(r"(\w+:)?//", attributes.get(name) or ""), (tag, attributes)
    inline = [attributes for attributes in elements.of("script") if "src" not in attributes]
    assert inline == [{"type": "application/json", "id": "boot"}]
    assert elements.of("style") == []


def test_every_answer_keeps_browsers_strict(server: PlayServer) -> None:
    """Page, asset, JSON and errors: framed by anybody, nothing run but ours, no address told to others."""
    page = page_of(server)
    client = page.client
    answers = [
        page.get(),
        page.get("/state"),
        page.post("spin", {"stake": "0"}),
        client.get("/play/forged"),
        client.get("/play/static/main.js"),
        client.get("/play/static/play.css"),
    ]
    for reply in answers:
        policy = dict(rule.split(" ", 1) for rule in reply.headers["Content-Security-Policy"].split("; "))
        assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
        assert policy["frame-ancestors"] == "*"
        assert "X-Frame-Options" not in reply.headers
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        assert reply.headers["Referrer-Policy"] == "no-referrer"
        reply.close()


def test_pages_are_not_kept_and_assets_are_asked_after(server: PlayServer) -> None:
    """A page is a session's own; an asset is sent again only when it has changed."""
    page = page_of(server)
    assert page.get().headers["Cache-Control"] == "no-store"
    first = page.client.get("/play/static/main.js")
    assert first.headers["Cache-Control"] == "no-cache"
    assert first.content_type.startswith("text/javascript")
    first.close()
    again = page.client.get("/play/static/main.js", headers={"If-None-Match": first.headers["ETag"]})
    again.close()
    assert again.status_code == 304


def test_the_panel_can_be_left_out(server: PlayServer) -> None:
    """panel=0 is for showing the game to others; anything else shows the panel."""
    page = page_of(server)
    assert 'id="panel"' in page.get().text
    assert 'id="panel"' in page.get("?panel=1").text
    assert 'id="panel"' not in page.get("?panel=0").text


def test_a_demo_game_says_so(server: PlayServer) -> None:
    """A ribbon on the page; a charged game has none."""
    assert "play money" in page_of(server, type="DEMO").get("?panel=0").text
    assert 'class="ribbon"' not in page_of(server).get().text


def test_hostile_names_stay_text(server: PlayServer) -> None:
    """A name that would be a script is a name."""
    page = page_of(server, user_name=HOSTILE, type="DEMO")
    assert "alert(1)" not in page.get().text
    opened = page.post("open")
    assert opened.json is not None
    assert opened.json["name"] == HOSTILE
    assert opened.content_type == "application/json"


NO_GAMES = {
    "tr-TR,tr;q=0.9,en;q=0.5": ("tr", "Bu oyun burada değil"),
    "pt-PT": ("pt-BR", "Este jogo não está aqui"),
    "en-US": ("en", "This game is not here"),
    "de,en;q=0.8,tr;q=0.5": ("en", "This game is not here"),
    "de": ("en", "This game is not here"),
    "": ("en", "This game is not here"),
    ",;q=x,*;q=9" + ",xx" * 2000: ("en", "This game is not here"),
}


@pytest.mark.parametrize(("wanted", "shown"), NO_GAMES.items(), ids=[name[:12] for name in NO_GAMES])
def test_a_forged_address_leads_to_a_friendly_page(
    server: PlayServer, wanted: str, shown: tuple[str, str]
) -> None:
    """In the language of the browser, since no session says another."""
    reply = server.api.app.test_client().get("/play/forged", headers={"Accept-Language": wanted})
    assert reply.status_code == 404
    assert Elements(reply.text).of("html") == [{"lang": shown[0]}]
    assert shown[1] in reply.text


def test_a_session_that_is_over_says_so(server: PlayServer) -> None:
    """Page and requests alike, with a word of their own; an address of nobody's is not called over."""
    with play_server() as other:
        page = page_of(other)
        assert page.get().status_code == 200
        other.api.clock.advance(LIFETIME_S * 1000)
        gone = page.get()
        assert (gone.status_code, "This game session is over" in gone.text) == (410, True)
        for path in ("open", "spin", "trouble"):
            assert refused(page.post(path, {"stake": "1.00"})) == (410, "OVER")
        for path in ("state", "history", "journal", "journal/1", "events"):
            assert refused(page.get(f"/{path}")) == (410, "OVER")
    forged = Page(server.api.app.test_client(), "/play/forged.1.x")
    assert refused(forged.post("spin", {"stake": "1.00"})) == (404, "UNKNOWN")
    assert refused(forged.get("/journal")) == (404, "UNKNOWN")


TOKENS = ["%00", "%ff%fe", "..%2f..%2fetc%2fpasswd", "a" * 4000, "%F0%9F%8E%B0", "a.1.b.c", "static", "-1"]


@pytest.mark.parametrize("token", TOKENS, ids=[token[:12] for token in TOKENS])
def test_no_token_finds_a_way(server: PlayServer, token: str) -> None:
    """Whatever stands in its place: a page or an error of ours, and never a fault."""
    client = server.api.app.test_client()
    for path in ("", "/state", "/journal", "/spin", "/static/main.js"):
        reply = client.get(f"/play/{token}{path}")
        assert reply.status_code in (404, 405), (path, reply.status_code)


def test_assets_end_at_their_folder(server: PlayServer) -> None:
    """No template, no text, no source is an asset."""
    client = server.api.app.test_client()
    for path in ("../routes.py", "..%2froutes.py", "%2e%2e/texts/en.json", "/etc/passwd", "nothing.js"):
        assert client.get(f"/play/static/{path}").status_code == 404
