"""Run the server: the socket, gunicorn with one worker, the ready line, the secret file, the clean stop."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import logging
import os
import re
import selectors
import socket
import struct
import sys
import threading
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import urlsplit

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
from simulator.serve.state import Doctor, ServerState
from simulator.serve.store import make_private_folder
from simulator.settings import ServeSettings

LOG = logging.getLogger("simulator")

THREADS = 320
"""How many requests are answered at once: more than a few hanging wallets hold (`turns.CALLERS_MAX` each)."""

RECEIVING_MAX = 400
"""How many unfinished requests one client may have; of more, the oldest is closed."""

HEAD_MAX = 64 * 1024

WHOLE_MAX = 1024 * 1024
"""A larger request goes to its thread before all of it is there."""

BACKLOG = 1024

KEEPALIVE_S = 60

M_ARENA_MAX, ARENAS = -8, 2

BUSY_S = 2.0
"""For how long a port that is taken is tried again."""

# How long a client may be silent within a request, or stop reading within an answer.
RECEIVE_S = 5

SEND_S = 30

# The worker gives requests in flight a second and then closes connections; gunicorn kills it if that fails.
WORKER_GRACE_S = 1

STOP_S = 3

# After the machine was asleep, the worker's heartbeat comes late.
HEARTBEAT_S = 120


def serve(settings: ServeSettings, ahead: CatalogueAhead | None = None, doctor: Doctor | None = None) -> None:
    """Serve until stopped, then raise SystemExit. Raises UsageError if it cannot listen.

    `doctor` checks the way to a wallet for the console.
    """
    use_few_arenas()
    listener = listen(settings.host, settings.port)
    url = _url(settings.host, listener.getsockname()[1])
    Server(settings, listener, url, ahead, doctor, contained=is_main_in_container()).run()


def use_few_arenas() -> None:
    """Let all threads take memory from few arenas: each of many would keep what its threads once held."""
    with contextlib.suppress(OSError, AttributeError):
        # Only glibc has arenas, and this function.
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, ARENAS)


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes a free one. Raises UsageError if it cannot listen.

    A server that was killed on this port just now may take a moment to end: the port is tried for some time.
    """
    given_up = time.monotonic() + BUSY_S
    while True:
        try:
            return _listening(host, port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > given_up:
                reason = error.strerror or error
                raise UsageError(
                    f"cannot listen on {host} port {port}: {reason}; choose another with --port"
                ) from None
        time.sleep(BUSY_S / 20)


def _listening(host: str, port: int) -> socket.socket:
    family, _, _, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    # Every address means both families; Linux alone would leave that to a setting of the machine.
    both = str(address[0]) == "::" and socket.has_dualstack_ipv6()
    listener = socket.create_server(
        (str(address[0]), port), family=family, backlog=BACKLOG, dualstack_ipv6=both
    )
    # Accepted connections inherit these timeouts: a stalled client must not hold a thread for ever.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", RECEIVE_S, 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", SEND_S, 0))
    return listener


def _url(host: str, port: int) -> str:
    """Return the address at which a browser on this machine finds the server."""
    reached = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{reached}:{port}"


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """The application as gunicorn wants it. Threads and open files are created in the worker only."""

    def __init__(
        self,
        settings: ServeSettings,
        listener: socket.socket,
        url: str,
        ahead: CatalogueAhead | None = None,
        doctor: Doctor | None = None,
        *,
        contained: bool = False,
    ) -> None:
        self.settings = settings
        self.url = url
        self._ahead = ahead
        self._doctor = doctor
        self._contained = contained
        self._listener = listener
        self.lines = Lines(settings.json_logs, secrets_of(settings))
        self._closing = contextlib.ExitStack()
        self._served = False
        super().__init__(prog="betrontech-sim")

    def run(self) -> None:
        """Serve until stopped, then raise SystemExit."""
        sys.stdout.flush()
        _Arbiter(self).run()

    def load_config(self) -> None:
        """Set all options, so that gunicorn does not read them from its variables and files."""
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
        """Return the app; called in the worker."""
        # Only the worker imports Flask, which takes longest.
        from simulator.serve.app import create_app, make_state

        try:
            data = self.settings.data
            secret = None if data is None else kept_secret(data)
            settings = self._with_operator() if self.settings.with_operator else self.settings
            catalogue = None if self._ahead is None else self._ahead.catalogue()
            self.state = make_state(
                settings, catalogue=catalogue, public_url=self.url, secret=secret, doctor=self._doctor
            )
            agents = self.state.agents
            self.lines.later = lambda: [agent.secrets for agent in agents.all()]
            app = create_app(self.state)
            self._closing.callback(self.state.delivery.stop)
            self.state.delivery.start()
            # What gunicorn finds wrong with a body, it raises where the body is read.
            app.register_error_handler(ParseException, lambda _: denied_by_status(400).response)
            return app
        except SimulatorError as error:
            # For this exception, gunicorn stops without a traceback, with the exit code 4 of a usage error.
            raise AppImportError(f"Error: {error}") from error

    def _with_operator(self) -> ServeSettings:
        # Most servers run without the example wallet.
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
        """Print the ready line as soon as the first worker serves."""
        worker.stopping = self.state.stopping
        if worker.age == 1:
            for warning in container_warnings(self.settings) if self._contained else ():
                LOG.warning(warning)
            self._print(ready_line(self.url, self.state))
        self._served = True

    def _print(self, line: str) -> None:
        try:
            print(line, flush=True)
        except OSError as error:
            # What is still buffered would be written again at the end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            # As in `load`.
            raise AppImportError(f"Error: the output cannot be written: {error.strerror}") from error

    def close(self, _arbiter: Any, worker: Any) -> None:
        """End the worker: close everything, without waiting for threads that wait for others."""
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
    """The parent process of gunicorn, with the log of `logs`."""

    def setup(self, app: Server) -> None:
        """Set up the log before gunicorn does anything else."""
        self.log: ServerLog = ServerLog(app.cfg, app.lines)
        super().setup(app)

    def manage_workers(self) -> None:
        """Reap the process that drew the catalogue: it may have ended before gunicorn handled its signal."""
        self.reap_workers()
        super().manage_workers()


# --- the ready line -------------------------------------------------------------------------------


def ready_line(url: str, state: ServerState) -> str:
    """Return the ready line as text, or as JSON if logs are JSON; without secrets."""
    agents = {
        agent.code: str(agent.target.endpoint) if agent.target else None for agent in state.agents.all()
    }
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


# --- in a container, whose loopback is its own ----------------------------------------------------


def is_main_in_container() -> bool:
    """Return whether this process is the main one of a container, or the child of its init process."""
    if 1 not in (os.getpid(), os.getppid()):
        return False
    # The process that starts the worker does without requests, which takes long to import.
    from simulator.wire.target import in_container

    return os.getpid() == 1 or in_container()


def container_warnings(settings: ServeSettings) -> list[str]:
    """Return what leads nowhere, from outside or from inside, if a container has these settings."""
    from simulator.wire.target import is_this_machine  # as above

    if is_this_machine(settings.host):
        return [
            f"this container listens on {settings.host}, which only it can reach, so no game URL opens; "
            "add --host 0.0.0.0 (BETRONTECH_SIM_HOST=0.0.0.0)"
        ]
    found = []
    public_host = urlsplit(settings.public_url or "").hostname
    if public_host is not None and is_this_machine(public_host):
        found.append(
            f"game URLs begin with --public-url {settings.public_url}, which opens only on the machine that "
            "publishes this port; without --public-url they begin with the host that a launch calls"
        )
    if settings.admin_token is None:
        found.append(
            "console and control API answer inside this container only; set BETRONTECH_SIM_ADMIN_TOKEN to "
            "use them from outside"
        )
    for account in settings.accounts:
        host = urlsplit(account.webhook_url or "").hostname
        if host is not None and is_this_machine(host):
            found.append(
                f"webhooks of the agent {account.code} go to {host}, which is this container itself; call a "
                "wallet on your machine as host.docker.internal, and one in a container by its name"
            )
    return found


# --- the secret file ------------------------------------------------------------------------------

FILE_NAME = "server.key"

SECRET_BYTES = 32


def kept_secret(folder: Path) -> bytes:
    """Return the secret of a data folder, created at first use: tokens and game URLs survive a restart.

    One that was half written is made anew: nothing can have been signed with it. Raises UsageError for a
    folder that cannot be used.
    """
    file = folder / FILE_NAME
    try:
        make_private_folder(folder)
        secret = file.read_bytes() if file.exists() else b""
        if len(secret) < SECRET_BYTES:
            secret = os.urandom(SECRET_BYTES)
            new = file.with_suffix(".new")
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as opened:
                opened.write(secret)
            new.replace(file)
    except OSError as error:
        raise UsageError(
            f"--data {folder}: {error.strerror or error}; name a folder that can be written"
        ) from None
    if len(secret) != SECRET_BYTES:
        raise UsageError(
            f"--data {folder}: {FILE_NAME} has {len(secret)} bytes, expected {SECRET_BYTES}; remove it"
        )
    return secret


# --- the worker -----------------------------------------------------------------------------------

CLOSE_WAIT_S = 0.25
"""How long a client has to close its end after the server has closed its own."""

LOOK_UP_S = 0.1

_REASONS = {400: "Bad Request", 414: "URI Too Long", 431: "Request Header Fields Too Large"}


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's worker with threads, with errors as JSON. Sets `stopping` before anything is closed."""

    stopping: threading.Event | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Handle SIGTERM: requests in flight are finished, streams end by themselves."""
        self._tell()
        super().handle_exit(sig, frame)

    def handle_quit(self, sig: int, frame: FrameType | None) -> None:
        """Handle SIGINT and SIGQUIT: stop at once."""
        self._tell()
        super().handle_quit(sig, frame)

    def wait_for_and_dispatch_events(self, timeout: float | None) -> None:
        """Wait as gunicorn does, but briefly while stopping: a long wait would outlast the grace period."""
        super().wait_for_and_dispatch_events(timeout if self.alive else min(timeout or LOOK_UP_S, LOOK_UP_S))

    def _tell(self) -> None:
        if self.stopping is not None:
            self.stopping.set()

    def enqueue_req(self, conn: Any) -> None:
        """Read a request here before it gets a thread, so that half a request holds none."""
        if conn.parser is not None and conn.parser.unreader.buf.getvalue():
            # The request before it has read ahead.
            super().enqueue_req(conn)
            return
        self._bound_receiving(conn)
        conn.received = bytearray()
        conn.timeout = time.monotonic() + RECEIVE_S
        conn.sock.setblocking(False)
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._receive, conn))
        self._receive(conn, conn.sock)

    def _receive(self, conn: Any, client: Any) -> None:
        if client.fileno() < 0:
            # It was closed for a newer one, after the poller had seen its bytes.
            return
        try:
            data = client.recv(65_536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        conn.received += data
        if data and not _is_whole(conn.received):
            return
        self.poller.unregister(client)
        self.pending_conns.remove(conn)
        if conn.received:
            conn.data_ready = True
            super().enqueue_req(conn)
        else:
            self.nr_conns -= 1
            conn.close()

    def _bound_receiving(self, conn: Any) -> None:
        if len(self.pending_conns) < RECEIVING_MAX:
            return
        own = [each for each in self.pending_conns if each.client[0] == conn.client[0]]
        if len(own) >= RECEIVING_MAX:
            self.poller.unregister(own[0].sock)
            self.pending_conns.remove(own[0])
            self.nr_conns -= 1
            own[0].close()

    def handle(self, conn: Any) -> Any:
        """Handle one request, and close here what gunicorn would close slowly in the accepting thread."""
        if conn.received:
            conn.sock.setblocking(True)
            conn.init()
            conn.parser.unreader.unread(bytes(conn.received))
            conn.received.clear()
        keeps = super().handle(conn)
        if keeps is False:
            if conn.sock.fileno() < 0:
                # An injected fault has closed it; gunicorn needs a socket to close again.
                conn.sock = socket.socket()
            _close_gently(conn.sock)
        return keeps

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:  # noqa: ARG002  # gunicorn's
        """Answer a malformed request with JSON too, without echoing what was sent."""
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


_REQUEST_LINE = re.compile(rb"[!-~]+ [!-~]+ HTTP/\d\.\d\r?")

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,9})[ \t]*\r\n", re.IGNORECASE)

_UNKNOWN_LENGTH = re.compile(rb"\r\n(?:transfer-encoding|expect|content-length)[ \t]*:", re.IGNORECASE)


def _is_whole(received: bytearray) -> bool:
    """Return whether a request is all there, or need not be waited for: it is none, or its length is open."""
    line, has_line, _ = received.partition(b"\n")
    if len(received) > WHOLE_MAX or (has_line and _REQUEST_LINE.fullmatch(line) is None):
        return True
    head, has_head, body = received.partition(b"\r\n\r\n")
    if not has_head:
        return len(received) > HEAD_MAX or received.endswith(b"\n\n")
    lengths = _LENGTH.findall(head + b"\r\n")
    if len(_UNKNOWN_LENGTH.findall(head)) > len(lengths) or len(lengths) > 1:
        return True
    length = int(lengths[0]) if lengths else 0
    return length > WHOLE_MAX or len(body) >= length


def _close_gently(connection: socket.socket) -> None:
    """Close the connection so that the client gets all that was sent, without waiting long for it."""
    deadline = time.monotonic() + CLOSE_WAIT_S
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
