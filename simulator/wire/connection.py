"""Open connections to a target, carry calls over them, and say why a call got no answer.

`open_stream` connects to the checked addresses, through a proxy's tunnel and TLS where the target has them.
`WebhookAdapter` is the transport adapter of requests: one connection, kept alive, and no call is ever sent
twice. What failed is raised as `CallFailed`, with a sentence for the user.
"""

from __future__ import annotations

import errno
import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from http.client import BadStatusLine, HTTPException, IncompleteRead, RemoteDisconnected
from pathlib import Path
from time import monotonic, monotonic_ns
from typing import Any

from requests import PreparedRequest, RequestException, Response, Session
from requests.adapters import BaseAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from simulator.core.values import Frozen
from simulator.core.webhooks import NoReply, NoReplyKind
from simulator.errors import ConfigurationError
from simulator.wire.http import HttpReply, Manner, Message, ReplyError, Stream
from simulator.wire.target import Endpoint, Target


class Route(Frozen):
    """A target and its TLS context, which is created once."""

    target: Target
    tls: ssl.SSLContext | None

    @classmethod
    def to(cls, target: Target) -> Route:
        """Return the route to that target. Raises ConfigurationError for an unusable certificate file."""
        return cls(target, _tls_context(target) if target.endpoint.scheme == "https" else None)

    @property
    def first_hop(self) -> str:
        """Return the host and port of the connection, for a sentence."""
        proxy = self.target.proxy
        return f"the proxy {proxy.place}" if proxy else self.target.endpoint.place

    def addresses(self) -> Iterator[tuple[str, int]]:
        """Yield what to connect to, in order; a proxy's name is looked up here, since it is not guarded."""
        proxy = self.target.proxy
        if proxy is None:
            for address in self.target.addresses:
                yield address, self.target.endpoint.port
            return
        try:
            found = socket.getaddrinfo(proxy.host, proxy.port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise CallFailed(
                NoReplyKind.CONNECT, f"the proxy's name {proxy.host} does not resolve"
            ) from error
        for entry in found:
            yield str(entry[4][0]), proxy.port


def _tls_context(target: Target) -> ssl.SSLContext:
    # Named explicitly, because the defaults would read SSL_CERT_FILE from the environment.
    authorities = target.cacert or DEFAULT_CA_BUNDLE_PATH
    try:
        if Path(authorities).is_fifo() and Path(authorities).resolve().exists():
            # Reading it would wait for a writer.
            raise OSError(errno.EINVAL, "it is a named pipe")
        context = ssl.create_default_context(cafile=authorities)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            f"cacert: {authorities} cannot be used: {error.strerror or error}; expected certificates in PEM"
        ) from error
    context.set_alpn_protocols(["http/1.1"])
    if target.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def open_stream(route: Route, deadline: float) -> Stream:
    """Connect, tunnel and shake hands, all before the deadline (seconds of `time.monotonic`).

    Raises CallFailed; nothing of a request was sent then.
    """
    sock = _connect(route, deadline)
    try:
        if route.tls is None:
            return Stream(sock)
        if route.target.proxy is not None:
            _tunnel(route, sock, deadline)
        return Stream(_secured(route, route.tls, sock, deadline))
    except BaseException:
        sock.close()
        raise


def _connect(route: Route, deadline: float) -> socket.socket:
    addresses = list(route.addresses())
    failure: OSError = OSError(errno.EADDRNOTAVAIL, "no address")
    for position, (address, port) in enumerate(addresses):
        # Each address gets its share, so that one that swallows packets leaves time for the next.
        share = (deadline - monotonic()) / (len(addresses) - position)
        try:
            return _connect_one(address, port, share)
        except OSError as error:
            failure = error
    raise CallFailed(NoReplyKind.CONNECT, _connect_sentence(failure, route.first_hop)) from failure


def _connect_one(address: str, port: int, timeout_s: float) -> socket.socket:
    if timeout_s <= 0:
        raise TimeoutError
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(timeout_s)
        # getaddrinfo on a literal looks nothing up; it gives a scope ("fe80::1%eth0") its number.
        sock.connect(socket.getaddrinfo(address, port, family, socket.SOCK_STREAM)[0][4])
        if sock.getsockname() == sock.getpeername():
            # A free port of loopback can connect to itself; it would echo the request as its answer.
            raise ConnectionRefusedError(errno.ECONNREFUSED, "connected to itself")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        sock.close()
        raise
    return sock


def _tunnel(route: Route, sock: socket.socket, deadline: float) -> None:
    """Ask the proxy for a way through to the endpoint."""
    proxy = route.target.proxy
    assert proxy is not None
    place = route.target.endpoint.place
    authorization = f"Proxy-Authorization: {proxy.authorization}\r\n" if proxy.authorization else ""
    stream = Stream(sock)
    stream.arm(deadline, 0)
    reply = HttpReply(stream, "CONNECT")
    try:
        stream.write(f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n{authorization}\r\n".encode("ascii"))
        reply.begin()
    except Exception as error:
        raise CallFailed(NoReplyKind.CONNECT, f"{route.first_hop} did not open a way to {place}") from error
    if reply.status != 200:
        hint = "; it wants a user and a password in --proxy" if reply.status == 407 else ""
        reason = reply.reason if reply.reason.isprintable() else ""
        raise CallFailed(
            NoReplyKind.CONNECT,
            f"{route.first_hop} refused a way to {place}: {reply.status} {reason}{hint}",
        )


def _secured(route: Route, tls: ssl.SSLContext, sock: socket.socket, deadline: float) -> ssl.SSLSocket:
    endpoint = route.target.endpoint
    left = deadline - monotonic()
    try:
        if left <= 0:
            raise TimeoutError
        sock.settimeout(left)
        return tls.wrap_socket(sock, server_hostname=endpoint.host)
    except OSError as error:
        raise _no_tls(error, endpoint) from error


IDLE_NS_MAX = 1_000_000_000
"""How long a connection may be idle: servers close it after two or five seconds, perhaps before a call."""

_SEND_BROKE = (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError)

_BODY_PERHAPS_UNREAD = frozenset({405, 411, 413, 415, 417, 431, 501})
"""Statuses that a server may answer before it has read the body, which it then takes for the next request."""

_WANTS_TLS = re.compile(rb"(?i)plain HTTP|HTTP request to an HTTPS server|SSL-enabled server port")
"""What nginx, Apache and servers in Go answer, with 400, to plain HTTP on their HTTPS port."""


class WebhookCall(PreparedRequest):
    """A prepared request with its bytes, and the manner in which they go out."""

    def __init__(self, url: str, message: Message, manner: Manner) -> None:
        super().__init__()
        self.method = message.head.method
        self.url = url
        self.message = message
        self.manner = manner


class WebhookAdapter(BaseAdapter):
    """Carries calls over one connection of its own. It is not thread-safe.

    `answered_ns` is that of the last call that has an answer; `used` says that the connection carried one.
    """

    def __init__(self, route: Route) -> None:
        super().__init__()
        self._route = route
        self._stream: Stream | None = None
        self._current: Stream | None = None  # that of the call under way, or of the last one
        self.used = False
        self._cancelled = False
        self._started_ns = 0
        self.answered_ns = 0

    @property
    def sent_ns(self) -> int:
        """Return when the first byte of the last call was sent, after connecting; otherwise its start."""
        return (self._current.sent_ns if self._current else 0) or self._started_ns

    def send(
        self,
        request: PreparedRequest,
        stream: bool = False,  # noqa: ARG002 - the signature is that of requests
        timeout: float | tuple[float, float] | tuple[float, None] | None = None,  # noqa: ARG002
        verify: bool | str = True,  # noqa: ARG002
        cert: bytes | str | tuple[bytes | str, bytes | str] | None = None,  # noqa: ARG002
        proxies: Mapping[str, str] | None = None,  # noqa: ARG002
    ) -> Response:
        """Send one call and return its reply. Raises CallFailed where there is no whole one.

        Limits are the target's own.
        """
        assert isinstance(request, WebhookCall)
        target = self._route.target
        deadline = monotonic() + target.timeout_s
        self._current, self._cancelled = None, False
        self._started_ns = monotonic_ns()
        self._current = connection = self.connect(deadline)
        connection.arm(deadline, target.max_reply_bytes)
        if self._cancelled:
            raise CallFailed(NoReplyKind.INJECTED, self.abandoned().detail)
        reused, self.used = self.used, True
        try:
            reply, body = self._converse(connection, request)
        except Exception as error:
            self.close()
            if self._cancelled:
                why = self.abandoned()
                raise CallFailed(why.kind, why.detail) from error
            raise _no_whole_answer(error, target, connection, reused=reused) from error
        self.answered_ns = monotonic_ns()
        if reply.will_close or connection.surplus or not _can_be_used_again(request, reply.status):
            self.close()
        return _response(request, reply, body)

    def _converse(self, connection: Stream, request: WebhookCall) -> tuple[HttpReply, bytes]:
        target = self._route.target
        broke = False
        try:
            request.manner.carry(connection, request.message)
        except _SEND_BROKE:
            # The wallet may have answered before it read everything (413, say): that is its answer.
            broke = True
        reply = HttpReply(connection, request.message.head.method)
        reply.begin()
        body = reply.whole_body(target.max_reply_bytes)
        if reply.status == 400 and target.endpoint.scheme == "http" and _WANTS_TLS.search(body):
            raise speaks_tls(target.endpoint)
        if broke:
            reply.will_close = True
        return reply, body

    def connect(self, deadline: float | None = None) -> Stream:
        """Return the connection, opened where there is none that can carry a call. Raises CallFailed."""
        if self._stream is not None:
            long_idle = self.used and monotonic_ns() - self.answered_ns > IDLE_NS_MAX
            if self._stream.idle() and not long_idle:
                return self._stream
            self.close()
        target = self._route.target
        soon = monotonic() + target.connect_timeout_s
        self._stream = open_stream(self._route, soon if deadline is None else min(deadline, soon))
        self.used = False
        return self._stream

    def abandoned(self) -> NoReply:
        """Return what became of a call that an interrupt ended in the middle of `send`."""
        sent = self._current is not None and self._current.sent_ns
        when = "the whole answer had come" if sent else "anything was sent"
        return NoReply(NoReplyKind.INJECTED, f"the run was interrupted before {when}")

    def cancel(self) -> None:
        """End the call under way, if any, from another thread or a signal handler."""
        self._cancelled = True
        stream = self._stream
        if stream is not None:
            stream.interrupt()

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.shut()


class WebhookSession(Session):
    """A session with one adapter. It follows no redirect, keeps no cookie and reads no environment."""

    def __init__(self, adapter: WebhookAdapter) -> None:
        super().__init__()
        self.trust_env = False
        self._adapter = adapter

    def send(self, request: PreparedRequest, **_: Any) -> Response:
        """Send a call as it is, and return its reply as it came."""
        return self._adapter.send(request)


_BLANK = vars(Response())
"""The beginning of every response. All share its cookie jar, which is never read: a new one takes time."""


def _can_be_used_again(request: WebhookCall, status: int) -> bool:
    """Return whether a server that answered so has surely read the whole request."""
    head = request.message.head
    return request.manner.keeps_alive and head.keeps_alive and status not in _BODY_PERHAPS_UNREAD


def _response(request: WebhookCall, reply: HttpReply, body: bytes) -> Response:
    response = Response.__new__(Response)
    vars(response).update(
        _BLANK,
        status_code=reply.status,
        reason=reply.reason,
        url=request.url or "",
        request=request,
        # The headers stay in it, in order and spelling: the mapping of requests would keep neither.
        raw=reply,
        # The body is read whole, under deadline and bound; requests must not stream from the socket again.
        _content=body,
        _content_consumed=True,
    )
    return response


# --- why there is no answer -----------------------------------------------------------------------


class CallFailed(RequestException):
    """A call that got no whole answer; adapters of requests raise RequestException."""

    def __init__(self, kind: NoReplyKind, detail: str, *, answered: bool = False) -> None:
        super().__init__(detail)
        self.no_reply = NoReply(kind, detail, answered)


_CONNECT_HINTS = {
    errno.ECONNREFUSED: "nothing listens at {place} (connection refused)",
    errno.EHOSTUNREACH: "no route to {place}",
    errno.ENETUNREACH: "no network leads to {place}",
    errno.EADDRNOTAVAIL: "{place} has no address that can be connected to",
    errno.EMFILE: "too many open files here to connect to {place}; raise the limit (ulimit -n)",
    errno.ENFILE: "too many open files on this machine to connect to {place}",
    errno.EACCES: "this machine forbids connecting to {place}",
    errno.EPERM: "this machine forbids connecting to {place}",
}


def _connect_sentence(error: OSError, place: str) -> str:
    if isinstance(error, TimeoutError):
        return f"no connection to {place} within the time to connect; is a firewall dropping it?"
    template = _CONNECT_HINTS.get(error.errno or 0, "cannot connect to {place} ({why})")
    return template.format(place=place, why=error.strerror or error)


_CERTIFICATE_HINTS = {
    9: "is not valid yet; is the clock of one side wrong?",
    10: "has expired",
    18: "is signed by itself; give it as --cacert FILE, or pass --insecure",
    19: "comes from an authority of its own; give that as --cacert FILE, or pass --insecure",
    20: "comes from an unknown authority or lacks its chain; give --cacert FILE, or pass --insecure",
    62: "is for another name than {host}",
    64: "is not for the address {host}",
}

_NO_TLS_REASONS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"})


def _no_tls(error: OSError, endpoint: Endpoint) -> CallFailed:
    """Return why there is no TLS with that endpoint."""
    place = endpoint.place
    if isinstance(error, ssl.SSLCertVerificationError):
        hint = _CERTIFICATE_HINTS.get(error.verify_code, f"is not accepted: {error.verify_message}")
        sentence = f"the certificate of {place} {hint.format(host=endpoint.host)}"
        return CallFailed(NoReplyKind.TLS, sentence, answered=True)
    if isinstance(error, TimeoutError):
        return CallFailed(NoReplyKind.TLS, f"no TLS with {place} within the time to connect")
    reason = str(getattr(error, "reason", None) or error.strerror or "connection closed")
    if reason in _NO_TLS_REASONS:
        sentence = f"{place} does not speak TLS; did you mean http://?"
        return CallFailed(NoReplyKind.SCHEME, sentence, answered=True)
    answered = isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError)
    sentence = f"no TLS with {place}: {reason.replace('_', ' ').lower()}"
    return CallFailed(NoReplyKind.TLS, sentence, answered=answered)


def speaks_tls(endpoint: Endpoint) -> CallFailed:
    """Return why a call in plain HTTP has no answer from a server that takes TLS alone."""
    sentence = f"{endpoint.place} speaks TLS, and the call was plain HTTP; did you mean https://?"
    return CallFailed(NoReplyKind.SCHEME, sentence, answered=True)


def _no_whole_answer(error: Exception, target: Target, stream: Stream, *, reused: bool) -> CallFailed:
    """Return why there is no whole answer to a request of which bytes were sent.

    `reused` says that the connection had carried a call before. An error that no network and no wallet
    causes is raised again.
    """
    received = stream.received
    match error:
        case CallFailed():
            return error
        case ReplyError():
            kind, sentence = error.kind, str(error)
        case TimeoutError():
            what = f"only {received} bytes of an answer" if received else "no answer"
            kind, sentence = NoReplyKind.TIMEOUT, f"{what} within {target.timeout_s:g} s"
        case ConnectionError() | ssl.SSLEOFError() if reused and not received:
            kind, sentence = NoReplyKind.STALE, "a kept-alive connection was closed just as the call went out"
        case OSError():
            kind, sentence = _broken_off(error, received)
        case IncompleteRead() if stream.ended:
            kind, sentence = _broken_off(error, received)
        case BadStatusLine():
            line = str(error.args[0])
            if line.startswith(("\x15\x03", "\x16\x03")):
                return speaks_tls(target.endpoint)
            kind = NoReplyKind.GARBAGE
            sentence = f"the answer does not begin like HTTP: {line.rstrip()[:60]!r}"
        case HTTPException():
            what = "broken chunks" if isinstance(error, IncompleteRead) else str(error)
            kind, sentence = NoReplyKind.GARBAGE, f"the answer is not HTTP that can be read: {what}"
        case _:
            raise error
    return CallFailed(kind, sentence, answered=received > 0)


def _broken_off(error: OSError | IncompleteRead, received: int) -> tuple[NoReplyKind, str]:
    match error:
        case RemoteDisconnected() | ssl.SSLEOFError() | IncompleteRead():
            kind, how = NoReplyKind.CLOSED, "your wallet's server closed the connection"
        case ConnectionError():
            kind, how = NoReplyKind.RESET, "your wallet's server reset the connection"
        case _:
            why = getattr(error, "reason", None) or error.strerror or error
            kind, how = NoReplyKind.RESET, f"the connection broke ({why})"
    if received:
        return NoReplyKind.CUT, f"the answer is incomplete: {how} after {received} bytes of it"
    return kind, f"{how} without an answer"
