"""The routes of the BetronTech API: authentication, game launch, and the lists of providers and games."""

from __future__ import annotations

import binascii
import re
import secrets
import threading
from base64 import b64decode, b64encode
from functools import cache
from pathlib import Path
from typing import Any

import jwt
from flask import Blueprint, Response, request

from simulator.core.languages import lang_of
from simulator.core.mappings import Fields, Wrong
from simulator.core.words import nearest
from simulator.serve.accounts import Agent, Agents, Launch, Now, SessionKind, same_text
from simulator.serve.answers import Denied, ErrorCode, Part, denied_field, to_json
from simulator.serve.api.log import AGENT_KEY
from simulator.serve.api.prebuilt import Prebuilt
from simulator.serve.catalogue import Catalogue, Game
from simulator.serve.fields import names_in_body, parameters_of
from simulator.serve.state import ServerState

OPENAPI_FILE = Path(__file__).with_name("openapi.json")


def api_blueprint(state: ServerState) -> Blueprint:
    """Return the routes; all below /api except `authentication` need an access token."""
    routes = Blueprint("api", __name__)
    tokens = AccessTokens(state.access_key, state.agents, state.clock.now_s)
    providers = Prebuilt(providers_body(state.catalogue))
    games = Prebuilt(games_body(state.catalogue))
    # Few servers have an agent of the sibling.
    sibling_providers = cache(lambda: Prebuilt(providers_body(state.catalogue, sibling=True)))
    sibling_games = cache(lambda: Prebuilt(games_body(state.catalogue, sibling=True)))
    routes.register_error_handler(Wrong, lambda wrong: denied_field(wrong, Part.API).response)

    def caller() -> Agent:
        """Return the agent whose access token the request has, and leave its code for the log."""
        environ = request.environ
        agent = tokens.agent(environ.get("HTTP_AUTHORIZATION"))
        environ[AGENT_KEY] = agent.code
        return agent

    @routes.post("/api/auth/authentication")
    def authentication() -> Response:
        agent = agent_of_credentials(request.headers.get("Authorization"), state.agents)
        request.environ[AGENT_KEY] = agent.code
        return _json({"access_token": tokens.issue(agent), "token_type": "Bearer", "expires_in": LIFETIME_S})

    @routes.get("/api/games/game_launch")
    def game_launch() -> Response:
        launch = read_launch(request.query_string, request.get_data(), caller(), state.catalogue)
        session = state.sessions.open(launch)
        return _json({"status": True, "game_url": state.game_url(session, request)})

    @routes.get("/api/games/provider")
    def list_providers() -> Response:
        listed = sibling_providers() if is_sibling(caller()) else providers
        return listed.answer(request.environ)

    @routes.get("/api/games/all")
    def list_games() -> Response:
        listed = sibling_games() if is_sibling(caller()) else games
        return listed.answer(request.environ)

    @routes.get("/openapi.json")
    def openapi() -> Response:
        return Response(OPENAPI_FILE.read_bytes(), content_type="application/json")

    return routes


def _json(value: object) -> Response:
    headers = {"Cache-Control": "no-store"}
    return Response(to_json(value), headers=headers, content_type="application/json")


# --- credentials and access tokens ----------------------------------------------------------------

LIFETIME_S = 3600

CACHED_MAX = 1024

_ALGORITHM = "HS256"

_HOW = "Authorization: Bearer BASE64(agent_token:agent_secret_key)"

_FIRST = "get an access token from POST /api/auth/authentication, and send it as Authorization: Bearer …"


def agent_of_credentials(header: str | None, agents: Agents) -> Agent:
    """Return the agent whose credentials are in an Authorization header (reference, authentication)."""
    encoded = _bearer(header, _HOW)
    try:
        decoded = b64decode(encoded, validate=True)
        if b64encode(decoded).decode("ascii") != encoded:
            raise ValueError
        token, colon, secret_key = decoded.decode("utf-8").partition(":")
    except (binascii.Error, ValueError):
        raise Denied(
            ErrorCode.AUTHORIZATION_MALFORMED,
            "The text after Bearer is not Base64 of UTF-8 text.",
            hint=f"{_encoding_hint(encoded)}expected {_HOW}, in the standard alphabet and padded with =",
        ) from None
    if not colon:
        raise Denied(
            ErrorCode.AUTHORIZATION_MALFORMED,
            "The decoded credentials have no colon between agent_token and agent_secret_key.",
            hint=f"{_around(token)}expected {_HOW}",
        )
    agent = agents.with_credentials(token, secret_key)
    if agent is None:
        raise Denied(ErrorCode.CREDENTIALS_WRONG, hint=_credentials_hint(token, secret_key, agents))
    return agent


_AROUND = {
    "\r\n": "a carriage return and a line feed",
    "\n": "a line feed",
    "\r": "a carriage return",
    " ": "a blank",
    "\t": "a tab",
    "\0": "a zero byte",
    '"': "a quote",
    "'": "a quote",
    "\ufeff": "a byte order mark",
}

_QUOTES = "\"'"


def _encoding_hint(encoded: str) -> str:
    """Return the beginning of a hint for text that is not Base64; empty where nothing is recognised."""
    if encoded[:1] in _QUOTES or encoded[-1:] in _QUOTES:
        return "the text after Bearer is in quotes; "
    if ":" in encoded:
        return "the credentials are not encoded; "
    if re.search(r"\s", encoded):
        return "there is white space within the Base64 text (base64 -w0 writes one line); "
    if "-" in encoded or "_" in encoded:
        return "this is the alphabet for URLs, with - and _; "
    if len(encoded.rstrip("=")) % 4 and len(encoded) % 4:
        return "the padding with = is missing; "
    return ""


def _around(text: str) -> str:
    """Return the beginning of a hint for decoded text with something stray before or after it."""
    if "\0" in text[:2]:
        return "the decoded text is UTF-16, as PowerShell's Unicode writes it (expected UTF-8); "
    for mark, name in _AROUND.items():
        if text.endswith(mark):
            shell = "; printf %s or echo -n adds none" if "\n" in mark else ""
            return f"the decoded text ends with {name}{shell}; "
    for mark, name in _AROUND.items():
        if text.startswith(mark):
            return f"the decoded text begins with {name}; "
    return ""


def _credentials_hint(token: str, secret_key: str, agents: Agents) -> str | None:
    """Return what is wrong with credentials that are no agent's, None where nothing is recognised."""
    around = _around(f"{token}:{secret_key}")
    if around:
        return around.removesuffix("; ")
    if secret_key[:1].isspace() or token[-1:].isspace():
        return "the decoded text has white space beside the colon"
    if agents.with_credentials(secret_key, token) is not None:
        return "they are swapped"
    agent = agents.of_code(token)
    if agent is not None and not same_text(agent.token, token):
        return "the first part is an agent_code; expected the agent_token"
    return None


def _bearer(header: str | None, expected: str) -> str:
    """Return the text after the scheme, after which some clients write two spaces."""
    if not header:
        raise Denied(ErrorCode.AUTHORIZATION_MISSING, hint=f"expected {expected}")
    scheme, _, rest = header.strip().partition(" ")
    if scheme.lower() != "bearer" or not rest.strip():
        raise Denied(
            ErrorCode.AUTHORIZATION_MALFORMED,
            "The Authorization header must be the word Bearer, a space and the credentials or the token.",
            hint=f"expected {expected}",
        )
    return rest.strip()


class AccessTokens:
    """Issues access tokens and verifies them. Thread-safe.

    A verified token is cached by its whole header; its expiry and its agent are checked every time.
    """

    def __init__(self, key: bytes, agents: Agents, now: Now) -> None:
        self._key = key
        self._agents = agents
        self._now = now
        self._cached: dict[str, tuple[str, int]] = {}
        self._changing = threading.Lock()

    def issue(self, agent: Agent) -> str:
        """Return a JWT for the agent that expires after LIFETIME_S."""
        issued_s = int(self._now())
        claims = {
            "sub": agent.code,
            "iat": issued_s,
            "exp": issued_s + LIFETIME_S,
            "jti": secrets.token_hex(8),
        }
        # With an unsorted header, {"typ":"JWT",…}, the token begins as in the reference.
        return jwt.encode(claims, self._key, _ALGORITHM, sort_headers=False)

    def agent(self, header: str | None) -> Agent:
        """Return the agent whose access token is in an Authorization header."""
        known = None if header is None else self._cached.get(header)
        code, expires_s = known if known is not None else self._read(header)
        if self._now() >= expires_s:
            raise Denied(ErrorCode.TOKEN_EXPIRED, hint=_FIRST)
        agent = self._agents.of_code(code)
        if agent is None:
            raise Denied(ErrorCode.TOKEN_INVALID, "The agent of this access token no longer exists.")
        return agent

    def _read(self, header: str | None) -> tuple[str, int]:
        token = _bearer(header, "Authorization: Bearer <access_token>")
        assert header is not None
        read = self._claims(token)
        with self._changing:
            while len(self._cached) >= CACHED_MAX:
                del self._cached[next(iter(self._cached))]
            self._cached[header] = read
        return read

    def _claims(self, token: str) -> tuple[str, int]:
        options: Any = {"require": ["sub", "exp"], "verify_exp": False, "verify_iat": False}
        try:
            claims = jwt.decode(token, self._key, [_ALGORITHM], options)
        except (jwt.InvalidTokenError, UnicodeError, RecursionError):
            hint = _looks_like_credentials(token) or _FIRST
            raise Denied(ErrorCode.TOKEN_INVALID, hint=hint) from None
        code, expires_s = claims["sub"], claims["exp"]
        if not isinstance(code, str) or type(expires_s) is not int:
            raise Denied(ErrorCode.TOKEN_INVALID, hint=_FIRST)
        return code, expires_s


def _looks_like_credentials(token: str) -> str | None:
    try:
        colon = b":" in b64decode(token, validate=True)
    except (binascii.Error, ValueError):
        return None
    return f"these are the encoded credentials; {_FIRST}" if colon else None


# --- game_launch, whose parameters are checked in the order that helps most to fix a client --------

SIBLING = "drakon"
"""The wire profile of the sibling API, whose clients read other lists and send no user_name."""

REQUIRED = ("agent_code", "agent_token", "game_id", "type", "user_id", "user_name")

_NO_WEBHOOK_URL = (
    "set it with --webhook-url, BETRONTECH_SIM_WEBHOOK_URL, or serve.webhook_url in betrontech-sim.yaml; "
    "a DEMO game needs none"
)


def is_sibling(agent: Agent) -> bool:
    """Return whether the agent's code is written for the sibling API, whose wire profile it has."""
    return agent.wire.name == SIBLING


def read_launch(query: bytes, body: bytes, agent: Agent, catalogue: Catalogue) -> Launch:
    """Return what is launched; the error says which parameter cannot be used, and why."""
    parameters = parameters_of(query, (*REQUIRED, "lang"))
    _refuse_body(parameters, body)
    _refuse_missing(parameters, [name for name in REQUIRED if name != "user_name" or not is_sibling(agent)])
    _check_agent(parameters, agent)
    game = _game(parameters.filled("game_id"), catalogue)
    kind = _kind(parameters.filled("type"))
    player = parameters.filled("user_id")
    user_name = parameters.filled("user_name") if "user_name" in parameters else player
    lang = lang_of(parameters.text("lang", ""))
    if kind is SessionKind.CHARGED and agent.target is None:
        raise Denied(ErrorCode.WEBHOOK_URL_MISSING, hint=_NO_WEBHOOK_URL)
    return Launch(agent, player, user_name, game, lang, kind)


def _refuse_body(parameters: Fields, body: bytes) -> None:
    if not body or any(name in parameters for name in REQUIRED):
        return
    found = names_in_body(body, REQUIRED)
    if found:
        raise Denied(
            ErrorCode.PARAMETERS_IN_BODY,
            f"The body of the request has {', '.join(found)}; a GET has its parameters in the query.",
            field=found[0],
            hint="GET /api/games/game_launch?agent_code=…&agent_token=…",
        )


def _refuse_missing(parameters: Fields, required: list[str]) -> None:
    """Name every required parameter that is missing, so that a client is not mended one by one."""
    missing = {}
    for name in required:
        if name not in parameters:
            try:
                parameters.text(name)
            except Wrong as wrong:
                missing[name] = wrong
    if not missing:
        return
    hints = [f"{name}: {wrong.hint}" for name, wrong in missing.items() if wrong.hint]
    if "agent_token" in missing:
        hints.insert(0, "agent_token takes the agent's secret key (agent_secret_key), as in the reference")
    first, *others = missing
    if others:
        message = f"{', '.join((first, *others[:-1]))} and {others[-1]} are missing."
    else:
        message = missing[first].message
    raise Denied(ErrorCode.PARAMETER_MISSING, message, field=first, hint="; ".join(hints) or None)


def _check_agent(parameters: Fields, agent: Agent) -> None:
    code, secret_key = parameters.filled("agent_code"), parameters.filled("agent_token")
    if code != agent.code:
        raise Denied(
            ErrorCode.AGENT_MISMATCH,
            field="agent_code",
            hint=f'the access token belongs to the agent "{agent.code}"',
        )
    if same_text(agent.secret_key, secret_key):
        return
    if same_text(agent.token, secret_key):
        raise Denied(
            ErrorCode.SECRET_KEY_WRONG,
            "agent_token has the agent's token; game_launch requires the agent's secret key in it.",
            field="agent_token",
            hint="send agent_secret_key as agent_token, as the reference does",
        )
    raise Denied(ErrorCode.SECRET_KEY_WRONG, field="agent_token", hint="send agent_secret_key as agent_token")


def _game(game_id: str, catalogue: Catalogue) -> Game:
    game = catalogue.game(game_id)
    if game is None:
        meant = catalogue.meant(game_id)
        raise Denied(
            ErrorCode.GAME_UNKNOWN,
            f'The catalogue has no game "{game_id}".',
            field="game_id",
            hint=f'did you mean "{meant.id}"?' if meant else "/api/games/all lists every id",
        )
    return game


_OTHER_KINDS = {
    **dict.fromkeys(("real", "money", "cash", "live", "paid"), SessionKind.CHARGED),
    **dict.fromkeys(("fun", "free", "play", "test", "practice"), SessionKind.DEMO),
}
"""Words that other providers have for the two kinds, by which clients of theirs ask."""


def _kind(text: str) -> SessionKind:
    if text not in set(SessionKind):
        meant = _OTHER_KINDS.get(text.strip().lower()) or nearest(text.strip(), SessionKind)
        raise Denied(
            ErrorCode.PARAMETER_INVALID,
            f'The type of a game is CHARGED or DEMO, found "{text}".',
            field="type",
            hint=f'did you mean "{meant}"?' if meant else None,
        )
    return SessionKind(text)


# --- the lists, as the reference shows them -------------------------------------------------------


def providers_body(catalogue: Catalogue, *, sibling: bool = False) -> bytes:
    """Return the body of `/games/provider`; `id` is a number. A `sibling` client gets its own shape, too."""
    listed = [{"id": each.id, "name": each.name, "slug": each.slug} for each in catalogue.providers]
    body: dict[str, object] = {"status": True, "data": listed}
    if sibling:
        body["providers"] = [{"code": each.slug, "name": each.name} for each in catalogue.providers]
    return to_json(body)


def games_body(catalogue: Catalogue, *, sibling: bool = False) -> bytes:
    """Return the body of `/games/all`; `id` is text, `provider` the slug of a provider."""
    listed = [{"id": each.id, "name": each.name, "provider": each.provider} for each in catalogue.games]
    body: dict[str, object] = {"status": True, "data": listed}
    if sibling:
        body["games"] = [
            {"game_id": each.id, "game_name": each.name, "provider_game": each.provider}
            for each in catalogue.games
        ]
    return to_json(body)
