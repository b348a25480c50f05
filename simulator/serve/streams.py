"""Send changes of the journal: as server-sent events, or to clients that poll."""

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
from simulator.serve.entries import Entry, Filter
from simulator.serve.journal import Journal

STREAMS_MAX = 8
"""How many streams may be open: each holds a thread, and the others serve calls, rounds and health."""

RETRY_MS = 2000

HEARTBEAT_S = 5.0

LIFETIME_S = 600.0
"""When a stream ends; a browser then reconnects by itself, with the number of its last event."""


class StreamEvent(Frozen):
    """One event. The browser sends `id` back as Last-Event-ID; `data` has no line break."""

    id: int
    name: str
    data: str

    @property
    def text(self) -> str:
        """Return the event in the form of the protocol."""
        return f"id: {self.id}\nevent: {self.name}\ndata: {self.data}\n\n"


Wait = Callable[[], Iterable[StreamEvent]]
"""Waits a short while for the next events and returns them, perhaps none."""


class EventStreams:
    """The open streams. Thread-safe."""

    def __init__(self, stopping: threading.Event, streams_max: int = STREAMS_MAX) -> None:
        self._stopping = stopping
        self._free = threading.Semaphore(streams_max)

    def open(self, wait: Wait, environ: Mapping[str, Any]) -> Response | None:
        """Return a response that sends events until client or server ends it, or None at the limit.

        `environ` is the WSGI environment of the request.
        """
        if self._stopping.is_set() or not self._free.acquire(blocking=False):
            return None
        told = Response(self._told(wait, _connection(environ)), content_type="text/event-stream")
        told.headers["Cache-Control"] = "no-store"
        # A buffering proxy would not pass any event on.
        told.headers["X-Accel-Buffering"] = "no"
        # Not in the generator, which may never be started.
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
                # Only a write reveals a connection that was lost silently.
                silent_since = time.monotonic()
                yield ": nothing new\n\n"


def _connection(environ: Mapping[str, Any]) -> socket.socket | None:
    """Return the client's connection, if the server provides it."""
    found = environ.get("gunicorn.socket") or environ.get("werkzeug.socket")
    return found if isinstance(found, socket.socket) else None


def _is_left(connection: socket.socket | None) -> bool:
    """Return whether the client has closed its end, so that old pages do not use up all streams."""
    if connection is None:
        return False
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


WAIT_S = 0.25
"""Short, so that a stream soon notices that the server stops."""

BATCH = 200

Row = dict[str, Any]


class News(NamedTuple):
    """What is new up to a change. `is_reset`: load everything again, since the journal was emptied or changed
    too much.
    """

    is_reset: bool
    change: int
    rows: list[Row]


@dataclass(slots=True)
class Feed:
    """The changes of the journal after `since`, which moves on with what was returned.

    `rows` turns entries into what is sent, each with its `change`. A client that is more than `backlog_max`
    changes behind is reset; one that has seen nothing yet gets only the `latest` entries, if that is set.
    """

    journal: Journal
    wanted: Filter
    since: int
    rows: Callable[[list[Entry]], list[Row]]
    backlog_max: int | None = None
    latest: int = 0

    def now(self, limit: int = BATCH) -> News:
        """Return the present changes, the oldest first."""
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
        # If the limit was reached, the changes after the last returned one are still to come.
        self.since = last if len(found) == limit else max(change, last)
        return News(False, self.since, self.rows(found))

    def events(self) -> list[StreamEvent]:
        """Return the changes within a short while, as events."""
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
