"""kill -9 in the middle of play: the next start delivers every obligation, and the money is right."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import serve_play_child
from scripted_server import Peer, ScriptedServer, reply
from serve_play import DOUBLE, Play, money_at, playing, wallet
from serve_play_child import PLAYERS, STAKE
from simulator.core.findings import CallVerdict, Outcome
from simulator.core.webhooks import Method
from simulator.judge.rulings import CAME_LATE
from simulator.reference_operator.server import OperatorServer
from simulator.serve.clock import Pace
from simulator.serve.entries import Entry, Filter
from simulator.serve.store import JournalStore
from small_wallet import Answer, Fields, SmallWallet, serving

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


# --- a wallet that applies a call only after the next start ----------------------------------------


class SlowWallet(SmallWallet):
    """Holds the first call of one method until it is told, and charges `too_much` with each bet."""

    def __init__(self, held: Method) -> None:
        super().__init__()
        self.held = held.value
        self.arrived, self.go_on, self.applied_late = (threading.Event() for _ in range(3))
        self.too_much = 0

    def answer_fields(self, fields: Fields) -> Answer:
        """Hold the first."""
        late = fields.get("method") == self.held and not self.arrived.is_set()
        if late:
            self.arrived.set()
            self.lock.release()
            self.go_on.wait()
            self.lock.acquire()
        answered = super().answer_fields(fields)
        if late:
            self.applied_late.set()
        return answered

    def bet(self, player: str, amount: int, transaction_id: str, game: str) -> Fields:
        """Charge a bet."""
        self.balances[player] -= self.too_much
        return super().bet(player, amount, transaction_id, game)

    def come_late(self) -> None:
        """Let the held call take effect."""
        self.go_on.set()
        assert self.applied_late.wait(20)


def fire(play: Play, method: Method, id_: str = "late", amount: str = "10.00") -> Entry:
    """Send a call for player 1000 by hand; what the journal says of it then."""
    fields = {"method": method.value, "user_id": "1000", "amount": amount, "transaction_id": id_}
    game = {} if method is Method.REFUND else {"game_id": "SLOT_001"}
    sent = play.delivery.by_hand.fire("demo", fields | game)
    entry = play.delivery.journal.entry(sent.numbers[0])
    assert entry is not None
    return entry


@contextmanager
def restarted(held: Method, folder: Path) -> Iterator[tuple[SlowWallet, Play]]:
    """A simulator that was stopped while the wallet held a call, and started again; it reads the balance."""
    slow = SlowWallet(held)
    with serving(slow) as url:
        with playing(url, folder=folder) as play:
            if held is Method.REFUND:
                fire(play, Method.BET)
            elif held is Method.WIN:
                fire(play, Method.BET, "refused", "900.00")
            cut_short = threading.Thread(target=fire, args=(play, held))
            cut_short.start()
            assert slow.arrived.wait(20)
            play.delivery.stop()
            cut_short.join()
        with playing(url, folder=folder) as play:
            play.delivery.open_wallet(play.session())
            yield slow, play


HELD = pytest.mark.parametrize("held", [Method.BET, Method.WIN, Method.REFUND])


@HELD
def test_a_call_that_takes_effect_only_after_the_next_start_accuses_no_later_one(
    tmp_path: Path, held: Method
) -> None:
    """The same gap once more is the wallet's mistake, though."""
    with restarted(held, tmp_path) as (slow, play):
        before = slow.balances["1000"]
        slow.come_late()
        gap = slow.balances["1000"] - before
        bet = fire(play, Method.BET, "next", "7.00")
        assert (bet.verdict, bet.reason, bet.findings) == (CallVerdict.OPEN, CAME_LATE, ())
        assert (bet.call.balance, bet.expected) == (before + gap - 700, before + gap - 700)
        assert fire(play, Method.BET, "another", "7.00").verdict is CallVerdict.RIGHT
        slow.too_much = -gap
        wrong = fire(play, Method.BET, "wrong", "7.00")
        assert wrong.findings
        assert wrong.reason != CAME_LATE


@HELD
def test_a_call_that_takes_effect_only_after_the_next_start_accuses_no_read(
    tmp_path: Path, held: Method
) -> None:
    with restarted(held, tmp_path) as (slow, play):
        assert fire(play, Method.BET, "next", "7.00").verdict is CallVerdict.RIGHT
        slow.come_late()
        read = play.delivery.read_balance(play.session())
        entry = play.delivery.journal.entry(read.numbers[0])
        assert entry is not None
        assert (entry.verdict, entry.reason, entry.findings) == (CallVerdict.OPEN, CAME_LATE, ())
        assert entry.expected == slow.balances["1000"]
        assert fire(play, Method.BET, "another", "7.00").verdict is CallVerdict.RIGHT


def test_a_bet_refused_because_an_earlier_one_came_late_is_not_accused(tmp_path: Path) -> None:
    with restarted(Method.BET, tmp_path) as (slow, play):
        slow.come_late()
        bet = fire(play, Method.BET, "next", "95.00")
        assert (bet.call.outcome, bet.verdict, bet.reason) == (Outcome.REFUSED, CallVerdict.OPEN, CAME_LATE)


def test_a_gap_that_no_late_call_explains_is_the_wallets(tmp_path: Path) -> None:
    with restarted(Method.BET, tmp_path) as (slow, play):
        slow.too_much = 700
        bet = fire(play, Method.BET, "next", "7.00")
        assert (bet.verdict, bet.reason) == (CallVerdict.WRONG, "")
        slow.too_much = 0
        slow.come_late()


def test_what_was_answered_after_the_start_comes_late_no_more(tmp_path: Path) -> None:
    """A bet whose refund was accepted cannot take effect again: the gap is a mistake."""
    with restarted(Method.BET, tmp_path) as (slow, play):
        slow.come_late()
        fire(play, Method.REFUND)
        slow.too_much = 1000
        assert fire(play, Method.BET, "next", "10.00").verdict is CallVerdict.WRONG


def test_a_call_from_before_the_start_may_come_late_after_the_balance_was_unknown_for_a_while(
    tmp_path: Path,
) -> None:
    """An old bet that is refused again says nothing about the balance, so the next read opens a new book."""
    with restarted(Method.WIN, tmp_path) as (slow, play):
        assert fire(play, Method.BET, "refused", "900.00").verdict is CallVerdict.UNJUDGED
        play.delivery.read_balance(play.session())
        slow.come_late()
        bet = fire(play, Method.BET, "next", "7.00")
        assert (bet.verdict, bet.reason) == (CallVerdict.OPEN, CAME_LATE)
