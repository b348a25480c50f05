"""Made-up sessions, run and judged, beside the same number of bare calls to the same wallet.

Both are measured in CPU seconds, with the wallet's: some sessions wait for answers that never come.
"""

from __future__ import annotations

import http.client
import tempfile
import time
from pathlib import Path

from benchmarks import bare
from benchmarks.figure import Figure
from simulator.cli.mutants_cmd import embedded_operator, settings_for
from simulator.errors import ExitCode
from simulator.explore.explorer import Bounds, Explorer, Silent
from simulator.reference_operator.server import WEBHOOK_PATH

SESSIONS = 64
SEED = 3


def figures() -> list[Figure]:
    """Return one figure, of sessions that wait for nothing but the wallet."""
    with tempfile.TemporaryDirectory() as folder, embedded_operator() as operator:
        settings = settings_for(operator, seed=SEED)
        explorer = Explorer(settings, Bounds(sessions=SESSIONS), Path(folder), Silent())
        start = time.process_time()
        code = explorer.run()
        took_s = time.process_time() - start
        if code is not ExitCode.PASSED:
            raise SystemExit(f"exploring a right wallet ended with {code}")
        connection = http.client.HTTPConnection("127.0.0.1", operator.http.port)
        start = time.process_time()
        for number in range(explorer.calls):
            body = bare.BODY % ("win", "1000", f"r-{number}")
            connection.request("POST", WEBHOOK_PATH, body, bare.HEADERS)
            connection.getresponse().read()
        bare_s = time.process_time() - start
    return [
        Figure(
            what=f"explore, {SESSIONS / took_s:,.0f} sessions a CPU second",
            ours=took_s,
            baseline=bare_s,
            ratio=took_s / bare_s,
            unit="s",
            target=4,
            against=f"{explorer.calls:,} bare calls",
        )
    ]
