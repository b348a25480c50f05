"""Console and control API as blueprints, behind one guard."""

from __future__ import annotations

from flask import Blueprint

from simulator.console.access import Access
from simulator.console.control_routes import control_blueprint
from simulator.console.login_routes import add_guard, add_login
from simulator.console.page import Frame, guard_page
from simulator.console.page_routes import (
    add_exchange_page,
    add_finding_pages,
    add_journal_pages,
    add_news,
    add_player_pages,
)
from simulator.server_state import ServerState, derived_key


def console_blueprints(state: ServerState) -> tuple[Blueprint, ...]:
    """The pages at `/` and below `/console`, and the control API below `/_sim`."""
    access = Access(
        token=state.settings.admin_token,
        key=derived_key(state.access_key, "console"),
        public_url=state.public_url,
        host=state.settings.host,
    )
    return page_blueprint(state, access), control_blueprint(state, access)


def page_blueprint(state: ServerState, access: Access) -> Blueprint:
    """The console's pages and their static files."""
    routes = Blueprint(
        "console",
        __name__,
        template_folder="templates",
        static_folder="static",
        static_url_path="/console/static",
    )
    frame = Frame(state, access)
    add_guard(routes, frame, access)
    routes.before_request(frame.note_change)
    routes.after_request(guard_page)
    add_login(routes, frame, access)
    add_journal_pages(routes, frame)
    add_news(routes, frame)
    add_exchange_page(routes, frame)
    add_player_pages(routes, frame)
    add_finding_pages(routes, frame)
    return routes
