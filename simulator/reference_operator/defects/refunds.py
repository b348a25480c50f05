"""Wallets that refund too much, too little or to the wrong player, or that restrict what a round may be."""

# ruff: noqa: ARG002 -- a defect need not use every argument of the method that it overrides

from simulator.reference_operator.calls import (
    BET,
    REFUND,
    WIN,
    Accepted,
    Answer,
    CallRefused,
    MoneyCall,
    ReceivedCall,
)
from simulator.reference_operator.database import Books, Database, Effect, Player
from simulator.reference_operator.defects.writing import apply_again, forget
from simulator.reference_operator.switches import DefectKind, defect
from simulator.reference_operator.wallet import Wallet, refusal

REFUNDS = "refunds"


@defect(
    "refund-swallowed-as-duplicate",
    "A refund carries its bet's id and is taken for a repeat of it: answered with success, never credited.",
    DefectKind.SEQUENTIAL,
    REFUNDS,
    cause="refund-not-credited",
)
class RefundSwallowedAsDuplicate(Wallet):
    def refund_bet(self, books: Books, player: Player, refund: MoneyCall, bet: Effect) -> Answer:
        return Accepted(player.balance)


@defect(
    "unknown-refund-credited",
    "A refund of a bet that never came is credited.",
    DefectKind.SEQUENTIAL,
    REFUNDS,
    cause="unknown-refund-credited",
    also=("refused-bet-refund-credited", "win-id-refund-credited", "foreign-refund-moved"),
)
class UnknownRefundCredited(Wallet):
    def refund_unknown(self, books: Books, player: Player, refund: MoneyCall) -> Answer:
        return self.apply(books, player, refund, refund.amount)


@defect(
    "refund-credits-sent-amount",
    "A refund credits the amount it carries: 500.00 for a bet of 10.00.",
    DefectKind.SEQUENTIAL,
    REFUNDS,
    cause="refund-over-stake",
)
class RefundCreditsSentAmount(Wallet):
    def refund_bet(self, books: Books, player: Player, refund: MoneyCall, bet: Effect) -> Answer:
        return self.apply(books, player, refund, refund.amount)


@defect(
    "refund-of-refused-bet-credited",
    "A bet that was refused for funds is remembered as if taken, and its refund is credited.",
    DefectKind.SEQUENTIAL,
    REFUNDS,
    cause="refused-bet-refund-credited",
)
class RefundOfRefusedBetCredited(Wallet):
    def __init__(self, database: Database, max_bet: int | None = None, seed: int = 0) -> None:
        super().__init__(database, max_bet, seed)
        self.refused: dict[tuple[str, str], int] = {}

    def check_bet(self, books: Books, player: Player, bet: MoneyCall) -> None:
        try:
            super().check_bet(books, player, bet)
        except CallRefused:
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
    DefectKind.SEQUENTIAL,
    REFUNDS,
    cause="refund-debited",
)
class RefundDebits(Wallet):
    def refund_bet(self, books: Books, player: Player, refund: MoneyCall, bet: Effect) -> Answer:
        return self.apply(books, player, refund, -bet.amount)


def find_strangers_bet(books: Books, refund: MoneyCall) -> tuple[str, int] | None:
    """Return the owner and the stake of any player's bet with the refund's id."""
    row: tuple[str, int] | None = books.execute(
        "SELECT user_id, amount FROM effects WHERE method = ? AND transaction_id = ?",
        (BET, refund.transaction_id),
    ).fetchone()
    return row


@defect(
    "refund-restores-balance",
    "A refund puts back the balance from before its bet, and undoes the calls that came in between.",
    DefectKind.SEQUENTIAL,
    REFUNDS,
    cause="refund-wrong-amount",
    also=("refund-debited",),
)
class RefundRestoresBalance(Wallet):
    def refund_bet(self, books: Books, player: Player, refund: MoneyCall, bet: Effect) -> Answer:
        return self.apply(books, player, refund, bet.balance_after + bet.amount - player.balance)


@defect(
    "refund-takes-win-back",
    "The refund of a bet takes back the win that was paid after it, too.",
    DefectKind.SEQUENTIAL,
    REFUNDS,
    cause="refund-wrong-amount",
    also=("refund-debited",),
)
class RefundTakesWinBack(Wallet):
    def refund_bet(self, books: Books, player: Player, refund: MoneyCall, bet: Effect) -> Answer:
        won = books.execute(
            "SELECT coalesce(sum(win.moved), 0) FROM effects AS win JOIN effects AS bet "
            "ON bet.user_id = win.user_id AND bet.game_id = win.game_id AND bet.number < win.number "
            "WHERE win.user_id = ? AND win.method = ? AND bet.method = ? AND bet.transaction_id = ?",
            (player.user_id, WIN, BET, refund.transaction_id),
        ).fetchone()
        return self.apply(books, player, refund, bet.amount - won[0])


@defect(
    "refund-pays-last-stake",
    "A refund gives back the stake of the player's last bet, whichever bet it names.",
    DefectKind.SEQUENTIAL,
    REFUNDS,
    cause="refund-wrong-amount",
)
class RefundPaysLastStake(Wallet):
    def refund_bet(self, books: Books, player: Player, refund: MoneyCall, bet: Effect) -> Answer:
        last = books.execute(
            "SELECT amount FROM effects WHERE user_id = ? AND method = ? ORDER BY number DESC LIMIT 1",
            (player.user_id, BET),
        ).fetchone()
        return self.apply(books, player, refund, last[0])


@defect(
    "refund-pays-whoever-asks",
    "Bets are looked up by id alone: the refund of another player's bet is credited to the one who asks.",
    DefectKind.SEQUENTIAL,
    REFUNDS,
    cause="foreign-refund-moved",
)
class RefundPaysWhoeverAsks(Wallet):
    def refund_unknown(self, books: Books, player: Player, refund: MoneyCall) -> Answer:
        found = find_strangers_bet(books, refund)
        if found is None:
            return super().refund_unknown(books, player, refund)
        return self.apply(books, player, refund, found[1])


@defect(
    "refund-by-stranger-pays-owner",
    "Bets are looked up by id alone: any player's refund gives the bet back to its owner.",
    DefectKind.SEQUENTIAL,
    REFUNDS,
    cause="foreign-refund-moved",
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
    DefectKind.SEQUENTIAL,
    REFUNDS,
    cause="late-bet-taken",
)
class RefundWithoutTombstone(Wallet):
    def refund_unknown(self, books: Books, player: Player, refund: MoneyCall) -> Answer:
        return Accepted(player.balance)


@defect(
    "refund-of-win-credited",
    "A refund that carries the id of a win pays the win again.",
    DefectKind.SEQUENTIAL,
    REFUNDS,
    cause="win-id-refund-credited",
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
    DefectKind.SEQUENTIAL,
    REFUNDS,
    cause="repeated-bet-taken-again",
)
class RefundDeletesBet(Wallet):
    def refund_bet(self, books: Books, player: Player, refund: MoneyCall, bet: Effect) -> Answer:
        answer = super().refund_bet(books, player, refund, bet)
        forget(books, refund, BET)
        forget(books, refund, REFUND)
        return answer


@defect(
    "partial-refunds-add-up",
    "Refunds of less than the stake credit their own amount, again each time the amount differs.",
    DefectKind.SEQUENTIAL,
    REFUNDS,
    cause="same-id-other-amount-moved",
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
    DefectKind.SEQUENTIAL,
    REFUNDS,
    cause="refund-refused",
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


ROUNDS = "rounds"


def find_last(books: Books, player: Player, column: str, method: str) -> str | None:
    """Return `column` of the player's last effect of this method."""
    row = books.execute(
        f"SELECT {column} FROM effects WHERE user_id = ? AND method = ? ORDER BY number DESC LIMIT 1",
        (player.user_id, method),
    ).fetchone()
    return row[0] if row else None


@defect(
    "second-win-swallowed",
    "A bet is settled by its first win: further ones are answered with success and not paid.",
    DefectKind.SEQUENTIAL,
    ROUNDS,
    cause="win-not-credited",
)
class SecondWinSwallowed(Wallet):
    def apply(self, books: Books, player: Player, call: MoneyCall, moved: int) -> Answer:
        last = books.execute(
            "SELECT method FROM effects WHERE user_id = ? AND game_id = ? ORDER BY number DESC LIMIT 1",
            (player.user_id, call.game_id),
        ).fetchone()
        if call.method == WIN and last == (WIN,):
            return super().apply(books, player, call, 0)
        return super().apply(books, player, call, moved)


@defect(
    "lobby-switch-loses-win",
    "Only the game of the last bet is open: a win for the game before it is refused.",
    DefectKind.SEQUENTIAL,
    ROUNDS,
    cause="win-refused",
)
class LobbySwitchLosesWin(Wallet):
    def check_win(self, books: Books, player: Player, win: MoneyCall) -> None:
        game_id = find_last(books, player, "game_id", BET)
        if game_id is not None and game_id != win.game_id:
            raise refusal(player, "INVALID_GAME", "this game is not open")


@defect(
    "late-win-refused",
    "A win must follow its bet at once: after three more bets it is refused.",
    DefectKind.SEQUENTIAL,
    ROUNDS,
    cause="win-refused",
)
class LateWinRefused(Wallet):
    def check_win(self, books: Books, player: Player, win: MoneyCall) -> None:
        last_bets = books.execute(
            "SELECT game_id FROM effects WHERE user_id = ? AND method = ? ORDER BY number DESC LIMIT 3",
            (player.user_id, BET),
        ).fetchall()
        if len(last_bets) == 3 and (win.game_id,) not in last_bets:
            raise refusal(player, "ROUND_CLOSED", "this round is over")


@defect(
    "zero-win-closes-round",
    "After a win of 0.00 the round counts as lost: a real win of the same game is answered and not paid.",
    DefectKind.SEQUENTIAL,
    ROUNDS,
    cause="win-not-credited",
)
class ZeroWinClosesRound(Wallet):
    def apply(self, books: Books, player: Player, call: MoneyCall, moved: int) -> Answer:
        last = books.execute(
            "SELECT method, amount FROM effects WHERE user_id = ? AND game_id = ? "
            "ORDER BY number DESC LIMIT 1",
            (player.user_id, call.game_id),
        ).fetchone()
        if call.method == WIN and last == (WIN, 0):
            return super().apply(books, player, call, 0)
        return super().apply(books, player, call, moved)


class LastBettor(Wallet):
    """Remembers who bet last in one variable for all players."""

    def __init__(self, database: Database, max_bet: int | None = None, seed: int = 0) -> None:
        super().__init__(database, max_bet, seed)
        self.last_bettor = ""

    def apply(self, books: Books, player: Player, call: MoneyCall, moved: int) -> Answer:
        if call.method == BET:
            self.last_bettor = player.user_id
        return super().apply(books, player, call, moved)


@defect(
    "win-paid-to-last-bettor",
    "The current player is one variable for all: a win goes to the player who bet last.",
    DefectKind.SEQUENTIAL,
    ROUNDS,
    cause="win-not-credited",
)
class WinPaidToLastBettor(LastBettor):
    def apply(self, books: Books, player: Player, call: MoneyCall, moved: int) -> Answer:
        bettor = books.player(self.last_bettor)
        if call.method != WIN or bettor is None or bettor.user_id == player.user_id:
            return super().apply(books, player, call, moved)
        books.set_balance(bettor.user_id, bettor.balance + moved)
        super().apply(books, player, call, 0)
        return Accepted(player.balance + moved)


@defect(
    "balance-of-last-bettor",
    "The current player is one variable for all: user_balance shows the balance of the player who bet last.",
    DefectKind.SEQUENTIAL,
    ROUNDS,
    cause="read-contradicts-answers",
)
class BalanceOfLastBettor(LastBettor):
    def user_balance(self, call: ReceivedCall) -> Answer:
        with self.database.transaction() as books:
            player = self.find_player(books, call)
            bettor = books.player(self.last_bettor) or player
        return Accepted(bettor.balance, player.status)


@defect(
    "win-after-refund-charges-stake",
    "A win after the refund of its bet opens the round again: the refunded stake is taken off the win.",
    DefectKind.SEQUENTIAL,
    ROUNDS,
    cause="win-wrong-amount",
)
class WinAfterRefundChargesStake(Wallet):
    def apply(self, books: Books, player: Player, call: MoneyCall, moved: int) -> Answer:
        last = books.execute(
            "SELECT method, moved FROM effects WHERE user_id = ? ORDER BY number DESC LIMIT 1",
            (player.user_id,),
        ).fetchone()
        if call.method == WIN and last and last[0] == REFUND:
            return super().apply(books, player, call, moved - last[1])
        return super().apply(books, player, call, moved)


@defect(
    "one-refund-a-game",
    "A game is refunded once: a second refund on it is answered with success and not credited.",
    DefectKind.SEQUENTIAL,
    ROUNDS,
    cause="refund-not-credited",
)
class OneRefundAGame(Wallet):
    def refund_bet(self, books: Books, player: Player, refund: MoneyCall, bet: Effect) -> Answer:
        refunded = books.execute(
            "SELECT 1 FROM effects AS refund JOIN effects AS bet ON bet.user_id = refund.user_id "
            "AND bet.transaction_id = refund.transaction_id AND bet.method = ? "
            "WHERE refund.user_id = ? AND refund.method = ? AND bet.game_id = ?",
            (BET, player.user_id, refund.method, bet.game_id),
        ).fetchone()
        if refunded:
            return self.apply(books, player, refund, 0)
        return super().refund_bet(books, player, refund, bet)
