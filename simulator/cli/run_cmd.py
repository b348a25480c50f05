"""`betrontech-sim run`: settings → the runner → reports → exit code."""

from __future__ import annotations

from typing import Any

import click

from simulator.cli.options import settings_command
from simulator.errors import ExitCode
from simulator.settings import load_run_settings
from simulator.settings.table import RUN_SECTIONS


@settings_command("run", *RUN_SECTIONS)
@click.argument("paths", nargs=-1, metavar="[PATH[:LINE]]...")
def command(paths: tuple[str, ...], **flags: Any) -> ExitCode:
    """Run scenarios against an operator's wallet and judge it.

    PATH is a scenario file or a folder of them; with :LINE, #NAME or [ROW] one scenario of the file. Without
    any the bundled suite runs. Balances are moved, and each player's is brought back at the end.

    \b
    betrontech-sim run --endpoint http://localhost:9000/betrontech_api --player 1000
    betrontech-sim run scenarios/refunds -x -v
    """
    settings = load_run_settings(flags, paths)
    # The sender costs most of a start: help and wrong flags answer without it.
    from simulator.cli.run_reports import open_reports
    from simulator.run.suite import run_suite

    with open_reports(settings) as reports:
        return run_suite(settings, reports.on)
