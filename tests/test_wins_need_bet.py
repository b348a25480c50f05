"""A wallet that pays wins of known rounds only is right, is judged, and gets its players' balances back."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

from simulator.core.findings import Verdict
from simulator.errors import ExitCode
from simulator.report.certificate import Certificate
from simulator.run.suite import run_suite
from simulator.settings import RunSettings
from small_wallet import Fields, Refusal, SmallWallet, serving
from suite_runs import played

OPENING_NOTHING = "player: {balance: 0.00}\nsteps: [balance: 0.00]\n"

OPENING_FIFTY = "player: {balance: 50.00}\nsteps: [bet: 1.00]\n"


def documented(fields: Fields) -> Fields:
    """The sibling's fields under the names that the small wallet reads."""
    amount = fields.get("amount", fields.get("win", fields.get("bet")))
    if amount is None:
        return fields
    return {**fields, "amount": f"{Decimal(str(amount)):.2f}", "game_id": fields.get("game")}


class WinsOfRounds(SmallWallet):
    """A win must name the round of an accepted bet, as --wire drakon sends it."""

    def __init__(self) -> None:
        super().__init__()
        self.rounds: set[object] = set()

    def call(self, fields: Fields) -> Fields:
        if fields.get("method") == "transaction_win" and fields.get("round_id") not in self.rounds:
            raise Refusal("BET_NOT_FOUND")
        done = super().call(documented(fields))
        if fields.get("method") == "transaction_bet":
            self.rounds.add(fields.get("round_id"))
        return done


class NoWinsForTheBroke(SmallWallet):
    """Who has nothing wins nothing; bets are refunded."""

    def win(self, player: str, amount: int, transaction_id: str, game: str) -> Fields:
        if self.balances[player] == 0:
            raise Refusal("NO_OPEN_BET")
        return super().win(player, amount, transaction_id, game)


class NothingForTheBroke(NoWinsForTheBroke):
    """Nor are refunds paid."""

    def refund(self, player: str, amount: int, transaction_id: str) -> Fields:  # noqa: ARG002  # overrides
        raise Refusal("BET_NOT_FOUND")


def test_a_player_without_money_wins_in_the_round_of_an_earlier_scenario(tmp_path: Path) -> None:
    """The second scenario begins at 0.00, and the player has the first balance again at the end."""
    wallet = WinsOfRounds()
    run = played(wallet, tmp_path, OPENING_NOTHING, OPENING_FIFTY, wire="drakon")
    assert run.exit_code is ExitCode.PASSED
    assert wallet.balances["1000"] == 100_00


def test_a_player_without_money_gets_it_from_the_refund_of_a_bet(tmp_path: Path) -> None:
    """The bet that took the money for the first scenario is refunded for the second."""
    wallet = NoWinsForTheBroke()
    run = played(wallet, tmp_path, OPENING_NOTHING, OPENING_FIFTY)
    assert run.exit_code is ExitCode.PASSED
    assert not run.findings
    assert wallet.balances["1000"] == 100_00


def test_where_nothing_gives_money_the_skip_names_the_seed_hook(tmp_path: Path) -> None:
    """The run says that it could judge less than half, first of all, and is not passed."""
    run = played(NothingForTheBroke(), tmp_path, OPENING_NOTHING, OPENING_FIFTY, OPENING_FIFTY)
    assert len(run.with_verdict(Verdict.SKIPPED)) == 2
    assert all("--seed-hook" in each.reason for each in run.finished.values() if each.reason)
    assert run.exit_code is ExitCode.INCONCLUSIVE
    assert run.end is not None
    assert run.end.notes[0].startswith("only 1 of 3 scenarios could be judged; 2 were skipped: player 1000")


def test_a_certificate_of_less_than_half_of_its_scenarios_is_not_passed(tmp_path: Path) -> None:
    """The reason is the first of what was not proven."""
    paths = []
    for number, text in enumerate([OPENING_NOTHING, OPENING_FIFTY, OPENING_FIFTY]):
        (tmp_path / f"{number}.yaml").write_text(text)
        paths.append(str(tmp_path / f"{number}.yaml"))
    certificate = Certificate(python="3.x", conditions={})
    with serving(NothingForTheBroke()) as endpoint:
        settings = RunSettings(endpoint=endpoint, players=("1000",), paths=tuple(paths))
        assert run_suite(settings, certificate.on) is ExitCode.INCONCLUSIVE
    document = json.loads(certificate.texts()[1])
    assert (document["outcome"], document["exit_code"]) == ("inconclusive", 6)
    assert document["not_proven"][0]["what"] == "the run"
    assert document["not_proven"][0]["why"].startswith("only 1 of 3 scenarios could be judged")


class RefusesWins(SmallWallet):
    """Takes a game for a round, and each round is settled after one win."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0
        self.settled: set[str] = set()

    def call(self, fields: Fields) -> Fields:
        self.calls += 1
        return super().call(fields)

    def win(self, player: str, amount: int, transaction_id: str, game: str) -> Fields:
        if player in self.settled:
            raise Refusal("ALREADY_SETTLED")
        self.settled.add(player)
        return super().win(player, amount, transaction_id, game)


def test_a_wallet_that_refuses_wins_is_not_asked_a_thousand_times(tmp_path: Path) -> None:
    """A stake that is refunded after its refused win takes the player nowhere: the scenario is skipped."""
    wallet = RefusesWins()
    run = played(wallet, tmp_path, "player: {balance: 150.00}\nsteps: [bet: 1.00]\n")
    (finished,) = run.finished.values()
    assert finished.verdict is Verdict.SKIPPED
    assert wallet.calls < 100
