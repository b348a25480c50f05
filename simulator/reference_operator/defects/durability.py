"""Wallets that forget: after a restart, or after enough other calls."""

from collections import OrderedDict

from simulator.reference_operator.calls import BET, REFUND, WIN, Answer, MoneyCall
from simulator.reference_operator.database import Books, Database, Effect, Player
from simulator.reference_operator.defects.writing import forget
from simulator.reference_operator.switches import Kind, defect
from simulator.reference_operator.wallet import Wallet

GROUP = "durability"
REMEMBERED_IDS = 10


class IdsInMemory(Wallet):
    """What was applied is known from memory: the last `remembered_max` ids of `methods`, until a restart."""

    methods: tuple[str, ...] = (BET, WIN, REFUND)
    remembered_max = 1_000_000

    def __init__(self, database: Database, max_bet: int | None = None, seed: int = 0) -> None:
        super().__init__(database, max_bet, seed)
        self.remembered: OrderedDict[tuple[str, str, str], None] = OrderedDict()

    def find_effect(self, books: Books, call: MoneyCall, method: str) -> Effect | None:
        known = (call.user_id, method, call.transaction_id) in self.remembered
        if method == call.method and method in self.methods and not known:
            forget(books, call, method)
        return super().find_effect(books, call, method)

    def apply(self, books: Books, player: Player, call: MoneyCall, moved: int) -> Answer:
        self.remembered[call.user_id, call.method, call.transaction_id] = None
        while len(self.remembered) > self.remembered_max:
            self.remembered.popitem(last=False)
        return super().apply(books, player, call, moved)


@defect(
    "bet-ids-lost-at-restart",
    "Bets that were charged are known from memory: after a restart they are charged again.",
    Kind.DURABILITY,
    GROUP,
    needs="restart",
)
class BetIdsLostAtRestart(IdsInMemory):
    methods = (BET,)


@defect(
    "credit-ids-lost-at-restart",
    "Wins and refunds that were paid are known from memory: after a restart they are paid again.",
    Kind.DURABILITY,
    GROUP,
    needs="restart",
)
class CreditIdsLostAtRestart(IdsInMemory):
    methods = (WIN, REFUND)


@defect(
    "ids-bounded",
    f"The last {REMEMBERED_IDS} ids are known: an older call that is sent again moves money again.",
    Kind.DURABILITY,
    GROUP,
)
class IdsBounded(IdsInMemory):
    remembered_max = REMEMBERED_IDS


@defect(
    "tombstones-lost-at-restart",
    "Refunds that came before their bets are known from memory: after a restart the late bet is charged.",
    Kind.DURABILITY,
    GROUP,
    needs="restart",
)
class TombstonesLostAtRestart(Wallet):
    def __init__(self, database: Database, max_bet: int | None = None, seed: int = 0) -> None:
        super().__init__(database, max_bet, seed)
        with database.transaction() as books:
            books.execute(
                "DELETE FROM effects WHERE method = ? AND NOT EXISTS (SELECT 1 FROM effects AS bet WHERE "
                "bet.user_id = effects.user_id AND bet.transaction_id = effects.transaction_id "
                "AND bet.method = ?)",
                (REFUND, BET),
            )


@defect(
    "last-effect-lost-at-restart",
    "Answers are sent before the write is on disk: a restart takes each player's last movement back.",
    Kind.DURABILITY,
    GROUP,
    needs="restart",
)
class LastEffectLostAtRestart(Wallet):
    def __init__(self, database: Database, max_bet: int | None = None, seed: int = 0) -> None:
        super().__init__(database, max_bet, seed)
        with database.transaction() as books:
            lost = books.execute("SELECT max(number), user_id, moved FROM effects GROUP BY user_id")
            for number, user_id, moved in lost.fetchall():
                books.execute("DELETE FROM effects WHERE number = ?", (number,))
                books.execute("UPDATE players SET balance = balance - ? WHERE user_id = ?", (moved, user_id))


@defect(
    "unsaved-balance-lost-at-restart",
    "Effects are written, balances kept in memory: a restart brings back the opening balance.",
    Kind.DURABILITY,
    GROUP,
    needs="restart",
)
class UnsavedBalanceLostAtRestart(Wallet):
    def __init__(self, database: Database, max_bet: int | None = None, seed: int = 0) -> None:
        super().__init__(database, max_bet, seed)
        with database.transaction() as books:
            books.execute("UPDATE players SET balance = opening")
