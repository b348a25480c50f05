"""`judge` of a long file of quiet calls against reading its lines as JSON."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.figure import Figure

PLAYERS = 10_000
CALLS = 500_000
READ = "import json, sys\nfor line in open(sys.argv[1]): json.loads(line)"


def figures() -> list[Figure]:
    """Return the time of `judge` on all processors, and the memory of its largest process."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "calls.ndjson")
        _write(file)
        script = str(Path(sys.executable).parent / "betrontech-sim")
        baseline = min(_seconds([sys.executable, "-c", READ, str(file)]) for _ in range(2))
        ours = min(_seconds([script, "judge", str(file)]) for _ in range(2))
        peak_kb = _peak_kb([script, "judge", str(file)])
    return [
        Figure(
            what=f"judge {CALLS:,} quiet calls of {PLAYERS:,} players",
            ours=ours,
            baseline=baseline,
            ratio=ours / baseline,
            unit="s",
            target=2.5,
            against="json.loads",
        ),
        Figure(what=f"memory, {CALLS:,} quiet calls judged", ours=peak_kb / 1000, unit="MB", target=150),
    ]


def _write(file: Path) -> None:
    """Write bets, wins, repeats and reads of a right wallet, the players mixed."""
    chance = random.Random(1)
    balances = dict.fromkeys(range(PLAYERS), 1_000_000)
    with file.open("w", encoding="utf-8") as out:
        for player, cents in balances.items():
            out.write(
                json.dumps({"type": "opening", "player": f"p{player}", "balance": _money(cents)}) + "\n"
            )
        for number in range(CALLS):
            player, amount, wins = chance.randrange(PLAYERS), chance.randint(1, 500), chance.random() < 0.4
            balances[player] += amount if wins else -amount
            line = {
                "type": "exchange", "player": f"p{player}",
                "method": "transaction_win" if wins else "transaction_bet", "transaction_id": f"t{number}",
                "amount": _money(amount), "game_id": "G1", "sent_ns": number * 1_000,
                "answered_ns": number * 1_000 + 500, "outcome": "accepted",
                "balance": _money(balances[player]),
            }  # fmt: skip
            out.write(json.dumps(line) + "\n")


def _money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


def _seconds(command: list[str]) -> float:
    begun = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun


def _peak_kb(command: list[str]) -> int:
    """Return the peak of the largest process among the command and its own. Linux and macOS."""
    program = (
        "import resource, subprocess, sys\n"
        "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *command], check=True, capture_output=True, text=True, env=os.environ
    )
    return int(re.findall(r"\d+", done.stdout)[-1])
