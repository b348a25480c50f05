"""The reference's PHP examples as the bytes that Laravel's HTTP client sends, over a real connection."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from served import Answer, Served, exchange, serving

BARE_HEAD = "User-Agent: GuzzleHttp/7\r\nHost: api.betron.tech\r\n"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("serve")
    with serving(folder, "--webhook-url", "http://127.0.0.1:9/betrontech_api") as server:
        yield server


def json_of(answer: Answer) -> Any:
    assert answer.headers["content-type"] == "application/json"
    return json.loads(answer.body)


def authenticated(served: Served, *, body: bytes = b"[]", spaces: str = " ") -> Answer:
    """Http::withHeaders([...])->post(...): Laravel posts an empty list as JSON."""
    credentials = b64encode(b"demo-token:demo-secret").decode()
    head = (
        "POST /api/auth/authentication HTTP/1.1\r\n"
        f"Content-Length: {len(body)}\r\n"
        f"{BARE_HEAD}Content-Type: application/json\r\n"
        f"Authorization: Bearer{spaces}{credentials}\r\n\r\n"
    )
    return exchange(served.port, head.encode() + body, "POST")


def got(served: Served, target: str, body: bytes = b"") -> Answer:
    """Http::withToken($token)->get(...)"""
    token = json_of(authenticated(served))["access_token"]
    length = f"Content-Length: {len(body)}\r\nContent-Type: application/json\r\n" if body else ""
    head = f"GET {target} HTTP/1.1\r\n{BARE_HEAD}Authorization: Bearer {token}\r\n{length}\r\n"
    return exchange(served.port, head.encode() + body)


LAUNCH = (
    "/api/games/game_launch?agent_code=demo&agent_token=demo-secret&game_id=SLOT_001"
    "&type=CHARGED&lang=tr_TR&user_id=1&user_name=kullanici_adi"
)


def test_authentication_as_laravel_sends_it(served: Served) -> None:
    """`$response->successful()`, and `$data['access_token']` is there."""
    answer = authenticated(served)
    assert answer.status == 200
    data = json_of(answer)
    assert data["access_token"].startswith("eyJ0eXAiOiJKV1Qi")
    assert (data["token_type"], data["expires_in"]) == ("Bearer", 3600)


@pytest.mark.parametrize("spaces", [" ", "  "])
@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"{junk", b"\x00\xff"], ids=repr)
def test_authentication_with_the_manners_of_others(served: Served, body: bytes, spaces: str) -> None:
    """Two spaces after Bearer, and a body of any kind or none."""
    assert authenticated(served, body=body, spaces=spaces).status == 200


def test_game_launch_as_laravel_sends_it(served: Served) -> None:
    """`$response->json('game_url')` is there, and a client that cuts it out by pattern finds it whole."""
    answer = got(served, LAUNCH)
    assert answer.status == 200
    cut = re.search(rb'"game_url":"([^"]+)"', answer.body)
    assert cut is not None
    assert json_of(answer) == {"status": True, "game_url": cut[1].decode()}
    # The client called the simulator by this name, so the name leads to it.
    assert cut[1].startswith(b"http://api.betron.tech/play/")


def test_game_launch_with_the_manners_of_others(served: Served) -> None:
    """A currency nobody asked for, an e-mail as user_id, a body beside the query."""
    mail = LAUNCH.replace("user_id=1&", "user_id=player%40example.com&")
    assert got(served, f"{mail}&currency=TRY").status == 200
    assert got(served, LAUNCH, b"{}").status == 200


def test_game_launch_without_user_name_says_so(served: Served) -> None:
    """Siblings know no user_name; here it is documented as required."""
    answer = got(served, LAUNCH.replace("&user_name=kullanici_adi", ""))
    assert answer.status == 422
    assert json_of(answer)["parameter"] == "user_name"


def test_game_launch_with_its_parameters_as_body_says_so(served: Served) -> None:
    """422 that says they belong in the query."""
    answer = got(served, "/api/games/game_launch", b'{"agent_code":"demo","agent_token":"demo-secret"}')
    assert (answer.status, json_of(answer)["error"]) == (422, "PARAMETERS_IN_BODY")
    assert "query" in json_of(answer)["message"]


@pytest.mark.parametrize(
    ("path", "first"),
    [
        ("/api/games/provider", {"id": 1, "name": "Pragmatic Play", "slug": "pragmatic"}),
        ("/api/games/all", {"id": "SLOT_001", "name": "Gates of Olympus", "provider": "pragmatic"}),
    ],
)
def test_lists_as_laravel_sends_them(served: Served, path: str, first: dict[str, object]) -> None:
    """`$json['data']` begins with the reference's own example."""
    answer = got(served, path)
    assert answer.status == 200
    assert json_of(answer)["status"] is True
    assert json_of(answer)["data"][0] == first


def test_no_game_url_and_no_secret_is_logged(tmp_path: Path) -> None:
    """The log tells method, path, status and time of each request, and neither query nor token."""
    with serving(tmp_path) as served:
        game_url = json_of(got(served, LAUNCH.replace("CHARGED", "DEMO")))["game_url"]
        served.stop()
        log = served.log.read_text()
    assert "GET /api/games/game_launch 200" in log
    for secret in ("demo-secret", "demo-token", "agent_token", game_url.rpartition("/")[2], "eyJ"):
        assert secret not in log
