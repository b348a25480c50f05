"""The pages, and the headers under which a browser shows them."""

from __future__ import annotations

from flask import Response, render_template

from simulator.core.money import format_money
from simulator.play.seats import Seat
from simulator.play.stakes import FIRST
from simulator.play.symbols import LINES, REELS, SYMBOLS
from simulator.play.texts import texts_of
from simulator.sessions import EndedSession, Lang, NoSession, SessionKind

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        # Operators show games in frames of their own sites.
        "frame-ancestors *",
    )
)


def game_page(seat: Seat, *, panel: bool) -> str:
    """The game, with the panel beside it or without."""
    launch = seat.session.launch
    texts = texts_of(launch.lang)
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
    """Why there is no game to be played at an address, for a player."""
    texts = texts_of(lang)
    word = "over" if isinstance(error, EndedSession) else "unknown"
    return render_template(
        "play/no_game.html",
        lang=lang,
        title=texts[f"page_{word}_title"],
        text=texts[f"page_{word}_text"],
    )


def guard(reply: Response) -> Response:
    """The headers of everything below /play."""
    reply.headers["Content-Security-Policy"] = POLICY
    reply.headers["X-Content-Type-Options"] = "nosniff"
    # The address is the session's secret: no other site is told it.
    reply.headers["Referrer-Policy"] = "no-referrer"
    reply.headers.setdefault("Cache-Control", "no-store")
    return reply
