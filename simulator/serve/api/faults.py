"""Inject faults into the answers of the API: which answers, and how.

They show users what their own code does when the API is slow, wrong or unreachable.
"""

from __future__ import annotations

import random
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from enum import StrEnum
from http import HTTPStatus
from itertools import count
from typing import Never

from flask import Blueprint, Response, after_this_request, request

from simulator.core.values import Frozen
from simulator.serve.answers import to_json

WAITING_MAX = 8
"""How many answers may be delayed at a time: each holds a thread, and the others serve everything else."""

GARBAGE = b"\x16\x03\x01 this is no HTTP, on purpose \xff\xfe\r\n\r\n"

_RST_AT_CLOSE = struct.pack("ii", 1, 0)


def disturb(routes: Blueprint, faults: ApiFaults, stopping: threading.Event) -> None:
    """Apply the active faults to the calls of the blueprint."""
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
    # These statuses have no body, and a client would take one for the next answer.
    empty = status in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
    return Response(b"" if empty else body, status, content_type="application/json")


def _broken(answered: Response, fault: ApiFault) -> Response:
    """Return an answer that breaks the connection: iterating over it raises a connection error."""
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
                # The server would shut the connection down properly first.
                connection.close()
            case _:
                pass
        _gone()

    # A copy, because all answers of a prebuilt list share their headers.
    broken = Response(told(), answered.status_code, list(answered.headers))
    broken.headers["Content-Length"] = str(len(body))
    return broken


def _gone() -> Never:
    raise ConnectionResetError(104, "broken on purpose")


# --- the faults -----------------------------------------------------------------------------------

LATENCY_MS_MAX = 30_000

FAULTS_MAX = 100


class ApiFaultKind(StrEnum):
    """What happens to an answer.

    LATENCY: it comes late. STATUS: another HTTP status is sent instead, and the call is not carried out. With
    the others it is carried out, but the connection breaks: RESET with a RST, EMPTY without an answer,
    GARBAGE with bytes that are not HTTP, TRUNCATED in the middle of the body.
    """

    LATENCY = "latency"
    STATUS = "status"
    RESET = "reset"
    EMPTY = "empty"
    GARBAGE = "garbage"
    TRUNCATED = "truncated"


class ApiRoute(StrEnum):
    """The routes of the BetronTech API, by the last part of their path."""

    AUTHENTICATION = "authentication"
    GAME_LAUNCH = "game_launch"
    PROVIDER = "provider"
    ALL = "all"


class First(Frozen, kw_only=True):
    """The first `calls` calls."""

    calls: int


class Every(Frozen, kw_only=True):
    """Every `calls`-th call."""

    calls: int


class Chance(Frozen, kw_only=True):
    """Each call with this probability; the same calls for the same seed."""

    probability: float
    seed: int


When = First | Every | Chance | None
"""Which calls are disturbed; None is every one."""


class ApiFault(Frozen, kw_only=True):
    """One fault as it was configured. `route` None is every route.

    `latency_ms` passes first, whatever the kind; `status` is for STATUS only.
    """

    number: int
    kind: ApiFaultKind
    route: ApiRoute | None = None
    when: When = None
    latency_ms: int = 0
    status: int = 0


class _Active:
    """A fault with its counts: `calls` of its route, of which it disturbed `done`."""

    def __init__(self, fault: ApiFault) -> None:
        self.fault = fault
        self.strikes = _strikes(fault.when)
        self.calls = 0
        self.done = 0


class FaultCount(Frozen):
    """A fault, how many calls of its route came since, and how many it disturbed."""

    fault: ApiFault
    calls: int
    disturbed: int


class ApiFaults:
    """The active faults. Thread-safe. If several apply to one call, the oldest one is used."""

    def __init__(self) -> None:
        self._active: dict[int, _Active] = {}
        self._numbers = count(1)
        self._lock = threading.Lock()

    def add(self, make: Callable[[int], ApiFault]) -> ApiFault:
        """Activate a fault, which `make` returns for its number. Raises OverflowError beyond FAULTS_MAX."""
        with self._lock:
            if len(self._active) >= FAULTS_MAX:
                raise OverflowError(f"there are {FAULTS_MAX} faults already; remove some")
            fault = make(next(self._numbers))
            self._active[fault.number] = _Active(fault)
            return fault

    def remove(self, number: int) -> None:
        """Remove a fault. Raises KeyError for an unknown number."""
        with self._lock:
            del self._active[number]

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._active.clear()

    def all(self) -> tuple[FaultCount, ...]:
        """Return the active faults with their counts, the oldest first."""
        with self._lock:
            return tuple(FaultCount(each.fault, each.calls, each.done) for each in self._active.values())

    def take(self, route: str) -> ApiFault | None:
        """Return the fault for a call to that route, or None. Every fault of the route counts the call."""
        if not self._active:
            return None
        struck: ApiFault | None = None
        with self._lock:
            for each in self._active.values():
                if each.fault.route not in (None, route):
                    continue
                each.calls += 1
                if each.strikes(each.calls) and struck is None:
                    each.done += 1
                    struck = each.fault
        return struck


def _strikes(when: When) -> Callable[[int], bool]:
    """Return a function that tells whether the call with a number (from 1) is disturbed."""
    match when:
        case First(calls=calls):
            return lambda number: number <= calls
        case Every(calls=calls):
            return lambda number: number % calls == 0
        case Chance(probability=probability, seed=seed):
            chance = random.Random(seed)
            return lambda _: chance.random() < probability
        case None:
            return lambda _: True
