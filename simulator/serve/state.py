"""The state of one running server, which the blueprints of api, play and console share."""

from __future__ import annotations

import hmac
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import field
from typing import TYPE_CHECKING, Protocol

from simulator.core.values import Frozen
from simulator.serve.accounts import Agents, Session, SessionStore
from simulator.serve.answers import Denied, ErrorCode
from simulator.serve.api.faults import ApiFaults
from simulator.serve.api.log import ApiLog
from simulator.serve.catalogue import Catalogue
from simulator.serve.clock import Clock
from simulator.serve.streams import EventStreams
from simulator.settings import ServeSettings

if TYPE_CHECKING:
    from flask import Request

    from simulator.core.profiles import WireProfile
    from simulator.serve.delivery import RoundDelivery
    from simulator.wire.target import Target


class WalletCheck(Protocol):
    """One step of a check of the way to a wallet, and its result; `health` is ok, odd or failed."""

    @property
    def name(self) -> str:
        """Return what was checked."""

    @property
    def health(self) -> str:
        """Return the result."""

    @property
    def detail(self) -> str:
        """Return what was found."""

    @property
    def hint(self) -> str:
        """Return what to do about it, or nothing."""

    @property
    def took_ns(self) -> int | None:
        """Return how long it took, where that says something."""

    @property
    def reached(self) -> bool:
        """Return whether the wallet could be reached."""


Doctor = Callable[[Callable[[], "Target"], str, "WireProfile"], Iterator[WalletCheck]]
"""Checks the way to a target for a player in a wire profile, step by step."""


class ServerState(Frozen):
    """The parts of one server.

    `public_url` has no slash at its end: the setting, or else the address that the server listens on. Tokens
    and sessions expire by `clock`, which can be moved ahead. The server starts and stops `delivery`.
    `stopping` is set as soon as the server begins to stop; handlers that hold a connection open watch it.
    `doctor` checks the way to a wallet for the console; None where no one handed it over.
    """

    settings: ServeSettings
    public_url: str
    clock: Clock
    access_key: bytes = field(repr=False)
    catalogue: Catalogue = field(repr=False)
    agents: Agents = field(repr=False)
    sessions: SessionStore = field(repr=False)
    delivery: RoundDelivery = field(repr=False)
    streams: EventStreams = field(repr=False)
    stopping: threading.Event = field(repr=False)
    faults: ApiFaults = field(default_factory=ApiFaults, repr=False)
    api_log: ApiLog = field(default_factory=ApiLog, repr=False)
    doctor: Doctor | None = field(default=None, repr=False)

    def game_url(self, session: Session, request: Request) -> str:
        """Return where a browser finds the game: at the public URL, or else at the host that was asked.

        Behind a published port, and under a service's name, only the caller knows an address that leads here.
        Raises Denied for a Host header that no URL can begin with.
        """
        host = request.headers.get("Host", "")
        if self.settings.public_url is not None or not host:
            return f"{self.public_url}/play/{session.token}"
        authority = _AUTHORITY.fullmatch(host)
        if authority is None or int(authority["port"] or 0) > PORT_MAX:
            raise Denied(
                ErrorCode.BAD_REQUEST,
                "The Host header is not a host with an optional port, so no game URL can begin with it.",
                hint="send Host: NAME:PORT as your HTTP client does by itself, or start with --public-url",
            )
        return f"{request.scheme}://{host}/play/{session.token}"


PORT_MAX = 65_535

# A name (service names have underscores), an IPv4 or an IPv6 address; nothing that could end a URL's host.
_AUTHORITY = re.compile(
    r"(?:[0-9A-Za-z_.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::(?P<port>[0-9]{1,5}))?", re.ASCII
)


def derived_key(secret: bytes, purpose: str) -> bytes:
    """Return a key of 32 bytes for this purpose only."""
    return hmac.digest(secret, purpose.encode(), "sha256")
