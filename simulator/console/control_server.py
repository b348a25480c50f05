"""The control API's routes of the server itself: its state, its clock, a reset, a webhook by hand."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request

from simulator import __version__
from simulator.console.control_journal import delivered_json
from simulator.console.fields import body_of, query_of
from simulator.console.launching import agent_named
from simulator.console.problems import Code, Denied, answer
from simulator.delivery.clock import Pace
from simulator.delivery.obligations import State
from simulator.server_state import ServerState

ADVANCE_MS_MAX = 366 * 24 * 3600 * 1000
CLOCK_AHEAD_MS_MAX = 100 * ADVANCE_MS_MAX


def add_server(routes: Blueprint, state: ServerState) -> None:
    """What there is, and beginning anew."""

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
        return answer(state_json(state))


def add_clock(routes: Blueprint, state: ServerState) -> None:
    """The clock that tokens, sessions and the ladder go by, and whether the ladder waits."""

    @routes.get("/clock")
    def read_clock() -> Response:
        query_of(request)
        return answer(clock_json(state))

    @routes.post("/clock/advance")
    def advance_clock() -> Response:
        by_ms = body_of(request, "by_ms").whole("by_ms", high=ADVANCE_MS_MAX)
        if state.clock.offset_ms + by_ms > CLOCK_AHEAD_MS_MAX:
            raise Denied(Code.IN_VAIN, "the clock is a hundred years ahead already", field="by_ms")
        state.clock.advance(by_ms)
        return answer(clock_json(state))

    @routes.put("/clock")
    def set_pace() -> Response:
        real_time = body_of(request, "real_time").flag("real_time")
        state.clock.pace = Pace.REAL if real_time else Pace.AT_ONCE
        # Whoever waits for the ladder looks at the pace anew.
        state.clock.advance(0)
        return answer(clock_json(state))


def add_webhooks(routes: Blueprint, state: ServerState) -> None:
    """Webhooks that a person puts together."""

    @routes.post("/webhooks")
    def fire_webhook() -> Response:
        fields = body_of(request, "agent", "session", "webhook")
        first = [agent.code for agent in state.agents.all()[:1]]
        agent = agent_named(fields.text("agent", *first), state)
        webhook = fields.mapping("webhook")
        session = fields.text("session", "")
        return answer(delivered_json(state.delivery.by_hand.fire(agent.code, webhook, session)))


def state_json(state: ServerState) -> dict[str, Any]:
    """The server at a glance."""
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
        "obligations": {
            "pending": delivery.owing(State.DUE),
            "undelivered": delivery.owing(State.UNDELIVERED),
        },
        "calls": {"charged": counts.charged, "demo": counts.demo},
        "faults": len(state.faults.all()),
    }


def clock_json(state: ServerState) -> dict[str, Any]:
    """The simulator's time, how far it was pushed ahead, and whether the ladder waits by it."""
    clock = state.clock
    return {"now_ms": clock.now_ms(), "ahead_ms": clock.offset_ms, "real_time": clock.pace is Pace.REAL}
