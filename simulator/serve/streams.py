"""News of the journal: as server-sent events, of which so many may be open at once, and for who polls."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

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


WAIT_S = 0.25
"""Short, since a stream has to notice soon that the server stops."""

BATCH = 200

Row = dict[str, Any]


class News(NamedTuple):
    """What is new up to a change. `is_reset` says to begin anew: the journal did, or there is too much."""

    is_reset: bool
    change: int
    rows: list[Row]


@dataclass(slots=True)
class Feed:
    """What happens in the journal after the change `since`, which moves on with what was given out.

    `rows` makes entries what is sent, each with its `change`. Who is more than `backlog_max` changes behind
    begins anew; who has seen nothing yet gets the `latest` entries, where that is set, instead of all.
    """

    journal: Journal
    wanted: Filter
    since: int
    rows: Callable[[list[Entry]], list[Row]]
    backlog_max: int | None = None
    latest: int = 0

    def now(self, limit: int = BATCH) -> News:
        """Return what is there, oldest change first."""
        change = self.journal.change
        if self.since == 0 and self.latest:
            found = self.journal.latest(self.wanted, limit=self.latest)
            found.sort(key=lambda entry: entry.change)
        elif self._is_behind(change):
            self.since = change
            return News(True, change, [])
        else:
            found = self.journal.since(self.since, self.wanted, limit=limit)
        last = found[-1].change if found else 0
        # Where not all was given out, what comes after the last one is still to be asked for.
        self.since = last if len(found) == limit else max(change, last)
        return News(False, self.since, self.rows(found))

    def events(self) -> list[StreamEvent]:
        """Return what comes within a short while, as events."""
        news = self.now()
        if news.is_reset:
            return [StreamEvent(news.change, "reset", "{}")]
        rows = news.rows
        if not rows:
            found = self.journal.wait(self.since, self.wanted, timeout_s=WAIT_S, limit=BATCH)
            rows = self.rows(found)
            self.since = found[-1].change if found else self.since
        return [StreamEvent(row["change"], "exchange", json.dumps(row)) for row in rows]

    def _is_behind(self, change: int) -> bool:
        behind = change - self.since
        if self.backlog_max is not None and behind > self.backlog_max:
            return True
        # A number from before the journal was emptied, or of another server's journal.
        return behind < 0 or self.since < self.journal.cleared
