"""Reading a scenario of ten thousand steps against the C loader of yaml on the same bytes."""

from __future__ import annotations

import gc
from collections.abc import Callable
from time import process_time

import yaml

from benchmarks.figure import Figure, compared
from simulator.core.steps import Scenario
from simulator.scenario.reader import load_text

TARGET_RATIO = 0.7
STEPS = 10_000
PAIRS = 9
ROUND = """\
  - bet: {{amount: 1.00, id: b{number}}}
  - win: {{amount: 0.50, expect: accepted}}
  - bet: 0.50
  - resend: last
  - win: {{amount: 1.{cents:02d}, game: SLOT_002}}
  - balance
"""


def ten_thousand_steps() -> bytes:
    """Return a scenario in the forms that authors write."""
    rounds = STEPS // ROUND.count("\n")
    steps = "".join(ROUND.format(number=number, cents=number % 100) for number in range(rounds))
    rest = "  - balance\n" * (STEPS - rounds * ROUND.count("\n"))
    return f"name: Ten thousand steps\nplayer: {{balance: 100000.00}}\nsteps:\n{steps}{rest}".encode()


def figures() -> list[Figure]:
    """Return one figure. The simulator also checks every step and keeps its place; yaml makes plain dicts."""
    data = ten_thousand_steps()
    assert len(_ours(data)[0].steps) == STEPS
    was_on = gc.isenabled()
    gc.disable()
    try:
        return [
            compared(
                f"loader, {STEPS:,} steps read, checked and placed",
                lambda: _timed_ms(lambda: _ours(data)),
                lambda: _timed_ms(lambda: yaml.load(data, yaml.CSafeLoader)),
                pairs=PAIRS,
                unit="ms",
                target=TARGET_RATIO,
                against="CSafeLoader",
            )
        ]
    finally:
        if was_on:
            gc.enable()


def _ours(data: bytes) -> tuple[Scenario, ...]:
    return load_text(data, "scenario.yaml", _nothing_else)


def _nothing_else(path: str) -> bytes:
    raise FileNotFoundError(path)


def _timed_ms(load: Callable[[], object]) -> float:
    gc.collect()
    start = process_time()
    load()
    return (process_time() - start) * 1e3
