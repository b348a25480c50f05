"""The log of the calls that operators make to the simulator: what was asked, what was answered, and a hint.

It is held in memory, bounded by count and bytes, and counts what it dropped. Calls to the console, the
control API, the games and the health routes are not in it.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from urllib.parse import parse_qsl

from flask import Flask, Response, request

from simulator.core.secrets import (
    Headers,
    Secrets,
    mask_fields,
    mask_game_urls,
    mask_headers,
    mask_known,
    mask_parameters,
)
from simulator.core.values import Frozen
from simulator.serve.accounts import Agents
from simulator.serve.answers import ERROR_KEY

COUNT_MAX = 5_000

BYTES_MAX = 8 * 1024 * 1024

BODY_SHOWN_MAX = 4_096

PATH_SHOWN_MAX = 1_000

QUERY_SHOWN_MAX = 8_192

AGENT_KEY = "simulator.agent"
"""Where a route of the API leaves the code of the agent that calls, in the WSGI environment."""

_BEGUN_KEY = "simulator.begun_ns"

# The rest is the operator's: the documented paths, and whatever it asks by mistake.
_ELSEWHERE = re.compile(r"/(?:$|_sim(?:/|$)|console(?:/|$)|play/|healthz$|readyz$|metrics$|favicon\.ico$)")

_OVERHEAD_BYTES = 1_000

Known = Callable[[], list[Secrets]]
"""Returns the secrets that all agents have now."""


class ApiCall(Frozen):
    """One call of an operator. Secrets are masked already; `at_ms` is real time, `took_ns` the server's."""

    number: int
    at_ms: int
    agent: str | None
    method: str
    path: str
    parameters: Headers
    headers: Headers
    body: str
    status: int
    error: str | None
    message: str | None
    hint: str | None
    answer: str
    took_ns: int
    client: str

    def holds(self, text: str) -> bool:
        """Return whether the text stands anywhere in what a person is shown of the call, without case."""
        pairs = (f"{name}={value}" for name, value in self.parameters)
        shown = (self.path, *pairs, self.error or "", self.message or "", self.hint or "", self.client)
        return any(text.lower() in each.lower() for each in shown)


class Wanted(Frozen):
    """A filter of calls; an empty field is no condition. `path` is a part of the path."""

    agent: str = ""
    method: str = ""
    path: str = ""
    status: str = ""
    error: str = ""
    text: str = ""

    def takes(self, call: ApiCall) -> bool:
        """Return whether the call passes. `status` is a status like 404, or a class like 4xx."""
        status = str(call.status)
        return (
            self.agent in ("", call.agent)
            and self.method.upper() in ("", call.method)
            and self.path in call.path
            and self.status.lower() in ("", status, f"{status[0]}xx")
            and self.error.upper() in ("", call.error)
            and (not self.text or call.holds(self.text))
        )


class ApiLog:
    """The newest calls. Thread-safe."""

    def __init__(self, count_max: int = COUNT_MAX, bytes_max: int = BYTES_MAX) -> None:
        self._count_max, self._bytes_max = count_max, bytes_max
        self._calls: deque[Noted] = deque()
        self._bytes = 0
        self._latest = 0
        self._dropped = 0
        self._changed = threading.Condition()

    @property
    def latest(self) -> int:
        """Return the number of the newest call, 0 before the first."""
        return self._latest

    @property
    def dropped(self) -> int:
        """Return how many calls were dropped to stay within the bounds."""
        return self._dropped

    def add(self, noted: Noted) -> None:
        """Add a call, and drop the oldest ones beyond the bounds."""
        with self._changed:
            self._latest += 1
            noted.number = self._latest
            self._calls.append(noted)
            self._bytes += noted.size
            while len(self._calls) > self._count_max or (
                self._bytes > self._bytes_max and len(self._calls) > 1
            ):
                self._bytes -= self._calls.popleft().size
                self._dropped += 1
            self._changed.notify_all()

    def clear(self) -> None:
        """Drop all calls; numbers go on."""
        with self._changed:
            self._calls.clear()
            self._bytes = self._dropped = 0

    def call(self, number: int) -> ApiCall | None:
        """Return the call of that number, or None if there is none any more."""
        return next((each.shown() for each in self._held() if each.number == number), None)

    def newest(self, wanted: Wanted, *, before: int | None = None, limit: int) -> list[ApiCall]:
        """Return the newest calls that pass, the newest first, below the number `before`."""
        found = (each for each in reversed(self._held()) if before is None or each.number < before)
        return _first(limit, found, wanted)

    def since(self, number: int, wanted: Wanted, *, limit: int) -> list[ApiCall]:
        """Return the calls after that number which pass, the oldest first."""
        return _first(limit, (each for each in self._held() if each.number > number), wanted)

    def wait(self, number: int, wanted: Wanted, *, count: int, timeout_s: float) -> list[ApiCall]:
        """Return the first `count` calls after that number which pass, or fewer after the timeout."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while True:
                found = _first(count, (each for each in self._calls if each.number > number), wanted)
                left_s = deadline - time.monotonic()
                if len(found) >= count or left_s <= 0:
                    return found
                self._changed.wait(left_s)

    def _held(self) -> Sequence[Noted]:
        with self._changed:
            return tuple(self._calls)


def _first(limit: int, calls: Iterable[Noted], wanted: Wanted) -> list[ApiCall]:
    found: list[ApiCall] = []
    for each in calls:
        call = each.shown()
        if wanted.takes(call):
            found.append(call)
            if len(found) == limit:
                break
    return found


# --- from a request and its answer to a call ------------------------------------------------------


def record_calls(app: Flask, log: ApiLog, agents: Agents) -> None:
    """Record every call to the app that an operator makes, whatever it is answered."""

    def known() -> list[Secrets]:
        return [agent.secrets for agent in agents.all()]

    @app.before_request
    def begin() -> None:
        request.environ[_BEGUN_KEY] = time.monotonic_ns()

    @app.after_request
    def record(answered: Response) -> Response:
        environ = request.environ
        if not _ELSEWHERE.match(environ.get("PATH_INFO", "/")):
            noted = Noted(environ, answered, known)
            environ[ERROR_KEY] = noted.told.get("error")
            log.add(noted)
        return answered


class Noted:
    """What is kept of a call: only what can be read quickly, since lists are answered in half a millisecond.

    `shown` returns it as people read it, with the secrets masked that were known when the call came.
    """

    __slots__ = (
        *("_call", "_known", "agent", "answer", "at_ms", "body", "client", "headers", "method"),
        *("number", "path", "query", "size", "status", "told", "took_ns"),
    )

    def __init__(self, environ: dict[str, Any], answered: Response, known: Known) -> None:
        self.number = 0
        self.at_ms = time.time_ns() // 1_000_000
        self.took_ns = time.monotonic_ns() - environ[_BEGUN_KEY]
        self.agent: str | None = environ.get(AGENT_KEY)
        self.method: str = environ["REQUEST_METHOD"]
        self.path: str = environ.get("PATH_INFO", "")[:PATH_SHOWN_MAX]
        self.query: str = environ.get("QUERY_STRING", "")[:QUERY_SHOWN_MAX]
        self.headers = [(key, value) for key, value in environ.items() if key.startswith("HTTP_")]
        self.body = _body() if environ.get("CONTENT_LENGTH", "0") not in ("", "0") else ""
        self.status = answered.status_code
        self.told = _error(answered) if self.status >= 400 else {}
        self.answer = _answer(answered)
        self.client: str = environ.get("REMOTE_ADDR", "")
        self._known = known
        self._call: ApiCall | None = None
        headers = sum(len(value) for _, value in self.headers)
        texts = len(self.path) + len(self.query) + len(self.body) + len(self.answer)
        self.size = _OVERHEAD_BYTES + headers + texts

    def shown(self) -> ApiCall:
        """Return the call as people and programs read it."""
        if self._call is None:
            self._call = self._read(self._known())
        return self._call

    def _read(self, known: Sequence[Secrets]) -> ApiCall:
        def hide(text: str) -> str:
            return mask_known(text, *known)

        headers = tuple((key[5:].replace("_", "-").title(), value) for key, value in self.headers)
        told = {name: hide(text) for name, text in self.told.items()}
        return ApiCall(
            number=self.number,
            at_ms=self.at_ms,
            agent=self.agent,
            method=self.method,
            path=hide(self.path.encode("latin-1").decode("utf-8", "replace")),
            parameters=tuple(
                (hide(name), hide(value)) for name, value in mask_parameters(_pairs(self.query))
            ),
            headers=tuple((name, hide(value)) for name, value in mask_headers(headers)),
            body=hide(mask_fields(self.body)),
            status=self.status,
            error=told.get("error"),
            message=told.get("message"),
            hint=told.get("hint"),
            answer=hide(mask_game_urls(mask_fields(self.answer))),
            took_ns=self.took_ns,
            client=self.client,
        )


def _error(answered: Response) -> dict[str, str]:
    """Return code, message and hint of an answer that is an error."""
    try:
        told = json.loads(answered.get_data())
    except (ValueError, RuntimeError):
        return {}
    if not isinstance(told, dict):
        return {}
    return {name: told[name] for name in ("error", "message", "hint") if isinstance(told.get(name), str)}


def _body() -> str:
    """Return the request's body; one that is long or of unknown length is not read for the log."""
    length = request.content_length or 0
    if length > BODY_SHOWN_MAX:
        return f"({length} bytes)"
    return request.get_data().decode("utf-8", "replace")


def _answer(answered: Response) -> str:
    """Return the answer's text; the lists, which are long, are not kept."""
    body = answered.response
    if not isinstance(body, list) or len(body) != 1:
        return ""
    if len(body[0]) > BODY_SHOWN_MAX or "Content-Encoding" in answered.headers:
        return f"({len(body[0])} bytes)"
    text = body[0]
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)


def _pairs(query: str) -> Headers:
    return tuple(parse_qsl(query, keep_blank_values=True, encoding="utf-8", errors="replace"))
