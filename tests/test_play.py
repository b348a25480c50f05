"""The game over HTTP: what it plays, for which money, and how it says what went wrong."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from play_page import Page, answered, page_of, refused
from play_server import PlayServer, play_server, seed_where
from scripted_server import Peer, ScriptedServer, answering, reply
from simulator.core.money import Money, parse_written
from simulator.serve.play.reels import winning_lines
from simulator.serve.play.seats import PLAY_MONEY


@pytest.fixture(scope="module")
def server() -> Iterator[PlayServer]:
    with play_server() as running:
        yield running


# --- charged ---------------------------------------------------------------------------------------


def test_opening_a_charged_game_asks_who_plays_and_for_how_much(server: PlayServer) -> None:
    """account_details, then user_balance; the name is the operator's own."""
    page = page_of(server, user_id="1001")
    opened = page.opened()
    assert [entry["method"] for entry in page.entries()] == ["account_details", "user_balance"]
    assert opened["balance"] == server.money_at_operator("1001") == "1000.00"
    assert opened["name"] == "Player 1001"
    assert opened["problem"] is None


def test_the_page_alone_calls_nobody(server: PlayServer) -> None:
    """A preview of the link is no player."""
    before = server.calls_at_operator()
    page = page_of(server, user_id="1002")
    assert page.get().status_code == 200
    assert page.get("/state").status_code == page.get("/history").status_code == 200
    assert server.calls_at_operator() == before


def test_rounds_leave_page_and_operator_with_the_same_balance(server: PlayServer) -> None:
    """After each of thirty rounds: balance, win and reels say one thing."""
    page = page_of(server, user_id="1003")
    balance = parse_written(page.opened()["balance"])
    for number in range(1, 31):
        played = page.spun("5.00")
        win = parse_written(played["round"]["win"])
        balance = Money(balance - 500 + win)
        assert played["round"]["round"] == number
        assert parse_written(played["balance"]) == balance
        assert played["balance"] == server.money_at_operator("1003")
        assert_shows(played["picture"], win)
    assert [each["round"] for each in page.rounds()] == list(range(30, 0, -1))


def assert_shows(picture: dict[str, Any], win: Money) -> None:
    """The picture's parts add up to the win, and its lines are those that win."""
    parts = [*picture["lines"], *([picture["bonus"]] if picture["bonus"] else [])]
    assert sum(parse_written(part["win"]) for part in parts) == win
    grid = tuple(tuple(column) for column in picture["grid"])
    assert len(winning_lines(grid)) == len(picture["lines"])


def test_a_bet_that_is_refused_is_no_round(server: PlayServer) -> None:
    """The operator does not know this player: no reels, no money, and words for it."""
    page = page_of(server, user_id="nobody")
    opened = page.opened()
    assert (opened["balance"], opened["problem"]) == (None, "BALANCE")
    played = page.spun()
    assert (played["problem"], played["picture"], played["pending"]) == ("BET_REFUSED", None, False)
    assert [each["standing"] for each in page.rounds()] == ["refused"]


def test_too_high_a_stake_is_the_operators_business(server: PlayServer) -> None:
    """Whoever has not enough is refused by the wallet, keeps the money, and still sees it."""
    page = page_of(server, user_id="1004", lang="tr_TR")
    page.opened()
    before = server.money_at_operator("1004")
    with play_server(opening="3.00") as poor:
        mine = page_of(poor, lang="tr_TR")
        mine.opened()
        played = mine.spun("5.00")
        assert (played["problem"], played["balance"]) == ("BET_REFUSED", "3.00")
        assert poor.money_at_operator() == "3.00"
    assert server.money_at_operator("1004") == before


def test_one_spin_at_a_time() -> None:
    """A second one, and an opening, are turned away while the wallet thinks about the first."""
    asked, go_on = threading.Event(), threading.Event()

    def thinking(peer: Peer) -> None:
        while peer.request():
            asked.set()
            go_on.wait(10)
            peer.send(reply())

    with ScriptedServer(thinking) as wallet, play_server(webhook_url=wallet.url()) as server:
        page, twin = page_of(server), server.api.app.test_client()
        first: list[dict[str, object]] = []
        playing = threading.Thread(target=lambda: first.append(page.spun()))
        playing.start()
        assert asked.wait(10)
        other = Page(twin, page.path)
        assert refused(other.post("spin", {"stake": "1.00"})) == (409, "BUSY")
        assert refused(other.post("open")) == (409, "BUSY")
        go_on.set()
        playing.join(10)
        assert len(first) == 1
        assert other.spun()["round"]["round"] == 2


# --- demo ------------------------------------------------------------------------------------------


def test_demo_never_calls_the_wallet() -> None:
    """Opened and played, it has asked the operator nothing, and has nothing to ask it with."""
    with play_server() as server:
        page = page_of(server, type="DEMO")
        assert page.opened()["balance"] == "1000.00"
        balance = PLAY_MONEY
        for _ in range(20):
            played = page.spun("2.00")
            balance = Money(balance - 200 + parse_written(played["round"]["win"]))
            assert parse_written(played["balance"]) == balance
            assert_shows(played["picture"], parse_written(played["round"]["win"]))
        assert refused(page.post("trouble", {"kind": "lose_reply"})) == (422, "TROUBLE")
        assert answered(page.get("/state"))["pending"] is False
        assert server.calls_at_operator() == 0
        assert page.entries() == []
        (session,) = server.api.state.sessions.all()
        assert session.delivery is None
        counts = server.api.state.delivery.wallet_calls
        assert (counts.charged, counts.demo) == (0, 0)


def test_play_money_ends_and_comes_back() -> None:
    """No stake beyond what is left; whoever has lost it all gets it anew with the next opening."""
    lost_twice = seed_where(lambda drawn: drawn.factor_hundredths == 0, rounds=2)
    with play_server(seed=lost_twice) as server:
        page = page_of(server, type="DEMO", lang="tr_TR")
        assert [page.spun("500.00")["balance"] for _ in range(2)] == ["500.00", "0.00"]
        assert refused(page.post("spin", {"stake": "1.00"})) == (409, "MONEY")
        assert page.opened()["balance"] == "1000.00"
        assert page.spun("1.00")["round"]["round"] == 3


def test_demo_and_charged_play_the_same_rounds() -> None:
    """What a spin pays does not ask whose money it is."""
    wins: list[list[str]] = []
    for kind in ("DEMO", "CHARGED"):
        with play_server() as server:
            page = page_of(server, type=kind)
            wins.append([page.spun()["round"]["win"] for _ in range(12)])
    assert wins[0] == wins[1]


# --- what may be asked -----------------------------------------------------------------------------

NO_STAKES = {
    "not on the ladder": "1.01",
    "of another language's ladder": "250.00",
    "negative": "-1.00",
    "zero": "0.00",
    "a number": 1,
    "a float": 1.0,
    "short": "1",
    "long": "1." + "0" * 50,
    "foreign digits": "\u0661.\u0660\u0660",
    "nothing": None,
    "a list": ["1.00"],
}


@pytest.mark.parametrize("stake", NO_STAKES.values(), ids=NO_STAKES.keys())
def test_only_stakes_of_the_ladder_are_played(server: PlayServer, stake: object) -> None:
    """Nothing else reaches the wallet."""
    page = page_of(server, user_id="1005")
    assert refused(page.post("spin", {"stake": stake})) == (422, "STAKE")
    assert page.entries() == []


BAD_BODIES = {
    "nothing": (b"", 400),
    "junk": (b"{stake", 400),
    "no object": (b'["1.00"]', 400),
    "no UTF-8": (b'{"stake":"\xff"}', 400),
    "deep": (b"[" * 4000, 400),
    "long number": (b"9" * 4000, 400),
    "too large": (b" " * 5000, 413),
}


@pytest.mark.parametrize(("body", "status"), BAD_BODIES.values(), ids=BAD_BODIES.keys())
@pytest.mark.parametrize("path", ["spin", "trouble"])
def test_bad_bodies_are_told_so(server: PlayServer, path: str, body: bytes, status: int) -> None:
    """Whatever is sent: an error, never a round, never a fault of ours."""
    page = page_of(server, user_id="1005")
    assert page.post(path, body).status_code == status
    assert page.entries() == []


FOREIGN = {
    "another site": {"Origin": "https://evil.example"},
    "a sandboxed frame": {"Origin": "null"},
    "nonsense": {"Origin": "http://[::1"},
    "cross-site fetch": {"Sec-Fetch-Site": "cross-site"},
    "a page of the same site": {"Sec-Fetch-Site": "same-site"},
    "without our header": {"X-Play": ""},
}


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN.keys())
@pytest.mark.parametrize("path", ["open", "spin", "trouble"])
def test_other_sites_can_do_nothing(server: PlayServer, path: str, headers: dict[str, str]) -> None:
    """Even with the address of the game they play no round."""
    page = page_of(server, user_id="1005")
    body = {"stake": "1.00", "kind": "refund_last"}
    assert refused(page.post(path, body, **headers)) == (403, "FORBIDDEN")
    assert page.entries() == []


def test_the_games_own_page_may_play_behind_a_proxy() -> None:
    """Its origin is the public URL's, whatever host the proxy asks for."""
    with play_server(public_url="https://games.example/sim") as server:
        path = "/play/" + server.launch(type="DEMO").rpartition("/")[2]
        page = Page(server.api.app.test_client(), path)
        assert page.post("open", Origin="https://games.example").status_code == 200
        assert page.post("open", Origin="https://games.example.evil.example").status_code == 403


def test_a_launch_whose_player_the_wallet_refuses_says_so_in_its_words(server: PlayServer) -> None:
    """The developer reads the answer as it came; a player whom the wallet knows brings no note."""
    refused_launch = page_of(server, user_id="nobody").opened()["launch"]
    assert refused_launch["player"] == "nobody"
    assert refused_launch["refused"] is True
    assert refused_launch["answer"].startswith("HTTP 200 {")
    assert "INVALID_USER" in refused_launch["answer"]
    assert page_of(server, user_id="1005").opened()["launch"] is None


def test_a_wallet_that_shows_no_balance_is_not_said_to_refuse() -> None:
    """A crash is quoted and not taken for a refusal."""
    page = b"<html><title>Whoops</title></html>"
    with (
        ScriptedServer(answering(reply(page, status="500 x"))) as wallet,
        play_server(webhook_url=wallet.url()) as server,
    ):
        launch = page_of(server).opened()["launch"]
    assert launch["refused"] is False
    assert launch["answer"] == f"HTTP 500 {page.decode()}"


def test_a_question_changes_nothing_and_a_deed_is_no_question(server: PlayServer) -> None:
    """GET plays nothing; POST reads nothing."""
    page = page_of(server, user_id="1005")
    for path in ("open", "spin", "trouble"):
        assert page.get(f"/{path}").status_code == 405
    for path in ("state", "history", "journal", "events"):
        assert page.post(path).status_code == 405


@pytest.mark.parametrize("since", ["-1", "1.5", "x", "9" * 40, "\u0661"])
def test_a_change_is_a_number(server: PlayServer, since: str) -> None:
    """Anything else is an error, and none of ours."""
    page = page_of(server, user_id="1005")
    for path in ("journal", "events"):
        assert refused(page.get(f"/{path}?since={since}")) == (400, "BAD_REQUEST")


def test_exchanges_of_others_are_not_shown(server: PlayServer) -> None:
    """Each page sees its own session, by list and by number."""
    mine, other = page_of(server, user_id="1006"), page_of(server, user_id="1007")
    mine.opened()
    number = mine.entries()[0]["number"]
    assert other.entries() == []
    assert refused(other.get(f"/journal/{number}")) == (404, "NOT_FOUND")
    for unknown in (0, 10**9, 10**30):
        assert refused(mine.get(f"/journal/{unknown}")) == (404, "NOT_FOUND")
    shown = answered(mine.get(f"/journal/{number}"))
    assert shown["curl"].startswith("curl ")
    assert json.loads(shown["request"]["body"]) == {"method": "account_details", "user_id": "1006"}


def test_secret_headers_are_masked_in_curl() -> None:
    """Whoever plays is not told what the operator's endpoint is opened with."""
    with play_server(headers=(("X-Api-Key", "geheim"),)) as server:
        page = page_of(server)
        page.opened()
        shown = answered(page.get(f"/journal/{page.entries()[0]['number']}"))
        assert "X-Api-Key: ***" in shown["curl"]
        assert "geheim" not in json.dumps(shown)
