"""The routes of the control API that play: rounds with a chosen outcome, and troubles, without a browser."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request

from simulator.core.mappings import Fields
from simulator.core.money import ZERO, Money, format_money, money_text, parse_written
from simulator.serve.accounts import EndedSession, NoSession, Session
from simulator.serve.answers import Denied, ErrorCode, answer
from simulator.serve.delivery import STAKE_MAX
from simulator.serve.fields import body_of
from simulator.serve.play.seats import PlayedRound, Seats
from simulator.serve.play.troubles import armed_json, forced_spin, make_trouble
from simulator.serve.state import ServerState

ROUNDS_MAX = 1000
"""How many rounds one request plays at most: it is answered when they were played."""

_STAKE = 'an amount like "1.00", from 0.01 to ' + format_money(STAKE_MAX)


def add_play(routes: Blueprint, state: ServerState, seats: Seats) -> None:
    """Add the routes that play rounds of a session and that make troubles in it."""

    @routes.post("/sessions/<session_id>/play")
    def play_rounds(session_id: str) -> Response:
        fields = body_of(request, "rounds", "stake", "outcome")
        seat = seats.of(_session(state, session_id))
        rounds = fields.whole("rounds", 1, low=1, high=ROUNDS_MAX)
        stake = _stake(fields)
        played: list[PlayedRound] = []
        # The first one may have to wait for the answers to a launch, as the page of a game does.
        if not seat.rounds() and seat.funds.balance() is None:
            seat.open()
        for _ in range(rounds):
            if state.stopping.is_set():
                break
            played.append(seat.spin(stake, forced_spin(fields, stake, seat)))
        return answer({"rounds": [played_json(each) for each in played], **_standing(state, seat.session)})

    @routes.post("/sessions/<session_id>/trouble")
    def make_trouble_in_session(session_id: str) -> Response:
        fields = body_of(request, "kind", "on", "slow_ms")
        session = _session(state, session_id)
        if session.delivery is None:
            raise Denied(ErrorCode.IN_VAIN, "A DEMO game calls no wallet, so it has no trouble to make.")
        done = make_trouble(session.delivery, session, fields)
        nothing: dict[str, Any] = {"outcome": None, "balance": None, "exchanges": []}
        return answer({**nothing, **done, "armed": armed_json(session.delivery.trouble.armed(session.id))})


def played_json(played: PlayedRound) -> dict[str, Any]:
    """Return a round: its bet, its win, the balance after it, and the numbers of its exchanges."""
    return {
        "round": played.number,
        "bet": format_money(played.stake),
        "win": format_money(played.win),
        "balance": money_text(played.balance),
        "standing": played.standing,
        "problem": played.problem,
        "pending": played.owed is not None,
        "exchanges": list(played.exchanges),
    }


def _standing(state: ServerState, session: Session) -> dict[str, Any]:
    """Return the wallet's balance, what the ledger says, and the difference, after the last round."""
    standing = state.delivery.referees.standing((session.launch.agent.code, session.launch.player))
    if standing is None or session.delivery is None:
        return {"wallet": None, "ledger": None, "difference": None}
    ledger = standing.law[0] if len(standing.law) == 1 else None
    return {
        "wallet": money_text(standing.wallet),
        "ledger": money_text(ledger),
        "difference": money_text(standing.difference),
    }


def _session(state: ServerState, session_id: str) -> Session:
    """Return the session of that id. Raises Denied for an unknown one, and for one that is over."""
    found = next((each for each in state.sessions.all() if each.id == session_id), None)
    if found is None:
        raise Denied(ErrorCode.NOT_FOUND, "there is no session of that id")
    try:
        return state.sessions.find(found.token)
    except EndedSession as error:
        raise Denied(ErrorCode.OVER, str(error)) from None
    except NoSession as error:
        raise Denied(ErrorCode.NOT_FOUND, str(error)) from None


def _stake(fields: Fields) -> Money:
    return fields.needed("stake", _amount, _STAKE) if "stake" in fields else Money(1_00)


def _amount(value: Any) -> Money:
    if not isinstance(value, str):
        raise ValueError
    stake = parse_written(value)
    if not ZERO < stake <= STAKE_MAX:
        raise ValueError
    return stake
