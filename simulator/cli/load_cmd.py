"""`betrontech-sim load`: load the wallet with many players at once, and judge every call afterwards."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from simulator.cli.judge_cmd import processors, summary_text
from simulator.cli.options import read_as, reader_of, settings_command
from simulator.cli.output import WholeFile
from simulator.core.values import Frozen
from simulator.errors import ExitCode, UsageError
from simulator.report.text import plural, visible
from simulator.settings import kinds, load_run_settings
from simulator.settings.rows import CONFIG, Section
from simulator.settings.table import HOW, TARGET, pick

if TYPE_CHECKING:
    from simulator.load.figures import Percentiles
    from simulator.load.launch import LoadOptions, LoadResult
    from simulator.load.outcome import LoadCause, LoadOutcome
    from simulator.settings import RunSettings

_JUDGED = pick(
    HOW.rows,
    *("seed", "strict", "min_bet", "max_win", "max_bet", "transaction_id_format", "games", "time_scale"),
)

_LOADED = Section("How it is judged", (*_JUDGED, CONFIG))

_WALLET = Section(
    TARGET.title,
    tuple(row for row in TARGET.rows if row.name not in {"restart_hook", "block_hook"}),
)

FOR_S = 60.0

WORKERS_MAX = 1_000

USERS_MAX = 100_000

PORT = 5557
"""Locust's own port between master and workers."""


class _Asked(Frozen, kw_only=True):
    """What the command line says of the load itself."""

    users: int | None
    seconds: float | None
    ramp: float | None
    rate: float | None
    think: tuple[float, float]
    mix: str | None
    faults: str
    share: bool
    workers: int
    master: tuple[str, int] | None
    worker: tuple[str, int] | None
    web: tuple[str, int] | None
    max_p95: int | None
    max_p99: int | None
    max_errors: float | None
    records: Path | None
    reports: tuple[tuple[str, str], ...]


_duration, _milliseconds = reader_of(kinds.DURATION_ABOVE_ZERO_S), reader_of(kinds.DURATION_MS)


def _pause(_context: click.Context, _parameter: click.Parameter, text: str) -> tuple[float, float]:
    least, dots, most = text.partition("..")
    low = read_as(kinds.DURATION_S, least)
    high = read_as(kinds.DURATION_S, most) if dots else low
    if high < low:
        raise click.BadParameter(f'the range ends before it begins, found "{text}"')
    return low, high


def _rate(_context: click.Context, _parameter: click.Parameter, text: str | None) -> float | None:
    if text is None:
        return None
    try:
        rate = float(text.removesuffix("/s"))
    except ValueError:
        rate = 0.0
    if not 0.01 <= rate <= 1_000_000:
        raise click.BadParameter(f'expected calls a second, such as 250, found "{text}"')
    return rate


AUTO = 0
"""The number of workers that stands for one for each processor."""


def _workers(_context: click.Context, _parameter: click.Parameter, text: str) -> int:
    if text == "auto":
        return AUTO
    if not text.isdecimal() or not 1 <= int(text) <= WORKERS_MAX:
        raise click.BadParameter(f'expected auto or a number from 1 to {WORKERS_MAX:,}, found "{text}"')
    return int(text)


def _address(_context: click.Context, parameter: click.Parameter, text: str | None) -> tuple[str, int] | None:
    """Read HOST, HOST:PORT or [IPv6]:PORT; where this process listens, a port may stand alone."""
    if text is None:
        return None
    host, colon, port = text.rpartition(":")
    if text.isdecimal():
        host, colon, port = _LISTENS.get(parameter.name or "", ""), ":", text
    elif not colon or "]" in port or (":" in host and "[" not in host):
        host, port = text, str(PORT)
    # A master may take any free port, which it prints.
    least = 0 if parameter.name == "master" else 1
    if not port.isdecimal() or not least <= int(port) <= 65535 or not host:
        raise click.BadParameter(f'expected an address such as 10.0.0.5 or 10.0.0.5:{PORT}, found "{text}"')
    return host.strip("[]"), int(port)


_LISTENS = {"web": "127.0.0.1", "master": "0.0.0.0"}
"""Where a process listens if only a port is named."""


def _errors(_context: click.Context, _parameter: click.Parameter, text: str | None) -> float | None:
    if text is None:
        return None
    # Help does without the plan of a load.
    from simulator.load.plan import read_share

    return read_share(text, "--max-errors")


def _reports(
    _context: click.Context, _parameter: click.Parameter, texts: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    found: dict[str, str] = {}
    for text in texts:
        kind, _, name = text.partition(":")
        if kind not in ("html", "json") or not name:
            raise click.BadParameter(f'expected html:FILE or json:FILE, found "{text}"')
        if name in found:
            raise click.BadParameter(f"two reports cannot both be written to {name}")
        found[name] = kind
    return tuple((kind, name) for name, kind in found.items())


@settings_command("load", _WALLET, _LOADED)
@click.option(
    "--users",
    type=click.IntRange(1, USERS_MAX),
    metavar="N",
    help="How many users play at a time.  [default: as many as there are players]",
)
@click.option("--for", "seconds", metavar="DURATION", callback=_duration, help="How long.  [default: 60s]")
@click.option("--ramp", metavar="DURATION", callback=_duration, help="How long until all users play.")
@click.option(
    "--rate",
    metavar="CALLS",
    callback=_rate,
    help="So many calls a second, whether your wallet keeps up or not (open model). Without it, each user "
    "calls again as soon as it is answered (closed model).",
)
@click.option(
    "--think",
    metavar="DURATION[..DURATION]",
    default="0s",
    callback=_pause,
    help="The pause of a user between sessions.  [default: 0s]",
)
@click.option(
    "--mix",
    metavar="FILE=WEIGHT,…",
    help="What users play: scenario files with weights. Shipped: slots.yaml, crash.yaml, tables.yaml, "
    "free-rounds.yaml.  [default: slots.yaml=8,crash.yaml=3,tables.yaml=4,free-rounds.yaml=1]",
)
@click.option(
    "--faults",
    metavar="NAME=SHARE,…",
    default="",
    help="Disturb this share of the money calls: lost_reply=1%,timeout=0.5%,reset=…,duplicate=…,resend=….",
)
@click.option(
    "--share-players", "share", is_flag=True, help="Let several users play for one player at a time."
)
@click.option(
    "--workers",
    metavar="auto|N",
    default="1",
    callback=_workers,
    help="How many processes send the calls; auto is one for each processor.  [default: 1]",
)
@click.option(
    "--master",
    is_flag=False,
    flag_value=f"0.0.0.0:{PORT}",
    metavar="[ADDRESS]",
    callback=_address,
    help=f"Wait for --workers processes of other machines at this address.  [default: 0.0.0.0:{PORT}]",
)
@click.option(
    "--worker", metavar="HOST", callback=_address, help="Work for the master on this host (HOST:PORT)."
)
@click.option(
    "--web", metavar="PORT", callback=_address, help="Serve Locust's page at this port (or ADDRESS:PORT)."
)
@click.option(
    "--max-p95", metavar="DURATION", callback=_milliseconds, help="Fail if 5 % of the answers took longer."
)
@click.option(
    "--max-p99", metavar="DURATION", callback=_milliseconds, help="Fail if 1 % of the answers took longer."
)
@click.option(
    "--max-errors",
    metavar="SHARE",
    callback=_errors,
    help="Fail if more calls got no usable answer: 0.1%.",
)
@click.option(
    "--records",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep the recorded calls here, for `judge`. By default they are deleted.",
)
@click.option(
    "--report",
    "reports",
    metavar="KIND:FILE",
    multiple=True,
    callback=_reports,
    help="Write a report: html or json (- is standard output).  [repeatable]",
)
def command(**flags: Any) -> ExitCode:
    """Load your wallet with many players at once, and judge every call afterwards.

    Each user plays sessions for a player of its own: rounds one after the other, and several calls at once.
    Every call is recorded; at the end the ledger says whether an order of the calls explains each balance.
    Lost updates are shown with the calls that collided. Then the balances are put back.

    \b
    betrontech-sim load --endpoint http://localhost:9000/betrontech_api --player 1000..1099 --for 60s
    betrontech-sim load --player 1000..1199 --users 200 --workers auto --max-p95 300ms --max-errors 0.1%
    """
    # Help and wrong flags do without the checker.
    from simulator.load.launch import check_installed, run_load
    from simulator.load.outcome import Thresholds, outcome_of

    check_installed()
    asked = _Asked(**{name: flags.pop(name) for name in _Asked.__slots__})
    _refuse_contradictions(asked)
    workers = asked.workers or processors()
    with ExitStack() as stack:
        folder = _folder(asked.records, stack)
        if asked.worker is not None:
            return _work(asked.worker, workers, folder, asked.records, flags)
        settings = load_run_settings(flags)
        options = _options(asked, settings, folder, workers)
        progress = Progress(options.seconds, apart=any(name == "-" for _, name in asked.reports))
        # A report that cannot be written is told before the load, not after it.
        files = {name: _opened(kind, name, stack) for kind, name in asked.reports if name != "-"}
        progress.say(f"loading with --seed {settings.seed}")
        result = run_load(settings, options, progress, Path())
        thresholds = Thresholds(asked.max_p95, asked.max_p99, asked.max_errors)
        outcome = outcome_of(result, thresholds, strict=settings.strict)
        if all(name != "-" for _, name in asked.reports):
            _print(result, outcome)
        for kind, name in asked.reports:
            _write(kind, name, files.get(name), result, outcome)
        return outcome.code


def _opened(kind: str, name: str, stack: ExitStack) -> WholeFile:
    """Open the file of a report, which is removed unless it is kept. Raises UsageError."""
    try:
        file = WholeFile(Path(name))
    except OSError as error:
        raise UsageError(f"--report {kind}:{name}: {error.strerror or error}") from None
    stack.callback(file.give_up)
    return file


def _write(kind: str, name: str, file: WholeFile | None, result: LoadResult, outcome: LoadOutcome) -> None:
    """Write a report to its file, or to standard output."""
    from simulator.load.page import load_html, load_json  # not for help, as above

    text = load_html(result, outcome) if kind == "html" else load_json(result, outcome)
    if file is None:
        click.echo(text, nl=False)
        return
    try:
        file.stream.write(text)
        file.keep()
    except OSError as error:
        raise UsageError(f"--report {kind}:{name}: {error.strerror or error}") from None


_OF_WORKERS = frozenset({"worker", "workers", "records"})


def _refuse_contradictions(asked: _Asked) -> None:
    """Raise UsageError for flags that would mean nothing beside others."""
    context = click.get_current_context()
    if asked.worker is not None and asked.master is not None:
        raise UsageError("a process is the master (--master) or a worker (--worker), not both")
    if asked.worker is not None:
        for option in context.command.params:
            given = context.get_parameter_source(option.name or "") is ParameterSource.COMMANDLINE
            if given and option.name in _Asked.__slots__ and option.name not in _OF_WORKERS:
                raise UsageError(
                    f"{option.opts[-1]} is for the master: a worker (--worker) gets its plan from there"
                )
    if asked.master is not None and asked.workers == AUTO:
        raise UsageError("how many workers of other machines shall --master wait for? --workers 8")
    if (asked.ramp or 0.0) > (asked.seconds or FOR_S):
        raise UsageError("--ramp is longer than the load (--for), so that not all users would ever play")


def _options(asked: _Asked, settings: RunSettings, folder: Path, workers: int) -> LoadOptions:
    from simulator.load.launch import LoadOptions  # not for help, as above
    from simulator.load.plan import DEFAULT_MIX, read_disturbances, read_mix

    users = asked.users or len(settings.players)
    if not users:
        raise UsageError(
            "how many users? --seed-hook makes a player for each, so give their number: --users 50"
        )
    return LoadOptions(
        users=users,
        seconds=asked.seconds or FOR_S,
        mix=tuple(read_mix(asked.mix or DEFAULT_MIX)),
        folder=folder,
        ramp_s=asked.ramp or 0.0,
        rate=asked.rate,
        think_s=asked.think,
        disturbances=tuple((each.name, each.share) for each in read_disturbances(asked.faults)),
        share=asked.share,
        workers=workers,
        master=asked.master,
        web=asked.web,
        judges=processors(),
    )


def _folder(records: Path | None, stack: ExitStack) -> Path:
    if records is None:
        return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="betrontech-sim-load-")))
    try:
        records.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--records {records}: no folder can be made there: {error.strerror}") from None
    if any(records.glob("*.ndjson")):
        raise UsageError(f"--records {records}: the folder holds records already; name another")
    return records


def _work(
    master: tuple[str, int], workers: int, folder: Path, asked_for: Path | None, flags: Mapping[str, Any]
) -> ExitCode:
    from simulator.load.launch import work_for  # not for help, as above

    players = flags.get("players") or ("of-the-master",)
    settings = load_run_settings({**flags, "players": players})
    left, interrupted = work_for(settings, folder, *master, workers, Progress())
    for file in left:
        kept = Path(file.name)
        if folder == asked_for:
            kept = file
        else:
            shutil.move(file, kept)
        click.echo(f"the master has not got {kept}: judge it together with the --records of the master")
    if interrupted:
        return ExitCode.INTERRUPTED
    return ExitCode.INCONCLUSIVE if left else ExitCode.PASSED


# --- how it goes ----------------------------------------------------------------------------------

SHOWN_EVERY = 10
"""Where the output is no terminal, every tenth second is shown."""


class Progress:
    """Prints how a load goes on: one line that is written over on a terminal, and some lines elsewhere."""

    def __init__(self, seconds: float = 0.0, *, apart: bool = False) -> None:
        """Print to standard error where a report has standard output: `apart`."""
        self._seconds = seconds
        self._apart = apart
        self._ticks = 0
        self._on_line = False

    def __call__(self, kind: str, facts: Mapping[str, Any]) -> None:
        """Show one message."""
        if kind == "tick":
            self._tick(facts)
            return
        if kind == "judged":
            self._over(f"  judging: {facts['share']:.0%}" if facts["share"] else "  judging")
            return
        text = _SAID[kind](facts) if kind in _SAID else ""
        if text:
            self._end_line()
            self.say(text)

    def say(self, text: str) -> None:
        """Print one line."""
        click.echo(text, err=self._apart)
        sys.stdout.flush()

    def _tick(self, facts: Mapping[str, Any]) -> None:
        self._ticks += 1
        terminal = (sys.stderr if self._apart else sys.stdout).isatty()
        if not terminal and self._ticks % SHOWN_EVERY:
            return
        text = (
            f"  {self._ticks:>4} of {self._seconds:.0f} s  {plural(facts['users'], 'user')}  "
            f"{facts['calls_per_s']:,} calls/s  p95 {facts['p95_ms']:,} ms  "
            f"{plural(facts['errors'], 'error')}"
        )
        if terminal:
            self._over(text)
        else:
            self.say(text)

    def _over(self, text: str) -> None:
        """Write over the last line of a terminal; elsewhere print nothing."""
        stream = sys.stderr if self._apart else sys.stdout
        if stream.isatty():
            click.echo(f"\r{text:<78}", nl=False, err=self._apart)
            stream.flush()
            self._on_line = True

    def _end_line(self) -> None:
        if self._on_line:
            click.echo("", err=self._apart)
        self._on_line = False


_SAID: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "making": lambda facts: f"making {plural(facts['players'], 'player')} with the seed hook",
    "preflight": lambda facts: f"reading {plural(facts['players'], 'balance')}",
    "waiting": lambda facts: f"waiting for {plural(facts['workers'], 'worker')} at port {facts['port']}",
    "worker": lambda facts: (
        f"  {facts['name']} on {visible(facts['host'])} is here ({facts['here']} of {facts['of']})"
    ),
    "refused": lambda facts: (
        f"  a worker on {visible(facts['host'])} cannot take part: {visible(facts['text'])}"
    ),
    "connecting": lambda facts: (
        f"working for {facts['host']}:{facts['port']} with {plural(facts['workers'], 'process', 'processes')}"
    ),
    "plan": lambda facts: f"  {facts['name']} has its plan; it records to {facts['file']}",
    "pid": lambda facts: f"  {facts['worker']} is process {facts['pid']}",
    "killed": lambda facts: (
        f"  {facts['worker']} (process {facts['pid']}) has ended before its time: "
        "its unanswered calls count as unknown"
    ),
    "failed": lambda facts: f"  {facts['worker']} has ended: {visible(facts['text'])}",
    "judging": lambda _facts: "judging",
    "restoring": lambda facts: f"putting back {plural(facts['players'], 'balance')}",
    "done": lambda facts: "".join(
        f"  {each['worker']} has handed over {plural(each['recorded'], 'call')}" for each in facts["workers"]
    ),
}


# --- what came of it ------------------------------------------------------------------------------

CAUSES_SHOWN = 5

PLAYERS_SHOWN = 5

CALLS_SHOWN = 6


def _print(result: LoadResult, outcome: LoadOutcome) -> None:
    """Print the figures, the causes with the calls that collided, and how the load ended."""
    if result.figures is not None:
        for line in _figures(result, outcome):
            click.echo(line)
    for cause in outcome.causes[:CAUSES_SHOWN]:
        click.echo("\n" + "\n".join(_cause(cause)))
    if len(outcome.causes) > CAUSES_SHOWN:
        click.echo(f"and {len(outcome.causes) - CAUSES_SHOWN:,} more causes; the reports have all")
    if result.figures is not None and result.found is not None and result.found.ranks:
        found = result.found
        # Players whom no user took have no call.
        click.echo(f"\n{summary_text(len(result.figures.clocks), found.calls, found.ranks, found.shared)}")
    for note in result.notes:
        click.echo(f"note: {note}")
    click.echo(f"exit {int(outcome.code)}: {outcome.why}")


def _cause(cause: LoadCause) -> Iterator[str]:
    rule = f"[{cause.rule}]" if cause.rule else ""
    yield f"{cause.severity}{rule} {cause.title}"
    shown = cause.shown
    worker = f", {shown.worker}" if shown.worker else ""
    yield f"  player {visible(shown.player)}{worker}: {visible(shown.explanation)}"
    yield from (f"    {visible(lane)}" for lane in shown.lanes)
    for call in shown.calls[:CALLS_SHOWN]:
        at = "" if call.at_s is None else f", sent at {call.at_s:.3f} s"
        took = "never answered" if call.took_ms is None else f"answered after {call.took_ms:.1f} ms"
        named = f"{call.name} {call.transaction_id or ''}".rstrip()
        yield f"   = call   {visible(named)}{at}, {took}"
    players = ", ".join(map(visible, cause.players[:PLAYERS_SHOWN]))
    left = len(cause.players) - PLAYERS_SHOWN
    more = f" and {left:,} more" if left > 0 else ""
    yield f"   = seen   {plural(len(cause.players), 'player')}: {players}{more}"
    if cause.why:
        yield f"   = why    {cause.why}"
    if cause.cause:
        yield f"   = cause  {cause.cause}{f'; betrontech-sim explain {cause.rule}' if cause.rule else ''}"


def _figures(result: LoadResult, outcome: LoadOutcome) -> Iterator[str]:
    figures, workers = result.figures, result.workers
    assert figures is not None
    yield (
        f"{plural(figures.calls, 'call')} in {figures.seconds:.1f} s, {figures.calls_per_s:,.0f} a second, "
        f"by {plural(len(workers), 'worker')}"
    )
    if not figures.calls:
        return
    yield f"  {'':<16}{'calls':>9}{'p50':>9}{'p95':>9}{'p99':>9}{'longest':>9}  (ms)"
    yield _row("all", figures.calls, figures.latencies)
    for noun, count, taken in figures.by_method:
        yield _row(noun, count, taken)
    yield (
        f"errors     {figures.errors:,} ({figures.error_share:.2%}), refused {figures.refused:,}, "
        f"disturbed on purpose {figures.disturbed:,}"
    )
    for reason, count in figures.reasons[:CAUSES_SHOWN]:
        yield f"  {count:>7,} {visible(reason)}"
    details = f", {figures.details:,} account details, which move no money" if figures.details else ""
    yield (
        f"accounted  {outcome.sent:,} sent, {outcome.recorded:,} recorded, {outcome.judged:,} judged{details}"
    )
    for each in workers:
        if each.killed:
            known = f"{each.recorded:,} calls recorded, {each.unanswered:,} of them without an answer"
            lost = f"its record is on {visible(each.host)}, and its calls are not judged"
            yield f"  {each.name} was killed: {lost if each.file is None else known}"
    late = sum(each.late for each in workers)
    if late:
        most = max(each.late_ms_max for each in workers)
        yield f"late       {late:,} calls waited for a free user, up to {most:,} ms"


def _row(name: str, calls: int, taken: Percentiles | None) -> str:
    if taken is None:
        return f"  {name:<16}{calls:>9,}"
    times = "".join(f"{each:>9,.1f}" for each in (taken.p50_ms, taken.p95_ms, taken.p99_ms, taken.max_ms))
    return f"  {name:<16}{calls:>9,}{times}"
