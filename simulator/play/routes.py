"""Every route below /play, and how errors are answered there."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, request
from flask.json import dumps

from simulator.play.feed import Feed
from simulator.play.pages import game_page, guard, no_game_page
from simulator.play.problems import Error, PlayError, Problem
from simulator.play.purses import PlayMoney, Purse, WalletMoney
from simulator.play.requests import check_origin, fields_of, since_of, stake_of
from simulator.play.seats import Seat, Seats
from simulator.play.texts import lang_accepted
from simulator.play.troubles import make_trouble
from simulator.play.views import Json, armed_json, curl_of, entry_json, played_json, round_json, written
from simulator.server_state import ServerState
from simulator.sessions import EndedSession, NoSession, Session


def play_blueprint(state: ServerState) -> Blueprint:
    """The game behind each session's token: its page, its rounds, and the panel's journal."""
    routes = Blueprint(
        "play", __name__, url_prefix="/play", template_folder="templates", static_folder="static"
    )

    def purse_of(session: Session) -> Purse:
        # A DEMO session holds no delivery, and its purse gets none.
        if session.delivery is None:
            return PlayMoney(session, state.settings.seed)
        return WalletMoney(session, session.delivery)

    def armed(session: Session) -> Json:
        return {} if session.delivery is None else armed_json(session.delivery.trouble.armed(session.id))

    seats = Seats(purse_of, state.clock.now_ms)
    routes.after_request(guard)
    add_errors(routes)
    add_page(routes, state, seats)
    add_game(routes, state, seats, armed)
    add_panel(routes, state)
    return routes


def add_page(routes: Blueprint, state: ServerState, seats: Seats) -> None:
    """The page itself; errors of it are pages, too."""

    @routes.get("/<token>")
    def page(token: str) -> Response:
        try:
            seat = seats.of(state.sessions.find(token))
        except NoSession as error:
            shown = no_game_page(error, lang_accepted(request.accept_languages))
            return Response(shown, _error_of(error).status, content_type="text/html; charset=utf-8")
        shown = game_page(seat, panel=request.args.get("panel") != "0")
        return Response(shown, content_type="text/html; charset=utf-8")


def add_game(routes: Blueprint, state: ServerState, seats: Seats, armed: Callable[[Session], Json]) -> None:
    """What a player does."""

    def seat_of(token: str) -> Seat:
        return seats.of(state.sessions.find(token))

    @routes.post("/<token>/open")
    def open_game(token: str) -> Response:
        check_origin(request, state.public_url)
        seat = seat_of(token)
        opened = seat.open()
        problem = Problem.BALANCE if opened.balance is None else None
        found = {"name": opened.name, "grid": seat.resting.grid, "balance": written(opened.balance)}
        pending = seat.purse.pending()
        return _json({**found, "problem": problem, "pending": pending, "armed": armed(seat.session)})

    @routes.get("/<token>/state")
    def show_state(token: str) -> Response:
        seat = seat_of(token)
        pending, balance = seat.purse.pending(), written(seat.purse.balance())
        return _json({"balance": balance, "pending": pending, "armed": armed(seat.session)})

    @routes.post("/<token>/spin")
    def spin(token: str) -> Response:
        check_origin(request, state.public_url)
        seat = seat_of(token)
        played = seat.spin(stake_of(fields_of(request), seat.stakes))
        return _json({**played_json(played), "armed": armed(seat.session)})

    @routes.get("/<token>/history")
    def history(token: str) -> Response:
        return _json({"rounds": [round_json(played) for played in seat_of(token).rounds()]})


def add_panel(routes: Blueprint, state: ServerState) -> None:
    """The developer's panel: the session's journal, and trouble on demand."""
    journal = state.delivery.journal

    @routes.get("/<token>/journal")
    def list_journal(token: str) -> Response:
        feed = Feed(journal, state.sessions.find(token), since_of(request))
        return _json({"entries": feed.now(), "change": feed.change})

    @routes.get("/<token>/journal/<int:number>")
    def show_exchange(token: str, number: int) -> Response:
        session = state.sessions.find(token)
        entry = journal.entry(number) if number < 2**63 else None
        agent = session.launch.agent
        if entry is None or (entry.agent, entry.session) != (agent.code, session.id):
            raise PlayError(Error.NOT_FOUND)
        return _json({**entry_json(entry), "curl": curl_of(entry, agent)})

    @routes.get("/<token>/events")
    def follow_journal(token: str) -> Response:
        feed = Feed(journal, state.sessions.find(token), since_of(request))
        told = state.streams.open(feed.events, request.environ)
        if told is None:
            raise PlayError(Error.STREAMS)
        return told

    @routes.post("/<token>/trouble")
    def trouble(token: str) -> Response:
        check_origin(request, state.public_url)
        session = state.sessions.find(token)
        if session.delivery is None:
            raise PlayError(Error.TROUBLE, "A DEMO game calls no wallet, so nothing can go wrong there.")
        done = make_trouble(session.delivery, session, fields_of(request))
        return _json({**done, "armed": armed_json(session.delivery.trouble.armed(session.id))})


def add_errors(routes: Blueprint) -> None:
    """Errors as JSON."""

    @routes.errorhandler(PlayError)
    def answer_error(error: PlayError) -> Response:
        return _json({"error": error.error.name, "message": error.message}, error.error.status)

    @routes.errorhandler(NoSession)
    def answer_no_session(error: NoSession) -> Response:
        found = _error_of(error)
        return _json({"error": found.name, "message": str(error)}, found.status)


def _error_of(error: NoSession) -> Error:
    return Error.OVER if isinstance(error, EndedSession) else Error.UNKNOWN


def _json(value: Json, status: int = 200) -> Response:
    return Response(dumps(value), status, content_type="application/json")
