"""The example wallet as a Flask app, with all its routes and error answers.

`/betrontech_api` is the contract. The routes under `/_operator/` are hooks for tests, which a real wallet
does not have: they seed and block players, count calls and restart the wallet.
"""

import socket
from typing import Any

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

import simulator.reference_operator.defects
import simulator.reference_operator.dialects  # noqa: F401  (imported to fill the registries)
from simulator.reference_operator.calls import write_cents
from simulator.reference_operator.database import Player
from simulator.reference_operator.operator import InvalidSetting, Operator
from simulator.reference_operator.settings import OperatorSettings
from simulator.reference_operator.wallet import ACTIVE

BODY_BYTES_MAX = 64 * 1024

BLOCKED = 0


def create_operator(settings: OperatorSettings | None = None) -> Flask:
    """Return the app; `app.extensions["operator"]` is the Operator behind it.

    Raises UnknownName for a defect or dialect that does not exist, InvalidSetting for a malformed amount.
    """
    operator = Operator(settings or OperatorSettings())
    app = Flask("reference_operator", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = BODY_BYTES_MAX
    app.extensions["operator"] = operator
    app.register_error_handler(HTTPException, answer_http_error)
    app.register_error_handler(InvalidSetting, answer_invalid_setting)
    add_contract(app, operator)
    add_test_hooks(app, operator)
    return app


def add_contract(app: Flask, operator: Operator) -> None:
    @app.post("/betrontech_api")
    def receive_webhook() -> Response:
        reply = operator.receive(request.get_data(cache=False))
        if reply.dropped:
            drop_connection()
        return Response(reply.body, reply.http_status, content_type=reply.content_type)


def add_test_hooks(app: Flask, operator: Operator) -> None:
    @app.get("/healthz")
    def show_health() -> Response:
        return jsonify(status="ok")

    @app.post("/_operator/players")
    def seed_player() -> tuple[Response, int]:
        body = request.get_json(force=True, silent=True)
        if not isinstance(body, dict):
            raise InvalidSetting('expected a JSON object such as {"user_id": "1000", "balance": "100.00"}')
        player = operator.seed_player(
            body.get("user_id"), body.get("balance"), body.get("status", ACTIVE), body.get("blocked", False)
        )
        return jsonify(describe_player(player, 0)), 201

    @app.get("/_operator/players/<path:user_id>")
    def show_player(user_id: str) -> tuple[Response, int]:
        found = operator.find_player(user_id)
        return (jsonify(describe_player(*found)), 200) if found else answer_unknown_player(user_id)

    @app.post("/_operator/players/<path:user_id>/block")
    def block_player(user_id: str) -> tuple[Response, int]:
        """Block the player, or unblock with `"blocked": "false"`: a hook has one address for both."""
        body = request.get_json(force=True, silent=True)
        unblocks = isinstance(body, dict) and body.get("blocked") in (False, "false")
        return answer_status(operator, user_id, ACTIVE if unblocks else BLOCKED)

    @app.post("/_operator/players/<path:user_id>/unblock")
    def unblock_player(user_id: str) -> tuple[Response, int]:
        return answer_status(operator, user_id, ACTIVE)

    @app.get("/_operator/calls")
    def show_calls() -> Response:
        calls = operator.count_calls()
        return jsonify(calls=calls, total=sum(calls.values()))

    @app.post("/_operator/restart")
    def restart() -> Response:
        operator.restart()
        return jsonify(status="restarted")


def answer_status(operator: Operator, user_id: str, status: int) -> tuple[Response, int]:
    if operator.set_status(user_id, status) is None:
        return answer_unknown_player(user_id)
    return jsonify(user_id=user_id, status=status), 200


def answer_unknown_player(user_id: str) -> tuple[Response, int]:
    return jsonify(error="INVALID_USER", message=f'no player "{user_id}"'), 404


def describe_player(player: Player, effects: int) -> dict[str, Any]:
    return {
        "user_id": player.user_id,
        "opening": write_cents(player.opening),
        "balance": write_cents(player.balance),
        "status": player.status,
        "effects": effects,
    }


def answer_invalid_setting(error: InvalidSetting) -> tuple[Response, int]:
    return jsonify(error="INVALID_PARAMS", message=str(error)), 422


def answer_http_error(error: HTTPException) -> tuple[Response, int]:
    """Answer a wrong path or method, a body too large or an internal error as JSON, without internals."""
    name = (error.name or "error").upper().replace(" ", "_")
    return jsonify(status=0, error=name, message=error.description), error.code or 500


def drop_connection() -> None:
    """Close the connection without an answer, as a crashing process does."""
    connection = request.environ.get("operator.socket") or request.environ.get("gunicorn.socket")
    if isinstance(connection, socket.socket):
        connection.shutdown(socket.SHUT_RDWR)
