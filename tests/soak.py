"""Play for long with faults of all kinds, and see that nothing is owed, lost or wrong, and memory stays flat.

`python -m soak WEBHOOKS` plays in this process, against a reference operator in it; `make soak` runs it.
"""

from __future__ import annotations

import random
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from serve_play import Play, money_at, playing
from simulator.core.calls import FaultKind
from simulator.core.findings import CallVerdict
from simulator.core.money import Money, format_money
from simulator.reference_operator import OperatorSettings
from simulator.reference_operator.server import OperatorServer
from simulator.serve.by_hand import RoundTrouble
from simulator.serve.clock import Pace
from simulator.serve.entries import Filter
from simulator.serve.gunicorn import use_few_arenas
from simulator.serve.turns import PlayerBusy

WEBHOOKS = 200_000
PLAYERS = tuple(str(number) for number in range(1000, 1020))
FAULTS = tuple(kind for kind in FaultKind if kind is not FaultKind.DELAY)
QUARTERS = 4
GROWTH_MAX = 1.05
DRAIN_S = 120.0


@dataclass(slots=True)
class Soak:
    """What is left when all have played.

    `memory_kib` is the resident memory after each quarter. The books of the players fill up to 2,000 calls
    each, once: in a whole soak they do within the first quarter.
    """

    webhooks: int = 0
    owed: int = 0
    wrong: int = 0
    unequal: list[str] = field(default_factory=list)
    memory_kib: list[int] = field(default_factory=list)

    @property
    def problems(self) -> list[str]:
        """Sentences about what is not as it should be; the memory counts only for whole soaks."""
        found = list(self.unequal)
        if self.owed:
            found.append(f"{self.owed} calls are still owed")
        if self.wrong:
            found.append(f"{self.wrong} calls are judged wrong, of a wallet that is right")
        return found

    @property
    def growth(self) -> float:
        """Memory after the last quarter, as a multiple of that after the first."""
        return self.memory_kib[-1] / self.memory_kib[0]


def resident_kib() -> int:
    """The memory that this process has in use now."""
    status = Path("/proc/self/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")))


def play_on(play: Play, player: str, number: int, webhooks: int) -> None:
    """Play rounds, one in four with a fault, one in eight with a trouble, until that many calls are sent."""
    chosen, delivery = random.Random(number), play.delivery
    session = play.session(player, number)
    delivery.open_wallet(session)
    while delivery.wallet_calls.charged < webhooks:
        if chosen.random() < 1 / 4:
            delivery.trouble.disturb_next(session.id, chosen.choice(FAULTS))
        if chosen.random() < 1 / 8:
            delivery.trouble.disturb_round(session.id, chosen.choice(tuple(RoundTrouble)))
        # On a machine with too much to do, the turn before may take its whole time: the player tries again.
        with suppress(PlayerBusy):
            delivery.play(session, Money(chosen.randint(1, 500)))


def soak(folder: Path, webhooks: int, players: Sequence[str] = PLAYERS) -> Soak:
    """Let all players play, deliver what is owed, and compare ledger and wallet."""
    found = Soak()
    settings = OperatorSettings(opening_balance="1000000.00", database=folder / "operator.sqlite3")
    with (
        OperatorServer(settings) as server,
        playing(
            server.endpoint, folder=folder / "data", ladder="hammer", pace=Pace.AT_ONCE, timeout_s=0.3
        ) as play,
    ):
        for quarter in range(1, QUARTERS + 1):
            sent = webhooks * quarter // QUARTERS
            threads = [
                threading.Thread(target=play_on, args=(play, player, number, sent), daemon=True)
                for number, player in enumerate(players)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            found.memory_kib.append(resident_kib())
        drained = play.delivery.drained(DRAIN_S)
        found.webhooks = play.delivery.wallet_calls.charged
        found.owed = len(play.delivery.pending()) + len(play.delivery.undelivered()) + (not drained)
        found.wrong = play.delivery.journal.count(Filter(verdict=CallVerdict.WRONG.value))
        for player in players:
            play.delivery.read_balance(play.session(player))
            law, wallet = play.delivery.referees.balances(("demo", player)), money_at(server, player)
            if law != (wallet,):
                shown = ", ".join(map(format_money, law))
                found.unequal.append(f"{player}: the ledger has {shown}, the wallet {format_money(wallet)}")
    return found


def main(webhooks: str = str(WEBHOOKS)) -> int:
    """Soak, print what came of it, and return 1 if something is not as it should be."""
    use_few_arenas()
    with tempfile.TemporaryDirectory() as folder:
        found = soak(Path(folder), int(webhooks))
    memory = ", ".join(f"{kib // 1024} MiB" for kib in found.memory_kib)
    problems = list(found.problems)
    if found.growth > GROWTH_MAX:
        problems.append(f"memory grew {found.growth:.2f} times from the first to the last quarter")
    print(f"{found.webhooks} webhooks, memory after each quarter: {memory}")
    print("\n".join(problems) or "nothing owed, ledger and wallet equal, memory flat")
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
