"""One queue a player: with many threads at once, no win overtakes its bet and no two calls overlap."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

from scripted_server import Peer, ScriptedServer, reply
from serve_play import DOUBLE, LOSS, playing, wallet
from simulator.core.findings import CallVerdict, Outcome
from simulator.core.money import Money
from simulator.serve.entries import Filter

THREADS = 32
ROUNDS = 6
PLAYERS = 4


class Turnstile:
    """An operator that notices two calls for one player at once, and remembers their order."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside: set[str] = set()
        self.overlaps = 0
        self.order: dict[str, list[tuple[str, str]]] = defaultdict(list)

    def script(self, peer: Peer) -> None:
        """Take a moment over each call; every third win is not answered once."""
        while request := peer.request():
            call = json.loads(request.partition(b"\r\n\r\n")[2])
            player = call["user_id"]
            with self._lock:
                self.overlaps += player in self._inside
                self._inside.add(player)
                asked = (call["method"], call.get("transaction_id", "-0"))
                self.order[player].append(asked)
                seen = self.order[player].count(asked)
            peer.server.ending.wait(0.002)
            with self._lock:
                self._inside.discard(player)
            number = int(asked[1].rpartition("-")[2])
            if asked[0] == "transaction_win" and number % 3 == 0 and seen == 1:
                return
            peer.send(reply())


def test_no_win_overtakes_its_bet_under_thirty_two_threads() -> None:
    turnstile = Turnstile()
    with ScriptedServer(turnstile.script) as server, playing(server.url()) as play:

        def spins(thread: int) -> list[Outcome]:
            session = play.session(str(thread % PLAYERS), thread)
            return [play.delivery.play(session, Money(100), drawn=DOUBLE).outcome for _ in range(ROUNDS)]

        with ThreadPoolExecutor(THREADS) as threads:
            outcomes = [each for spun in threads.map(spins, range(THREADS)) for each in spun]
        assert play.delivery.drained(20)
    assert outcomes == [Outcome.ACCEPTED] * (THREADS * ROUNDS)
    assert turnstile.overlaps == 0
    for order in turnstile.order.values():
        bets = [transaction for method, transaction in order if method == "transaction_bet"]
        wins = {transaction for method, transaction in order if method == "transaction_win"}
        assert len(bets) == len(set(bets)) == len(wins) == THREADS * ROUNDS / PLAYERS
        for transaction in wins:
            run, number = transaction.removeprefix("win").rsplit("-", 1)
            bet = f"bet{run}-{int(number) - 1}"
            assert order.index(("transaction_bet", bet)) < order.index(("transaction_win", transaction))


def test_many_players_at_once_leave_the_wallet_with_what_the_ledger_expects() -> None:
    with wallet() as server, playing(server.endpoint) as play:
        sessions = [play.session(str(1000 + number), number) for number in range(8)]
        for session in sessions:
            play.delivery.open_wallet(session)

        def spins(session: object) -> None:
            for turn in range(5):
                play.delivery.play(session, Money(100), drawn=DOUBLE if turn % 2 else LOSS)  # type: ignore[arg-type]

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(spins, sessions))
        journal = play.delivery.journal
        assert journal.count(Filter(verdict=CallVerdict.WRONG)) == 0
        assert journal.count(Filter(verdict=CallVerdict.RIGHT)) >= 8 * 8
        for session in sessions:
            found = server.operator.find_player(session.launch.player)
            assert found is not None
            assert play.delivery.referees.balances(("demo", session.launch.player)) == (found[0].balance,)
