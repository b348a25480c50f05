"""Small wallets that get money, ids or refunds wrong: one mistake each.

They are for the checks that no defect of the reference operator is made for; those of the calls themselves
are in `broken_calls`.
"""

from __future__ import annotations

import math

from small_wallet import Answer, Fields, Refusal, SmallWallet

# --- money -------------------------------------------------------------------------------------------


class LosesFractions(SmallWallet):
    """Moves whole units only."""

    def move(self, player: str, cents: int) -> Fields:
        return super().move(player, int(cents / 100) * 100)


class CountsInFloats(SmallWallet):
    """Compares and subtracts binary fractions."""

    def __init__(self) -> None:
        super().__init__()
        self.units = {player: cents / 100 for player, cents in self.balances.items()}

    def bet(self, player: str, amount: int, transaction_id: str, game: str) -> Fields:
        if amount / 100 > self.units[player]:
            raise Refusal("NO_BALANCE")
        return super().bet(player, amount, transaction_id, game)

    def move(self, player: str, cents: int) -> Fields:
        self.units[player] += cents / 100
        return super().move(player, cents)


class ReadsDigitsOnly(SmallWallet):
    """Drops the point and takes the digits for cents."""

    def amount_of(self, fields: Fields) -> int:
        digits = str(fields.get("amount")).replace(".", "")
        if not digits.isdigit():
            raise Refusal("NO_AMOUNT")
        return int(digits)


class RoundsUpToUnits(SmallWallet):
    """Reads any number of decimals and makes a whole number of it."""

    def amount_of(self, fields: Fields) -> int:
        try:
            return math.ceil(float(fields["amount"])) * 100
        except (KeyError, TypeError, ValueError):
            raise Refusal("NO_AMOUNT") from None


class CutsNumbers(SmallWallet):
    """Takes a JSON number as a whole one."""

    def amount_of(self, fields: Fields) -> int:
        amount = fields.get("amount")
        return int(amount) * 100 if isinstance(amount, int | float) else super().amount_of(fields)


class ChargesMinimum(SmallWallet):
    """No movement is less than one unit."""

    def move(self, player: str, cents: int) -> Fields:
        return super().move(player, cents or -100)


class HalvesSecondPlayer(SmallWallet):
    """Converts the money of the second player at a rate that nobody agreed on."""

    def __init__(self) -> None:
        super().__init__()
        # What the scenario begins with: the calls that bring a player there are none of its steps.
        self.balances["1001"] = 40_00

    def move(self, player: str, cents: int) -> Fields:
        return super().move(player, cents if player == "1000" else math.trunc(cents / 2))


class FailsOnEnormousBets(SmallWallet):
    """Its column is too small, and nobody catches that."""

    def answer_fields(self, fields: Fields) -> Answer:
        return Answer(500, b"{}") if len(str(fields.get("amount"))) > 12 else super().answer_fields(fields)


# --- ids, order, refunds -----------------------------------------------------------------------------


class ChargesOwnerOfId(SmallWallet):
    """Finds the player by the transaction_id, if it has seen that before."""

    def bet(self, player: str, amount: int, transaction_id: str, game: str) -> Fields:
        owner = next((key[0] for key in self.applied if key[2] == transaction_id), player)
        if owner != player:
            self.balances[owner] -= amount
            return self.accepted(player)
        return super().bet(player, amount, transaction_id, game)


class ForgetsWinsWithoutBet(SmallWallet):
    """Answers success to a win that no bet came before, and pays nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.open_games: dict[tuple[str, str], str] = {}

    def bet(self, player: str, amount: int, transaction_id: str, game: str) -> Fields:
        answer = super().bet(player, amount, transaction_id, game)
        self.open_games[player, game] = transaction_id
        return answer

    def win(self, player: str, amount: int, transaction_id: str, game: str) -> Fields:
        bet = self.open_games.get((player, game))
        if bet is None or (player, "refund", bet) in self.applied:
            return self.accepted(player)
        return super().win(player, amount, transaction_id, game)


class RefusesWinsWhenBroke(SmallWallet):
    """Takes a balance of 0.00 for no balance."""

    def win(self, player: str, amount: int, transaction_id: str, game: str) -> Fields:
        if not self.balances[player]:
            raise Refusal("NO_BALANCE")
        return super().win(player, amount, transaction_id, game)


class RefundsNothingWithoutAmount(SmallWallet):
    """A refund without an amount is one of 0.00, and done."""

    def call(self, fields: Fields) -> Fields:
        if fields.get("method") == "refund" and "amount" not in fields:
            return self.accepted(self.player_of(fields))
        return super().call(fields)


class RefundsWinToo(SmallWallet):
    """A refund after the win gives the win once more."""

    def __init__(self) -> None:
        super().__init__()
        self.last_win = 0

    def bet(self, player: str, amount: int, transaction_id: str, game: str) -> Fields:
        self.last_win = 0
        return super().bet(player, amount, transaction_id, game)

    def win(self, player: str, amount: int, transaction_id: str, game: str) -> Fields:
        self.last_win = amount
        return super().win(player, amount, transaction_id, game)

    def refund(self, player: str, amount: int, transaction_id: str) -> Fields:
        super().refund(player, amount, transaction_id)
        return self.move(player, self.last_win)


class TogglesRefunds(SmallWallet):
    """A refund that comes again takes the first one back."""

    def refund(self, player: str, amount: int, transaction_id: str) -> Fields:
        stake = self.applied.pop((player, "refund", transaction_id), None)
        return self.move(player, -stake) if stake else super().refund(player, amount, transaction_id)
