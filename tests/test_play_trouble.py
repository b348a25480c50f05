"""Trouble on demand, and how the panel tells of it: by asking, and by an event stream."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse
from typing import Any

import pytest

from play_page import Page, answered, page_of, refused
from play_server import PlayServer, play_server, seed_where
from scripted_server import ScriptedServer, answering, reply
from simulator.serve.streams import STREAMS_MAX, EventStreams

LOST = seed_where(lambda drawn: drawn.factor_hundredths == 0, rounds=3)
WON = seed_where(lambda drawn: drawn.factor_hundredths > 0, rounds=2)


@pytest.fixture
def server() -> Iterator[PlayServer]:
    """Every round of the first session is lost: bets only."""
    with play_server(seed=LOST) as running:
        yield running


def told(page: Page) -> list[tuple[object, ...]]:
    """Method, attempt, outcome and fault of what moved money, oldest first."""
    return [
        (entry["method"], entry["attempt"], entry["outcome"], entry["fault"])
        for entry in page.entries()
        if entry["method"] not in ("account_details", "user_balance")
    ]


def test_a_lost_reply_ends_in_a_refund(server: PlayServer) -> None:
    """The wallet took the bet, nobody heard it say so, and the stake goes back."""
    page = page_of(server)
    page.opened()
    assert page.trouble("lose_reply")["armed"]["lose_reply"] is True
    played = page.spun()
    assert (played["problem"], played["picture"]) == ("BET_REFUNDED", None)
    assert played["armed"]["lose_reply"] is False
    assert told(page) == [
        ("transaction_bet", 1, "unknown", "lost_reply"),
        ("refund", 1, "accepted", ""),
    ]
    assert played["balance"] == server.money_at_operator() == "1000.00"
    assert [each["standing"] for each in page.rounds()] == ["refunded"]
    assert all(entry["verdict"] != "wrong" for entry in page.entries())


def test_the_last_bet_is_refunded_on_demand(server: PlayServer) -> None:
    """Once; the wallet pays it once, however often it is asked for."""
    page = page_of(server)
    page.opened()
    page.spun("2.00")
    assert server.money_at_operator() == "998.00"
    for _ in range(2):
        done = page.trouble("refund_last")
        assert (done["outcome"], done["balance"]) == ("accepted", "1000.00")
    assert server.money_at_operator() == "1000.00"


def test_the_last_webhook_is_sent_again(server: PlayServer) -> None:
    """Same bytes; a right wallet takes the stake once."""
    page = page_of(server)
    page.opened()
    page.spun("2.00")
    assert page.trouble("duplicate")["outcome"] == "accepted"
    first, again = (entry for entry in page.entries() if entry["method"] == "transaction_bet")
    assert first["request"] == again["request"]
    assert again["attempt"] == 2
    assert server.money_at_operator() == "998.00"


def test_a_refund_can_come_before_its_bet(server: PlayServer) -> None:
    """The order of a bad network; the round is off, and the page says so."""
    page = page_of(server)
    page.opened()
    assert page.trouble("refund_before_bet")["armed"]["refund_before_bet"] is True
    played = page.spun()
    assert [each[0] for each in told(page)] == ["refund", "transaction_bet"]
    assert (played["problem"], played["armed"]["refund_before_bet"]) == ("BET_REFUNDED", False)


def test_calls_can_be_slowed_down_and_sped_up_again(server: PlayServer) -> None:
    """Until it is switched off, each call of the session waits."""
    page = page_of(server)
    assert page.trouble("slow", slow_ms=20)["armed"]["slow"] == 20
    page.spun()
    assert told(page) == [("transaction_bet", 1, "accepted", "delay")]
    assert page.trouble("slow", slow_ms=0)["armed"]["slow"] == 0
    page.spun()
    assert told(page)[1] == ("transaction_bet", 1, "accepted", "")


@pytest.mark.parametrize("kind", ["refund_last", "duplicate"])
def test_what_was_not_sent_cannot_be_sent_again(server: PlayServer, kind: str) -> None:
    """A session without a bet says so, and calls nobody."""
    page = page_of(server)
    assert refused(page.post("trouble", {"kind": kind})) == (409, "IN_VAIN")
    assert page.entries() == []


NO_TROUBLE: dict[str, tuple[dict[str, object], tuple[int, str]]] = {
    "none": ({}, (422, "TROUBLE")),
    "unknown": ({"kind": "explode"}, (422, "TROUBLE")),
    "a list": ({"kind": ["lose_reply"]}, (422, "TROUBLE")),
    "a flag as time": ({"kind": "slow", "slow_ms": True}, (422, "TROUBLE")),
    "too slow": ({"kind": "slow", "slow_ms": 10**9}, (409, "IN_VAIN")),
    "backwards": ({"kind": "slow", "slow_ms": -1}, (409, "IN_VAIN")),
}


@pytest.mark.parametrize(("body", "error"), NO_TROUBLE.values(), ids=NO_TROUBLE.keys())
def test_unknown_trouble_is_told_so(
    server: PlayServer, body: dict[str, object], error: tuple[int, str]
) -> None:
    """And nothing is armed."""
    page = page_of(server)
    assert refused(page.post("trouble", body)) == error
    assert not any(answered(page.get("/state"))["armed"].values())


def test_a_win_without_answer_is_pending_until_the_ladder_delivers_it() -> None:
    """The page says that it is on its way, and then that it is there."""
    accepted = reply(b'{"status":1,"balance":"99.00"}')
    paid = reply(b'{"status":1,"balance":"199.00"}')
    silent = reply(b"", "502 Bad Gateway")
    with (
        ScriptedServer(answering(accepted, silent, paid)) as wallet,
        play_server(webhook_url=wallet.url(), seed=WON, real_time=True) as server,
    ):
        page = page_of(server)
        played = page.spun()
        assert (played["problem"], played["pending"], played["balance"]) == ("WIN_PENDING", True, "99.00")
        assert played["picture"]["grid"]
        assert [each["standing"] for each in page.rounds()] == ["pending"]
        assert answered(page.get("/state"))["pending"] is True
        server.api.clock.advance(10_000)
        assert server.api.state.delivery.drained(10)
        state = answered(page.get("/state"))
        assert (state["pending"], state["balance"]) == (False, "199.00")
        assert [each["standing"] for each in page.rounds()] == ["paid"]


def test_a_win_that_is_refused_is_told() -> None:
    """The player has won and was not paid: nobody may call that a paid round."""
    accepted = reply(b'{"status":1,"balance":"99.00"}')
    refusal = reply(b'{"status":0,"error":"NO_WINS_TODAY"}')
    with (
        ScriptedServer(answering(accepted, refusal)) as wallet,
        play_server(webhook_url=wallet.url(), seed=WON) as server,
    ):
        page = page_of(server)
        played = page.spun()
        assert (played["problem"], played["pending"]) == ("WIN_REFUSED", False)
        assert [each["standing"] for each in page.rounds()] == ["refused"]
        assert page.entries()[1]["problem"] == "NO_WINS_TODAY"


def test_the_panel_tells_what_the_operator_said_in_full() -> None:
    """Bodies as they came, whatever is in them; more than a panel can show is cut, and said to be."""
    body = b'<script>alert("1")</script>\xff' + b"x" * 20_000
    with ScriptedServer(answering(reply(body))) as wallet, play_server(webhook_url=wallet.url()) as server:
        page = page_of(server)
        assert page.opened()["problem"] == "BALANCE"
        entry = page.entries()[-1]
        assert entry["reply"]["body"].startswith('<script>alert("1")</script>\N{REPLACEMENT CHARACTER}x')
        assert (entry["reply"]["cut"], entry["reply"]["bytes"]) == (True, len(body))
        assert entry["outcome"] == "unknown"
        assert entry["problem"]


# --- live ------------------------------------------------------------------------------------------


def stream_of(server: PlayServer, page: Page, **headers: str) -> tuple[HTTPConnection, HTTPResponse]:
    """An event stream that is open."""
    host, _, port = server.url.removeprefix("http://").partition(":")
    connection = HTTPConnection(host, int(port), timeout=10)
    connection.request("GET", f"{page.path}/events", headers=headers)
    return connection, connection.getresponse()


def next_event(stream: HTTPResponse) -> tuple[int, dict[str, Any]]:
    """Id and data of the next exchange on a stream."""
    number = 0
    for line in iter(stream.readline, b""):
        name, _, value = line.decode().rstrip("\n").partition(": ")
        if name == "id":
            number = int(value)
        if name == "data":
            return number, json.loads(value)
    raise AssertionError("the stream has ended")


def test_exchanges_come_as_events_and_a_stream_resumes(server: PlayServer) -> None:
    """Those of the past first, those that happen then; with Last-Event-ID only what came after."""
    page = page_of(server)
    page.opened()
    connection, stream = stream_of(server, page)
    with closing(connection):
        assert stream.getheader("Content-Type") == "text/event-stream"
        assert next_event(stream)[1]["method"] == "account_details"
        last, balance = next_event(stream)
        assert balance["method"] == "user_balance"
        page.spun()
        assert next_event(stream)[1]["method"] == "transaction_bet"
    connection, stream = stream_of(server, page, **{"Last-Event-ID": str(last)})
    with closing(connection):
        assert next_event(stream)[1]["method"] == "transaction_bet"


def test_streams_are_capped(server: PlayServer) -> None:
    """The one too many is told to ask instead."""
    page = page_of(server)
    page.opened()
    streams = [stream_of(server, page) for _ in range(STREAMS_MAX)]
    assert all(stream.status == 200 for _, stream in streams)
    connection, stream = stream_of(server, page)
    with closing(connection):
        assert (stream.status, json.loads(stream.read())["error"]) == (503, "STREAMS")
    assert page.entries() != []
    server.api.state.stopping.set()
    for connection, stream in streams:
        while stream.readline():
            pass
        connection.close()


def test_a_stream_that_is_closed_makes_room() -> None:
    """Even one that was never read from."""
    streams = EventStreams(threading.Event(), streams_max=1)
    first = streams.open(tuple, {})
    assert first is not None
    assert streams.open(tuple, {}) is None
    first.close()
    assert streams.open(tuple, {}) is not None


def test_streams_end_when_the_server_stops(server: PlayServer) -> None:
    """Nobody has to cut them."""
    page = page_of(server)
    connection, stream = stream_of(server, page)
    with closing(connection):
        server.api.state.stopping.set()
        assert stream.read().startswith(b"retry: ")
