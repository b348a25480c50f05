"""Wallets that calculate wrongly, read amounts too loosely, or do not check whether a bet is covered."""

import re
from typing import Any

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
    read_cents,
    write_cents,
)
from simulator.reference_operator.database import Books, Database, Player
from simulator.reference_operator.switches import DefectKind, defect
from simulator.reference_operator.wallet import Wallet, refusal
from simulator.reference_operator.webhook import Webhook

ARITHMETIC = "arithmetic"

COLUMN_MAX = 99_999_999  # DECIMAL(8,2)

LARGE_WIN = 1_000_000

DRIFT_EVERY = 100


@defect(
    "win-loses-its-cents",
    "Wins are credited in whole units: 2.40 pays 2.00.",
    DefectKind.SEQUENTIAL,
    ARITHMETIC,
    cause="win-wrong-amount",
)
class WinLosesItsCents(Wallet):
    def apply(self, books: Books, player: Player, call: MoneyCall, moved: int) -> Answer:
        if call.method == WIN:
            moved -= moved % 100
        return super().apply(books, player, call, moved)


@defect(
    "win-appended-to-balance",
    'Texts are joined instead of numbers added: "1000" and "50.00" make 100050.00.',
    DefectKind.SEQUENTIAL,
    ARITHMETIC,
    cause="win-wrong-amount",
)
class WinAppendedToBalance(Wallet):
    def apply(self, books: Books, player: Player, call: MoneyCall, moved: int) -> Answer:
        if call.method == WIN and player.balance >= 0:
            joined = read_cents(f"{player.balance // 100}{write_cents(moved)}")
            moved = (joined or COLUMN_MAX) - player.balance
        return super().apply(books, player, call, moved)


@defect(
    "balance-column-overflow",
    "The balance's column ends at 999999.99.",
    DefectKind.SEQUENTIAL,
    ARITHMETIC,
    cause="win-wrong-amount",
)
class BalanceColumnOverflow(Wallet):
    def apply(self, books: Books, player: Player, call: MoneyCall, moved: int) -> Answer:
        if moved > 0:
            moved = max(min(moved, COLUMN_MAX - player.balance), 0)
        return super().apply(books, player, call, moved)


@defect(
    "large-win-capped",
    "Wins over 10000.00 are paid as 10000.00.",
    DefectKind.SEQUENTIAL,
    ARITHMETIC,
    cause="win-wrong-amount",
)
class LargeWinCapped(Wallet):
    def apply(self, books: Books, player: Player, call: MoneyCall, moved: int) -> Answer:
        return super().apply(books, player, call, min(moved, LARGE_WIN) if call.method == WIN else moved)


@defect(
    "drift",
    f"Every {DRIFT_EVERY}th movement of money loses a cent.",
    DefectKind.SEQUENTIAL,
    ARITHMETIC,
    cause="cent-off",
)
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
    DefectKind.SEQUENTIAL,
    ARITHMETIC,
    cause="win-wrong-amount",
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
    DefectKind.FORM,
    ARITHMETIC,
    cause="money-kept-as-float",
)
class FloatBalance(Webhook):
    def __init__(self, wallet: Wallet) -> None:
        super().__init__(wallet)
        self.floats: dict[str, tuple[int, float]] = {}

    def fields(self, call: ReceivedCall, answer: Answer) -> dict[str, Any]:
        fields = super().fields(call, answer)
        if not isinstance(answer, Accepted):
            return fields
        user_id = str(call.fields.get("user_id"))
        cents, balance = self.floats.get(user_id, (answer.balance, answer.balance / 100))
        balance += (answer.balance - cents) / 100
        self.floats[user_id] = answer.balance, balance
        return fields | {"balance": str(balance)}


AMOUNTS = "amounts"

LOOSE_NUMBER = re.compile(r"\s*[+-]?[0-9]+(\.[0-9]+)?([eE][0-9])?")

FIELD = re.compile(rb'"(\w+)"\s*:\s*"([^"]*)"')


class NegativeAmounts(Wallet):
    """Accepts negative amounts for calls of `method`."""

    method = ""

    def read_amount(self, player: Player, call: ReceivedCall) -> int:
        amount = call.fields.get("amount")
        if call.method == self.method and isinstance(amount, str) and amount.startswith("-"):
            cents = read_cents(amount[1:])
            if cents is not None:
                return -cents
        return super().read_amount(player, call)


@defect(
    "negative-bet-credited",
    "A bet of -10.00 adds 10.00 to the balance.",
    DefectKind.SEQUENTIAL,
    AMOUNTS,
    cause="malformed-moved",
)
class NegativeBetCredited(NegativeAmounts):
    method = BET


@defect(
    "negative-win-debited",
    "A win of -10.00 takes 10.00 from the balance.",
    DefectKind.SEQUENTIAL,
    AMOUNTS,
    cause="malformed-moved",
)
class NegativeWinDebited(NegativeAmounts):
    method = WIN


@defect(
    "amounts-read-loosely",
    'Any text that begins like a number is read as one: "1,00" is 1.00, "1e3" is 1000.00, " 5" is 5.00.',
    DefectKind.SEQUENTIAL,
    AMOUNTS,
    cause="malformed-moved",
)
class AmountsReadLoosely(Wallet):
    def read_amount(self, player: Player, call: ReceivedCall) -> int:
        match = LOOSE_NUMBER.match(str(call.fields.get("amount")))
        if match is None or "-" in match[0]:
            return super().read_amount(player, call)
        return round(float(match[0]) * 100)


@defect(
    "commas-dropped-from-amounts",
    'Commas are taken out of amounts: "1,00" is 100.00.',
    DefectKind.SEQUENTIAL,
    AMOUNTS,
    cause="malformed-moved",
)
class CommasDroppedFromAmounts(Wallet):
    def read_amount(self, player: Player, call: ReceivedCall) -> int:
        amount = str(call.fields.get("amount")).replace(",", "")
        cents = read_cents(amount if "." in amount else f"{amount}.00")
        return super().read_amount(player, call) if cents is None else cents


@defect(
    "cents-cut-by-float",
    "Amounts pass through a float and are cut to cents: 0.29 becomes 0.28.",
    DefectKind.SEQUENTIAL,
    AMOUNTS,
    cause="cents-cut",
)
class CentsCutByFloat(Wallet):
    def read_amount(self, player: Player, call: ReceivedCall) -> int:
        cents = super().read_amount(player, call)
        return int(float(write_cents(cents)) * 100)


@defect(
    "nan-destroys-balance",
    'An amount of "NaN" is a number like any other: it is added to the balance, which is NaN from then on.',
    DefectKind.SEQUENTIAL,
    AMOUNTS,
    cause="balance-destroyed",
)
class NanDestroysBalance(Webhook):
    def __init__(self, wallet: Wallet) -> None:
        super().__init__(wallet)
        self.destroyed: set[str] = set()

    def fields(self, call: ReceivedCall, answer: Answer) -> dict[str, Any]:
        fields, user_id = super().fields(call, answer), str(call.fields.get("user_id"))
        # Only a player who exists is told a balance.
        if "balance" in fields and call.fields.get("amount") == "NaN":
            self.destroyed.add(user_id)
        return {"status": 1, "balance": float("nan")} if user_id in self.destroyed else fields


@defect(
    "malformed-json-moves-money",
    "A body that is not JSON is searched for fields, and moves money if they are found.",
    DefectKind.SEQUENTIAL,
    AMOUNTS,
    cause="malformed-moved",
)
class MalformedJsonMovesMoney(Webhook):
    def read(self, body: bytes) -> ReceivedCall:
        call = super().read(body)
        if call.method:
            return call
        fields = {name.decode(): value.decode("utf-8", "replace") for name, value in FIELD.findall(body)}
        return ReceivedCall(fields.get("method", ""), fields)


@defect(
    "unknown-method-refunds",
    "A method that is not known ends in the last branch, which is the refund.",
    DefectKind.SEQUENTIAL,
    AMOUNTS,
    cause="malformed-moved",
)
class UnknownMethodRefunds(Webhook):
    def read(self, body: bytes) -> ReceivedCall:
        call = super().read(body)
        known = not call.method or call.method in self.methods
        return call if known else ReceivedCall(REFUND, {**call.fields, "method": REFUND})


FUNDS = "funds"


def is_short(refused: CallRefused) -> bool:
    return refused.refused.code == "INSUFFICIENT_FUNDS"


class FundsUnchecked(Wallet):
    """Takes a bet whatever the balance is; blocked players and limits are still checked."""

    def check_bet(self, books: Books, player: Player, bet: MoneyCall) -> None:
        try:
            super().check_bet(books, player, bet)
        except CallRefused as refused:
            if not is_short(refused):
                raise


@defect(
    "insufficient-funds-accepted",
    "A bet over the balance is taken; the balance goes below zero.",
    DefectKind.SEQUENTIAL,
    FUNDS,
    cause="overdraft",
)
class InsufficientFundsAccepted(FundsUnchecked):
    """Adds nothing to FundsUnchecked."""


@defect(
    "overdraft-to-zero",
    "A bet over the balance is taken; the balance stops at zero.",
    DefectKind.SEQUENTIAL,
    FUNDS,
    cause="overdraft",
)
class OverdraftToZero(FundsUnchecked):
    def apply(self, books: Books, player: Player, call: MoneyCall, moved: int) -> Answer:
        return super().apply(books, player, call, max(moved, -player.balance))


@defect(
    "insufficient-answered-success",
    "A bet over the balance is answered with status 1 and not charged, so the player plays for free.",
    DefectKind.SEQUENTIAL,
    FUNDS,
    cause="overdraft",
)
class InsufficientAnsweredSuccess(Wallet):
    def transaction_bet(self, call: ReceivedCall) -> Answer:
        try:
            return super().transaction_bet(call)
        except CallRefused as refused:
            if is_short(refused) and refused.refused.balance is not None:
                return Accepted(refused.refused.balance)
            raise


@defect(
    "insufficient-refused-but-charged",
    "A bet over the balance is charged first and then refused, and the charge stays.",
    DefectKind.SEQUENTIAL,
    FUNDS,
    cause="overdraft-refused-but-taken",
)
class InsufficientRefusedButCharged(FundsUnchecked):
    def apply(self, books: Books, player: Player, call: MoneyCall, moved: int) -> Answer:
        answer = super().apply(books, player, call, moved)
        if player.balance + moved < 0:
            return RefusedCall(
                "INSUFFICIENT_FUNDS", "the balance is less than the bet", player.balance + moved
            )
        return answer


@defect(
    "insufficient-answers-500",
    "A bet over the balance ends in HTTP 500.",
    DefectKind.SEQUENTIAL,
    FUNDS,
    cause="form:CON-03:http-500",
)
class InsufficientAnswers500(Wallet):
    def check_bet(self, books: Books, player: Player, bet: MoneyCall) -> None:
        try:
            super().check_bet(books, player, bet)
        except CallRefused as refused:
            if is_short(refused):
                raise refusal(player, "INTERNAL_ERROR", "InsufficientFundsException", 500) from refused
            raise


@defect(
    "last-cent-refused",
    "A bet of the whole balance is refused.",
    DefectKind.SEQUENTIAL,
    FUNDS,
    cause="bet-refused",
)
class LastCentRefused(Wallet):
    def check_bet(self, books: Books, player: Player, bet: MoneyCall) -> None:
        super().check_bet(books, player, bet)
        if bet.amount and bet.amount == player.balance:
            raise refusal(player, "INSUFFICIENT_FUNDS", "the balance is not more than the bet")


@defect(
    "locked-after-refusal",
    "After a bet over the balance the player's next bet is refused too, whatever its amount.",
    DefectKind.SEQUENTIAL,
    FUNDS,
    cause="bet-refused",
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
        except CallRefused as refused:
            if is_short(refused):
                self.locked.add(player.user_id)
            raise
