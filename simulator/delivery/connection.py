"""Opening a connection to a target: checked addresses, TLS, a proxy's tunnel. Calls are `adapter`'s."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator
from time import monotonic

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from simulator.core.frozen import Frozen
from simulator.core.webhooks import NoReplyKind
from simulator.delivery.failures import CallFailed, connect_sentence, tls_sentence
from simulator.delivery.http_reply import HEAD_BYTES_MAX, HttpReply
from simulator.delivery.stream import Stream
from simulator.delivery.target import Target
from simulator.errors import ConfigurationError


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
