"""`betrontech-sim judge`: is a recorded history one that a right wallet can have?"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import click

from simulator.core.calls import Player
from simulator.errors import ExitCode, NothingSelected, UsageError
from simulator.history.files import JudgedHistory
from simulator.law.rules import rule_of
from simulator.report.text import plural, visible

_CODES = (ExitCode.PASSED, ExitCode.PASSED, ExitCode.INCONCLUSIVE, ExitCode.FOUND)


@click.command("judge")
@click.argument("file", metavar="FILE.ndjson")
@click.option("--report", metavar="json:FILE", help="Write the verdicts as JSON; json:- is standard output.")
@click.option(
    "--strict", is_flag=True, help="Count warnings (answers from a later read, or missing) as errors."
)
def judge(file: str, report: str | None, strict: bool) -> ExitCode:
    """Judge recorded calls, concurrent ones too: does an order explain them?

    FILE holds one JSON object a line, - reads standard input. A player's first line is
    {"type":"opening","player":"p1","balance":"100.00"}, then one line a call:
    {"type":"exchange","player":"p1","method":"transaction_bet","transaction_id":"b1","amount":"10.00",
    "game_id":"SLOT_001","sent_ns":1,"answered_ns":9,"outcome":"accepted","balance":"90.00"}. The outcome is
    accepted, refused or unknown; answered_ns is null without an answer. What `run --report ndjson:FILE`
    writes can be judged too.
    """
    # Help answers without the checker.
    from simulator.history.files import Histories
    from simulator.judge.recorded import as_played

    target = _target(report)
    found: list[JudgedHistory] = []
    ranks: list[int] = []
    calls = shared = missing = 0
    with _lines(file) as lines:
        histories = Histories(file)
        for each in map(as_played, histories.judge(lines)):
            calls += each.calls
            shared += each.shared
            ranks.append(each.rank)
            if target is not None:
                found.append(each)
            missing += each.missing is not None
            if target != "-" and (each.rank or each.missing):
                click.echo(judged_text(each) + "\n")
    if not ranks:
        raise NothingSelected(f"{file}: no call to judge: an opening line and exchange lines are expected")
    if target is not None:
        _write(target, judged_json(found))
    if target != "-":
        click.echo(summary_text(histories.players, calls, ranks, shared))
    worst = 3 if 3 in ranks or (strict and (missing or 1 in ranks)) else max(ranks)
    return _CODES[worst]


def _target(report: str | None) -> str | None:
    if report is None:
        return None
    kind, separator, name = report.partition(":")
    if kind != "json" or not separator or not name:
        raise UsageError(f'--report: expected json:FILE, found "{report}"')
    return name


@contextmanager
def _lines(file: str) -> Iterator[TextIO]:
    """Open the lines of a file or of standard input."""
    if file == "-":
        yield sys.stdin
        return
    try:
        with Path(file).open(encoding="utf-8-sig", newline="\n") as stream:
            yield stream
    except UnicodeDecodeError as error:
        raise UsageError(f"{file}: expected UTF-8 text, found byte {error.object[error.start]:#x}") from None
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror or error}") from None


def _write(name: str, text: str) -> None:
    if name == "-":
        click.echo(text, nl=False)
        return
    try:
        Path(name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{name}: {error.strerror or error}") from None


# --- judged ---------------------------------------------------------------------------------------
# What `betrontech-sim judge` shows: verdicts on recorded histories, as text and as JSON.

_WORDS = ("consistent", "consistent only if answers come from a later read", "inconclusive", "inconsistent")

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
    file = judged.place.rpartition(":")[0]
    return f"warning[{deviation.rule}] {visible(judged.player)}: {visible(deviation.message)} ({file}:{line})"


def summary_text(players: int, calls: int, ranks: Iterable[int], shared: int = 0) -> str:
    """Return the last lines: the number of histories, their verdicts, and what weakens the verdicts."""
    found = list(ranks)
    counts = [f"{found.count(rank):,} {_WORDS[rank]}" for rank in (0, 1, 2, 3) if rank in found]
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
        missing = {"rule": deviation.rule, "message": deviation.message, "line": line}
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
        "line": judged.line,
        "calls": judged.calls,
        "shared_ids": judged.shared,
        "missing_answer": missing,
        "phase": judged.phase.value,
    }
