"""The baseline of the runner: webhooks over http.client, with the least that a hand-written program would do.

`python -m benchmarks.bare PORT STEPS` is such a program, which checks each balance exactly.
"""

from __future__ import annotations

import http.client
import json
import socket
import sys
from decimal import Decimal

HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}
BODY = '{"method":"transaction_%s","user_id":"%s","amount":"10.00","transaction_id":"%s"}'


def connect(port: int) -> http.client.HTTPConnection:
    """Return a kept-alive connection without Nagle's delay."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.connect()
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def call(connection: http.client.HTTPConnection, body: bytes) -> bytes:
    """Send one call and return the body of its answer."""
    connection.request("POST", "/w", body, HEADERS)
    return connection.getresponse().read()


def main(port: int, steps: int) -> None:
    """Send bets and wins in turn, and check the balance after each."""
    connection = connect(port)
    run = f"{connection.sock.getsockname()[1]}"
    wanted = Decimal(100)
    for number in range(steps):
        win = number % 2
        body = BODY % ("win" if win else "bet", f"9{run}", f"{run}-{number}")
        reply = json.loads(call(connection, body.encode()), parse_float=Decimal)
        wanted += 10 if win else -10
        if reply["status"] != 1 or Decimal(reply["balance"]) != wanted:
            raise SystemExit(f"step {number}: {reply}, not {wanted}")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
