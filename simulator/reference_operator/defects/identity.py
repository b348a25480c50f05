"""Wallets that take two ids, or two players, for one."""

import sqlite3

from simulator.reference_operator.calls import Call, Refusal, Refused
from simulator.reference_operator.database import Books, Player
from simulator.reference_operator.switches import Kind, defect
from simulator.reference_operator.wallet import ACTIVE, Wallet, is_id, refusal

GROUP = "identity"


@defect(
    "ids-fold-case",
    "Ids that differ in case are one id, as in a case-insensitive column.",
    Kind.SEQUENTIAL,
    GROUP,
)
class IdsFoldCase(Wallet):
    def read_transaction_id(self, player: Player, call: Call) -> str:
        return super().read_transaction_id(player, call).casefold()


class IdsCut(Wallet):
    """Ids end after `length` characters, as in a column that is too narrow."""

    length = 0

    def read_transaction_id(self, player: Player, call: Call) -> str:
        return super().read_transaction_id(player, call)[: self.length]


@defect(
    "ids-cut-at-24", "Ids that are equal in their first 24 characters are one id.", Kind.SEQUENTIAL, GROUP
)
class IdsCutAt24(IdsCut):
    length = 24


@defect(
    "ids-cut-at-64", "Ids that are equal in their first 64 characters are one id.", Kind.SEQUENTIAL, GROUP
)
class IdsCutAt64(IdsCut):
    length = 64


@defect(
    "ids-cut-at-128", "Ids that are equal in their first 128 characters are one id.", Kind.SEQUENTIAL, GROUP
)
class IdsCutAt128(IdsCut):
    length = 128


@defect(
    "ids-as-numbers", 'Ids of digits are cast to numbers: "1" and "01" are one id.', Kind.SEQUENTIAL, GROUP
)
class IdsAsNumbers(Wallet):
    def read_transaction_id(self, player: Player, call: Call) -> str:
        transaction_id = super().read_transaction_id(player, call)
        if transaction_id.isascii() and transaction_id.isdigit():
            return transaction_id.lstrip("0") or "0"
        return transaction_id


@defect(
    "ids-trimmed", "Spaces around an id are dropped: ids that differ in them are one.", Kind.SEQUENTIAL, GROUP
)
class IdsTrimmed(Wallet):
    def read_transaction_id(self, player: Player, call: Call) -> str:
        return super().read_transaction_id(player, call).strip() or " "


@defect(
    "unknown-player-created",
    "An unknown user_id opens an account, and its wins are paid into it.",
    Kind.SEQUENTIAL,
    GROUP,
)
class UnknownPlayerCreated(Wallet):
    def find_player(self, books: Books, call: Call) -> Player:
        user_id = call.fields.get("user_id")
        if is_id(user_id) and books.player(user_id) is None:
            books.open_player(Player(user_id, 0, 0, ACTIVE))
        return super().find_player(books, call)


@defect(
    "sql-injection",
    "The user_id is pasted into the query: quotes in it choose whose money moves, or end in HTTP 500.",
    Kind.SEQUENTIAL,
    GROUP,
)
class SqlInjection(Wallet):
    def find_player(self, books: Books, call: Call) -> Player:
        user_id = call.fields.get("user_id")
        query = f"SELECT user_id FROM players WHERE user_id = '{user_id}' ORDER BY user_id LIMIT 1"
        try:
            row = books.execute(query).fetchone()
        except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
            raise Refusal(Refused("INTERNAL_ERROR", f"{error} in {query}", None, 500)) from error
        player = books.player(row[0]) if row else None
        return player or super().find_player(books, call)


@defect(
    "missing-id-charged",
    "A bet or win without transaction_id gets one made up for it, and moves money each time.",
    Kind.SEQUENTIAL,
    GROUP,
)
class MissingIdCharged(Wallet):
    made_up = 0

    def read_transaction_id(self, player: Player, call: Call) -> str:
        if call.fields.get("transaction_id") in (None, ""):
            self.made_up += 1
            return f"made-up-{self.made_up}"
        return super().read_transaction_id(player, call)


@defect("blocked-player-may-bet", "A blocked player's bets are taken.", Kind.SEQUENTIAL, GROUP, needs="block")
class BlockedPlayerMayBet(Wallet):
    def find_player(self, books: Books, call: Call) -> Player:
        player = super().find_player(books, call)
        return Player(player.user_id, player.opening, player.balance, ACTIVE)


class BlockedPlayerUnpaid(Wallet):
    """Calls of `method` are refused for a blocked player, though the money is owed."""

    method = ""

    def read_transaction_id(self, player: Player, call: Call) -> str:
        if call.method == self.method and player.status != ACTIVE:
            raise refusal(player, "USER_BLOCKED", "this player is blocked")
        return super().read_transaction_id(player, call)


@defect(
    "blocked-player-win-refused",
    "A blocked player's wins are refused.",
    Kind.SEQUENTIAL,
    GROUP,
    needs="block",
)
class BlockedPlayerWinRefused(BlockedPlayerUnpaid):
    method = "transaction_win"


@defect(
    "blocked-player-refund-refused",
    "A blocked player's refunds are refused.",
    Kind.SEQUENTIAL,
    GROUP,
    needs="block",
)
class BlockedPlayerRefundRefused(BlockedPlayerUnpaid):
    method = "refund"
