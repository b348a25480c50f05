"""Guard console and control API: by the admin token, or, without one, by loopback, Host and Origin.

A machine sends `Authorization: Bearer TOKEN`. A browser logs in with the token and keeps a signed cookie,
which is invalid for another server, another token, and after LIFETIME_S.
"""

from __future__ import annotations

import hmac
import ipaddress
import threading
import time
from base64 import urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import field
from urllib.parse import urlsplit

from flask import Request, request
from werkzeug.wrappers import Response

from simulator.core.values import Frozen
from simulator.serve.accounts import same_text
from simulator.serve.answers import Denied, ErrorCode

LIFETIME_S = 12 * 3600

_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")

_HOW = "set one with --admin-token (serve.admin_token, BETRONTECH_SIM_ADMIN_TOKEN), then send it or log in"


TRIES_MAX = 10

TRIES_S = 60.0

ADDRESSES_MAX = 1000


class Tries:
    """Counts wrong tokens by address: after TRIES_MAX within TRIES_S it has to wait. Thread-safe."""

    def __init__(self) -> None:
        self._failed: OrderedDict[str, list[float]] = OrderedDict()
        self._lock = threading.Lock()

    def are_too_many(self, address: str) -> bool:
        """Return whether that address has to wait."""
        since = time.monotonic() - TRIES_S
        with self._lock:
            return len([each for each in self._failed.get(address, ()) if each > since]) >= TRIES_MAX

    def add(self, address: str) -> None:
        """Count one more wrong token."""
        with self._lock:
            failed = self._failed.pop(address, [])
            self._failed[address] = [*failed[-TRIES_MAX:], time.monotonic()]
            while len(self._failed) > ADDRESSES_MAX:
                self._failed.popitem(last=False)


class Access(Frozen, kw_only=True):
    """The guard of one server. `token` None opens it to loopback; `key` signs cookies.

    `hosts` are the names of this server besides localhost and the host of `public_url`. `tries` counts wrong
    tokens, in forms and headers alike. `now_s` is real time, so that moving the simulator's clock ends no
    login.
    """

    token: str | None = field(repr=False)
    key: bytes = field(repr=False)
    public_url: str
    hosts: frozenset[str]
    now_s: Callable[[], float] = time.time
    tries: Tries = field(default_factory=Tries, repr=False)

    def check(self, request: Request) -> None:
        """Let the request pass, or raise Denied."""
        header = request.headers.get("Authorization")
        if self.token is not None and header is not None:
            # A page of another site cannot send this header with the token.
            self._check_bearer(header, request.remote_addr or "")
            return
        self.check_site(request)
        if self.token is None:
            self._check_loopback(request)
        elif not self._is_ours(request.cookies.get(self.cookie_name, "")):
            raise Denied(
                ErrorCode.TOKEN_MISSING, hint="send Authorization: Bearer ADMIN_TOKEN, or log in at /"
            )

    def check_site(self, request: Request) -> None:
        """Refuse requests that a page of another site may have made a browser send. Raises Denied."""
        host = request.headers.get("Host", "")
        if not self._is_known(host):
            raise Denied(
                ErrorCode.HOST_REFUSED,
                hint="ask by address, as localhost, or by a host that --public-url or --console-host names",
            )
        origin = request.headers.get("Origin")
        if origin is not None and _authority(origin) not in (host.lower(), _authority(self.public_url)):
            raise Denied(ErrorCode.ORIGIN_REFUSED)
        # Links from other sites may lead here; their scripts, forms and images may not.
        followed = request.method == "GET" and request.headers.get("Sec-Fetch-Mode") == "navigate"
        if request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin") and not followed:
            raise Denied(ErrorCode.ORIGIN_REFUSED)

    # --- cookies -----------------------------------------------------------------------------------

    @property
    def cookie_name(self) -> str:
        """Return a name that only this server uses: all ports of a host share its cookies."""
        return f"console_{hmac.digest(self.key, b'name', 'sha256').hex()[:8]}"

    def fits(self, given: str) -> bool:
        """Return whether this is the admin token, compared in constant time."""
        return self.token is not None and same_text(self.token, given)

    def cookie(self) -> str:
        """Return the value of a cookie for a browser that has sent the token."""
        return self._signed(int(self.now_s()) + LIFETIME_S)

    def _is_ours(self, cookie: str) -> bool:
        expires_text = cookie.partition(".")[0]
        if not (expires_text.isascii() and expires_text.isdigit() and len(expires_text) <= 12):
            return False
        expires_s = int(expires_text)
        return same_text(self._signed(expires_s), cookie) and self.now_s() < expires_s

    def _signed(self, expires_s: int) -> str:
        mac = hmac.digest(self.key, f"{expires_s} {self.token}".encode(), "sha256")
        return f"{expires_s}.{urlsafe_b64encode(mac).rstrip(b'=').decode('ascii')}"

    def _check_bearer(self, header: str, address: str) -> None:
        if self.tries.are_too_many(address):
            raise Denied(ErrorCode.TOO_MANY_TRIES, hint="wait a minute, then send the right token")
        scheme, _, given = header.strip().partition(" ")
        if scheme.lower() != "bearer" or not self.fits(given.strip()):
            self.tries.add(address)
            raise Denied(ErrorCode.TOKEN_WRONG, hint="expected Authorization: Bearer ADMIN_TOKEN")

    def _check_loopback(self, request: Request) -> None:
        """Refuse other addresses, and requests through a proxy, whose sender may be anywhere."""
        if not _is_loopback(request.remote_addr) or any(name in request.headers for name in _FORWARDED):
            raise Denied(ErrorCode.LOOPBACK_ONLY, hint=_HOW)

    def _is_known(self, host: str) -> bool:
        """Return whether the host is an address or a known name; others might resolve any name to here."""
        name = _hostname(host)
        if name in ("", "localhost", _hostname(_authority(self.public_url))) or name in self.hosts:
            return True
        return name.endswith(".localhost") or _address(name) is not None


def put_cookie(told: Response, access: Access, value: str) -> None:
    """Set the browser's cookie; an empty value deletes it."""
    told.set_cookie(
        access.cookie_name,
        value,
        max_age=LIFETIME_S if value else 0,
        secure=access.public_url.startswith("https://") or request.is_secure,
        httponly=True,
        samesite="Lax",
    )


def _authority(url: str) -> str:
    """Return host and port of a URL as a browser writes them; empty for an invalid URL."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2].lower()
    except ValueError:
        return ""


def _hostname(authority: str) -> str:
    """Return the host of HOST:PORT, an IPv6 address without its brackets."""
    if authority.startswith("["):
        address, bracket, _ = authority[1:].partition("]")
        return address if bracket else authority
    return authority.partition(":")[0].lower().rstrip(".")


def _address(text: str | None) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text or "")
    except ValueError:
        return None


def _is_loopback(text: str | None) -> bool:
    address = _address(text)
    mapped = getattr(address, "ipv4_mapped", None)
    return address is not None and (mapped or address).is_loopback
