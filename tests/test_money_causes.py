"""One mistake with money has one cause, though it shows as many: free bets, short wins, lost cents."""

from __future__ import annotations

import pytest

from broken_money import LosesFractions
from simulator.core.findings import Severity
from simulator.report.causes import Cause, Overview
from simulator.run.suite import run_suite
from simulator.settings import RunSettings
from small_wallet import Fields, Refusal, SmallWallet, serving


class KeepsFloats(SmallWallet):
    """Adds binary fractions up, and shows them as they are."""

    def __init__(self) -> None:
        super().__init__()
        self.units = {player: cents / 100 for player, cents in self.balances.items()}

    def bet(self, player: str, amount: int, transaction_id: str, game: str) -> Fields:
        key = (player, "bet", transaction_id)
        if key not in self.applied and amount / 100 > self.units[player]:
            raise Refusal("NO_BALANCE")
        return super().bet(player, amount, transaction_id, game)

    def move(self, player: str, cents: int) -> Fields:
        self.units[player] += cents / 100
        super().move(player, cents)
        return self.accepted(player)

    def accepted(self, player: str) -> Fields:
        return super().accepted(player) | {"balance": str(self.units[player])}


class CutsBalances(SmallWallet):
    """Adds binary fractions up and cuts the sum to cents: `Math.floor(balance * 100) / 100`."""

    def move(self, player: str, cents: int) -> Fields:
        sum_ = self.balances[player] / 100 + cents / 100
        return super().move(player, int(sum_ * 100) - self.balances[player])


class RoundsBalances(SmallWallet):
    """Its column has whole units and rounds what is written to it."""

    def move(self, player: str, cents: int) -> Fields:
        rounded = (self.balances[player] + cents + 50) // 100 * 100
        return super().move(player, rounded - self.balances[player])


class ReadsCents(SmallWallet):
    """Takes amounts for cents: a bet of 10.00 takes 0.10."""

    def amount_of(self, fields: Fields) -> int:
        return super().amount_of(fields) // 100


class JoinsTexts(SmallWallet):
    """Adds a win to the balance as texts: 90 and 3.00 make 903.00."""

    def win(self, player: str, amount: int, transaction_id: str, game: str) -> Fields:  # noqa: ARG002  # overrides
        joined = int(f"{self.balances[player] // 100}{amount // 100}{amount % 100:02d}")
        key = (player, "win", transaction_id)
        if key in self.applied:
            return self.accepted(player)
        self.applied[key] = amount
        return self.move(player, joined - self.balances[player])


def errors(wallet: SmallWallet) -> list[Cause]:
    """Return the causes of errors that a run of the bundled suite names."""
    overview = Overview()
    with serving(wallet) as endpoint:
        run_suite(RunSettings(endpoint=endpoint, players=("1000", "1001")), overview.on)
    overview.finish()
    return overview.of_severity(Severity.ERROR)


@pytest.mark.parametrize(
    ("wallet", "cause", "rule"),
    [
        (KeepsFloats(), "money-kept-as-float", "MON-04"),
        (CutsBalances(), "cents-cut", "MON-02"),
        (LosesFractions(), "fraction-dropped", "MON-01"),
        (RoundsBalances(), "fraction-dropped", "MON-01"),
        (ReadsCents(), "hundredfold", "CON-06"),
        (JoinsTexts(), "win-wrong-amount", "CON-04"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, SmallWallet) else str(value),
)
def test_a_mistake_with_money_has_one_cause(wallet: SmallWallet, cause: str, rule: str) -> None:
    assert [(each.key, each.shown.finding.rule) for each in errors(wallet)] == [(cause, rule)]
