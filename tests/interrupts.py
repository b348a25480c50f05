"""Interrupt and kill runs at random moments against a slow wallet: each player has its balance again.

`python interrupts.py [SEED [SECONDS]]` interrupts 30 runs and kills 10, of a wallet that takes so long for a
call; `make interrupts` runs it.
"""

from __future__ import annotations

import json
import random
import signal
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from command_line import SECONDS_MAX, simulate, start
from small_wallet import OPENING_CENTS, PLAYERS, Answer, SmallWallet, serving

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
INTERRUPTED, KILLED = 30, 10
CALLS_MAX = 150
SLOW_S = 0.09
PATHS = ("scenarios/concurrency/ten-bets.yaml", "scenarios/rounds", "scenarios/timeouts")
FLAGS = ("--player", "1000..1001", "-j", "2", "--faults", "lost_reply,duplicate")
REPORTS = ("junit:run.xml", "json:run.json", "ndjson:run.ndjson")


class SlowWallet(SmallWallet):
    """A right wallet that takes its time before it applies a call and before it answers.

    It serves one call after the other, or with `at_once` several. A run is ended at call number `at`.
    """

    lock: AbstractContextManager[object]  # type: ignore[assignment]  # or none at all

    def __init__(self, at: int, *, at_once: bool, slow_s: float = SLOW_S) -> None:
        super().__init__()
        self._slow_s = slow_s
        self._at = at
        self._changed = threading.Condition()
        self._begun = self._under_way = 0
        self._money = threading.Lock()
        self._pace = threading.Event()
        self.reached = threading.Event()
        self.lock = nullcontext() if at_once else threading.Lock()

    def answer(self, http_method: str, content_type: str, body: bytes) -> Answer:
        """Answer slowly, and count."""
        with self._changed:
            self._begun += 1
            self._under_way += 1
            if self._begun == self._at:
                self.reached.set()
        self._pace.wait(self._slow_s * 2 / 3)
        with self._money:
            answer = super().answer(http_method, content_type, body)
        self._pace.wait(self._slow_s / 3)
        with self._changed:
            self._under_way -= 1
            self._changed.notify_all()
        return answer

    def settled(self) -> None:
        """Wait until every call that came has been applied."""
        with self._changed:
            assert self._changed.wait_for(lambda: not self._under_way, SECONDS_MAX)


@dataclass(slots=True)
class Ended:
    """One run that was ended: how, and what was not as it should be. `restored`: it took another command."""

    number: signal.Signals
    at: int
    problems: list[str] = field(default_factory=list)
    restored: bool = False


def end_one(folder: Path, number: signal.Signals, at: int, *, at_once: bool, slow_s: float = SLOW_S) -> Ended:
    """Start a run, send the signal at that call, and look at the balances and the reports."""
    ended = Ended(number, at)
    wallet = SlowWallet(at, at_once=at_once, slow_s=slow_s)
    with serving(wallet) as endpoint:
        reports = [part for report in REPORTS for part in ("--report", report)]
        process = start("run", *PATHS, "--endpoint", endpoint, *FLAGS, *reports, folder=folder)
        assert wallet.reached.wait(SECONDS_MAX)
        process.send_signal(number)
        errors = process.communicate(timeout=SECONDS_MAX)[1]
        if number is not signal.SIGKILL and process.returncode != 2:
            ended.problems.append(f"exit code {process.returncode} instead of 2")
        wallet.settled()
        if balances_on_disk(folder):
            ended.restored = True
            errors += simulate("restore", "--endpoint", endpoint, folder=folder).stderr
        wallet.settled()
    if errors:
        ended.problems.append(f"standard error: {errors.strip()}")
    for player in PLAYERS:
        if wallet.balances[player] != OPENING_CENTS:
            ended.problems.append(f"player {player} has {wallet.written(wallet.balances[player])}")
    if balances_on_disk(folder):
        ended.problems.append("balances are still on disk")
    ended.problems += broken_reports(folder, whole=number is not signal.SIGKILL)
    return ended


def balances_on_disk(folder: Path) -> bool:
    """Return whether a run has left balances to put back."""
    return any((folder / ".betrontech-sim" / "balances").glob("*"))


def broken_reports(folder: Path, *, whole: bool) -> list[str]:
    """Return what is wrong with the files; after a kill, JUnit and JSON may be absent."""
    problems = []
    for name, read in (("run.xml", ElementTree.fromstring), ("run.json", json.loads)):
        file = folder / name
        if file.exists() or whole:
            try:
                read(file.read_text("utf-8"))
            except (OSError, ValueError, ElementTree.ParseError) as error:
                problems.append(f"{name}: {error}")
    lines = (folder / "run.ndjson").read_text("utf-8").split("\n")
    if lines.pop():
        problems.append("run.ndjson: the last line is cut")
    problems += [f"run.ndjson: {line}" for line in lines if not line.startswith("{") or line[-1] != "}"]
    judged = simulate("judge", "run.ndjson", folder=folder)
    if judged.returncode == 1:
        problems.append(f"judge accuses a right wallet: {judged.stdout}")
    return problems


def campaign(
    folder: Path, numbers: Sequence[signal.Signals], seed: int, calls_max: int, slow_s: float = SLOW_S
) -> list[Ended]:
    """End a run with each of the signals, at moments that the seed draws."""
    chosen = random.Random(seed)
    ends = []
    for index, number in enumerate(numbers):
        own = folder / str(index)
        own.mkdir()
        at = chosen.randint(1, calls_max)
        ends.append(end_one(own, number, at, at_once=bool(index % 2), slow_s=slow_s))
    return ends


def main(seed: str = "1", slow_s: str = str(SLOW_S)) -> int:
    """End all runs, print what came of them, and return 1 if something is not as it should be."""
    # A shell starts what it runs in the background with interrupts ignored, and the runs would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    numbers = [*(SIGNALS[each % len(SIGNALS)] for each in range(INTERRUPTED)), *[signal.SIGKILL] * KILLED]
    with tempfile.TemporaryDirectory() as folder:
        ends = campaign(Path(folder), numbers, int(seed), CALLS_MAX, float(slow_s))
    for end in ends:
        for problem in end.problems:
            print(f"{end.number.name} at call {end.at}: {problem}")
    right = sum(not end.problems for end in ends)
    late = sum(end.restored for end in ends if end.number is not signal.SIGKILL)
    print(f"{right} of {len(ends)} runs ended with each balance put back and each file whole")
    print(
        f"{late} of the {INTERRUPTED} that were interrupted had no time for it, and the next command did it"
    )
    return 0 if right == len(ends) else 1


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
