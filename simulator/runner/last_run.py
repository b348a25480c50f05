"""What did not pass in the last run, kept in a file beside the work, for `--last-failed`."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from simulator.core.events import Event, ScenarioFinished
from simulator.core.findings import Verdict

STATE_FILE = Path(".betrontech-sim", "last-run.json")
"""Below the current folder, since scenario ids are paths seen from there."""

_GOOD = frozenset({Verdict.PASSED, Verdict.XFAILED, Verdict.SKIPPED})


def read_last_failed(folder: Path) -> frozenset[str] | None:
    """Ids of the scenarios that did not pass when last run; None where no run is known."""
    try:
        state = json.loads(Path(folder, STATE_FILE).read_bytes())
        failed = state["failed"]
        valid = isinstance(failed, list) and all(isinstance(name, str) for name in failed)
        return frozenset(failed) if valid else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        # A file that something else wrote or cut is as good as none: everything runs.
        return None


class LastRun:
    """A fold over events that keeps the file true: what did not run this time keeps its old verdict."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ran: set[str] = set()
        self._failed: set[str] = set()

    def on(self, event: Event) -> None:
        """Take note of a scenario that finished."""
        if type(event) is ScenarioFinished:
            self._ran.add(event.scenario.id)
            if event.verdict not in _GOOD:
                self._failed.add(event.scenario.id)

    def close(self) -> None:
        """Write the file; a folder that cannot be written (a container) loses only --last-failed."""
        if not self._ran:
            return
        before = read_last_failed(self._folder) or frozenset()
        failed = sorted((before - self._ran) | self._failed)
        file = Path(self._folder, STATE_FILE)
        with suppress(OSError):
            file.parent.mkdir(exist_ok=True)
            text = json.dumps({"failed": failed}, indent=1)
            file.with_suffix(".new").write_text(text + "\n", "ascii")
            file.with_suffix(".new").replace(file)
