"""A simulator that plays until it is killed: `serve_play_child.py URL FOLDER`.

Four players in four threads, each round a win of twice its stake; every third win's reply and every fifth
bet's reply are lost. A line goes out for every round that ended.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from serve_play import DOUBLE, Play, playing
from simulator.core.money import Money
from simulator.core.webhooks import Method

PLAYERS = ("1000", "1001", "1002", "1003")
STAKE = Money(100)


def play_on(play: Play, number: int, player: str) -> None:
    """Play for ever."""
    session = play.session(player, number)
    play.delivery.open_wallet(session)
    while True:
        played = play.delivery.rounds_of(session)
        if played % 3 == 0:
            play.delivery.trouble.disturb_next(session.id, method=Method.WIN)
        elif played % 5 == 0:
            play.delivery.trouble.disturb_next(session.id, method=Method.BET)
        result = play.delivery.play(session, STAKE, drawn=DOUBLE)
        print(player, result.outcome, "pending" if result.pending else "done", flush=True)


def main(url: str, folder: str) -> None:
    """Play in threads until the process ends."""
    with playing(url, folder=Path(folder), ladder="patient") as play:
        threads = [
            threading.Thread(target=play_on, args=(play, number, player), daemon=True)
            for number, player in enumerate(PLAYERS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


if __name__ == "__main__":
    main(*sys.argv[1:])
