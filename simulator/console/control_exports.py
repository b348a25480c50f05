"""The control API's routes that give the journal away: as NDJSON, and as a scenario file."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from flask import Blueprint, Response, request

from simulator.console.export_lines import lines_of
from simulator.console.export_scenario import EXCHANGES_MAX, scenario_yaml
from simulator.console.fields import query_of
from simulator.console.problems import Code, Denied
from simulator.console.wanted import FILTERS, filter_of
from simulator.delivery.journal import PAGE_MAX, Journal
from simulator.delivery.journal_entry import Entry, Filter
from simulator.server_state import ServerState

EXPORTS_MAX = 2
"""A whole journal takes a while to leave, and holds a thread of the server for so long."""
_CHUNK_LINES = 100


def add_exports(routes: Blueprint, state: ServerState) -> None:
    """Files of what was played."""
    journal = state.delivery.journal
    places = threading.Semaphore(EXPORTS_MAX)

    @routes.get("/journal/export.ndjson")
    def export_lines() -> Response:
        wanted = filter_of(query_of(request, *FILTERS))
        if not places.acquire(blocking=False):
            raise Denied(Code.PLACES_TAKEN)
        told = Response(_chunks(journal, wanted, state.stopping), content_type="application/x-ndjson")
        told.call_on_close(places.release)
        return _as_file(told, "journal.ndjson")

    @routes.get("/journal/export.yaml")
    def export_scenario() -> Response:
        entries = _all(journal, filter_of(query_of(request, *FILTERS)))
        told = Response(scenario_yaml(entries), content_type="application/yaml")
        return _as_file(told, "scenario.yaml")


def _chunks(journal: Journal, wanted: Filter, stopping: threading.Event) -> Iterator[str]:
    lines: list[str] = []
    for line in lines_of(journal, wanted):
        lines.append(line)
        if len(lines) >= _CHUNK_LINES:
            if stopping.is_set():
                return
            yield "".join(lines)
            lines.clear()
    yield "".join(lines)


def _all(journal: Journal, wanted: Filter) -> list[Entry]:
    found: list[Entry] = []
    while page := journal.earliest(wanted, after=found[-1].number if found else 0, limit=PAGE_MAX):
        found += page
        if len(found) > EXCHANGES_MAX:
            message = f"these are more than {EXCHANGES_MAX} exchanges; name a player or a session"
            raise Denied(Code.IN_VAIN, message)
    if not found:
        raise Denied(Code.NOT_FOUND, "the journal has no such exchange")
    return found


def _as_file(told: Response, name: str) -> Response:
    told.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    told.headers["Cache-Control"] = "no-store"
    return told
