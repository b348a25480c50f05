"""Faults of the API, on purpose: which answers are disturbed, how, and which of them. Disturbing is `api`'s.

An operator's team learns by them what its own code does when we are slow, wrong or gone.
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


# --- api_faults -----------------------------------------------------------------------------------

LATENCY_MS_MAX = 30_000

FAULTS_MAX = 100


class ApiFaultKind(StrEnum):
    """What happens to an answer.

    LATENCY: it comes late. STATUS: an HTTP status of choice comes instead, and nothing is done. The others
    are of the connection: RESET is cut with RST, EMPTY closed without a byte, GARBAGE is bytes that are no
    HTTP, TRUNCATED closed in the middle of the body. Under these four the call is carried out.
    """

    LATENCY = "latency"
    STATUS = "status"
    RESET = "reset"
    EMPTY = "empty"
    GARBAGE = "garbage"
    TRUNCATED = "truncated"


class ApiRoute(StrEnum):
    """The routes of the BetronTech API, by their last word."""

    AUTHENTICATION = "authentication"
    GAME_LAUNCH = "game_launch"
    PROVIDER = "provider"
    ALL = "all"


class First(Frozen, kw_only=True):
    """The first so many calls."""

    calls: int


class Every(Frozen, kw_only=True):
    """One call in so many, the last of each lot."""

    calls: int


class Chance(Frozen, kw_only=True):
    """Each call with this probability; the same calls for the same seed."""

    probability: float
    seed: int


When = First | Every | Chance | None
"""Which calls; None is every one."""


class ApiFault(Frozen, kw_only=True):
    """One fault as it was asked for. `route` None is every route.

    `latency_ms` passes before anything else, whatever the kind; `status` is for STATUS only.
    """

    number: int
    kind: ApiFaultKind
    route: ApiRoute | None = None
    when: When = None
    latency_ms: int = 0
    status: int = 0


class _Standing:
    """A fault with what it has seen: `calls` of its route, of which it disturbed `done`."""

    def __init__(self, fault: ApiFault) -> None:
        self.fault = fault
        self.strikes = _strikes(fault.when)
        self.calls = 0
        self.done = 0


class FaultCount(Frozen):
    """A fault, how many calls of its route it has seen since, and how many it disturbed."""

    fault: ApiFault
    calls: int
    disturbed: int


class ApiFaults:
    """The faults that stand; for any threads. Where several strike at one call, the oldest wins."""

    def __init__(self) -> None:
        self._standing: dict[int, _Standing] = {}
        self._numbers = count(1)
        self._lock = threading.Lock()

    def add(self, make: Callable[[int], ApiFault]) -> ApiFault:
        """Put a fault up; `make` is given its number. OverflowError when there are FAULTS_MAX of them."""
        with self._lock:
            if len(self._standing) >= FAULTS_MAX:
                raise OverflowError(f"there are {FAULTS_MAX} faults already; remove some")
            fault = make(next(self._numbers))
            self._standing[fault.number] = _Standing(fault)
            return fault

    def remove(self, number: int) -> None:
        """Take a fault down; KeyError when there is none of that number."""
        with self._lock:
            del self._standing[number]

    def clear(self) -> None:
        """Take all down."""
        with self._lock:
            self._standing.clear()

    def all(self) -> tuple[FaultCount, ...]:
        """The faults that stand, the oldest first."""
        with self._lock:
            return tuple(FaultCount(each.fault, each.calls, each.done) for each in self._standing.values())

    def take(self, route: str) -> ApiFault | None:
        """The fault of a call to that route, if one strikes. Every fault of the route counts the call."""
        if not self._standing:
            return None
        struck: ApiFault | None = None
        with self._lock:
            for each in self._standing.values():
                if each.fault.route not in (None, route):
                    continue
                each.calls += 1
                if each.strikes(each.calls) and struck is None:
                    each.done += 1
                    struck = each.fault
        return struck


def _strikes(when: When) -> Callable[[int], bool]:
    """Whether the call of that number, counted from 1, is struck."""
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
