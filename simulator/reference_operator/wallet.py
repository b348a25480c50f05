"""The wallet itself, which keeps its players' money right when calls are repeated, late or simultaneous.

Read this file as the example. It follows five rules, each a few lines below:

1. One request is one transaction, so that nothing comes between a check and the change that it allows.
2. Money is whole cents. Amounts are read strictly, and any that is not canonical is refused.
3. The key of an effect is `(user_id, method, transaction_id)`. Each effect is applied once; repeats are
   answered with success and the current balance. The method belongs to the key, because a refund carries the
   id of its bet.
4. A refund gives back the stake of this player's own bet: not the amount that it carries, and nothing for a
   bet that was never taken. It is recorded all the same (a tombstone), so that its late bet moves nothing.
5. A refusal leaves no trace, and its answer shows the balance. Wins and refunds are owed, so a blocked player
   gets them too: only bets check whether the player may play.

`webhook.py` puts this behind HTTP; `defects` holds mistakes, `dialects` other correct ways to answer.
"""

# ruff: noqa: ARG002 -- defects and dialects decide by arguments that this wallet does not use

from typing import Any, TypeGuard

from simulator.reference_operator.calls import (
    BET,
    REFUND,
    WIN,
    Accepted,
    AccountDetails,
    Answer,
    CallRefused,
    MoneyCall,
    ReceivedCall,
    RefusedCall,
    read_cents,
)
from simulator.reference_operator.database import Books, Database, Effect, Player

ACTIVE = 1

ID_LENGTH_MAX = 255


class Wallet:
    """The players' money. `max_bet` in cents, or None for no limit."""

    def __init__(self, database: Database, max_bet: int | None = None, seed: int = 0) -> None:
        self.database = database
        self.max_bet = max_bet
        self.seed = seed

    # The five methods of the protocol.

    def account_details(self, call: ReceivedCall) -> Answer:
        with self.database.transaction() as books:
            player = self.find_player(books, call)
        return AccountDetails(
            player.user_id, f"player-{player.user_id}@example.com", f"Player {player.user_id}"
        )

    def user_balance(self, call: ReceivedCall) -> Answer:
        with self.database.transaction() as books:
            player = self.find_player(books, call)
        return Accepted(player.balance, player.status)

    def transaction_bet(self, call: ReceivedCall) -> Answer:
        with self.database.transaction() as books:
            player = self.find_player(books, call)
            bet = self.check_fields(player, call)
            if earlier := self.find_effect(books, bet, BET):
                return self.answer_repeat(books, player, bet, earlier)
            if self.find_effect(books, bet, REFUND):
                return self.answer_late_bet(player, bet)
            self.check_bet(books, player, bet)
            return self.apply(books, player, bet, -bet.amount)

    def transaction_win(self, call: ReceivedCall) -> Answer:
        with self.database.transaction() as books:
            player = self.find_player(books, call)
            win = self.check_fields(player, call)
            if earlier := self.find_effect(books, win, WIN):
                return self.answer_repeat(books, player, win, earlier)
            self.check_win(books, player, win)
            return self.apply(books, player, win, win.amount)

    def refund(self, call: ReceivedCall) -> Answer:
        with self.database.transaction() as books:
            player = self.find_player(books, call)
            refund = self.check_fields(player, call)
            if earlier := self.find_effect(books, refund, REFUND):
                return self.answer_repeat(books, player, refund, earlier)
            bet = self.find_effect(books, refund, BET)
            if bet is None:
                return self.refund_unknown(books, player, refund)
            return self.refund_bet(books, player, refund, bet)

    # Reading a call.

    def find_player(self, books: Books, call: ReceivedCall) -> Player:
        user_id = call.fields.get("user_id")
        player = books.player(user_id) if is_id(user_id) else None
        if player is None:
            raise CallRefused(RefusedCall("INVALID_USER", "no such player"))
        return player

    def check_fields(self, player: Player, call: ReceivedCall) -> MoneyCall:
        return MoneyCall(
            player.user_id,
            call.method,
            self.read_transaction_id(player, call),
            self.read_amount(player, call),
            None if call.method == REFUND else self.read_game_id(player, call),
        )

    def read_amount(self, player: Player, call: ReceivedCall) -> int:
        amount = read_cents(call.fields.get("amount"))
        if amount is None:
            raise refusal(player, "INVALID_AMOUNT", 'amount must be text such as "10.50"')
        return amount

    def read_transaction_id(self, player: Player, call: ReceivedCall) -> str:
        return self.read_id(player, call, "transaction_id")

    def read_game_id(self, player: Player, call: ReceivedCall) -> str:
        return self.read_id(player, call, "game_id")

    def read_id(self, player: Player, call: ReceivedCall, field: str) -> str:
        value = call.fields.get(field)
        if not is_id(value):
            raise refusal(
                player, "INVALID_PARAMS", f"{field} must be text of 1 to {ID_LENGTH_MAX} characters"
            )
        return value

    # Checking it against what was done before and what is allowed now.

    def find_effect(self, books: Books, call: MoneyCall, method: str) -> Effect | None:
        """Return the effect that `method` had with this call's id, for this player."""
        return books.effect(call.user_id, method, call.transaction_id)

    def answer_repeat(self, books: Books, player: Player, call: MoneyCall, earlier: Effect) -> Answer:
        return Accepted(player.balance)

    def answer_late_bet(self, player: Player, bet: MoneyCall) -> Answer:
        """Accept a bet whose refund came first: the two together leave the balance as it is."""
        return Accepted(player.balance)

    def check_bet(self, books: Books, player: Player, bet: MoneyCall) -> None:
        if player.status != ACTIVE:
            raise refusal(player, "USER_BLOCKED", "this player may not bet")
        if self.max_bet is not None and bet.amount > self.max_bet:
            raise refusal(player, "LIMIT_REACHED", "the bet is over the limit")
        if bet.amount > player.balance:
            raise refusal(player, "INSUFFICIENT_FUNDS", "the balance is less than the bet")

    def check_win(self, books: Books, player: Player, win: MoneyCall) -> None:
        """Allow every win: it is owed with or without a bet, whatever its amount and the player's status."""

    # Moving money.

    def refund_bet(self, books: Books, player: Player, refund: MoneyCall, bet: Effect) -> Answer:
        if refund.amount == 0 and bet.amount != 0:
            raise refusal(player, "INVALID_AMOUNT", "a refund of nothing")
        return self.apply(books, player, refund, bet.amount)

    def refund_unknown(self, books: Books, player: Player, refund: MoneyCall) -> Answer:
        if refund.amount == 0:
            raise refusal(player, "INVALID_AMOUNT", "a refund of nothing")
        return self.apply(books, player, refund, 0)

    def apply(self, books: Books, player: Player, call: MoneyCall, moved: int) -> Answer:
        balance = player.balance + moved
        books.set_balance(player.user_id, balance)
        books.record(
            Effect(
                player.user_id, call.method, call.transaction_id, call.amount, moved, balance, call.game_id
            )
        )
        return Accepted(balance)


def is_id(value: Any) -> TypeGuard[str]:
    """Return whether the database can hold the text: not empty or too long, and no lone surrogate in it."""
    if not isinstance(value, str) or not 0 < len(value) <= ID_LENGTH_MAX:
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def refusal(player: Player, code: str, message: str, http_status: int | None = None) -> CallRefused:
    """Return a refusal for a known player, with the balance, which did not move."""
    return CallRefused(RefusedCall(code, message, player.balance, http_status))
