"""Reading an endpoint's or a proxy's URL, strictly. Where it leads is `guard`'s question."""

from __future__ import annotations

import base64
import ipaddress
import re
import socket
from urllib.parse import SplitResult, unquote, urlsplit

from requests import PreparedRequest, RequestException

from simulator.delivery.target import Endpoint, Proxy, default_port
from simulator.errors import UsageError

_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f]")
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?", re.ASCII)


def parse_endpoint(url: str) -> Endpoint:
    """Read the URL that webhooks are sent to; UsageError says what is wrong with it."""
    parts = _split("endpoint", url)
    if parts.fragment or url.endswith("#"):
        raise UsageError(f'endpoint "{url}": what follows # is never sent; leave it out')
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
    """Scheme, host and port are there and can be used."""
    shown = url if "@" not in url else "URL"
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
        raise UsageError(f'{what} "{shown}": nobody can be called at port 0')
    return parts


def _ascii(url: str) -> str:
    """The URL as it goes on the wire: international names as IDNA 2008, other text percent-encoded."""
    prepared = PreparedRequest()
    try:
        prepared.prepare_url(url, None)
    except (RequestException, UnicodeError) as error:
        raise UsageError(f'endpoint "{url}": {error}') from error
    return prepared.url or url


def _check_host(what: str, url: str, host: str) -> None:
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
