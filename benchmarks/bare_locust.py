"""The baseline of `load`: Locust's FastHttpUser, which sends bets and wins and looks at the status alone.

`python -m benchmarks.bare_locust URL SECONDS USERS FIRST_PLAYER` prints how many calls it made a second, once
all users play.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from itertools import count
from pathlib import Path
from time import perf_counter
from urllib.parse import urlsplit

ROOT = Path(__file__).parent.parent
HEADERS = {"Content-Type": "application/json"}
BODY = (
    '{"method":"transaction_%s","user_id":"%s","amount":"0.10","transaction_id":"bare-%s-%d",'
    '"game_id":"SLOT_001"}'
)
WARM_UP_S = 1.0


def start(url: str, seconds: float, users: int, first: int) -> subprocess.Popen[str]:
    """Start such a process: Locust changes the standard library of the one it runs in."""
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.bare_locust", url, str(seconds), str(users), str(first)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip


def calls_per_s(process: subprocess.Popen[str]) -> float:
    """Return what a process that was started prints at its end."""
    printed, _ = process.communicate()
    return float(json.loads(printed)["calls_per_s"])


def main(url: str, seconds: float, users: int, first: int) -> None:
    """Run the users, and print the calls a second."""
    # Here, since importing it changes the standard library.
    import gevent
    from locust import FastHttpUser, constant, task
    from locust.env import Environment

    parts = urlsplit(url)
    numbers = count(first)
    run = os.getpid()

    class Bare(FastHttpUser):
        host = f"{parts.scheme}://{parts.netloc}"
        wait_time = constant(0)

        def on_start(self) -> None:
            self.player = next(numbers)
            self.sent = 0

        @task
        def play(self) -> None:
            self.sent += 1
            kind = "bet" if self.sent % 2 else "win"
            body = BODY % (kind, self.player, f"{run}-{self.player}", self.sent)
            self.client.post(parts.path, data=body, headers=HEADERS)

    logging.getLogger("locust").setLevel(logging.CRITICAL)
    environment = Environment(user_classes=[Bare])
    runner = environment.create_local_runner()
    runner.start(users, spawn_rate=users)
    gevent.sleep(WARM_UP_S)
    total, begun = environment.stats.total, perf_counter()
    before = total.num_requests
    gevent.sleep(seconds)
    made, took = total.num_requests - before, perf_counter() - begun
    print(json.dumps({"calls_per_s": made / took, "failures": total.num_failures}), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
