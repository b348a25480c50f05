"""The start of the simulator against Python processes that import one library or make bare calls.

All of them find compiled bytecode, as after an installation by pip; here it is in a folder of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import monotonic_ns

from benchmarks import wallet
from benchmarks.figure import Figure, compared

COMMAND = str(Path(sys.executable).with_name("betrontech-sim"))
PAIRS = 15
STEPS = 1_000
ONE_STEP = "name: One step\nsteps:\n  - bet: 10.00\n"
MANY_STEPS = "name: Many steps\nsteps:\n" + "  - bet: 10.00\n  - win: 10.00\n" * (STEPS // 2)


def figures() -> list[Figure]:
    """Return three figures: help, the first call, and a scenario of a thousand steps."""
    with tempfile.TemporaryDirectory() as folder, wallet.running() as operator:
        processes = _Processes(Path(folder), operator)
        return [
            compared(
                "--help",
                processes.help_ms,
                lambda: processes.python_ms("-c", "import click"),
                pairs=PAIRS,
                unit="ms",
                target=1.3,
                against="import click",
            ),
            compared(
                "first webhook after spawn",
                processes.first_call_ms,
                lambda: processes.python_ms("-c", "import requests"),
                pairs=PAIRS,
                unit="ms",
                target=1.3,
                against="import requests",
            ),
            compared(
                f"{STEPS:,} steps, process start to exit",
                processes.many_steps_ms,
                lambda: processes.python_ms("-m", "benchmarks.bare", str(operator.port), str(STEPS)),
                pairs=PAIRS,
                unit="ms",
                target=1.7,
                against="bare http.client",
            ),
        ]


class _Processes:
    """Times processes, mostly from start to exit."""

    def __init__(self, folder: Path, operator: wallet.Running) -> None:
        self._folder = folder
        self._operator = operator
        self._target = ("--endpoint", operator.endpoint, "--player", "1000")
        bytecode = {"PYTHONPYCACHEPREFIX": str(folder / "bytecode"), "PYTHONPATH": str(wallet.ROOT)}
        self._environment = {**os.environ, **bytecode}
        self._environment.pop("PYTHONDONTWRITEBYTECODE", None)
        (folder / "one.yaml").write_text(ONE_STEP, "utf-8")
        (folder / "many.yaml").write_text(MANY_STEPS, "utf-8")

    def help_ms(self) -> float:
        return self._whole_ms(COMMAND, "--help")

    def many_steps_ms(self) -> float:
        return self._whole_ms(COMMAND, "run", "many.yaml", *self._target)

    def python_ms(self, *arguments: str) -> float:
        return self._whole_ms(sys.executable, *arguments)

    def first_call_ms(self) -> float:
        """Return the time until the wallet gets the first bytes."""
        start = monotonic_ns()
        self._whole_ms(COMMAND, "run", "one.yaml", *self._target)
        while (came := self._operator.first_byte_ns()) < start:
            continue
        return (came - start) / 1e6

    def _whole_ms(self, *command: str) -> float:
        start = monotonic_ns()
        done = subprocess.run(
            command, cwd=self._folder, env=self._environment, capture_output=True, text=True, check=False
        )
        took = (monotonic_ns() - start) / 1e6
        if done.returncode != 0:
            words = " ".join(command)
            raise SystemExit(f"{words} ended with {done.returncode}: {done.stdout} {done.stderr}")
        return took
