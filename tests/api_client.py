"""Calling the API in tests: straight into the app, as the default agent or another one."""

from __future__ import annotations

from base64 import b64encode
from typing import Any
from urllib.parse import urlencode

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from simulator.cli.serve_cmd import check_wallet
from simulator.serve.app import create_app, make_state
from simulator.settings import ServeSettings

WEBHOOK_URL = "http://127.0.0.1:9/betrontech_api"
LAUNCH = {
    "agent_code": "demo",
    "agent_token": "demo-secret",
    "game_id": "SLOT_001",
    "type": "CHARGED",
    "lang": "tr_TR",
    "user_id": "1",
    "user_name": "kullanici_adi",
}
"""The reference's own parameters of game_launch, for the agent that is there without configuration."""


def encoded(token: str = "demo-token", secret_key: str = "demo-secret") -> str:
    """What follows Bearer in the reference's authentication."""
    return b64encode(f"{token}:{secret_key}".encode()).decode()


class Api:
    """One server's API without a socket. `clock` is the server's."""

    def __init__(self, **settings: Any) -> None:
        self.settings = ServeSettings(**{"webhook_url": WEBHOOK_URL, **settings})
        self.state = make_state(self.settings, doctor=check_wallet)
        self.clock = self.state.clock
        self.app = create_app(self.state)
        self.client: FlaskClient = self.app.test_client()

    def authenticate(self, **headers: str) -> TestResponse:
        """POST authentication with the default agent's credentials, or with these headers."""
        return self.client.post(
            "/api/auth/authentication", headers=headers or {"Authorization": f"Bearer {encoded()}"}
        )

    def token(self) -> str:
        """An access token of the default agent."""
        return str(field(self.authenticate(), "access_token"))

    def get(self, path: str, token: str | None = None, **headers: str) -> TestResponse:
        """GET with an access token, a fresh one unless given."""
        return self.client.get(path, headers={"Authorization": f"Bearer {token or self.token()}", **headers})

    def launch(self, token: str | None = None, **changes: str | None) -> TestResponse:
        """Launch with the reference's parameters, some of them changed, or left out where None."""
        wanted = {**LAUNCH, **changes}
        query = urlencode({name: value for name, value in wanted.items() if value is not None})
        return self.get(f"/api/games/game_launch?{query}", token)


def field(reply: TestResponse, name: str) -> Any:
    """A field of a reply's JSON; fails where the reply is none."""
    assert reply.content_type == "application/json", reply.data
    value = reply.get_json()
    assert isinstance(value, dict)
    return value[name]


def error_of(reply: TestResponse) -> tuple[int, str]:
    """Status and code of an error, whose shape is checked on the way."""
    assert reply.content_type == "application/json", reply.data
    value = reply.get_json()
    assert value["status"] is False
    assert value["message"]
    assert set(value) <= {"status", "error", "message", "parameter", "hint"}
    return reply.status_code, value["error"]
