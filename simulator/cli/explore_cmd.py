"""`betrontech-sim explore`: make up sessions, judge them, and shrink what fails to scenario files."""

from __future__ import annotations

import sys
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simulator.cli.options import reader_of, settings_command
from simulator.core.findings import Outcome
from simulator.errors import ExitCode
from simulator.report.tally import EXIT_MEANINGS
from simulator.settings import kinds, load_run_settings
from simulator.settings.rows import CONFIG, Section
from simulator.settings.table import HOW, TARGET

if TYPE_CHECKING:
    from rich.live import Live

    from simulator.explore.explorer import Explorer, FoundCause

_OF_FILES = frozenset({"faults", "fail_fast", "maxfail", "latency_ms_max"})
"""Settings that only files of scenarios need."""

_EXPLORED = Section(HOW.title, (*(row for row in HOW.rows if row.name not in _OF_FILES), CONFIG))

FOR_S = 60.0

LAB_S = 120.0

LAB_SEED = 1


def _part(_context: click.Context, _parameter: click.Parameter, text: str) -> tuple[int, int]:
    number, _, count = text.partition("/")
    if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
        raise click.BadParameter(f'expected a part such as 1/4, found "{text}"')
    return int(number), int(count)


@settings_command("explore", TARGET, _EXPLORED)
@click.option(
    "--for",
    "seconds",
    metavar="DURATION",
    callback=reader_of(kinds.DURATION_ABOVE_ZERO_S),
    help="How long to explore.  [default: 60s, without --sessions]",
)
@click.option(
    "--sessions",
    type=click.IntRange(1, 10_000_000),
    metavar="N",
    help="How many sessions to run at the most.",
)
@click.option(
    "--out",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("explored"),
    show_default=True,
    help="Folder for a scenario file of each cause. Causes that have a file there are not reported again.",
)
@click.option(
    "--against-operator",
    is_flag=True,
    help="Test explore itself: explore the example wallet with each defect of money, each for --for.",
)
@click.option(
    "--wallet",
    "names",
    multiple=True,
    metavar="NAME",
    help="With --against-operator: only the example wallet with this defect or dialect.  [repeatable]",
)
@click.option(
    "--part",
    default="1/1",
    metavar="K/N",
    callback=_part,
    help="With --against-operator: only every N-th wallet from the K-th.  [default: 1/1]",
)
@click.option(
    "--at-once",
    type=click.IntRange(1, 64),
    default=2,
    metavar="N",
    help="With --against-operator: how many wallets to explore at a time.  [default: 2]",
)
def command(
    seconds: float | None,
    sessions: int | None,
    folder: Path,
    against_operator: bool,
    names: tuple[str, ...],
    part: tuple[int, int],
    at_once: int,
    **flags: Any,
) -> ExitCode:
    """Make up sessions, judge them, and write a short scenario for each error.

    Each session is random: bets, wins and refunds, repeated, late, lost and at once, with ids that resemble
    one another and amounts at edges. The ledger judges each call, as in a run. What fails is shrunk to the
    few calls that show it, and written to a file that fails by itself. The same --seed makes up the same
    sessions as long as your wallet answers the same.

    \b
    betrontech-sim explore --endpoint http://localhost:9000/betrontech_api --player 1000 --player 1001
    betrontech-sim explore --for 10m --out explored
    """
    if against_operator:
        # Only this needs the example wallet.
        from simulator.cli.explore_lab import try_all, wallets_named

        seed = load_run_settings({**flags, **_NO_TARGET}).seed if flags.get("seed") else LAB_SEED
        wallets = wallets_named(names, part)
        return try_all(wallets, seed=seed, seconds=seconds or LAB_S, at_once=at_once, say=_say)
    settings = load_run_settings(flags)
    # Importing the sender takes most of a start: help and wrong flags do without it.
    from simulator.explore.explorer import Bounds, Explorer
    from simulator.run.players import PlayerLocks

    if seconds is None and sessions is None:
        seconds = FOR_S
    printed = _Printed()
    explorer = Explorer(settings, Bounds(seconds, sessions), folder, printed, Path())
    click.echo(f"exploring with --seed {settings.seed}")
    with PlayerLocks(settings.endpoint) as locks, closing(printed):
        if shared := locks.take(settings.players):
            click.echo(f"warning: {shared}", err=True)
        code = explorer.run()
    _sum_up(explorer, code)
    return code


_NO_TARGET: dict[str, str | bool | tuple[str, ...] | None] = {
    "endpoint": "http://127.0.0.1:1/",
    "players": ("none",),
}
"""Stands for the target of wallets that are started here."""


def _say(line: str) -> None:
    click.echo(line)
    sys.stdout.flush()


class _Printed:
    """Prints how exploration goes on; on a terminal, the table of what was met fills below it."""

    def __init__(self) -> None:
        self._table: Live | None = None

    def explored(self, explorer: Explorer) -> None:
        if sys.stdout.isatty():
            self._draw(f"{_progress(explorer)}\n\n{call_table(explorer)}")

    def shrinking(self, cause: str, steps: int) -> None:
        self._say(f"a session of {steps} calls fails ({cause}); shrinking it")

    def found(self, found: FoundCause) -> None:
        self._say(f"\nerror  {found.finding.rule}  {found.finding.message}")
        self._say(f"   = file    {found.file}: {_count(found.step_count, 'call')} of {found.steps_before}")
        for line in found.file.read_text("utf-8").splitlines():
            if not line.startswith(("#", "name:")):
                self._say(f"     | {line}")
        if found.finding.why:
            self._say(f"   = why     {found.finding.why}")
        if not found.fails_alone:
            self._say("   = alone   not shrunk: time was over, or it did not fail again when it ran alone")
        elif found.fails_alone < found.asked:
            self._say(f"   = alone   it failed in {found.fails_alone} of {found.asked} runs")
        self._say(f"   = rerun   {found.rerun}\n")

    def close(self) -> None:
        """Remove the table: what it shows at the end is printed below everything else."""
        if self._table is not None:
            self._table.stop()
            self._table = None

    def _say(self, line: str) -> None:
        if self._table is None:
            click.echo(line)
        else:
            self._table.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _draw(self, text: str) -> None:
        # Only a terminal pays for importing rich.
        from rich.live import Live
        from rich.text import Text

        if self._table is None:
            self._table = Live(auto_refresh=False, transient=True, redirect_stdout=False)
            self._table.start()
        self._table.update(Text(text, no_wrap=True, overflow="ellipsis"), refresh=True)


def _count(count: int, noun: str) -> str:
    return f"1 {noun}" if count == 1 else f"{count:,} {noun}s"


def _progress(explorer: Explorer) -> str:
    cells = len(explorer.coverage.cells)
    sessions, calls = _count(explorer.sessions, "session"), _count(explorer.calls, "call")
    return f"{sessions}, {calls}, {_count(cells, 'kind')} of calls met"


def _sum_up(explorer: Explorer, code: ExitCode) -> None:
    if explorer.coverage.cells:
        click.echo(call_table(explorer))
        click.echo(_progress(explorer))
    for cause, times in sorted(explorer.met_again.items()):
        click.echo(f"known: {cause}, met in {_count(times, 'session')}")
    for reason, times in Counter(event.reason for event in explorer.undecided).most_common():
        click.echo(f"not decided in {_count(times, 'session')}: {reason}")
    if explorer.root_cause:
        click.echo(explorer.root_cause)
    known = " new" if explorer.met_again else ""
    if explorer.found:
        causes = len(explorer.found)
        meaning = f"{causes}{known} {'cause' if causes == 1 else 'causes'} found"
    elif code is ExitCode.PASSED:
        meaning = f"no{known} error found"
    else:
        meaning = EXIT_MEANINGS[code]
    click.echo(f"exit {int(code)}: {meaning}")


def call_table(explorer: Explorer) -> str:
    """Return what was met: a row for each role, with outcomes, states of ids, and faults."""
    lines = [f"{'call':<42}{'accepted':>9}{'refused':>9}{'unclear':>9}  ids; faults"]
    for role, outcomes, states, faults in explorer.coverage.by_role():
        counts = "".join(f"{outcomes[outcome] or '-':>9}" for outcome in Outcome)
        told = [", ".join(states) or "-", ", ".join(faults)] if states or faults else []
        lines.append(f"{role:<42}{counts}  {'; '.join(filter(None, told))}".rstrip())
    return "\n".join(lines)
