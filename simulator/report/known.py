"""Write the errors of a run as the file of known causes that `--accept` takes.

`scenario/known_file` reads it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TextIO

from simulator.core.findings import KnownCause, Severity
from simulator.report.causes import Cause, Overview
from simulator.report.events import Event
from simulator.report.text import visible

_HEAD = """\
# Known causes: betrontech-sim run --accept THIS-FILE shows them, and they do not fail the run.
# Say in "reason" why you accept a cause. "expires: 2027-01-31" accepts it up to that day.
"""


class KnownReport:
    """The file of known causes, written on `close`.

    `before` are the entries that the file had: their reasons and days are kept, unless the day is over. An
    entry that was not met is left out only if the scenario that showed it has passed. `today` is ISO 8601.
    """

    def __init__(self, stream: TextIO, before: Iterable[KnownCause], today: str) -> None:
        self._stream = stream
        self._before = {each.cause: each for each in before}
        self._today = today
        self._overview = Overview()
        self._passed: set[str] = set()

    def on(self, event: Event) -> None:
        self._overview.on(event)

    def close(self) -> None:
        self._overview.finish()
        self._stream.write(known_text(self._entries()))
        self._stream.flush()

    def _entries(self) -> Iterator[KnownCause]:
        met = [cause for cause in self._overview.causes if cause.severity is Severity.ERROR]
        yield from map(self._entry, met)
        keys = {cause.key for cause in met}
        for each in self._before.values():
            if each.cause not in keys and not self._overview.has_passed(each.scenario):
                yield each

    def _entry(self, cause: Cause) -> KnownCause:
        entry = KnownCause(
            cause=cause.key,
            reason=f"accepted on {self._today}",
            what=cause.shown.finding.message,
            scenario=cause.shown.scenario_id,
        )
        before = self._before.get(cause.key)
        if before is None or (before.expires and before.expires < self._today):
            return entry
        return replace(entry, reason=before.reason, expires=before.expires)


def known_text(entries: Iterable[KnownCause]) -> str:
    """Return the text of a file of known causes; its values are JSON texts, which YAML reads, too."""
    lines = []
    for each in entries:
        said = {"cause": each.cause, "what": each.what, "scenario": each.scenario}
        said |= {"reason": each.reason, "expires": each.expires}
        given = [f"{name}: {_quoted(text)}" for name, text in said.items() if text]
        lines.append("  - " + "\n    ".join(given) + "\n")
    return _HEAD + ("known:\n" + "".join(lines) if lines else "known: []\n")


def _quoted(text: str) -> str:
    return json.dumps(visible(text), ensure_ascii=False)
