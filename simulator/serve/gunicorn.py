"""One server from its settings to its end: socket, gunicorn, app, ready line, clean stop."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

from gunicorn import util
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.errors import AppImportError
from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine, ParseException
from gunicorn.workers.gthread import ThreadWorker

from simulator.errors import SimulatorError, UsageError
from simulator.serve.answers import Denied, denied_by_status
from simulator.serve.catalogue import CatalogueAhead
from simulator.serve.logs import Lines, ServerLog, secrets_of
from simulator.serve.state import ServerState
from simulator.settings import ServeSettings

THREADS = 32

BACKLOG = 1024

KEEPALIVE_S = 60

# How long a client may be silent in the middle of a request, or not read on in the middle of an answer.
RECEIVE_S = 5

SEND_S = 30

# The worker gives requests in flight a second, and then closes what is open; gunicorn kills it if it cannot.
WORKER_GRACE_S = 1

STOP_S = 3

# The heartbeat of a machine that was asleep comes late.
HEARTBEAT_S = 120


def serve(settings: ServeSettings, ahead: CatalogueAhead | None = None) -> None:
    """Serve until told to stop, then leave the process by SystemExit. UsageError where it cannot listen."""
    listener = listen(settings.host, settings.port)
    url = _url(settings.host, listener.getsockname()[1])
    Server(settings, listener, url, ahead).run()


def listen(host: str, port: int) -> socket.socket:
    """The socket that is served from, port 0 for a free one. UsageError where it cannot be had."""
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.create_server((str(address[0]), port), family=family, backlog=BACKLOG)
    except OSError as error:
        reason = error.strerror or error
        raise UsageError(
            f"cannot listen on {host} port {port}: {reason}; choose another with --port"
        ) from None
    # What it accepts inherits these: half a request, or half a read answer, may not hold a thread for ever.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", RECEIVE_S, 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", SEND_S, 0))
    return listener


def _url(host: str, port: int) -> str:
    """Where a browser on this machine finds it."""
    reached = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{reached}:{port}"


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """What gunicorn asks of an application. Whatever has a thread or a file in it is made in the worker."""

    def __init__(
        self, settings: ServeSettings, listener: socket.socket, url: str, ahead: CatalogueAhead | None = None
    ) -> None:
        self.settings = settings
        self.url = url
        self._ahead = ahead
        self._listener = listener
        self.lines = Lines(settings.json_logs, secrets_of(settings))
        self._closing = contextlib.ExitStack()
        self._served = False
        super().__init__(prog="betrontech-sim")

    def run(self) -> None:
        """Serve until told to stop; leaves by SystemExit."""
        sys.stdout.flush()
        _Arbiter(self).run()

    def load_config(self) -> None:
        """Everything gunicorn would otherwise take from its own variables, files and home directory."""
        options = {
            "bind": [f"fd://{self._listener.detach()}"],
            "workers": 1,
            "threads": THREADS,
            "worker_class": Worker,
            "keepalive": KEEPALIVE_S,
            "graceful_timeout": STOP_S,
            "timeout": HEARTBEAT_S,
            "limit_request_line": 8190,
            "forwarded_allow_ips": "",
            "control_socket_disable": True,
            "post_fork": _shorten_grace,
            "post_worker_init": self.say_ready,
            "worker_exit": self.close,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """The app, in the worker."""
        # Flask is what starts slowest, and only the worker needs it.
        from simulator.serve.app import create_app, make_state

        try:
            data = self.settings.data
            secret = None if data is None else kept_secret(data)
            settings = self._with_operator() if self.settings.with_operator else self.settings
            catalogue = None if self._ahead is None else self._ahead.catalogue()
            self.state = make_state(settings, catalogue=catalogue, public_url=self.url, secret=secret)
            app = create_app(self.state)
            self._closing.callback(self.state.delivery.stop)
            self.state.delivery.start()
            # What gunicorn finds wrong with a body, it raises where the body is read.
            app.register_error_handler(ParseException, lambda _: denied_by_status(400).response)
            return app
        except SimulatorError as error:
            # gunicorn stops for this one without a traceback, and exits with 4 as we do.
            raise AppImportError(f"Error: {error}") from error

    def _with_operator(self) -> ServeSettings:
        # Most servers have no operator beside them.
        from simulator.reference_operator import InvalidSetting, OperatorSettings
        from simulator.reference_operator.server import OperatorServer

        data = self.settings.data
        database = None if data is None else data / "operator.sqlite3"
        try:
            operator = self._closing.enter_context(OperatorServer(OperatorSettings(database=database)))
        except (InvalidSetting, OSError) as error:
            raise UsageError(f"--with-operator: {error}") from error
        return replace(self.settings, webhook_url=operator.endpoint)

    def say_ready(self, worker: Any) -> None:
        """The one line, once the first worker serves."""
        worker.stopping = self.state.stopping
        self._served = True
        if worker.age == 1:
            print(ready_line(self.url, self.state), flush=True)

    def close(self, _arbiter: Any, worker: Any) -> None:
        """The worker's end: close what is open, and wait for no thread that waits for somebody else."""
        if worker.pid != os.getpid():
            return
        self._closing.close()
        sys.stdout.flush()
        sys.stderr.flush()
        if self._served:
            os._exit(0)


def _shorten_grace(_arbiter: Any, worker: Any) -> None:
    worker.cfg.set("graceful_timeout", WORKER_GRACE_S)


class _Arbiter(Arbiter):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's parent process, with our log."""

    def setup(self, app: Server) -> None:
        """As gunicorn does, but the log is there first."""
        self.log: ServerLog = ServerLog(app.cfg, app.lines)
        super().setup(app)

    def manage_workers(self) -> None:
        """As gunicorn does; the process that drew the catalogue may have ended before anyone listened."""
        self.reap_workers()
        super().manage_workers()


# --- ready ----------------------------------------------------------------------------------------
# The line that says that the server serves, and what.


def ready_line(url: str, state: ServerState) -> str:
    """Text for people, or JSON where logs are; no secret in either."""
    agents = {agent.code: agent.target.url if agent.target else None for agent in state.agents.all()}
    if state.settings.json_logs:
        facts = {"event": "ready", "url": url, "public_url": state.public_url}
        return json.dumps({**facts, "games": len(state.catalogue.games), "agents": agents})
    told = ", ".join(
        f"agent {code} with webhooks to {target}"
        if target
        else f"agent {code} for DEMO only (no webhook URL)"
        for code, target in agents.items()
    )
    return f"simulator ready on {url}, API under {url}/api, {len(state.catalogue.games)} games, {told}"


# --- secret_file ----------------------------------------------------------------------------------
# The secret that signs access tokens and game URLs, kept with the data, so that both survive a restart.

FILE_NAME = "server.key"

SECRET_BYTES = 32


def kept_secret(folder: Path) -> bytes:
    """The folder's secret, drawn at the first time; UsageError where the folder cannot be used."""
    file = folder / FILE_NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            secret = file.read_bytes()
        else:
            secret = os.urandom(SECRET_BYTES)
            with os.fdopen(descriptor, "wb") as opened:
                opened.write(secret)
    except OSError as error:
        raise UsageError(
            f"--data {folder}: {error.strerror or error}; name a folder that can be written"
        ) from None
    if len(secret) != SECRET_BYTES:
        raise UsageError(
            f"--data {folder}: {FILE_NAME} has {len(secret)} bytes, expected {SECRET_BYTES}; remove it"
        )
    return secret


# --- worker ---------------------------------------------------------------------------------------
# gunicorn's thread worker with our errors and our word that the server stops.

GOODBYE_S = 0.25
"""How long a client has to close its end once we have closed ours."""

LOOK_UP_S = 0.1

_REASONS = {400: "Bad Request", 414: "URI Too Long", 431: "Request Header Fields Too Large"}


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """One process, many threads. `stopping` is set before anything is torn down."""

    stopping: threading.Event | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM: requests in flight are finished, streams end by themselves."""
        self._tell()
        super().handle_exit(sig, frame)

    def handle_quit(self, sig: int, frame: FrameType | None) -> None:
        """SIGINT and SIGQUIT: at once."""
        self._tell()
        super().handle_quit(sig, frame)

    def wait_for_and_dispatch_events(self, timeout: float | None) -> None:
        """As gunicorn does; once it stops it looks up often, or a wait begun late outlasts its grace."""
        super().wait_for_and_dispatch_events(timeout if self.alive else min(timeout or LOOK_UP_S, LOOK_UP_S))

    def _tell(self) -> None:
        if self.stopping is not None:
            self.stopping.set()

    def handle(self, conn: Any) -> Any:
        """One request. gunicorn lingers over a close in the thread that accepts; here it is done by then."""
        keeps = super().handle(conn)
        if keeps is False:
            if conn.sock.fileno() < 0:
                # A fault has closed it, and whoever closes it again wants something to close.
                conn.sock = socket.socket()
            _say_goodbye(conn.sock)
        return keeps

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:  # noqa: ARG002  # gunicorn's
        """What is no HTTP request gets JSON too, and says nothing back of what was sent."""
        refusal = _refusal(exc)
        if refusal.code.status >= 500:
            self.log.exception("a request could not be answered")
        status = refusal.code.status
        lines = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Internal Server Error')}"]
        lines += [f"{name}: {value}" for name, value in refusal.headers]
        lines += [f"Content-Length: {len(refusal.body)}", "Connection: close", "", ""]
        try:
            util.write_nonblock(client, "\r\n".join(lines).encode("latin-1") + refusal.body)
        except OSError:
            self.log.debug("the client did not wait for its error")


def _say_goodbye(connection: socket.socket) -> None:
    """End the connection so that the client has all that was sent, and nobody waits for it any longer."""
    deadline = time.monotonic() + GOODBYE_S
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_WR)
        while (left_s := deadline - time.monotonic()) > 0:
            connection.settimeout(left_s)
            if not connection.recv(65_536):
                break
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RD)


def _refusal(error: BaseException) -> Denied:
    match error:
        case LimitRequestLine():
            return denied_by_status(414)
        case LimitRequestHeaders():
            return denied_by_status(431)
        case ParseException():
            return denied_by_status(400)
        case _:
            return denied_by_status(500)
