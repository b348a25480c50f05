"""Wallets that apply a repeat again, take a new call for a repeat, or confuse two ids or two players."""

# ruff: noqa: ARG002 -- a defect need not use every argument of the method that it overrides

import re
import sqlite3
import time
import unicodedata

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
from simulator.reference_operator.defects.writing import apply_again
from simulator.reference_operator.switches import DefectKind, defect
from simulator.reference_operator.wallet import ACTIVE, Wallet, is_id, refusal

IDEMPOTENCY = "idempotency"

IDS_KEPT_S = 1.5


@defect(
    "bet-charged-again",
    "A bet that is sent again is charged again.",
    DefectKind.SEQUENTIAL,
    IDEMPOTENCY,
    cause="repeated-bet-taken-again",
    also=("same-id-other-amount-moved",),
)
class BetChargedAgain(Wallet):
    def answer_repeat(self, books: Books, player: Player, call: MoneyCall, earlier: Effect) -> Answer:
        if call.method != BET:
            return super().answer_repeat(books, player, call, earlier)
        self.check_bet(books, player, call)
        return apply_again(self, books, player, call, -call.amount)


@defect(
    "ids-forgotten-soon",
    f"Ids are kept in a cache for {IDS_KEPT_S} s: what is sent again later takes effect again.",
    DefectKind.SEQUENTIAL,
    IDEMPOTENCY,
    cause="repeated-bet-taken-again",
    also=("repeated-win-credited-again", "repeated-refund-credited-again", "same-id-other-amount-moved"),
    any_first=True,
)
class IdsForgottenSoon(Wallet):
    def __init__(self, database: Database, max_bet: int | None = None, seed: int = 0) -> None:
        super().__init__(database, max_bet, seed)
        self.kept: dict[tuple[str, str, str], float] = {}

    def apply(self, books: Books, player: Player, call: MoneyCall, moved: int) -> Answer:
        self.kept[player.user_id, call.method, call.transaction_id] = time.monotonic() + IDS_KEPT_S
        return super().apply(books, player, call, moved)

    def answer_repeat(self, books: Books, player: Player, call: MoneyCall, earlier: Effect) -> Answer:
        kept_until = self.kept.get((player.user_id, call.method, call.transaction_id), 0.0)
        if time.monotonic() < kept_until:
            return super().answer_repeat(books, player, call, earlier)
        if call.method == BET:
            self.check_bet(books, player, call)
        return apply_again(self, books, player, call, earlier.moved)


@defect(
    "win-paid-twice",
    "A win that is sent again is paid again.",
    DefectKind.SEQUENTIAL,
    IDEMPOTENCY,
    cause="repeated-win-credited-again",
)
class WinPaidTwice(Wallet):
    def answer_repeat(self, books: Books, player: Player, call: MoneyCall, earlier: Effect) -> Answer:
        if call.method != WIN:
            return super().answer_repeat(books, player, call, earlier)
        return apply_again(self, books, player, call, call.amount)


@defect(
    "refund-paid-twice",
    "A refund that is sent again is credited again.",
    DefectKind.SEQUENTIAL,
    IDEMPOTENCY,
    cause="repeated-refund-credited-again",
)
class RefundPaidTwice(Wallet):
    def answer_repeat(self, books: Books, player: Player, call: MoneyCall, earlier: Effect) -> Answer:
        if call.method != REFUND:
            return super().answer_repeat(books, player, call, earlier)
        return apply_again(self, books, player, call, earlier.moved)


@defect(
    "win-with-bet-id-swallowed",
    "Ids are unique without their method: a win that carries its bet's id is answered as a repeat, unpaid.",
    DefectKind.SEQUENTIAL,
    IDEMPOTENCY,
    cause="shared-id-swallowed",
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
    DefectKind.SEQUENTIAL,
    IDEMPOTENCY,
    cause="same-id-other-amount-moved",
)
class RepeatWithOtherAmountApplied(Wallet):
    def answer_repeat(self, books: Books, player: Player, call: MoneyCall, earlier: Effect) -> Answer:
        if call.method == REFUND or call.amount == earlier.amount:
            return super().answer_repeat(books, player, call, earlier)
        return apply_again(self, books, player, call, -call.amount if call.method == BET else call.amount)


@defect(
    "repeat-with-other-game-applied",
    "The game is part of the key: a bet or win whose id comes with another game_id is applied once more.",
    DefectKind.SEQUENTIAL,
    IDEMPOTENCY,
    cause="repeated-bet-taken-again",
)
class RepeatWithOtherGameApplied(Wallet):
    def answer_repeat(self, books: Books, player: Player, call: MoneyCall, earlier: Effect) -> Answer:
        if call.method == REFUND or call.game_id == earlier.game_id:
            return super().answer_repeat(books, player, call, earlier)
        return apply_again(self, books, player, call, -call.amount if call.method == BET else call.amount)


@defect(
    "repeat-adjusts-amount",
    "A bet whose id comes with another amount is corrected to it: the difference is charged.",
    DefectKind.SEQUENTIAL,
    IDEMPOTENCY,
    cause="same-id-other-amount-moved",
)
class RepeatAdjustsAmount(Wallet):
    def answer_repeat(self, books: Books, player: Player, call: MoneyCall, earlier: Effect) -> Answer:
        if call.method != BET:
            return super().answer_repeat(books, player, call, earlier)
        return apply_again(self, books, player, call, earlier.amount - call.amount)


@defect(
    "repeat-changes-stake",
    "A bet whose id comes with another amount moves nothing, and yet its stored stake is overwritten.",
    DefectKind.SEQUENTIAL,
    IDEMPOTENCY,
    cause="refund-wrong-amount",
)
class RepeatChangesStake(Wallet):
    def answer_repeat(self, books: Books, player: Player, call: MoneyCall, earlier: Effect) -> Answer:
        if call.method == BET:
            books.execute(
                "UPDATE effects SET amount = ? WHERE user_id = ? AND method = ? AND transaction_id = ?",
                (call.amount, call.user_id, BET, call.transaction_id),
            )
        return super().answer_repeat(books, player, call, earlier)


@defect(
    "refused-bet-remembered",
    "A bet that was refused for funds counts as done: sent again, it gets success and no charge.",
    DefectKind.SEQUENTIAL,
    IDEMPOTENCY,
    cause="repeat-of-refused-wrong",
)
class RefusedBetRemembered(Wallet):
    def __init__(self, database: Database, max_bet: int | None = None, seed: int = 0) -> None:
        super().__init__(database, max_bet, seed)
        self.refused: set[tuple[str, str]] = set()

    def transaction_bet(self, call: ReceivedCall) -> Answer:
        key = str(call.fields.get("user_id")), str(call.fields.get("transaction_id"))
        if key in self.refused:
            return self.user_balance(call)
        try:
            return super().transaction_bet(call)
        except CallRefused as refused:
            if refused.refused.code == "INSUFFICIENT_FUNDS":
                self.refused.add(key)
            raise


@defect(
    "repeat-answers-500",
    "The database's UNIQUE key is the only guard: a repeat ends in an uncaught error, HTTP 500.",
    DefectKind.SEQUENTIAL,
    IDEMPOTENCY,
    cause="form:CON-03:http-500",
    also=(
        "form:CON-04:http-500",
        "form:REF-14:http-500",
    ),
)
class RepeatAnswers500(Wallet):
    def answer_repeat(self, books: Books, player: Player, call: MoneyCall, earlier: Effect) -> Answer:
        raise refusal(player, "INTERNAL_ERROR", "UNIQUE constraint failed", 500)


@defect(
    "answer-of-another-player",
    "Answers are stored by id alone: a player who uses another player's id gets that player's balance.",
    DefectKind.SEQUENTIAL,
    IDEMPOTENCY,
    cause="answer-balance-wrong",
    also=("shared-id-swallowed",),
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


IDENTITY = "identity"


@defect(
    "ids-fold-case",
    "Ids that differ in case are one id, as in a case-insensitive column.",
    DefectKind.SEQUENTIAL,
    IDENTITY,
    cause="shared-id-swallowed",
)
class IdsFoldCase(Wallet):
    def read_transaction_id(self, player: Player, call: ReceivedCall) -> str:
        return super().read_transaction_id(player, call).casefold()


class IdsCut(Wallet):
    """Cuts ids off after `length` characters, as a column that is too narrow does."""

    length = 0

    def read_transaction_id(self, player: Player, call: ReceivedCall) -> str:
        return super().read_transaction_id(player, call)[: self.length]


@defect(
    "ids-cut-at-24",
    "Ids that are equal in their first 24 characters are one id.",
    DefectKind.SEQUENTIAL,
    IDENTITY,
    cause="shared-id-swallowed",
)
class IdsCutAt24(IdsCut):
    length = 24


@defect(
    "ids-cut-at-64",
    "Ids that are equal in their first 64 characters are one id.",
    DefectKind.SEQUENTIAL,
    IDENTITY,
    cause="shared-id-swallowed",
)
class IdsCutAt64(IdsCut):
    length = 64


@defect(
    "ids-cut-at-128",
    "Ids that are equal in their first 128 characters are one id.",
    DefectKind.SEQUENTIAL,
    IDENTITY,
    cause="shared-id-swallowed",
)
class IdsCutAt128(IdsCut):
    length = 128


@defect(
    "ids-as-numbers",
    'Ids of digits are cast to numbers: "1" and "01" are one id.',
    DefectKind.SEQUENTIAL,
    IDENTITY,
    cause="shared-id-swallowed",
)
class IdsAsNumbers(Wallet):
    def read_transaction_id(self, player: Player, call: ReceivedCall) -> str:
        transaction_id = super().read_transaction_id(player, call)
        if transaction_id.isascii() and transaction_id.isdigit():
            return transaction_id.lstrip("0") or "0"
        return transaction_id


@defect(
    "ids-trimmed",
    "Spaces around an id are dropped: ids that differ in them are one.",
    DefectKind.SEQUENTIAL,
    IDENTITY,
    cause="shared-id-swallowed",
)
class IdsTrimmed(Wallet):
    def read_transaction_id(self, player: Player, call: ReceivedCall) -> str:
        return super().read_transaction_id(player, call).strip() or " "


@defect(
    "ids-ignore-accents",
    "Ids that differ in an accent are one id, as in a collation that ignores accents.",
    DefectKind.SEQUENTIAL,
    IDENTITY,
    cause="shared-id-swallowed",
)
class IdsIgnoreAccents(Wallet):
    def read_transaction_id(self, player: Player, call: ReceivedCall) -> str:
        letters = unicodedata.normalize("NFKD", super().read_transaction_id(player, call))
        return "".join(letter for letter in letters if not unicodedata.combining(letter))


@defect(
    "unknown-player-created",
    "An unknown user_id opens an account, and its wins are paid into it.",
    DefectKind.SEQUENTIAL,
    IDENTITY,
    cause="unknown-player-accepted",
)
class UnknownPlayerCreated(Wallet):
    def find_player(self, books: Books, call: ReceivedCall) -> Player:
        user_id = call.fields.get("user_id")
        if is_id(user_id) and books.player(user_id) is None:
            books.open_player(Player(user_id, 0, 0, ACTIVE))
        return super().find_player(books, call)


@defect(
    "user-id-read-as-number",
    "A user_id is cast: blanks, zeros, letters and fractions around it are dropped, and 12345abc is 12345.",
    DefectKind.SEQUENTIAL,
    IDENTITY,
    cause="same-player-id",
)
class UserIdReadAsNumber(Wallet):
    def find_player(self, books: Books, call: ReceivedCall) -> Player:
        user_id = call.fields.get("user_id")
        if is_id(user_id) and books.player(user_id) is None:
            read = re.sub(r"(?<=\d)(?:\.0|[a-z]+)$", "", user_id.strip())
            # Some players' own ids begin with a zero.
            for meant in (read, read.lstrip("0"), read.removeprefix("00")):
                player = books.player(meant)
                if player is not None:
                    return player
        return super().find_player(books, call)


@defect(
    "user-id-invisible-ignored",
    "Characters that do not print are ignored in a user_id, as in most collations of Unicode.",
    DefectKind.SEQUENTIAL,
    IDENTITY,
    cause="same-player-id",
)
class UserIdInvisibleIgnored(Wallet):
    def find_player(self, books: Books, call: ReceivedCall) -> Player:
        user_id = call.fields.get("user_id")
        printed = "".join(filter(str.isprintable, user_id)) if isinstance(user_id, str) else ""
        return books.player(printed) or super().find_player(books, call)


@defect(
    "user-id-wide-characters",
    "Characters of double width are read as narrow ones in a user_id, as in most collations of Unicode.",
    DefectKind.SEQUENTIAL,
    IDENTITY,
    cause="same-player-id",
)
class UserIdWideCharacters(Wallet):
    def find_player(self, books: Books, call: ReceivedCall) -> Player:
        user_id = call.fields.get("user_id")
        narrow = unicodedata.normalize("NFKC", user_id) if isinstance(user_id, str) else ""
        return books.player(narrow) or super().find_player(books, call)


@defect(
    "sql-injection",
    "The user_id is pasted into the query: quotes in it choose whose money moves, or end in HTTP 500.",
    DefectKind.SEQUENTIAL,
    IDENTITY,
    cause="unknown-player-accepted",
    also=(
        "form:CON-03:http-500",
        "form:CON-04:http-500",
    ),
)
class SqlInjection(Wallet):
    def find_player(self, books: Books, call: ReceivedCall) -> Player:
        user_id = call.fields.get("user_id")
        query = f"SELECT user_id FROM players WHERE user_id = '{user_id}' ORDER BY user_id LIMIT 1"
        try:
            row = books.execute(query).fetchone()
        except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
            raise CallRefused(RefusedCall("INTERNAL_ERROR", f"{error} in {query}", None, 500)) from error
        player = books.player(row[0]) if row else None
        return player or super().find_player(books, call)


@defect(
    "missing-id-charged",
    "A bet or win without transaction_id gets one made up for it, and moves money each time.",
    DefectKind.SEQUENTIAL,
    IDENTITY,
    cause="malformed-moved",
)
class MissingIdCharged(Wallet):
    made_up = 0

    def read_transaction_id(self, player: Player, call: ReceivedCall) -> str:
        if call.fields.get("transaction_id") in (None, ""):
            self.made_up += 1
            return f"made-up-{self.made_up}"
        return super().read_transaction_id(player, call)


@defect(
    "blocked-player-may-bet",
    "A blocked player's bets are taken.",
    DefectKind.SEQUENTIAL,
    IDENTITY,
    needs="block",
    cause="blocked-player-wrong",
)
class BlockedPlayerMayBet(Wallet):
    def find_player(self, books: Books, call: ReceivedCall) -> Player:
        player = super().find_player(books, call)
        return Player(player.user_id, player.opening, player.balance, ACTIVE)


class BlockedPlayerUnpaid(Wallet):
    """Refuses calls of `method` for a blocked player, although the money is owed."""

    method = ""

    def read_transaction_id(self, player: Player, call: ReceivedCall) -> str:
        if call.method == self.method and player.status != ACTIVE:
            raise refusal(player, "USER_BLOCKED", "this player is blocked")
        return super().read_transaction_id(player, call)


@defect(
    "blocked-player-win-refused",
    "A blocked player's wins are refused.",
    DefectKind.SEQUENTIAL,
    IDENTITY,
    needs="block",
    cause="win-refused",
)
class BlockedPlayerWinRefused(BlockedPlayerUnpaid):
    method = "transaction_win"


@defect(
    "blocked-player-refund-refused",
    "A blocked player's refunds are refused.",
    DefectKind.SEQUENTIAL,
    IDENTITY,
    needs="block",
    cause="refund-refused",
)
class BlockedPlayerRefundRefused(BlockedPlayerUnpaid):
    method = "refund"
