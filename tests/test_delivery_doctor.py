"""The doctor: each trouble on the way to a wallet gets its own name, and a wallet that is well gets none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from command_line import in_process, simulate
from scripted_server import ACCEPTED, Peer, Script, ScriptedServer, answering, closed_port, once, reply
from simulator.core.languages import Lang
from simulator.errors import EndpointUnreachable
from simulator.report.languages import Words
from simulator.run.doctor import Check, Health, diagnose
from simulator.wire.profiles import BETRONTECH
from simulator.wire.target import make_target


def examine(
    url: str, *, contained: bool = False, timeout_s: float = 5.0, proxy: str | None = None
) -> list[Check]:
    """All checks of an endpoint."""
    return list(
        diagnose(
            lambda: make_target(url, timeout_s=timeout_s, connect_timeout_s=timeout_s, proxy=proxy),
            "1000",
            BETRONTECH,
            contained=contained,
        )
    )


def examine_server(script: Script, timeout_s: float = 5.0) -> list[Check]:
    """All checks of a server with that script."""
    with ScriptedServer(script) as server:
        checks = examine(server.url(), timeout_s=timeout_s)
        assert all(b'"user_balance"' in request for request in server.requests)
    return checks


def names(checks: list[Check], health: Health) -> list[str]:
    """The checks that ended so."""
    return [check.name for check in checks if check.health is health]


def test_a_wallet_that_is_well_has_nothing_wrong_with_it() -> None:
    checks = examine_server(answering(reply()))
    assert names(checks, Health.FINE) == ["name", "connection", "answer", "json", "player", "speed"]
    assert "90.50" in checks[4].detail
    assert all(check.reached for check in checks)


def test_a_name_that_does_not_resolve_is_the_first_and_only_trouble() -> None:
    def reach() -> None:
        raise EndpointUnreachable("the name wallet does not resolve")

    (check,) = diagnose(reach, "1000", BETRONTECH, contained=False)  # type: ignore[arg-type]
    assert (check.name, check.health, check.reached) == ("name", Health.FAILED, False)


@pytest.mark.parametrize(
    ("contained", "word"),
    [(True, "host.docker.internal"), (False, "is your wallet running")],
    ids=["inside", "outside"],
)
def test_a_refused_connection_is_told_apart_in_a_container(contained: bool, word: str) -> None:
    last = examine(f"http://localhost:{closed_port()}/", contained=contained)[-1]
    assert (last.name, last.health, last.reached) == ("connection", Health.FAILED, False)
    assert "refused" in last.detail
    assert word in last.hint


def test_a_proxy_that_is_down_is_the_trouble_not_the_operator() -> None:
    last = examine("http://127.0.0.1:1/", proxy=f"127.0.0.1:{closed_port()}")[-1]
    assert (last.name, last.health) == ("connection", Health.FAILED)
    assert "--proxy" in last.hint


def test_trouble_with_tls_is_told_apart_from_no_connection() -> None:
    with ScriptedServer(lambda peer: peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as server:
        checks = examine(server.url("https"))
    assert names(checks, Health.FINE) == ["name", "connection"]
    assert names(checks, Health.FAILED) == ["tls"]
    assert "does not speak TLS" in checks[-1].detail


LOGIN = reply(b"<html>login</html>", "302 Found", "Location: /login")
ANSWERS: dict[str, tuple[bytes, str, str]] = {
    "401": (reply(b"no", "401 Unauthorized"), "HTTP 401", "--header"),
    "403": (reply(b"no", "403 Forbidden"), "HTTP 403", "list"),
    "404": (reply(b"<h1>Not Found</h1>", "404 Not Found"), "<h1>Not Found</h1>", "/betrontech_api"),
    "405": (reply(b"{}", "405 Method Not Allowed"), "HTTP 405", "POST"),
    "419": (reply(b"expired", "419 Page Expired"), "HTTP 419", "CSRF"),
    "302": (LOGIN, "HTTP 302 to /login", "final URL"),
    "500": (reply(b"oops", "500 Oops"), "HTTP 500: oops", "log"),
    "502": (reply(b"", "502 Bad Gateway"), "HTTP 502: (an empty body)", "is your wallet running"),
}


@pytest.mark.parametrize(("answered", "detail", "hint"), ANSWERS.values(), ids=ANSWERS)
def test_a_wrong_status_says_what_to_check(answered: bytes, detail: str, hint: str) -> None:
    last = examine_server(answering(answered))[-1]
    assert (last.name, last.health, last.reached) == ("answer", Health.FAILED, True)
    assert detail in last.detail
    assert hint in last.hint


@pytest.mark.parametrize(
    "body", [b"<html>Welcome</html>", b"", b"Notice: x\n" + ACCEPTED, b"[]", b"\xff\xfe"]
)
def test_what_is_not_a_wallets_json_is_shown(body: bytes) -> None:
    last = examine_server(answering(reply(body)))[-1]
    assert (last.name, last.health) == ("json", Health.FAILED)
    assert last.detail
    assert "balance" in last.hint


def test_an_unknown_player_is_odd_and_no_trouble_of_the_way() -> None:
    checks = examine_server(answering(reply(b'{"status":0,"message":"no such user"}', "404 Not Found")))
    assert names(checks, Health.FAILED) == []
    assert names(checks, Health.ODD) == ["answer", "player"]
    assert "no such user" in next(check for check in checks if check.name == "player").detail


def _mute(peer: Peer) -> None:
    peer.until_closed()


def test_silence_and_garbage_are_trouble_of_the_answer() -> None:
    silent = examine_server(_mute, timeout_s=0.2)[-1]
    assert (silent.name, silent.health, silent.reached) == ("answer", Health.FAILED, False)
    assert "no answer within 0.2 s" in silent.detail
    assert "--timeout" in silent.hint
    assert "HTTP/1.1" in examine_server(once(b"SSH-2.0-OpenSSH\r\n"))[-1].hint


def test_the_command_prints_the_checks_and_exits_by_what_it_found(tmp_path: Path) -> None:
    with ScriptedServer(answering(reply())) as server:
        well = simulate("doctor", "--endpoint", server.url(), folder=tmp_path)
    assert well.returncode == 0
    assert [line.split()[1] for line in well.stdout.splitlines() if line.startswith("ok")] == [
        "name", "connection", "answer", "json", "player", "speed", "profile",
    ]  # fmt: skip
    with ScriptedServer(answering(ANSWERS["404"][0])) as server:
        assert simulate("doctor", "--endpoint", server.url(), folder=tmp_path).returncode == 1
    with ScriptedServer(answering(reply(b'{"error":"NOT_FOUND"}', "404 Not Found"))) as server:
        unsure = simulate("doctor", "--endpoint", server.url(), folder=tmp_path)
    assert unsure.returncode == 6
    assert "it refused this player. Check the path of --endpoint, and --player." in unsure.stdout
    down = simulate("doctor", "--endpoint", f"http://127.0.0.1:{closed_port()}/", folder=tmp_path)
    assert down.returncode == 7
    assert "nothing listens" in down.stdout
    spoken = in_process(
        "doctor", "--endpoint", f"http://127.0.0.1:{closed_port()}/", "--lang", "tr", folder=tmp_path
    )
    assert spoken.returncode == 7
    assert Words(Lang.TURKISH)("Your wallet could not be reached.") in spoken.stdout
    assert "could not be reached" not in spoken.stdout
    assert "nothing listens" not in spoken.stdout
    assert simulate("doctor", folder=tmp_path).returncode == 4
    foreign = simulate("doctor", "--endpoint", "http://8.8.8.8/", folder=tmp_path)
    assert foreign.returncode == 4
    assert "--allow-host 8.8.8.8" in foreign.stderr


def test_what_an_operator_answers_cannot_act_on_the_terminal(tmp_path: Path) -> None:
    with ScriptedServer(answering(reply(b"\x1b[2Jgone", "500 Oops"))) as server:
        done = simulate("doctor", "--endpoint", server.url(), folder=tmp_path)
    assert "\x1b" not in done.stdout
    assert "gone" in done.stdout


def test_help_needs_no_sender(tmp_path: Path) -> None:
    code = "import sys, simulator.cli.doctor_cmd; print('requests' in sys.modules, 'ssl' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "False False\n"
