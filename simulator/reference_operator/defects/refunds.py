"""Wallets that give back too much, too little, or to the wrong player."""

# ruff: noqa: ARG002 -- a defect may decide by less than the method that it overrides is given

from simulator.reference_operator.calls import BET, REFUND, WIN, Accepted, Answer, MoneyCall, Refusal
from simulator.reference_operator.database import Books, Database, Effect, Player
from simulator.reference_operator.defects.writing import apply_again, forget
from simulator.reference_operator.switches import Kind, defect
from simulator.reference_operator.wallet import Wallet, refusal

GROUP = "refunds"


@defect(
    "refund-swallowed-as-duplicate",
    "A refund carries its bet's id and is taken for a repeat of it: answered with success, never credited.",
    Kind.SEQUENTIAL,
    GROUP,
)
class RefundSwallowedAsDuplicate(Wallet):
    def refund_bet(self, books: Books, player: Player, refund: MoneyCall, bet: Effect) -> Answer:
        return Accepted(player.balance)


@defect("unknown-refund-credited", "A refund of a bet that never was is credited.", Kind.SEQUENTIAL, GROUP)
class UnknownRefundCredited(Wallet):
    def refund_unknown(self, books: Books, player: Player, refund: MoneyCall) -> Answer:
        return self.apply(books, player, refund, refund.amount)


@defect(
    "refund-credits-sent-amount",
    "A refund credits the amount it carries: 500.00 for a bet of 10.00.",
    Kind.SEQUENTIAL,
    GROUP,
)
class RefundCreditsSentAmount(Wallet):
    def refund_bet(self, books: Books, player: Player, refund: MoneyCall, bet: Effect) -> Answer:
        return self.apply(books, player, refund, refund.amount)


@defect(
    "refund-of-refused-bet-credited",
    "A bet that was refused for funds is kept all the same, and its refund is credited.",
    Kind.SEQUENTIAL,
    GROUP,
)
class RefundOfRefusedBetCredited(Wallet):
    def __init__(self, database: Database, max_bet: int | None = None, seed: int = 0) -> None:
        super().__init__(database, max_bet, seed)
        self.refused: dict[tuple[str, str], int] = {}

    def check_bet(self, books: Books, player: Player, bet: MoneyCall) -> None:
        try:
            super().check_bet(books, player, bet)
        except Refusal:
            self.refused[player.user_id, bet.transaction_id] = bet.amount
            raise

    def refund_unknown(self, books: Books, player: Player, refund: MoneyCall) -> Answer:
        stake = self.refused.get((player.user_id, refund.transaction_id))
        if stake is None:
            return super().refund_unknown(books, player, refund)
        return self.apply(books, player, refund, stake)


@defect(
    "refund-debits",
    "A refund takes the stake a second time instead of giving it back.",
    Kind.SEQUENTIAL,
    GROUP,
)
class RefundDebits(Wallet):
    def refund_bet(self, books: Books, player: Player, refund: MoneyCall, bet: Effect) -> Answer:
        return self.apply(books, player, refund, -bet.amount)


def find_strangers_bet(books: Books, refund: MoneyCall) -> tuple[str, int] | None:
    """Owner and stake of the bet with the refund's id, whoever made it."""
    row: tuple[str, int] | None = books.execute(
        "SELECT user_id, amount FROM effects WHERE method = ? AND transaction_id = ?",
        (BET, refund.transaction_id),
    ).fetchone()
    return row


@defect(
    "refund-pays-whoever-asks",
    "Bets are looked up by id alone: the refund of another player's bet is credited to whoever asks.",
    Kind.SEQUENTIAL,
    GROUP,
)
class RefundPaysWhoeverAsks(Wallet):
    def refund_unknown(self, books: Books, player: Player, refund: MoneyCall) -> Answer:
        found = find_strangers_bet(books, refund)
        if found is None:
            return super().refund_unknown(books, player, refund)
        return self.apply(books, player, refund, found[1])


@defect(
    "refund-by-stranger-pays-owner",
    "Bets are looked up by id alone: anybody's refund gives the bet back to its owner.",
    Kind.SEQUENTIAL,
    GROUP,
)
class RefundByStrangerPaysOwner(Wallet):
    def refund_unknown(self, books: Books, player: Player, refund: MoneyCall) -> Answer:
        found = find_strangers_bet(books, refund)
        owner = books.player(found[0]) if found else None
        if found and owner:
            books.set_balance(owner.user_id, owner.balance + found[1])
        return super().refund_unknown(books, player, refund)


@defect(
    "refund-without-tombstone",
    "The refund of a bet that has not come yet gets success and is forgotten: the late bet is charged.",
    Kind.SEQUENTIAL,
    GROUP,
)
class RefundWithoutTombstone(Wallet):
    def refund_unknown(self, books: Books, player: Player, refund: MoneyCall) -> Answer:
        return Accepted(player.balance)


@defect(
    "refund-of-win-credited",
    "A refund that carries the id of a win pays the win again.",
    Kind.SEQUENTIAL,
    GROUP,
)
class RefundOfWinCredited(Wallet):
    def refund_unknown(self, books: Books, player: Player, refund: MoneyCall) -> Answer:
        win = self.find_effect(books, refund, WIN)
        if win is None:
            return super().refund_unknown(books, player, refund)
        return self.apply(books, player, refund, win.amount)


@defect(
    "refund-deletes-bet",
    "A refund deletes its bet's row: when the bet is sent again it is new, and is charged.",
    Kind.SEQUENTIAL,
    GROUP,
)
class RefundDeletesBet(Wallet):
    def refund_bet(self, books: Books, player: Player, refund: MoneyCall, bet: Effect) -> Answer:
        answer = super().refund_bet(books, player, refund, bet)
        forget(books, refund, BET)
        forget(books, refund, REFUND)
        return answer


@defect(
    "partial-refunds-add-up",
    "Refunds of less than the stake credit what they say, each time the amount is another one.",
    Kind.SEQUENTIAL,
    GROUP,
)
class PartialRefundsAddUp(Wallet):
    def refund_bet(self, books: Books, player: Player, refund: MoneyCall, bet: Effect) -> Answer:
        if 0 < refund.amount < bet.amount:
            return self.apply(books, player, refund, refund.amount)
        return super().refund_bet(books, player, refund, bet)

    def answer_repeat(self, books: Books, player: Player, call: MoneyCall, earlier: Effect) -> Answer:
        if call.method == REFUND and earlier.moved and call.amount != earlier.amount:
            return apply_again(self, books, player, call, call.amount)
        return super().answer_repeat(books, player, call, earlier)


@defect(
    "only-last-bet-refundable",
    "Only the player's last bet is known: the refund of an earlier one is refused.",
    Kind.SEQUENTIAL,
    GROUP,
)
class OnlyLastBetRefundable(Wallet):
    def refund_bet(self, books: Books, player: Player, refund: MoneyCall, bet: Effect) -> Answer:
        last = books.execute(
            "SELECT transaction_id FROM effects WHERE user_id = ? AND method = ? "
            "ORDER BY number DESC LIMIT 1",
            (player.user_id, BET),
        ).fetchone()
        if last != (bet.transaction_id,):
            raise refusal(player, "INVALID_TRANSACTION", "not the last bet")
        return super().refund_bet(books, player, refund, bet)
