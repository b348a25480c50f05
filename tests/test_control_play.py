"""The control API plays: rounds with a chosen outcome, and troubles, without a browser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from control_client import Control, controlled


@pytest.fixture
def control() -> Iterator[Control]:
    """A server with the example wallet, whose players have 1000.00."""
    with controlled() as found:
        yield found


def session_of(control: Control, **fields: str) -> str:
    """The id of a new session."""
    return str(control.do("POST", "/sessions", {"player": "1000", **fields})["id"])


def play(control: Control, session: str, **body: object) -> Any:
    """What playing answers."""
    return control.do("POST", f"/sessions/{session}/play", body)


def trouble(control: Control, session: str, **body: object) -> Any:
    """What making a trouble answers."""
    return control.do("POST", f"/sessions/{session}/trouble", body)


def sent(control: Control) -> list[str]:
    """The webhooks about money, in order."""
    found = control.get("/journal?limit=1000")["exchanges"]
    moving = [each for each in reversed(found) if each["method"] not in ("user_balance", "account_details")]
    return [f"{each['method']} {each['amount']} {each['outcome']}" for each in moving]


@pytest.mark.parametrize(
    ("outcome", "win", "balance"),
    [("win 100.00", "100.00", "1099.00"), ("win 0.01", "0.01", "999.01"), ("loss", "0.00", "999.00")],
)
def test_a_round_has_the_outcome_that_is_asked_for(
    control: Control, outcome: str, win: str, balance: str
) -> None:
    told = play(control, session_of(control), stake="1.00", outcome=outcome)
    [played] = told["rounds"]
    assert (played["bet"], played["win"], played["balance"]) == ("1.00", win, balance)
    assert (told["wallet"], told["ledger"], told["difference"]) == (balance, balance, "0.00")
    assert (played["standing"], played["problem"], played["pending"]) == ("paid", None, False)
    first = control.get(f"/journal/{played['exchanges'][0]}")
    assert (first["method"], first["amount"], first["player"]) == ("transaction_bet", "1.00", "1000")


@pytest.mark.parametrize(("outcome", "least"), [("big_win", 25), ("bonus", 1)])
def test_a_big_win_and_a_bonus_are_paid(control: Control, outcome: str, least: int) -> None:
    [played] = play(control, session_of(control), stake="1.00", outcome=outcome)["rounds"]
    assert int(played["win"].split(".")[0]) >= least


def test_ten_rounds_are_played_at_once_and_the_same_seed_plays_the_same() -> None:
    def wins() -> list[str]:
        with controlled() as control:
            told = play(control, session_of(control), rounds=10, stake="2.00", outcome="seeded")
            assert [each["round"] for each in told["rounds"]] == list(range(1, 11))
            assert told["difference"] == "0.00"
            return [each["win"] for each in told["rounds"]]

    assert wins() == wins()


def test_the_reply_of_the_next_win_is_lost_and_the_win_is_sent_again(control: Control) -> None:
    session = session_of(control)
    assert trouble(control, session, kind="lose_reply", on="win")["armed"]["lose_reply"] is True
    told = play(control, session, outcome="win 5.00", stake="1.00")
    assert told["rounds"][0]["pending"] is True
    control.do("POST", "/clock/advance", {"by_ms": 3_600_000})
    control.get("/journal/wait?method=transaction_win&outcome=accepted&timeout_ms=20000")
    assert sent(control) == [
        "transaction_bet 1.00 accepted",
        "transaction_win 5.00 unknown",
        "transaction_win 5.00 accepted",
    ]
    assert control.get("/findings")["findings"] == []


@pytest.mark.parametrize("kind", ["lose_reply", "reset", "timeout"])
def test_a_bet_without_an_answer_is_refunded(kind: str) -> None:
    with controlled(timeout_s=0.3) as control:
        session = session_of(control)
        trouble(control, session, kind=kind, on="bet")
        [played] = play(control, session, stake="1.00", outcome="win 5.00")["rounds"]
        assert (played["win"], played["problem"]) == ("0.00", "BET_REFUNDED")
        assert [each.split()[0] for each in sent(control)] == ["transaction_bet", "refund"]


def test_a_refund_comes_before_its_bet(control: Control) -> None:
    session = session_of(control)
    trouble(control, session, kind="refund_before_bet")
    play(control, session, stake="1.00", outcome="loss")
    assert [each.split()[0] for each in sent(control)] == ["refund", "transaction_bet"]


def test_a_win_comes_before_its_bet_in_the_next_round_that_wins(control: Control) -> None:
    session = session_of(control)
    trouble(control, session, kind="win_before_bet")
    told = play(control, session, stake="1.00", outcome="loss")
    assert sent(control) == ["transaction_bet 1.00 accepted"]
    told = play(control, session, stake="1.00", outcome="win 3.00")
    assert sent(control)[1:] == ["transaction_win 3.00 accepted", "transaction_bet 1.00 accepted"]
    assert (told["wallet"], told["difference"]) == ("1001.00", "0.00")


def test_a_win_that_is_sent_twice_is_paid_once_by_a_right_wallet(control: Control) -> None:
    session = session_of(control)
    trouble(control, session, kind="win_twice")
    told = play(control, session, stake="1.00", outcome="win 3.00")
    assert [each.split()[0] for each in sent(control)] == ["transaction_bet"] + ["transaction_win"] * 2
    assert (told["wallet"], told["difference"]) == ("1002.00", "0.00")


ROUNDS = 50
"""So often two calls are sent at once until they overlap: a busy machine may answer one before the other."""


def test_a_call_is_sent_twice_at_the_same_moment_and_both_are_drawn_over_time(control: Control) -> None:
    """A right wallet charges it once; the pages of call and player show that the two overlapped."""
    session, drawn, first = session_of(control), "Calls that overlapped", 0
    for _ in range(ROUNDS):
        assert trouble(control, session, kind="at_once", on="bet")["armed"]["at_once"] is True
        told = play(control, session, stake="1.00", outcome="loss")
        first = told["rounds"][0]["exchanges"][0]
        assert told["difference"] == "0.00"
        if drawn in control.api.client.get(f"/console/exchange/{first}").get_data(as_text=True):
            break
    player = control.api.client.get("/console/player?agent=demo&player=1000").get_data(as_text=True)
    assert drawn in player
    assert f'href="/console/exchange/{first}"' in player
    assert sent(control)[:2] == ["transaction_bet 1.00 accepted"] * 2
    assert control.get("/findings")["findings"] == []


def test_a_wallet_that_loses_the_race_of_two_equal_bets_is_found() -> None:
    with controlled("repeated-bet-race") as control:
        session = session_of(control)
        for _ in range(ROUNDS):
            trouble(control, session, kind="at_once", on="bet")
            if play(control, session, stake="1.00", outcome="loss")["difference"] == "-1.00":
                break
        [found] = control.get("/findings")["findings"]
        assert (found["rule"], found["amount"]) == ("CCY-02", "-1.00")


def test_what_is_sent_again_is_no_win_of_nothing(control: Control) -> None:
    """After a lost round the bet is sent again, which shows something; its win of 0.00 only if asked for."""
    session = control.do("POST", "/sessions", {"player": "1000", "zero_wins": True})["id"]
    play(control, session, stake="1.00", outcome="loss")
    trouble(control, session, kind="duplicate")
    trouble(control, session, kind="duplicate", on="win")
    assert [each.split()[0] for each in sent(control)][2:] == ["transaction_bet", "transaction_win"]


def test_a_wallet_that_pays_a_win_twice_is_found() -> None:
    with controlled("win-paid-twice") as control:
        session = session_of(control)
        trouble(control, session, kind="win_twice")
        told = play(control, session, stake="1.00", outcome="win 3.00")
        assert (told["wallet"], told["ledger"], told["difference"]) == ("1005.00", "1002.00", "3.00")
        assert [each["cause"] for each in control.get("/findings")["findings"]] == [
            "repeated-win-credited-again"
        ]


def test_another_amount_under_the_same_id_is_sent_and_taken_back_by_no_right_wallet(control: Control) -> None:
    session = session_of(control)
    trouble(control, session, kind="same_id_other_amount")
    told = play(control, session, stake="1.00", outcome="loss")
    ids = {each["transaction_id"] for each in control.get("/journal?method=transaction_bet")["exchanges"]}
    assert [each.split()[:2] for each in sent(control)] == [
        ["transaction_bet", "1.00"],
        ["transaction_bet", "2.00"],
    ]
    assert len(ids) == 1
    assert (told["wallet"], told["difference"]) == ("999.00", "0.00")


def test_the_last_call_of_a_method_is_sent_again_now(control: Control) -> None:
    session = session_of(control)
    play(control, session, stake="1.00", outcome="win 3.00")
    done = trouble(control, session, kind="duplicate", on="bet")
    assert (done["outcome"], done["balance"]) == ("accepted", "1002.00")
    assert control.get(f"/journal/{done['exchanges'][0]}")["method"] == "transaction_bet"


def test_a_demo_session_plays_without_a_webhook(control: Control) -> None:
    session = session_of(control, type="DEMO")
    [played] = play(control, session, stake="1.00", outcome="win 2.00")["rounds"]
    assert (played["balance"], played["exchanges"]) == ("1001.00", [])
    assert control.get("/calls") == {"charged": 0, "demo": 0}
    assert control.ask("POST", f"/sessions/{session}/trouble", {"kind": "reset"})[0] == 409


BAD = {
    "an unknown outcome": ("play", {"outcome": "jackpot"}, 422),
    "a win of nothing": ("play", {"outcome": "win 0.00"}, 422),
    "a win that is no amount": ("play", {"outcome": "win much"}, 422),
    "no stake": ("play", {"stake": "0.00"}, 422),
    "a stake as a number": ("play", {"stake": 1.0}, 422),
    "too many rounds": ("play", {"rounds": 1001}, 422),
    "a misspelt field": ("play", {"round": 1}, 422),
    "an unknown trouble": ("trouble", {"kind": "lose_replay"}, 422),
    "an unknown method": ("trouble", {"kind": "reset", "on": "balance"}, 422),
    "nothing to repeat": ("trouble", {"kind": "duplicate"}, 409),
}


@pytest.mark.parametrize(("route", "body", "status"), BAD.values(), ids=BAD.keys())
def test_a_wrong_request_is_refused_and_plays_nothing(
    control: Control, route: str, body: dict[str, object], status: int
) -> None:
    session = session_of(control)
    found, told = control.ask("POST", f"/sessions/{session}/{route}", body)
    assert found == status, told
    assert told["message"]
    assert sent(control) == []


def test_an_unknown_session_and_one_that_is_over_are_told_apart(control: Control) -> None:
    assert control.ask("POST", "/sessions/none/play", {})[0] == 404
    session = session_of(control)
    control.do("DELETE", f"/sessions/{session}")
    status, told = control.ask("POST", f"/sessions/{session}/play", {})
    assert (status, told["error"]) in {(410, "OVER"), (404, "NOT_FOUND")}
