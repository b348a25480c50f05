"""A simulator that really serves: the installed command on a free port, or bytes on one connection to it."""

from __future__ import annotations

import http.client
import re
import selectors
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from command_line import SCRIPT, environment

SECONDS_MAX = 60


@dataclass(slots=True)
class Served:
    """One running server. `ready` is its ready line, `log` the file of its standard error."""

    process: subprocess.Popen[str]
    ready: str
    log: Path

    @property
    def url(self) -> str:
        """Where it serves."""
        found = re.search(r"http://[^\s\",]+", self.ready)
        assert found, self.ready
        return found[0]

    @property
    def port(self) -> int:
        """The port it took."""
        return urlsplit(self.url).port or 0

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(SECONDS_MAX)


@contextmanager
def serving(folder: Path, *arguments: str, **variables: str) -> Iterator[Served]:
    """`betrontech-sim serve` in that folder, on a free port unless told otherwise, until the block ends."""
    log = folder / "serve.log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [SCRIPT, "serve", "--port", "0", *arguments],
            cwd=folder,
            env=environment(**variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:
        yield Served(process, _first_line(process, log), log)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(SECONDS_MAX)
        if process.stdout is not None:
            process.stdout.close()


def _first_line(process: subprocess.Popen[str], log: Path) -> str:
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        assert selector.select(SECONDS_MAX), f"not ready in time: {log.read_text()}"
    line = process.stdout.readline()
    assert line, f"it ended instead of serving: {log.read_text()}"
    return line.rstrip("\n")


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer, its header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


def exchange(port: int, sent: bytes, method: str = "GET") -> Answer:
    """Send these bytes on a connection of their own and read one answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS_MAX) as connection:
        connection.sendall(sent)
        reply = http.client.HTTPResponse(connection, method=method)
        reply.begin()
        headers = {name.lower(): value for name, value in reply.getheaders()}
        return Answer(reply.status, headers, reply.read())
