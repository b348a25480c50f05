"""A small right wallet in memory, made to be broken: each test overrides the one method that goes wrong.

The reference operator has the mistakes that operators make; here are those that no operator has yet been seen
to make, so that each check can be shown to find what it is for.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from typing import Any

PLAYERS = ("1000", "1001")
OPENING_CENTS = 100_00
_AMOUNT = re.compile(r"(\d{1,12})\.(\d\d)", re.ASCII)

Fields = dict[str, Any]


@dataclass
class Answer:
    """What goes back over HTTP."""

    status: int
    body: bytes
    location: str | None = None


class Refusal(Exception):
    """The call is refused; the argument is the error's name."""


class SmallWallet:
    """Right as it stands. Money is in cents."""

    def __init__(self) -> None:
        self.balances = dict.fromkeys(PLAYERS, OPENING_CENTS)
        self.applied: dict[tuple[str, str, str], int] = {}
        self.called_off: set[tuple[str, str]] = set()
        self.lock = threading.Lock()
        self.reads_chunks = True

    # --- from bytes to a call ----------------------------------------------------------------------

    def answer(self, http_method: str, content_type: str, body: bytes) -> Answer:  # noqa: ARG002  # for overriding
        """Everything that can be asked."""
        if http_method != "POST":
            return self.reply({"status": 0, "error": "METHOD_NOT_ALLOWED"}, 405)
        try:
            fields = self.parse(body)
        except ValueError:
            return self.reply({"status": 0, "error": "NOT_JSON"}, 400)
        if not isinstance(fields, dict):
            return self.reply({"status": 0, "error": "NOT_AN_OBJECT"}, 400)
        return self.answer_fields(fields)

    def parse(self, body: bytes) -> Any:
        return json.loads(body)

    def answer_fields(self, fields: Fields) -> Answer:
        try:
            return self.reply(self.call(fields))
        except Refusal as refusal:
            return self.reply(self.refusal(fields, str(refusal)))

    def refusal(self, fields: Fields, error: str) -> Fields:
        known = self.balances.get(str(fields.get("user_id")))
        return {"status": 0, "error": error} | ({} if known is None else {"balance": self.written(known)})

    def reply(self, value: Fields, status: int = 200) -> Answer:
        return Answer(status, json.dumps(value).encode())

    def written(self, cents: int) -> str:
        return f"{cents // 100}.{cents % 100:02d}"

    # --- calls -------------------------------------------------------------------------------------

    def call(self, fields: Fields) -> Fields:
        method, player = fields.get("method"), self.player_of(fields)
        if method == "account_details":
            return self.details(player)
        if method == "user_balance":
            return self.accepted(player)
        if method not in ("transaction_bet", "transaction_win", "refund"):
            return self.unknown_method(player, fields)
        amount, transaction_id = self.amount_of(fields), self.transaction_of(fields)
        if method == "refund":
            return self.refund(player, amount, transaction_id)
        game = fields.get("game_id")
        if not isinstance(game, str):
            raise Refusal("INVALID_PARAMS")
        act = self.bet if method == "transaction_bet" else self.win
        return act(player, amount, transaction_id, game)

    def player_of(self, fields: Fields) -> str:
        player = fields.get("user_id")
        if not isinstance(player, str) or player not in self.balances:
            raise Refusal("INVALID_USER")
        return player

    def amount_of(self, fields: Fields) -> int:
        match = _AMOUNT.fullmatch(fields["amount"]) if isinstance(fields.get("amount"), str) else None
        if match is None:
            raise Refusal("NO_AMOUNT")
        return int(match[1] + match[2])

    def transaction_of(self, fields: Fields) -> str:
        transaction_id = fields.get("transaction_id")
        if not isinstance(transaction_id, str) or not transaction_id:
            raise Refusal("INVALID_PARAMS")
        return transaction_id

    def unknown_method(self, player: str, fields: Fields) -> Fields:  # noqa: ARG002  # for overriding
        raise Refusal("INVALID_METHOD")

    def details(self, player: str) -> Fields:
        return {"user_id": player, "email": f"{player}@example.com", "name_jogador": "Player"}

    def accepted(self, player: str) -> Fields:
        return {"status": 1, "balance": self.written(self.balances[player])}

    def bet(self, player: str, amount: int, transaction_id: str, game: str) -> Fields:  # noqa: ARG002  # for overriding
        key = (player, "bet", transaction_id)
        if key in self.applied or (player, transaction_id) in self.called_off:
            return self.accepted(player)
        if amount > self.balances[player]:
            raise Refusal("NO_BALANCE")
        self.applied[key] = amount
        return self.move(player, -amount)

    def win(self, player: str, amount: int, transaction_id: str, game: str) -> Fields:  # noqa: ARG002  # as above
        key = (player, "win", transaction_id)
        if key in self.applied:
            return self.accepted(player)
        self.applied[key] = amount
        return self.move(player, amount)

    def refund(self, player: str, amount: int, transaction_id: str) -> Fields:
        key = (player, "refund", transaction_id)
        if key in self.applied:
            return self.accepted(player)
        stake = self.applied.get((player, "bet", transaction_id))
        if stake is None:
            self.called_off.add((player, transaction_id))
            return self.accepted(player)
        if amount == 0:
            raise Refusal("NO_AMOUNT")
        self.applied[key] = stake
        return self.move(player, stake)

    def move(self, player: str, cents: int) -> Fields:
        self.balances[player] += cents
        return self.accepted(player)


class _Server(HTTPServer):
    """Serves a connection until it is closed, and only then the next."""

    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """Callers that give up are what some scenarios are about."""


class _ThreadingServer(ThreadingHTTPServer, _Server):
    daemon_threads = True


@contextmanager
def serving(wallet: SmallWallet, *, one_at_a_time: bool = False) -> Iterator[str]:
    """The wallet on a real socket; gives its endpoint."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.read_body()
            with wallet.lock:
                answer = wallet.answer(self.command, self.headers.get("Content-Type") or "", body)
            self.send_response(answer.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer.body)))
            if answer.location:
                self.send_header("Location", answer.location)
            self.end_headers()
            self.wfile.write(answer.body)

        do_GET = do_POST

        def read_body(self) -> bytes:
            if wallet.reads_chunks and self.headers.get("Transfer-Encoding") == "chunked":
                return b"".join(iter(self.read_chunk, b""))
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))

        def read_chunk(self) -> bytes:
            chunk = self.rfile.read(int(self.rfile.readline(), 16))
            self.rfile.readline()
            return chunk

        def log_message(self, format: str, *args: object) -> None:
            """Tests stay silent."""

    server = (_Server if one_at_a_time else _ThreadingServer)(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/betrontech_api"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
