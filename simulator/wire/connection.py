"""Opening a connection to a target: checked addresses, TLS, a proxy's tunnel. Calls are `adapter`'s."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator, Mapping
from http.client import BadStatusLine, HTTPException, IncompleteRead, RemoteDisconnected
from time import monotonic, monotonic_ns

from requests import PreparedRequest, RequestException, Response, Session
from requests.adapters import BaseAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from simulator.core.values import Frozen
from simulator.core.webhooks import NoReply, NoReplyKind
from simulator.errors import ConfigurationError
from simulator.wire.http import HEAD_BYTES_MAX, HttpReply, Manner, Message, ReplyTooLargeError, Stream
from simulator.wire.target import Endpoint, Target


class Route(Frozen):
    """A target with what a connection needs, made once: the addresses to try, and the TLS context."""

    target: Target
    tls: ssl.SSLContext | None

    @classmethod
    def to(cls, target: Target) -> Route:
        """ConfigurationError if the certificate file cannot be used."""
        return cls(target, _tls_context(target) if target.endpoint.scheme == "https" else None)

    @property
    def first_hop(self) -> str:
        """Host and port that we connect to, for a sentence."""
        proxy = self.target.proxy
        return f"the proxy {proxy.place}" if proxy else self.target.endpoint.place

    def addresses(self) -> Iterator[tuple[str, int]]:
        """What to connect to, in order; a proxy's name is looked up here, since it is not what we guard."""
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
    # Named on purpose: the defaults would read SSL_CERT_FILE, and the environment is none of our business.
    authorities = target.cacert or DEFAULT_CA_BUNDLE_PATH
    try:
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
    raise CallFailed(NoReplyKind.CONNECT, connect_sentence(failure, route.first_hop)) from failure


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
            # A free port of loopback can connect to itself; it would echo our request as the answer.
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
    stream.arm(deadline, HEAD_BYTES_MAX)
    reply = HttpReply(stream, "CONNECT")
    try:
        stream.write(f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n{authorization}\r\n".encode("ascii"))
        reply.begin()
    except Exception as error:
        raise CallFailed(NoReplyKind.CONNECT, f"{route.first_hop} did not open a way to {place}") from error
    if reply.status != 200:
        hint = "; it wants a user and a password in --proxy" if reply.status == 407 else ""
        raise CallFailed(
            NoReplyKind.CONNECT,
            f"{route.first_hop} refused a way to {place}: {reply.status} {reply.reason}{hint}",
        )


def _secured(route: Route, tls: ssl.SSLContext, sock: socket.socket, deadline: float) -> ssl.SSLSocket:
    endpoint = route.target.endpoint
    left = deadline - monotonic()
    if left <= 0:
        raise CallFailed(NoReplyKind.TLS, f"no TLS with {endpoint.place} within the time to connect")
    sock.settimeout(left)
    try:
        return tls.wrap_socket(sock, server_hostname=endpoint.host)
    except OSError as error:
        raise CallFailed(NoReplyKind.TLS, tls_sentence(error, endpoint)) from error


# --- adapter --------------------------------------------------------------------------------------
# The transport adapter of requests: one connection, kept alive, never a second send of the same call.

IDLE_NS_MAX = 1_000_000_000
"""Servers close a kept-alive connection after two seconds or five: a call must not meet that moment."""

_SEND_BROKE = (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError)


class WebhookCall(PreparedRequest):
    """A prepared request that knows its bytes, and the manner in which they go out."""

    def __init__(self, url: str, message: Message, manner: Manner) -> None:
        super().__init__()
        self.method = message.head.method
        self.url = url
        self.message = message
        self.manner = manner


class WebhookAdapter(BaseAdapter):
    """Carries calls over one connection of its own; for one thread at a time.

    `answered_ns` is that of the last call that has an answer; `used` says that the connection carried one.
    """

    def __init__(self, route: Route) -> None:
        super().__init__()
        self._route = route
        self._stream: Stream | None = None
        self._line: Stream | None = None  # that of the call under way, or of the last one
        self.used = False
        self._cancelled = False
        self._started_ns = 0
        self.answered_ns = 0

    @property
    def sent_ns(self) -> int:
        """When the first byte of the last call went out: connecting is not in it. Without one, its start."""
        return (self._line.sent_ns if self._line else 0) or self._started_ns

    def send(
        self,
        request: PreparedRequest,
        stream: bool = False,  # noqa: ARG002 - the signature is that of requests
        timeout: float | tuple[float, float] | tuple[float, None] | None = None,  # noqa: ARG002
        verify: bool | str = True,  # noqa: ARG002
        cert: bytes | str | tuple[bytes | str, bytes | str] | None = None,  # noqa: ARG002
        proxies: Mapping[str, str] | None = None,  # noqa: ARG002
    ) -> Response:
        """One call, one reply; CallFailed where there is no whole one. Limits are the target's own."""
        assert isinstance(request, WebhookCall)
        target = self._route.target
        deadline = monotonic() + target.timeout_s
        self._line, self._cancelled = None, False
        self._started_ns = monotonic_ns()
        self._line = line = self.connect(deadline)
        line.arm(deadline, target.max_reply_bytes + HEAD_BYTES_MAX)
        if self._cancelled:
            raise CallFailed(NoReplyKind.INJECTED, self.abandoned().detail)
        reused, self.used = self.used, True
        try:
            reply, body = self._converse(line, request)
        except Exception as error:
            self.close()
            if self._cancelled:
                why = self.abandoned()
            else:
                why = no_reply(error, target, received=line.received, reused=reused, ended=line.ended)
            raise CallFailed(why.kind, why.detail) from error
        self.answered_ns = monotonic_ns()
        if reply.will_close or line.surplus or not request.manner.keeps_alive:
            self.close()
        return _response(request, reply, body)

    def _converse(self, line: Stream, request: WebhookCall) -> tuple[HttpReply, bytes]:
        broke = False
        try:
            request.manner.carry(line, request.message)
        except _SEND_BROKE:
            # The operator may have answered before it read everything (413, say): that is its answer.
            broke = True
        reply = HttpReply(line, request.message.head.method)
        reply.begin()
        body = reply.whole_body(self._route.target.max_reply_bytes)
        if broke:
            reply.will_close = True
        return reply, body

    def connect(self, deadline: float | None = None) -> Stream:
        """The connection, opened where there is none that can still carry a call; raises CallFailed."""
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
        """What became of a call that an interrupt tore out of `send`."""
        sent = self._line is not None and self._line.sent_ns
        when = "the whole answer had come" if sent else "anything was sent"
        return NoReply(NoReplyKind.INJECTED, f"the run was interrupted before {when}")

    def cancel(self) -> None:
        """End the call under way, from another thread or a signal handler; without one, no harm is done."""
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
    """A session that follows nothing and reads no environment."""

    def __init__(self, adapter: WebhookAdapter) -> None:
        super().__init__()
        self.trust_env = False
        self._adapter = adapter

    def get_adapter(self, url: str | bytes) -> WebhookAdapter:  # noqa: ARG002 - the signature is that of requests
        """The one there is, whatever the scheme."""
        return self._adapter

    def resolve_redirects(self, *_: object, **__: object) -> Iterator[Response]:
        """None: requests would look at the Location of each reply, and fail on a bad one."""
        return iter(())


# What a response begins with: nobody looks into its jar of cookies, and one more for each call costs time.
_BLANK = vars(Response())


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


# --- failures -------------------------------------------------------------------------------------
# Why a call got no answer: exceptions as sentences for the user.


class CallFailed(RequestException):
    """A call that got no whole answer; adapters of requests raise RequestException."""

    def __init__(self, kind: NoReplyKind, detail: str) -> None:
        super().__init__(detail)
        self.no_reply = NoReply(kind, detail)


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


def connect_sentence(error: OSError, place: str) -> str:
    """Why nothing connects to that place."""
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


def tls_sentence(error: OSError, endpoint: Endpoint) -> str:
    """Why there is no TLS with that endpoint."""
    place = endpoint.place
    if isinstance(error, ssl.SSLCertVerificationError):
        hint = _CERTIFICATE_HINTS.get(error.verify_code, f"is not accepted: {error.verify_message}")
        return f"the certificate of {place} {hint.format(host=endpoint.host)}"
    if isinstance(error, TimeoutError):
        return f"no TLS with {place} within the time to connect"
    reason = getattr(error, "reason", None) or error.strerror or "connection closed"
    if reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"):
        return f"{place} does not speak TLS; is it http:// rather than https://?"
    return f"no TLS with {place}: {str(reason).replace('_', ' ').lower()}"


def no_reply(error: Exception, target: Target, *, received: int, reused: bool, ended: bool) -> NoReply:
    """Why there is no whole answer to a request of which bytes were sent.

    `received` bytes of an answer had come; `ended` says that the other side had closed; `reused` that the
    connection had carried a call before.
    """
    so_far = f"after {received} bytes of an answer" if received else "without an answer"
    match error:
        case CallFailed():
            return error.no_reply
        case TimeoutError():
            what = f"only {received} bytes of an answer" if received else "no answer"
            return NoReply(NoReplyKind.TIMEOUT, f"{what} within {target.timeout_s:g} s")
        case ReplyTooLargeError():
            return NoReply(NoReplyKind.OVERSIZED, f"the reply is larger than {target.max_reply_bytes} bytes")
        case ConnectionError() | ssl.SSLEOFError() if reused and not received:
            return NoReply(NoReplyKind.STALE, "a kept-alive connection was closed just as the call went out")
        case RemoteDisconnected() | ssl.SSLEOFError():
            return NoReply(NoReplyKind.CLOSED, f"the operator closed the connection {so_far}")
        case ConnectionError():
            return NoReply(NoReplyKind.RESET, f"the operator reset the connection {so_far}")
        case IncompleteRead() if ended:
            return NoReply(
                NoReplyKind.CLOSED, f"the operator closed the connection {so_far}; the body is incomplete"
            )
        case BadStatusLine():
            return NoReply(NoReplyKind.GARBAGE, _not_http(str(error.args[0])))
        case HTTPException():
            what = "broken chunks" if isinstance(error, IncompleteRead) else str(error)
            return NoReply(NoReplyKind.GARBAGE, f"the reply is not HTTP that can be read: {what}")
        case OSError():
            why = getattr(error, "reason", None) or error.strerror or error
            return NoReply(NoReplyKind.RESET, f"the connection broke {so_far}: {why}")
        case _:
            raise error


def _not_http(line: str) -> str:
    if line.startswith(("\x15\x03", "\x16\x03")):
        return "the answer is TLS, not HTTP; is it https:// rather than http://?"
    return f"the answer does not begin like HTTP: {line.rstrip()[:60]!r}"
