"""The routes of the control API below `/_sim`, behind the guard."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, request

from simulator import __version__
from simulator.core.calls import KnownAs
from simulator.core.languages import Lang
from simulator.core.mappings import WHOLE_MAX, Wrong, one_of
from simulator.core.money import format_money, money_text
from simulator.core.values import Frozen
from simulator.errors import UsageError
from simulator.judge.rulings import PlayerStanding
from simulator.report.languages import Words
from simulator.serve.accounts import Session, SessionKind
from simulator.serve.answers import Denied, ErrorCode, Part, answer, answer_in, denied_field
from simulator.serve.calls import Delivered
from simulator.serve.clock import LADDERS, Pace
from simulator.serve.console.access import Access
from simulator.serve.console.control_agents import (
    FIELDS as LAUNCH_FIELDS,
)
from simulator.serve.console.control_agents import (
    add_agents,
    add_faults,
    agent_named,
    launch_of,
)
from simulator.serve.console.control_findings import add_findings
from simulator.serve.console.control_play import add_play
from simulator.serve.console.exports import Json, add_exports, full_json, row_json
from simulator.serve.console.requests import SLICE_S, WAIT_MS_MAX, add_requests
from simulator.serve.delivery import sends_zero_wins
from simulator.serve.entries import SHARES, Entry, Filter, percentiles
from simulator.serve.fields import (
    FILTERS,
    WebhookUnfit,
    body_of,
    check_language,
    filter_of,
    lang_wanted,
    query_of,
)
from simulator.serve.journal import PAGE_MAX, Journal, PlayerCount, Room
from simulator.serve.obligations import Obligation, State
from simulator.serve.play.seats import Seats
from simulator.serve.state import ServerState
from simulator.serve.store import JournalUnusable
from simulator.serve.streams import Feed
from simulator.serve.turns import DeliveryStopped, PlayerBusy

OPENAPI_FILE = Path(__file__).with_name("openapi.json")


def control_blueprint(state: ServerState, access: Access, seats: Seats) -> Blueprint:
    """Return the routes of the control API."""
    routes = Blueprint("control", __name__, url_prefix="/_sim")
    routes.before_request(lambda: access.check(request))
    routes.before_request(lambda: check_language(request))
    routes.after_request(_in_language)
    add_errors(routes)
    add_server(routes, state)
    add_clock(routes, state)
    add_agents(routes, state)
    add_sessions(routes, state)
    add_play(routes, state, seats)
    waits = threading.Semaphore(WAITS_MAX)
    add_journal(routes, state, waits)
    add_requests(routes, state, waits)
    add_exports(routes, state)
    add_players(routes, state)
    add_findings(routes, state.delivery.causes)
    add_obligations(routes, state)
    add_webhooks(routes, state)
    add_faults(routes, state.faults)

    @routes.get("/openapi.json")
    def openapi() -> Response:
        return Response(OPENAPI_FILE.read_bytes(), content_type="application/json")

    return routes


def _in_language(told: Response) -> Response:
    """Say sentences in the language of the request; codes, names and data stay."""
    lang = lang_wanted(request)
    is_said = lang is not Lang.ENGLISH and request.path != "/_sim/openapi.json"
    return answer_in(Words(lang), told) if is_said else told


def add_errors(routes: Blueprint) -> None:
    """Answer errors as JSON."""

    @routes.errorhandler(Wrong)
    def answer_wrong_field(wrong: Wrong) -> Response:
        return denied_field(wrong, Part.CONTROL).response

    @routes.errorhandler(WebhookUnfit)
    def answer_unfit(error: WebhookUnfit) -> Response:
        return Denied(ErrorCode.FIELD_INVALID, str(error), field="webhook").response

    @routes.errorhandler(UsageError)
    def answer_vain(error: UsageError) -> Response:
        return Denied(ErrorCode.IN_VAIN, str(error)).response

    @routes.errorhandler(PlayerBusy)
    @routes.errorhandler(DeliveryStopped)
    @routes.errorhandler(JournalUnusable)
    def answer_busy(error: Exception) -> Response:
        return Denied(ErrorCode.BUSY, str(error)).response


# --- the journal ----------------------------------------------------------------------------------

WAITS_MAX = 6
"""How many calls may wait: each holds a thread of the server."""

ROWS = 50


def add_journal(routes: Blueprint, state: ServerState, waits: threading.Semaphore) -> None:
    """Add the routes that read the journal, wait for entries, and send an exchange again."""
    journal = state.delivery.journal

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
        news = Feed(journal, filter_of(fields), since, rows).now(limit)
        return answer({"exchanges": news.rows, "change": news.change, "reset": news.is_reset})

    @routes.get("/journal/wait")
    def wait_for_exchanges() -> Response:
        fields = query_of(request, *FILTERS, "since", "count", "timeout_ms")
        since = fields.whole("since", 0)
        count = fields.whole("count", 1, low=1, high=PAGE_MAX)
        timeout_ms = fields.whole("timeout_ms", 10_000, high=WAIT_MS_MAX)
        wanted = filter_of(fields)
        if not waits.acquire(blocking=False):
            raise Denied(ErrorCode.PLACES_TAKEN)
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
    """Return the exchange with that number. Raises Denied."""
    entry = journal.entry(number) if number <= WHOLE_MAX else None
    if entry is None:
        raise Denied(ErrorCode.NOT_FOUND, "the journal has no exchange of that number, or has it no more")
    return entry


def wait_for(state: ServerState, wanted: Filter, since: int, count: int, timeout_s: float) -> list[Entry]:
    """Return the first `count` entries after the change `since`, or fewer at the timeout or the stop."""
    journal = state.delivery.journal
    deadline = time.monotonic() + timeout_s
    while True:
        change = journal.change
        found = journal.since(since, wanted, limit=count, ended=True)
        left_s = deadline - time.monotonic()
        if len(found) >= count or left_s <= 0 or state.stopping.is_set():
            return found
        # A change may bring the missing entry, or change one that is already counted.
        journal.wait(change, wanted, timeout_s=min(left_s, SLICE_S), limit=1)


def rows(entries: list[Entry]) -> list[dict[str, Any]]:
    """Return entries as rows."""
    return [row_json(each) for each in entries]


def delivered_json(delivered: Delivered) -> dict[str, Any]:
    """Return the result of a webhook that was sent on request; `exchanges` are numbers in the journal."""
    return {
        "outcome": delivered.outcome,
        "balance": money_text(delivered.balance),
        "problem": delivered.problem,
        "exchanges": list(delivered.numbers),
    }


# --- sessions, players, latencies, obligations ----------------------------------------------------


def add_sessions(routes: Blueprint, state: ServerState) -> None:
    """Add the routes that list, launch and end game sessions."""

    @routes.get("/sessions")
    def list_sessions() -> Response:
        fields = query_of(request, "agent", "player", "kind", "limit")
        agent, player = fields.text("agent", ""), fields.text("player", "")
        kind = fields.word("kind", SessionKind, "")
        limit = fields.whole("limit", 100, low=1, high=PAGE_MAX)
        found = [
            session
            for session in reversed(state.sessions.all())
            if agent in ("", session.launch.agent.code)
            and player in ("", session.launch.player)
            and kind in ("", session.launch.kind)
        ]
        shown = [session_json(session, state) for session in found[:limit]]
        return answer({"sessions": shown, "count": len(found)})

    @routes.post("/sessions")
    def launch_game() -> Response:
        session = state.sessions.open(launch_of(body_of(request, *LAUNCH_FIELDS), state))
        game_url = state.game_url(session, request)
        return answer({**session_json(session, state), "game_url": game_url}, 201)

    @routes.delete("/sessions/<session_id>")
    def end_session(session_id: str) -> Response:
        body_of(request)
        try:
            state.sessions.end(session_id)
        except KeyError:
            raise Denied(ErrorCode.NOT_FOUND, "there is no session of that id") from None
        return answer({"id": session_id, "ended": True})


def add_players(routes: Blueprint, state: ServerState) -> None:
    """Add the routes about players, their balances and latencies."""
    journal = state.delivery.journal

    @routes.get("/players")
    def list_players() -> Response:
        query_of(request)
        names = ("agent", "player", "exchanges", "latest")
        shown = [
            {name: getattr(each.counted, name) for name in names} | standing_json(each.standing)
            for each in player_rows(state)
        ]
        return answer({"players": shown})

    @routes.get("/players/balances")
    def list_balances() -> Response:
        fields = query_of(request, "agent", "player", "limit")
        limit = fields.whole("limit", PAGE_MAX, low=1, high=PAGE_MAX)
        points = journal.balances(fields.text("agent"), fields.text("player"), limit=limit)
        shown = [
            {
                "number": point.number,
                "at_ms": point.at_ms,
                "answered": money_text(point.answered),
                "expected": money_text(point.expected),
                "difference": money_text(point.difference),
                "findings": [each.rule for each in point.findings],
            }
            for point in points
        ]
        return answer({"balances": shown})

    @routes.get("/latencies")
    def list_latencies() -> Response:
        wanted = filter_of(query_of(request, *FILTERS))
        names = ("below_ms", "outcome", "count")
        counts = [{name: getattr(each, name) for name in names} for each in journal.latencies(wanted)]
        shares = [
            {"method": each.method or None, "count": each.count}
            | {f"p{share}_ns": took for share, took in zip(SHARES, each.shares_ns, strict=True)}
            | {"slowest_ns": each.slowest_ns}
            for each in percentiles(journal.answered(wanted))
        ]
        return answer({"latencies": counts, "percentiles": shares})


class PlayerRow(Frozen):
    """A player, with the balances of wallet and ledger; `standing` is None if they are not known."""

    counted: PlayerCount
    standing: PlayerStanding | None

    def by_difference(self) -> tuple[int, int, int]:
        """Return a sort key: the largest difference first, then the most wrong calls, then the latest."""
        standing = self.standing
        off, wrong = (abs(standing.difference), standing.wrong) if standing else (0, 0)
        return (-off, -wrong, -self.counted.latest)


def player_rows(state: ServerState) -> list[PlayerRow]:
    """Return the players that have exchanges, the latest first."""
    standing = state.delivery.referees.standing
    return [PlayerRow(each, standing((each.agent, each.player))) for each in state.delivery.journal.players()]


def standing_json(standing: PlayerStanding | None) -> Json:
    """Return what the player should have, what the wallet shows, and the difference."""
    if standing is None:
        return {"ledger": None, "wallet": None, "difference": None, "wrong": 0, "since": None}
    return {
        "ledger": money_text(standing.law[0]) if len(standing.law) == 1 else None,
        "wallet": money_text(standing.wallet),
        "difference": money_text(standing.difference),
        "wrong": standing.wrong,
        "since": standing.since,
    }


def add_obligations(routes: Blueprint, state: ServerState) -> None:
    """Add the routes about wins and refunds without an answer."""
    delivery = state.delivery

    @routes.get("/obligations")
    def list_obligations() -> Response:
        query_of(request)
        pending, undelivered = delivery.pending(), delivery.undelivered()
        return answer(
            {
                "pending": [obligation_json(each) for each in pending[:PAGE_MAX]],
                "undelivered": [obligation_json(each) for each in undelivered[:PAGE_MAX]],
                "counts": {
                    "pending": delivery.owing(State.DUE),
                    "undelivered": delivery.owing(State.UNDELIVERED),
                },
            }
        )

    @routes.post("/obligations/<int:number>/deliver")
    def deliver_obligation(number: int) -> Response:
        body_of(request)
        if number > WHOLE_MAX:
            raise Denied(ErrorCode.NOT_FOUND)
        return answer(delivered_json(delivery.by_hand.deliver_again(number)))


def session_json(session: Session, state: ServerState) -> dict[str, Any]:
    """Return a game session without its token."""
    launch = session.launch
    return {
        "id": session.id,
        "number": session.number,
        "agent": launch.agent.code,
        "player": launch.player,
        "user_name": launch.user_name,
        "game_id": launch.game.id,
        "game": launch.game.name,
        "type": launch.kind,
        "lang": launch.lang,
        "zero_wins": sends_zero_wins(session, state.agents.of_code(launch.agent.code) or launch.agent),
        "started_ms": int(session.started_s * 1000),
        "expires_ms": int(session.expires_s * 1000),
        "over": state.clock.now_s() >= session.expires_s,
    }


def obligation_json(owed: Obligation) -> dict[str, Any]:
    """Return an obligation."""
    return {
        "number": owed.number,
        "state": owed.state,
        "due_ms": owed.due_ms,
        "since_ms": owed.since_ms,
        "attempts": owed.attempts,
        "agent": owed.agent,
        "session": owed.session,
        "player": owed.player,
        "method": owed.method,
        "transaction_id": owed.transaction_id,
        "game_id": owed.game,
        "amount": format_money(owed.amount),
    }


# --- the server: its state, its clock, a reset, a webhook by hand ---------------------------------

ADVANCE_MS_MAX = 366 * 24 * 3600 * 1000

CLOCK_AHEAD_MS_MAX = 100 * ADVANCE_MS_MAX


def add_server(routes: Blueprint, state: ServerState) -> None:
    """Add the routes of the state and the reset."""

    @routes.get("/state")
    def show_state() -> Response:
        query_of(request)
        return answer(state_json(state))

    @routes.get("/calls")
    def count_calls() -> Response:
        query_of(request)
        counts = state.delivery.wallet_calls
        return answer({"charged": counts.charged, "demo": counts.demo})

    @routes.post("/reset")
    def reset() -> Response:
        body_of(request)
        state.sessions.clear()
        state.delivery.reset()
        state.faults.clear()
        state.api_log.clear()
        return answer(state_json(state))


def add_clock(routes: Blueprint, state: ServerState) -> None:
    """Add the routes that read and move the clock, and set whether retries wait."""

    @routes.get("/clock")
    def read_clock() -> Response:
        query_of(request)
        return answer(clock_json(state))

    @routes.post("/clock/advance")
    def advance_clock() -> Response:
        by_ms = body_of(request, "by_ms").whole("by_ms", high=ADVANCE_MS_MAX)
        if state.clock.offset_ms + by_ms > CLOCK_AHEAD_MS_MAX:
            raise Denied(ErrorCode.IN_VAIN, "the clock is a hundred years ahead already", field="by_ms")
        state.clock.advance(by_ms)
        return answer(clock_json(state))

    @routes.put("/clock")
    def set_pace() -> Response:
        fields = body_of(request, "real_time", "ladder")
        if "ladder" not in fields or "real_time" in fields:
            state.clock.pace = Pace.REAL if fields.flag("real_time") else Pace.AT_ONCE
        if "ladder" in fields:
            state.delivery.ladder = LADDERS[fields.word("ladder", LADDERS)]
        # The dispatcher must notice the new pace.
        state.clock.advance(0)
        return answer(clock_json(state))


def add_webhooks(routes: Blueprint, state: ServerState) -> None:
    """Add the route that sends a webhook by hand."""

    @routes.post("/webhooks")
    def fire_webhook() -> Response:
        fields = body_of(request, "agent", "session", "webhook", "account", "may_be_refused")
        first = [agent.code for agent in state.agents.all()[:1]]
        agent = agent_named(fields.text("agent", *first), state)
        webhook = fields.mapping("webhook")
        session = fields.text("session", "")
        account = fields.optional("account", *one_of(KnownAs))
        freely = "may_be_refused" in fields and fields.flag("may_be_refused")
        by_hand = state.delivery.by_hand
        sent = by_hand.fire(agent.code, webhook, session, account, may_be_refused=freely)
        return answer(delivered_json(sent))


def state_json(state: ServerState) -> dict[str, Any]:
    """Return the state of the server."""
    delivery = state.delivery
    counts = delivery.wallet_calls
    return {
        "version": __version__,
        "public_url": state.public_url,
        "clock": clock_json(state),
        "agents": len(state.agents.all()),
        "sessions": len(state.sessions.all()),
        "exchanges": delivery.journal.count(),
        "change": delivery.journal.change,
        "journal": room_json(delivery.journal.room),
        "obligations": {
            "pending": delivery.owing(State.DUE),
            "undelivered": delivery.owing(State.UNDELIVERED),
        },
        "calls": {"charged": counts.charged, "demo": counts.demo},
        "faults": len(state.faults.all()),
        "problem": delivery.journal.problem,
    }


def room_json(room: Room) -> dict[str, int]:
    """Return how much the journal keeps, and how much it may keep."""
    names = ("exchanges", "exchanges_max", "bytes", "bytes_max", "dropped")
    return {name: getattr(room, name) for name in names}


def clock_json(state: ServerState) -> dict[str, Any]:
    """Return the simulator's time, how far it was moved ahead, whether retries wait, and on which ladder."""
    clock = state.clock
    return {
        "now_ms": clock.now_ms(),
        "ahead_ms": clock.offset_ms,
        "real_time": clock.pace is Pace.REAL,
        "ladder": state.delivery.ladder.name,
    }
