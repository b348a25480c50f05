"""`betrontech-sim run`: run scenarios with these settings, write the reports, return the exit code.

With `--watch` again and again: when a file of scenarios or settings changes, and when your wallet is back.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simulator.cli.options import file_names, settings_command
from simulator.errors import EndpointUnreachable, ExitCode, SimulatorError
from simulator.report.text import plural
from simulator.settings import load_run_settings
from simulator.settings.load import config_file
from simulator.settings.table import RUN_SECTIONS

if TYPE_CHECKING:
    from simulator.settings import RunSettings

ASKED_EVERY_S = 0.3
"""How often --watch looks at the files, and whether your wallet is there."""

LOOKED_AT_MAX = 10_000
"""So many names in its folders are looked at: a project may hold a hundred thousand."""

NOT_LOOKED_INTO = frozenset({"node_modules", "venv", "vendor", "__pycache__"})
"""Folders beside those that begin with a dot: they hold much, and no scenario of yours."""


@settings_command("run", *RUN_SECTIONS)
@click.argument("paths", nargs=-1, metavar="[PATH[:LINE]]...", shell_complete=file_names)
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
        seen = _stamps(flags, paths, settings)
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
            was_there = code is not ExitCode.UNREACHABLE
            changed = _change(partial(_stamps, flags, paths, settings), settings, seen, was_there=was_there)
        except KeyboardInterrupt:
            return code
        click.echo(f"\n{changed}: running again\n", err=True)


_ENDINGS = (".yaml", ".yml")

Stamps = dict[str, tuple[int, int]]
"""When each file was changed, and its size."""


def _change(stamps: Callable[[], Stamps], settings: RunSettings, seen: Stamps, *, was_there: bool) -> str:
    """Wait for a change, and return it in words. `was_there`: the wallet answered in the last run."""
    now = seen
    while True:
        before = now
        time.sleep(ASKED_EVERY_S)
        now = stamps()
        # An editor may write in steps, and put a new file in the place of the old one.
        if now != seen and now == before:
            first = min(name for name in {*now, *seen} if now.get(name) != seen.get(name))
            if first not in now:
                return f"{first} is gone"
            return f"{first} {'has changed' if first in seen else 'is new'}"
        if (is_there := _answers(settings)) and not was_there:
            return "your wallet is back"
        if was_there and not is_there:
            click.echo("your wallet does not answer; waiting for it", err=True)
        was_there = is_there


def _stamps(flags: Mapping[str, Any], paths: Sequence[str], settings: RunSettings) -> Stamps:
    """Return the state of the files that a run reads: those of its folders, and those of its settings."""
    files = {config_file(flags), *_in_folders(paths)}
    if settings.accept is not None:
        files.add(settings.accept)
    if settings.wire.endswith(_ENDINGS):
        files.add(Path(settings.wire))
    stamps = {}
    # The run itself writes the file of --write-accept.
    for file in files - {settings.write_accept}:
        with suppress(OSError):
            state = file.stat()
            stamps[str(file)] = (state.st_mtime_ns, state.st_size)
    return stamps


def _in_folders(paths: Sequence[str]) -> Iterator[Path]:
    """Yield the YAML files of the folders that the PATHs name, or whose files they name."""
    left = LOOKED_AT_MAX
    for given in paths:
        # What follows a file selects in it, and a pattern is of files.
        named = re.sub(r"(\.ya?ml)[:#\[].*", r"\1", given)
        is_file = re.search(r"\.ya?ml$|[*?]", named) is not None
        start = Path(re.split(r"[*?]", named)[0] + "x").parent if is_file else Path(named)
        for folder, folders, names in os.walk(start):
            folders[:] = [name for name in folders if name[0] != "." and name not in NOT_LOOKED_INTO]
            left -= len(folders) + len(names)
            yield from (Path(folder, name) for name in names if name.endswith(_ENDINGS))
            if left < 0:
                return


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
