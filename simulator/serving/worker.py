"""gunicorn's thread worker with our errors and our word that the server stops."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from types import FrameType
from typing import Any

from gunicorn import util
from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine, ParseException
from gunicorn.workers.gthread import ThreadWorker

from simulator.api.errors import Refusal, refusal_of_status

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
        lines = [
            f"HTTP/1.1 {refusal.code.status} {_REASONS.get(refusal.code.status, 'Internal Server Error')}"
        ]
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


def _refusal(error: BaseException) -> Refusal:
    match error:
        case LimitRequestLine():
            return refusal_of_status(414)
        case LimitRequestHeaders():
            return refusal_of_status(431)
        case ParseException():
            return refusal_of_status(400)
        case _:
            return refusal_of_status(500)
