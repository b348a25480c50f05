"""`betrontech-sim serve`: settings → the server, until told to stop."""

from __future__ import annotations

from typing import Any

import click

from simulator.cli.options import settings_command
from simulator.errors import ExitCode, UsageError
from simulator.settings import load_serve_settings, load_values
from simulator.settings.table import CONFIG, LISTENING, SERVE_SECTIONS, Section, pick


@settings_command("serve", *SERVE_SECTIONS)
def serve_command(**flags: Any) -> None:
    """Serve the BetronTech API, the games behind it and the console, until told to stop.

    \b
    betrontech-sim serve --webhook-url http://localhost:9000/betrontech_api
    betrontech-sim serve --with-operator
    """
    settings = load_serve_settings(flags)
    if settings.with_operator and settings.webhook_url is not None:
        raise UsageError(
            "--with-operator has a webhook URL of its own; leave out --webhook-url, or --with-operator"
        )
    # Help and wrong flags answer without them; and names are invented while gunicorn and Flask are imported.
    from simulator.serve.catalogue import MARKET_GAMES, CatalogueAhead

    ahead = CatalogueAhead(settings.seed, settings.games) if settings.games > MARKET_GAMES else None
    from simulator.serve.gunicorn import serve

    serve(settings, ahead)


# --- healthcheck_cmd ------------------------------------------------------------------------------
# `betrontech-sim healthcheck`: is the server of these settings alive?

HEALTH = Section(LISTENING.title, (*pick(LISTENING.rows, "host", "port"), CONFIG))

TIMEOUT_S = 2.5

DEFAULTS = {row.name: row.default for row in HEALTH.rows}

_EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}


@settings_command("healthcheck", HEALTH)
def healthcheck_command(**flags: Any) -> ExitCode:
    """Ask the server of these settings whether it is alive; exit 0 or 1."""
    values = {**DEFAULTS, **load_values(HEALTH.rows, flags)}
    # Only a healthy command line needs it.
    from http.client import HTTPConnection, HTTPException

    host, port = str(values["host"]), int(values["port"])
    connection = HTTPConnection(_EVERY_ADDRESS.get(host, host), port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/healthz")
        status = connection.getresponse().status
    except (OSError, HTTPException) as error:
        click.echo(f"no answer from {host} port {port}: {error}", err=True)
        return ExitCode.FOUND
    finally:
        connection.close()
    if status != 200:
        click.echo(f"{host} port {port} answers {status} to /healthz", err=True)
        return ExitCode.FOUND
    return ExitCode.PASSED
