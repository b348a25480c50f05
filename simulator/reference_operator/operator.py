"""One running example wallet: wallet, webhook and database together, with the hooks that tests use."""

import sqlite3
from collections import Counter
from dataclasses import replace
from pathlib import Path
from threading import Lock

from simulator.reference_operator.calls import METHODS, read_cents
from simulator.reference_operator.database import Database, Player
from simulator.reference_operator.settings import OperatorSettings
from simulator.reference_operator.switches import (
    DEFECTS,
    DIALECTS,
    build_wallet_class,
    build_webhook_class,
    select,
)
from simulator.reference_operator.wallet import ACTIVE, ID_LENGTH_MAX, is_id
from simulator.reference_operator.webhook import Webhook, WebhookReply


class InvalidSetting(ValueError):
    """Raised for an amount, a database or a body of a seeding request that cannot be used."""


class Operator:
    """The example wallet as a whole. Raises UnknownName and InvalidSetting for settings that do not work."""

    def __init__(self, settings: OperatorSettings) -> None:
        self.parts = select("defect", settings.defects, DEFECTS) + select(
            "dialect", settings.dialects, DIALECTS
        )
        self.opening = read_setting("opening balance", settings.opening_balance)
        self.max_bet = None if settings.max_bet is None else read_setting("max bet", settings.max_bet)
        self.settings = settings
        self.calls: Counter[str] = Counter()
        self.calls_lock = Lock()
        self.database = open_database(settings.database)
        self.open_players()
        self.webhook = self.build_webhook()

    def build_webhook(self) -> Webhook:
        wallet = build_wallet_class(self.parts)(self.database, self.max_bet, self.settings.seed)
        return build_webhook_class(self.parts)(wallet)

    def open_players(self) -> None:
        with self.database.transaction() as books:
            for user_id in self.settings.user_ids:
                if books.player(user_id) is None:
                    books.open_player(Player(user_id, self.opening, self.opening, ACTIVE))

    def receive(self, body: bytes) -> WebhookReply:
        """Answer one webhook call."""
        webhook = self.webhook
        call, reply = webhook.receive(body)
        with self.calls_lock:
            self.calls[call.method if call.method in METHODS else "other"] += 1
        return reply

    def count_calls(self) -> dict[str, int]:
        """Return how often each method was called since the start; a `restart` does not reset it."""
        with self.calls_lock:
            return {method: self.calls[method] for method in (*METHODS, "other")}

    def restart(self) -> None:
        """Forget everything that is only in memory, as a restarted process does, and reopen the database."""
        self.database.reopen()
        self.webhook = self.build_webhook()

    def seed_player(self, user_id: object, balance: object, status: object, blocked: object) -> Player:
        """Create a player, or reset an existing one. Raises InvalidSetting."""
        if not is_id(user_id):
            raise InvalidSetting(
                f"user_id must be text of 1 to {ID_LENGTH_MAX} characters, found {user_id!r}"
            )
        if not isinstance(blocked, bool):
            raise InvalidSetting(f"blocked must be true or false, found {blocked!r}")
        if not isinstance(status, int) or isinstance(status, bool):
            raise InvalidSetting(f"status must be a whole number such as 1, found {status!r}")
        cents = read_setting("balance", balance)
        player = Player(user_id, cents, cents, 0 if blocked else status)
        with self.database.transaction() as books:
            books.open_player(player)
        return player

    def find_player(self, user_id: str) -> tuple[Player, int] | None:
        """Return the player and the number of effects on the balance, or None for an unknown player."""
        with self.database.transaction() as books:
            player = books.player(user_id)
            return (player, books.effects_count(user_id)) if player else None

    def set_status(self, user_id: str, status: int) -> Player | None:
        """Block (0) or unblock (1) a player; return None for an unknown one."""
        with self.database.transaction() as books:
            player = books.player(user_id)
            if player is None:
                return None
            books.set_status(user_id, status)
        return replace(player, status=status)

    def close(self) -> None:
        self.database.close()


def open_database(path: Path | None) -> Database:
    try:
        return Database(path)
    except sqlite3.Error as error:
        raise InvalidSetting(f"cannot use {path} as a database: {error}") from error


def read_setting(name: str, amount: object) -> int:
    cents = read_cents(amount)
    if cents is None:
        raise InvalidSetting(f'{name} must be text with two decimals such as "100.00", found {amount!r}')
    return cents
