"""Calls a second of a worker of `load`, each recorded, beside bare Locust: the wallet answers at once."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import bare_locust, wallet
from benchmarks.figure import Figure, compared
from simulator.load.launch import LoadOptions, run_load
from simulator.load.plan import DEFAULT_MIX, read_mix
from simulator.settings import load_run_settings

SECONDS = 4.0
USERS = 20
PAIRS = 5


def figures() -> list[Figure]:
    """Return one figure: in calls a second, the target is 0.8 of the baseline, so in time a call 1 / 0.8."""
    with wallet.running() as operator:
        return [
            compared(
                "a call of a load, one worker",
                lambda: 1e6 / _loaded(operator.endpoint),
                lambda: 1e6 / _bare(operator.endpoint),
                pairs=PAIRS,
                unit="µs",
                target=1.25,
                against="bare FastHttpUser",
            )
        ]


def _loaded(endpoint: str) -> float:
    players = (f"1000..{999 + USERS}",)
    settings = load_run_settings({"endpoint": endpoint, "players": players})
    with tempfile.TemporaryDirectory() as folder:
        options = LoadOptions(
            users=USERS, seconds=SECONDS, mix=tuple(read_mix(DEFAULT_MIX)), folder=Path(folder)
        )
        result = run_load(settings, options, _quiet, None)
    assert result.figures is not None, result.why
    return result.figures.calls_per_s


def _bare(endpoint: str) -> float:
    return bare_locust.calls_per_s(bare_locust.start(endpoint, SECONDS, USERS, 5000))


def _quiet(_kind: str, _facts: Mapping[str, Any]) -> None:
    """Print nothing."""
