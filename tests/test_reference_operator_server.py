"""The reference operator as a server: its test hooks, its sockets, its threads, its restarts."""

import http.client
import json
import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from operator_caller import BET, REFUND, WIN, Caller, connected
from simulator.reference_operator import InvalidSetting, OperatorSettings, UnknownName, create_operator
from simulator.reference_operator.server import OperatorServer


@pytest.fixture(scope="module")
def server() -> Iterator[OperatorServer]:
    with OperatorServer(OperatorSettings(players=3)) as running:
        yield running


@pytest.fixture
def caller(server: OperatorServer) -> Iterator[Caller]:
    with connected(server) as caller:
        caller.seed()
        yield caller


def test_seeding_resets_a_player_and_shows_it(caller: Caller) -> None:
    """A player seeded again has no past."""
    caller.bet("b", "10.00")
    shown = caller.get("/_operator/players/p1")
    assert (shown["opening"], shown["balance"], shown["effects"]) == ("100.00", "90.00", 1)
    assert caller.seed(balance="7.00", blocked=True)["status"] == 0
    assert caller.bet("b", "10.00")["error"] == "USER_BLOCKED"
    assert caller.seed(balance="70.00")["effects"] == 0
    assert caller.bet("b", "10.00")["balance"] == "60.00"


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"user_id": 5, "balance": "1.00"},
        {"user_id": "\ud800", "balance": "1.00"},
        {"user_id": "x", "balance": 5},
        {"user_id": "x", "balance": "-1.00"},
        {"user_id": "x", "balance": "1.00", "status": "ok"},
        {"user_id": "x", "balance": "1.00", "blocked": 1},
    ],
    ids=str,
)
def test_a_wrong_seed_says_what_is_wrong(caller: Caller, fields: dict[str, Any]) -> None:
    """422 with the field's name."""
    status, body = caller.send("POST", "/_operator/players", json.dumps(fields).encode())
    assert status == 422
    assert any(name in json.loads(body)["message"] for name in ("user_id", "balance", "status", "blocked"))


def test_calls_are_counted_by_method(caller: Caller) -> None:
    """Whoever claims not to call the wallet can be held to it."""
    before = caller.get("/_operator/calls")
    caller.call("user_balance")
    caller.bet("b", "1.00")
    caller.send("POST", "/betrontech_api", b"junk")
    after = caller.get("/_operator/calls")
    assert {name: after["calls"][name] - count for name, count in before["calls"].items()} == {
        "account_details": 0,
        "user_balance": 1,
        BET: 1,
        WIN: 0,
        REFUND: 0,
        "other": 1,
    }
    assert after["total"] - before["total"] == 3


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/betrontech_api", 405),
        ("POST", "/nowhere", 404),
        ("GET", "/healthz", 200),
        ("GET", "/_operator/players/nobody", 404),
        ("POST", "/_operator/players/nobody/block", 404),
    ],
)
def test_other_paths_and_methods_answer_json(caller: Caller, method: str, path: str, expected: int) -> None:
    """Even an error is JSON."""
    status, body = caller.send(method, path, b"")
    assert status == expected
    assert isinstance(json.loads(body), dict)


@pytest.mark.parametrize(("size", "expected"), [(70_000, 413), (1_000_000, 413), (17 * 1024 * 1024, 400)])
def test_a_body_too_large_is_refused_without_a_hang(server: OperatorServer, size: int, expected: int) -> None:
    """What the app refuses is read first; what nobody should read ends the connection."""
    with socket.create_connection(("127.0.0.1", server.http.port), timeout=10) as line:
        line.sendall(b"POST /betrontech_api HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size)
        if expected == 413:
            line.sendall(b" " * size)
        assert line.recv(100).startswith(b"HTTP/1.1 %d " % expected)


def test_chunked_bodies_and_expect_100_continue_are_understood(server: OperatorServer) -> None:
    """Some HTTP clients send them without being asked."""
    body = json.dumps({"method": "user_balance", "user_id": "1000"}).encode()
    first, second = body[:10], body[10:]
    chunks = b"%x;ext=1\r\n%s\r\n%x\r\n%s\r\n0\r\nX-Trailer: 1\r\n\r\n" % (10, first, len(second), second)
    head = b"POST /betrontech_api HTTP/1.1\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.http.port), timeout=10) as line:
        line.sendall(head)
        assert line.recv(100).startswith(b"HTTP/1.1 100 ")
        line.sendall(chunks)
        assert b'"balance": "1000.00"' in line.recv(1000)


@pytest.mark.parametrize(
    "head",
    [
        b"nonsense\r\n\r\n",
        b"POST / HTTP/9\r\n\r\n",
        b"POST / HTTP/1.1\r\nno colon\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: \xb2\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST / HTTP/1.1\r\n" + b"a: b\r\n" * 200,
    ],
)
def test_bytes_that_are_no_http_get_400(server: OperatorServer, head: bytes) -> None:
    """Broken framing ends the connection with an answer."""
    with socket.create_connection(("127.0.0.1", server.http.port), timeout=10) as line:
        line.sendall(head)
        assert line.recv(100).startswith(b"HTTP/1.1 400 ")


def test_a_connection_is_kept_for_many_calls_and_closed_when_asked(server: OperatorServer) -> None:
    """HTTP/1.1 keep-alive, and `Connection: close` where the caller says so."""
    body = json.dumps({"method": "user_balance", "user_id": "1000"}).encode()
    connection = http.client.HTTPConnection("127.0.0.1", server.http.port, timeout=10)
    lines = set()
    for _ in range(20):
        connection.request("POST", "/betrontech_api", body)
        lines.add(connection.sock)
        assert b"1000.00" in connection.getresponse().read()
    assert len(lines) == 1
    connection.request("POST", "/betrontech_api", body, {"Connection": "close"})
    assert b"1000.00" in connection.getresponse().read()
    assert connection.sock is None


def test_64_connections_at_once_keep_every_cent_and_never_meet_a_locked_database(
    server: OperatorServer, caller: Caller
) -> None:
    """Distinct bets and wins all applied, repeats applied once, the last money spent once."""
    caller.seed(balance="1000.00")

    def play(number: int) -> list[dict[str, Any]]:
        with connected(server) as mine:
            return [
                mine.bet(f"b{number}", "1.00"),
                mine.win(f"w{number}", "0.50"),
                mine.bet("shared", "10.00"),
                mine.win("shared", "20.00"),
                mine.refund(f"b{number}", "1.00"),
                mine.refund("shared", "10.00"),
            ]

    with ThreadPoolExecutor(64) as pool:
        answers = [answer for some in pool.map(play, range(64)) for answer in some]
    assert {answer["status"] for answer in answers} == {1}
    assert caller.balance() == "1052.00"  # 64 wins of 0.50 and one of 20.00; every bet was refunded


def test_of_many_bets_that_together_exceed_the_balance_only_what_it_pays_is_accepted(
    server: OperatorServer, caller: Caller
) -> None:
    """Check and charge are never apart."""

    def bet(number: int) -> int:
        with connected(server) as mine:
            return int(mine.bet(f"b{number}", "30.00")["status"])

    with ThreadPoolExecutor(32) as pool:
        assert sum(pool.map(bet, range(32))) == 3
    assert caller.balance() == "10.00"


def test_a_restart_forgets_nothing() -> None:
    """Balances, ids and tombstones are in the database."""
    with OperatorServer(OperatorSettings(players=0)) as server, connected(server) as caller:
        caller.seed()
        caller.bet("b", "10.00")
        caller.refund("early", "5.00")
        assert caller.post("/_operator/restart") == {"status": "restarted"}
        assert caller.bet("b", "10.00")["balance"] == "90.00"
        assert caller.bet("early", "5.00")["balance"] == "90.00"
        assert caller.refund("b", "10.00")["balance"] == "100.00"


def test_calls_in_flight_survive_a_restart() -> None:
    """A restart waits for the transaction that is open."""
    with OperatorServer(OperatorSettings(players=1, opening_balance="500.00")) as server:

        def bet(number: int) -> object:
            with connected(server) as mine:
                if number % 20 == 10:
                    mine.post("/_operator/restart")
                return mine.bet(f"b{number}", "1.00", user_id="1000")["status"]

        with ThreadPoolExecutor(16) as pool:
            assert set(pool.map(bet, range(100))) == {1}
        with connected(server) as caller:
            assert caller.balance("1000") == "400.00"


def test_a_named_database_keeps_the_money_between_operators(tmp_path: Path) -> None:
    """Players that it knows are not opened again."""
    settings = OperatorSettings(database=tmp_path / "wallet.db", players=2, opening_balance="10.00")
    with OperatorServer(settings) as server, connected(server) as caller:
        caller.bet("b", "3.00", user_id="1001")
    with OperatorServer(settings) as server, connected(server) as caller:
        assert caller.bet("b", "3.00", user_id="1001")["balance"] == "7.00"
        assert caller.balance("1000") == "10.00"


def test_a_temporary_database_is_removed_at_the_end() -> None:
    """Hundreds of operators leave nothing behind."""
    with OperatorServer() as server:
        folder = server.operator.database.path.parent
        assert folder.exists()
    assert not folder.exists()


def test_a_server_stops_with_connections_open_and_frees_its_port() -> None:
    """The next one may listen where it listened."""
    with OperatorServer() as server:
        idle = socket.create_connection(("127.0.0.1", server.http.port))
        with connected(server) as caller:
            caller.balance("1000")
    with idle:
        assert idle.recv(1) == b""
    with OperatorServer(port=server.http.port) as again:
        assert again.endpoint == server.endpoint == f"http://127.0.0.1:{server.http.port}/betrontech_api"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (OperatorSettings(defects=("win-payed-twice",)), "did you mean win-paid-twice"),
        (OperatorSettings(dialects=("status-tru",)), "did you mean status-true"),
        (OperatorSettings(defects=("zzzz",)), 'no defect is called "zzzz"; known: '),
    ],
)
def test_an_unknown_switch_names_the_nearest_one(settings: OperatorSettings, message: str) -> None:
    """A typo is answered with the right word."""
    with pytest.raises(UnknownName, match=re.escape(message)):
        create_operator(settings)


@pytest.mark.parametrize(
    "settings",
    [
        OperatorSettings(opening_balance="100"),
        OperatorSettings(max_bet="many"),
        OperatorSettings(database=Path("/")),
    ],
    ids=["balance", "limit", "database"],
)
def test_settings_that_cannot_be_used_are_named(settings: OperatorSettings) -> None:
    """InvalidSetting, with the value found."""
    with pytest.raises(InvalidSetting, match=r"found|cannot use"):
        create_operator(settings)
