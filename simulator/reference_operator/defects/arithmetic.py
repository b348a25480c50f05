"""Wallets that reckon wrong: with floats, with texts, in columns too narrow."""

from typing import Any

from simulator.reference_operator.calls import BET, WIN, Accepted, Answer, Call, MoneyCall
from simulator.reference_operator.cents import read_cents, write_cents
from simulator.reference_operator.database import Books, Database, Player
from simulator.reference_operator.switches import Kind, defect
from simulator.reference_operator.wallet import Wallet
from simulator.reference_operator.webhook import Webhook

GROUP = "arithmetic"
COLUMN_MAX = 99_999_999  # DECIMAL(8,2)
LARGE_WIN = 1_000_000
DRIFT_EVERY = 100


@defect("win-loses-its-cents", "Wins are credited in whole units: 2.40 pays 2.00.", Kind.SEQUENTIAL, GROUP)
class WinLosesItsCents(Wallet):
    def apply(self, books: Books, player: Player, call: MoneyCall, moved: int) -> Answer:
        if call.method == WIN:
            moved -= moved % 100
        return super().apply(books, player, call, moved)


@defect(
    "win-appended-to-balance",
    'Texts are joined instead of numbers added: "1000" and "50.00" make 100050.00.',
    Kind.SEQUENTIAL,
    GROUP,
)
class WinAppendedToBalance(Wallet):
    def apply(self, books: Books, player: Player, call: MoneyCall, moved: int) -> Answer:
        if call.method == WIN and player.balance >= 0:
            joined = read_cents(f"{player.balance // 100}{write_cents(moved)}")
            moved = (joined or COLUMN_MAX) - player.balance
        return super().apply(books, player, call, moved)


@defect("balance-column-overflow", "The balance's column ends at 999999.99.", Kind.SEQUENTIAL, GROUP)
class BalanceColumnOverflow(Wallet):
    def apply(self, books: Books, player: Player, call: MoneyCall, moved: int) -> Answer:
        if moved > 0:
            moved = max(min(moved, COLUMN_MAX - player.balance), 0)
        return super().apply(books, player, call, moved)


@defect("large-win-capped", "Wins over 10000.00 are paid as 10000.00.", Kind.SEQUENTIAL, GROUP)
class LargeWinCapped(Wallet):
    def apply(self, books: Books, player: Player, call: MoneyCall, moved: int) -> Answer:
        return super().apply(books, player, call, min(moved, LARGE_WIN) if call.method == WIN else moved)


@defect("drift", f"Every {DRIFT_EVERY}th movement of money loses a cent.", Kind.SEQUENTIAL, GROUP)
class Drift(Wallet):
    def __init__(self, database: Database, max_bet: int | None = None, seed: int = 0) -> None:
        super().__init__(database, max_bet, seed)
        self.movements = 0

    def apply(self, books: Books, player: Player, call: MoneyCall, moved: int) -> Answer:
        self.movements += 1
        lost = self.movements % DRIFT_EVERY == 0
        return super().apply(books, player, call, moved - 1 if lost else moved)


@defect(
    "win-credited-net",
    "A win is credited less the stake of its game's last bet, as if the stake were still there.",
    Kind.SEQUENTIAL,
    GROUP,
)
class WinCreditedNet(Wallet):
    def apply(self, books: Books, player: Player, call: MoneyCall, moved: int) -> Answer:
        if call.method == WIN:
            row = books.execute(
                "SELECT amount FROM effects WHERE user_id = ? AND method = ? AND game_id = ? "
                "ORDER BY number DESC LIMIT 1",
                (player.user_id, BET, call.game_id),
            ).fetchone()
            moved = max(moved - row[0], 0) if row else moved
        return super().apply(books, player, call, moved)


@defect(
    "float-balance",
    "Balances are added up as floats: after a few calls one is answered as 99.80000000000001.",
    Kind.FORM,
    GROUP,
)
class FloatBalance(Webhook):
    def __init__(self, wallet: Wallet) -> None:
        super().__init__(wallet)
        self.floats: dict[str, tuple[int, float]] = {}

    def fields(self, call: Call, answer: Answer) -> dict[str, Any]:
        fields = super().fields(call, answer)
        if not isinstance(answer, Accepted):
            return fields
        user_id = str(call.fields.get("user_id"))
        cents, balance = self.floats.get(user_id, (answer.balance, answer.balance / 100))
        balance += (answer.balance - cents) / 100
        self.floats[user_id] = answer.balance, balance
        return fields | {"balance": str(balance)}
