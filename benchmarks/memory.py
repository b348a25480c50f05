"""The memory of a run, and the additional memory of each further effect of a long run."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import wallet
from benchmarks.figure import Figure

STEPS = 1_000
EFFECTS = 100_000
# The process reads its own peak: `wait4` of a child would include the parent's memory at the fork.
PROGRAM = """
import re, sys
from simulator.cli import main
code = main()
with open("/proc/self/status") as status:
    print("peak", re.search(r"VmHWM:\\s+(\\d+) kB", status.read())[1])
sys.exit(code)
"""


def figures() -> list[Figure]:
    """Return two figures. Linux only, where a process can read its own peak of memory."""
    if not Path("/proc/self/status").exists():
        return []
    with tempfile.TemporaryDirectory() as folder, wallet.running() as operator:
        few = _peak_bytes(Path(folder), operator.endpoint, STEPS)
        many = _peak_bytes(Path(folder), operator.endpoint, EFFECTS)
    return [
        Figure(what=f"memory, {STEPS:,} steps", ours=few / 1e6, unit="MB", target=45),
        Figure(
            what=f"memory more, each of {EFFECTS:,} effects",
            ours=(many - few) / (EFFECTS - STEPS),
            unit="bytes",
            target=300,
        ),
    ]


def _peak_bytes(folder: Path, endpoint: str, effects: int) -> int:
    """Return the peak of a run that also writes the JSON and NDJSON reports."""
    repeat = f"  - repeat: {{times: {effects // 2}, steps: [bet: 10.00, win: 10.00]}}\n"
    (folder / "long.yaml").write_text(f"name: Long\nsteps:\n{repeat}", "utf-8")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "run", "long.yaml", "--endpoint", endpoint, "--player", "1000",
         "--report", "json:run.json", "--report", "ndjson:events.ndjson"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise SystemExit(f"the run ended with {done.returncode}: {done.stdout} {done.stderr}")
    return int(done.stdout.rpartition("peak")[2]) * 1024
