"""Small wallets that are too slow, too early or too strict: one mistake each.

They are for the checks of timeouts, limits and latency that no defect of the reference operator is made for.
"""

from __future__ import annotations

import time

from small_wallet import Fields, Refusal, SmallWallet

LATE_S = 0.35
SLOW_S = 1.05
LIMIT_CENTS = 50_00
SLOW_WIN_CENTS = 40


class KnowsNoChunks(SmallWallet):
    """Takes a body without Content-Length for empty."""

    def __init__(self) -> None:
        super().__init__()
        self.reads_chunks = False


class ChargesLate(SmallWallet):
    """Looks for the refund when the bet comes, and charges when its slow thread is through."""

    def bet(self, player: str, amount: int, transaction_id: str, game: str) -> Fields:
        known = (player, "bet", transaction_id) in self.applied or (player, transaction_id) in self.called_off
        if known or amount > self.balances[player]:
            return super().bet(player, amount, transaction_id, game)
        self.lock.release()
        time.sleep(LATE_S)
        self.lock.acquire()
        self.applied[player, "bet", transaction_id] = amount
        return self.move(player, -amount)


class LimitsWins(SmallWallet):
    """Asks for the limit in whatever moves money."""

    def amount_of(self, fields: Fields) -> int:
        amount = super().amount_of(fields)
        if amount > LIMIT_CENTS:
            raise Refusal("LIMIT")
        return amount


class SleepsOnce(SmallWallet):
    """Answers one win of the scenario after a second."""

    slept = False

    def win(self, player: str, amount: int, transaction_id: str, game: str) -> Fields:
        if not self.slept and amount == SLOW_WIN_CENTS:
            self.slept = True
            time.sleep(SLOW_S)
        return super().win(player, amount, transaction_id, game)
