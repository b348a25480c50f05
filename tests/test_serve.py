"""`serve` and `healthcheck` as they are started: ready, logs, several agents, errors, and a clean stop."""

from __future__ import annotations

import http.client
import json
import os
import selectors
import signal
import socket
import stat
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from api_client import LAUNCH, encoded
from command_line import simulate
from scripted_server import Peer, ScriptedServer
from served import Answer, Served, exchange, serving
from simulator.serve.gunicorn import listen
from simulator.serve.turns import CALLERS_MAX


def asked(served: Served, target: str, token: str = "", method: str = "GET", *lines: str) -> Answer:
    """One request on a connection of its own."""
    fields = ["Host: x", f"Authorization: Bearer {token}", "Connection: close", *lines, "", ""]
    return exchange(served.port, "\r\n".join([f"{method} {target} HTTP/1.1", *fields]).encode(), method)


def json_of(answer: Answer) -> Any:
    return json.loads(answer.body)


def token_of(served: Served, credentials: str | None = None) -> str:
    answer = asked(served, "/api/auth/authentication", credentials or encoded(), "POST")
    assert answer.status == 200, answer
    return str(json_of(answer)["access_token"])


def launched(served: Served, token: str, **changes: str) -> Answer:
    return asked(served, f"/api/games/game_launch?{urlencode({**LAUNCH, **changes})}", token)


# --- ready -----------------------------------------------------------------------------------------


def test_one_line_says_that_it_is_ready_and_the_rest_is_silence(tmp_path: Path) -> None:
    """The line names the URL, how many games there are, and where webhooks go; nothing else is printed."""
    with serving(tmp_path, "--games", "7") as served:
        assert served.ready.startswith(f"simulator ready on http://127.0.0.1:{served.port}, ")
        assert "7 games" in served.ready
        assert "agent demo for DEMO only" in served.ready
        assert asked(served, "/readyz").body == b'{"status":"ready"}'
        assert len(json_of(asked(served, "/api/games/all", token_of(served)))["data"]) == 7
        assert served.stop() == 0
        assert served.process.stdout is not None
        assert served.process.stdout.read() == ""
        assert all(" info " in line for line in served.log.read_text().splitlines())


def test_variables_meant_for_other_servers_change_nothing(tmp_path: Path) -> None:
    """gunicorn's own variables would make several workers, each with a state of its own."""
    foreign = {"WEB_CONCURRENCY": "3", "PORT": "1", "GUNICORN_CMD_ARGS": "--workers 3 --bind 127.0.0.1:1"}
    foreign["HOME"] = str(tmp_path)
    with serving(tmp_path, **foreign) as served:
        tokens = [token_of(served) for _ in range(8)]
        assert {asked(served, "/api/games/all", token).status for token in tokens} == {200}
        assert not (tmp_path / ".gunicorn").exists()


def test_settings_come_from_variables_and_file_too(tmp_path: Path) -> None:
    """Flag over variable over file, as for every command."""
    (tmp_path / "betrontech-sim.yaml").write_text(
        "serve:\n  games: 3\n  agent_code: filed\n  public_url: https://games.example/sim/\n"
    )
    with serving(
        tmp_path, "--games", "5", BETRONTECH_SIM_GAMES="4", BETRONTECH_SIM_AGENT_TOKEN="t1"
    ) as served:
        token = token_of(served, encoded(token="t1"))
        assert len(json_of(asked(served, "/api/games/all", token))["data"]) == 5
        answer = launched(served, token, agent_code="filed", type="DEMO")
        assert json_of(answer)["game_url"].startswith("https://games.example/sim/play/")


AGENTS = """
serve:
  agents:
    - code: acme
      token: acme-token
      secret_key: "acme:key"
      webhook_url: http://127.0.0.1:9/acme
      wire: drakon
      headers: {X-Api-Key: abc, X-Other: "1"}
    - {code: bare, token: bare-token, secret_key: bare-key}
"""


def test_several_agents_each_have_their_own(tmp_path: Path) -> None:
    """Each authenticates and launches as itself; who has a webhook URL plays CHARGED."""
    (tmp_path / "betrontech-sim.yaml").write_text(AGENTS)
    with serving(tmp_path) as served:
        acme, demo = token_of(served, encoded("acme-token", "acme:key")), token_of(served)
        assert launched(served, acme, agent_code="acme", agent_token="acme:key").status == 200
        assert json_of(launched(served, acme))["error"] == "AGENT_MISMATCH"
        assert json_of(launched(served, demo))["error"] == "WEBHOOK_URL_MISSING"
        bare = token_of(served, encoded("bare-token", "bare-key"))
        own = {"agent_code": "bare", "agent_token": "bare-key"}
        assert json_of(launched(served, bare, **own))["error"] == "WEBHOOK_URL_MISSING"
        assert launched(served, bare, **own, type="DEMO").status == 200


def test_agents_given_by_flag_stand_in_place_of_the_file_s(tmp_path: Path) -> None:
    """As with every list; words with blanks are quoted as in a shell."""
    (tmp_path / "betrontech-sim.yaml").write_text(AGENTS)
    with serving(tmp_path, "--agent", "code=third token=third-token secret_key='a b'") as served:
        assert token_of(served, encoded("third-token", "a b"))
        answer = asked(served, "/api/auth/authentication", encoded("bare-token", "bare-key"), "POST")
        assert json_of(answer)["error"] == "CREDENTIALS_WRONG"


def test_with_operator_a_charged_game_can_be_launched_at_once(tmp_path: Path) -> None:
    """The reference operator answers beside it, and webhooks go there."""
    with serving(tmp_path, "--with-operator") as served:
        wallet = served.ready.rpartition("webhooks to ")[2].split(",")[0]
        host, _, path = wallet.removeprefix("http://").partition("/")
        connection = http.client.HTTPConnection(host, timeout=30)
        connection.request("POST", f"/{path}", b'{"method":"user_balance","user_id":"1000"}')
        assert json.loads(connection.getresponse().read()) == {"status": 1, "balance": "1000.00"}
        connection.close()
        assert launched(served, token_of(served)).status == 200
        assert served.stop() == 0


def test_with_operator_and_data_money_and_game_urls_survive_a_restart(tmp_path: Path) -> None:
    """The operator's database lies in the folder too, and a launched game is played on."""
    flags = ("--with-operator", "--data", str(tmp_path / "new" / "data"))
    with serving(tmp_path, *flags) as served:
        path = urlsplit(json_of(launched(served, token_of(served)))["game_url"]).path
        assert asked(served, path).status == 200
        served.process.kill()
        served.process.wait(60)
    with serving(tmp_path, *flags) as served:
        assert asked(served, path).status == 200
        assert {file.name for file in (tmp_path / "new" / "data").iterdir()} >= {
            *("server.key", "operator.sqlite3", "sessions.ndjson"),
        }
    with serving(tmp_path) as served:
        assert asked(served, path).status == 404


def test_with_data_tokens_and_the_key_survive_a_restart(tmp_path: Path) -> None:
    """The key lies in the folder, for its owner's eyes only; without it tokens end with the server."""
    data = tmp_path / "deep" / "data"
    with serving(tmp_path, "--data", str(data)) as served:
        token = token_of(served)
        served.process.kill()
        served.process.wait(60)
    assert stat.S_IMODE((data / "server.key").stat().st_mode) == 0o600
    with serving(tmp_path, "--data", str(data)) as served:
        assert asked(served, "/api/games/provider", token).status == 200
    with serving(tmp_path) as served:
        assert asked(served, "/api/games/provider", token).status == 401


# --- logs ------------------------------------------------------------------------------------------


def test_logs_in_json_are_one_object_a_line_without_secrets(tmp_path: Path) -> None:
    """The ready line too. Health checks are not logged; what is secret is masked wherever it stands."""
    with serving(tmp_path, "--json-logs", "--agent-secret-key", 'se"cret-key') as served:
        ready = json.loads(served.ready)
        assert (ready["event"], ready["games"], ready["agents"]) == ("ready", 100, {"demo": None})
        token = token_of(served, encoded(secret_key='se"cret-key'))
        launched(served, token, agent_token='se"cret-key', type="DEMO")
        asked(served, "/healthz")
        asked(served, "/nowhere/demo-token/se%22cret-key/%0a{x}")
        for slashes in ("/play/", "//play//"):
            asked(served, f"{slashes}{'t' * 30}")
        served.stop()
        lines = [json.loads(line) for line in served.log.read_text().splitlines()]
    # A line is written once its answer is sent, so that two of them may come in either order.
    told = {(line["event"], line["method"], line["path"], line["http_status"]) for line in lines}
    assert told == {
        ("request", "POST", "/api/auth/authentication", 200),
        ("request", "GET", "/api/games/game_launch", 200),
        ("request", "GET", r"/nowhere/***/***/\n{x}", 404),
        ("request", "GET", "/play/***", 404),
        ("request", "GET", "//play//***", 404),
    }
    assert all(line["took_ms"] >= 0 and line["level"] == "info" for line in lines)


# --- errors ----------------------------------------------------------------------------------------


def test_a_port_that_a_dying_server_still_holds_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that was killed lets go of its port a moment later."""
    taken = socket.create_server(("127.0.0.1", 0))
    port = taken.getsockname()[1]
    monkeypatch.setattr(time, "sleep", lambda _: taken.close())
    with listen("127.0.0.1", port) as listener:
        assert listener.getsockname()[1] == port


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    """Exit 4, and the flag to choose another."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = simulate("serve", "--port", str(port), folder=tmp_path)
    assert done.returncode == 4
    assert f"cannot listen on 127.0.0.1 port {port}" in done.stderr
    assert "--port" in done.stderr


REFUSED = {
    "a webhook URL of a stranger": (["--webhook-url", "http://8.8.8.8/x"], "--allow-host 8.8.8.8"),
    "metadata of a cloud": (["--webhook-url", "http://169.254.169.254/x"], "credentials"),
    "no webhook URL at all": (["--webhook-url", "localhost"], "--webhook-url"),
    "another agent's webhook URL": (
        ["--agent", "code=a token=t secret_key=s webhook_url=http://8.8.8.8/x"],
        "--allow-host 8.8.8.8",
    ),
    "a wire profile that is none": (["--wire", "drakn"], "drakon"),
    "two agents of one code": (["--agent", "code=demo token=t secret_key=s"], "two agents"),
    "two agents of one token": (
        ["--agent", "code=a token=demo-token secret_key=s"],
        "agent_token of another",
    ),
    "an agent without key": (["--agent", "code=a token=t"], 'an agent needs "secret_key"'),
    "an agent with a value alone": (["--agent", "code=a t secret_key=s"], "NAME=VALUE words"),
    "an agent with two tokens": (
        ["--agent", "code=a token=t token=u secret_key=s"],
        'duplicate key "token" in an agent',
    ),
    "an agent with a slip": (["--agent", "code=a token=t secret_ky=s"], 'did you mean "secret_key"?'),
    "an agent with a bad code": (["--agent", "code=a:b token=t secret_key=s"], "code of an agent"),
    "a quote left open": (["--agent", "code='a"], "quote"),
    "a token with a colon": (["--agent-token", "a:b"], "without a colon"),
    "an operator twice": (["--with-operator", "--webhook-url", "http://127.0.0.1:9/x"], "--with-operator"),
    "a folder that is a file": (["--data", "a-file"], "--data"),
    "a database that is none": (["--data", "a-library", "--with-operator"], "--with-operator"),
    "a key that is none": (["--data", "a-folder"], "server.key"),
    "no such host": (["--host", "host.invalid"], "cannot listen on host.invalid"),
}


@pytest.mark.parametrize(("flags", "told"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_served_is_told_before_anything_is_served(
    flags: list[str], told: str, tmp_path: Path
) -> None:
    """Exit 4 with one clear error, no traceback, no secret."""
    (tmp_path / "a-file").touch()
    (tmp_path / "a-folder").mkdir()
    (tmp_path / "a-library").mkdir()
    (tmp_path / "a-library" / "operator.sqlite3").write_bytes(b"no database " * 100)
    (tmp_path / "a-folder" / "server.key").write_bytes(b"long" * 99)
    done = simulate("serve", "--port", "0", *flags, folder=tmp_path)
    assert done.returncode == 4, done.stderr
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""
    assert "demo-secret" not in done.stderr


def test_a_key_that_was_half_written_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "server.key").write_bytes(b"half")
    with serving(tmp_path, "--data", "data") as served:
        assert launched(served, token_of(served), type="DEMO").status == 200
    assert len((tmp_path / "data" / "server.key").read_bytes()) == 32


# --- many clients ----------------------------------------------------------------------------------


def silent(peer: Peer) -> None:
    """A wallet that takes calls and never answers."""
    peer.until_closed()


def spin_of(served: Served, token: str, user_id: str) -> http.client.HTTPConnection:
    """A spin that is on its way: its answer is not waited for."""
    url = json_of(launched(served, token, user_id=user_id))["game_url"]
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
    headers = {"X-Play": "1", "Content-Type": "application/json"}
    connection.request("POST", urlsplit(url).path + "/spin", b'{"stake":"1.00"}', headers)
    return connection


def test_a_hanging_wallet_and_half_requests_hold_up_nobody_else(tmp_path: Path) -> None:
    """More players wait for a wallet than the server once had threads; 300 requests are half sent."""
    with ScriptedServer(silent) as wallet, serving(tmp_path, "--webhook-url", wallet.url()) as served:
        token = token_of(served)
        waiting = [spin_of(served, token, str(number)) for number in range(60)]
        halves = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(300)]
        for number, half in enumerate(halves):
            body = b"Content-Length: 100\r\n\r\nab" if number % 2 else b"Content-Le"
            half.sendall(b"POST /api/auth/authentication HTTP/1.1\r\nHost: x\r\n" + body)
        assert asked(served, "/healthz").status == 200
        assert launched(served, token_of(served), type="DEMO").status == 200
        # None of the spins is answered yet, so the server did not have to wait for one.
        with selectors.DefaultSelector() as selector:
            for connection in waiting:
                selector.register(connection.sock, selectors.EVENT_READ)
            assert selector.select(0) == []
        for half in halves:
            half.close()
        for connection in waiting:
            connection.close()


def test_no_agent_takes_all_threads(tmp_path: Path) -> None:
    """Of more callers than one agent may have, the last are told so at once."""
    with ScriptedServer(silent) as wallet, serving(tmp_path, "--webhook-url", wallet.url()) as served:
        token = token_of(served)
        waiting = [spin_of(served, token, str(number)) for number in range(CALLERS_MAX + 1)]
        with selectors.DefaultSelector() as selector:
            for connection in waiting:
                selector.register(connection.sock, selectors.EVENT_READ, connection)
            (refused, _), *_ = selector.select(60)
        answer = refused.data.getresponse()
        assert answer.status == 409
        # In the language of the game.
        assert json.loads(answer.read())["error"] == "BUSY"
        for each in waiting:
            each.close()


# --- stop ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_cleanly_and_soon_whatever_is_connected(tmp_path: Path, number: int) -> None:
    """Idle connections and half a request are not waited for; exit 0, and the port is free."""
    with serving(tmp_path) as served:
        idle = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
        idle.request("GET", "/healthz")
        assert idle.getresponse().read() == b'{"status":"ok"}'
        half = socket.create_connection(("127.0.0.1", served.port), timeout=30)
        half.sendall(b"GET /api/games/all HTTP/1.1\r\nHost: x\r\n")
        silent = socket.create_connection(("127.0.0.1", served.port), timeout=30)
        asked(served, "/healthz")
        assert served.stop(number) == 0
        for connection in (half, silent):
            connection.close()
        idle.close()
        socket.create_server(("127.0.0.1", served.port)).close()
        # The worker ended by itself: gunicorn would tell of one that it had to kill after two seconds.
        assert all(" info " in line for line in served.log.read_text().splitlines())


def test_no_process_is_left_behind_when_it_is_killed(tmp_path: Path) -> None:
    """kill -9 of the parent ends the worker, too: the port is free soon after."""
    with serving(tmp_path) as served:
        served.process.kill()
        served.process.wait(60)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                socket.create_server(("127.0.0.1", served.port)).close()
                break
            except OSError:
                os.sched_yield()
        else:
            pytest.fail("the worker still listens")


# --- healthcheck -----------------------------------------------------------------------------------


def test_healthcheck_asks_the_server_of_the_same_settings(tmp_path: Path) -> None:
    """0 while it serves, by flag, by variable, by file, and for every address; 1 when it is gone."""
    with serving(tmp_path, "--host", "0.0.0.0") as served:
        port = str(served.port)
        assert served.ready.startswith(f"simulator ready on http://127.0.0.1:{port}")
        assert simulate("healthcheck", "--port", port, folder=tmp_path).returncode == 0
        variables = {"BETRONTECH_SIM_PORT": port, "BETRONTECH_SIM_HOST": "0.0.0.0"}
        assert simulate("healthcheck", folder=tmp_path, **variables).returncode == 0
        (tmp_path / "betrontech-sim.yaml").write_text(f"serve:\n  port: {port}\n  games: 5\n")
        assert simulate("healthcheck", folder=tmp_path).returncode == 0
        served.stop()
        done = simulate("healthcheck", folder=tmp_path)
        assert done.returncode == 1
        assert f"port {port}" in done.stderr


def test_the_log_masks_the_secrets_of_agents_that_are_added_later(tmp_path: Path) -> None:
    """As those that it was started with."""
    body = json.dumps({"code": "late", "token": "late-token-1", "secret_key": "late-secret-1"}).encode()
    with serving(tmp_path) as served:
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)
        for method, path, sent in (("POST", "/_sim/agents", body), ("GET", "/api/late-secret-1", None)):
            connection.request(method, path, sent, {"Content-Type": "application/json"})
            connection.getresponse().read()
        connection.close()
        served.stop()
        log = served.log.read_text()
    assert "GET /api/*** 404" in log
    assert "late-secret-1" not in log


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
def test_all_addresses_of_ipv6_are_those_of_ipv4_too(tmp_path: Path) -> None:
    """`--host ::` answers on both; the ready line shows no value of the webhook's query."""
    with serving(tmp_path, "--host", "::", "--webhook-url", "http://127.0.0.1:9/w?key=hunter22") as served:
        for address in ("127.0.0.1", "::1"):
            with socket.create_connection((address, served.port), timeout=10) as connection:
                connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                assert connection.recv(64).startswith(b"HTTP/1.1 200")
        assert "webhooks to http://127.0.0.1:9/w?key=***" in served.ready
        assert "hunter22" not in served.ready + served.log.read_text()


def test_healthcheck_does_not_take_another_server_for_ours(tmp_path: Path) -> None:
    """Any status but 200, or no HTTP at all, is unhealthy."""
    with serving(tmp_path) as served:
        wrong = exchange(served.port, b"GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert wrong.status == 404
    with socket.create_server(("127.0.0.1", 0)) as mute:
        done = simulate("healthcheck", "--port", str(mute.getsockname()[1]), folder=tmp_path)
        assert done.returncode == 1
