"""Wallets whose money is right and whose balance reads are not: no money is accused."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from simulator.core.findings import Verdict
from simulator.errors import ExitCode
from small_wallet import OPENING_CENTS, Fields, SmallWallet
from suite_runs import causes, played

REFUND = "steps:\n  - bet: {amount: 5.00, id: b1}\n  - refund: b1\n"
ROUND = "steps:\n  - bet: 5.00\n  - win: 7.00\n"


class CachesReads(SmallWallet):
    """`user_balance` looks at every fourth read; answers are right."""

    def __init__(self) -> None:
        super().__init__()
        self.cached: dict[str, Fields] = {}
        self.reads = 0

    def call(self, fields: Fields) -> Fields:
        player = self.player_of(fields)
        if fields.get("method") != "user_balance":
            return super().call(fields)
        self.reads += 1
        if self.reads % 4 == 1 or player not in self.cached:
            self.cached[player] = self.accepted(player)
        return self.cached[player]


class ReadsReplica(SmallWallet):
    """`user_balance` is an eighth of a second behind."""

    def __init__(self) -> None:
        super().__init__()
        self.past: list[tuple[float, int]] = []

    def move(self, player: str, cents: int) -> Fields:
        self.past.append((time.monotonic(), self.balances[player]))
        return super().move(player, cents)

    def call(self, fields: Fields) -> Fields:
        if fields.get("method") == "user_balance":
            self.player_of(fields)
            then = time.monotonic() - 0.125
            behind = [balance for moved, balance in self.past if moved > then]
            if behind:
                return {"status": 1, "balance": self.written(behind[0])}
        return super().call(fields)


@pytest.mark.parametrize("kind", [CachesReads, ReadsReplica])
def test_reads_that_are_behind_are_not_taken_for_money(kind: type[SmallWallet], tmp_path: Path) -> None:
    """However often it happens, and in whichever read: the money is right and the reads are wrong."""
    texts = [
        ROUND,
        "player: {balance: 70.00}\n" + REFUND,
        "steps:\n  - bet: 1.00\n  - bet: all+1.00\n",
        ROUND,
    ]
    run = played(kind(), tmp_path, *texts)
    assert run.exit_code is ExitCode.FOUND
    assert causes(run) <= {"stale-read", "read-contradicts-answers"}


class PaysWinsAgain(CachesReads):
    """Its reads are cached, and a win that is sent again is credited again."""

    def win(self, player: str, amount: int, transaction_id: str, game: str) -> Fields:
        self.applied.pop((player, "win", transaction_id), None)
        return super().win(player, amount, transaction_id, game)


def test_reads_that_are_behind_hide_no_other_mistake(tmp_path: Path) -> None:
    """After some scenarios the answers are judged by themselves, and players are prepared by them, too."""
    again = "steps:\n  - bet: 5.00\n  - win: {amount: 7.00, id: w}\n  - resend: w\n"
    wallet = PaysWinsAgain()
    run = played(wallet, tmp_path, ROUND, ROUND, ROUND, again, "player: {balance: 70.00}\n" + ROUND)
    assert causes(run) == {"stale-read", "repeated-win-credited-again"}
    *_, last = run.finished.values()
    assert last.verdict is Verdict.INCONCLUSIVE
    assert "only its answers were judged" in last.reason
    assert wallet.balances["1000"] == OPENING_CENTS


class ShowsNeighbour(SmallWallet):
    """`user_balance` shows another player's money each third time."""

    def __init__(self) -> None:
        super().__init__()
        self.balances["1001"] = 777_77
        self.reads = 0

    def call(self, fields: Fields) -> Fields:
        if fields.get("method") == "user_balance":
            self.reads += 1
            if self.reads % 3 == 0:
                return self.accepted("1001")
        return super().call(fields)


def test_another_players_balance_is_not_called_an_older_one(tmp_path: Path) -> None:
    """The number that was shown was never this player's."""
    assert causes(played(ShowsNeighbour(), tmp_path, ROUND, REFUND)) == {"read-contradicts-answers"}
