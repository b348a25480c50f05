"""The journal of one session as the panel follows it: what came after a change, at once or as it comes."""

from __future__ import annotations

import json
from dataclasses import dataclass

from simulator.delivery.journal import Journal
from simulator.delivery.journal_entry import Entry, Filter
from simulator.event_streams import StreamEvent
from simulator.play.views import Json, entry_json
from simulator.sessions import Session

ENTRIES_MAX = 100
"""So many at once, and so many of the past."""
WAIT_S = 0.25
"""Short, since a stream has to notice soon that the server stops."""


@dataclass(slots=True)
class Feed:
    """Entries of a session with a change above `change`, which moves on with what was given out."""

    journal: Journal
    session: Session
    change: int

    def now(self) -> list[Json]:
        """What there is, oldest change first; whoever has seen nothing gets the latest only."""
        if self.change == 0:
            latest = self.journal.latest(self._wanted, limit=ENTRIES_MAX)
            return self._given(sorted(latest, key=lambda entry: entry.change))
        return self._given(self.journal.since(self.change, self._wanted, limit=ENTRIES_MAX))

    def events(self) -> list[StreamEvent]:
        """What comes within a short while, as events."""
        found = self.now() if self.change == 0 else []
        if not found:
            entries = self.journal.wait(self.change, self._wanted, timeout_s=WAIT_S, limit=ENTRIES_MAX)
            found = self._given(entries)
        return [StreamEvent(entry["change"], "exchange", json.dumps(entry)) for entry in found]

    @property
    def _wanted(self) -> Filter:
        return Filter(agent=self.session.launch.agent.code, session=self.session.id)

    def _given(self, entries: list[Entry]) -> list[Json]:
        if entries:
            self.change = entries[-1].change
        return [entry_json(entry) for entry in entries]
