"""What the journal's pages count: kinds of findings, a player's balances, players. Queries of its tables."""

from __future__ import annotations

from simulator.core.findings import Severity
from simulator.core.frozen import Frozen
from simulator.core.money import Money
from simulator.delivery.journal_rows import money_of
from simulator.delivery.journal_store import JournalStore


class FindingCount(Frozen):
    """Findings of one kind: `latest` is the number of the last exchange that showed it."""

    rule: str
    severity: Severity
    cause: str
    message: str
    why: str
    count: int
    first: int
    latest: int


class BalancePoint(Frozen):
    """A player's balance at one exchange: as answered, and as the ledger has it."""

    number: int
    at_ms: int
    answered: Money | None
    expected: Money | None


class PlayerCount(Frozen):
    """A player in the journal: how many exchanges, and the last of them."""

    agent: str
    player: str
    exchanges: int
    latest: int


def finding_counts(store: JournalStore, *, limit: int) -> list[FindingCount]:
    """Every kind of finding, the latest first."""
    rows = store.read(
        "SELECT rule, severity, cause, message, why, count(*), min(number), max(number) FROM findings "
        "GROUP BY rule, severity, cause, message, why ORDER BY max(number) DESC LIMIT ?",
        (limit,),
    )
    return [FindingCount(row[0], Severity(row[1]), *row[2:]) for row in rows]


def balance_points(store: JournalStore, agent: str, player: str, *, limit: int) -> list[BalancePoint]:
    """The player's latest balances, oldest first."""
    rows = store.read(
        "SELECT number, at_ms, balance, expected FROM exchanges WHERE player = ? AND agent = ? AND "
        "(balance IS NOT NULL OR expected IS NOT NULL) ORDER BY number DESC LIMIT ?",
        (player, agent, limit),
    )
    return [BalancePoint(row[0], row[1], money_of(row[2]), money_of(row[3])) for row in reversed(rows)]


def player_counts(store: JournalStore, *, limit: int) -> list[PlayerCount]:
    """The players that have exchanges, the latest first."""
    rows = store.read(
        "SELECT agent, player, count(*), max(number) FROM exchanges WHERE player != '' "
        "GROUP BY player, agent ORDER BY max(number) DESC LIMIT ?",
        (limit,),
    )
    return [PlayerCount(*row) for row in rows]
