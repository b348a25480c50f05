"""`betrontech-sim judge`: is a recorded history one that a right wallet can have?"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import click

from simulator.cli.options import file_names
from simulator.cli.output import write_whole
from simulator.core.calls import Player
from simulator.errors import ExitCode, NothingSelected, UsageError
from simulator.history.files import JudgedHistory
from simulator.law.rules import rule_of
from simulator.report.text import plural, visible

_CODES = (ExitCode.PASSED, ExitCode.PASSED, ExitCode.INCONCLUSIVE, ExitCode.FOUND)


@click.command("judge")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, shell_complete=file_names)
@click.option("--report", metavar="json:FILE", help="Write the verdicts as JSON; json:- is standard output.")
@click.option(
    "--strict", is_flag=True, help="Count warnings (answers from a later read, or missing) as errors."
)
@click.option(
    "--columns",
    metavar="MAP.yaml",
    help="Read tables of your own transactions, CSV or Parquet; MAP.yaml names their columns.",
)
@click.option(
    "-j",
    "--processes",
    type=click.IntRange(min=1),
    metavar="N",
    help="Judge long files in so many processes; as many as there are processors by default.",
)
def judge(
    files: tuple[str, ...], report: str | None, strict: bool, columns: str | None, processes: int | None
) -> ExitCode:
    """Judge recorded calls, concurrent ones too: does an order explain them?

    FILE holds one JSON object a line, and may be compressed with gzip; - reads standard input. Several files
    count as one, in the order given. A player's first line is
    {"type":"opening","player":"p1","balance":"100.00"}, then one line a call:
    {"type":"exchange","player":"p1","method":"transaction_bet","transaction_id":"b1","amount":"10.00",
    "game_id":"SLOT_001","sent_ns":1,"answered_ns":9,"outcome":"accepted","balance":"90.00"}. The outcome is
    accepted, refused or unknown; answered_ns is null without an answer. What `run --report ndjson:FILE`
    writes can be judged too.
    """
    # Help answers without the checker.
    from simulator.archive.judging import judge_files
    from simulator.archive.sources import sources_of

    target = _target(report)
    sources = sources_of(files)
    if columns is not None:
        from simulator.archive.tables import Columns, Table

        named = Columns.read(columns)
        sources = [Table(source.name, named) for source in sources]
    with _progress() as progress:
        found, players = judge_files(
            sources, progress, processes=processes or processors(), keep=target is not None
        )
    if target != "-":
        for each in found.kept:
            if each.rank or each.missing:
                click.echo(judged_text(each) + "\n")
    if not found.ranks:
        names = ", ".join(files)
        raise NothingSelected(f"{names}: no call to judge: an opening line and exchange lines are expected")
    if target is not None:
        _write(target, judged_json(found.kept))
    if target != "-":
        click.echo(summary_text(players, found.calls, found.ranks, found.shared))
    missing = any(each.missing for each in found.kept)
    worst = 3 if found.ranks[3] or (strict and (missing or found.ranks[1])) else max(+found.ranks)
    return _CODES[worst]


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_SHOWN_EVERY_S = 0.2

_WIDTH = 60


@contextmanager
def _progress() -> Iterator[Callable[[str, float | None, int], None]]:
    """Show on a terminal what is done; the line disappears at the end."""
    shown_at = time.monotonic()
    shown = False

    def show(what: str, share: float | None, count: int) -> None:
        nonlocal shown_at, shown
        now = time.monotonic()
        if now - shown_at < _SHOWN_EVERY_S or not sys.stderr.isatty():
            return
        shown_at, shown = now, True
        part = "" if share is None else f" {share:.0%},"
        unit = "lines" if what == "reading" else "calls"
        click.echo(f"\r{f'{what}:{part} {count:,} {unit}':<{_WIDTH}}", err=True, nl=False)

    try:
        yield show
    finally:
        if shown:
            click.echo(f"\r{'':<{_WIDTH}}\r", err=True, nl=False)


def _target(report: str | None) -> str | None:
    if report is None:
        return None
    kind, separator, name = report.partition(":")
    if kind != "json" or not separator or not name:
        raise UsageError(f'--report: expected json:FILE, found "{report}"')
    return name


def _write(name: str, text: str) -> None:
    if name == "-":
        click.echo(text, nl=False)
        return
    try:
        write_whole(Path(name), text)
    except OSError as error:
        raise UsageError(f"{name}: {error.strerror or error}") from None


# --- judged ---------------------------------------------------------------------------------------
# What `betrontech-sim judge` shows: verdicts on recorded histories, as text and as JSON.

_WORDS = (
    "consistent",
    "with the money right, and answers that come from a later read or are undecided",
    "inconclusive",
    "inconsistent",
)

_MARKS = ("", "warning", "inconclusive", "error")


def judged_text(judged: JudgedHistory) -> str:
    """Return the text of a history that is not consistent: rule, verdict, explanation, calls over time.

    A missing answer is a warning: the money may be right all the same.
    """
    if not judged.rank:
        return _missing_text(judged)
    verdict = judged.verdict
    mark = _MARKS[judged.rank]
    if verdict.situation is not None:
        mark += f"[{judged.rule or rule_of(verdict.situation)}]"
    agent = f" of agent {visible(judged.agent)}" if judged.agent else ""
    head = f"{mark} {visible(judged.player)}{agent}: {verdict.verdict.value}, money {verdict.money.value}"
    lines = [f"{head} ({judged.place}, {plural(judged.calls, 'call')})", f"  {visible(verdict.explanation)}"]
    lines += [f"    {visible(lane)}" for lane in verdict.lanes]
    return "\n".join([*lines, _missing_text(judged)] if judged.missing else lines)


def _missing_text(judged: JudgedHistory) -> str:
    assert judged.missing is not None
    line, deviation = judged.missing
    place = judged.place_of(line)
    return f"warning[{deviation.rule}] {visible(judged.player)}: {visible(deviation.message)} ({place})"


def summary_text(players: int, calls: int, ranks: Mapping[int, int], shared: int = 0) -> str:
    """Return the last lines: the number of histories, their verdicts, and what weakens the verdicts.

    `ranks` are the numbers of histories by rank.
    """
    counts = [f"{ranks[rank]:,} {_WORDS[rank]}" for rank in (0, 1, 2, 3) if ranks.get(rank)]
    summary = f"{plural(players, 'player')}, {plural(calls, 'call')}: {', '.join(counts)}"
    if not shared:
        return summary
    were = f"{plural(shared, 'call')} {'was' if shared == 1 else 'were'}"
    return (
        f"note: {were} taken as ignored: another player had used the id, and a wallet's ids may count once "
        f"for all players\n{summary}"
    )


def judged_json(judged: Iterable[JudgedHistory]) -> str:
    """Return ``{"players": {"p1": {"cause", "verdict", "money", "tier", "situation", "explanation", …}}}``.

    Of a player with several segments, the worst one counts. A user id that several agents have is written as
    ``AGENT/USER``.
    """
    worst: dict[Player, JudgedHistory] = {}
    for each in judged:
        player = (each.agent, each.player)
        if player not in worst or _weight(each) > _weight(worst[player]):
            worst[player] = each
    agents = Counter(user for _, user in worst)
    players = {
        f"{agent}/{user}" if agent and agents[user] > 1 else user: _object(each)
        for (agent, user), each in worst.items()
    }
    return json.dumps({"players": players}, indent=1) + "\n"


def _weight(judged: JudgedHistory) -> tuple[int, bool]:
    return judged.rank, judged.missing is not None


def _object(judged: JudgedHistory) -> dict[str, object]:
    verdict = judged.verdict
    line, deviation = judged.missing or (None, None)
    missing = None
    if deviation is not None:
        missing = {"rule": deviation.rule, "message": deviation.message, "line": judged.line_of(line)}
    cause = verdict.situation.value if verdict.situation else deviation.cause if deviation else None
    return {
        "cause": cause,
        "verdict": verdict.verdict.value,
        "money": verdict.money.value,
        "tier": verdict.tier,
        "situation": verdict.situation.value if verdict.situation else None,
        "rule": (judged.rule or rule_of(verdict.situation)) if verdict.situation else None,
        "explanation": verdict.explanation,
        "lanes": list(verdict.lanes),
        **({"agent": judged.agent} if judged.agent else {}),
        "place": judged.place,
        "line": judged.line_of(judged.line),
        "calls": judged.calls,
        "shared_ids": judged.shared,
        "missing_answer": missing,
        "phase": judged.phase.value,
    }
