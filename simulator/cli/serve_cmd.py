"""`betrontech-sim serve` and `healthcheck`: serve until stopped, and check whether a server is alive."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import click

from simulator.cli.options import settings_command
from simulator.errors import ExitCode, UsageError
from simulator.settings import load_serve_settings, load_values
from simulator.settings.rows import CONFIG, Section
from simulator.settings.table import LISTENING, SERVE_SECTIONS, pick

if TYPE_CHECKING:
    from simulator.core.profiles import WireProfile
    from simulator.run.doctor import Check
    from simulator.wire.target import Target


@settings_command("serve", *SERVE_SECTIONS)
def serve_command(**flags: Any) -> None:
    """Serve the BetronTech API, the games behind it and the console until stopped.

    \b
    betrontech-sim serve --webhook-url http://localhost:9000/betrontech_api
    betrontech-sim serve --with-operator
    """
    settings = load_serve_settings(flags)
    if settings.with_operator and settings.webhook_url is not None:
        raise UsageError(
            "--with-operator and --webhook-url exclude each other: the example wallet has its own URL"
        )
    # Help and wrong flags do without these imports; names are invented while gunicorn and Flask are imported.
    from simulator.serve.catalogue import MARKET_GAMES, CatalogueAhead

    ahead = CatalogueAhead(settings.seed, settings.games) if settings.games > MARKET_GAMES else None
    from simulator.serve.gunicorn import serve

    serve(settings, ahead, check_wallet)


def check_wallet(reach: Callable[[], Target], player: str, profile: WireProfile) -> Iterator[Check]:
    """Yield the checks of `doctor` that move no money, for the console."""
    # Most servers are never asked for it.
    from simulator.run.doctor import diagnose
    from simulator.wire.target import in_container

    return diagnose(reach, player, profile, contained=in_container())


HEALTH = Section(LISTENING.title, (*pick(LISTENING.rows, "host", "port"), CONFIG))

TIMEOUT_S = 2.5

DEFAULTS = {row.name: row.default for row in HEALTH.rows}

_EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}


@settings_command("healthcheck", HEALTH)
def healthcheck_command(**flags: Any) -> ExitCode:
    """Check whether the server with these settings is alive; exit 0 or 1."""
    values = {**DEFAULTS, **load_values(HEALTH.rows, flags)}
    # Help and wrong flags do without this import.
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
        click.echo(f"{host} port {port} answers HTTP {status} to /healthz", err=True)
        return ExitCode.FOUND
    return ExitCode.PASSED
