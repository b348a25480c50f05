"""Every route of the control API, below `/_sim`, behind the guard."""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Response, request

from simulator.console.access import Access
from simulator.console.control_agents import add_agents
from simulator.console.control_exports import add_exports
from simulator.console.control_faults import add_faults
from simulator.console.control_journal import add_journal
from simulator.console.control_play import add_obligations, add_players, add_sessions
from simulator.console.control_server import add_clock, add_server, add_webhooks
from simulator.console.problems import Code, Denied
from simulator.delivery.by_hand import WebhookUnfit
from simulator.delivery.journal_store import JournalUnusable
from simulator.delivery.player_queues import PlayerBusy
from simulator.delivery.wallet_turns import DeliveryStopped
from simulator.errors import UsageError
from simulator.server_state import ServerState

OPENAPI_FILE = Path(__file__).with_name("openapi.json")


def control_blueprint(state: ServerState, access: Access) -> Blueprint:
    """The control API."""
    routes = Blueprint("control", __name__, url_prefix="/_sim")
    routes.before_request(lambda: access.check(request))
    add_errors(routes)
    add_server(routes, state)
    add_clock(routes, state)
    add_agents(routes, state)
    add_sessions(routes, state)
    add_journal(routes, state)
    add_exports(routes, state)
    add_players(routes, state)
    add_obligations(routes, state)
    add_webhooks(routes, state)
    add_faults(routes, state.faults)

    @routes.get("/openapi.json")
    def openapi() -> Response:
        return Response(OPENAPI_FILE.read_bytes(), content_type="application/json")

    return routes


def add_errors(routes: Blueprint) -> None:
    """Errors as JSON."""

    @routes.errorhandler(Denied)
    def answer_denied(denied: Denied) -> Response:
        return denied.response

    @routes.errorhandler(WebhookUnfit)
    def answer_unfit(error: WebhookUnfit) -> Response:
        return Denied(Code.FIELD_INVALID, str(error), field="webhook").response

    @routes.errorhandler(UsageError)
    def answer_vain(error: UsageError) -> Response:
        return Denied(Code.IN_VAIN, str(error)).response

    @routes.errorhandler(PlayerBusy)
    @routes.errorhandler(DeliveryStopped)
    @routes.errorhandler(JournalUnusable)
    def answer_busy(error: Exception) -> Response:
        return Denied(Code.BUSY, str(error)).response
