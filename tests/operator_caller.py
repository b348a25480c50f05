"""Calling the reference operator in tests: over a real socket, or straight into its app."""

import http.client
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from simulator.reference_operator import OperatorSettings, create_operator
from simulator.reference_operator.server import OperatorServer

BET, WIN, REFUND = "transaction_bet", "transaction_win", "refund"

Send = Callable[[str, str, bytes], tuple[int, bytes]]
Fields = dict[str, Any]


class Caller:
    """Webhook calls for one player at a time, "p1" unless told otherwise."""

    def __init__(self, send: Send) -> None:
        self.send = send

    def post(self, path: str, **fields: Any) -> Fields:
        return cast(Fields, json.loads(self.send("POST", path, json.dumps(fields).encode())[1]))

    def get(self, path: str) -> Fields:
        return cast(Fields, json.loads(self.send("GET", path, b"")[1]))

    def call(self, method: str, **fields: Any) -> Fields:
        return self.post("/betrontech_api", **{"method": method, "user_id": "p1", **fields})

    def bet(self, transaction_id: str, amount: str, **fields: Any) -> Fields:
        return self.call(
            BET, **{"transaction_id": transaction_id, "amount": amount, "game_id": "g", **fields}
        )

    def win(self, transaction_id: str, amount: str, **fields: Any) -> Fields:
        return self.call(
            WIN, **{"transaction_id": transaction_id, "amount": amount, "game_id": "g", **fields}
        )

    def refund(self, transaction_id: str, amount: str, **fields: Any) -> Fields:
        return self.call(REFUND, transaction_id=transaction_id, amount=amount, **fields)

    def seed(self, user_id: str = "p1", balance: str = "100.00", **fields: Any) -> Fields:
        return self.post("/_operator/players", user_id=user_id, balance=balance, **fields)

    def balance(self, user_id: str = "p1") -> str:
        """What the database says, whatever the webhook would answer."""
        return str(self.get(f"/_operator/players/{user_id}")["balance"])


@contextmanager
def connected(server: OperatorServer) -> Iterator[Caller]:
    """A caller with a kept-alive connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", server.http.port, timeout=30)

    def send(method: str, path: str, body: bytes) -> tuple[int, bytes]:
        connection.request(method, path, body)
        reply = connection.getresponse()
        return reply.status, reply.read()

    try:
        yield Caller(send)
    finally:
        connection.close()


@contextmanager
def in_process(settings: OperatorSettings) -> Iterator[Caller]:
    """A caller of an operator that listens nowhere, with player p1 at 100.00."""
    app = create_operator(settings)
    client = app.test_client()

    def send(method: str, path: str, body: bytes) -> tuple[int, bytes]:
        reply = client.open(path, method=method, data=body)
        return reply.status_code, reply.data

    try:
        caller = Caller(send)
        caller.seed()
        yield caller
    finally:
        app.extensions["operator"].close()
