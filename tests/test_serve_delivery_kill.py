"""kill -9 in the middle of play: the next start delivers every obligation, and the money is right."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

import serve_play_child
from scripted_server import Peer, ScriptedServer, reply
from serve_play import DOUBLE, money_at, playing, wallet
from serve_play_child import PLAYERS, STAKE
from simulator.core.findings import CallVerdict, Outcome
from simulator.reference_operator.server import OperatorServer
from simulator.serve.clock import Pace
from simulator.serve.entries import Filter
from simulator.serve.store import JournalStore

ROUNDS_BEFORE_KILL = 40


def play_until_killed(url: str, folder: Path, rounds: int) -> None:
    """A real process that plays so many rounds, at least one of them with something pending, and dies."""
    child = subprocess.Popen(
        [sys.executable, serve_play_child.__file__, url, str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    seen = [child.stdout.readline() for _ in range(rounds)]
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    child.stdout.close()
    assert any("pending" in line for line in seen), seen


def owed_in(folder: Path) -> list[tuple[str, str, bytes]]:
    """Method, transaction_id and body of everything that the dead process had written down."""
    store = JournalStore(folder)
    found = store.read("SELECT method, transaction_id, body FROM obligations")
    store.close()
    return [(row[0], row[1], row[2]) for row in found]


def effects_of(server: OperatorServer, player: str) -> dict[tuple[str, str], int]:
    """What the operator's database remembers: (method, transaction_id) → by how much the balance moved."""
    with server.operator.database.transaction() as books:
        rows = books.execute("SELECT method, transaction_id, moved FROM effects WHERE user_id = ?", (player,))
        return {(method, transaction): moved for method, transaction, moved in rows.fetchall()}


def win_of(bet_id: str) -> str:
    """The id that the win of that bet has."""
    run, number = bet_id.removeprefix("bet").rsplit("-", 1)
    return f"win{run}-{int(number) + 1}"


def test_every_call_of_a_killed_simulator_is_in_its_journal(tmp_path: Path) -> None:
    """A bet that was under way, too: it has no answer, and nobody is accused of it."""
    with wallet() as server:
        play_until_killed(server.endpoint, tmp_path, ROUNDS_BEFORE_KILL)
        with playing(server.endpoint, folder=tmp_path, ladder="patient", pace=Pace.AT_ONCE) as play:
            assert play.delivery.drained(30)
            journal = play.delivery.journal
            for player in PLAYERS:
                for method, transaction in effects_of(server, player):
                    wanted = Filter(player=player, method=method, transaction_id=transaction)
                    assert journal.latest(wanted), (player, method, transaction)
            assert journal.count(Filter(verdict=CallVerdict.WRONG)) == 0


def test_a_call_that_is_under_way_is_in_the_journal(tmp_path: Path) -> None:
    """It is written down before it is sent, so the wallet's own look at the journal finds it."""
    found: list[int] = []

    def look(peer: Peer) -> None:
        while peer.request():
            found.append(play.delivery.journal.count(Filter(outcome=Outcome.UNKNOWN.value)))
            peer.send(reply())

    with ScriptedServer(look) as server, playing(server.url(), folder=tmp_path) as play:
        play.delivery.play(play.session(), STAKE, drawn=DOUBLE)
        assert set(found) == {1}
        assert play.delivery.journal.count(Filter(outcome=Outcome.UNKNOWN.value)) == 0


@pytest.mark.parametrize("kills", [1, 2], ids=["killed once", "killed while it catches up"])
def test_after_kill_9_everything_owed_is_delivered_and_the_money_is_right(tmp_path: Path, kills: int) -> None:
    with wallet() as server:
        for _ in range(kills):
            play_until_killed(server.endpoint, tmp_path, ROUNDS_BEFORE_KILL)
        owed = owed_in(tmp_path)
        assert owed
        with playing(server.endpoint, folder=tmp_path, ladder="patient", pace=Pace.AT_ONCE) as play:
            assert play.delivery.drained(30)
            assert play.delivery.undelivered() == []
            for method, transaction, body in owed:
                sent = play.delivery.journal.latest(Filter(transaction_id=transaction, method=method))
                assert sent[0].call.outcome is not Outcome.UNKNOWN
                assert {entry.call.exchange.wire.body for entry in sent} == {body}
            assert play.delivery.journal.count(Filter(verdict=CallVerdict.WRONG)) == 0
        for player in PLAYERS:
            effects = effects_of(server, player)
            for (method, transaction), moved in list(effects.items()):
                if method == "transaction_bet":
                    refunded = effects.get(("refund", transaction), 0)
                    won = effects.get(("transaction_win", win_of(transaction)), 0)
                    assert moved == -STAKE
                    assert (refunded, won) in ((STAKE, 0), (0, 2 * STAKE)), (transaction, refunded, won)
            assert money_at(server, player) == 10000 + sum(effects.values())
