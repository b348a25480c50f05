"""`betrontech-sim certify`: run the whole suite and write a certificate of the results."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from simulator.cli.options import settings_command
from simulator.cli.output import WholeFile
from simulator.core.money import Money, format_money
from simulator.core.webhooks import IdFormat
from simulator.errors import ExitCode, UsageError
from simulator.settings import Probe, RunSettings, load_run_settings
from simulator.settings.rows import Section
from simulator.settings.table import HOW, OUTPUT, TARGET

# A certificate shows the whole suite, and all that is wrong.
_LEFT_OUT = frozenset({"fail_fast", "maxfail", "accept", "write_accept"})

_WHOLE, _REPORTED = (
    Section(section.title, tuple(row for row in section.rows if row.name not in _LEFT_OUT))
    for section in (HOW, OUTPUT)
)


@settings_command("certify", TARGET, _WHOLE, _REPORTED)
@click.option(
    "--out",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("certificate"),
    show_default=True,
    help="Folder for certificate.html and certificate.json.",
)
def command(folder: Path, **flags: Any) -> ExitCode:
    """Run the whole bundled suite in its order and write a certificate.

    The certificate is a self-assessment: it states what was shown, with the evidence, and what was not
    proven. Settings of a configuration file that select scenarios or stop a run early are ignored here.
    """
    # One at a time: which player a scenario gets must not depend on the clock.
    settings = _of_the_whole_suite(load_run_settings(flags, jobs=1))
    # Importing the sender takes most of a start: help and wrong flags do without it.
    from simulator.cli.run_reports import open_reports, page_lang
    from simulator.report.certificate import Certificate
    from simulator.report.languages import Words
    from simulator.run.suite import run_suite

    files = [folder / name for name in ("certificate.html", "certificate.json")]
    certificate = Certificate(platform.python_version(), _conditions(settings), page_lang(settings))
    with _opened(files) as opened:
        try:
            with open_reports(settings) as reports:

                def on(event: Any) -> None:
                    certificate.on(event)
                    reports.on(event)

                code = run_suite(settings, on, Path())
        finally:
            if certificate.begun:
                _write(opened, certificate.texts(), folder)
    say = Words(page_lang(settings))
    click.echo(f"{say('certificate')}  {', '.join(map(str, files))}")
    return code


def _of_the_whole_suite(settings: RunSettings) -> RunSettings:
    """Undo every selection: a certificate of a part would pass for one of the whole suite."""
    whole = replace(settings, keyword="", tags=(), level=None, last_failed=False, quick=False, maxfail=None)
    return replace(whole, shard=None, quiet=True, accept=None, write_accept=None)


def _conditions(settings: RunSettings) -> dict[str, str]:
    """Return the settings that affect the verdicts, without secrets."""
    hooks = {"seed": settings.seed_hook, "restart": settings.restart_hook, "block": settings.block_hook}
    pinned = ", ".join(f"{knob}={value}" for knob, value in settings.policy.items())
    latency = settings.latency_ms_max
    ids = str(settings.transaction_id_format)
    given = {
        "players": str(len(settings.players)),
        "in parallel": str(settings.jobs),
        "timeout": f"{settings.timeout_s:g} s",
        "hooks": ", ".join(name for name, hook in hooks.items() if hook is not None) or "none",
        "policy": pinned,
        "faults": ", ".join(fault.value for fault in settings.faults),
        "slowest answer allowed": "" if latency is None else f"{latency} ms",
        "limit of a bet": _money(settings.max_bet),
        "smallest bet": _money(settings.min_bet),
        "largest win": _money(settings.max_win),
        "transaction ids": "" if settings.transaction_id_format == IdFormat() else ids,
        "games": ", ".join(settings.games),
        "warnings count as errors": "yes" if settings.strict else "",
        "balance reads": "" if settings.probe is Probe.AUTO else settings.probe.value,
        "pauses multiplied by": "" if settings.time_scale == 1 else f"{settings.time_scale:g}",
        "certificate of the server": "not checked" if settings.insecure else "",
    }
    return {name: value for name, value in given.items() if value}


def _money(limit: Money | None) -> str:
    return "" if limit is None else format_money(limit)


@contextmanager
def _opened(files: Sequence[Path]) -> Iterator[list[WholeFile]]:
    """Open the files before anything is sent; earlier ones stay until these are complete."""
    opened: list[WholeFile] = []
    try:
        for file in files:
            try:
                opened.append(WholeFile(file))
            except OSError as error:
                reason = f"the certificate cannot be written: {error.strerror}"
                raise UsageError(f"--out {file.parent}: {reason}") from None
        yield opened
    finally:
        for each in opened:
            each.discard()


def _write(files: Sequence[WholeFile], texts: Sequence[str], folder: Path) -> None:
    try:
        for file, text in zip(files, texts, strict=True):
            file.stream.write(text)
            file.keep()
    except OSError as error:
        raise UsageError(f"{folder}: the certificate is incomplete: {error.strerror}") from None
