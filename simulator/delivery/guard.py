"""The guard before the first call: which URL, and which addresses it may lead to.

Every run moves balances, so only loopback and private networks are called unasked; anything else needs
its name in `allow_hosts`. The addresses checked here are the ones connected to: no name is asked twice.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterable, Sequence

from simulator.delivery.endpoint import parse_endpoint, parse_proxy
from simulator.delivery.target import (
    CONNECT_TIMEOUT_S,
    MAX_REPLY_BYTES,
    TIMEOUT_S,
    Endpoint,
    Proxy,
    Target,
)
from simulator.errors import EndpointUnreachable, UsageError

# Listed, since `is_private` holds 169.254.169.254, leaves out 100.64.0.0/10, and changed between releases.
LOCAL_NETWORKS = tuple(
    ipaddress.ip_network(text)
    for text in (
        "127.0.0.0/8",
        "::1/128",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "fc00::/7",
        "fe80::/10",
    )
)
# A cloud machine's credentials live here; two of them lie inside the networks above.
METADATA_ADDRESSES = frozenset(
    ipaddress.ip_address(text) for text in ("169.254.169.254", "fd00:ec2::254", "100.100.100.200")
)
LOOPBACK_ADDRESSES = ("127.0.0.1", "::1")

Resolve = Callable[[str, int], Sequence[str]]


def system_resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a name as the system has them, in its order; OSError if there are none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


def make_target(
    url: str,
    *,
    allow_hosts: Iterable[str] = (),
    headers: Iterable[tuple[str, str]] = (),
    timeout_s: float = TIMEOUT_S,
    connect_timeout_s: float = CONNECT_TIMEOUT_S,
    max_reply_bytes: int = MAX_REPLY_BYTES,
    cacert: str | None = None,
    insecure: bool = False,
    proxy: str | None = None,
) -> Target:
    """Parse, resolve and check an endpoint.

    Raises UsageError for a URL that cannot be called or may not be, EndpointUnreachable for a name that
    does not resolve.
    """
    endpoint = parse_endpoint(url)
    through = parse_proxy(proxy) if proxy else None
    return Target(
        endpoint=endpoint,
        addresses=admit(endpoint, allow_hosts, proxy=through),
        headers=tuple(headers),
        timeout_s=timeout_s,
        connect_timeout_s=connect_timeout_s,
        max_reply_bytes=max_reply_bytes,
        cacert=cacert,
        insecure=insecure,
        proxy=through,
    )


def admit(
    endpoint: Endpoint,
    allow_hosts: Iterable[str] = (),
    *,
    proxy: Proxy | None = None,
    resolve: Resolve = system_resolve,
) -> tuple[str, ...]:
    """The addresses to connect to, each of them checked; none where a proxy connects for us."""
    allowed = {name.strip().strip("[]").rstrip(".").lower() for name in allow_hosts}
    host = endpoint.host
    literal = _literal(host)
    if proxy is not None:
        if literal is None and host not in allowed and not _is_localhost(host):
            raise UsageError(
                f"endpoint {endpoint}: behind the proxy {proxy.place} nobody here can see which address "
                f"{host} has; if it is a test wallet, pass --allow-host {host}"
            )
        if literal is not None:
            _check(endpoint, str(literal), allowed)
        return ()
    addresses = _resolved(endpoint, resolve)
    for address in addresses:
        _check(endpoint, address, allowed)
    return addresses


def is_loopback(address: str) -> bool:
    """Whether an address is this machine itself (127.0.0.0/8, ::1)."""
    return _plain(ipaddress.ip_address(address)).is_loopback


def _resolved(endpoint: Endpoint, resolve: Resolve) -> tuple[str, ...]:
    host = endpoint.host
    literal = _literal(host)
    if literal is not None:
        return (str(literal),)
    if _is_localhost(host):
        # RFC 6761: these names are loopback, whatever a name server says; wallets mostly listen on IPv4.
        return LOOPBACK_ADDRESSES
    try:
        addresses = tuple(resolve(host, endpoint.port))
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise EndpointUnreachable(
            f"endpoint {endpoint}: the name {host} does not resolve ({why}); {_name_hint(host)}"
        ) from error
    if not addresses:
        raise EndpointUnreachable(f"endpoint {endpoint}: the name {host} has no address; {_name_hint(host)}")
    return addresses


def _name_hint(host: str) -> str:
    if host in ("host.docker.internal", "host.containers.internal"):
        return f"on Linux start the container with --add-host {host}:host-gateway"
    if "." not in host:
        return "check the spelling; the name of a container resolves only inside its own network"
    return "check the spelling and the name server"


def _check(endpoint: Endpoint, address: str, allowed: set[str]) -> None:
    ip = _plain(ipaddress.ip_address(address))
    host = endpoint.host
    if ip.is_unspecified:
        raise UsageError(
            f"endpoint {endpoint}: {ip} is where a server listens, not what a client calls; "
            f"write {'127.0.0.1' if ip.version == 4 else '[::1]'} for this machine"
        )
    if str(ip) in allowed or address in allowed:
        return
    if ip in METADATA_ADDRESSES:
        raise UsageError(
            f"endpoint {endpoint}: at {ip} a cloud keeps a machine's credentials; no wallet lives there"
        )
    if host in allowed or any(ip in network for network in LOCAL_NETWORKS):
        return
    leads = f"{ip} is" if host in (str(ip), address) else f"{host} leads to {ip}, which is"
    raise UsageError(
        f"endpoint {endpoint}: {leads} neither loopback nor private, and every run moves balances; "
        f"if it is a test wallet, pass --allow-host {host}"
    )


def _plain(
    ip: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """An IPv4 address written as IPv6 (::ffff:1.2.3.4) is that IPv4 address."""
    return getattr(ip, "ipv4_mapped", None) or ip


def _literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_localhost(host: str) -> bool:
    return host == "localhost" or host.endswith(".localhost")
