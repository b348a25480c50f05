"""A wallet that knows the player and refuses the documented call is asked in the sibling's fields."""

from __future__ import annotations

from pathlib import Path

from command_line import simulate
from simulator.errors import ExitCode
from simulator.run.doctor import Health, diagnose
from simulator.wire.profiles import BETRONTECH
from simulator.wire.target import make_target
from small_wallet import Fields, Refusal, SmallWallet, serving
from suite_runs import played
from test_wins_need_bet import documented


class SiblingOnly(SmallWallet):
    """Reads `bet` and `win`, and no `amount` in a bet."""

    def call(self, fields: Fields) -> Fields:
        if fields.get("method") == "transaction_bet" and "bet" not in fields:
            raise Refusal("INVALID_AMOUNT")
        return super().call(documented(fields) if "game" in fields else fields)


class DigitsOnly(SmallWallet):
    """A transaction_id is a number."""

    def transaction_of(self, fields: Fields) -> str:
        if not str(fields.get("transaction_id")).isdigit():
            raise Refusal("INVALID_TRANSACTION")
        return super().transaction_of(fields)


def test_a_run_suggests_the_sibling_profile_after_a_bet_that_was_refunded(tmp_path: Path) -> None:
    """The answer is shown, --wire drakon named, and nobody asks whether the player exists."""
    wallet = SiblingOnly()
    run = played(wallet, tmp_path, "steps: [bet: 1.00]\n")
    assert run.exit_code is ExitCode.INCONCLUSIVE
    assert run.end is not None
    assert "INVALID_AMOUNT" in run.end.root_cause
    assert "--wire drakon (a bet of 0.01 was taken, and was refunded)" in run.end.root_cause
    assert "does player" not in run.end.root_cause
    assert wallet.balances["1000"] == 100_00


def test_a_refused_id_is_told_by_the_wallets_own_words(tmp_path: Path) -> None:
    """The balance was read, so the player exists; no other profile is suggested."""
    run = played(DigitsOnly(), tmp_path, "steps: [bet: 1.00]\n")
    assert run.end is not None
    assert "INVALID_TRANSACTION" in run.end.root_cause
    assert "your wallet knows player 1000, who has 100.00" in run.end.root_cause
    assert "does player" not in run.end.root_cause
    assert "--wire drakon" not in run.end.root_cause


def test_the_doctor_names_the_profile_that_fits(tmp_path: Path) -> None:
    """A bet is refused as documented, and taken in the sibling's fields."""
    wallet = SiblingOnly()
    with serving(wallet) as endpoint:
        checks = list(diagnose(lambda: make_target(endpoint), "1000", BETRONTECH, contained=False, bets=True))
        ended = simulate("doctor", "--endpoint", endpoint, "--player", "1000", folder=tmp_path)
    assert (checks[-1].name, checks[-1].health) == ("profile", Health.ODD)
    assert "--wire drakon" in checks[-1].hint
    assert ended.returncode == ExitCode.INCONCLUSIVE
    assert "--wire" in ended.stdout.splitlines()[-1]
    assert wallet.balances["1000"] == 100_00


def test_the_doctor_leaves_the_balance_of_a_right_wallet_as_it_was() -> None:
    """The bet that shows that the profile fits is refunded."""
    wallet = SmallWallet()
    with serving(wallet) as endpoint:
        checks = list(diagnose(lambda: make_target(endpoint), "1000", BETRONTECH, contained=False, bets=True))
    assert (checks[-1].name, checks[-1].health) == ("profile", Health.FINE)
    assert wallet.balances["1000"] == 100_00
