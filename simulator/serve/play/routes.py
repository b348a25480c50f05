"""The routes below /play: the page of a game, its rounds, and the panel for developers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, render_template, request
from flask.json import dumps

from simulator.core.languages import Lang
from simulator.core.mappings import Wrong
from simulator.core.money import Money, format_money
from simulator.core.webhooks import WireRequest, curl_line, merged_headers
from simulator.report.languages import Words, lang_accepted, texts_in
from simulator.serve.accounts import EndedSession, NoSession, Session, SessionKind
from simulator.serve.answers import Denied, ErrorCode, Part, PlayProblem, answer_in, denied_field, said_in
from simulator.serve.calls import CalledAgent
from simulator.serve.entries import Entry, Filter
from simulator.serve.fields import check_origin, play_body_of, query_of, resumed_at, stake_of
from simulator.serve.play.reels import BONUS, BONUS_COUNT, LINES, REELS, SYMBOLS, Picture
from simulator.serve.play.seats import FIRST, PlayedRound, Seat, Seats
from simulator.serve.play.troubles import armed_json, forced_spin, make_trouble
from simulator.serve.state import ServerState
from simulator.serve.streams import Feed

TEXTS = Path(__file__).with_name("texts")

ENTRIES_MAX = 100
"""How many past exchanges are shown."""


def play_blueprint(state: ServerState, seats: Seats) -> Blueprint:
    """Return the routes below /play/TOKEN."""
    routes = Blueprint(
        "play", __name__, url_prefix="/play", template_folder="templates", static_folder="static"
    )

    def armed(session: Session) -> Json:
        return {} if session.delivery is None else armed_json(session.delivery.trouble.armed(session.id))

    def in_language(told: Response) -> Response:
        lang = _lang_of((request.view_args or {}).get("token", ""), state)
        return told if lang is Lang.ENGLISH else answer_in(Words(lang), told)

    routes.after_request(guard)
    routes.after_request(in_language)
    add_errors(routes)
    add_page(routes, state, seats)
    add_game(routes, state, seats, armed)
    add_panel(routes, state)
    return routes


def add_page(routes: Blueprint, state: ServerState, seats: Seats) -> None:
    """Add the page; its errors are pages, too."""

    @routes.get("/<token>")
    def page(token: str) -> Response:
        try:
            seat = seats.of(state.sessions.find(token))
        except NoSession as error:
            shown = no_game_page(error, _lang_of(token, state))
            return Response(shown, _code_of(error).status, content_type="text/html; charset=utf-8")
        shown = game_page(seat, panel=request.args.get("panel") != "0")
        return Response(shown, content_type="text/html; charset=utf-8")


def add_game(routes: Blueprint, state: ServerState, seats: Seats, armed: Callable[[Session], Json]) -> None:
    """Add the routes that the player uses."""

    def seat_of(token: str) -> Seat:
        return seats.of(state.sessions.find(token))

    @routes.post("/<token>/open")
    def open_game(token: str) -> Response:
        check_origin(request, state.public_url)
        seat = seat_of(token)
        opened = seat.open()
        problem = PlayProblem.BALANCE if opened.balance is None else None
        launch = {"player": seat.session.launch.player, "refused": opened.refused, "answer": opened.refusal}
        found: Json = {"name": opened.name, "grid": seat.resting.grid, "balance": written(opened.balance)}
        found["launch"] = launch if opened.refusal else None
        pending = seat.funds.pending()
        return _json({**found, "problem": problem, "pending": pending, "armed": armed(seat.session)})

    @routes.get("/<token>/state")
    def show_state(token: str) -> Response:
        seat = seat_of(token)
        pending, balance = seat.funds.pending(), written(seat.funds.balance())
        return _json({"balance": balance, "pending": pending, "armed": armed(seat.session)})

    @routes.post("/<token>/spin")
    def spin(token: str) -> Response:
        check_origin(request, state.public_url)
        seat = seat_of(token)
        fields = play_body_of(request, "stake", "outcome")
        stake = stake_of(fields, seat.stakes)
        played = seat.spin(stake, forced_spin(fields, stake, seat))
        return _json({**played_json(played), "armed": armed(seat.session)})

    @routes.get("/<token>/history")
    def history(token: str) -> Response:
        return _json({"rounds": [round_json(played) for played in seat_of(token).rounds()]})


def add_panel(routes: Blueprint, state: ServerState) -> None:
    """Add the routes of the panel: the journal of the session, and the troubles."""
    journal = state.delivery.journal

    def feed_of(token: str) -> Feed:
        session, resumed = state.sessions.find(token), resumed_at(request)
        since = query_of(request, "since").whole("since", 0) if resumed is None else resumed
        wanted = Filter(agent=session.launch.agent.code, session=session.id)
        words = Words(session.launch.lang)

        def rows(found: list[Entry]) -> list[Json]:
            return [said_in(words, entry_json(each)) for each in found]

        return Feed(journal, wanted, since, rows, latest=ENTRIES_MAX)

    @routes.get("/<token>/journal")
    def list_journal(token: str) -> Response:
        news = feed_of(token).now()
        return _json({"entries": news.rows, "change": news.change})

    @routes.get("/<token>/journal/<int:number>")
    def show_exchange(token: str, number: int) -> Response:
        session = state.sessions.find(token)
        entry = journal.entry(number) if number < 2**63 else None
        agent = session.launch.agent
        if entry is None or (entry.agent, entry.session) != (agent.code, session.id):
            raise Denied(ErrorCode.NOT_FOUND, "There is no exchange with this number.")
        return _json({**entry_json(entry), "curl": curl_of(entry, agent)})

    @routes.get("/<token>/events")
    def follow_journal(token: str) -> Response:
        told = state.streams.open(feed_of(token).events, request.environ)
        if told is None:
            raise Denied(ErrorCode.STREAMS)
        return told

    @routes.post("/<token>/trouble")
    def trouble(token: str) -> Response:
        check_origin(request, state.public_url)
        session = state.sessions.find(token)
        if session.delivery is None:
            raise Denied(ErrorCode.TROUBLE, "A DEMO game calls no wallet, so it has no trouble to make.")
        done = make_trouble(session.delivery, session, play_body_of(request, "kind", "on", "slow_ms"))
        return _json({**done, "armed": armed_json(session.delivery.trouble.armed(session.id))})


def add_errors(routes: Blueprint) -> None:
    """Answer errors as JSON."""

    @routes.errorhandler(Wrong)
    def answer_wrong_field(wrong: Wrong) -> Response:
        return denied_field(wrong, Part.PLAY).response

    @routes.errorhandler(NoSession)
    def answer_no_session(error: NoSession) -> Response:
        return Denied(_code_of(error), str(error)).response


def _code_of(error: NoSession) -> ErrorCode:
    return ErrorCode.OVER if isinstance(error, EndedSession) else ErrorCode.UNKNOWN


def _lang_of(token: str, state: ServerState) -> Lang:
    """Return the language of a game session, else the browser's."""
    try:
        return state.sessions.find(token).launch.lang
    except NoSession:
        return lang_accepted(request.accept_languages.values())


def _json(value: Json) -> Response:
    return Response(dumps(value), content_type="application/json")


# --- the pages and their headers ------------------------------------------------------------------

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        # Casinos embed games in their own sites.
        "frame-ancestors *",
    )
)


def game_page(seat: Seat, *, panel: bool) -> str:
    """Return the page of the game, with or without the panel."""
    launch = seat.session.launch
    texts = texts_in(TEXTS, launch.lang)
    is_demo = launch.kind is SessionKind.DEMO
    boot = {
        "lang": launch.lang,
        "demo": is_demo,
        "texts": texts,
        "stakes": [format_money(stake) for stake in seat.stakes],
        "stake": format_money(seat.stakes[FIRST]),
        "lines": LINES,
        "symbols": SYMBOLS,
        "grid": seat.resting.grid,
    }
    return render_template(
        "play/game.html",
        lang=launch.lang,
        game=launch.game.name,
        demo=is_demo,
        panel=panel,
        reels=REELS,
        texts=texts,
        boot=boot,
    )


def no_game_page(error: NoSession, lang: Lang) -> str:
    """Return the page that tells a player why there is no game at this address."""
    texts = texts_in(TEXTS, lang)
    word = "over" if isinstance(error, EndedSession) else "unknown"
    return render_template(
        "play/no_game.html",
        lang=lang,
        title=texts[f"page_{word}_title"],
        text=texts[f"page_{word}_text"],
    )


def guard(reply: Response) -> Response:
    """Add the headers of all answers below /play."""
    reply.headers["Content-Security-Policy"] = POLICY
    reply.headers["X-Content-Type-Options"] = "nosniff"
    # The address is the secret of the session; keep it from other sites.
    reply.headers["Referrer-Policy"] = "no-referrer"
    reply.headers.setdefault("Cache-Control", "no-store")
    return reply


# --- the JSON of the page; money is text with two decimals ----------------------------------------

BODY_CHARS_MAX = 16_384
"""How much of a body the panel shows; the console shows it all."""

Json = dict[str, Any]


def written(amount: Money | None) -> str | None:
    """Return an amount as text, and None as None."""
    return None if amount is None else format_money(amount)


def round_json(played: PlayedRound) -> Json:
    """Return a round for the history."""
    return {
        "round": played.number,
        "at_ms": played.at_ms,
        "stake": format_money(played.stake),
        "win": format_money(played.win),
        "balance": written(played.balance),
        "standing": played.standing,
    }


def played_json(played: PlayedRound) -> Json:
    """Return a round that was just played, with its reels."""
    return {
        "round": round_json(played),
        "picture": None if played.picture is None else picture_json(played.picture, played.stake),
        "balance": written(played.balance),
        "problem": played.problem,
        "pending": played.owed is not None,
    }


def picture_json(picture: Picture, stake: Money) -> Json:
    """Return the reels at rest; `times` is a win as a multiple of the stake, cut to two decimals."""
    lines = [
        {
            "line": won.line,
            "symbol": won.symbol,
            "count": won.count,
            "win": format_money(won.win),
            "times": _times(won.win, stake),
        }
        for won in picture.lines
    ]
    bonus = None
    if picture.bonus_win is not None:
        places = [
            (reel, row)
            for reel, column in enumerate(picture.grid)
            for row, symbol in enumerate(column)
            if symbol == BONUS
        ]
        assert len(places) == BONUS_COUNT
        win = picture.bonus_win
        bonus = {"places": places, "win": format_money(win), "times": _times(win, stake)}
    return {"grid": picture.grid, "lines": lines, "bonus": bonus}


def _times(win: Money, stake: Money) -> str:
    return format_money(Money(win * 100 // stake))


def entry_json(entry: Entry) -> Json:
    """Return an exchange for the panel."""
    call, exchange, request = entry.call, entry.call.exchange, entry.request
    reply = None
    if entry.reply is not None:
        body, is_cut = _text(entry.reply.body)
        is_cut = is_cut or len(entry.reply.body) < entry.reply_bytes
        reply = {"status": entry.reply.status, "body": body, "bytes": entry.reply_bytes, "cut": is_cut}
    return {
        "number": entry.number,
        "change": entry.change,
        "at_ms": entry.at_ms,
        "method": request.method,
        "transaction_id": request.transaction_id or "",
        "purpose": call.why.purpose,
        "attempt": entry.attempt,
        "amount": written(request.amount),
        "outcome": call.outcome,
        "verdict": entry.verdict,
        "reason": entry.reason,
        "balance": written(call.balance),
        "expected": written(entry.expected),
        "duration_ms": None if exchange.latency_ns is None else round(exchange.latency_ns / 1e6, 1),
        "problem": entry.problem,
        "hint": entry.hint,
        "fault": exchange.fault or "",
        "findings": [
            {"rule": each.rule, "severity": each.severity, "message": each.message, "why": each.why}
            for each in entry.findings
        ],
        "request": {"content_type": exchange.wire.content_type, "body": _text(exchange.wire.body)[0]},
        "reply": reply,
    }


def curl_of(entry: Entry, agent: CalledAgent) -> str | None:
    """Return the call as a curl line with secrets masked, or None if the agent has no webhook URL now."""
    if agent.target is None:
        return None
    sent = entry.call.exchange.wire
    headers = merged_headers(agent.target.headers, agent.wire.headers)
    return curl_line(agent.target.url, WireRequest(sent.body, sent.content_type), headers)


def _text(body: bytes) -> tuple[str, bool]:
    """Return a body as text with invalid UTF-8 replaced, and whether it was cut."""
    text = body.decode("utf-8", "replace")
    return text[:BODY_CHARS_MAX], len(text) > BODY_CHARS_MAX
