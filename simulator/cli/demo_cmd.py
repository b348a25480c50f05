"""`betrontech-sim demo`: show in half a minute what the simulator does, against the example wallet.

The second half uses the API as the code of a casino does: authenticate, list, launch a game, and play.
"""

from __future__ import annotations

import base64
import json
import re
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import click

from simulator.cli.commands import NAME
from simulator.cli.mutants_cmd import embedded_operator, settings_for
from simulator.cli.run_reports import open_reports
from simulator.errors import ExitCode, SimulatorError
from simulator.reference_operator import DEFECTS
from simulator.report.events import Event, RunFinished, RunStarted
from simulator.report.languages import ENGLISH, Words, lang_of_locale
from simulator.run.suite import run_suite
from simulator.settings import ReportKind, ReportTarget, RunSettings
from simulator.settings.load import variables

DEFECT = "refund-paid-twice"

_DIALECT = "This is how the wallet behaves where integration guides differ; all of it is acceptable:"

_AS_IT_SHOULD = "That run ends with exit code 1, as it should. The reports of both runs are in {folder}/."

_OTHER_HALF = "The other half of an integration: your code calls the API, and games send you webhooks."

_CLOSING = (
    "",
    "Next, try it yourself in two terminals; the rerun lines above work then, too:",
    "  {program} operator --port {port} --defect {defect}",
    "  {program} run --endpoint {endpoint} --player 1000",
    "To judge your own wallet, give its --endpoint and a --player that it knows.",
    "To play the game in your browser:",
    "  {program} demo --keep",
)

_SUFFIXES = {ReportKind.JUNIT: "xml", ReportKind.JSON: "json", ReportKind.NDJSON: "ndjson"}


class DemoFailed(SimulatorError):
    """Raised when the demo does not show what it promises: a bug of the simulator."""


@click.command("demo")
@click.option(
    "--reports",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("reports"),
    show_default=True,
    help="Folder for the reports.",
)
@click.option(
    "--seed", type=click.IntRange(0, 2**31 - 1), default=1, show_default=True, help="Seed of both runs."
)
@click.option("--keep", is_flag=True, help="Keep the game open at the end, to play, until Ctrl-C.")
def command(folder: Path, seed: int, keep: bool) -> ExitCode:
    """Judge a correct wallet, then one with a defect; then play a game through the API."""
    say = Words(lang_of_locale(variables()))
    click.echo(f"1. {say('The bundled suite runs against the example wallet, which is correct.')}\n")
    with embedded_operator() as operator:
        right = _run(
            settings_for(operator, jobs=4, seed=seed, reports=_targets(folder / "right"), quiet=True)
        )
    _expect(right, ExitCode.PASSED)
    click.echo(f"\n   {say(_DIALECT)}")
    for shown in right.dialect:
        click.echo(f"   {shown.knob:<17} {shown.value:<11} {say(shown.evidence)}")
    click.echo(f"\n2. {say('The same wallet has one defect now, {defect}:', defect=DEFECT)}")
    click.echo(f"   {say(DEFECTS[DEFECT].description)}\n")
    with embedded_operator(defects=(DEFECT,)) as operator:
        again = {"port": operator.http.port, "endpoint": operator.endpoint, "defect": DEFECT}
        wrong = _run(
            settings_for(operator, jobs=4, seed=seed, reports=_targets(folder / "defect"), quiet=True)
        )
    _expect(wrong, ExitCode.FOUND)
    click.echo(f"\n{say(_AS_IT_SHOULD, folder=folder)}\n")
    click.echo(f"3. {say(_OTHER_HALF)}\n")
    with served_simulator() as url:
        game_url = play_through(url, say)
        if keep:
            click.echo(f"\n{say('Play it yourself: {url}', url=game_url)}")
            click.echo(say("The game stays open until Ctrl-C."))
            threading.Event().wait()
    for line in _CLOSING:
        click.echo(line.format(program=_program(), **again) if line.startswith(("  ", "\n")) else say(line))
    return ExitCode.PASSED


def _program() -> str:
    """Return the words that start this program again from here, such as `.venv/bin/betrontech-sim`."""
    called, found = Path(sys.argv[0]), shutil.which(NAME)
    if called.stem != NAME:
        return shlex.join([sys.executable, "-m", "simulator"])
    return NAME if found and called.resolve() == Path(found).resolve() else shlex.quote(str(called))


def _run(settings: RunSettings) -> RunFinished:
    """Run once with reports whose rerun lines work from here; return how the run ended."""
    ended: list[RunFinished] = []
    sys.stdout.flush()
    with open_reports(settings) as reports:

        def on(event: Event) -> None:
            if isinstance(event, RunStarted):
                event = replace(event, program=_program())
            if isinstance(event, RunFinished):
                ended.append(event)
            reports.on(event)

        run_suite(settings, on)
    return ended[0]


def _targets(folder: Path) -> tuple[ReportTarget, ...]:
    return tuple(ReportTarget(kind, folder / f"report.{suffix}") for kind, suffix in _SUFFIXES.items())


def _expect(ended: RunFinished, wanted: ExitCode) -> None:
    if ended.exit_code is ExitCode.INTERRUPTED:
        raise KeyboardInterrupt
    if ended.exit_code is not wanted:
        found = int(ended.exit_code)
        raise DemoFailed(f"the demo expected exit code {int(wanted)} and got {found}; please report this")


# --- play through the API -------------------------------------------------------------------------

AGENT = {"code": "demo", "token": "demo-token", "secret_key": "demo-secret"}

PLAYER = "1000"

STAKE = "1.00"

ROUNDS = 3

_READY = re.compile(r"simulator ready on (\S+?),")

_STOP_S = 10

_CALL_S = 10


@contextmanager
def served_simulator() -> Iterator[str]:
    """Run `serve --with-operator` as a process of its own on a free port; yield its URL."""
    # The agent is passed as flags, so that variables in the caller's environment cannot change it.
    command = [sys.executable, "-m", "simulator", "serve", "--with-operator", "--port", "0"]
    command += ["--agent-code", AGENT["code"], "--agent-token", AGENT["token"]]
    command += ["--agent-secret-key", AGENT["secret_key"]]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        ready = _READY.match(process.stdout.readline())
        if ready is None:
            raise DemoFailed("the served simulator did not become ready; please report this")
        yield ready[1]
    finally:
        process.terminate()
        process.wait(_STOP_S)


def play_through(url: str, say: Words = ENGLISH) -> str:
    """Authenticate, list, launch a game and play some rounds, printing each step; return the game's URL."""
    pair = f"{AGENT['token']}:{AGENT['secret_key']}".encode()
    token = _call(f"{url}/api/auth/authentication", base64.b64encode(pair).decode(), b"")["access_token"]
    click.echo(f"   POST /api/auth/authentication   {say('an access token for an hour')}")
    providers = _call(f"{url}/api/games/provider", token)["data"]
    games = _call(f"{url}/api/games/all", token)["data"]
    found = say("{providers} providers, {games} games", providers=len(providers), games=len(games))
    click.echo(f"   GET  /api/games/provider, /all  {found}")
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
    click.echo(f"   {say('the game asks your wallet'):<31} {say('balance')} {_balance(opened)}")
    for number in range(1, ROUNDS + 1):
        spun = _call(f"{game_url}/spin", None, json.dumps({"stake": STAKE}).encode())
        played = say("round {number}, a bet of {stake}", number=number, stake=STAKE)
        click.echo(f"   {played:<31} {say('balance')} {_balance(spun)}")
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
        raise DemoFailed(f"{url.partition('?')[0]}: {error}; please report this") from error
