"""One webhook straight to the wallet: sent once, answered or not."""

from __future__ import annotations

from simulator.core.webhooks import Exchange, WebhookRequest
from simulator.core.wire import WireProfile, write
from simulator.delivery.sender import Sender
from simulator.delivery.target import Target


class DirectDelivery:
    """Calls one wallet in one wire profile. Safe to use from any thread."""

    def __init__(self, target: Target, wire: WireProfile) -> None:
        """ConfigurationError for a certificate file that cannot be used; UsageError for a bad header."""
        self._sender = Sender(target)
        self._wire = wire

    def call(self, request: WebhookRequest) -> Exchange:
        """Send it once and wait for the answer; never raises for what the operator does."""
        return self._sender.call(request, write(request, self._wire))
