"""Wallets that let a player bet what is not there, or refuse what is."""

from simulator.reference_operator.calls import Accepted, Answer, Call, MoneyCall, Refusal, Refused
from simulator.reference_operator.database import Books, Database, Player
from simulator.reference_operator.switches import Kind, defect
from simulator.reference_operator.wallet import Wallet, refusal

GROUP = "funds"


def is_short(refused: Refusal) -> bool:
    return refused.refused.code == "INSUFFICIENT_FUNDS"


class FundsUnchecked(Wallet):
    """A bet is taken whatever the balance is; blocked players and limits are still looked at."""

    def check_bet(self, books: Books, player: Player, bet: MoneyCall) -> None:
        try:
            super().check_bet(books, player, bet)
        except Refusal as refused:
            if not is_short(refused):
                raise


@defect(
    "insufficient-funds-accepted",
    "A bet over the balance is taken; the balance goes below zero.",
    Kind.SEQUENTIAL,
    GROUP,
)
class InsufficientFundsAccepted(FundsUnchecked):
    """FundsUnchecked, and nothing more."""


@defect(
    "overdraft-to-zero", "A bet over the balance is taken; the balance stops at zero.", Kind.SEQUENTIAL, GROUP
)
class OverdraftToZero(FundsUnchecked):
    def apply(self, books: Books, player: Player, call: MoneyCall, moved: int) -> Answer:
        return super().apply(books, player, call, max(moved, -player.balance))


@defect(
    "insufficient-answered-success",
    "A bet over the balance is answered with status 1; nothing moves, and the game goes on unpaid.",
    Kind.SEQUENTIAL,
    GROUP,
)
class InsufficientAnsweredSuccess(Wallet):
    def transaction_bet(self, call: Call) -> Answer:
        try:
            return super().transaction_bet(call)
        except Refusal as refused:
            if is_short(refused) and refused.refused.balance is not None:
                return Accepted(refused.refused.balance)
            raise


@defect(
    "insufficient-refused-but-charged",
    "A bet over the balance is charged first and refused then, without being taken back.",
    Kind.SEQUENTIAL,
    GROUP,
)
class InsufficientRefusedButCharged(FundsUnchecked):
    def apply(self, books: Books, player: Player, call: MoneyCall, moved: int) -> Answer:
        answer = super().apply(books, player, call, moved)
        if player.balance + moved < 0:
            return Refused("INSUFFICIENT_FUNDS", "the balance is less than the bet", player.balance + moved)
        return answer


@defect("insufficient-answers-500", "A bet over the balance ends in HTTP 500.", Kind.SEQUENTIAL, GROUP)
class InsufficientAnswers500(Wallet):
    def check_bet(self, books: Books, player: Player, bet: MoneyCall) -> None:
        try:
            super().check_bet(books, player, bet)
        except Refusal as refused:
            if is_short(refused):
                raise refusal(player, "INTERNAL_ERROR", "InsufficientFundsException", 500) from refused
            raise


@defect("last-cent-refused", "A bet of the whole balance is refused.", Kind.SEQUENTIAL, GROUP)
class LastCentRefused(Wallet):
    def check_bet(self, books: Books, player: Player, bet: MoneyCall) -> None:
        super().check_bet(books, player, bet)
        if bet.amount and bet.amount == player.balance:
            raise refusal(player, "INSUFFICIENT_FUNDS", "the balance is not more than the bet")


@defect(
    "locked-after-refusal",
    "After a bet over the balance the player's next bet is refused too, whatever it costs.",
    Kind.SEQUENTIAL,
    GROUP,
)
class LockedAfterRefusal(Wallet):
    def __init__(self, database: Database, max_bet: int | None = None, seed: int = 0) -> None:
        super().__init__(database, max_bet, seed)
        self.locked: set[str] = set()

    def check_bet(self, books: Books, player: Player, bet: MoneyCall) -> None:
        if player.user_id in self.locked:
            self.locked.discard(player.user_id)
            raise refusal(player, "SESSION_LOCKED", "the session is locked")
        try:
            super().check_bet(books, player, bet)
        except Refusal as refused:
            if is_short(refused):
                self.locked.add(player.user_id)
            raise
