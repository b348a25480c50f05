"""Wallets that are right one call at a time and wrong when calls overlap, and wallets that forget.

Accidents of real wallets are made on purpose here, and slowly enough to be seen: a transaction ends between
the check and the act, other calls come in between, and a second one begins.
"""

import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from threading import Lock, local

from simulator.reference_operator.calls import (
    BET,
    REFUND,
    WIN,
    Accepted,
    Answer,
    MoneyCall,
    ReceivedCall,
    RefusedCall,
)
from simulator.reference_operator.database import Books, Database, Effect, Player
from simulator.reference_operator.defects.writing import RACE_WINDOW_S, forget, reread, split
from simulator.reference_operator.switches import DefectKind, defect
from simulator.reference_operator.wallet import Wallet

RACES = "races"

ARRIVAL_S = 0.001

BETS_PER_LOSS = 50


class LostUpdate(Wallet):
    """Reads the balance in one transaction and writes the new one in the next, for calls of `raced`."""

    raced = ""

    def find_player(self, books: Books, call: ReceivedCall) -> Player:
        player = super().find_player(books, call)
        if call.method == self.raced:
            split(books)
        return player


@defect(
    "lost-update-on-bets",
    "Two bets at once: one is charged, both are answered.",
    DefectKind.RACE,
    RACES,
    cause="lost-update",
)
class LostUpdateOnBets(LostUpdate):
    raced = BET


@defect(
    "lost-update-on-wins",
    "Two wins at once: one is paid, both are answered.",
    DefectKind.RACE,
    RACES,
    cause="lost-update",
)
class LostUpdateOnWins(LostUpdate):
    raced = WIN


@defect(
    "lost-update-on-refunds",
    "Two refunds at once: one is credited, both are answered.",
    DefectKind.RACE,
    RACES,
    cause="lost-update",
)
class LostUpdateOnRefunds(LostUpdate):
    raced = REFUND


class CheckThenAct(Wallet):
    """Looks for the id in one transaction and acts on the result in the next, for calls of `raced`."""

    raced = ""

    def apply(self, books: Books, player: Player, call: MoneyCall, moved: int) -> Answer:
        if call.method != self.raced:
            return super().apply(books, player, call, moved)
        split(books)
        player = reread(books, player)
        if call.method == BET:
            self.check_bet(books, player, call)
        forget(books, call, call.method)
        return super().apply(books, player, call, moved)


@defect(
    "repeated-bet-race",
    "The same bet sent twice at once is charged twice.",
    DefectKind.RACE,
    RACES,
    cause="double-effect",
    # What may overlap its check is any call of that id: its bet or its refund as well.
    also=("late-bet-taken",),
)
class RepeatedBetRace(CheckThenAct):
    raced = BET


@defect(
    "repeated-win-race",
    "The same win sent twice at once is paid twice.",
    DefectKind.RACE,
    RACES,
    cause="double-effect",
)
class RepeatedWinRace(CheckThenAct):
    raced = WIN


@defect(
    "repeated-refund-race",
    "The same refund sent twice at once is credited twice.",
    DefectKind.RACE,
    RACES,
    cause="double-effect",
    # What may overlap its check is any call of that id: its bet or its refund as well.
    also=("late-bet-taken",),
)
class RepeatedRefundRace(CheckThenAct):
    raced = REFUND


class BetInTwoSteps(Wallet):
    """Checks a bet in one transaction and charges it in the next, which repeats only some of the checks."""

    checks_funds_again = True
    checks_refund_again = True

    def apply(self, books: Books, player: Player, call: MoneyCall, moved: int) -> Answer:
        if call.method != BET:
            return super().apply(books, player, call, moved)
        split(books)
        player = reread(books, player)
        if earlier := self.find_effect(books, call, BET):
            return self.answer_repeat(books, player, call, earlier)
        if self.checks_refund_again and self.find_effect(books, call, REFUND):
            return self.answer_late_bet(player, call)
        if self.checks_funds_again:
            self.check_bet(books, player, call)
        return super().apply(books, player, call, moved)


@defect(
    "overdraft-race",
    "Two bets at once spend the same money: the balance goes below zero.",
    DefectKind.RACE,
    RACES,
    cause="overdraft",
)
class OverdraftRace(BetInTwoSteps):
    checks_funds_again = False


@defect(
    "bet-refund-race",
    "A refund that comes while its bet is being charged finds no bet, is answered, and the stake is gone.",
    DefectKind.RACE,
    RACES,
    cause="late-bet-taken",
)
class BetRefundRace(BetInTwoSteps):
    checks_refund_again = False


@dataclass(frozen=True, slots=True)
class LastBet:
    """The bet that a player's next one may overlap; money in cents."""

    number: int
    balance_before: int
    balance_after: int


@defect(
    "lost-update-once-in-50",
    f"One bet in {BETS_PER_LOSS}, if it overlaps another, starts from the same balance: a charge is lost.",
    DefectKind.RACE,
    RACES,
    cause="lost-update",
)
class LostUpdateOnceIn50(Wallet):
    """Plays the interleaving (both read, one writes, the other writes) exactly, instead of provoking it."""

    def __init__(self, database: Database, max_bet: int | None = None, seed: int = 0) -> None:
        super().__init__(database, max_bet, seed)
        self.last_bets: dict[str, LastBet] = {}
        self.bets = 0
        self.bets_since_loss = BETS_PER_LOSS // 2
        self.arrived = local()

    def transaction_bet(self, call: ReceivedCall) -> Answer:
        self.arrived.after = self.bets
        time.sleep(ARRIVAL_S)
        return super().transaction_bet(call)

    def apply(self, books: Books, player: Player, call: MoneyCall, moved: int) -> Answer:
        if call.method == BET:
            self.bets += 1
            self.bets_since_loss += 1
            last = self.last_bets.get(player.user_id)
            if last and self.bets_since_loss >= BETS_PER_LOSS and self.overlaps(last, player):
                self.bets_since_loss = 0
                player = replace(player, balance=last.balance_before)
            self.last_bets[player.user_id] = LastBet(self.bets, player.balance, player.balance + moved)
        return super().apply(books, player, call, moved)

    def overlaps(self, last: LastBet, player: Player) -> bool:
        """Return whether the last bet was charged after this one arrived, and nothing moved since."""
        return last.number > self.arrived.after and last.balance_after == player.balance


@defect(
    "current-player-race",
    "The current player is one variable for all threads: a bet is answered with another's balance.",
    DefectKind.RACE,
    RACES,
    cause="answer-balance-wrong",
)
class CurrentPlayerRace(Wallet):
    current = ""

    def transaction_bet(self, call: ReceivedCall) -> Answer:
        self.current = str(call.fields.get("user_id"))
        answer = super().transaction_bet(call)
        time.sleep(RACE_WINDOW_S)
        with self.database.transaction() as books:
            current = books.player(self.current)
        return Accepted(current.balance) if current and isinstance(answer, Accepted) else answer


@defect(
    "busy-answers-500",
    "A bet that overlaps another one gets HTTP 500, database is locked; nothing moves.",
    DefectKind.RACE,
    RACES,
    cause="form:CON-03:http-500",
)
class BusyAnswers500(Wallet):
    def __init__(self, database: Database, max_bet: int | None = None, seed: int = 0) -> None:
        super().__init__(database, max_bet, seed)
        self.busy = Lock()

    def transaction_bet(self, call: ReceivedCall) -> Answer:
        if not self.busy.acquire(blocking=False):
            return RefusedCall("INTERNAL_ERROR", "database is locked", None, 500)
        try:
            time.sleep(ARRIVAL_S)
            return super().transaction_bet(call)
        finally:
            self.busy.release()


DURABILITY = "durability"

REMEMBERED_IDS = 10


class IdsInMemory(Wallet):
    """Keeps applied ids only in memory: the last `remembered_max` ids of `methods`, until a restart."""

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
    "Charged bets are only remembered in memory: after a restart they are charged again.",
    DefectKind.DURABILITY,
    DURABILITY,
    needs="restart",
    cause="repeated-bet-taken-again",
)
class BetIdsLostAtRestart(IdsInMemory):
    methods = (BET,)


@defect(
    "credit-ids-lost-at-restart",
    "Paid wins and refunds are only remembered in memory: after a restart they are paid again.",
    DefectKind.DURABILITY,
    DURABILITY,
    needs="restart",
    cause="repeated-win-credited-again",
    also=("repeated-refund-credited-again",),
)
class CreditIdsLostAtRestart(IdsInMemory):
    methods = (WIN, REFUND)


@defect(
    "ids-bounded",
    f"Only the last {REMEMBERED_IDS} ids are remembered: an older call that is sent again moves money again.",
    DefectKind.DURABILITY,
    DURABILITY,
    cause="repeated-bet-taken-again",
    also=(
        "repeated-win-credited-again",
        "repeated-refund-credited-again",
    ),
    any_first=True,
)
class IdsBounded(IdsInMemory):
    remembered_max = REMEMBERED_IDS


@defect(
    "ids-bounded-at-500",
    "Only the last 500 ids are remembered: an older call that is sent again moves money again.",
    DefectKind.DURABILITY,
    DURABILITY,
    cause="repeated-bet-taken-again",
    # It forgets calls of all three methods.
    also=(
        "repeated-win-credited-again",
        "repeated-refund-credited-again",
    ),
    any_first=True,
)
class IdsBoundedAt500(IdsInMemory):
    remembered_max = 500


@defect(
    "tombstones-bounded",
    f"A refund before its bet is forgotten after {REMEMBERED_IDS} more calls: the late bet is charged.",
    DefectKind.DURABILITY,
    DURABILITY,
    cause="late-bet-taken",
)
class TombstonesBounded(Wallet):
    def find_effect(self, books: Books, call: MoneyCall, method: str) -> Effect | None:
        found = super().find_effect(books, call, method)
        if found is None or call.method != BET or method != REFUND:
            return found
        later = books.execute(
            "SELECT count(*) FROM effects WHERE user_id = ? AND number > (SELECT number FROM effects "
            "WHERE user_id = ? AND method = ? AND transaction_id = ?)",
            (call.user_id, call.user_id, method, call.transaction_id),
        ).fetchone()
        return found if later[0] <= REMEMBERED_IDS else None


@defect(
    "tombstones-lost-at-restart",
    "Refunds before their bets are only remembered in memory: after a restart the late bet is charged.",
    DefectKind.DURABILITY,
    DURABILITY,
    needs="restart",
    cause="late-bet-taken",
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
    "Answers are sent before the write is on disk: a restart undoes each player's last movement.",
    DefectKind.DURABILITY,
    DURABILITY,
    needs="restart",
    cause="win-not-credited",
    also=(
        "bet-not-taken",
        "refund-not-credited",
        "late-bet-taken",
    ),
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
    "Effects are written, but balances kept in memory: a restart brings back the opening balance.",
    DefectKind.DURABILITY,
    DURABILITY,
    needs="restart",
    cause="balance-read-wrong",
)
class UnsavedBalanceLostAtRestart(Wallet):
    def __init__(self, database: Database, max_bet: int | None = None, seed: int = 0) -> None:
        super().__init__(database, max_bet, seed)
        with database.transaction() as books:
            books.execute("UPDATE players SET balance = opening")
