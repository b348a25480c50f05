"""`betrontech-sim demo`: the product in half a minute, against the embedded reference operator."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import click

from simulator.cli.mutants_cmd import embedded_operator, settings_for
from simulator.cli.run_reports import open_reports
from simulator.errors import ExitCode, SimulatorError
from simulator.reference_operator import DEFECTS
from simulator.report.events import Event, RunFinished
from simulator.run.suite import run_suite
from simulator.settings import ReportKind, ReportTarget, RunSettings

DEFECT = "refund-paid-twice"

_PLAY = """
   play it yourself: {game_url}
   (`betrontech-sim demo --keep` leaves it running; `make serve` starts the simulator for good)
"""

_CLOSING = """Play with the operator, in two terminals:
  betrontech-sim operator --port 9000 --defect {defect}
  betrontech-sim run --endpoint http://localhost:9000/betrontech_api --player 1000
Then your own wallet: its endpoint, and a user id that it knows."""

_ENDINGS = {ReportKind.JUNIT: "xml", ReportKind.JSON: "json", ReportKind.NDJSON: "ndjson"}


class DemoFailed(SimulatorError):
    """The demo did not show what it promises: a bug of ours."""


@click.command("demo")
@click.option(
    "--reports",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("reports"),
    show_default=True,
    help="Folder for the reports.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Seed of both runs.")
@click.option("--keep", is_flag=True, help="Leave the simulator running at the end, to play, until Ctrl-C.")
def command(folder: Path, seed: int, keep: bool) -> ExitCode:
    """Run the suite against a right wallet, then against one with a defect; then play through the API."""
    click.echo("1. The bundled suite against the reference operator, whose wallet keeps the money right.\n")
    with embedded_operator() as operator:
        right = _run(
            settings_for(operator, jobs=4, seed=seed, reports=_targets(folder / "right"), quiet=True)
        )
    _expect(right, ExitCode.PASSED)
    click.echo("\n   Where the field's guides disagree, this operator does so (its dialect):")
    for shown in right.dialect:
        click.echo(f"   {shown.knob:<17} {shown.value:<11} {shown.evidence}")
    click.echo(f"\n2. The same operator with one defect switched on, {DEFECT}:")
    click.echo(f"   {DEFECTS[DEFECT].description}\n")
    with embedded_operator(defects=(DEFECT,)) as operator:
        wrong = _run(
            settings_for(operator, jobs=4, seed=seed, reports=_targets(folder / "defect"), quiet=True)
        )
    _expect(wrong, ExitCode.FOUND)
    click.echo(f"\nThat exit code 1 was the point. The reports of both runs are in {folder}/.\n")
    click.echo("3. The other half: your code calls the BetronTech API, and a game sends you webhooks.\n")
    with served_simulator() as url:
        game_url = play_through(url)
        click.echo(_PLAY.format(game_url=game_url))
        if keep:
            click.echo("The simulator runs until Ctrl-C.")
            threading.Event().wait()
    click.echo(_CLOSING.format(defect=DEFECT))
    return ExitCode.PASSED


def _run(settings: RunSettings) -> RunFinished:
    """One run with its reports; returns how it ended."""
    ended: list[RunFinished] = []
    sys.stdout.flush()
    with open_reports(settings) as reports:

        def on(event: Event) -> None:
            if isinstance(event, RunFinished):
                ended.append(event)
            reports.on(event)

        run_suite(settings, on)
    return ended[0]


def _targets(folder: Path) -> tuple[ReportTarget, ...]:
    return tuple(ReportTarget(kind, folder / f"report.{ending}") for kind, ending in _ENDINGS.items())


def _expect(ended: RunFinished, wanted: ExitCode) -> None:
    if ended.exit_code is ExitCode.INTERRUPTED:
        raise KeyboardInterrupt
    if ended.exit_code is not wanted:
        found = int(ended.exit_code)
        raise DemoFailed(f"the demo expected exit code {int(wanted)} and got {found}; please report this")


# --- demo_play ------------------------------------------------------------------------------------
# The demo's second half, as an operator's own code: authenticate, list, launch, and play.

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
