"""What one process of the engine is told to do. Apart from the engine, because that imports gevent."""

from __future__ import annotations

from pathlib import Path

from simulator.core.values import Frozen
from simulator.load.plan import LoadPlan
from simulator.settings import RunSettings

FIRST_WORKER = "worker-1"


class Job(Frozen, kw_only=True):
    """What one process does. `role` is local, master or worker; a local one is its own master and worker.

    `workers` is how many the master waits for, `hands_over` that a worker sends its record to the master, and
    `web` where Locust's own page is served.
    """

    role: str
    folder: Path
    settings: RunSettings
    plan: LoadPlan | None = None
    host: str = "127.0.0.1"
    port: int = 0
    workers: int = 1
    hands_over: bool = False
    web: tuple[str, int] | None = None
