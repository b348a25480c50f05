"""The log of an operator's calls: as routes of the control API, and as pages of the console."""

from __future__ import annotations

import json
import threading
from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, request

from simulator.core.mappings import WHOLE_MAX, Fields
from simulator.serve.answers import Denied, ErrorCode, answer
from simulator.serve.api.log import ApiCall, ApiLog, Wanted
from simulator.serve.console.frame import Frame, shown_body, utc_text
from simulator.serve.fields import query_of, resumed_at
from simulator.serve.journal import PAGE_MAX
from simulator.serve.state import ServerState
from simulator.serve.streams import WAIT_S, StreamEvent

FILTERS = ("agent", "method", "path", "status", "error", "text")

ROWS = 100

WAIT_MS_MAX = 60_000

SLICE_S = 0.5


def add_requests(routes: Blueprint, state: ServerState, waits: threading.Semaphore) -> None:
    """Add the routes that list the calls, show one in full, wait for some, and drop them.

    `waits` bounds how many requests may wait, which each hold a thread.
    """
    log = state.api_log

    @routes.get("/requests")
    def list_requests() -> Response:
        fields = query_of(request, *FILTERS, "before", "limit")
        before = fields.whole("before", low=1) if "before" in fields else None
        limit = fields.whole("limit", ROWS, low=1, high=PAGE_MAX)
        found = log.newest(wanted_of(fields), before=before, limit=limit)
        next_before = found[-1].number if len(found) == limit else None
        rows = [call_json(each) for each in found]
        counts = {"latest": log.latest, "dropped": log.dropped}
        return answer({"requests": rows, "next_before": next_before, **counts})

    @routes.get("/requests/wait")
    def wait_for_requests() -> Response:
        fields = query_of(request, *FILTERS, "since", "count", "timeout_ms")
        since = fields.whole("since", 0)
        count = fields.whole("count", 1, low=1, high=PAGE_MAX)
        timeout_ms = fields.whole("timeout_ms", 10_000, high=WAIT_MS_MAX)
        if not waits.acquire(blocking=False):
            raise Denied(ErrorCode.PLACES_TAKEN)
        try:
            found = _waited(state, wanted_of(fields), since, count, timeout_ms)
        finally:
            waits.release()
        last = found[-1].number if found else since
        rows = [call_json(each) for each in found]
        return answer({"requests": rows, "latest": last, "timed_out": len(found) < count})

    @routes.get("/requests/<int:number>")
    def show_request(number: int) -> Response:
        query_of(request)
        call = log.call(number) if number <= WHOLE_MAX else None
        if call is None:
            message = "the log has no call of that number, or has it no more"
            raise Denied(ErrorCode.NOT_FOUND, message)
        whole = {"headers": [list(pair) for pair in call.headers], "body": call.body, "answer": call.answer}
        return answer({**call_json(call), **whole})


def _waited(state: ServerState, wanted: Wanted, since: int, count: int, timeout_ms: int) -> list[ApiCall]:
    """Return the calls that came in time; a server that stops ends the wait."""
    log, left_s = state.api_log, timeout_ms / 1000
    while True:
        found = log.wait(since, wanted, count=count, timeout_s=min(left_s, SLICE_S))
        left_s -= SLICE_S
        if len(found) >= count or left_s <= 0 or state.stopping.is_set():
            return found


def wanted_of(fields: Fields) -> Wanted:
    """Return the filter of a query; empty fields are ignored."""
    return Wanted(**{name: fields.text(name, "") for name in FILTERS})


def call_json(call: ApiCall) -> dict[str, Any]:
    """Return a call as a row. A parameter that was given more than once has a list of values."""
    parameters: dict[str, Any] = {}
    for name, value in call.parameters:
        held = parameters.get(name)
        parameters[name] = value if held is None else [*(held if isinstance(held, list) else [held]), value]
    names = ("number", "agent", "method", "path", "status", "error", "message", "hint", "client")
    row = {name: getattr(call, name) for name in names}
    return {**row, "at": utc_text(call.at_ms), "parameters": parameters, "took_ms": call.took_ns // 1_000_000}


# --- pages ----------------------------------------------------------------------------------------


def add_request_pages(routes: Blueprint, frame: Frame) -> None:
    """Add the page of the calls, the page of one, and what tells the first of news."""
    log = frame.state.api_log

    @routes.get("/console/requests")
    def requests_page() -> Response:
        fields = query_of(request, *FILTERS, "part", "before")
        wanted = wanted_of(fields)
        before = fields.whole("before", low=1) if "before" in fields else None
        calls = log.newest(wanted, before=before, limit=ROWS)
        failed = sum(each.status >= 400 for each in calls)
        return frame.page(
            "requests.html",
            calls=calls,
            failed=failed,
            wanted=asdict(wanted),
            agents=[agent.code for agent in frame.state.agents.all()],
            page_size=ROWS,
            log=log,
        )

    @routes.get("/console/requests/<int:number>")
    def request_page(number: int) -> Response:
        query_of(request, "part")
        call = log.call(number) if number <= WHOLE_MAX else None
        if call is None:
            return frame.page("not_found.html", status=404, why="not_found_request")
        body, answer = shown_body(call.body.encode()), shown_body(call.answer.encode())
        return frame.page("request.html", call=call, body=body, answer=answer)

    @routes.get("/console/requests/events")
    def request_events() -> Response:
        told = frame.state.streams.open(_News(log, _since(log)).events, request.environ)
        if told is None:
            raise Denied(ErrorCode.PLACES_TAKEN)
        return told

    @routes.get("/console/requests/news")
    def request_news() -> Response:
        news = _News(log, _since(log))
        rows = news.rows(0)
        return answer({"reset": False, "change": news.since, "rows": rows})


def _since(log: ApiLog) -> int:
    resumed = resumed_at(request)
    fields = query_of(request, *FILTERS, "since", "part", "before")
    return fields.whole("since", log.latest) if resumed is None else resumed


class _News:
    """Tells that calls came after `since`; the page then reads its list anew."""

    def __init__(self, log: ApiLog, since: int) -> None:
        self._log = log
        # A number of another server's log is ahead of this one's.
        self.since = min(since, log.latest)

    def rows(self, timeout_s: float) -> list[dict[str, int]]:
        found = self._log.wait(self.since, Wanted(), count=1, timeout_s=timeout_s)
        self.since = max(self.since, self._log.latest)
        return [{"change": self.since}] if found else []

    def events(self) -> list[StreamEvent]:
        return [StreamEvent(row["change"], "exchange", json.dumps(row)) for row in self.rows(WAIT_S)]
