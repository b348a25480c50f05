"""`serve` works where it is put: game URLs by Host, proxies, names of services, and what a container says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from api_client import Api, error_of, field
from served import exchange, serving
from simulator.errors import ConfigurationError
from simulator.serve.gunicorn import container_warnings
from simulator.settings import ServeSettings, load_serve_settings
from test_serve import json_of, launched, token_of

TOKEN = "an admin token"


def game_url(api: Api, host: str, **headers: str) -> str:
    """The game URL of a launch that calls this host."""
    path = "/api/games/game_launch?agent_code=demo&agent_token=demo-secret&game_id=SLOT_001&type=DEMO"
    return str(field(api.get(f"{path}&user_id=1&user_name=a", Host=host, **headers), "game_url"))


HOSTS = ["simulator:8080", "127.0.0.1:18760", "games.example", "[::1]:8080", "a_service:80", "LOCALHOST:9"]


@pytest.mark.parametrize("host", HOSTS)
def test_a_game_url_begins_with_the_host_that_the_launch_called(host: str) -> None:
    """A published port and a service's name both lead back, by the API and by the control API."""
    api = Api()
    assert game_url(api, host).startswith(f"http://{host}/play/")
    api = Api(admin_token=TOKEN)
    bearer = {"Authorization": f"Bearer {TOKEN}", "Host": host}
    reply = api.client.post("/_sim/sessions", json={"player": "1"}, headers=bearer)
    assert str(field(reply, "game_url")).startswith(f"http://{host}/play/")


@pytest.mark.parametrize(
    "host",
    [
        "evil.example/path",
        "user@host",
        "a b",
        'a"b',
        "a:b",
        "a:99999",
        "[::1",
        "ü.example",
        "a,b",
        "a?b",
        "#",
    ],
)
def test_a_host_that_is_none_begins_no_game_url(host: str) -> None:
    """Nothing but a host and a port can stand there."""
    api = Api()
    path = "/api/games/game_launch?agent_code=demo&agent_token=demo-secret&game_id=SLOT_001&type=DEMO"
    reply = api.get(f"{path}&user_id=1&user_name=a", Host=host)
    assert error_of(reply) == (400, "BAD_REQUEST")
    assert host not in reply.get_data(as_text=True)


def test_the_public_url_is_above_any_host() -> None:
    """Whoever sets it knows better than the caller."""
    api = Api(public_url="https://games.example/sim")
    assert game_url(api, "simulator:8080").startswith("https://games.example/sim/play/")
    assert game_url(api, "no host at all").startswith("https://games.example/sim/play/")


def test_a_call_without_a_host_gets_the_address_of_the_server(tmp_path: Path) -> None:
    """HTTP/1.0 knows no Host; such a launch still gets a game that opens, and so does another name."""
    with serving(tmp_path) as served:
        token = token_of(served)
        path = "/api/games/game_launch?agent_code=demo&agent_token=demo-secret&game_id=SLOT_001&type=DEMO"
        lines = f"GET {path}&user_id=1&user_name=a HTTP/1.0\r\nAuthorization: Bearer {token}\r\n\r\n"
        url = json_of(exchange(served.port, lines.encode()))["game_url"]
        assert url.startswith(f"http://127.0.0.1:{served.port}/play/")
        url = json_of(launched(served, token, type="DEMO"))["game_url"]
        assert url.startswith("http://x/play/")
        page = exchange(served.port, f"GET {url[8:]} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert page.status == 200


PROXIED = {"X-Forwarded-Host": "games.example:8443", "X-Forwarded-Proto": "https"}


def test_a_proxy_is_believed_only_where_a_setting_says_so() -> None:
    """Otherwise any client could send these headers."""
    assert game_url(Api(), "simulator:8080", **PROXIED).startswith("http://simulator:8080/play/")
    behind = game_url(Api(trust_proxy=True), "simulator:8080", **PROXIED)
    assert behind.startswith("https://games.example:8443/play/")


def test_a_game_behind_a_trusted_proxy_is_played_at_the_proxys_address() -> None:
    """Its page has the proxy's origin."""
    api = Api(trust_proxy=True)
    path = "/play/" + game_url(api, "simulator:8080", **PROXIED).rpartition("/")[2]
    page = {**PROXIED, "X-Play": "1", "Content-Type": "application/json"}
    own = api.client.post(f"{path}/open", headers={**page, "Origin": "https://games.example:8443"})
    other = api.client.post(f"{path}/open", headers={**page, "Origin": "https://evil.example"})
    assert (own.status_code, other.status_code) == (200, 403)


def test_the_console_opens_under_a_services_name_by_a_setting_and_the_token() -> None:
    """Other names stay refused, and the token is asked for."""
    api = Api(admin_token=TOKEN, console_hosts=("simulator",))
    named = {"Host": "simulator:8080", "Origin": "http://simulator:8080"}
    assert error_of(api.client.get("/_sim/state", headers=named)) == (401, "TOKEN_MISSING")
    form = {"token": TOKEN, "next": "/"}
    assert api.client.post("/console/login", data=form, headers=named).status_code == 303
    cookie = {"Cookie": api.client.post("/console/login", data=form, headers=named).headers["Set-Cookie"]}
    assert api.client.get("/_sim/state", headers={**named, **cookie}).status_code == 200
    evil = api.client.get("/_sim/state", headers={**named, **cookie, "Host": "evil.example"})
    assert error_of(evil) == (403, "HOST_REFUSED")


def test_a_name_for_the_console_needs_the_admin_token() -> None:
    """Without a token only loopback is let in, and a name would open it to pages of other sites."""
    with pytest.raises(ConfigurationError, match="--console-host needs an admin token"):
        load_serve_settings({"console_hosts": ("simulator",)}, {})
    given = {"BETRONTECH_SIM_CONSOLE_HOST": "Simulator", "BETRONTECH_SIM_ADMIN_TOKEN": "t"}
    assert load_serve_settings({}, given).console_hosts == ("simulator",)


WALLET = "http://wallet:9000/betrontech_api"

LEADS_NOWHERE: dict[str, tuple[dict[str, Any], list[str]]] = {
    "all is well": ({"host": "0.0.0.0", "admin_token": "t", "webhook_url": WALLET}, []),
    "loopback of the container": ({"host": "127.0.0.1"}, ["--host 0.0.0.0"]),
    "localhost": ({"host": "localhost", "admin_token": "t"}, ["no game URL opens"]),
    "no admin token": ({"host": "0.0.0.0"}, ["BETRONTECH_SIM_ADMIN_TOKEN"]),
    "a public URL on loopback": (
        {"host": "::", "admin_token": "t", "public_url": "http://127.0.0.1:8080"},
        ["--public-url http://127.0.0.1:8080"],
    ),
    "a public URL elsewhere": ({"host": "::", "admin_token": "t", "public_url": "https://a.example"}, []),
    "a wallet on loopback": (
        {"host": "0.0.0.0", "admin_token": "t", "webhook_url": "http://localhost:9000/betrontech_api"},
        ["host.docker.internal"],
    ),
}


@pytest.mark.parametrize(("settings", "said"), LEADS_NOWHERE.values(), ids=LEADS_NOWHERE.keys())
def test_a_container_says_what_leads_nowhere(settings: dict[str, Any], said: list[str]) -> None:
    """A line for each, with the setting that mends it; nothing where all is well."""
    warnings = container_warnings(ServeSettings(**settings))
    assert len(warnings) == len(said), warnings
    assert all(text in warning for text, warning in zip(said, warnings, strict=True)), warnings
