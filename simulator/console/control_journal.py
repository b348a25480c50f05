"""The control API's routes of the journal: lists, what is new, waiting, one exchange, sending it again."""

from __future__ import annotations

import threading
import time
from typing import Any

from flask import Blueprint, Response, request

from simulator.console.exchanges import full_json, money_text, row_json
from simulator.console.fields import WHOLE_MAX, body_of, query_of
from simulator.console.problems import Code, Denied, answer
from simulator.console.wanted import FILTERS, filter_of
from simulator.delivery.deliverer import Delivered
from simulator.delivery.journal import PAGE_MAX, Journal
from simulator.delivery.journal_entry import Entry, Filter
from simulator.server_state import ServerState

WAITS_MAX = 6
"""Each call that waits holds a thread of the server."""
WAIT_MS_MAX = 60_000
SLICE_S = 0.5
ROWS = 50


def add_journal(routes: Blueprint, state: ServerState) -> None:
    """Reading the journal, and waiting for something to be in it."""
    journal = state.delivery.journal
    waits = threading.Semaphore(WAITS_MAX)

    @routes.get("/journal")
    def list_journal() -> Response:
        fields = query_of(request, *FILTERS, "before", "limit")
        change = journal.change
        before = fields.whole("before", low=1) if "before" in fields else None
        limit = fields.whole("limit", ROWS, low=1, high=PAGE_MAX)
        found = journal.latest(filter_of(fields), before=before, limit=limit)
        next_before = found[-1].number if len(found) == limit else None
        return answer({"exchanges": rows(found), "next_before": next_before, "change": change})

    @routes.get("/journal/changes")
    def list_changes() -> Response:
        fields = query_of(request, *FILTERS, "since", "limit")
        since = fields.whole("since")
        limit = fields.whole("limit", PAGE_MAX, low=1, high=PAGE_MAX)
        return answer(changes(journal, filter_of(fields), since, limit))

    @routes.get("/journal/wait")
    def wait_for_exchanges() -> Response:
        fields = query_of(request, *FILTERS, "since", "count", "timeout_ms")
        since = fields.whole("since", 0)
        count = fields.whole("count", 1, low=1, high=PAGE_MAX)
        timeout_ms = fields.whole("timeout_ms", 10_000, high=WAIT_MS_MAX)
        wanted = filter_of(fields)
        if not waits.acquire(blocking=False):
            raise Denied(Code.PLACES_TAKEN)
        try:
            found = wait_for(state, wanted, since, count, timeout_ms / 1000)
        finally:
            waits.release()
        change = found[-1].change if found else since
        return answer({"exchanges": rows(found), "change": change, "timed_out": len(found) < count})

    @routes.get("/journal/<int:number>")
    def show_exchange(number: int) -> Response:
        query_of(request)
        return answer(full_json(entry_of(journal, number), state.agents))

    @routes.post("/journal/<int:number>/resend")
    def resend_exchange(number: int) -> Response:
        body_of(request)
        entry_of(journal, number)
        return answer(delivered_json(state.delivery.by_hand.resend(number)))


def entry_of(journal: Journal, number: int) -> Entry:
    """The exchange of that number, or Denied."""
    entry = journal.entry(number) if number <= WHOLE_MAX else None
    if entry is None:
        raise Denied(Code.NOT_FOUND, "the journal has no exchange of that number, or has it no more")
    return entry


def changes(journal: Journal, wanted: Filter, since: int, limit: int) -> dict[str, Any]:
    """What is new after the change `since`, oldest change first. `reset`: begin anew, the journal did."""
    change = journal.change
    if since < journal.cleared or since > change:
        return {"exchanges": [], "change": change, "reset": True}
    found = journal.since(since, wanted, limit=limit)
    # Where all was given out, nothing that is wanted lies between the last one and `change`.
    seen = found[-1].change if len(found) == limit else max(change, found[-1].change if found else 0)
    return {"exchanges": rows(found), "change": seen, "reset": False}


def wait_for(state: ServerState, wanted: Filter, since: int, count: int, timeout_s: float) -> list[Entry]:
    """The first `count` entries after the change `since`; fewer when time is over or the server stops."""
    journal = state.delivery.journal
    deadline = time.monotonic() + timeout_s
    while True:
        change = journal.change
        found = journal.since(since, wanted, limit=count)
        left_s = deadline - time.monotonic()
        if len(found) >= count or left_s <= 0 or state.stopping.is_set():
            return found
        # Whatever comes may be the missing one, or a new word on one of those that are counted.
        journal.wait(change, wanted, timeout_s=min(left_s, SLICE_S), limit=1)


def rows(entries: list[Entry]) -> list[dict[str, Any]]:
    """Entries as rows."""
    return [row_json(each) for each in entries]


def delivered_json(delivered: Delivered) -> dict[str, Any]:
    """What became of a webhook that was asked for; `exchanges` are the numbers in the journal."""
    return {
        "outcome": delivered.outcome,
        "balance": money_text(delivered.balance),
        "problem": delivered.problem,
        "exchanges": list(delivered.numbers),
    }
