"""A whole step (transport, exact JSON, ledger, events, terminal report) against a bare call."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from time import perf_counter

from benchmarks import bare, wallet
from benchmarks.figure import Figure, compared
from simulator.cli.run_reports import open_reports
from simulator.run.suite import run_suite
from simulator.settings import load_run_settings

STEPS = 1_000
PAIRS = 31
SCENARIO = f"name: Steps\nsteps:\n  - repeat: {{times: {STEPS // 2}, steps: [bet: 10.00, win: 10.00]}}\n"


def figures() -> list[Figure]:
    """Return one figure."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder), wallet.running() as operator:
        Path("steps.yaml").write_text(SCENARIO, "utf-8")
        connection = bare.connect(operator.port)
        body = (bare.BODY % ("bet", "2000", "r-1")).encode()

        def bare_us() -> float:
            start = perf_counter()
            for _ in range(STEPS):
                bare.call(connection, body)
            return (perf_counter() - start) / STEPS * 1e6

        return [
            compared(
                "a whole step",
                lambda: _step_us(operator.endpoint),
                bare_us,
                pairs=PAIRS,
                unit="µs",
                target=1.5,
                against="bare http.client",
            )
        ]


def _step_us(endpoint: str) -> float:
    """Return the microseconds per step; preflight and opening are included, ten calls of a thousand."""
    settings = load_run_settings({"endpoint": endpoint, "players": ("1000",)}, ("steps.yaml",))
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        start = perf_counter()
        with open_reports(settings) as reports:
            code = run_suite(settings, reports.on)
        took = perf_counter() - start
    if code != 0:
        raise SystemExit(f"the run ended with {code}")
    return took / STEPS * 1e6
