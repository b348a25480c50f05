"""Wallets whose answer is not what they did."""

import random
import time
from collections import deque
from dataclasses import replace

from simulator.reference_operator.calls import BET, REFUND, WIN, Accepted, Answer, Call, MoneyCall, Refused
from simulator.reference_operator.database import Books, Database, Player
from simulator.reference_operator.switches import Kind, defect
from simulator.reference_operator.wallet import Wallet
from simulator.reference_operator.webhook import Reply, Webhook

GROUP = "answers"
CACHED_READS = 5
REPLICA_LAG_S = 0.25
CHANGES_KEPT = 200
CHANCE_OF_500 = 0.1

CRASHED = Reply(b"<h1>Internal Server Error</h1>", 500, "text/html")


class AppliedThenCrashed(Webhook):
    """Accepted calls of `method` move money and end in HTTP 500."""

    method = ""

    def reply(self, call: Call, answer: Answer) -> Reply:
        if call.method == self.method and isinstance(answer, Accepted):
            return CRASHED
        return super().reply(call, answer)


@defect("bet-charged-then-500", "A bet is charged and answered with HTTP 500.", Kind.SEQUENTIAL, GROUP)
class BetChargedThen500(AppliedThenCrashed):
    method = BET


@defect("win-paid-then-500", "A win is credited and answered with HTTP 500.", Kind.SEQUENTIAL, GROUP)
class WinPaidThen500(AppliedThenCrashed):
    method = WIN


@defect("refund-paid-then-500", "A refund is credited and answered with HTTP 500.", Kind.SEQUENTIAL, GROUP)
class RefundPaidThen500(AppliedThenCrashed):
    method = REFUND


@defect(
    "bet-charged-sometimes-500",
    f"A bet is charged and, with a chance of {CHANCE_OF_500:.0%}, answered with HTTP 500 (--seed decides).",
    Kind.SEQUENTIAL,
    GROUP,
)
class BetChargedSometimes500(Webhook):
    def __init__(self, wallet: Wallet) -> None:
        super().__init__(wallet)
        self.chance = random.Random(wallet.seed)

    def reply(self, call: Call, answer: Answer) -> Reply:
        if call.method == BET and isinstance(answer, Accepted) and self.chance.random() < CHANCE_OF_500:
            return CRASHED
        return super().reply(call, answer)


@defect("bet-charged-then-refused", "A bet is charged and answered as refused.", Kind.SEQUENTIAL, GROUP)
class BetChargedThenRefused(Webhook):
    def reply(self, call: Call, answer: Answer) -> Reply:
        if call.method == BET and isinstance(answer, Accepted):
            answer = Refused("INTERNAL_ERROR", "the bet could not be placed", answer.balance)
        return super().reply(call, answer)


@defect(
    "bet-charged-then-dropped",
    "A bet is charged and the connection closed without an answer.",
    Kind.SEQUENTIAL,
    GROUP,
)
class BetChargedThenDropped(Webhook):
    def reply(self, call: Call, answer: Answer) -> Reply:
        reply = super().reply(call, answer)
        return replace(reply, dropped=call.method == BET and isinstance(answer, Accepted))


@defect(
    "win-reply-cut-short", "A win is credited; the JSON of its answer ends in the middle.", Kind.FORM, GROUP
)
class WinReplyCutShort(Webhook):
    def reply(self, call: Call, answer: Answer) -> Reply:
        reply = super().reply(call, answer)
        return replace(reply, body=reply.body[:-9]) if call.method == WIN else reply


@defect(
    "bet-answered-not-charged",
    "A bet is answered with the reduced balance and never charged.",
    Kind.SEQUENTIAL,
    GROUP,
)
class BetAnsweredNotCharged(Wallet):
    def apply(self, books: Books, player: Player, call: MoneyCall, moved: int) -> Answer:
        answer = super().apply(books, player, call, moved)
        if call.method == BET:
            books.set_balance(player.user_id, player.balance)
        return answer


@defect(
    "win-answered-not-paid",
    "A win is answered with the raised balance and never credited.",
    Kind.SEQUENTIAL,
    GROUP,
)
class WinAnsweredNotPaid(Wallet):
    def apply(self, books: Books, player: Player, call: MoneyCall, moved: int) -> Answer:
        answer = super().apply(books, player, call, moved)
        if call.method == WIN:
            books.set_balance(player.user_id, player.balance)
        return answer


@defect("stale-balance-after-bet", "A bet is answered with the balance before it.", Kind.SEQUENTIAL, GROUP)
class StaleBalanceAfterBet(Wallet):
    def apply(self, books: Books, player: Player, call: MoneyCall, moved: int) -> Answer:
        answer = super().apply(books, player, call, moved)
        return Accepted(player.balance) if call.method == BET else answer


@defect(
    "balance-cached",
    f"user_balance shows the same value {CACHED_READS} times before it looks again.",
    Kind.SEQUENTIAL,
    GROUP,
)
class BalanceCached(Wallet):
    def __init__(self, database: Database, max_bet: int | None = None, seed: int = 0) -> None:
        super().__init__(database, max_bet, seed)
        self.cache: dict[str, tuple[int, Answer]] = {}

    def user_balance(self, call: Call) -> Answer:
        user_id = str(call.fields.get("user_id"))
        reads_left, cached = self.cache.get(user_id, (0, Accepted(0)))
        if reads_left == 0:
            reads_left, cached = CACHED_READS, super().user_balance(call)
        self.cache[user_id] = reads_left - 1, cached
        return cached


@defect(
    "replica-lag",
    f"user_balance reads from a copy of the database that is {REPLICA_LAG_S} s behind.",
    Kind.SEQUENTIAL,
    GROUP,
)
class ReplicaLag(Wallet):
    def __init__(self, database: Database, max_bet: int | None = None, seed: int = 0) -> None:
        super().__init__(database, max_bet, seed)
        self.changes: dict[str, deque[tuple[float, int]]] = {}

    def apply(self, books: Books, player: Player, call: MoneyCall, moved: int) -> Answer:
        changes = self.changes.setdefault(player.user_id, deque(maxlen=CHANGES_KEPT))
        changes.append((time.monotonic() + REPLICA_LAG_S, player.balance))
        return super().apply(books, player, call, moved)

    def user_balance(self, call: Call) -> Answer:
        answer = super().user_balance(call)
        changes = tuple(self.changes.get(str(call.fields.get("user_id")), ()))
        behind = [balance for shown_until, balance in changes if shown_until > time.monotonic()]
        return replace(answer, balance=behind[0]) if behind and isinstance(answer, Accepted) else answer
