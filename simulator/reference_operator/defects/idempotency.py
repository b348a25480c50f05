"""Wallets that take a repeat for something new, or something new for a repeat."""

# ruff: noqa: ARG002 -- a defect may decide by less than the method that it overrides is given

from simulator.reference_operator.calls import BET, REFUND, WIN, Accepted, Answer, Call, MoneyCall, Refusal
from simulator.reference_operator.database import Books, Database, Effect, Player
from simulator.reference_operator.defects.writing import apply_again
from simulator.reference_operator.switches import Kind, defect
from simulator.reference_operator.wallet import Wallet, refusal

GROUP = "idempotency"


@defect("bet-charged-again", "A bet that is sent again is charged again.", Kind.SEQUENTIAL, GROUP)
class BetChargedAgain(Wallet):
    def answer_repeat(self, books: Books, player: Player, call: MoneyCall, earlier: Effect) -> Answer:
        if call.method != BET:
            return super().answer_repeat(books, player, call, earlier)
        self.check_bet(books, player, call)
        return apply_again(self, books, player, call, -call.amount)


@defect("win-paid-twice", "A win that is sent again is paid again.", Kind.SEQUENTIAL, GROUP)
class WinPaidTwice(Wallet):
    def answer_repeat(self, books: Books, player: Player, call: MoneyCall, earlier: Effect) -> Answer:
        if call.method != WIN:
            return super().answer_repeat(books, player, call, earlier)
        return apply_again(self, books, player, call, call.amount)


@defect("refund-paid-twice", "A refund that is sent again is credited again.", Kind.SEQUENTIAL, GROUP)
class RefundPaidTwice(Wallet):
    def answer_repeat(self, books: Books, player: Player, call: MoneyCall, earlier: Effect) -> Answer:
        if call.method != REFUND:
            return super().answer_repeat(books, player, call, earlier)
        return apply_again(self, books, player, call, earlier.moved)


@defect(
    "win-with-bet-id-swallowed",
    "Ids are unique without their method: a win that carries its bet's id is answered as a repeat, unpaid.",
    Kind.SEQUENTIAL,
    GROUP,
)
class WinWithBetIdSwallowed(Wallet):
    def find_effect(self, books: Books, call: MoneyCall, method: str) -> Effect | None:
        found = super().find_effect(books, call, method)
        if found is None and call.method == WIN:
            return super().find_effect(books, call, BET)
        return found


@defect(
    "repeat-with-other-amount-applied",
    "The amount is part of the key: a bet or win whose id comes with another amount is applied once more.",
    Kind.SEQUENTIAL,
    GROUP,
)
class RepeatWithOtherAmountApplied(Wallet):
    def answer_repeat(self, books: Books, player: Player, call: MoneyCall, earlier: Effect) -> Answer:
        if call.method == REFUND or call.amount == earlier.amount:
            return super().answer_repeat(books, player, call, earlier)
        return apply_again(self, books, player, call, -call.amount if call.method == BET else call.amount)


@defect(
    "repeat-with-other-game-applied",
    "The game is part of the key: a bet or win whose id comes with another game_id is applied once more.",
    Kind.SEQUENTIAL,
    GROUP,
)
class RepeatWithOtherGameApplied(Wallet):
    def answer_repeat(self, books: Books, player: Player, call: MoneyCall, earlier: Effect) -> Answer:
        if call.method == REFUND or call.game_id == earlier.game_id:
            return super().answer_repeat(books, player, call, earlier)
        return apply_again(self, books, player, call, -call.amount if call.method == BET else call.amount)


@defect(
    "repeat-adjusts-amount",
    "A bet whose id comes with another amount is corrected to it: the difference is charged.",
    Kind.SEQUENTIAL,
    GROUP,
)
class RepeatAdjustsAmount(Wallet):
    def answer_repeat(self, books: Books, player: Player, call: MoneyCall, earlier: Effect) -> Answer:
        if call.method != BET:
            return super().answer_repeat(books, player, call, earlier)
        return apply_again(self, books, player, call, earlier.amount - call.amount)


@defect(
    "refused-bet-remembered",
    "A bet that was refused for funds counts as done: sent again, it gets success and no charge.",
    Kind.SEQUENTIAL,
    GROUP,
)
class RefusedBetRemembered(Wallet):
    def __init__(self, database: Database, max_bet: int | None = None, seed: int = 0) -> None:
        super().__init__(database, max_bet, seed)
        self.refused: set[tuple[str, str]] = set()

    def transaction_bet(self, call: Call) -> Answer:
        key = str(call.fields.get("user_id")), str(call.fields.get("transaction_id"))
        if key in self.refused:
            return self.user_balance(call)
        try:
            return super().transaction_bet(call)
        except Refusal as refused:
            if refused.refused.code == "INSUFFICIENT_FUNDS":
                self.refused.add(key)
            raise


@defect(
    "repeat-answers-500",
    "The database's UNIQUE key is the only guard: a repeat ends in an error nobody caught, HTTP 500.",
    Kind.SEQUENTIAL,
    GROUP,
)
class RepeatAnswers500(Wallet):
    def answer_repeat(self, books: Books, player: Player, call: MoneyCall, earlier: Effect) -> Answer:
        raise refusal(player, "INTERNAL_ERROR", "UNIQUE constraint failed", 500)


@defect(
    "answer-of-another-player",
    "Answers are kept by id alone: a player who uses an id of another one gets that one's balance.",
    Kind.SEQUENTIAL,
    GROUP,
)
class AnswerOfAnotherPlayer(Wallet):
    def find_effect(self, books: Books, call: MoneyCall, method: str) -> Effect | None:
        found = super().find_effect(books, call, method)
        if found is None and method == call.method:
            row = books.execute(
                "SELECT user_id FROM effects WHERE method = ? AND transaction_id = ?",
                (method, call.transaction_id),
            ).fetchone()
            return books.effect(row[0], method, call.transaction_id) if row else None
        return found

    def answer_repeat(self, books: Books, player: Player, call: MoneyCall, earlier: Effect) -> Answer:
        if earlier.user_id != player.user_id:
            return Accepted(earlier.balance_after)
        return super().answer_repeat(books, player, call, earlier)
