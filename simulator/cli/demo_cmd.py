"""`betrontech-sim demo`: the product in half a minute, against the embedded reference operator."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import click

from simulator.cli.demo_play import play_through, served_simulator
from simulator.cli.embedded import embedded_operator, settings_for
from simulator.cli.run_reports import open_reports
from simulator.core.events import Event, RunFinished
from simulator.errors import ExitCode, SimulatorError
from simulator.reference_operator import DEFECTS
from simulator.runner import run_suite
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
