"""The whole suite with as many jobs as players, against a wallet that takes 20 ms for each call.

`python -m benchmarks.suite` prints the port of that wallet and serves until its standard input ends.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.figure import Figure
from simulator.reference_operator.app import create_operator
from simulator.reference_operator.http_server import HttpServer
from simulator.reference_operator.server import WEBHOOK_PATH
from simulator.reference_operator.settings import OperatorSettings

CALL_S = 0.02
PLAYERS = 8
COMMAND = str(Path(sys.executable).with_name("betrontech-sim"))


def figures() -> list[Figure]:
    """Return one figure: the suite beside the time in which its calls fit if every player is always busy."""
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.suite"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as wallet,
    ):
        assert wallet.stdin is not None
        assert wallet.stdout is not None
        endpoint = f"http://127.0.0.1:{int(wallet.stdout.readline())}{WEBHOOK_PATH}"
        took_s, calls = _suite(endpoint, Path(folder))
        wallet.stdin.close()
    return [
        Figure(
            what=f"the suite, {PLAYERS} players, {CALL_S * 1000:.0f} ms a call",
            ours=took_s,
            baseline=calls * CALL_S / PLAYERS,
            ratio=took_s / (calls * CALL_S / PLAYERS),
            unit="s",
            target=1.3,
            against=f"{calls:,} calls shared equally",
        )
    ]


def _suite(endpoint: str, folder: Path) -> tuple[float, int]:
    """Return the seconds of the whole process, and the calls that it made."""
    start = time.monotonic()
    done = subprocess.run(
        [COMMAND, "run", "--endpoint", endpoint, "--player", f"1000..{999 + PLAYERS}",
         "--report", "json:run.json"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    took_s = time.monotonic() - start
    if done.returncode != 0:
        raise SystemExit(f"the run ended with {done.returncode}: {done.stdout} {done.stderr}")
    return took_s, int(json.loads((folder / "run.json").read_text("utf-8"))["calls"])


def main() -> None:
    """Serve until standard input ends."""
    app = create_operator(OperatorSettings())
    app.before_request(lambda: time.sleep(CALL_S))
    server = HttpServer(app, "127.0.0.1", 0, "HTTP/1.1")
    server.start()
    print(server.port, flush=True)
    sys.stdin.read()
    server.stop()


if __name__ == "__main__":
    main()
