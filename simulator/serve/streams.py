"""Server-sent events of one server: how many streams may be open at once, and how a stream is written.

What is told in them is play's and console's. A page that gets no stream polls.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Response

from simulator.core.values import Frozen
from simulator.serve.journal import Entry, Filter, Journal

STREAMS_MAX = 8
"""Each holds one of the server's threads; the others stay free for calls, rounds and health."""

RETRY_MS = 2000

HEARTBEAT_S = 5.0

LIFETIME_S = 600.0
"""A stream ends after that; a browser comes back by itself, with the number of its last event."""


class StreamEvent(Frozen):
    """One event; `id` comes back as Last-Event-ID, `data` has no line break in it."""

    id: int
    name: str
    data: str

    @property
    def text(self) -> str:
        """As it goes out."""
        return f"id: {self.id}\nevent: {self.name}\ndata: {self.data}\n\n"


Wait = Callable[[], Iterable[StreamEvent]]
"""Waits a short while for the next events; an empty answer is no end."""


class EventStreams:
    """The streams that are open; for any threads."""

    def __init__(self, stopping: threading.Event, streams_max: int = STREAMS_MAX) -> None:
        self._stopping = stopping
        self._free = threading.Semaphore(streams_max)

    def open(self, wait: Wait, environ: Mapping[str, Any]) -> Response | None:
        """A response that tells events until the client leaves or the server stops; None beyond the cap.

        `environ` is the WSGI environment of the request.
        """
        if self._stopping.is_set() or not self._free.acquire(blocking=False):
            return None
        told = Response(self._told(wait, _connection(environ)), content_type="text/event-stream")
        told.headers["Cache-Control"] = "no-store"
        # A proxy that buffers would keep everything to itself.
        told.headers["X-Accel-Buffering"] = "no"
        # Not at the generator's end: one that was never begun has none.
        told.call_on_close(self._free.release)
        return told

    def _told(self, wait: Wait, connection: socket.socket | None) -> Iterator[str]:
        ends = time.monotonic() + LIFETIME_S
        silent_since = time.monotonic()
        yield f"retry: {RETRY_MS}\n\n"
        while not self._stopping.is_set() and time.monotonic() < ends and not _is_left(connection):
            events = "".join(event.text for event in wait())
            if events:
                silent_since = time.monotonic()
                yield events
            elif time.monotonic() - silent_since >= HEARTBEAT_S:
                # A connection that was lost without a word shows by a write alone.
                silent_since = time.monotonic()
                yield ": nothing new\n\n"


def _connection(environ: Mapping[str, Any]) -> socket.socket | None:
    """The client's connection, where the server lends it."""
    found = environ.get("gunicorn.socket") or environ.get("werkzeug.socket")
    return found if isinstance(found, socket.socket) else None


def _is_left(connection: socket.socket | None) -> bool:
    """Whether the client has closed its end: whoever goes from page to page must not fill all places."""
    if connection is None:
        return False
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


# --- feed -----------------------------------------------------------------------------------------
# The journal as the console's pages follow it: new rows and rows with a new word on them, as they come.

WAIT_S = 0.5

BATCH = 200

BACKLOG_MAX = 1000
"""Whoever is further behind reads the list anew instead of being sent all of it."""


@dataclass(slots=True)
class ConsoleFeed:
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
