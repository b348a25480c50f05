"""Disturbs answers of the API on purpose: late, another status, or a connection that breaks."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from http import HTTPStatus
from typing import Never

from flask import Blueprint, Response, after_this_request, request

from simulator.api.errors import to_json
from simulator.api_faults import ApiFault, ApiFaultKind, ApiFaults

WAITING_MAX = 8
"""So many answers come late at the same time: each holds a thread, and the others are for everybody else."""
GARBAGE = b"\x16\x03\x01 this is no HTTP, on purpose \xff\xfe\r\n\r\n"
_RST_AT_CLOSE = struct.pack("ii", 1, 0)


def disturb(routes: Blueprint, faults: ApiFaults, stopping: threading.Event) -> None:
    """Let the faults that stand strike at the blueprint's calls."""
    waiting = threading.Semaphore(WAITING_MAX)

    @routes.before_request
    def strike() -> Response | None:
        fault = faults.take(request.path.rpartition("/")[2])
        if fault is None:
            return None
        if fault.latency_ms and not _waited(fault.latency_ms, waiting, stopping):
            message = f"A latency was to be added, and {WAITING_MAX} answers wait already."
            return _injected(503, message)
        if fault.kind is ApiFaultKind.STATUS:
            return _injected(fault.status, f"HTTP {fault.status} on purpose (fault {fault.number}).")
        if fault.kind is not ApiFaultKind.LATENCY:
            after_this_request(lambda answered: _broken(answered, fault))
        return None


def _waited(latency_ms: int, waiting: threading.Semaphore, stopping: threading.Event) -> bool:
    if not waiting.acquire(blocking=False):
        return False
    try:
        stopping.wait(latency_ms / 1000)
    finally:
        waiting.release()
    return True


def _injected(status: int, message: str) -> Response:
    body = to_json({"status": False, "error": "INJECTED", "message": message})
    # These carry no body, and a client would take one for the next answer.
    empty = status in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
    return Response(b"" if empty else body, status, content_type="application/json")


def _broken(answered: Response, fault: ApiFault) -> Response:
    """The answer as a connection that breaks: what iterates over it for the server finds the client gone."""
    # Unread bytes would turn every close into a reset.
    request.get_data()
    body = answered.get_data()
    environ = request.environ
    connection = environ.get("gunicorn.socket") or environ.get("werkzeug.socket")

    def told() -> Iterator[bytes]:
        match fault.kind:
            case ApiFaultKind.TRUNCATED:
                yield body[: len(body) // 2]
            case ApiFaultKind.GARBAGE if isinstance(connection, socket.socket):
                connection.sendall(GARBAGE)
            case ApiFaultKind.RESET if isinstance(connection, socket.socket):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST_AT_CLOSE)
                # The server would say goodbye first.
                connection.close()
            case _:
                pass
        _gone()

    # A copy: those of a list are shared by all its answers.
    broken = Response(told(), answered.status_code, list(answered.headers))
    broken.headers["Content-Length"] = str(len(body))
    return broken


def _gone() -> Never:
    raise ConnectionResetError(104, "broken on purpose")
