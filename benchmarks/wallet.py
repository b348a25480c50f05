"""A fast wallet in a process of its own, which both sides of a comparison call.

It only keeps balances and ids, and uses bare sockets: the less time it takes, the more a figure tells about
the client. `python -m benchmarks.wallet` prints its port and serves until its standard input ends.
"""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).parent.parent
OPENING = 10_000
_USER = re.compile(rb'"user_id": ?"([^"]*)"')
_ID = re.compile(rb'"transaction_id": ?"([^"]*)"')
_AMOUNT = re.compile(rb'"amount": ?"(\d+)\.(\d\d)"')
_SIGNS = {b"transaction_bet": -1, b"transaction_win": 1, b"refund": 1}
_LENGTH = re.compile(rb"(?i)content-length: ?(\d+)")
_METHOD = re.compile(rb'"method": ?"([a-z_]*)"')
_HEAD = (
    b"HTTP/1.1 200 OK\r\nServer: bench\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
)


class Wallet:
    """Players with 100.00 each, and the ids that moved money."""

    def __init__(self) -> None:
        self._balances: dict[bytes, int] = {}
        self._known: dict[tuple[bytes, bytes, bytes], int] = {}

    def answer(self, body: bytes) -> bytes:
        """Return the body of the reply to one webhook."""
        user, method = _USER.search(body), _METHOD.search(body)
        if user is None or method is None or not user[1].isdigit():
            return b'{"status":0,"error":"INVALID_USER"}'
        balance = self._balances.get(user[1], OPENING)
        sign, named, money = _SIGNS.get(method[1]), _ID.search(body), _AMOUNT.search(body)
        if sign is not None:
            if named is None or money is None:
                return b'{"status":0,"error":"INVALID_REQUEST"}'
            balance, refused = self._move(user[1], method[1], named[1], sign * int(money[1] + money[2]))
            if refused:
                return b'{"status":0,"error":"NO_BALANCE"}'
        details = b'"user_id":"%b","email":"a@b.c","name_jogador":"a",' % user[1] if sign is None else b""
        return b'{%b"status":1,"balance":"%d.%02d"}' % (details, *divmod(balance, 100))

    def _move(self, user: bytes, method: bytes, transaction: bytes, change: int) -> tuple[int, bool]:
        balance = self._balances.get(user, OPENING)
        key = (user, method, transaction)
        bet = self._known.get((user, b"transaction_bet", transaction), 0)
        if key in self._known or (method == b"refund" and not bet):
            return balance, False
        if balance + change < 0:
            return balance, True
        self._known[key] = change
        self._balances[user] = balance + change
        return balance + change, False


class _Server:
    def __init__(self) -> None:
        self._wallet = Wallet()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        """Answer one call after the other, and print when the first bytes came."""
        # Callers that end may reset their connections.
        with connection, suppress(ConnectionError):
            data = connection.recv(65_536)
            print(time.monotonic_ns(), flush=True)
            while data:
                head = data.find(b"\r\n\r\n") + 4
                # http.client sends the head and the body apart.
                while head < 4 or len(data) - head < int(_LENGTH.search(data)[1]):  # type: ignore[index]
                    data += connection.recv(65_536)
                    head = data.find(b"\r\n\r\n") + 4
                body = self._wallet.answer(data[head:])
                connection.sendall(_HEAD % (len(body), body))
                data = connection.recv(65_536)


class Running:
    """A running wallet: its `endpoint`, and when the first bytes of each connection came."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self._told = process.stdout
        self.port = int(self._told.readline())
        self.endpoint = f"http://127.0.0.1:{self.port}/w"

    def first_byte_ns(self) -> int:
        """Return when the first bytes of the next connection came; call it once for each connection."""
        return int(self._told.readline())


@contextmanager
def running() -> Iterator[Running]:
    """Run a wallet in a process of its own for the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.wallet"],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield Running(process)
    finally:
        process.kill()
        process.communicate()


def main() -> None:
    """Serve until the parent process has ended."""
    server = _Server()
    print(server.port, flush=True)
    threading.Thread(target=server.serve, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
