"""`betrontech-sim certify`: the whole suite, and a certificate of what it showed."""

from __future__ import annotations

import platform
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from simulator.cli.options import settings_command
from simulator.errors import ExitCode, UsageError
from simulator.settings import load_run_settings
from simulator.settings.run_table import HOW, OUTPUT, TARGET


@settings_command("certify", TARGET, HOW, OUTPUT)
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

    The certificate is a self-assessment: it says what was shown, by what evidence, and what was not proven.
    """
    settings = replace(load_run_settings(flags), quiet=True)
    # The sender costs most of a start: help and wrong flags answer without it.
    from simulator.cli.run_reports import open_reports
    from simulator.reports.certificate import Certificate
    from simulator.runner import run_suite

    try:
        folder.mkdir(parents=True, exist_ok=True)
        json_stream = (folder / "certificate.json").open("w", encoding="utf-8", newline="\n")
        html_stream = (folder / "certificate.html").open("w", encoding="utf-8", newline="\n")
    except OSError as error:
        raise UsageError(f"--out {folder}: the certificate cannot be written: {error.strerror}") from None
    with json_stream, html_stream, open_reports(settings) as reports:
        certificate = Certificate(json_stream, html_stream, platform.python_version())

        def on(event: Any) -> None:
            certificate.on(event)
            reports.on(event)

        try:
            code = run_suite(settings, on)
        finally:
            certificate.close()
    click.echo(f"certificate  {folder / 'certificate.html'}, {folder / 'certificate.json'}")
    return code
