"""`betrontech-sim serve`: settings → the server, until told to stop."""

from __future__ import annotations

from typing import Any

from simulator.cli.options import settings_command
from simulator.errors import UsageError
from simulator.settings import load_serve_settings
from simulator.settings.serve_table import SERVE_SECTIONS


@settings_command("serve", *SERVE_SECTIONS)
def command(**flags: Any) -> None:
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
    from simulator.core.catalogue import MARKET_GAMES
    from simulator.serving.catalogue_ahead import CatalogueAhead

    ahead = CatalogueAhead(settings.seed, settings.games) if settings.games > MARKET_GAMES else None
    from simulator.serving.server import serve

    serve(settings, ahead)
