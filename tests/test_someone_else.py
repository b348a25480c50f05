"""Somebody else who moves a player's balance during a run is told as that, and no call is accused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from simulator.core.findings import Severity
from simulator.errors import ExitCode
from small_wallet import SmallWallet
from suite_runs import played

STEPS = "steps:\n  - bet: 10.00\n  - win: 5.00\n  - balance\n"

READS_BEFORE = 4
"""The reads of the preflight and of the preparation."""


class IsGivenCents(SmallWallet):
    """A right wallet whose player gets a cent from somebody else before each balance read of a scenario."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0

    def call(self, fields: dict[str, Any]) -> dict[str, Any]:
        if fields.get("method") == "user_balance":
            self.reads += 1
            if self.reads > READS_BEFORE:
                self.balances["1000"] += 1
        return super().call(fields)


class TakesACentTooMuch(SmallWallet):
    """Charges bets a cent too much."""

    def bet(self, player: str, amount: int, transaction_id: str, game: str) -> dict[str, Any]:
        return super().bet(player, amount + 1, transaction_id, game)


def test_a_balance_that_moves_with_nothing_in_flight_accuses_no_call(tmp_path: Path) -> None:
    """The run could not judge that player, and says why."""
    run = played(IsGivenCents(), tmp_path, STEPS)
    assert run.errors == []
    notes = [each for found in run.findings.values() for each in found if each.severity is Severity.NOTE]
    assert {each.cause for each in notes} == {"someone-else"}
    assert run.exit_code == ExitCode.INCONCLUSIVE
    (finished,) = run.finished.values()
    assert "someone else uses this player" in finished.reason


def test_a_wallet_that_is_wrong_by_a_cent_is_accused_all_the_same(tmp_path: Path) -> None:
    run = played(TakesACentTooMuch(), tmp_path, STEPS)
    assert {finding.cause for _, finding in run.errors} == {"bet-wrong-amount"}
