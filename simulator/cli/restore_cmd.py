"""`betrontech-sim restore`: put back the balances that a run which was killed has left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from simulator.cli.options import settings_command
from simulator.errors import ExitCode, UsageError
from simulator.report.text import visible
from simulator.settings import RunSettings, load_values
from simulator.settings.rows import CONFIG, Section
from simulator.settings.table import HOW, TARGET, pick

RESTORE = Section(
    TARGET.title,
    (
        *pick(
            TARGET.rows,
            *("endpoint", "wire", "headers", "timeout_s"),
            *("allow_hosts", "cacert", "insecure", "proxy"),
        ),
        *pick(HOW.rows, "min_bet", "max_win", "max_bet", "transaction_id_format", "games"),
        CONFIG,
    ),
)


@settings_command("restore", RESTORE)
def command(**flags: Any) -> ExitCode:
    """Put back the balances that a run has left: it was killed, or your wallet refused what it takes.

    A run writes the balances of its players to .betrontech-sim/balances in the current folder before it moves
    them. The next run against the same endpoint puts back what a killed run left, too; what your wallet
    refused waits for this command. It takes ordinary bets and wins.

    \b
    betrontech-sim restore --endpoint http://localhost:9000/betrontech_api
    """
    values = load_values(RESTORE.rows, flags)
    if "endpoint" not in values:
        raise UsageError("no endpoint is given; add --endpoint URL")
    # Importing the sender takes most of a start: help and wrong flags do without it.
    from simulator.run.suite import put_back_what_was_left

    def say(line: str) -> None:
        click.echo(visible(line))

    return put_back_what_was_left(RunSettings(**values), Path(), say)
