"""How far one has to walk to follow a bet: one real run, with each call of a function of the simulator noted.

The run goes through the public API against an example wallet in this process, in a process that has not run
anything before. The wallet's own files are not counted, and neither are the reports: the run tells its events
to a function of this file.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import FrameType

import simulator
from simulator import OperatorServer, RunSettings, run_suite

SCENARIO = """\
name: Three plain bets
player: {balance: "100.00"}
steps:
  - bet: "10.00"
  - bet: "10.00"
  - bet: "10.00"
"""
HOME = str(Path(simulator.__file__).parent) + os.sep
WALLET = HOME + "reference_operator" + os.sep


@dataclass(frozen=True, slots=True)
class Walk:
    """The files that a part of a run went through, and how often it went from one into another."""

    files: tuple[str, ...]
    changes: int


@dataclass(frozen=True, slots=True)
class Walks:
    """`bet` is the last of three bets, from the end of the step before to its own end."""

    bet: Walk
    verdict: Walk


def walks() -> Walks:
    """Run three bets once and say where the last one, and the whole way to the verdict, went."""
    called: list[str] = []
    marks: list[tuple[str, int]] = []
    with tempfile.TemporaryDirectory() as folder, OperatorServer() as wallet:
        file = Path(folder) / "bets.yaml"
        file.write_text(SCENARIO, "utf-8")
        settings = RunSettings(endpoint=wallet.endpoint, players=("1000",), paths=(str(file),))
        with _noted(called):
            code = run_suite(settings, lambda event: marks.append((type(event).__name__, len(called))))
    if code != 0:
        raise RuntimeError(f"the run must pass to be measured, and ended with exit code {code}")
    steps = [at for name, at in marks if name == "StepFinished"]
    [verdict] = [at for name, at in marks if name == "ScenarioFinished"]
    return Walks(bet=_walk(called[steps[-2] : steps[-1]]), verdict=_walk(called[:verdict]))


@contextmanager
def _noted(called: list[str]) -> Iterator[None]:
    """Note the file of each function that is called, in every thread that starts meanwhile."""

    def note(frame: FrameType, event: str, _argument: object) -> None:
        name = frame.f_code.co_filename
        if event == "call" and name.startswith(HOME) and not name.startswith(WALLET):
            called.append(name.removeprefix(HOME))

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def _walk(called: list[str]) -> Walk:
    changes = sum(before != after for before, after in pairwise(called))
    return Walk(tuple(sorted(set(called))), changes)
