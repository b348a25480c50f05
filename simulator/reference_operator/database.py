"""The wallet's tables on SQLite: players, and the effects applied to their balances.

One request is one `BEGIN IMMEDIATE` transaction. A deferred transaction that reads first and writes later
fails with "database is locked" when another one wrote in between, whatever the timeout; an immediate one
waits. Within this process a lock does the waiting, because SQLite polls. On a database server,
`SELECT ... FOR UPDATE` on the player's row does the same.
"""

import sqlite3
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

SCHEMA = """
CREATE TABLE IF NOT EXISTS players (
    user_id TEXT PRIMARY KEY,
    opening INTEGER NOT NULL,
    balance INTEGER NOT NULL,
    status INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS effects (
    number INTEGER PRIMARY KEY,
    user_id TEXT NOT NULL,
    method TEXT NOT NULL,
    transaction_id TEXT NOT NULL,
    amount INTEGER NOT NULL,
    moved INTEGER NOT NULL,
    balance_after INTEGER NOT NULL,
    game_id TEXT,
    UNIQUE (user_id, method, transaction_id)
);
"""

EFFECT_COLUMNS = "user_id, method, transaction_id, amount, moved, balance_after, game_id"


@dataclass(frozen=True, slots=True)
class Player:
    """One player's account; money in cents. `status` is 1 for an active account."""

    user_id: str
    opening: int
    balance: int
    status: int


@dataclass(frozen=True, slots=True)
class Effect:
    """The effect of one call on a balance; all money in cents.

    `amount` is the amount of the call, `moved` what it added to the balance: negative for a bet, 0 for the
    tombstone, which records a refund that came before its bet.
    """

    user_id: str
    method: str
    transaction_id: str
    amount: int
    moved: int
    balance_after: int
    game_id: str | None


class Books:
    """The tables within one transaction: `with database.transaction() as books`. Errors roll it back."""

    execute: Callable[..., sqlite3.Cursor]

    def __init__(self, database: "Database") -> None:
        self.database = database

    def __enter__(self) -> "Books":
        self.database.lock.acquire()
        try:
            self.execute = self.database.connection.execute
            self.execute("BEGIN IMMEDIATE")
        except BaseException:
            self.database.lock.release()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        try:
            self.execute("COMMIT" if kind is None else "ROLLBACK")
        finally:
            self.database.lock.release()

    def player(self, user_id: str) -> Player | None:
        row = self.execute(
            "SELECT user_id, opening, balance, status FROM players WHERE user_id = ?", (user_id,)
        ).fetchone()
        return Player(*row) if row else None

    def open_player(self, player: Player) -> None:
        """Create the player, or reset an existing one and delete its effects."""
        self.execute("DELETE FROM effects WHERE user_id = ?", (player.user_id,))
        self.execute(
            "REPLACE INTO players (user_id, opening, balance, status) VALUES (?, ?, ?, ?)",
            (player.user_id, player.opening, player.balance, player.status),
        )

    def set_balance(self, user_id: str, balance: int) -> None:
        self.execute("UPDATE players SET balance = ? WHERE user_id = ?", (balance, user_id))

    def set_status(self, user_id: str, status: int) -> None:
        self.execute("UPDATE players SET status = ? WHERE user_id = ?", (status, user_id))

    def effect(self, user_id: str, method: str, transaction_id: str) -> Effect | None:
        row = self.execute(
            f"SELECT {EFFECT_COLUMNS} FROM effects WHERE user_id = ? AND method = ? AND transaction_id = ?",
            (user_id, method, transaction_id),
        ).fetchone()
        return Effect(*row) if row else None

    def record(self, effect: Effect) -> None:
        """Insert the effect; the UNIQUE key makes a second one with the same id impossible."""
        self.execute(
            f"INSERT INTO effects ({EFFECT_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                effect.user_id,
                effect.method,
                effect.transaction_id,
                effect.amount,
                effect.moved,
                effect.balance_after,
                effect.game_id,
            ),
        )

    def effects_count(self, user_id: str) -> int:
        row = self.execute("SELECT count(*) FROM effects WHERE user_id = ?", (user_id,)).fetchone()
        return int(row[0])


class Database:
    """One SQLite file: the named one, or a temporary one that `close` removes."""

    def __init__(self, path: Path | None) -> None:
        self.folder = None
        if path is None:
            self.folder = tempfile.TemporaryDirectory(prefix="operator-")
            path = Path(self.folder.name, "wallet.db")
        self.path = path
        self.lock = threading.Lock()
        self.connection = self.connect()

    def connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            str(self.path), timeout=30, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        # Money in a named file must survive a power cut; a temporary file is for tests, where speed counts.
        synchronous = "OFF" if self.folder else "FULL"
        connection.executescript(f"PRAGMA journal_mode = WAL; PRAGMA synchronous = {synchronous}; {SCHEMA}")
        return connection

    def transaction(self) -> Books:
        return Books(self)

    def reopen(self) -> None:
        """Close the file and open it again, as a restarted process would."""
        with self.lock:
            self.connection.close()
            self.connection = self.connect()

    def close(self) -> None:
        with self.lock:
            self.connection.close()
        if self.folder:
            with suppress(OSError):
                self.folder.cleanup()
