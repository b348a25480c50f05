"""The reference operator's wallet does what the protocol and its own docstring say."""

import json
from collections.abc import Iterator

import pytest

from operator_caller import BET, REFUND, WIN, Caller, in_process
from simulator.reference_operator import OperatorSettings


@pytest.fixture(scope="module")
def operator() -> Iterator[Caller]:
    with in_process(OperatorSettings(players=0, max_bet="5000.00")) as caller:
        yield caller


@pytest.fixture
def caller(operator: Caller) -> Caller:
    operator.seed()
    return operator


def test_the_figures_of_the_reference_chain(caller: Caller) -> None:
    """100.50, bet 10.00, win 50.00, refund 10.00: the reference's own example."""
    caller.seed(balance="100.50")
    assert caller.call("user_balance") == {"status": 1, "balance": "100.50"}
    assert caller.bet("b1", "10.00") == {"status": 1, "balance": "90.50"}
    assert caller.win("w1", "50.00") == {"status": 1, "balance": "140.50"}
    assert caller.refund("b1", "10.00") == {"status": 1, "balance": "150.50"}


def test_account_details_name_the_player(caller: Caller) -> None:
    """account_details answers the three documented fields and no status."""
    details = caller.call("account_details")
    assert details == {"user_id": "p1", "email": "player-p1@example.com", "name_jogador": "Player p1"}


@pytest.mark.parametrize("method", [BET, WIN, REFUND])
def test_a_repeat_moves_nothing_and_answers_the_current_balance(caller: Caller, method: str) -> None:
    """Each id is applied once; whatever came between shows in the repeat's answer."""
    if method == REFUND:
        caller.bet("t", "10.00")
    call = {"transaction_id": "t", "amount": "10.00", "game_id": "g"}
    after = caller.call(method, **call)["balance"]
    caller.win("other", "1.00")
    expected = f"{float(after) + 1:.2f}"
    assert caller.call(method, **call) == {"status": 1, "balance": expected}
    assert caller.call(method, **call | {"amount": "99.00"}) == {"status": 1, "balance": expected}
    assert caller.balance() == expected


def test_one_id_serves_a_bet_its_win_and_its_refund(caller: Caller) -> None:
    """The method belongs to the key."""
    caller.bet("t", "10.00")
    assert caller.win("t", "3.00")["balance"] == "93.00"
    assert caller.refund("t", "10.00")["balance"] == "103.00"


@pytest.mark.parametrize(
    ("first", "second"),
    [("A", "a"), ("1", "01"), ("x", "x "), ("n" * 254 + "1", "n" * 254 + "2"), ("é", "e")],
)
def test_ids_that_look_alike_are_different_ids(caller: Caller, first: str, second: str) -> None:
    """No case folding, no number, no trimming, no truncation."""
    caller.bet(first, "1.00")
    assert caller.bet(second, "1.00")["balance"] == "98.00"


def test_one_id_of_two_players_is_two_effects(caller: Caller) -> None:
    """Ids belong to a player."""
    caller.seed("p2", "50.00")
    caller.bet("t", "1.00")
    assert caller.bet("t", "1.00", user_id="p2")["balance"] == "49.00"


@pytest.mark.parametrize("amount", ["500.00", "10.00", "4.00"])
def test_a_refund_gives_back_the_stake_whatever_amount_it_carries(caller: Caller, amount: str) -> None:
    """A refund of 500 for a bet of 10 credits 10."""
    caller.bet("b", "10.00")
    assert caller.refund("b", amount)["balance"] == "100.00"


def test_a_refund_of_nothing_is_refused_and_the_stake_stays_refundable(caller: Caller) -> None:
    """Otherwise 0.00 would use up the only refund that the bet has."""
    caller.bet("b", "10.00")
    assert caller.refund("b", "0.00")["error"] == "INVALID_AMOUNT"
    assert caller.refund("b", "10.00")["balance"] == "100.00"


def test_a_bet_that_comes_after_its_refund_moves_nothing(caller: Caller) -> None:
    """The refund leaves a tombstone."""
    assert caller.refund("b", "10.00") == {"status": 1, "balance": "100.00"}
    assert caller.bet("b", "10.00") == {"status": 1, "balance": "100.00"}
    assert caller.balance() == "100.00"


def test_a_refunded_bet_stays_applied(caller: Caller) -> None:
    """Sending it again does not charge again."""
    caller.bet("b", "10.00")
    caller.refund("b", "10.00")
    assert caller.bet("b", "10.00")["balance"] == "100.00"


def test_a_refund_of_another_players_bet_moves_nobodys_money(caller: Caller) -> None:
    """And the owner can still have it."""
    caller.seed("p2", "50.00")
    caller.bet("b", "10.00")
    assert caller.refund("b", "10.00", user_id="p2")["balance"] == "50.00"
    assert caller.refund("b", "10.00")["balance"] == "100.00"


def test_a_bet_over_the_balance_is_refused_with_the_balance_and_leaves_no_trace(caller: Caller) -> None:
    """Its refund credits nothing, and the same id is charged once there is money."""
    refused = caller.bet("b", "100.01")
    assert (refused["status"], refused["error"], refused["balance"]) == (0, "INSUFFICIENT_FUNDS", "100.00")
    caller.win("w", "0.01")
    assert caller.bet("b", "100.01")["balance"] == "0.00"
    caller.bet("b2", "5.00")
    assert caller.refund("b2", "5.00")["balance"] == "0.00"


def test_zero_bets_and_zero_wins_are_accepted(caller: Caller) -> None:
    """They are effects of nothing."""
    assert caller.bet("z", "0.00") == caller.win("z", "0.00") == {"status": 1, "balance": "100.00"}
    assert caller.refund("z", "0.00") == {"status": 1, "balance": "100.00"}


ODD_AMOUNTS: list[object] = [
    *(
        "",
        "abc",
        "NaN",
        "1e3",
        "1,00",
        "0x10",
        " 10.00",
        "10.00\n",
        "10",
        "10.0",
        "10.000",
        "-10.00",
        "+1.00",
    ),
    *("010.00", "\u0661.\u0660\u0660", "1.234,56", "1" * 14 + ".00"),
    *(None, 10, 10.5, True, [], {}),
]


@pytest.mark.parametrize("amount", ODD_AMOUNTS, ids=repr)
@pytest.mark.parametrize("method", [BET, WIN, REFUND])
def test_an_amount_that_is_not_canonical_is_refused_and_moves_nothing(
    caller: Caller, method: str, amount: object
) -> None:
    """Strict reading: refused with HTTP 200, a code and the balance."""
    caller.bet("t", "1.00", game_id="g")
    transaction_id = "t" if method == REFUND else "fresh"
    refused = caller.call(method, transaction_id=transaction_id, amount=amount, game_id="g")
    assert (refused["status"], refused["error"], refused["balance"]) == (0, "INVALID_AMOUNT", "99.00")
    assert caller.balance() == "99.00"


@pytest.mark.parametrize("value", ["", None, 7, ["x"], "n" * 256, "\ud800"], ids=repr)
@pytest.mark.parametrize("field", ["transaction_id", "game_id"])
def test_an_id_that_is_none_is_refused(caller: Caller, field: str, value: object) -> None:
    """Text of 1 to 255 characters, and nothing else."""
    refused = (
        caller.bet("t", "1.00", **{field: value})
        if field == "game_id"
        else caller.call(BET, transaction_id=value, amount="1.00", game_id="g")
    )
    assert (refused["status"], refused["error"]) == (0, "INVALID_PARAMS")
    assert caller.balance() == "100.00"


@pytest.mark.parametrize("user_id", ["nobody", "", None, 1000, "\ud800", "p1' OR '1'='1", "P1"], ids=repr)
@pytest.mark.parametrize("method", ["account_details", "user_balance", BET, WIN, REFUND])
def test_an_unknown_player_is_refused(caller: Caller, method: str, user_id: object) -> None:
    """No account is opened for a stranger."""
    refused = caller.call(method, user_id=user_id, transaction_id="t", amount="1.00", game_id="g")
    assert (refused["status"], refused["error"]) == (0, "INVALID_USER")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b"1",
        b"{",
        b'{"method": 5}',
        b'{"method": "nothing"}',
        b"{}",
        b"\xff\xfe",
        b"[" * 50000,
        b'{"method": NaN}',
        b'{"method": ' + b"9" * 5000 + b"}",
    ],
    ids=lambda body: repr(body[:12]),
)
def test_a_body_that_is_no_call_is_refused(caller: Caller, body: bytes) -> None:
    """Malformed JSON gets a clean refusal, not a page about an exception."""
    status, answer = caller.send("POST", "/betrontech_api", body)
    assert status == 200
    assert json.loads(answer)["error"] == "INVALID_METHOD"


def test_hostile_ids_are_data(caller: Caller) -> None:
    """Quotes, NUL, emoji and right-to-left marks name an effect like any other text."""
    for number, name in enumerate(
        ["'; DROP TABLE players; --", "a\0b", "a\0c", "🎰", "\u202etxt", "<script>"]
    ):
        assert caller.bet(name, "1.00")["balance"] == f"{99 - number}.00"
        assert caller.bet(name, "1.00")["balance"] == f"{99 - number}.00"


def test_a_blocked_player_may_not_bet_but_is_paid(caller: Caller) -> None:
    """Wins and refunds are owed."""
    caller.bet("b", "10.00")
    caller.post("/_operator/players/p1/block")
    assert caller.call("user_balance") == {"status": 0, "balance": "90.00"}
    assert caller.bet("b2", "1.00")["error"] == "USER_BLOCKED"
    assert caller.win("w", "5.00") == {"status": 1, "balance": "95.00"}
    assert caller.refund("b", "10.00") == {"status": 1, "balance": "105.00"}
    caller.post("/_operator/players/p1/unblock")
    assert caller.bet("b2", "1.00")["balance"] == "104.00"


def test_a_bet_over_the_limit_is_refused_and_wins_are_not_limited(caller: Caller) -> None:
    """max_bet is for bets only."""
    caller.seed(balance="9000.00")
    assert caller.bet("b", "5000.01")["error"] == "LIMIT_REACHED"
    assert caller.win("w", "8000.00")["balance"] == "17000.00"
    assert caller.bet("b", "5000.00")["balance"] == "12000.00"


def test_cents_are_exact_for_small_and_large_amounts(caller: Caller) -> None:
    """0.10 three times and 0.30 back; jackpots beyond what a 32-bit column or a double holds."""
    for number in range(3):
        caller.bet(f"b{number}", "0.10")
    assert caller.win("w", "0.30")["balance"] == "100.00"
    assert caller.win("w2", "9999999999999.99")["balance"] == "10000000000099.99"
    assert caller.win("w3", "9999999999999.99")["balance"] == "20000000000099.98"
