"""A whole simulator on a real socket for tests of the game: API, game, delivery, and a reference operator."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.request import urlopen

from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from api_client import Api, field
from simulator.core.rounds import VOLATILITIES, Spin, spin
from simulator.reference_operator.server import OperatorServer
from simulator.reference_operator.settings import OperatorSettings

POLL_S = 0.02
"""How soon a server notices that it is to end."""


class Quiet(WSGIRequestHandler):
    """Says nothing of each request; speaks HTTP/1.1, as the real server does."""

    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing."""


@dataclass(frozen=True, slots=True)
class PlayServer:
    """The simulator at `url`, whose only agent plays against `operator`."""

    api: Api
    operator: OperatorServer
    url: str

    def launch(self, **changes: str | None) -> str:
        """The game URL of a launch through the API, the reference's own unless changed."""
        reply = self.api.launch(**{"user_id": "1000", "lang": "en", **changes})
        return str(field(reply, "game_url"))

    def money_at_operator(self, player: str = "1000") -> str:
        """The balance in the operator's database."""
        return str(self._operator(f"players/{player}")["balance"])

    def calls_at_operator(self) -> int:
        """How many webhooks the operator has received."""
        return int(self._operator("calls")["total"])

    def _operator(self, path: str) -> dict[str, Any]:
        with urlopen(f"{self.operator.base_url}/_operator/{path}", timeout=10) as reply:
            found: dict[str, Any] = json.load(reply)
            return found


@contextmanager
def play_server(
    *, opening: str = "1000.00", defects: tuple[str, ...] = (), **settings: Any
) -> Iterator[PlayServer]:
    """A server that is running, stopped at the end; players 1000.. have `opening` each.

    A lost round is a bet only, unless a test asks for wins of 0.00.
    """
    operator_settings = OperatorSettings(opening_balance=opening, defects=defects)
    with OperatorServer(operator_settings) as operator:
        # The socket first: game URLs begin with its address.
        server = make_server("127.0.0.1", 0, Flask("empty"), threaded=True, request_handler=Quiet)
        url = f"http://127.0.0.1:{server.port}"
        given = {"webhook_url": operator.endpoint, "timeout_s": 5.0, "public_url": url, "zero_wins": False}
        api = Api(**{**given, **settings})
        server.app = api.app
        serving = threading.Thread(target=server.serve_forever, args=(POLL_S,), daemon=True)
        serving.start()
        api.state.delivery.start()
        try:
            yield PlayServer(api, operator, url)
        finally:
            api.state.stopping.set()
            api.state.delivery.stop()
            server.shutdown()
            serving.join()
            server.server_close()


def seed_where(wanted: Callable[[Spin], bool], *, rounds: int = 1, volatility: str = "high") -> int:
    """The first seed with which every one of the first rounds of the default agent's first session is so."""
    model = VOLATILITIES[volatility]
    return next(
        seed
        for seed in range(1_000_000)
        if all(wanted(spin(model, seed, "demo", 1, number)) for number in range(1, rounds + 1))
    )
