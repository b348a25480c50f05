"""The journal as the console's pages follow it: new rows and rows with a new word on them, as they come."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simulator.delivery.journal import Journal
from simulator.delivery.journal_entry import Entry, Filter
from simulator.event_streams import StreamEvent

WAIT_S = 0.5
BATCH = 200
BACKLOG_MAX = 1000
"""Whoever is further behind reads the list anew instead of being sent all of it."""


@dataclass(slots=True)
class Feed:
    """What happens after the change `since`; `show` makes a row's HTML.

    A row that a later word put outside of what is wanted is told, too, without HTML: a page may show it.
    """

    journal: Journal
    wanted: Filter
    since: int
    show: Callable[[Entry], str]

    def events(self) -> list[StreamEvent]:
        """What comes within half a second."""
        if self._is_behind():
            self.since = self.journal.change
            return [StreamEvent(self.since, "reset", "{}")]
        now = self.journal.change
        found = self.journal.wait(self.since, self.wanted.standing, timeout_s=WAIT_S, limit=BATCH)
        if found:
            self.since = found[-1].change
        elif self.since >= self.journal.cleared:
            # What was not wanted has been passed, too.
            self.since = max(self.since, now)
        return [StreamEvent(row["change"], "exchange", json.dumps(row)) for row in self._rows(found)]

    def news(self) -> dict[str, object]:
        """The same without waiting, for a page that polls."""
        if self._is_behind():
            return {"reset": True, "change": self.journal.change, "rows": []}
        now = self.journal.change
        found = self.journal.since(self.since, self.wanted.standing, limit=BACKLOG_MAX)
        last = found[-1].change if found else now
        # Where not all was given out, what comes after the last one is still to be asked for.
        change = last if len(found) == BACKLOG_MAX else max(now, last)
        return {"reset": False, "change": change, "rows": self._rows(found)}

    def _is_behind(self) -> bool:
        journal = self.journal
        behind = journal.change - self.since
        return self.since < journal.cleared or behind < 0 or behind > BACKLOG_MAX

    def _rows(self, found: list[Entry]) -> list[dict[str, Any]]:
        numbers = {each.number for each in found}
        if self.wanted != self.wanted.standing:
            numbers = self.journal.matching(numbers, self.wanted)
        return [
            {
                "number": each.number,
                "change": each.change,
                "html": self.show(each) if each.number in numbers else None,
            }
            for each in found
        ]
