"""`betrontech-sim run`: run scenarios with these settings, write the reports, return the exit code.

With `--watch` again and again: when a file of scenarios or settings changes, and when your wallet is back.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simulator.cli.options import settings_command
from simulator.errors import EndpointUnreachable, ExitCode, SimulatorError
from simulator.report.text import plural
from simulator.settings import load_run_settings
from simulator.settings.rows import CONFIG_FILE
from simulator.settings.table import RUN_SECTIONS

if TYPE_CHECKING:
    from simulator.settings import RunSettings

ASKED_EVERY_S = 0.3
"""How often --watch looks at the files, and whether your wallet is there."""

WATCHED_MAX = 10_000


@settings_command("run", *RUN_SECTIONS)
@click.argument("paths", nargs=-1, metavar="[PATH[:LINE]]...")
@click.option(
    "--watch", is_flag=True, help="Run again when a scenario changes or your wallet is back; Ctrl-C ends it."
)
def command(paths: tuple[str, ...], watch: bool, **flags: Any) -> ExitCode:
    """Run scenarios against your wallet and judge its answers and its money.

    PATH is a scenario file or a folder; :LINE, #NAME or [ROW] after it selects one scenario of the file.
    Without a PATH the bundled suite runs. A run moves the players' balances and restores each at the end.

    \b
    betrontech-sim run --endpoint http://localhost:9000/betrontech_api --player 1000
    betrontech-sim run scenarios/refunds -x -v
    """
    settings = load_run_settings(flags, paths)
    return _watched(flags, paths, settings) if watch else _run(settings)


def _run(settings: RunSettings) -> ExitCode:
    # Importing the sender takes most of a start: help and wrong flags do without it.
    from simulator.cli.run_reports import open_reports
    from simulator.run.suite import run_suite

    with open_reports(settings) as reports:
        return run_suite(settings, reports.on, Path())


# --- watch ----------------------------------------------------------------------------------------


def _watched(flags: dict[str, Any], paths: tuple[str, ...], settings: RunSettings) -> ExitCode:
    """Run, wait for a change, and run again, until an interrupt; return the exit code of the last run.

    An interrupt within a run ends that run as always: the balances are put back.
    """
    code = ExitCode.INTERRUPTED
    while True:
        seen = _stamps(paths, settings.write_accept)
        try:
            settings = load_run_settings(flags, paths)
            code = _run(settings)
            if code is ExitCode.INTERRUPTED:
                return code
        except SimulatorError as error:
            # A file that is being edited may be wrong for a while.
            code = error.exit_code
            click.echo(f"{'' if str(error).startswith('error:') else 'Error: '}{error}", err=True)
        try:
            what = f"watching {plural(len(seen), 'file')} and your wallet"
            click.echo(f"\n{what}; Ctrl-C ends it", err=True)
            changed = _change(paths, settings, seen, was_there=code is not ExitCode.UNREACHABLE)
        except KeyboardInterrupt:
            return code
        click.echo(f"\n{changed}: running again\n", err=True)


Stamps = dict[str, tuple[int, int]]
"""When each file was changed, and its size."""


def _change(paths: Sequence[str], settings: RunSettings, seen: Stamps, *, was_there: bool) -> str:
    """Wait for a change, and return it in words. `was_there`: the wallet answered in the last run."""
    while True:
        time.sleep(ASKED_EVERY_S)
        now = _stamps(paths, settings.write_accept)
        if now != seen:
            first = min(name for name in {*now, *seen} if now.get(name) != seen.get(name))
            if first not in now:
                return f"{first} is gone"
            return f"{first} {'has changed' if first in seen else 'is new'}"
        if (is_there := _answers(settings)) and not was_there:
            return "your wallet is back"
        if was_there and not is_there:
            click.echo("your wallet does not answer; waiting for it", err=True)
        was_there = is_there


def _stamps(paths: Sequence[str], written: Path | None) -> Stamps:
    """Return the state of the files that a run reads: those of its folders, and the configuration.

    `written` is a file that the run itself writes.
    """
    files = {Path(CONFIG_FILE)}
    for given in paths:
        path = Path(given)
        named = path if path.exists() else Path(given.rpartition(".yaml")[0] + ".yaml")
        folder = named if named.is_dir() else named.parent
        for number, file in enumerate(folder.rglob("*.y*ml") if named.exists() else ()):
            if number >= WATCHED_MAX:
                break
            files.add(file)
    stamps = {}
    for file in files - {written}:
        try:
            state = file.stat()
        except OSError:
            continue
        stamps[str(file)] = (state.st_mtime_ns, state.st_size)
    return stamps


def _answers(settings: RunSettings) -> bool:
    """Return whether something takes connections at the endpoint; nothing is sent."""
    # Not for help and wrong flags, as above.
    from simulator.run.context import target_of
    from simulator.wire.sender import Sender

    try:
        with Sender(target_of(settings)) as sender:
            return sender.reach() is None
    except EndpointUnreachable:
        return False
