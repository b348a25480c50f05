"""A simulator with a wallet behind it, and its control API as a test uses it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from api_client import Api
from play_server import PlayServer, play_server

PLAY = {"X-Play": "1"}


@dataclass(frozen=True, slots=True)
class Control:
    """One server. `played` is the whole of it, with its socket and its operator."""

    played: PlayServer

    @property
    def api(self) -> Api:
        """The server's API without a socket."""
        return self.played.api

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        """Status and JSON of an answer of the control API."""
        reply = self.api.client.open(f"/_sim{path}", method=method, json=body, headers=headers)
        assert reply.content_type == "application/json", reply.data
        return reply.status_code, reply.get_json()

    def get(self, path: str) -> Any:
        """What a GET answers; it has to be a 200."""
        status, told = self.ask("GET", path)
        assert status == 200, told
        return told

    def do(self, method: str, path: str, body: object = None) -> Any:
        """What another method answers; it has to be done."""
        status, told = self.ask(method, path, body)
        assert status in (200, 201), told
        return told

    def seat(self, player: str = "1000", **fields: str) -> str:
        """Launch a game and open it; the path of its page."""
        game_url = self.do("POST", "/sessions", {"player": player, **fields})["game_url"]
        path = urlsplit(str(game_url)).path
        assert self.api.client.post(f"{path}/open", headers=PLAY).status_code == 200
        return path

    def spin(self, path: str, stake: str = "1.00") -> Any:
        """Play a round."""
        reply = self.api.client.post(f"{path}/spin", json={"stake": stake}, headers=PLAY)
        assert reply.status_code == 200, reply.data
        return reply.get_json()

    def refund(self, amount: str, transaction_id: str, player: str = "1000") -> Any:
        """Send a refund by hand."""
        webhook = {
            "method": "refund",
            "user_id": player,
            "amount": amount,
            "transaction_id": transaction_id,
        }
        return self.do("POST", "/webhooks", {"agent": "demo", "webhook": webhook})

    def bet(self, amount: str = "1.00", player: str = "1000", **fields: str) -> Any:
        """Send a bet by hand."""
        webhook = {
            "method": "transaction_bet",
            "user_id": player,
            "amount": amount,
            "game_id": "SLOT_001",
            **fields,
        }
        return self.do("POST", "/webhooks", {"webhook": webhook})

    def read(self, player: str = "1000") -> Any:
        """Ask for a balance by hand: the ledger judges from then on."""
        return self.do("POST", "/webhooks", {"webhook": {"method": "user_balance", "user_id": player}})


@contextmanager
def controlled(*defects: str, **settings: Any) -> Iterator[Control]:
    """A server whose players 1000.. have 1000.00 each."""
    with play_server(defects=defects, **settings) as played:
        yield Control(played)
