"""What one running server keeps, and the blueprints share: api, play and console are each given this."""

from __future__ import annotations

import hmac
import threading
from dataclasses import field
from typing import TYPE_CHECKING

from simulator.core.values import Frozen
from simulator.serve.accounts import Agents, SessionStore
from simulator.serve.api.faults import ApiFaults
from simulator.serve.catalogue import Catalogue
from simulator.serve.clock import Clock
from simulator.serve.streams import EventStreams
from simulator.settings import ServeSettings

if TYPE_CHECKING:
    from simulator.serve.delivery import RoundDelivery


class ServerState(Frozen):
    """One server's parts.

    `public_url` has no slash at its end. Tokens expire and sessions end by `clock`, which is virtual.
    `delivery` is to be started and stopped by whoever serves. `stopping` is set as soon as the server is
    told to stop: whoever holds a connection open watches it.
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


def derived_key(secret: bytes, purpose: str) -> bytes:
    """A key of 32 bytes for one purpose only."""
    return hmac.digest(secret, purpose.encode(), "sha256")
