"""Every route of the BetronTech API."""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Response, request

from simulator.api.access import LIFETIME_S, AccessTokens, agent_of_credentials
from simulator.api.errors import to_json
from simulator.api.launch import read_launch
from simulator.api.lists import games_body, providers_body
from simulator.api.prebuilt import Prebuilt
from simulator.server_state import ServerState

OPENAPI_FILE = Path(__file__).with_name("openapi.json")


def api_blueprint(state: ServerState) -> Blueprint:
    """The routes; everything below /api except `authentication` needs an access token."""
    routes = Blueprint("api", __name__)
    tokens = AccessTokens(state.access_key, state.agents, state.clock.now_s)
    providers = Prebuilt(providers_body(state.catalogue))
    games = Prebuilt(games_body(state.catalogue))

    @routes.post("/api/auth/authentication")
    def authentication() -> Response:
        agent = agent_of_credentials(request.headers.get("Authorization"), state.agents)
        return _json({"access_token": tokens.issue(agent), "token_type": "Bearer", "expires_in": LIFETIME_S})

    @routes.get("/api/games/game_launch")
    def game_launch() -> Response:
        agent = tokens.agent(request.headers.get("Authorization"))
        launch = read_launch(request.query_string, request.get_data(), agent, state.catalogue)
        session = state.sessions.open(launch)
        return _json({"status": True, "game_url": f"{state.public_url}/play/{session.token}"})

    @routes.get("/api/games/provider")
    def list_providers() -> Response:
        environ = request.environ
        tokens.agent(environ.get("HTTP_AUTHORIZATION"))
        return providers.answer(environ)

    @routes.get("/api/games/all")
    def list_games() -> Response:
        environ = request.environ
        tokens.agent(environ.get("HTTP_AUTHORIZATION"))
        return games.answer(environ)

    @routes.get("/openapi.json")
    def openapi() -> Response:
        return Response(OPENAPI_FILE.read_bytes(), content_type="application/json")

    return routes


def _json(value: object) -> Response:
    headers = {"Cache-Control": "no-store"}
    return Response(to_json(value), headers=headers, content_type="application/json")
