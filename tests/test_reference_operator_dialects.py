"""Dialects answer otherwise, and keep the money as right as the wallet without them."""

import json
import socket
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operator_caller import Caller, connected, in_process
from operator_script import METHODS, money, run, send
from simulator.reference_operator import DIALECTS, OperatorSettings
from simulator.reference_operator.server import OperatorServer

SHOWN = [
    ("repeated-bet-first-balance", "bet b 9.00; win w 1.00; bet b 9.00", "92.00", "1 91.00 | 92.00"),
    ("repeated-bet-status-0", "bet b 9.00; bet b 9.00", "91.00", "0 91.00 | 91.00"),
    ("repeated-bet-http-400", "bet b 9.00; bet b 9.00", "91.00", "400 | 91.00"),
    ("repeated-credit-first-balance", "win w 9.00; win v 1.00; win w 9.00", "110.00", "1 109.00 | 110.00"),
    ("repeated-credit-status-0", "win w 9.00; win w 9.00", "109.00", "0 109.00 | 109.00"),
    ("repeated-credit-http-400", "bet b 9.00; refund b 9.00; refund b 9.00", "100.00", "400 | 100.00"),
    ("conflict-http-409", "bet b 9.00; bet b 8.00", "91.00", "409 | 91.00"),
    ("unknown-refund-refused", "refund b 9.00", "100.00", "0 100.00 | 100.00"),
    ("unknown-refund-refused", "refund b 9.00; bet b 9.00", "100.00", "91.00"),
    ("unknown-refund-remembered", "refund b 9.00; refund b 9.00", "100.00", "0 100.00 | 100.00"),
    ("unknown-refund-remembered", "refund b 9.00; bet b 9.00", "100.00", "0 100.00 | 100.00"),
    ("late-bet-refused", "refund b 9.00; bet b 9.00", "100.00", "0 100.00 | 100.00"),
    ("zero-bet-refused", "bet b 0.00", "100.00", "0 100.00 | 100.00"),
    ("stakes-in-steps", "bet b 9.50; bet c 0.05", "90.45", "0 90.50 | 90.50"),
    ("zero-win-refused", "win w 0.00", "100.00", "0 100.00 | 100.00"),
    ("win-without-bet-refused", "bet b 9.00 game=h; win w 9.00", "100.00", "0 91.00 | 91.00"),
    ("win-without-bet-refused", "bet b 9.00; refund b 9.00; win w 9.00", "109.00", "0 100.00 | 100.00"),
    ("win-after-refund-refused", "bet b 9.00; refund b 9.00; win w 9.00", "109.00", "0 100.00 | 100.00"),
    ("refund-after-win-refused", "bet b 9.00; win w 1.00; refund b 9.00", "101.00", "0 92.00 | 92.00"),
    ("refund-credits-its-amount", "bet b 9.00; refund b 4.00", "100.00", "95.00"),
    ("refund-of-win-debits", "win w 9.00; refund w 9.00", "109.00", "100.00"),
    ("refund-of-win-debits", "win w 9.00; bet b 105.00; refund w 9.00", "4.00", "0 4.00 | 4.00"),
    ("ids-global", "bet b 9.00 user=p2; bet b 9.00", "91.00", "0 None | 100.00"),
    ("ids-global", "bet b 9.00 user=p2; refund b 9.00", "100.00", "0 None | 100.00"),
    ("odd-amounts-accepted", "bet b 9", "0 100.00 | 100.00", "91.00"),
    ("odd-amounts-accepted", "bet b 9.5", "0 100.00 | 100.00", "90.50"),
    ("odd-amounts-accepted", "bet b 9.505", "0 100.00 | 100.00", "0 100.00 | 100.00"),
    ("odd-amounts-accepted", "bet b -9", "0 100.00 | 100.00", "0 100.00 | 100.00"),
    ("status-true", "bet b 9.00", "91.00", "True 91.00 | 91.00"),
    ("status-true", "bet b 900.00", "0 100.00 | 100.00", "False 100.00 | 100.00"),
    ("refusal-status-error", "bet b 900.00", "0 100.00 | 100.00", "error 100.00 | 100.00"),
    ("refusal-without-balance", "bet b 900.00", "0 100.00 | 100.00", "0 None | 100.00"),
    ("unknown-player-zero", "bet b 9.00 user=nobody", "0 None | 100.00", "0 0.00 | 100.00"),
    ("unknown-player-zero", "bet b 900.00", "0 100.00 | 100.00", "0 100.00 | 100.00"),
    ("refusals-4xx-json", "bet b 900.00", "0 100.00 | 100.00", "402 | 100.00"),
    ("refusals-4xx-text", "bet b 9.00 user=nobody", "0 None | 100.00", "404 | 100.00"),
    ("balance-short", "bet b 9.50", "90.50", "1 90.5 | 90.50"),
    ("balance-short", "bet b 90.00", "10.00", "1 10 | 10.00"),
    ("commit-then-read", "bet b 9.00", "91.00", "91.00"),
    ("slow-150ms", "bet b 9.00", "91.00", "91.00"),
    ("more-fields", "bet b 9.00", "91.00", "91.00"),
]


@pytest.mark.parametrize(
    ("name", "script", "plain", "other"), SHOWN, ids=[f"{row[0]}: {row[1]}" for row in SHOWN]
)
def test_a_dialect_answers_as_its_sentence_says(name: str, script: str, plain: str, other: str) -> None:
    """The same calls, without the dialect and with it."""
    for dialects, expected in ((), plain), ((name,), other):
        with in_process(OperatorSettings(players=0, dialects=dialects)) as caller:
            caller.seed("p2")
            assert run(caller, script) == expected


@pytest.mark.parametrize(
    ("amount", "balance"), [(10, "90.00"), (10.5, "89.50"), (" 10.00 ", "90.00"), ("1" * 14, "100.00")]
)
def test_odd_amounts_are_read_exactly(amount: object, balance: str) -> None:
    """odd-amounts-accepted takes numbers and spaces too, and still no endless amount."""
    with in_process(OperatorSettings(players=0, dialects=("odd-amounts-accepted",))) as caller:
        assert (
            caller.call("transaction_bet", transaction_id="b", amount=amount, game_id="g")["balance"]
            == balance
        )


def test_fields_that_dialects_do_without() -> None:
    """game-id-optional and number-ids-accepted."""
    dialects = ("game-id-optional", "number-ids-accepted")
    with in_process(OperatorSettings(players=1, dialects=dialects)) as caller:
        answer = caller.call("transaction_bet", user_id=1000, transaction_id="b", amount="1.00")
        assert answer == {"status": 1, "balance": "999.00"}


def test_a_balance_as_a_number_has_its_cents() -> None:
    """balance-as-number: exact text, without the quotes."""
    with in_process(OperatorSettings(players=0, dialects=("balance-as-number",))) as caller:
        caller.seed(balance="9999999999999.90")
        assert send(caller, money("bet", "b", "0.30"))[1] == b'{"status": 1, "balance": 9999999999999.60}'


def test_more_fields_come_with_a_charset() -> None:
    """more-fields: what a reader does not know, it leaves alone."""
    with in_process(OperatorSettings(players=0, dialects=("more-fields",))) as caller:
        assert json.loads(send(caller, money("bet", "b", "1.00"))[1])["server"] == {"node": 1}


def test_http_1_0_closes_after_each_answer() -> None:
    """http-1.0: one connection, one call."""
    with OperatorServer(OperatorSettings(players=1, dialects=("http-1.0",))) as server:
        with socket.create_connection(("127.0.0.1", server.http.port), timeout=10) as line:
            line.sendall(b"GET /healthz HTTP/1.1\r\n\r\n")
            assert line.makefile("rb").read().startswith(b"HTTP/1.0 200 OK\r\n")
        with connected(server) as caller:
            assert [caller.bet(f"b{n}", "1.00", user_id="1000")["balance"] for n in (1, 2)] == [
                "999.00",
                "998.00",
            ]


def test_slow_answers_are_slow() -> None:
    """slow-150ms never answers sooner."""
    with in_process(OperatorSettings(players=0, dialects=("slow-150ms",))) as caller:
        began = time.monotonic()
        caller.bet("b", "1.00")
        assert time.monotonic() - began >= 0.15


def test_every_dialect_is_shown() -> None:
    """A dialect that nobody has heard may not be one."""
    elsewhere = {"game-id-optional", "number-ids-accepted", "balance-as-number", "http-1.0"}
    assert {row[0] for row in SHOWN} | elsewhere == set(DIALECTS)


CALLS = st.lists(
    st.tuples(
        st.sampled_from(sorted(METHODS)),
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from(["0.00", "0.10", "30.00", "70.01", "-5.00", "1e2"]),
        st.sampled_from(["game=g", "game=h"]),
        st.sampled_from(["user=p1", "user=p2"]),
    ),
    max_size=25,
)


class Bookkeeper:
    """Knows from the outside what one player's calls may move; cents."""

    def __init__(self) -> None:
        self.moved: dict[tuple[str, str], int] = {}
        self.balance = 10_000

    def check(self, word: str, transaction_id: str, amount: str, balance: int, refused: bool) -> None:
        """Every id moves money once, by its own amount; a refund at most the stake; refusals nothing."""
        moved = balance - self.balance
        self.balance = balance
        if moved == 0:
            return
        assert not refused
        assert balance >= 0
        assert (word, transaction_id) not in self.moved
        cents = round(float(amount) * 100)
        if word == "refund":
            assert self.allows_refund(transaction_id, cents, moved)
        else:
            assert moved == (cents if word == "win" else -cents)
        self.moved[word, transaction_id] = moved

    def allows_refund(self, transaction_id: str, cents: int, moved: int) -> bool:
        bet = -self.moved.get(("bet", transaction_id), 0)
        if bet:
            return moved in (bet, min(bet, cents))
        return moved == -self.moved.get(("win", transaction_id), 0)


FAST = sorted(set(DIALECTS) - {"slow-150ms", "commit-then-read"})


@pytest.mark.parametrize(
    "dialects", [(), *((name,) for name in FAST), tuple(FAST)], ids=lambda names: "+".join(names)[:30]
)
def test_whatever_is_called_each_id_moves_its_money_once(dialects: tuple[str, ...]) -> None:
    """balance = opening - bets + wins + refunds, for any calls, in every dialect and in all at once."""
    with in_process(OperatorSettings(players=0, dialects=dialects)) as caller:

        @settings(max_examples=25)
        @given(CALLS)
        def play(calls: list[tuple[str, str, str, str, str]]) -> None:
            keepers = {"p1": Bookkeeper(), "p2": Bookkeeper()}
            for user_id in keepers:
                caller.seed(user_id)
            for word, transaction_id, amount, game, user in calls:
                http_status, body = send(caller, money(word, transaction_id, amount, game, user))
                refused = http_status != 200 or json.loads(body)["status"] != 1
                for user_id, keeper in keepers.items():
                    mine = user == f"user={user_id}"
                    cents = read_cents(caller, user_id)
                    if mine:
                        keeper.check(word, transaction_id, amount, cents, refused)
                    assert cents == keeper.balance

        play()


def read_cents(caller: Caller, user_id: str) -> int:
    return int(caller.balance(user_id).replace(".", ""))
