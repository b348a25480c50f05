"""`betrontech-sim healthcheck`: is the server of these settings alive?"""

from __future__ import annotations

from typing import Any

import click

from simulator.cli.options import settings_command
from simulator.errors import ExitCode
from simulator.settings import load_values
from simulator.settings.serve_table import LISTENING
from simulator.settings.table import CONFIG, Section, pick

HEALTH = Section(LISTENING.title, (*pick(LISTENING.rows, "host", "port"), CONFIG))
TIMEOUT_S = 2.5
DEFAULTS = {row.name: row.default for row in HEALTH.rows}
_EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}


@settings_command("healthcheck", HEALTH)
def command(**flags: Any) -> ExitCode:
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
