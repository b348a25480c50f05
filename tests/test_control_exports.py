"""The journal taken away: as a report's lines, and as a scenario that a right wallet passes."""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from command_line import simulate
from control_client import Control, controlled
from journal_entries import an_entry
from scenario_texts import load
from simulator.core.call_lines import call_object
from simulator.core.calls import Call, CallForm, FaultKind, Form, Reading, Why
from simulator.core.findings import Outcome
from simulator.core.money import Money
from simulator.core.webhooks import (
    Exchange,
    Method,
    NoReply,
    NoReplyKind,
    Reply,
    WebhookRequest,
    WireRequest,
)
from simulator.reference_operator import OperatorSettings
from simulator.reference_operator.server import OperatorServer
from simulator.serve.console.exports import lines_of, scenario_yaml
from simulator.serve.entries import Entry, Filter, Purpose
from simulator.serve.journal import Cut, Journal
from simulator.serve.store import JournalStore


def exported(control: Control, name: str, query: str = "") -> str:
    """A file of the control API."""
    reply = control.api.client.get(f"/_sim/journal/export.{name}{query}")
    assert reply.status_code == 200, reply.data
    assert reply.headers["Content-Disposition"].startswith("attachment")
    return reply.get_data(as_text=True)


def lines(control: Control, query: str = "") -> list[dict[str, Any]]:
    """The exported lines."""
    return [json.loads(line) for line in exported(control, "ndjson", query).splitlines()]


def recorded(reply: Reply | NoReply) -> dict[str, object]:
    """A line as a run's report writes it, but for the agent."""
    request = WebhookRequest(Method.BALANCE, "1")
    exchange = Exchange(request, WireRequest(b"{}"), reply, 1, 2)
    form, why = Form(CallForm.CANONICAL, request), Why(None, "step", agent="demo")
    return {"type": "exchange", **call_object(Call(exchange, Reading(Outcome.ACCEPTED), form, why))}


def test_lines_have_the_keys_of_a_runs_report() -> None:
    """With an answer and without one."""
    with controlled() as control:
        path = control.seat()
        control.api.client.post(f"{path}/trouble", json={"kind": "lose_reply"}, headers={"X-Play": "1"})
        control.spin(path)
        found = [each for each in lines(control) if each["type"] == "exchange"]
    answered = next(each for each in found if each["http"] is not None)
    lost = next(each for each in found if each["fault"] == "lost_reply")
    assert list(answered) == list(recorded(Reply(200, (), b"{}")))
    assert list(lost) == list(recorded(NoReply(NoReplyKind.TIMEOUT, "none")))
    assert (lost["outcome"], lost["answered_ns"], lost["reply"]) == ("unknown", None, None)


def test_a_players_opening_stands_before_its_first_balance() -> None:
    """Calls follow in the order they were sent, none answered before it was sent."""
    with controlled() as control:
        for player in ("1000", "1001"):
            control.spin(control.seat(player))
        found = lines(control)
    openings = [(each["player"], each["balance"]) for each in found if each["type"] == "opening"]
    assert openings == [("1000", "1000.00"), ("1001", "1000.00")]
    calls = [each for each in found if each["type"] == "exchange"]
    assert [each["sent_ns"] for each in calls] == sorted(each["sent_ns"] for each in calls)
    assert all(each["answered_ns"] > each["sent_ns"] for each in calls if each["answered_ns"] is not None)


def test_an_export_is_filtered_and_has_every_exchange() -> None:
    """More than a page of them."""
    with controlled() as control:
        control.read("1001")
        for _ in range(520):
            control.api.state.delivery.by_hand.fire("demo", {"method": "account_details", "user_id": "1000"})
        assert len(lines(control, "?player=1000")) == 520
        assert {each["player"] for each in lines(control, "?player=1001")} == {"1001"}


def judged(text: str, folder: Path) -> tuple[int, str]:
    """Exit code and output of `judge` for an export."""
    file = folder / "exported.ndjson"
    file.write_text(text)
    done = simulate("judge", str(file), folder=folder)
    return done.returncode, done.stdout + done.stderr


def test_an_opening_that_no_answer_had_shown_is_not_guessed(tmp_path: Path) -> None:
    """A player whose first call is a bet with a lost reply; a right wallet is accused of nothing."""
    with controlled() as control:
        game_url = control.do("POST", "/sessions", {"player": "1000"})["game_url"]
        path = urlsplit(str(game_url)).path
        control.api.client.post(f"{path}/trouble", json={"kind": "lose_reply"}, headers={"X-Play": "1"})
        for _ in range(3):
            control.spin(path)
        text = exported(control, "ndjson")
    opening, first, *_ = map(json.loads, text.splitlines())
    assert (opening["type"], opening["balance"]) == ("opening", None)
    assert (first["method"], first["outcome"]) == ("transaction_bet", "unknown")
    code, told = judged(text, tmp_path)
    assert code == 0, told


def test_a_wrong_wallet_is_found_behind_an_opening_that_is_not_known(tmp_path: Path) -> None:
    with controlled("bet-charged-again") as control:
        number = control.bet("7.00")["exchanges"][0]
        control.bet("5.00")
        control.do("POST", f"/journal/{number}/resend")
        control.read("1000")
        text = exported(control, "ndjson")
    assert json.loads(text.splitlines()[0])["balance"] is None
    code, told = judged(text, tmp_path)
    assert code == 1, told


@pytest.mark.parametrize(
    "query", ["?session=demo-1", "?method=transaction_bet", "?outcome=refused", "?purpose=round"]
)
def test_a_filter_chooses_players_and_their_histories_stay_whole(tmp_path: Path, query: str) -> None:
    """Player 1000 has two sessions; 1001 has none that matches but for the common filters."""
    with controlled() as control:
        for path in (control.seat(), control.seat()):
            control.spin(path)
            control.bet("99999.00", user_id="1000")
        control.read("1001")
        whole, found = lines(control, "?player=1000"), exported(control, "ndjson", query)
    assert [json.loads(line) for line in found.splitlines()] == whole
    code, told = judged(found, tmp_path)
    assert code == 0, told


def test_an_export_of_a_full_journal_begins_at_the_balance_where_it_was_cut(tmp_path: Path) -> None:
    """Also the refund of a bet that was dropped is no mistake of the wallet."""
    store = JournalStore()
    kept = Journal(store, exchanges_max=100)
    balance = 100_000
    for number in range(130):
        balance -= 100
        kept.record(
            an_entry(
                transaction_id=f"t{number}",
                amount=Money(100),
                balance=Money(balance),
                sent_ns=number * 1000,
                took_ns=9,
            )
        )
    balance += 100
    kept.record(
        an_entry(
            method=Method.REFUND,
            transaction_id="t1",
            amount=Money(100),
            balance=Money(balance),
            game=None,
            sent_ns=900_000,
        )
    )
    text = "".join(lines_of(kept, Filter()))
    opening, first, *_ = map(json.loads, text.splitlines())
    assert opening["continued"] is True
    assert float(opening["balance"]) == float(first["balance"]) + 1
    code, told = judged(text, tmp_path)
    assert code == 0, told


TROUBLES = ("lose_reply", "refund_before_bet", "refund_last", "duplicate", "lose_reply")


def test_an_exported_scenario_passes_on_a_right_wallet_and_fails_as_the_wrong_one_did(tmp_path: Path) -> None:
    """Played with trouble against a wallet that charges twice; then repeated against it and a right one."""
    defect = "bet-charged-again"
    with controlled(defect) as control:
        path = control.seat()
        for kind in TROUBLES:
            control.spin(path)
            control.api.client.post(f"{path}/trouble", json={"kind": kind}, headers={"X-Play": "1"})
        control.spin(path, "5.00")
        number = control.bet("7.00", transaction_id="twice")["exchanges"][0]
        control.do("POST", f"/journal/{number}/resend")
        text = exported(control, "yaml", "?agent=demo&player=1000")
    file = tmp_path / "played.yaml"
    file.write_text(text)
    for defects, code in ((), 0), ((defect,), 1):
        with OperatorServer(OperatorSettings(defects=defects, opening_balance="1000.00")) as operator:
            done = simulate(
                "run", str(file), "--endpoint", operator.endpoint, "--player", "1000", folder=tmp_path
            )
        assert done.returncode == code, f"{text}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize(("defects", "code"), [((), 0), (("bet-charged-again",), 1)])
def test_exported_lines_are_judged(tmp_path: Path, defects: tuple[str, ...], code: int) -> None:
    """A right wallet's are consistent, those of one that charges twice are not."""
    with controlled(*defects) as control:
        path = control.seat()
        control.spin(path)
        control.api.client.post(f"{path}/trouble", json={"kind": "lose_reply"}, headers={"X-Play": "1"})
        control.spin(path, "5.00")
        number = control.bet("7.00")["exchanges"][0]
        control.do("POST", f"/journal/{number}/resend")
        file = tmp_path / "played.ndjson"
        file.write_text(exported(control, "ndjson"))
    done = simulate("judge", str(file), folder=tmp_path)
    assert done.returncode == code, done.stdout + done.stderr
    assert "1 player" in done.stdout


TIMES = count(1_000_000_000, 10_000_000)
"""When each entry is sent: after the one before it was answered."""


def entry(method: Method, transaction_id: str, cents: int, **changes: Any) -> Entry:
    """A call in the journal whose answer shows no balance."""
    game = "SLOT_001" if method in (Method.BET, Method.WIN) else None
    fields = {"game": game, "amount": Money(cents), "balance": None, "sent_ns": next(TIMES), **changes}
    return an_entry(method=method, transaction_id=transaction_id, **fields)


WRITTEN: dict[str, tuple[list[Entry], list[str]]] = {
    "a refund that overtakes its bet": (
        [entry(Method.REFUND, "t1", 500), entry(Method.BET, "t1", 500)],
        ["refund: b1", "bet: {amount: 5.00, id: b1}"],
    ),
    "a refund of nothing": (
        [entry(Method.REFUND, "t9", 500)],
        ["refund: {transaction_id: unseen-r1, amount: 5.00}"],
    ),
    "the same again, and with another amount": (
        [entry(Method.WIN, "t1", 500), entry(Method.WIN, "t1", 500), entry(Method.WIN, "t1", 600)],
        ["win: {amount: 5.00, id: w1}", "resend: w1", "resend: {step: w1, amount: 6.00}"],
    ),
    "a pair sent at once is one step": (
        [entry(Method.BET, "t1", 500, fault=FaultKind.DUPLICATE)] * 2,
        ["bet: {amount: 5.00, fault: duplicate}"],
    ),
    "the ledger's own reads are left out": (
        [
            entry(Method.BET, "t1", 500),
            entry(Method.BALANCE, "", 0, amount=None, purpose=Purpose.PROBE),
            entry(Method.BALANCE, "", 0, amount=None),
        ],
        ["bet: 5.00", "balance"],
    ),
    "another game": (
        [entry(Method.BET, "t1", 500, game="SLOT_009")],
        ["bet: {amount: 5.00, game: SLOT_009}"],
    ),
    "calls that overlap are sent together": (
        [entry(Method.BET, "t1", 500, sent_ns=10, took_ns=10), entry(Method.WIN, "t2", 700, sent_ns=15)],
        ["parallel:"],
    ),
    "a delay is left out": (
        [entry(Method.BET, "t1", 500, fault=FaultKind.DELAY)],
        ["bet: 5.00"],
    ),
}


@pytest.mark.parametrize(("entries", "steps"), WRITTEN.values(), ids=WRITTEN.keys())
def test_exchanges_as_steps(entries: list[Entry], steps: list[str]) -> None:
    text = scenario_yaml(entries)
    assert [line[4:] for line in text.splitlines() if line.startswith("  - ")] == steps
    assert load(text)


HOSTILE = ["", "a: b", "'\"\\", "\u2028\ufeff", "😀", "- x\n# y", "\x7f\x85", "{x}", "&a *a", "null"]


@pytest.mark.parametrize("player", HOSTILE)
def test_whatever_a_player_is_called_the_file_can_be_read(player: str) -> None:
    """And says whom it is about."""
    text = scenario_yaml([entry(Method.BET, player, 500, player=player, game=player)])
    (scenario,) = load(text)
    assert player in scenario.name


ASSUMED = "# The record does not hold the balance before the first call: 100.00 is assumed."


def test_a_scenario_begins_with_the_balance_that_was_there_or_says_that_it_is_assumed() -> None:
    """The first call reads it, or a cut holds it; the answer to a bet may be that of a repeat."""
    bet = entry(Method.BET, "t1", 500, balance=Money(9500))
    read = entry(Method.BALANCE, "", 0, amount=None, balance=Money(7000))
    cut = Cut(number=3, balance=Money(4200))
    for entries, cuts, balance, assumed in (
        ([read, bet], {}, 7000, False),
        ([bet, read], {}, 10_000, True),
        ([bet], {("demo", "1000"): cut}, 4200, False),
        ([bet], {("demo", "1000"): Cut(number=3)}, 10_000, True),
    ):
        text = scenario_yaml(entries, cuts)
        (scenario,) = load(text)
        assert scenario.players["player"].balance == Money(balance)
        assert (ASSUMED in text) is assumed


def test_a_filter_of_a_scenario_chooses_players_and_cuts_no_history() -> None:
    """A part of a history would begin with another balance, and refunds would have no bet."""
    with controlled() as control:
        path = control.seat()
        control.spin(path)
        whole = exported(control, "yaml", "?player=1000")
        assert exported(control, "yaml", "?method=transaction_bet") == whole
        assert "  - balance\n" in whole
        assert ASSUMED not in whole


def test_each_player_is_a_scenario_of_its_own() -> None:
    """With the balance before its first call, as the wallet told it."""
    text = scenario_yaml(
        [
            entry(Method.BET, "t1", 500, balance=Money(9500)),
            entry(Method.WIN, "t2", 500, player="1001", balance=Money(10_500)),
            entry(Method.REFUND, "t1", 500),
        ]
    )
    loaded = load(text)
    assert [scenario.players["player"].balance for scenario in loaded] == [Money(10_000), Money(10_000)]
    assert [len(scenario.steps) for scenario in loaded] == [2, 1]
