"""`betrontech-sim judge`: is a recorded history one that a right wallet can have?"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import click

from simulator.errors import ExitCode, NothingSelected, UsageError

_CODES = (ExitCode.PASSED, ExitCode.PASSED, ExitCode.INCONCLUSIVE, ExitCode.FOUND)


@click.command("judge")
@click.argument("file", metavar="FILE.ndjson")
@click.option("--report", metavar="json:FILE", help="Write the verdicts as JSON; json:- is standard output.")
@click.option("--strict", is_flag=True, help="Count answers from a later read (a warning) as an error.")
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
    from simulator.core.histories import Histories, Judged
    from simulator.reports.judged import judged_json, judged_text, summary_text

    target = _target(report)
    found: list[Judged] = []
    ranks: list[int] = []
    calls = shared = 0
    with _lines(file) as lines:
        histories = Histories(file)
        for each in histories.judge(lines):
            calls += each.calls
            shared += each.shared
            ranks.append(each.rank)
            if target is not None:
                found.append(each)
            if each.rank and target != "-":
                click.echo(judged_text(each) + "\n")
    if not ranks:
        raise NothingSelected(f"{file}: no call to judge: an opening line and exchange lines are expected")
    if target is not None:
        _write(target, judged_json(found))
    if target != "-":
        click.echo(summary_text(histories.players, calls, ranks, shared))
    worst = 3 if 3 in ranks or (strict and 1 in ranks) else max(ranks)
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
    """The lines of a file or of standard input."""
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
