"""Reading a scenario of ten thousand steps against yaml's C loader on the same bytes, from the same run."""

from __future__ import annotations

import gc
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from time import process_time

import yaml

from simulator.core.scenario import Scenario
from simulator.core.scenario_yaml import load_text

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


@dataclass(frozen=True, slots=True)
class Figure:
    """Milliseconds a file, the medians over all pairs; `ratio` is the median of the pairs' ratios."""

    ours_ms: float
    yaml_ms: float
    ratio: float


def ten_thousand_steps() -> bytes:
    """A scenario in the forms that authors write."""
    rounds = STEPS // ROUND.count("\n")
    steps = "".join(ROUND.format(number=number, cents=number % 100) for number in range(rounds))
    rest = "  - balance\n" * (STEPS - rounds * ROUND.count("\n"))
    return f"name: Ten thousand steps\nplayer: {{balance: 100000.00}}\nsteps:\n{steps}{rest}".encode()


def measure() -> Figure:
    """Ours reads, checks and places every step; yaml's gives plain lists and dicts, with floats."""
    data = ten_thousand_steps()
    assert len(_ours(data)[0].steps) == STEPS
    was_on = gc.isenabled()
    gc.disable()
    try:
        pairs = [
            (_timed(lambda: _ours(data)), _timed(lambda: yaml.load(data, yaml.CSafeLoader)))
            for _ in range(PAIRS)
        ]
    finally:
        if was_on:
            gc.enable()
    ours_s, yaml_s = (statistics.median(times) for times in zip(*pairs, strict=True))
    ratio = statistics.median(ours / theirs for ours, theirs in pairs)
    return Figure(ours_s * 1e3, yaml_s * 1e3, ratio)


def _ours(data: bytes) -> tuple[Scenario, ...]:
    return load_text(data, "scenario.yaml", _nothing_else)


def _nothing_else(path: str) -> bytes:
    raise FileNotFoundError(path)


def _timed(load: Callable[[], object]) -> float:
    gc.collect()
    start = process_time()
    load()
    return process_time() - start


def lines() -> list[str]:
    """What `make bench` prints."""
    figure = measure()
    return [
        f"loader, {STEPS:,} steps parsed, validated and placed: {figure.ours_ms:.0f} ms, "
        f"CSafeLoader {figure.yaml_ms:.0f} ms, ratio {figure.ratio:.2f} (target ≤ {TARGET_RATIO})"
    ]


if __name__ == "__main__":
    print("\n".join(lines()))
