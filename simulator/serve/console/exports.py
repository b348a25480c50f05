"""Export the journal: as JSON for the control API, as NDJSON for `judge`, and as a scenario file."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from flask import Blueprint, Response, render_template, request

from simulator import __version__
from simulator.core.call_lines import body_object, call_facts, call_object, line_text, opening_object
from simulator.core.calls import Call, Opening, Player
from simulator.core.findings import Finding
from simulator.core.money import format_money, money_text
from simulator.core.secrets import Headers, mask_headers, mask_url
from simulator.core.webhooks import Method, WireRequest, curl_line, merged_headers
from simulator.scenario.recording import player_record, recorded_text
from simulator.serve.accounts import Agents
from simulator.serve.answers import Denied, ErrorCode
from simulator.serve.console.frame import utc_text
from simulator.serve.entries import Entry, Filter, Purpose
from simulator.serve.fields import FILTERS, filter_of, query_of
from simulator.serve.journal import Cut, Journal
from simulator.serve.state import ServerState

EXPORTS_MAX = 2
"""How many exports may run: a whole journal takes a while, and holds a thread of the server."""

_CHUNK_LINES = 100

_BY_HAND = frozenset({Purpose.RESEND, Purpose.HAND})


def add_exports(routes: Blueprint, state: ServerState) -> None:
    """Add the routes that export files."""
    journal = state.delivery.journal
    places = threading.Semaphore(EXPORTS_MAX)

    @routes.get("/journal/export.ndjson")
    def export_lines() -> Response:
        wanted = filter_of(query_of(request, *FILTERS))
        if not places.acquire(blocking=False):
            raise Denied(ErrorCode.PLACES_TAKEN)
        told = Response(_chunks(journal, wanted, state.stopping), content_type="application/x-ndjson")
        told.call_on_close(places.release)
        return _as_file(told, "journal.ndjson")

    @routes.get("/journal/export.yaml")
    def export_scenario() -> Response:
        entries, cuts = _all(journal, filter_of(query_of(request, *FILTERS)))
        told = Response(scenario_yaml(entries, cuts), content_type="application/yaml")
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


def _all(journal: Journal, wanted: Filter) -> tuple[list[Entry], dict[Player, Cut]]:
    """Return the whole histories of the players with a matching exchange, and where they were cut off."""
    found: list[Entry] = []
    cuts: dict[Player, Cut] = {}
    for entry, cut in _histories(journal, wanted):
        found.append(entry)
        # Some may be dropped meanwhile: the last cut counts.
        cuts[entry.agent, entry.request.player] = cut
        if len(found) > EXCHANGES_MAX:
            message = f"these are more than {EXCHANGES_MAX} exchanges, of whole histories; name a player"
            raise Denied(ErrorCode.IN_VAIN, message)
    if not found:
        raise Denied(ErrorCode.NOT_FOUND, "the journal has no such exchange")
    return [each for each in found if each.number > cuts[each.agent, each.request.player].number], cuts


def _as_file(told: Response, name: str) -> Response:
    told.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    told.headers["Cache-Control"] = "no-store"
    return told


# --- an exchange as JSON: as a row, and in full with both bodies ----------------------------------

Json = dict[str, Any]


def row_json(entry: Entry) -> Json:
    """Return an exchange without headers and bodies. Missing texts are empty."""
    return {
        "number": entry.number,
        "change": entry.change,
        "at_ms": entry.at_ms,
        "session": entry.session,
        **call_facts(entry.call),
        "transaction_id": entry.request.transaction_id or "",
        "game_id": entry.request.game_id or "",
        "attempt": entry.attempt,
        "verdict": entry.verdict,
        "reason": entry.reason,
        "expected": money_text(entry.expected),
        "difference": money_text(entry.difference),
        "duration_ns": entry.call.exchange.latency_ns,
        "fault": entry.call.exchange.fault or "",
        "problem": entry.problem,
        "hint": entry.hint,
        "findings": [finding_json(each) for each in entry.findings],
    }


def full_json(entry: Entry, agents: Agents) -> Json:
    """Return an exchange in full. `reply` is null without an answer; `problem` says why."""
    reply: Json | None = None
    if entry.reply is not None:
        reply = {
            "status": entry.reply.status,
            "headers": [list(pair) for pair in entry.reply.headers],
            **body_object("body", entry.reply.body),
            "bytes": entry.reply_bytes,
            "cut": len(entry.reply.body) < entry.reply_bytes,
        }
    headers = [list(pair) for pair in request_headers(entry, agents)]
    wire = entry.call.exchange.wire
    request = {"content_type": wire.content_type, "headers": headers, **body_object("body", wire.body)}
    return {**row_json(entry), "request": request, "reply": reply, "curl": curl_of(entry, agents)}


def finding_json(finding: Finding) -> Json:
    """Return a finding of an exchange."""
    return {
        "rule": finding.rule,
        "severity": finding.severity,
        "cause": finding.cause,
        "message": finding.message,
        "why": finding.why,
        "expected": [format_money(amount) for amount in finding.expected],
        "found": money_text(finding.found),
    }


def request_headers(entry: Entry, agents: Agents) -> Headers:
    """Return the headers of that agent's calls now, with secrets masked."""
    agent = agents.of_code(entry.agent)
    own = () if agent is None or agent.target is None else agent.target.headers
    wire = () if agent is None else agent.wire.headers
    headers = merged_headers((("Content-Type", entry.call.exchange.wire.content_type), *own), wire)
    return mask_headers(headers, (name for name, _ in (*own, *wire)))


def curl_of(entry: Entry, agents: Agents) -> str | None:
    """Return the call as a curl line with secrets masked, or None if the agent has no webhook URL now."""
    agent = agents.of_code(entry.agent)
    if agent is None or agent.target is None:
        return None
    sent = entry.call.exchange.wire
    headers = merged_headers(agent.target.headers, agent.wire.headers)
    return curl_line(agent.target.url, WireRequest(sent.body, sent.content_type), headers)


def code_of(entry: Entry, agents: Agents) -> dict[str, str]:
    """Return the call as code in several languages and as HAR, secrets masked; nothing without a URL now."""
    agent, curl = agents.of_code(entry.agent), curl_of(entry, agents)
    if agent is None or agent.target is None or curl is None:
        return {}
    url, headers = mask_url(agent.target.url), request_headers(entry, agents)
    values = {
        "url": url,
        "headers": headers,
        "body": entry.call.exchange.wire.body.decode("utf-8", "replace"),
        "php": php_literal,
        "literal": literal,
    }
    files = {"PHP": "call_php", "Python": "call_python", "Node": "call_node"}
    code = {name: render_template(f"console/snippets/{file}.txt", **values) for name, file in files.items()}
    har = json.dumps(har_of(entry, url, headers), indent=2, ensure_ascii=False)
    return {"curl": curl, **code, "HAR": har}


def php_literal(text: str) -> str:
    """Return text as a PHP literal in single quotes."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def literal(text: str) -> str:
    """Return text as a literal in double quotes that JavaScript and Python read alike."""
    return json.dumps(text, ensure_ascii=False)


def har_of(entry: Entry, url: str, headers: Headers) -> Json:
    """Return the exchange in the HTTP archive format, version 1.2."""
    exchange, reply = entry.call.exchange, entry.reply
    took_ms = (exchange.latency_ns or 0) / 1e6
    sent = exchange.wire
    shared: Json = {"httpVersion": "HTTP/1.1", "cookies": [], "headersSize": -1}
    request = {
        **shared,
        "method": "POST",
        "url": url,
        "headers": _har_headers(headers),
        "queryString": [],
        "bodySize": len(sent.body),
        "postData": {"mimeType": sent.content_type, "text": sent.body.decode("utf-8", "replace")},
    }
    response = {
        **shared,
        "status": 0 if reply is None else reply.status,
        "statusText": "",
        "headers": _har_headers(() if reply is None else reply.headers),
        "content": {
            "size": entry.reply_bytes,
            "mimeType": "" if reply is None else reply.header("content-type") or "",
            "text": "" if reply is None else reply.body.decode("utf-8", "replace"),
        },
        "redirectURL": "",
        "bodySize": entry.reply_bytes if reply is not None else -1,
    }
    found = {
        "startedDateTime": utc_text(exchange.sent_ns // 1_000_000),
        "time": took_ms,
        "request": request,
        "response": response,
        "cache": {},
        "timings": {"send": 0, "wait": took_ms, "receive": 0},
    }
    creator = {"name": "betrontech-simulator", "version": __version__}
    return {"log": {"version": "1.2", "creator": creator, "entries": [found]}}


def _har_headers(headers: Headers) -> list[Json]:
    return [{"name": name, "value": value} for name, value in headers]


# --- NDJSON, as in a run's report -----------------------------------------------------------------

PAGE = 500


def lines_of(journal: Journal, wanted: Filter) -> Iterator[str]:
    """Yield the whole histories of the players with a matching exchange, as lines of JSON, oldest first.

    A part of a history cannot be judged. An `opening` line precedes a player's first call, with the balance
    then, or null where no answer had shown it.
    """
    opened: dict[Player, _History] = {}
    for entry, cut in _histories(journal, wanted):
        yield from _lines(entry, cut, opened)


def _histories(journal: Journal, wanted: Filter) -> Iterator[tuple[Entry, Cut]]:
    """Yield every exchange of the players with a matching one, oldest first, each with its player's cut."""
    chosen = None if wanted == Filter() else journal.players_of(wanted)
    cuts: dict[Player, Cut] = {}
    number, drops = 0, -1
    while True:
        page = journal.earliest(after=number, limit=PAGE)
        if journal.drops != drops:
            # Some may have been dropped before this page was read.
            drops = journal.drops
            cuts.clear()
        for entry in page:
            player = (entry.agent, entry.request.player)
            if chosen is not None and player not in chosen:
                continue
            cut = cuts.get(player)
            if cut is None:
                cut = cuts[player] = journal.cut(*player)
            # Exchanges with findings outlive those around them.
            if entry.number > cut.number:
                yield entry, cut
        if len(page) < PAGE:
            return
        number = page[-1].number


@dataclass(slots=True)
class _History:
    """What an export has of a player: the latest exchange, and the ids since the opening after a cut."""

    number: int
    ids: set[tuple[bool, str]] = field(default_factory=set)


def _lines(entry: Entry, cut: Cut, opened: dict[Player, _History]) -> Iterator[str]:
    """Yield an exchange as a line, after the opening of its player if that is still to be told.

    A cut behind the latest exported exchange begins a new history. So does a call after a cut that may repeat
    one before it, since its effect and the balance after it are not known.
    """
    player, request = (entry.agent, entry.request.player), entry.request
    if request.method is not Method.DETAILS:
        history = opened.get(player)
        id_ = (request.method is Method.WIN, request.transaction_id or "")
        repeats = request.method is Method.REFUND or entry.call.why.purpose in _BY_HAND
        is_cut = history is None or history.number < cut.number
        if history is None or is_cut or (cut.number and repeats and id_ not in history.ids):
            balance = cut.balance if is_cut else None
            if not cut.number and request.method is Method.BALANCE:
                balance = entry.call.balance
            history = opened[player] = _History(entry.number)
            opening = Opening(player=player[1], balance=balance, agent=player[0], continued=cut.number > 0)
            yield line_text("opening", opening_object(opening))
        history.number = entry.number
        if cut.number and request.method.moves_money:
            history.ids.add(id_)
    purpose = "probe" if entry.call.why.purpose == Purpose.PROBE else "step"
    yield line_text("exchange", {**call_object(entry.call), "purpose": purpose})


# --- scenario files -------------------------------------------------------------------------------

EXCHANGES_MAX = 10_000


def scenario_yaml(entries: Iterable[Entry], cuts: Mapping[Player, Cut] = MappingProxyType({})) -> str:
    """Return the exchanges, oldest first, as a scenario file with one YAML document for each player.

    `cuts` say with which balance a history goes on whose beginning was dropped.
    """
    by_player: dict[Player, list[Call]] = {}
    for entry in entries:
        by_player.setdefault((entry.agent, entry.request.player), []).append(entry.call)
    return recorded_text(
        player_record(agent, user_id, calls, cuts.get((agent, user_id), Cut()).balance)
        for (agent, user_id), calls in by_player.items()
    )
