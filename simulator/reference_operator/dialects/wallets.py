"""Wallets that decide differently and keep the money as right as the example does."""

# ruff: noqa: ARG002 -- a dialect need not use every argument of the method that it overrides

import re
import time
from dataclasses import replace
from decimal import Decimal

from simulator.reference_operator.calls import (
    BET,
    REFUND,
    WIN,
    Accepted,
    Answer,
    CallRefused,
    MoneyCall,
    ReceivedCall,
    RefusedCall,
)
from simulator.reference_operator.database import Books, Database, Effect, Player
from simulator.reference_operator.switches import dialect
from simulator.reference_operator.wallet import Wallet, refusal

SECOND_QUERY_DELAY_S = 0.003

ODD_AMOUNT = re.compile(r"([0-9]{1,13})(?:\.([0-9]{1,2}))?")


class FirstBalance(Wallet):
    """Answers repeats of `repeated` methods with the balance of the first answer."""

    repeated: tuple[str, ...] = ()

    def answer_repeat(self, books: Books, player: Player, call: MoneyCall, earlier: Effect) -> Answer:
        if call.method in self.repeated:
            return Accepted(earlier.balance_after)
        return super().answer_repeat(books, player, call, earlier)


@dialect("repeated-bet-first-balance", "A repeated bet is answered with the balance of its first answer.")
class RepeatedBetFirstBalance(FirstBalance):
    repeated = (BET,)


@dialect("repeated-credit-first-balance", "Repeated wins and refunds are answered with their first balance.")
class RepeatedCreditFirstBalance(FirstBalance):
    repeated = (WIN, REFUND)


class RepeatRefused(Wallet):
    """Refuses repeats of `refused` methods, with the HTTP status `refused_http`."""

    refused: tuple[str, ...] = ()
    refused_http = 200

    def answer_repeat(self, books: Books, player: Player, call: MoneyCall, earlier: Effect) -> Answer:
        if call.method in self.refused:
            raise refusal(player, "DUPLICATE", "this id was applied before", self.refused_http)
        return super().answer_repeat(books, player, call, earlier)


@dialect("repeated-bet-status-0", "A repeated bet is refused with status 0.")
class RepeatedBetStatus0(RepeatRefused):
    refused = (BET,)


@dialect("repeated-bet-http-400", "A repeated bet is refused with HTTP 400.")
class RepeatedBetHttp400(RepeatRefused):
    refused = (BET,)
    refused_http = 400


@dialect("repeated-credit-status-0", "Repeated wins and refunds are refused with status 0.")
class RepeatedCreditStatus0(RepeatRefused):
    refused = (WIN, REFUND)


@dialect("repeated-credit-http-400", "Repeated wins and refunds are refused with HTTP 400.")
class RepeatedCreditHttp400(RepeatRefused):
    refused = (WIN, REFUND)
    refused_http = 400


@dialect("conflict-http-409", "An applied id that comes with another amount is refused with HTTP 409.")
class ConflictHttp409(Wallet):
    def answer_repeat(self, books: Books, player: Player, call: MoneyCall, earlier: Effect) -> Answer:
        if call.amount != earlier.amount:
            raise refusal(player, "CONFLICT", "this id was applied with another amount", 409)
        return super().answer_repeat(books, player, call, earlier)


@dialect(
    "unknown-refund-refused", "A refund of an unknown bet is refused and forgotten: its late bet is charged."
)
class UnknownRefundRefused(Wallet):
    def refund_unknown(self, books: Books, player: Player, refund: MoneyCall) -> Answer:
        raise refusal(player, "INVALID_TRANSACTION", "no such bet")


@dialect(
    "unknown-refund-remembered",
    "A refund of an unknown bet is refused but remembered: its late bet is refused.",
)
class UnknownRefundRemembered(Wallet):
    def refund_unknown(self, books: Books, player: Player, refund: MoneyCall) -> Answer:
        super().refund_unknown(books, player, refund)
        return RefusedCall("INVALID_TRANSACTION", "no such bet", player.balance)

    def answer_repeat(self, books: Books, player: Player, call: MoneyCall, earlier: Effect) -> Answer:
        if call.method == REFUND and earlier.moved == 0:
            return RefusedCall("INVALID_TRANSACTION", "no such bet", player.balance)
        return super().answer_repeat(books, player, call, earlier)

    def answer_late_bet(self, player: Player, bet: MoneyCall) -> Answer:
        raise refusal(player, "CANCELLED", "this bet was cancelled before it came")


@dialect("late-bet-refused", "A bet that comes after its refund is refused.")
class LateBetRefused(Wallet):
    def answer_late_bet(self, player: Player, bet: MoneyCall) -> Answer:
        raise refusal(player, "CANCELLED", "this bet was cancelled before it came")


@dialect("zero-bet-refused", "Bets of 0.00 are refused.")
class ZeroBetRefused(Wallet):
    def check_bet(self, books: Books, player: Player, bet: MoneyCall) -> None:
        super().check_bet(books, player, bet)
        if bet.amount == 0:
            raise refusal(player, "INVALID_AMOUNT", "a bet of nothing")


@dialect("stakes-in-steps", "Bets that are no multiple of 0.10 are refused.")
class StakesInSteps(Wallet):
    def check_bet(self, books: Books, player: Player, bet: MoneyCall) -> None:
        super().check_bet(books, player, bet)
        if bet.amount % 10:
            raise refusal(player, "INVALID_AMOUNT", "a bet between two steps")


@dialect("zero-win-refused", "Wins of 0.00 are refused.")
class ZeroWinRefused(Wallet):
    def check_win(self, books: Books, player: Player, win: MoneyCall) -> None:
        super().check_win(books, player, win)
        if win.amount == 0:
            raise refusal(player, "INVALID_AMOUNT", "a win of nothing")


OPEN_BETS = """
SELECT count(*), count(refund.number) FROM effects AS bet LEFT JOIN effects AS refund
ON refund.user_id = bet.user_id AND refund.method = ? AND refund.transaction_id = bet.transaction_id
WHERE bet.user_id = ? AND bet.method = ? AND bet.game_id = ?
"""


def count_bets(books: Books, win: MoneyCall) -> tuple[int, int]:
    """Return how many bets the player has on the win's game, and how many of them were refunded."""
    bets, refunded = books.execute(OPEN_BETS, (REFUND, win.user_id, BET, win.game_id)).fetchone()
    return bets, refunded


@dialect("win-without-bet-refused", "A win is refused unless a bet on its game is open.")
class WinWithoutBetRefused(Wallet):
    def check_win(self, books: Books, player: Player, win: MoneyCall) -> None:
        super().check_win(books, player, win)
        bets, refunded = count_bets(books, win)
        if bets == refunded:
            raise refusal(player, "INVALID_TRANSACTION", "no open bet on this game")


@dialect("win-after-refund-refused", "A win is refused once every bet on its game was refunded.")
class WinAfterRefundRefused(Wallet):
    def check_win(self, books: Books, player: Player, win: MoneyCall) -> None:
        super().check_win(books, player, win)
        bets, refunded = count_bets(books, win)
        if bets and bets == refunded:
            raise refusal(player, "INVALID_TRANSACTION", "the bets on this game were refunded")


@dialect("refund-after-win-refused", "A refund is refused once a win of its bet's game has come.")
class RefundAfterWinRefused(Wallet):
    def refund_bet(self, books: Books, player: Player, refund: MoneyCall, bet: Effect) -> Answer:
        settled = books.execute(
            "SELECT 1 FROM effects WHERE user_id = ? AND method = ? AND game_id = ? AND number > "
            "(SELECT number FROM effects WHERE user_id = ? AND method = ? AND transaction_id = ?)",
            (player.user_id, WIN, bet.game_id, player.user_id, BET, bet.transaction_id),
        ).fetchone()
        if settled:
            raise refusal(player, "ALREADY_SETTLED", "a win of this game came since")
        return super().refund_bet(books, player, refund, bet)


@dialect("refund-credits-its-amount", "A refund of less than the stake credits its own amount, once.")
class RefundCreditsItsAmount(Wallet):
    def refund_bet(self, books: Books, player: Player, refund: MoneyCall, bet: Effect) -> Answer:
        if 0 < refund.amount < bet.amount:
            return self.apply(books, player, refund, refund.amount)
        return super().refund_bet(books, player, refund, bet)


@dialect("refund-of-win-debits", "A refund that carries the id of a win takes the win back, once.")
class RefundOfWinDebits(Wallet):
    def refund_unknown(self, books: Books, player: Player, refund: MoneyCall) -> Answer:
        win = self.find_effect(books, refund, WIN)
        if win is None:
            return super().refund_unknown(books, player, refund)
        if win.amount > player.balance:
            raise refusal(player, "INSUFFICIENT_FUNDS", "the win was spent")
        return self.apply(books, player, refund, -win.amount)


@dialect("ids-global", "An id that one player used is refused for all others.")
class IdsGlobal(Wallet):
    def __init__(self, database: Database, max_bet: int | None = None, seed: int = 0) -> None:
        super().__init__(database, max_bet, seed)
        with database.transaction() as books:
            books.execute("CREATE INDEX IF NOT EXISTS by_id ON effects (method, transaction_id)")

    def find_effect(self, books: Books, call: MoneyCall, method: str) -> Effect | None:
        used_by_another = books.execute(
            "SELECT 1 FROM effects WHERE method = ? AND transaction_id = ? AND user_id != ?",
            (method, call.transaction_id, call.user_id),
        ).fetchone()
        if used_by_another:
            raise CallRefused(RefusedCall("DUPLICATE", "this id was used before"))
        return super().find_effect(books, call, method)


@dialect(
    "odd-amounts-accepted", 'Amounts such as "10", "10.0", " 10.00" and the number 10.5 are read exactly.'
)
class OddAmountsAccepted(Wallet):
    def read_amount(self, player: Player, call: ReceivedCall) -> int:
        amount = call.fields.get("amount")
        if isinstance(amount, int | Decimal) and not isinstance(amount, bool):
            amount = f"{amount:f}" if isinstance(amount, Decimal) else str(amount)
        match = ODD_AMOUNT.fullmatch(amount.strip(" ")) if isinstance(amount, str) else None
        if match is None:
            return super().read_amount(player, call)
        return int(match[1]) * 100 + int((match[2] or "").ljust(2, "0"))


@dialect("number-ids-accepted", "A user_id that is sent as a number is the same player.")
class NumberIdsAccepted(Wallet):
    def find_player(self, books: Books, call: ReceivedCall) -> Player:
        user_id = call.fields.get("user_id")
        if isinstance(user_id, int) and not isinstance(user_id, bool):
            call = replace(call, fields=call.fields | {"user_id": str(user_id)})
        return super().find_player(books, call)


@dialect("game-id-optional", "Bets and wins without a game_id are applied.")
class GameIdOptional(Wallet):
    def read_game_id(self, player: Player, call: ReceivedCall) -> str:
        return "" if call.fields.get("game_id") is None else super().read_game_id(player, call)


@dialect(
    "commit-then-read", "Money moves in one transaction; the balance of the answer is read in a second one."
)
class CommitThenRead(Wallet):
    def transaction_bet(self, call: ReceivedCall) -> Answer:
        return self.read_again(call, super().transaction_bet(call))

    def transaction_win(self, call: ReceivedCall) -> Answer:
        return self.read_again(call, super().transaction_win(call))

    def refund(self, call: ReceivedCall) -> Answer:
        return self.read_again(call, super().refund(call))

    def read_again(self, call: ReceivedCall, answer: Answer) -> Answer:
        if not isinstance(answer, Accepted):
            return answer
        time.sleep(SECOND_QUERY_DELAY_S)
        with self.database.transaction() as books:
            return Accepted(self.find_player(books, call).balance)
