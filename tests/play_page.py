"""The game's page in tests: the requests that its modules make, one session at a time."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from play_server import PlayServer

MARK = {"X-Play": "1"}


@dataclass(frozen=True, slots=True)
class Page:
    """One opened game URL."""

    client: FlaskClient
    path: str

    def get(self, path: str = "", **headers: str) -> TestResponse:
        """GET beside the page, or the page itself."""
        return self.client.get(f"{self.path}{path}", headers=headers)

    def post(self, path: str, body: object = None, **headers: str) -> TestResponse:
        """POST as the page's own module does."""
        data = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
        return self.client.post(f"{self.path}/{path}", data=data, headers={**MARK, **headers})

    def opened(self) -> dict[str, Any]:
        """What the page learns as it opens."""
        return answered(self.post("open"))

    def spun(self, stake: str = "1.00") -> dict[str, Any]:
        """One round that was played."""
        return answered(self.post("spin", {"stake": stake}))

    def trouble(self, kind: str, **fields: object) -> dict[str, Any]:
        """A button of the panel that did something."""
        return answered(self.post("trouble", {"kind": kind, **fields}))

    def entries(self, since: int = 0) -> list[dict[str, Any]]:
        """The panel's journal, oldest first."""
        found: list[dict[str, Any]] = answered(self.get(f"/journal?since={since}"))["entries"]
        return found

    def rounds(self) -> list[dict[str, Any]]:
        """The history, newest first."""
        found: list[dict[str, Any]] = answered(self.get("/history"))["rounds"]
        return found


def page_of(server: PlayServer, **launch: str | None) -> Page:
    """The page of a new session."""
    return Page(server.api.app.test_client(), urlsplit(server.launch(**launch)).path)


def answered(reply: TestResponse, status: int = 200) -> dict[str, Any]:
    """The JSON object of a reply with that status."""
    assert (reply.status_code, reply.content_type) == (status, "application/json"), reply.data
    value = reply.get_json()
    assert isinstance(value, dict)
    return value


def refused(reply: TestResponse) -> tuple[int, str]:
    """Status and code of an error."""
    value = answered(reply, reply.status_code)
    assert {"status", "error", "message"} <= set(value) <= {"status", "error", "message", "parameter", "hint"}
    assert value["message"]
    return reply.status_code, str(value["error"])
