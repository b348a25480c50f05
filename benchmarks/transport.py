"""One webhook call by the sender against a bare http.client call, in pairs, from the same run."""

from __future__ import annotations

import http.client
import multiprocessing
import socket
import statistics
import threading
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from time import perf_counter

from simulator.core.webhooks import Method, Reply, WebhookRequest, WireRequest
from simulator.delivery.sender import Sender
from simulator.delivery.target import Endpoint, Target

TARGET_RATIO = 1.3
CALLS = 400
PAIRS = 15
REQUEST = WebhookRequest(Method.BALANCE, "1000")
WIRE = WireRequest(
    b'{"method":"transaction_bet","user_id":"1000","amount":"10.00","transaction_id":"r-b1-1"}'
)
REPLY = (
    b"HTTP/1.1 200 OK\r\nServer: bench\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
    b'Content-Type: application/json\r\nContent-Length: 30\r\n\r\n{"status":1,"balance":"90.50"}'
)


@dataclass(frozen=True, slots=True)
class Figure:
    """Microseconds a call, the medians over all pairs; `ratio` is the median of the pairs' ratios."""

    ours_us: float
    bare_us: float
    ratio: float


def _serve(port_out: Connection) -> None:
    """Answer every request at once, one connection after another in its own process."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port_out.send(server.getsockname()[1])
        while True:
            connection, _ = server.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=_answer, args=(connection,), daemon=True).start()


def _answer(connection: socket.socket) -> None:
    with connection:
        while connection.recv(65_536):
            connection.sendall(REPLY)


def _timed(call: Callable[[], object]) -> float:
    start = perf_counter()
    for _ in range(CALLS):
        call()
    return (perf_counter() - start) / CALLS * 1e6


def measure() -> Figure:
    """Start the server, warm both clients up, and time them in turn."""
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs,), daemon=True)
    server.start()
    try:
        port = ours.recv()
        with Sender(
            Target(endpoint=Endpoint("http", "127.0.0.1", port, "/w"), addresses=("127.0.0.1",))
        ) as s:
            bare = _bare_call(port)
            assert isinstance(s.call(REQUEST, WIRE).reply, Reply)
            bare()
            pairs = [(_timed(lambda: s.call(REQUEST, WIRE)), _timed(bare)) for _ in range(PAIRS)]
    finally:
        server.kill()
        server.join()
    return Figure(
        statistics.median(a for a, _ in pairs),
        statistics.median(b for _, b in pairs),
        statistics.median(a / b for a, b in pairs),
    )


def _bare_call(port: int) -> Callable[[], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.connect()
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    headers = {"Content-Type": "application/json", "Accept": "application/json"}

    def call() -> bytes:
        connection.request("POST", "/w", WIRE.body, headers)
        return connection.getresponse().read()

    return call


def lines() -> list[str]:
    """What `make bench` prints."""
    figure = measure()
    return [
        f"transport, one webhook call: {figure.ours_us:.0f} µs, bare http.client {figure.bare_us:.0f} µs, "
        f"ratio {figure.ratio:.2f} (target ≤ {TARGET_RATIO})"
    ]


if __name__ == "__main__":
    print("\n".join(lines()))
