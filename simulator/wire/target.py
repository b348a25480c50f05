"""Read the URL of an endpoint strictly, and check its addresses.

Every run moves balances, so only loopback and private networks are called by default; other hosts must be in
`allow_hosts`. Connections use the addresses that were checked here: no name is looked up twice.
"""

from __future__ import annotations

import base64
import ipaddress
import re
import socket
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from requests import PreparedRequest, RequestException

from simulator.core.secrets import mask_url
from simulator.core.values import Frozen
from simulator.errors import EndpointUnreachable, UsageError

MAX_REPLY_BYTES = 1_048_576

TIMEOUT_S = 10.0

CONNECT_TIMEOUT_S = 5.0


class Endpoint(Frozen):
    """A checked URL in ASCII: `host` without brackets, `path` with its query, no user, no fragment."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Return the value of the Host header, with the port unless it is that of the scheme."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == default_port(self.scheme) else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """Return the URL."""
        return f"{self.scheme}://{self.authority}{self.path}"

    @property
    def place(self) -> str:
        """Return host and port, for a sentence."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        """Return the URL as messages show it, without the values of its query."""
        return mask_url(self.url)


def default_port(scheme: str) -> int:
    """Return 443 for https, 80 for http."""
    return 443 if scheme == "https" else 80


class Proxy(Frozen):
    """An HTTP proxy; `authorization` is the whole value of Proxy-Authorization, or empty."""

    host: str
    port: int
    authorization: str = ""

    @property
    def place(self) -> str:
        """Return host and port, for a sentence."""
        return f"{self.host}:{self.port}"


class Target(Frozen, kw_only=True):
    """A wallet's endpoint and how to call it; made by `make_target`.

    `addresses` are the checked ones, tried in this order; no name is looked up again. `timeout_s` bounds a
    whole call, connecting included; `connect_timeout_s` bounds connecting, TLS and proxy included.
    `cacert` is a PEM file that replaces the usual authorities; `insecure` trusts any certificate.
    """

    endpoint: Endpoint
    addresses: tuple[str, ...]
    headers: tuple[tuple[str, str], ...] = ()
    timeout_s: float = TIMEOUT_S
    connect_timeout_s: float = CONNECT_TIMEOUT_S
    max_reply_bytes: int = MAX_REPLY_BYTES
    cacert: str | None = None
    insecure: bool = False
    proxy: Proxy | None = None

    @property
    def url(self) -> str:
        """Return the URL of the endpoint."""
        return self.endpoint.url


_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f]")

_HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?", re.ASCII)


def parse_endpoint(url: str) -> Endpoint:
    """Read the URL that webhooks are sent to; UsageError says what is wrong with it."""
    parts = _split("endpoint", url)
    if parts.fragment or url.endswith("#"):
        raise UsageError(f'endpoint "{mask_url(url)}": what follows # is never sent; leave it out')
    if parts.username is not None or parts.password is not None:
        raise UsageError(
            f"endpoint on {parts.hostname}: a user or password in the URL ends up in logs; "
            f'pass --header "Authorization: Basic …" instead'
        )
    ascii_url = _ascii(url)
    plain = urlsplit(ascii_url)
    host = (plain.hostname or "").rstrip(".")
    _check_host("endpoint", url, host)
    path = (plain.path or "/") + (f"?{plain.query}" if plain.query else "")
    return Endpoint(plain.scheme, host, parts.port or default_port(plain.scheme), path)


def parse_proxy(text: str) -> Proxy:
    """Read `http://[user:password@]host[:port]`, or `host:port`; UsageError says what is wrong with it."""
    url = text if "://" in text else f"http://{text}"
    if not url.lower().startswith("http://"):
        raise UsageError(f'proxy: "{url.split("://")[0]}://" is not supported; expected http://host:port')
    parts = _split("proxy", url)
    host = (parts.hostname or "").rstrip(".")
    _check_host("proxy", f"http://{host}", host)
    authorization = ""
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = "Basic " + base64.b64encode(pair.encode()).decode("ascii")
    return Proxy(host, parts.port or 8080, authorization)


def _split(what: str, url: str) -> SplitResult:
    """Return the parts of a URL whose scheme, host and port are there and can be used."""
    shown = mask_url(url) if "@" not in url else "URL"
    if _UNPRINTABLE.search(url):
        raise UsageError(f"{what} {shown!r}: a URL has no spaces and no line breaks")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        hint = "expected http://host:port/path with a port up to 65535"
        raise UsageError(f'{what} "{shown}": it cannot be read as a URL; {hint}') from error
    if parts.scheme.lower() not in ("http", "https") or not url[len(parts.scheme) :].startswith("://"):
        bare = url and "://" not in url and not url.lower().startswith(("http:", "https:"))
        hint = f"did you mean http://{shown}?" if bare else "expected http://host:port/path or https://…"
        raise UsageError(f'{what} "{shown}": {hint}')
    if not parts.hostname:
        raise UsageError(f'{what} "{shown}": there is no host; expected http://host:port/path')
    if port == 0:
        raise UsageError(f'{what} "{shown}": port 0 cannot be called; expected 1 to 65535')
    return parts


def _ascii(url: str) -> str:
    """Return the URL as it is sent: international names as IDNA 2008, other text percent-encoded."""
    prepared = PreparedRequest()
    try:
        prepared.prepare_url(url, None)
    except (RequestException, UnicodeError) as error:
        raise UsageError(f'endpoint "{mask_url(url)}": {error}') from error
    return prepared.url or url


def _check_host(what: str, url: str, host: str) -> None:
    url = mask_url(url)
    if "%" in host:
        raise UsageError(f'{what} "{url}": an address with a zone (%) is not supported; expected one without')
    try:
        ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        return
    if _HOST.fullmatch(host) is None or ".." in host:
        raise UsageError(f'{what} "{url}": "{host}" is not a host name')
    try:
        # Names such as 0x7f.1, 017700000001 or 2130706433 are addresses to some readers, names to others.
        meant = socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        return
    raise UsageError(f'{what} "{url}": write the address {host} as {meant}')


# --- which addresses may be called ----------------------------------------------------------------

# A list, because `is_private` includes 169.254.169.254, excludes 100.64.0.0/10, and changed between releases.
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

# Cloud machines get their credentials from these; most of them are within the networks above.
METADATA_ADDRESSES = frozenset(
    ipaddress.ip_address(text)
    for text in (
        "169.254.169.254",
        "100.100.100.200",
        "fd00:ec2::254",
        "fd20:ce::254",
        "fe80::a9fe:a9fe",
    )
)

_NAT64 = ipaddress.ip_network("64:ff9b::/96")

_COMPATIBLE = ipaddress.ip_network("::/96")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

LOOPBACK_ADDRESSES = ("127.0.0.1", "::1")

Resolve = Callable[[str, int], Sequence[str]]


def system_resolve(host: str, port: int) -> Sequence[str]:
    """Return the addresses of a name as the system has them, in its order. Raises OSError for none."""
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
    """Return the addresses to connect to, each of them checked; none where a proxy connects."""
    allowed = {name.strip().strip("[]").rstrip(".").lower() for name in allow_hosts}
    host = endpoint.host
    literal = _literal(host)
    if proxy is not None:
        if literal is None and host not in allowed and not _is_localhost(host):
            raise UsageError(
                f"endpoint {endpoint}: behind the proxy {proxy.place} it cannot be seen which address "
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
    """Return whether an address is this machine itself (127.0.0.0/8, ::1)."""
    return _plain(ipaddress.ip_address(address)).is_loopback


def is_this_machine(host: str) -> bool:
    """Return whether a name or an address is this machine itself, without looking it up."""
    literal = _literal(host)
    return _is_localhost(host) if literal is None else is_loopback(str(literal))


_CONTAINER_MARKS = ("/.dockerenv", "/run/.containerenv", "/var/run/secrets/kubernetes.io")


def in_container() -> bool:
    """Return whether this seems to be a container: Docker, Podman and Kubernetes leave these marks."""
    return any(Path(mark).exists() for mark in _CONTAINER_MARKS)


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
    if METADATA_ADDRESSES & {ip, _within(ip)}:
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


def _plain(ip: Address) -> Address:
    """Return the IPv4 address that is written as IPv6 (::ffff:1.2.3.4), and any other without its zone."""
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    return ip.ipv4_mapped or ipaddress.IPv6Address(int(ip))


def _within(ip: Address) -> Address:
    """Return the IPv4 address that a translator or a tunnel reaches under an IPv6 one; any other as it is."""
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    if ip in _NAT64 or ip in _COMPATIBLE:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.sixtofour or ip


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_localhost(host: str) -> bool:
    return host == "localhost" or host.endswith(".localhost")
