"""The app: the blueprints of api, play and console, health, and the answers to errors.

Each part is a function that takes the `ServerState` and returns a blueprint, which is registered here.
"""

from __future__ import annotations

import logging
import os
import re
import threading
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, request
from markupsafe import Markup
from werkzeug.exceptions import HTTPException, MethodNotAllowed, RequestEntityTooLarge
from werkzeug.routing import Rule

from simulator.core.words import nearest
from simulator.report.text import visible_lines
from simulator.serve.accounts import Agent, Agents, SessionFile, SessionStore, make_agent
from simulator.serve.answers import Denied, ErrorCode, denied_by_status, to_json
from simulator.serve.api.faults import disturb
from simulator.serve.api.log import record_calls
from simulator.serve.api.routes import api_blueprint
from simulator.serve.catalogue import Catalogue, make_catalogue
from simulator.serve.clock import Clock, Pace, kept_clock, ladder_named
from simulator.serve.console.pages import console_blueprints
from simulator.serve.delivery import RoundDelivery
from simulator.serve.journal import Journal
from simulator.serve.play.routes import play_blueprint
from simulator.serve.play.seats import make_seats
from simulator.serve.state import Doctor, ServerState, derived_key
from simulator.serve.store import JournalStore
from simulator.serve.streams import EventStreams
from simulator.settings import ServeSettings

LOG = logging.getLogger("simulator")

BODY_BYTES_MAX = 256 * 1024


class PathRule(Rule):
    """A route that compiles its URL builder at first use: few are ever used, and compiling takes longest.

    If Werkzeug drops this private method, only the saved time is lost.
    """

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        compile_now = super()._compile_builder

        def build(rule: Rule, /, *values: Any, **named: Any) -> tuple[str, str]:
            return compile_now(append_unknown)(rule, *values, **named)

        return build


def make_state(
    settings: ServeSettings,
    *,
    catalogue: Catalogue | None = None,
    public_url: str | None = None,
    secret: bytes | None = None,
    doctor: Doctor | None = None,
) -> ServerState:
    """Return the parts of one server. `secret` signs access tokens and game URLs; it is random by default.

    `doctor` checks the way to a wallet for the console.

    Raises UsageError, EndpointUnreachable or ConfigurationError for agents that cannot be used.
    """
    secret = os.urandom(32) if secret is None else secret
    agents = Agents(make_agent(account, settings) for account in settings.accounts)
    catalogue = catalogue or make_catalogue(settings.seed, settings.games)
    store = JournalStore(settings.data)
    clock = kept_clock(store, Pace.REAL if settings.real_time else Pace.AT_ONCE)
    ladder = ladder_named(settings.ladder)
    games = frozenset(game.id for game in catalogue.games)
    delivery = RoundDelivery(
        store,
        Journal(store, exchanges_max=settings.journal_limit),
        clock,
        ladder,
        agents.of_code,
        seed=settings.seed,
        games=games,
        id_format=settings.transaction_id_format,
    )
    key = derived_key(secret, "game sessions")
    sessions = make_sessions(settings, key, clock, agents, catalogue, delivery)
    stopping = threading.Event()
    return ServerState(
        settings=settings,
        public_url=(settings.public_url or public_url or f"http://127.0.0.1:{settings.port}").rstrip("/"),
        clock=clock,
        access_key=derived_key(secret, "access tokens"),
        catalogue=catalogue,
        agents=agents,
        sessions=sessions,
        delivery=delivery,
        streams=EventStreams(stopping),
        stopping=stopping,
        doctor=doctor,
    )


def make_sessions(
    settings: ServeSettings,
    key: bytes,
    clock: Clock,
    agents: Agents,
    catalogue: Catalogue,
    delivery: RoundDelivery,
) -> SessionStore:
    """Return the store of game sessions, with those of the data folder."""

    def open_delivery(_: Agent) -> RoundDelivery:
        return delivery

    if settings.data is None:
        return SessionStore(key, clock.now_s, open_delivery)
    book = SessionFile(settings.data)
    sessions = SessionStore(key, clock.now_s, open_delivery, book)
    sessions.restore(book.sessions(agents, catalogue, open_delivery), book.counts)
    # Half a line at the end of the file would corrupt the next one.
    book.rewrite(sessions.all())
    return sessions


def create_app(state: ServerState) -> Flask:
    """Return the app with these parts; `app.extensions["simulator"]` is the state."""
    app = Flask("simulator", static_folder=None)
    app.url_rule_class = PathRule
    app.jinja_options = {**app.jinja_options, "finalize": shown_in_page}
    app.config["MAX_CONTENT_LENGTH"] = BODY_BYTES_MAX
    # Only documented routes are answered: no OPTIONS, and no redirect from //api to /api.
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.url_map.merge_slashes = False
    app.extensions["simulator"] = state
    app.register_error_handler(Denied, lambda denied: denied.response)
    app.register_error_handler(HTTPException, answer_http_error)
    app.register_error_handler(Exception, answer_bug)
    record_calls(app, state.api_log, state.agents)
    app.before_request(refuse_large_body)
    api = api_blueprint(state)
    disturb(api, state.faults, state.stopping)
    app.register_blueprint(api)
    seats = make_seats(state.settings.seed, state.clock.now_ms)
    app.register_blueprint(play_blueprint(state, seats))
    for part in console_blueprints(state, seats):
        app.register_blueprint(part)
    add_health(app, state)
    if state.settings.trust_proxy:
        trust_proxy(app)
    return app


def trust_proxy(app: Flask) -> None:
    """Take host and scheme from the headers of one proxy; the client's address stays the proxy's."""
    # Few servers stand behind a proxy.
    from werkzeug.middleware.proxy_fix import ProxyFix

    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=0, x_proto=1, x_host=1)  # type: ignore[method-assign]


def shown_in_page(value: Any) -> Any:
    """Return what a page shows of a value: marks that turn text around, and controls, as escapes.

    Escaping for HTML leaves them as they are.
    """
    return type(value)(visible_lines(value)) if type(value) in (str, Markup) else value


def add_health(app: Flask, state: ServerState) -> None:
    """Add the routes for health, readiness and metrics, which need no access token."""

    @app.get("/healthz")
    def health() -> Response:
        return Response(to_json({"status": "ok"}), content_type="application/json")

    @app.get("/readyz")
    def readiness() -> Response:
        ready = not state.stopping.is_set()
        word = "ready" if ready else "stopping"
        return Response(to_json({"status": word}), 200 if ready else 503, content_type="application/json")

    @app.get("/metrics")
    def metrics() -> Response:
        # Most servers are never asked.
        from simulator.serve.metrics import CONTENT_TYPE, metrics_of

        return Response(metrics_of(state), content_type=CONTENT_TYPE)


def refuse_large_body() -> None:
    """Refuse a large body with 413 before it is read; one of unknown length is read up to the limit."""
    # Reads the WSGI environment because it runs before every answer, prebuilt ones included.
    environ = request.environ
    if "HTTP_TRANSFER_ENCODING" in environ:
        # Werkzeug silently cuts a body of unknown length at the limit.
        too_large = len(request.get_data()) >= BODY_BYTES_MAX
    else:
        length = environ.get("CONTENT_LENGTH", "")
        too_large = length.isdecimal() and int(length) > BODY_BYTES_MAX
    if too_large:
        raise RequestEntityTooLarge


def answer_http_error(error: HTTPException) -> Response:
    """Answer an error that Flask raised, as JSON, too."""
    status = error.code or 500
    methods = sorted(error.valid_methods or ()) if isinstance(error, MethodNotAllowed) else []
    hint = _path_hint() if status == 404 else _method_hint(methods)
    reply = denied_by_status(status, hint=hint).response
    if methods:
        reply.headers["Allow"] = ", ".join(methods)
    if status == 413:
        # The rest of the body was not read and must not be taken for the next request.
        reply.headers["Connection"] = "close"
    return reply


def answer_bug(error: Exception) -> Response:
    """Answer a bug without details, and log its traceback."""
    LOG.error("a request could not be answered", exc_info=error)
    return Denied(ErrorCode.INTERNAL_ERROR).response


_PATHS = (
    "/api/auth/authentication",
    "/api/games/game_launch",
    "/api/games/provider",
    "/api/games/all",
)


_WALLET_PATH = re.compile(r"/[a-z]+_api", re.ASCII)

_WALLET_SIDE = (
    "webhooks go to your wallet, not to the simulator: this path is on the operator's side; --webhook-url "
    "names your wallet's URL here, and --endpoint in a run"
)


def _method_hint(methods: list[str]) -> str | None:
    """Return which method a path takes; GET includes HEAD."""
    named = [method for method in methods if method not in ("HEAD", "OPTIONS")]
    return f"use {' or '.join(named)}" if named else None


def _path_hint() -> str | None:
    if _WALLET_PATH.fullmatch(request.path.rstrip("/")):
        return _WALLET_SIDE
    found = nearest(request.path.rstrip("/"), _PATHS)
    return f"did you mean {found}?" if found else None
