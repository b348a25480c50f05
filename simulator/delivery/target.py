"""Where calls go and with which limits, as data. Checking it is `guard`'s, connecting `connection`'s."""

from __future__ import annotations

from simulator.core.frozen import Frozen

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
        """What the Host header says: the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == default_port(self.scheme) else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The URL as it is called."""
        return f"{self.scheme}://{self.authority}{self.path}"

    @property
    def place(self) -> str:
        """Host and port, for a sentence."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        return self.url


def default_port(scheme: str) -> int:
    """443 for https, 80 for http."""
    return 443 if scheme == "https" else 80


class Proxy(Frozen):
    """An HTTP proxy; `authorization` is the whole value of Proxy-Authorization, or empty."""

    host: str
    port: int
    authorization: str = ""

    @property
    def place(self) -> str:
        """Host and port, for a sentence."""
        return f"{self.host}:{self.port}"


class Target(Frozen, kw_only=True):
    """An operator's endpoint and how it is called; made by `guard.admit`.

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
        """The endpoint's URL."""
        return self.endpoint.url
