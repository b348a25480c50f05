"""Judging a concurrent history against reading the same calls as lines of JSON."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.busy_wallet import Traffic, history
from benchmarks.figure import Figure, compared
from simulator.history.check import Consistency, check_history

FEW = 1_000
MANY = 100_000
# Runs in a process of its own to measure its memory, which includes the history's, as in `judge`.
PROGRAM = f"""
import json, re, time
from benchmarks import consistency
from benchmarks.busy_wallet import Traffic
begun = consistency.judged(Traffic({MANY}))
with open("/proc/self/status") as status:
    print(json.dumps([begun, int(re.search(r"VmHWM:\\s+(\\d+) kB", status.read())[1])]))
"""


def figures() -> list[Figure]:
    """Return three figures. Linux only, where a process can read its own peak of memory."""
    if not Path("/proc/self/status").exists():
        return []
    lines = _lines(FEW)
    few = compared(
        f"judge {FEW:,} calls, 64 in flight",
        lambda: judged(Traffic(FEW)) * 1000,
        lambda: _read(lines) * 1000,
        pairs=9,
        unit="ms",
        target=50,
        against="json.loads",
    )
    seconds, peak_kb = _judged_alone()
    many = _read(_lines(MANY))
    return [
        Figure(
            what=few.what, ours=few.ours, baseline=few.baseline, unit="ms", target=50, against=few.against
        ),
        Figure(
            what=f"judge {MANY:,} calls, 64 in flight",
            ours=seconds,
            baseline=many,
            unit="s",
            target=5,
            against="json.loads",
        ),
        Figure(what=f"memory, {MANY:,} calls judged", ours=peak_kb / 1000, unit="MB", target=300),
    ]


def judged(traffic: Traffic) -> float:
    """Return the CPU seconds that the check of such a history takes."""
    calls = history(traffic)
    begun = time.process_time()
    verdict = check_history(traffic.opening, calls)
    took = time.process_time() - begun
    if verdict.verdict is not Consistency.CONSISTENT:
        raise SystemExit(f"a right wallet's history was judged {verdict.verdict}")
    return took


def _judged_alone() -> tuple[float, int]:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    seconds, peak_kb = json.loads(done.stdout)
    return float(seconds), int(peak_kb)


def _lines(calls: int) -> list[str]:
    """Return the calls of such a history as lines for `judge`."""
    return [
        json.dumps(
            {
                "type": "exchange", "player": each.player, "method": each.method,
                "transaction_id": each.transaction_id, "amount": str(each.amount), "sent_ns": each.sent_ns,
                "answered_ns": each.answered_ns, "outcome": each.outcome, "balance": str(each.balance),
            }
        )
        for each in history(Traffic(calls))
    ]  # fmt: skip


def _read(lines: list[str]) -> float:
    begun = time.process_time()
    for line in lines:
        json.loads(line)
    return time.process_time() - begun
