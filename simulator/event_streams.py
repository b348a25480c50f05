"""Server-sent events of one server: how many streams may be open at once, and how a stream is written.

What is told in them is play's and console's. A page that gets no stream polls.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from flask import Response

from simulator.core.frozen import Frozen

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
