"""The page that connects a casino: what to put in one's code, whether the wallet answers, and the server."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from shutil import which
from typing import Any

import pytest

from control_client import Control, controlled


@pytest.fixture(scope="module")
def control() -> Iterator[Control]:
    """A server with a wallet behind it."""
    with controlled() as found:
        yield found


def page(control: Control, path: str = "/console/connect", **headers: str) -> str:
    """The text of a page."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    reply = control.api.client.get(path, headers={"Accept": "text/html", **named})
    assert reply.status_code == 200
    return reply.get_data(as_text=True)


def checks(control: Control, **fields: str) -> list[dict[str, Any]]:
    """The lines of a test of a webhook URL."""
    asked = {"agent": "demo", "player": "1000", **fields}
    reply = control.api.client.post("/console/connect/test", json=asked, buffered=True)
    assert reply.status_code == 200, reply.data
    return [json.loads(line) for line in reply.get_data(as_text=True).splitlines()]


def test_a_server_on_which_nothing_happened_shows_how_to_connect() -> None:
    """The browser that comes from elsewhere is led there; a link of the console leads where it says."""
    with controlled() as fresh:
        entered = fresh.api.client.get("/", headers={"Sec-Fetch-Site": "none"})
        assert (entered.status_code, entered.headers["Location"]) == (302, "/console/connect")
        assert fresh.api.client.get("/", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 200
        assert "Your code has not called the simulator yet." in page(fresh)
        fresh.api.launch()
        assert fresh.api.client.get("/", headers={"Sec-Fetch-Site": "none"}).status_code == 200
        assert "Your code has called the simulator. Calls: 2." in page(fresh)


def test_credentials_are_shown_on_demand(control: Control) -> None:
    assert "demo-secret" not in page(control)
    reply = control.api.client.post("/console/connect/credentials", json={"agent": "demo"})
    told = reply.get_json()
    assert (told["token"], told["secret_key"]) == ("demo-token", "demo-secret")
    assert all("demo-secret" in each for each in told["snippets"].values())
    unknown = control.api.client.post("/console/connect/credentials", json={"agent": "dmeo"})
    assert (unknown.status_code, unknown.get_json()["hint"]) == (404, 'did you mean "demo"?')


COMMANDS = {
    "curl": ["sh", "-c"],
    "node": ["node", "-e"],
    "python": [sys.executable, "-c"],
    "php": ["php", "-r"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_snippet_launches_a_game_as_it_is(control: Control, name: str) -> None:
    """Also with credentials that have the signs of every language in them."""
    if which(COMMANDS[name][0]) is None:
        pytest.skip(f"{COMMANDS[name][0]} is not installed")
    hostile = {"token": "t'\"$x`", "secret_key": "k'\"\\$y` {{é}}"}
    control.ask("DELETE", "/agents/odd")
    control.do("POST", "/agents", {"code": "odd", **hostile})
    told = control.api.client.post("/console/connect/credentials", json={"agent": "odd"}).get_json()
    code = told["snippets"][name].removeprefix("<?php")
    # The host by which the page was asked for is the test client's.
    code = code.replace("http://localhost/api", f"{control.played.url}/api")
    done = subprocess.run([*COMMANDS[name], code], capture_output=True, text=True, timeout=60)
    assert "/play/" in done.stdout, done.stderr + done.stdout


def test_a_test_of_the_webhook_url_says_each_step(control: Control) -> None:
    told = checks(control)
    assert [each["name"] for each in told[:-1]] == ["name", "connection", "answer", "json", "player", "speed"]
    assert {each["health"] for each in told[:-1]} == {"ok"}
    assert told[-1] == {"closing": "works"}


def test_a_test_of_another_url_says_what_is_wrong_with_it(control: Control) -> None:
    nothing_there = checks(control, webhook_url="http://127.0.0.1:9/betrontech_api")
    assert nothing_there[-1] == {"closing": "unreachable"}
    assert nothing_there[-2]["health"] == "failed"
    assert nothing_there[-2]["hint"]
    refused = checks(control, webhook_url="http://192.0.2.1/betrontech_api")
    assert refused[-1] == {"closing": "unreachable"}
    assert "--allow-host" in refused[0]["detail"]
    assert checks(control, player="nobody")[-1] == {"closing": "refused"}
    wrong_path = checks(control, webhook_url=f"{control.played.operator.base_url}/elsewhere")
    assert wrong_path[-1]["closing"] in ("wrong", "refused")
    assert not [each for each in control.get("/journal")["exchanges"] if each["player"] == "nobody"]


def test_a_webhook_url_is_saved_and_tested_with_the_secret_that_the_page_masks() -> None:
    """The page shows `token=***`; who saves or tests what it shows, keeps the secret."""
    with controlled() as fresh:
        url = f"{fresh.played.operator.endpoint}?token=s3cret"
        fresh.do("PATCH", "/agents/demo", {"webhook_url": url})
        masked = url.replace("s3cret", "***")
        assert f'value="{masked}"' in page(fresh)
        assert checks(fresh, webhook_url=masked)[-1] == {"closing": "works"}
        fresh.do("PATCH", "/agents/demo", {"webhook_url": masked})
        # Another URL would be called with the asterisks.
        other = {"webhook_url": f"{masked}&more=1"}
        assert "write the secret" in fresh.ask("PATCH", "/agents/demo", other)[1]["message"]
        tested = fresh.api.client.post(
            "/console/connect/test", json={"agent": "demo", "player": "1000", **other}
        )
        assert "write the secret" in tested.get_json()["message"]
        agent = fresh.api.state.agents.of_code("demo")
        assert agent is not None
        assert agent.target is not None
        assert agent.target.url == url


def test_the_pages_say_that_the_clock_is_ahead_and_the_ladder_can_be_changed() -> None:
    with controlled() as fresh:
        assert "is 2 h ahead" not in page(fresh, "/console/players")
        fresh.do("POST", "/clock/advance", {"by_ms": 2 * 3_600_000})
        assert "is 2 h ahead" in page(fresh, "/console/players")
        assert fresh.do("PUT", "/clock", {"ladder": "ci"})["ladder"] == "ci"
        assert "<option selected>ci</option>" in page(fresh)
        assert fresh.ask("PUT", "/clock", {})[0] == 422
        assert fresh.ask("PUT", "/clock", {"ladder": "steep"})[0] == 422
