"""The state of one running server, which the blueprints of api, play and console share."""

from __future__ import annotations

import hmac
import threading
from dataclasses import field
from typing import TYPE_CHECKING

from simulator.core.values import Frozen
from simulator.serve.accounts import Agents, SessionStore
from simulator.serve.api.faults import ApiFaults
from simulator.serve.api.log import ApiLog
from simulator.serve.catalogue import Catalogue
from simulator.serve.clock import Clock
from simulator.serve.streams import EventStreams
from simulator.settings import ServeSettings

if TYPE_CHECKING:
    from simulator.serve.delivery import RoundDelivery


class ServerState(Frozen):
    """The parts of one server.

    `public_url` has no slash at its end. Tokens and sessions expire by `clock`, which can be moved ahead. The
    server starts and stops `delivery`. `stopping` is set as soon as the server begins to stop; handlers that
    hold a connection open watch it.
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


def derived_key(secret: bytes, purpose: str) -> bytes:
    """Return a key of 32 bytes for this purpose only."""
    return hmac.digest(secret, purpose.encode(), "sha256")
