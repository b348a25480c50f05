"""Wallets whose answers carry no status, or an odd one: their form is one finding, their money is judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.core.findings import Severity, Verdict
from simulator.errors import ExitCode
from small_wallet import PLAYERS, Answer, Fields, SmallWallet, serving
from suite_runs import causes, played, run_against

BASIC = """\
name: A bet, its repeat, a win, a refund, and a bet over the balance
player: {balance: 100.00}
steps:
  - bet: {amount: 10.00, id: b1}
  - resend: b1
  - win: 25.50
  - bet: {amount: 5.25, id: b2}
  - refund: b2
  - refund: b2
  - bet: {amount: all+0.01, expect: refused}
"""
AT_ONCE = """\
name: Bets and a win at once
player: {balance: 100.00}
steps:
  - parallel:
      - bet: 10.00
      - bet: 20.00
      - win: 5.00
"""
TEXTS = (BASIC, AT_ONCE)
GAMES = ("SLOT_001", "NO_SUCH_GAME")


class SaysIt(SmallWallet):
    """Says yes in another word, and no in the one that goes with it; without a word there is no status."""

    def __init__(self, word: object = None, refusal_status: int = 200) -> None:
        super().__init__()
        self.word = word
        self.refusal_status = refusal_status

    def reply(self, value: Fields, status: int = 200) -> Answer:
        said = value.pop("status", None)
        if said == 1 and self.word is not None:
            value = {"status": self.word} | value
        if said == 0:
            value = value if self.word is None else {"status": "error"} | value
            status = self.refusal_status
        return super().reply(value, status)


@pytest.mark.parametrize("word", ["1", "1.0", "01", "true", "TRUE", "success", "OK"])
def test_a_word_for_one_is_one_form_finding(tmp_path: Path, word: str) -> None:
    """The money is right, so nothing is said of it, and nothing is left open."""
    run = played(SaysIt(word), tmp_path, *TEXTS)
    assert [finding.cause for _, finding in run.errors] == ["form:CON-07:status-text"]
    assert run.exit_code is ExitCode.FOUND
    assert len(run.with_verdict(Verdict.PASSED)) + len(run.with_verdict(Verdict.FAILED)) == len(TEXTS)


@pytest.mark.parametrize(("word", "form"), [(200, "status-http"), ("200", "status-text")])
def test_the_http_status_once_more_is_one_form_finding(tmp_path: Path, word: object, form: str) -> None:
    """Frameworks write it so; it is no refusal whose money moved all the same."""
    run = played(SaysIt(word, 400), tmp_path, *TEXTS)
    assert [finding.cause for _, finding in run.errors] == [f"form:CON-07:{form}"]


@pytest.mark.parametrize("refusal_status", [200, 400])
def test_no_status_at_all_is_one_finding_of_the_documented_rule(tmp_path: Path, refusal_status: int) -> None:
    """A refusal is told by the HTTP status, or by its error."""
    run = played(SaysIt(None, refusal_status), tmp_path, *TEXTS)
    assert [finding.cause for _, finding in run.errors] == ["form:CON-02:status-missing"]
    assert len(run.with_verdict(Verdict.PASSED)) + len(run.with_verdict(Verdict.FAILED)) == len(TEXTS)


def test_a_profile_says_that_there_is_no_status(tmp_path: Path) -> None:
    """Then nothing is missing."""
    profile = tmp_path / "acme.yaml"
    profile.write_text("name: acme\nreply: {status: absent}\n", "utf-8")
    scenario = tmp_path / "own.yaml"
    scenario.write_text(BASIC, "utf-8")
    with serving(SaysIt(None)) as endpoint:
        run = run_against(endpoint, [str(scenario)], ("1000",), wire=str(profile))
    assert run.findings == {}
    assert run.exit_code is ExitCode.PASSED


class StoresNothing(SaysIt):
    """Answers with the balance after each call, and keeps the one before it."""

    def move(self, player: str, cents: int) -> Fields:
        self.applied.popitem()
        return {"status": 1, "balance": self.written(self.balances[player] + cents)}


@pytest.mark.parametrize("word", [None, "true"])
def test_a_wallet_that_stores_nothing_is_named_whatever_its_status(tmp_path: Path, word: str | None) -> None:
    """The answer says yes and shows the effect; the read shows that there was none."""
    run = played(StoresNothing(word), tmp_path, "player: {balance: 100.00}\nsteps: [bet: 10.00]\n")
    money = {cause for cause in causes(run) if not cause.startswith("form:")}
    assert money <= {"bet-not-taken", "nothing-stored", "read-contradicts-answers"}
    assert money


class ShowsTheOldBalance(SaysIt):
    """Answers a bet with the balance from before it."""

    def bet(self, player: str, amount: int, transaction_id: str, game: str) -> Fields:
        before = self.written(self.balances[player])
        return super().bet(player, amount, transaction_id, game) | {"balance": before}


@pytest.mark.parametrize("word", [None, "success"])
def test_an_old_balance_is_no_refusal_whatever_the_status(tmp_path: Path, word: str | None) -> None:
    """Not even of a bet on a game that does not exist, which a wallet may refuse."""
    texts = [f"player: {{balance: 100.00}}\nsteps: [bet: {{amount: 5.00, game: {game}}}]\n" for game in GAMES]
    run = played(ShowsTheOldBalance(word), tmp_path, *texts, AT_ONCE)
    money = {cause for cause in causes(run) if not cause.startswith("form:")}
    assert money == {"answer-balance-wrong"}


class ShowsNothingToStrangers(SmallWallet):
    """Refuses who is unknown beside a balance of 0.00."""

    def refusal(self, fields: Fields, error: str) -> Fields:
        stranger = {"balance": "0.00"} if error == "INVALID_USER" else {}
        return super().refusal(fields, error) | stranger


def test_a_no_beside_nothing_refuses_who_is_unknown() -> None:
    """In each scenario about players who do not exist."""
    with serving(ShowsNothingToStrangers()) as endpoint:
        run = run_against(endpoint, ["scenarios/unknown"], PLAYERS)
    assert run.exit_code is ExitCode.PASSED
    assert [
        each for found in run.findings.values() for each in found if each.severity is Severity.WARNING
    ] == []


def test_a_player_who_is_refused_beside_nothing_is_not_played_with(tmp_path: Path) -> None:
    """Before a run nobody is known: the wallet's own words are shown, and what to check."""
    scenario = tmp_path / "own.yaml"
    scenario.write_text(BASIC, "utf-8")
    with serving(ShowsNothingToStrangers()) as endpoint:
        run = run_against(endpoint, [str(scenario)], ("7777",))
    assert run.exit_code is ExitCode.INCONCLUSIVE
    assert run.end is not None
    assert "INVALID_USER" in run.end.root_cause


class KeepsHalfCents(SmallWallet):
    """Shows three decimals, as a number."""

    def accepted(self, player: str) -> Fields:
        return super().accepted(player) | {"balance": float(f"{self.written(self.balances[player])}5")}


def test_digits_beyond_the_cent_do_not_keep_a_run_from_its_verdict(tmp_path: Path) -> None:
    """They are read downwards and named, once."""
    run = played(KeepsHalfCents(), tmp_path, *TEXTS)
    assert [finding.cause for _, finding in run.errors] == ["money-kept-as-float"]
    assert "100.005" in run.errors[0][1].message
    assert not run.with_verdict(Verdict.INCONCLUSIVE, Verdict.BLOCKED)
