"""The demo's second half, as an operator's own code: authenticate, list, launch, and play."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import click

from simulator.errors import SimulatorError

AGENT = {"code": "demo", "token": "demo-token", "secret_key": "demo-secret"}
PLAYER = "1000"
STAKE = "1.00"
ROUNDS = 3
_READY = re.compile(r"simulator ready on (\S+?),")
_STOP_S = 10
_CALL_S = 10


class ApiDemoFailed(SimulatorError):
    """The simulator's API did not come up, or did not answer as it promises: a bug of ours."""


@contextmanager
def served_simulator() -> Iterator[str]:
    """`serve --with-operator` as a process of its own, on a free port; gives its URL."""
    # The defaults are the demo's agent; a variable of the caller's must not change them.
    command = [sys.executable, "-m", "simulator", "serve", "--with-operator", "--port", "0"]
    command += ["--agent-code", AGENT["code"], "--agent-token", AGENT["token"]]
    command += ["--agent-secret-key", AGENT["secret_key"]]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        ready = _READY.match(process.stdout.readline())
        if ready is None:
            raise ApiDemoFailed("the simulator did not say that it is ready; please report this")
        yield ready[1]
    finally:
        process.terminate()
        process.wait(_STOP_S)


def play_through(url: str) -> str:
    """Authenticate, list, launch a game and play some rounds, telling each step. Returns the game's URL."""
    pair = f"{AGENT['token']}:{AGENT['secret_key']}".encode()
    token = _call(f"{url}/api/auth/authentication", base64.b64encode(pair).decode(), b"")["access_token"]
    click.echo("   POST /api/auth/authentication   an access token for an hour")
    providers = _call(f"{url}/api/games/provider", token)["data"]
    games = _call(f"{url}/api/games/all", token)["data"]
    click.echo(f"   GET  /api/games/provider, /all  {len(providers)} providers, {len(games)} games")
    game = games[0]
    query = urlencode(
        {
            "agent_code": AGENT["code"],
            "agent_token": AGENT["secret_key"],
            "game_id": game["id"],
            "type": "CHARGED",
            "lang": "tr_TR",
            "user_id": PLAYER,
            "user_name": "demo",
        }
    )
    game_url = str(_call(f"{url}/api/games/game_launch?{query}", token)["game_url"])
    click.echo(f"   GET  /api/games/game_launch     {game['name']}")
    opened = _call(f"{game_url}/open", None, b"{}")
    click.echo(f"   the game asks your wallet       balance {_balance(opened)}")
    for number in range(1, ROUNDS + 1):
        spun = _call(f"{game_url}/spin", None, json.dumps({"stake": STAKE}).encode())
        click.echo(f"   {f'round {number}, a bet of {STAKE}':<31} balance {_balance(spun)}")
    return game_url


def _balance(answer: dict[str, Any]) -> str:
    return str(answer["balance"])


def _call(url: str, bearer: str | None, body: bytes | None = None) -> dict[str, Any]:
    headers = {"X-Play": "1"} if bearer is None else {"Authorization": f"Bearer {bearer}"}
    try:
        with urlopen(Request(url, body, headers), timeout=_CALL_S) as reply:
            found: dict[str, Any] = json.load(reply)
            return found
    except OSError as error:
        raise ApiDemoFailed(f"{url.partition('?')[0]}: {error}; please report this") from error
