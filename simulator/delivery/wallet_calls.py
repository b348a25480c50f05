"""One call to an agent's wallet: its own sender, faults on demand, and how the reply reads.

What is recorded, owed or judged because of it is decided elsewhere.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from simulator.core.findings import Outcome
from simulator.core.frozen import Frozen
from simulator.core.reading import Reading, read_reply
from simulator.core.scenario import FaultSpec
from simulator.core.webhooks import Exchange, NoReply, WebhookRequest, WireRequest
from simulator.delivery.parties import Agent
from simulator.errors import UsageError

if TYPE_CHECKING:
    from simulator.delivery.sender import Sender


class Sent(Frozen):
    """One call that was made, and how its answer reads."""

    exchange: Exchange
    reading: Reading

    @property
    def nothing_sent(self) -> bool:
        """Whether the operator provably never saw it."""
        reply = self.exchange.reply
        return isinstance(reply, NoReply) and reply.kind.nothing_sent


class NoWebhookUrl(UsageError):
    """An agent has nowhere to send webhooks to."""


class WalletCalls:
    """Calls wallets, each agent's by a sender of its own; for any threads.

    `charged_calls` and `demo_calls` count the calls that left, by what the session was played for.
    `found_again` is called when somebody is there to call again.
    """

    def __init__(self, found_again: Callable[[], None]) -> None:
        self._found_again = found_again
        self._senders: dict[str, Sender] = {}
        self._away: set[str] = set()
        self._lock = threading.Lock()
        self.charged_calls = 0
        self.demo_calls = 0

    def send(
        self,
        agent: Agent,
        request: WebhookRequest,
        wire: WireRequest,
        fault: FaultSpec | None = None,
        *,
        demo: bool = False,
    ) -> tuple[Sent, ...]:
        """Send it once, or as the fault wants it, and read what comes. Raises NoWebhookUrl."""
        sender = self._sender(agent)
        with self._lock:
            if demo:
                self.demo_calls += 1
            else:
                self.charged_calls += 1
        if fault is None:
            exchanges: tuple[Exchange, ...] = (sender.call(request, wire),)
        else:
            exchanges = sender.disturb(request, wire, fault)
        sent = tuple(
            Sent(each, read_reply(request, each.reply, agent.wire, injected=each.fault is not None))
            for each in exchanges
        )
        self._note_away(agent.code, is_away=all(each.nothing_sent for each in sent))
        return sent

    def is_away(self, agent_code: str) -> bool:
        """Whether the latest call to that agent's wallet found nobody to connect to."""
        return agent_code in self._away

    def _note_away(self, agent_code: str, *, is_away: bool) -> None:
        with self._lock:
            was_away = agent_code in self._away
            if is_away:
                self._away.add(agent_code)
            else:
                self._away.discard(agent_code)
        if was_away and not is_away:
            self._found_again()

    def stop(self) -> None:
        """End all calls under way: they come back as unknown. Close the connections."""
        with self._lock:
            senders = list(self._senders.values())
        for sender in senders:
            sender.cancel()
            sender.close()

    def _sender(self, agent: Agent) -> Sender:
        """The agent's sender, a new one when it is called elsewhere or with other headers than before."""
        target = agent.target
        if target is None:
            raise no_webhook_url(agent)
        # The HTTP library behind it costs most of a start, which a server without a webhook URL is spared.
        from simulator.delivery.sender import Sender

        with self._lock:
            kept = self._senders.get(agent.code)
            if kept is not None and kept.target == target:
                return kept
            sender = self._senders[agent.code] = Sender(target)
        if kept is not None:
            kept.close()
        return sender


def no_webhook_url(agent: Agent) -> NoWebhookUrl:
    """What to say of an agent that cannot be called."""
    return NoWebhookUrl(
        f'agent "{agent.code}" has no webhook URL; say with --webhook-url (serve.webhook_url in the '
        "configuration file) where the operator answers webhooks"
    )


def told(sent: Sequence[Sent]) -> Sent:
    """The one of a call's exchanges that says what became of it: an answer beats none."""
    answered = [each for each in sent if each.reading.outcome is not Outcome.UNKNOWN]
    return answered[0] if answered else sent[0]
