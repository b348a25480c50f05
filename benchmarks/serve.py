"""The start of `serve`, calls of its API against an empty view, and its memory."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic_ns

from benchmarks.figure import Figure, compared

COMMAND = str(Path(sys.executable).with_name("betrontech-sim"))
GAMES, MANY_GAMES = 5_000, 50_000
PAIRS = 15
# Many short turns, so that a busy machine slows both sides of a pair equally.
CALLS, TURNS = 20, 250
# Small enough for Python's own free memory, so that the server is measured, not the allocation.
RECEIVED_AT_ONCE = 1 << 16
# A rate of 0.85 of the baseline, as time per call.
TIMES_EMPTY_VIEW = round(1 / 0.85, 2)
MEMORY_MB = 80.0


def figures() -> list[Figure]:
    """Return the figures of start, stop, two lists, a long list against a short one, and memory."""
    with ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory()))
        found = [_spawn(folder), _stop(folder)]
        empty = running.enter_context(_serving(folder, sys.executable, "-m", "benchmarks.empty_view"))
        few = running.enter_context(_simulator(folder, GAMES))
        many = running.enter_context(_simulator(folder, MANY_GAMES))
        view = empty.caller("GET / HTTP/1.1", "")
        gzip = "Accept-Encoding: gzip\r\n"
        for what, call in (
            ("/games/provider", few.caller("GET /api/games/provider HTTP/1.1", "")),
            ("/games/all, compressed", few.caller("GET /api/games/all HTTP/1.1", gzip)),
        ):
            found.append(_call_figure(what, call, view, TIMES_EMPTY_VIEW, "an empty view"))
        long, short = (
            each.caller("GET /api/games/all HTTP/1.1", "If-None-Match: *\r\n") for each in (many, few)
        )
        what = f"/games/all, {MANY_GAMES:,} games, cached"
        found.append(_call_figure(what, long, short, 1.2, f"{GAMES:,} games"))
        found.append(Figure(what="serve, memory", ours=few.memory_mb(), unit="MB", target=MEMORY_MB))
        return found


def _spawn(folder: Path) -> Figure:
    def bare_ms() -> float:
        began = monotonic_ns()
        subprocess.run([sys.executable, "-c", "import flask, gunicorn.app.base"], check=True)
        return (monotonic_ns() - began) / 1e6

    def ready_ms() -> float:
        began = monotonic_ns()
        with _simulator(folder, GAMES):
            return (monotonic_ns() - began) / 1e6

    return compared(
        f"serve, spawn to ready, {GAMES:,} games",
        ready_ms,
        bare_ms,
        pairs=PAIRS,
        unit="ms",
        target=2,
        against="import flask, gunicorn",
    )


def _stop(folder: Path) -> Figure:
    with _simulator(folder, GAMES) as server:
        idle = server.caller("GET /api/games/provider HTTP/1.1", "")
        idle()
        began = monotonic_ns()
        server.stop()
        took_ms = (monotonic_ns() - began) / 1e6
    return Figure(what="serve, SIGTERM to exit, a connection open", ours=took_ms, unit="ms", target=2_000)


def _call_figure(
    what: str, ours: Callable[[], None], baseline: Callable[[], None], target: float, against: str
) -> Figure:
    def timed(call: Callable[[], None]) -> Callable[[], float]:
        def a_call_us() -> float:
            began = monotonic_ns()
            for _ in range(CALLS):
                call()
            return (monotonic_ns() - began) / CALLS / 1e3

        return a_call_us

    return compared(
        what, timed(ours), timed(baseline), pairs=TURNS, unit="µs", target=target, against=against
    )


@dataclass(frozen=True, slots=True)
class _Running:
    """A running server."""

    process: subprocess.Popen[str]
    port: int
    token: str

    def caller(self, first_line: str, headers: str) -> Callable[[], None]:
        """Return a function that sends one request on its own kept-alive connection and reads the answer."""
        request = f"{first_line}\r\nHost: x\r\nAuthorization: Bearer {self.token}\r\n{headers}\r\n".encode()
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def call() -> None:
            connection.sendall(request)
            _read(connection)

        return call

    def stop(self) -> None:
        """Send SIGTERM and wait."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)

    def memory_mb(self) -> float:
        """Return the memory of both processes; shared memory counts once."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return sum(_proportional_kb(pid) for pid in (str(self.process.pid), *children)) / 1024


def _proportional_kb(pid: str) -> int:
    found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1])


def _read(connection: socket.socket) -> bytes:
    received = connection.recv(RECEIVED_AT_ONCE)
    while b"\r\n\r\n" not in received:
        received += connection.recv(RECEIVED_AT_ONCE)
    head, _, body = received.partition(b"\r\n\r\n")
    status = int(head[9:12])
    assert status in {200, 304}, received[:500]
    length = re.search(rb"\r\nContent-Length: (\d+)", head, re.IGNORECASE)
    missing = 0 if status == 304 or length is None else int(length[1]) - len(body)
    parts = [body]
    while missing > 0:
        part = connection.recv(RECEIVED_AT_ONCE)
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


@contextmanager
def _serving(folder: Path, *command: str) -> Iterator[_Running]:
    root = str(Path(__file__).parent.parent)
    environment = {**os.environ, "PYTHONPATH": root, "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=log, text=True
        )
    assert process.stdout is not None
    try:
        ready = re.search(r"http://127.0.0.1:(\d+)", process.stdout.readline())
        assert ready is not None, (folder / "log").read_text()
        yield (running := _Running(process, int(ready[1]), ""))
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(30)
        process.stdout.close()
    del running


@contextmanager
def _simulator(folder: Path, games: int) -> Iterator[_Running]:
    with _serving(folder, COMMAND, "serve", "--port", "0", "--games", str(games)) as server:
        yield _Running(server.process, server.port, _token(server.port))


def _token(port: int) -> str:
    credentials = b64encode(b"demo-token:demo-secret").decode()
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(
            f"POST /api/auth/authentication HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {credentials}\r\n"
            "Content-Length: 0\r\n\r\n".encode()
        )
        return str(json.loads(_read(connection))["access_token"])
