"""Live events on a real server: more streams than there may be, a load beside them, resuming, and the end."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from api_client import LAUNCH, encoded
from control_client import Control, controlled
from served import SECONDS_MAX, Served, serving
from simulator.core.findings import CallVerdict
from simulator.serve.console.pages import BACKLOG_MAX
from simulator.serve.streams import STREAMS_MAX

PLAY = {"X-Play": "1", "Content-Type": "application/json"}
STOP_S = 2.0


@contextmanager
def asked(port: int, method: str, path: str, body: object = None, **headers: str) -> Iterator[Any]:
    """An answer that is not read yet, on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS_MAX)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    sent = None if body is None else json.dumps(body)
    try:
        connection.request(method, path, sent, {**PLAY, **named})
        yield connection.getresponse()
    finally:
        connection.close()


def told(port: int, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
    """Status and JSON of an answer."""
    with asked(port, method, path, body, **headers) as reply:
        return reply.status, json.loads(reply.read())


def event(reply: Any) -> tuple[str, int, Any]:
    """The next event of a stream: its name, id and data."""
    fields: dict[str, str] = {}
    while True:
        line = reply.readline().decode().rstrip("\n")
        if not line and "data" in fields:
            return fields["event"], int(fields["id"]), json.loads(fields["data"])
        name, _, value = line.partition(": ")
        fields[name] = value


def game(port: int, player: str) -> str:
    """Launch a game through the API; the path of its page."""
    login = {"Authorization": f"Bearer {encoded()}"}
    token = told(port, "POST", "/api/auth/authentication", **login)[1]["access_token"]
    query = "&".join(f"{name}={value}" for name, value in {**LAUNCH, "user_id": player}.items())
    launched = told(port, "GET", f"/api/games/game_launch?{query}", Authorization=f"Bearer {token}")[1]
    path = "/play/" + str(launched["game_url"]).rpartition("/")[2]
    assert told(port, "POST", f"{path}/open", {})[0] == 200
    return path


def play(served: Served, player: str) -> list[int]:
    """A player at work: the statuses of a launch, rounds, and lists."""
    path = game(served.port, player)
    login = {"Authorization": f"Bearer {encoded()}"}
    found = []
    for _ in range(10):
        found.append(told(served.port, "POST", f"{path}/spin", {"stake": "1.00"})[0])
        found.append(told(served.port, "POST", "/api/auth/authentication", **login)[0])
        found.append(told(served.port, "GET", "/_sim/journal?limit=20")[0])
        found.append(told(served.port, "GET", "/healthz")[0])
    return found


def test_three_times_more_streams_than_there_may_be_and_a_load_at_once(tmp_path: Path) -> None:
    """Eight are told live, the others to poll; calls and rounds go on, and all of them see the same."""
    with serving(tmp_path, "--with-operator") as served, ExitStack() as streams:
        replies = [
            streams.enter_context(asked(served.port, "GET", "/console/events"))
            for _ in range(3 * STREAMS_MAX)
        ]
        assert sorted(reply.status for reply in replies) == [200] * STREAMS_MAX + [503] * 2 * STREAMS_MAX
        refused = next(reply for reply in replies if reply.status == 503)
        assert json.loads(refused.read())["error"] == "PLACES_TAKEN"
        with ThreadPoolExecutor(6) as players:
            statuses = list(players.map(lambda player: play(served, player), map(str, range(1000, 1006))))
        assert {status for found in statuses for status in found} == {200}
        assert told(served.port, "GET", "/readyz")[0] == 200
        newest = told(served.port, "GET", "/_sim/journal?limit=1")[1]["exchanges"][0]["number"]
        for reply in (each for each in replies if each.status == 200):
            while event(reply)[2]["number"] != newest:
                pass
        polled = told(served.port, "GET", "/console/news?since=0")[1]
        assert max(row["number"] for row in polled["rows"]) == newest
        served.process.send_signal(signal.SIGTERM)
        assert served.process.wait(STOP_S) == 0
    assert "Traceback" not in served.log.read_text()


def test_a_place_is_free_again_as_soon_as_a_client_has_gone(tmp_path: Path) -> None:
    """Whoever goes from page to page opens and leaves streams faster than any heartbeat."""
    with serving(tmp_path) as served:
        for _ in range(3 * STREAMS_MAX):
            for _ in range(40):
                with asked(served.port, "GET", "/console/events") as reply:
                    if reply.status == 200:
                        break
                # Less in all than the pause between two heartbeats.
                told(served.port, "GET", "/_sim/journal/wait?timeout_ms=50")
            assert reply.status == 200


def test_a_stream_goes_on_where_it_was_left() -> None:
    """With Last-Event-ID: what came meanwhile comes first, and nothing twice."""
    with controlled() as control:
        port = int(control.played.url.rpartition(":")[2])
        control.bet()
        with asked(port, "GET", "/console/events?since=0&method=transaction_bet") as reply:
            name, seen, first = event(reply)
            assert name == "exchange"
        control.bet()
        control.bet(player="1001")
        resumed = {"Last_Event_ID": str(seen)}
        with asked(
            port, "GET", "/console/events?since=0&method=transaction_bet&player=1001", **resumed
        ) as reply:
            _, last, row = event(reply)
        assert last > seen
        assert row["number"] > first["number"]
        assert "1001" in row["html"]


def test_a_stream_is_filtered_by_the_server_and_tells_later_words_on_a_row() -> None:
    """A row whose verdict changes comes again, under its number."""
    with controlled("bet-charged-again") as control:
        port = int(control.played.url.rpartition(":")[2])
        control.read()
        number = control.bet("10.00")["exchanges"][0]
        change = control.get("/state")["change"]
        with asked(port, "GET", f"/console/events?since={change}&method=transaction_bet") as reply:
            again = control.do("POST", f"/journal/{number}/resend")["exchanges"][0]
            rows = [event(reply)[2]]
            # Where both words came before the stream looked, they come as one row.
            while 'data-verdict="wrong"' not in rows[-1]["html"]:
                rows.append(event(reply)[2])
            control.api.state.delivery.journal.judge(again, CallVerdict.RIGHT, None, ())
            rows.append(event(reply)[2])
        assert {row["number"] for row in rows} == {again}
        assert 'data-verdict="right"' in rows[-1]["html"]


def test_a_row_that_is_wanted_no_more_is_told_to_who_polls() -> None:
    """Without HTML; what it was never asked about is not told at all."""
    with controlled() as control:
        control.read()
        journal = control.api.state.delivery.journal
        asked_for = f"/console/news?since={journal.change}&player=1000&method=transaction_bet&verdict=right"
        number = control.bet()["exchanges"][0]
        control.read("1001")
        client = control.api.client
        assert 'data-verdict="right"' in client.get(asked_for).get_json()["rows"][0]["html"]
        journal.judge(number, CallVerdict.WRONG, None, ())
        told_now = client.get(asked_for).get_json()
        assert told_now["rows"] == [{"number": number, "change": journal.change, "html": None}]


def test_whoever_is_too_far_behind_begins_anew() -> None:
    """After a reset, with a change of another journal, and beyond a bound."""
    with controlled() as control:
        port = int(control.played.url.rpartition(":")[2])
        control.bet()
        control.do("POST", "/reset")
        now = control.get("/state")["change"]
        for since in (0, now + 5):
            with asked(port, "GET", f"/console/events?since={since}") as reply:
                assert event(reply) == ("reset", now, {})
            assert told(port, "GET", f"/console/news?since={since}")[1]["reset"] is True
        _crowd(control, BACKLOG_MAX + 1)
        assert told(port, "GET", f"/console/news?since={now}")[1]["reset"] is True


def _crowd(control: Control, count: int) -> None:
    for _ in range(count):
        control.api.state.delivery.by_hand.fire("demo", {"method": "account_details", "user_id": "1000"})


def test_the_end_comes_within_two_seconds_with_streams_waits_and_late_answers_open(tmp_path: Path) -> None:
    """And what still waits is sent home."""
    with serving(tmp_path, "--with-operator") as served, ExitStack() as held:
        told(served.port, "POST", "/_sim/faults", {"kind": "latency", "latency_ms": 30_000})
        for _ in range(STREAMS_MAX):
            assert held.enter_context(asked(served.port, "GET", "/console/events")).status == 200
        waiting = threading.Thread(
            target=lambda: told(served.port, "GET", "/_sim/journal/wait?count=5&timeout_ms=60000")
        )
        waiting.start()
        late = held.enter_context(socket.create_connection(("127.0.0.1", served.port)))
        late.sendall(b"GET /api/games/all HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert told(served.port, "GET", "/readyz")[0] == 200
        served.process.send_signal(signal.SIGTERM)
        assert served.process.wait(STOP_S) == 0
        waiting.join()
    assert "Traceback" not in served.log.read_text()
