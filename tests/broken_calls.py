"""Small wallets that take calls in, or answer them, wrongly: one mistake each.

They are for the checks that no defect of the reference operator is made for; those of money are in
`broken_money`.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from small_wallet import Answer, Fields, SmallWallet


def failed(text: str = "{}") -> Answer:
    """An error of the server."""
    return Answer(500, text.encode())


# --- how a call travels and how it is taken in -------------------------------------------------------


class WrapsRefunds(SmallWallet):
    """Puts the answer of a refund into an envelope."""

    def refund(self, player: str, amount: int, transaction_id: str) -> Fields:
        return {"data": super().refund(player, amount, transaction_id)}


class RedirectsRefunds(SmallWallet):
    """Sends a refund on to another URL."""

    def answer_fields(self, fields: Fields) -> Answer:
        if fields.get("method") == "refund":
            return Answer(302, b"", location="/login")
        return super().answer_fields(fields)


class RefusesNewFields(SmallWallet):
    """Takes no key that is not in the reference."""

    def answer_fields(self, fields: Fields) -> Answer:
        if set(fields) - {"method", "user_id", "amount", "transaction_id", "game_id"}:
            return self.reply({"status": 0, "error": "INVALID_PARAMS"})
        return super().answer_fields(fields)


class ReadsMethodFirst(SmallWallet):
    """Wants the method at the beginning of the text."""

    def answer_fields(self, fields: Fields) -> Answer:
        if next(iter(fields), "") != "method":
            return self.reply({"status": 0, "error": "INVALID_METHOD"})
        return super().answer_fields(fields)


class TakesAnyMethodForWin(SmallWallet):
    """Its dispatch falls through to the win."""

    def unknown_method(self, player: str, fields: Fields) -> Fields:
        return self.move(player, self.amount_of(fields))


class RefusesWithoutReason(SmallWallet):
    """Says no, and not why."""

    def refusal(self, fields: Fields, error: str) -> Fields:  # noqa: ARG002  # as the base has it
        return {"status": 0}


class ShortBalances(SmallWallet):
    """Drops zeros at the end of a balance."""

    def written(self, cents: int) -> str:
        return f"{cents / 100:g}"


# --- players and games -------------------------------------------------------------------------------


class TakesAnybody(SmallWallet):
    """Opens an account for whoever bets."""

    def player_of(self, fields: Fields) -> str:
        player = fields.get("user_id")
        if fields.get("method") == "transaction_bet" and isinstance(player, str):
            self.balances.setdefault(player, 100_00)
        return super().player_of(fields)


class TakesNobodyForFirst(SmallWallet):
    """No user_id is the first player's."""

    def player_of(self, fields: Fields) -> str:
        return super().player_of(fields) if fields.get("user_id") else "1000"


class FailsOnUnknownGames(SmallWallet):
    """A foreign key that nobody thought of."""

    def answer_fields(self, fields: Fields) -> Answer:
        game = str(fields.get("game_id", "SLOT_001"))
        return super().answer_fields(fields) if game.startswith("SLOT_00") else failed()


class ForgetsWinsOfUnknownGames(SmallWallet):
    """Joins wins with the games it knows, and says success to the others."""

    def win(self, player: str, amount: int, transaction_id: str, game: str) -> Fields:
        known = game.startswith("SLOT_00")
        return super().win(player, amount, transaction_id, game) if known else self.accepted(player)


# --- hostile input -----------------------------------------------------------------------------------


class TakesGet(SmallWallet):
    """Does not look at the HTTP method."""

    def answer(self, http_method: str, content_type: str, body: bytes) -> Answer:  # noqa: ARG002  # as the base
        return super().answer("POST", content_type, body)


class TellsHash(SmallWallet):
    """Serializes the whole user."""

    def details(self, player: str) -> Fields:
        return super().details(player) | {"password_hash": "$2b$12$abcdefghijklmnopqrstuv"}


class TellsTrace(SmallWallet):
    """Runs in debug mode."""

    def answer(self, http_method: str, content_type: str, body: bytes) -> Answer:
        try:
            json.loads(body)
        except ValueError:
            return failed('Traceback (most recent call last):\n  File "wallet.py", line 7, in parse')
        return super().answer(http_method, content_type, body)


class PastesIdsIntoSql(SmallWallet):
    """A quote ends the query."""

    def answer_fields(self, fields: Fields) -> Answer:
        return failed() if "'" in str(fields.get("game_id")) else super().answer_fields(fields)


class AddsTwinKeys(SmallWallet):
    """Adds up what stands twice."""

    def parse(self, body: bytes) -> Any:
        def join(pairs: list[tuple[str, Any]]) -> Fields:
            joined = dict(pairs)
            amounts = [value for key, value in pairs if key == "amount"]
            if len(amounts) > 1:
                joined["amount"] = str(sum(map(Decimal, amounts)))
            return joined

        return json.loads(body, object_pairs_hook=join)


class FailsOnNumericPlayers(SmallWallet):
    """Calls a string method on a number."""

    def answer_fields(self, fields: Fields) -> Answer:
        return failed() if isinstance(fields.get("user_id"), int) else super().answer_fields(fields)


class FailsOnUnicode(SmallWallet):
    """Charges, and cannot write the id into its log."""

    def answer_fields(self, fields: Fields) -> Answer:
        answer = super().answer_fields(fields)
        return answer if str(fields.get("transaction_id")).isascii() else failed()


class FailsOnOtherTypes(SmallWallet):
    """Relies on what the framework makes of application/json."""

    def answer(self, http_method: str, content_type: str, body: bytes) -> Answer:
        if not content_type.startswith("application/json"):
            return failed()
        return super().answer(http_method, content_type, body)


class ChargesForReads(SmallWallet):
    """Every twelfth read of a balance costs a cent."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0

    def call(self, fields: Fields) -> Fields:
        if fields.get("method") == "user_balance":
            self.reads += 1
            if self.reads % 12 == 0:
                self.balances[self.player_of(fields)] -= 1
        return super().call(fields)
