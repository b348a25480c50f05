"""`betrontech-sim run`: run scenarios with these settings, write the reports, return the exit code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from simulator.cli.options import settings_command
from simulator.errors import ExitCode
from simulator.settings import load_run_settings
from simulator.settings.table import RUN_SECTIONS


@settings_command("run", *RUN_SECTIONS)
@click.argument("paths", nargs=-1, metavar="[PATH[:LINE]]...")
def command(paths: tuple[str, ...], **flags: Any) -> ExitCode:
    """Run scenarios against your wallet and judge its answers and its money.

    PATH is a scenario file or a folder; :LINE, #NAME or [ROW] after it selects one scenario of the file.
    Without a PATH the bundled suite runs. A run moves the players' balances and restores each at the end.

    \b
    betrontech-sim run --endpoint http://localhost:9000/betrontech_api --player 1000
    betrontech-sim run scenarios/refunds -x -v
    """
    settings = load_run_settings(flags, paths)
    # Importing the sender takes most of a start: help and wrong flags do without it.
    from simulator.cli.run_reports import open_reports
    from simulator.run.suite import run_suite

    with open_reports(settings) as reports:
        return run_suite(settings, reports.on, Path())
