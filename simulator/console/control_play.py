"""The control API's routes of who plays: sessions, players, findings, latencies, and what is still owed."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request

from simulator.console.control_journal import delivered_json
from simulator.console.exchanges import money_text
from simulator.console.fields import WHOLE_MAX, body_of, query_of
from simulator.console.launching import FIELDS as LAUNCH_FIELDS
from simulator.console.launching import launch_of
from simulator.console.problems import Code, Denied, answer
from simulator.console.wanted import FILTERS, filter_of
from simulator.core.money import format_money
from simulator.delivery.journal import PAGE_MAX
from simulator.delivery.obligations import Obligation, State
from simulator.server_state import ServerState
from simulator.sessions import Session, SessionKind


def add_sessions(routes: Blueprint, state: ServerState) -> None:
    """Game sessions: list, launch, end."""

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
        game_url = f"{state.public_url}/play/{session.token}"
        launched = answer({**session_json(session, state), "game_url": game_url})
        launched.status_code = 201
        return launched

    @routes.delete("/sessions/<session_id>")
    def end_session(session_id: str) -> Response:
        body_of(request)
        try:
            state.sessions.end(session_id)
        except KeyError:
            raise Denied(Code.NOT_FOUND, "there is no session of that id") from None
        return answer({"id": session_id, "ended": True})


def add_players(routes: Blueprint, state: ServerState) -> None:
    """What the journal says of players, and of the wallets behind them."""
    journal = state.delivery.journal

    @routes.get("/players")
    def list_players() -> Response:
        query_of(request)
        found = journal.players()
        names = ("agent", "player", "exchanges", "latest")
        return answer({"players": [{name: getattr(each, name) for name in names} for each in found]})

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
            }
            for point in points
        ]
        return answer({"balances": shown})

    @routes.get("/findings")
    def list_findings() -> Response:
        query_of(request)
        names = ("rule", "severity", "cause", "message", "why", "count", "first", "latest")
        found = journal.findings()
        return answer({"findings": [{name: getattr(each, name) for name in names} for each in found]})

    @routes.get("/latencies")
    def list_latencies() -> Response:
        found = journal.latencies(filter_of(query_of(request, *FILTERS)))
        names = ("below_ms", "outcome", "count")
        return answer({"latencies": [{name: getattr(each, name) for name in names} for each in found]})


def add_obligations(routes: Blueprint, state: ServerState) -> None:
    """What was not answered yet: it is sent again by itself, or was given up."""
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
            raise Denied(Code.NOT_FOUND)
        return answer(delivered_json(delivery.by_hand.deliver_again(number)))


def session_json(session: Session, state: ServerState) -> dict[str, Any]:
    """A game session, without what gives access to it."""
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
        "started_ms": int(session.started_s * 1000),
        "expires_ms": int(session.expires_s * 1000),
        "over": state.clock.now_s() >= session.expires_s,
    }


def obligation_json(owed: Obligation) -> dict[str, Any]:
    """A win or a refund that is owed."""
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
