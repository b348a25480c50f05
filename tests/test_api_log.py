"""The API log: an operator sees which calls their own code made, what was wrong with them, and no secret."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Response, request

from api_client import LAUNCH, encoded
from control_client import Control, controlled
from served import serving
from simulator.serve.api.log import BODY_SHOWN_MAX, ApiLog, Noted, Wanted


@pytest.fixture
def control() -> Iterator[Control]:
    """A server of one's own."""
    with controlled() as found:
        yield found


def requests_of(control: Control, query: str = "") -> list[dict[str, Any]]:
    """The calls of the log, newest first."""
    found: list[dict[str, Any]] = control.get(f"/requests{query}")["requests"]
    return found


def test_a_launch_is_listed_with_its_parameters_and_agent_and_without_its_secrets(control: Control) -> None:
    token = control.api.token()
    assert control.api.launch(token).status_code == 200
    launch, login = requests_of(control)
    assert (login["path"], login["agent"], login["status"]) == ("/api/auth/authentication", "demo", 200)
    assert (launch["method"], launch["path"]) == ("GET", "/api/games/game_launch")
    assert launch["parameters"] == {**LAUNCH, "agent_token": "***"}
    assert (launch["agent"], launch["status"], launch["error"], launch["hint"]) == ("demo", 200, None, None)
    whole = str([control.get(f"/requests/{each['number']}") for each in (launch, login)])
    assert not [each for each in ("demo-secret", "demo-token", encoded(), token) if each in whole]
    assert "/play/***" in whole


def test_a_refused_call_has_its_error_code_message_and_hint(control: Control) -> None:
    control.api.launch(game_id="SLOT_01")
    found = requests_of(control)[0]
    assert (found["status"], found["error"]) == (404, "GAME_UNKNOWN")
    assert "SLOT_01" in found["message"]
    assert found["hint"]


def test_a_path_that_does_not_exist_is_listed_and_the_consoles_own_calls_are_not(control: Control) -> None:
    control.api.client.get("/api/games/game_lunch")
    control.api.client.get("/healthz")
    control.api.client.get("/console/players")
    control.get("/state")
    found = requests_of(control)
    assert [each["path"] for each in found] == ["/api/games/game_lunch"]
    assert found[0]["error"] == "NOT_FOUND"
    assert "/api/games/game_launch" in found[0]["hint"]


def test_a_secret_in_another_place_is_masked_too(control: Control) -> None:
    control.api.launch(agent_code="demo-secret")
    control.api.client.post(
        "/api/auth/authentication", json={"agent_token": "demo-token", "agent_secret_key": "demo-secret"}
    )
    for each in requests_of(control):
        whole = str(control.get(f"/requests/{each['number']}"))
        assert "demo-secret" not in whole
        assert "demo-token" not in whole


def test_a_parameter_that_is_given_twice_has_a_list(control: Control) -> None:
    control.api.get("/api/games/game_launch?game_id=A&game_id=B")
    assert requests_of(control)[0]["parameters"] == {"game_id": ["A", "B"]}


@pytest.mark.parametrize(
    ("query", "paths"),
    [
        ("?status=4xx", ["/api/nothing"]),
        ("?status=404", ["/api/nothing"]),
        ("?error=NOT_FOUND", ["/api/nothing"]),
        ("?path=provider", ["/api/games/provider"]),
        ("?method=POST", ["/api/auth/authentication"]),
        ("?agent=demo", ["/api/games/provider", "/api/auth/authentication"]),
        ("?text=NOTHING", ["/api/nothing"]),
        ("?limit=1", ["/api/nothing"]),
        ("?before=2", ["/api/auth/authentication"]),
    ],
)
def test_the_log_is_filtered(control: Control, query: str, paths: list[str]) -> None:
    control.api.get("/api/games/provider")
    control.api.client.get("/api/nothing")
    assert [each["path"] for each in requests_of(control, query)] == paths


def test_waiting_ends_with_the_call_that_is_wanted(control: Control) -> None:
    """The call may come before, while somebody waits, or never."""
    found: list[Any] = []
    wanted = "/requests/wait?path=provider&count=2&timeout_ms=30000"
    waiting = threading.Thread(target=lambda: found.append(control.get(wanted)))
    waiting.start()
    for path in ("/api/games/provider", "/api/nothing", "/api/games/provider"):
        control.api.get(path)
    waiting.join()
    assert [each["path"] for each in found[0]["requests"]] == ["/api/games/provider"] * 2
    assert found[0]["timed_out"] is False
    late = control.get(f"/requests/wait?since={found[0]['latest']}&path=all&timeout_ms=10")
    assert (late["requests"], late["timed_out"]) == ([], True)


def test_a_reset_empties_the_log_and_an_unknown_number_says_so(control: Control) -> None:
    control.api.token()
    control.do("POST", "/reset")
    assert requests_of(control) == []
    status, told = control.ask("GET", "/requests/1")
    assert (status, told["error"]) == (404, "NOT_FOUND")
    assert control.ask("GET", "/requests?plyer=1")[0] == 422


def test_a_long_body_is_not_kept(control: Control) -> None:
    control.api.client.post("/api/auth/authentication", data=b"x" * (BODY_SHOWN_MAX + 1))
    number = requests_of(control)[0]["number"]
    assert control.get(f"/requests/{number}")["body"] == f"({BODY_SHOWN_MAX + 1} bytes)"


def test_the_oldest_calls_are_dropped_and_counted(control: Control) -> None:
    """By their count, and by what they take."""
    control.api.token()
    noted = _noted(control)
    by_count = ApiLog(count_max=3)
    for _ in range(5):
        by_count.add(noted())
    assert [each.number for each in by_count.newest(Wanted(), limit=10)] == [5, 4, 3]
    assert (by_count.latest, by_count.dropped) == (5, 2)
    by_size = ApiLog(bytes_max=2 * noted().size)
    for _ in range(5):
        by_size.add(noted())
    assert [each.number for each in by_size.newest(Wanted(), limit=10)] == [5, 4]


def _noted(control: Control) -> Any:
    """What makes calls like one that the log has."""
    app = control.api.app

    def noted() -> Noted:
        with app.test_request_context("/api/games/provider"):
            environ = {**request.environ, "simulator.begun_ns": 0}
            return Noted(environ, Response(b"{}"), list)

    return noted


def test_the_line_of_the_servers_log_has_the_error_code(tmp_path: Path) -> None:
    with serving(tmp_path) as server, pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(f"{server.url}/api/games/provider")
    # The line is written after the answer; the server has stopped by now.
    assert "GET /api/games/provider 401 AUTHORIZATION_MISSING" in server.log.read_text()
