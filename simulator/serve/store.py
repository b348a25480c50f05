"""The SQLite database of journal, obligations and rounds: a file in a folder, or memory.

One connection and one lock suffice: writes are short, and a transaction is committed before its caller sends
anything. `journal` and `obligations` write the tables.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from simulator.errors import SimulatorError, UsageError

FILE_NAME = "journal.sqlite3"

VERSION = 1
"""The version of the tables, kept as `user_version`; journals before the first have 0."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS exchanges (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    change INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    agent TEXT NOT NULL,
    session TEXT NOT NULL,
    player TEXT NOT NULL,
    method TEXT NOT NULL,
    transaction_id TEXT NOT NULL,
    game TEXT NOT NULL,
    amount,
    purpose TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    balance,
    expected,
    verdict TEXT NOT NULL,
    fault TEXT NOT NULL,
    http_status INTEGER,
    duration_ns INTEGER,
    bytes INTEGER NOT NULL,
    problem TEXT NOT NULL,
    findings TEXT NOT NULL,
    content_type TEXT NOT NULL,
    request_body BLOB NOT NULL,
    reply_headers TEXT NOT NULL,
    reply_bytes INTEGER NOT NULL,
    reply_body BLOB NOT NULL,
    sent_ns INTEGER NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    difference NOT NULL DEFAULT 0,
    form TEXT NOT NULL DEFAULT '',
    no_reply TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS exchanges_change ON exchanges (change);
CREATE INDEX IF NOT EXISTS exchanges_agent ON exchanges (agent);
CREATE INDEX IF NOT EXISTS exchanges_session ON exchanges (session);
CREATE INDEX IF NOT EXISTS exchanges_player ON exchanges (player);
CREATE INDEX IF NOT EXISTS exchanges_method ON exchanges (method);
CREATE INDEX IF NOT EXISTS exchanges_outcome ON exchanges (outcome);
CREATE INDEX IF NOT EXISTS exchanges_verdict ON exchanges (verdict);
CREATE INDEX IF NOT EXISTS exchanges_transaction ON exchanges (transaction_id);
CREATE TABLE IF NOT EXISTS cuts (
    agent TEXT NOT NULL,
    player TEXT NOT NULL,
    number INTEGER NOT NULL,
    balance,
    difference NOT NULL,
    wrong INTEGER NOT NULL,
    since INTEGER,
    PRIMARY KEY (agent, player)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS findings (
    number INTEGER NOT NULL,
    rule TEXT NOT NULL,
    severity TEXT NOT NULL,
    cause TEXT NOT NULL,
    message TEXT NOT NULL,
    why TEXT NOT NULL,
    amount
);
CREATE INDEX IF NOT EXISTS findings_number ON findings (number);
CREATE TABLE IF NOT EXISTS obligations (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    state TEXT NOT NULL,
    due_ms INTEGER NOT NULL,
    since_ms INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    agent TEXT NOT NULL,
    session TEXT NOT NULL,
    player TEXT NOT NULL,
    method TEXT NOT NULL,
    transaction_id TEXT NOT NULL,
    game TEXT NOT NULL,
    amount INTEGER NOT NULL,
    content_type TEXT NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS obligations_due ON obligations (state, due_ms);
CREATE TABLE IF NOT EXISTS rounds (
    agent TEXT NOT NULL,
    session TEXT NOT NULL,
    played INTEGER NOT NULL,
    player TEXT NOT NULL,
    game TEXT NOT NULL,
    bet_id TEXT NOT NULL,
    stake INTEGER NOT NULL,
    began_ms INTEGER NOT NULL,
    PRIMARY KEY (agent, session)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
"""

_ADDED = {
    "exchanges": {
        "reason": "TEXT NOT NULL DEFAULT ''",
        "difference": "NOT NULL DEFAULT 0",
        "form": "TEXT NOT NULL DEFAULT ''",
        "no_reply": "TEXT NOT NULL DEFAULT ''",
        "account": "TEXT NOT NULL DEFAULT ''",
        "stated_balance": "",
    },
    "findings": {"amount": ""},
}
"""Columns that journals of earlier versions do not have."""

Value = str | int | bytes | None


class JournalUnusable(SimulatorError):
    """Raised when the database fails, for example because of a full disk or a broken file."""


class JournalStore:
    """The database. Thread-safe. `folder` None keeps it in memory.

    `problem` is why the latest change was not written; empty once one is. Raises UsageError for a folder
    that cannot be used, and for a journal that a later version wrote.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.path = None if folder is None else folder / FILE_NAME
        self._lock = threading.RLock()
        self._depth = 0
        self.problem = ""
        try:
            if self.path is not None:
                make_private_folder(self.path.parent)
                # The files beside it (write-ahead log) get the same rights from SQLite.
                os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
                self.path.chmod(0o600)
            self._connection = sqlite3.connect(
                ":memory:" if self.path is None else self.path,
                isolation_level=None,
                check_same_thread=False,
                timeout=1.0,
            )
            self._prepare()
        except (OSError, sqlite3.Error) as error:
            raise UsageError(_unusable(folder, error)) from error

    def _prepare(self) -> None:
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if version > VERSION:
            raise UsageError(
                f"{self.path}: a later version of the simulator wrote it (its tables have version {version}, "
                f"this one knows up to {VERSION}); use that version, or name another folder with --data"
            )
        # The lock admits one simulator to a folder: two would both deliver the same obligations.
        for line in ("locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = NORMAL"):
            self._connection.execute(f"PRAGMA {line}")
        with self.transaction():
            for statement in _SCHEMA.split(";"):
                self._connection.execute(statement)
            for table, columns in _ADDED.items():
                known = {row[1] for row in self._connection.execute(f"PRAGMA table_info({table})")}
                for column, kind in columns.items():
                    if column not in known:
                        self._connection.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")
            self._connection.execute(f"PRAGMA user_version = {VERSION}")

    @contextmanager
    def transaction(self, *, durable: bool = False) -> Iterator[None]:
        """Commit everything that is written within the block, or nothing after an error.

        A nested transaction is part of the outer one. With `durable` the commit waits until the disk has it,
        so that it survives a power failure too. Raises JournalUnusable.
        """
        with self._lock:
            if self._depth:
                yield
                return
            self._depth = 1
            try:
                if durable:
                    self.write("PRAGMA synchronous = FULL")
                self.write("BEGIN IMMEDIATE")
                yield
                self.write("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            finally:
                if durable:
                    self._connection.execute("PRAGMA synchronous = NORMAL")
                self._depth = 0

    def write(self, statement: str, values: Sequence[Value] = ()) -> int:
        """Run a statement; return the number of the inserted row. Raises JournalUnusable."""
        with self._lock:
            try:
                number = self._connection.execute(statement, _storable(values)).lastrowid or 0
            except sqlite3.Error as error:
                self.problem = f"the journal cannot be written: {error}"
                raise JournalUnusable(self.problem) from error
            if not self._connection.in_transaction:
                self.problem = ""
            return number

    def read(self, query: str, values: Sequence[Value] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a query, which must limit their number. Raises JournalUnusable."""
        with self._lock:
            try:
                return self._connection.execute(query, _storable(values)).fetchall()
            except sqlite3.Error as error:
                raise JournalUnusable(f"the journal cannot be read: {error}") from error

    def counter(self, name: str) -> int:
        """Return a number that survives restarts; 0 before it is set."""
        rows = self.read("SELECT value FROM counters WHERE name = ?", (name,))
        return int(rows[0][0]) if rows else 0

    def set_counter(self, name: str, value: int) -> None:
        """Set a number that survives restarts."""
        self.write("INSERT OR REPLACE INTO counters VALUES (?, ?)", (name, value))

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._connection.close()


def make_private_folder(folder: Path) -> None:
    """Create a folder that only this user can read, if there is none. Raises OSError."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)


def _storable(values: Sequence[Value]) -> Sequence[Value]:
    """Return the values with lone surrogates escaped, which SQLite cannot store."""
    if all(not isinstance(value, str) or value.isascii() for value in values):
        return values
    return [
        value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
        for value in values
    ]


def _unusable(folder: Path | None, error: Exception) -> str:
    if "locked" in str(error):
        return f"data folder {folder}: another simulator is using it; stop that one or name another folder"
    if "not a database" in str(error):
        return f"data folder {folder}: {FILE_NAME} in it is no journal of this simulator; name another folder"
    return f"data folder {folder}: it cannot be used ({error}); expected a folder that can be written to"
