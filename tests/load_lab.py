"""A long load against the example wallet, right and wrong, beside bare Locust; a killed worker; four hosts.

`python -m load_lab SECONDS` prints a line for each, and what is not as it should be; `make load-lab` runs it.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks import bare_locust
from command_line import SCRIPT, environment
from network_namespaces import NotAllowed, hosts

USERS = 40
BARE_PLAYERS = 1060
WORKERS = 2
PORT = 5557
SHARE_MIN = 0.8
LOOK_S = 0.05


@contextmanager
def wallet(*flags: str, on: Sequence[str] = ()) -> Iterator[str]:
    """The example wallet in a process of its own; its endpoint."""
    process = subprocess.Popen(
        [*on, SCRIPT, "operator", "--port", "0", "--players", "100", *flags],
        env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        found = re.search(r"http://\S+?(?=,)", process.stdout.readline())
        assert found
        yield found[0]
    finally:
        process.terminate()
        process.communicate()


class Load:
    """A load in a process of its own, on a host or here. `report` is its JSON once it has ended."""

    def __init__(self, folder: Path, *flags: str, on: Sequence[str] = ()) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.log = folder / "log"
        # A worker has nothing to report.
        reports = () if "--worker" in flags else ("--report", f"json:{folder / 'load.json'}")
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [*on, SCRIPT, "load", *flags, *reports],
                cwd=folder, env=environment(PYTHONUNBUFFERED="1"), stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, text=True,
            )  # fmt: skip

    def ended(self) -> dict[str, Any]:
        """Wait for the end, and return the report."""
        self.process.wait()
        report = self.folder / "load.json"
        assert report.exists(), self.log.read_text()
        found: dict[str, Any] = json.loads(report.read_text("utf-8"))
        return found

    def kill_worker(self, lines: int) -> str:
        """Kill one worker once it has recorded so many calls; return its name."""
        while True:
            found = re.search(r"(worker-\d) is process (\d+)", self.log.read_text())
            record = self.folder / "calls" / f"{found[1]}.ndjson" if found else None
            if found and record and record.exists() and record.read_bytes().count(b"\n") > lines:
                os.kill(int(found[2]), signal.SIGKILL)
                return found[1]
            assert self.process.poll() is None, self.log.read_text()
            threading.Event().wait(LOOK_S)


def target(endpoint: str, seconds: float) -> tuple[str, ...]:
    """The flags of a load of all users."""
    players = f"1000..{999 + USERS}"
    return ("--endpoint", endpoint, "--player", players, "--for", f"{seconds}s", "--seed", "1")


def unaccounted(report: dict[str, Any]) -> list[str]:
    """A problem if not each call was sent, recorded and judged."""
    counts = report["accounted"]
    return [f"not all calls are accounted for: {counts}"] if len(set(counts.values())) > 1 else []


def right_wallet(folder: Path, seconds: float) -> tuple[str, list[str]]:
    """A load of the right wallet, and bare Locust with as many processes and users."""
    with wallet() as endpoint:
        report = Load(folder / "right", *target(endpoint, seconds), "--workers", str(WORKERS)).ended()
        each = USERS // WORKERS
        bare = [
            bare_locust.start(endpoint, seconds / 3, each, BARE_PLAYERS + number * each)
            for number in range(WORKERS)
        ]
        theirs = sum(map(bare_locust.calls_per_s, bare))
    ours = report["calls"]["per_s"]
    problems = unaccounted(report)
    if report["exit_code"]:
        problems.append(f"a right wallet ends with {report['exit_code']}: {report['why']}")
    if ours < SHARE_MIN * theirs:
        problems.append(f"{ours / theirs:.2f} of bare Locust's throughput, expected {SHARE_MIN}")
    count = report["accounted"]["judged"]
    return f"{count:,} calls judged, {ours:,.0f} a second; bare Locust makes {theirs:,.0f}", problems


def lost_updates(folder: Path, seconds: float) -> tuple[str, list[str]]:
    """A load of the wallet that loses one update in fifty."""
    with wallet("--defect", "lost-update-once-in-50") as endpoint:
        report = Load(folder / "lost", *target(endpoint, seconds), "--workers", str(WORKERS)).ended()
    problems = unaccounted(report)
    nothing: dict[str, Any] = {"cause": None, "players": [], "collisions": [{"calls": []}]}
    first = report["causes"][0] if report["causes"] else nothing
    calls = first["collisions"][0]["calls"]
    if report["exit_code"] != 1 or first["cause"] != "lost-update":
        problems.append(f"expected lost-update, found {first['cause']} (exit {report['exit_code']})")
    if len(calls) < 2:
        problems.append("the calls that collided are not named")
    names = " and ".join(each["name"] for each in calls[:2])
    return f"{first['cause']} with {len(first['players'])} players, shown by {names}", problems


def killed(folder: Path, seconds: float) -> tuple[str, list[str]]:
    """A load of which one worker is killed in the middle."""
    flags = ("--workers", str(WORKERS), "--records", "calls")
    with wallet() as endpoint:
        load = Load(folder / "killed", *target(endpoint, seconds), *flags)
        name = load.kill_worker(int(100 * seconds))
        report = load.ended()
    problems = unaccounted(report)
    (gone,) = [each for each in report["workers"] if each["name"] == name]
    if report["exit_code"] != 6 or not gone["killed"]:
        problems.append(f"{name} was killed, and that is not told (exit {report['exit_code']})")
    # Calls that the killed worker left open may leave their player undecided, which accuses nobody.
    problems += [
        f"a right wallet is accused: {each['title']}"
        for each in report["causes"]
        if each["severity"] != "inconclusive"
    ]
    return (
        f"{name} was killed after {gone['recorded']:,} calls, {gone['unanswered']} without an answer",
        problems,
    )


def four_hosts(folder: Path, seconds: float) -> tuple[str, list[str]]:
    """A master and three workers, each a process in a network namespace, and the wallet in a fifth."""
    try:
        with ExitStack() as stack:
            (of_wallet, address), (of_master, master), *others = stack.enter_context(hosts(5))
            endpoint = stack.enter_context(wallet("--host", address, on=of_wallet))
            flags = target(endpoint, seconds)
            first = Load(
                folder / "master", *flags, "--workers", "3", "--master", f"{master}:{PORT}", on=of_master
            )
            workers = [
                Load(folder / f"host-{number}", *flags[:2], "--worker", f"{master}:{PORT}", on=host)
                for number, (host, _) in enumerate(others)
            ]
            report = first.ended()
            for each in workers:
                each.process.wait()
    except NotAllowed as reason:
        return f"skipped: {reason}", []
    problems = unaccounted(report)
    if report["exit_code"]:
        problems.append(f"a right wallet ends with {report['exit_code']}: {report['why']}")
    if any(each.process.returncode for each in workers):
        problems.append("a worker did not hand in its record")
    counts = ", ".join(f"{each['recorded']:,}" for each in report["workers"])
    return f"a master and three workers, which made {counts} calls", problems


PARTS = (right_wallet, lost_updates, killed, four_hosts)


def main(seconds: str = "60") -> int:
    """Run all parts, print a line for each, and return 1 if something is not as it should be."""
    wrong = False
    with tempfile.TemporaryDirectory() as folder:
        for part in PARTS:
            line, problems = part(Path(folder), float(seconds))
            print(f"{part.__name__.replace('_', ' ')}: {line}", flush=True)
            for problem in problems:
                print(f"  {problem}", flush=True)
            wrong |= bool(problems)
    return int(wrong)


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
