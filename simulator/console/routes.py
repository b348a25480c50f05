"""Console and control API as blueprints, behind one guard."""

from __future__ import annotations

from flask import Blueprint

from simulator.console.access import Access
from simulator.console.control_routes import control_blueprint
from simulator.server_state import ServerState, derived_key


def console_blueprints(state: ServerState) -> tuple[Blueprint, ...]:
    """The pages at `/` and below `/console`, and the control API below `/_sim`."""
    access = Access(
        token=state.settings.admin_token,
        key=derived_key(state.access_key, "console"),
        public_url=state.public_url,
        host=state.settings.host,
    )
    return (control_blueprint(state, access),)
