"""Agents: the operators' accounts with us, each with its credentials, its webhook URL and its wire profile.

What is sent to an agent's wallet, and what became of it, is delivery's; who plays is `sessions`'.
"""

from __future__ import annotations

import hmac
import threading
from collections.abc import Iterable
from dataclasses import field
from typing import TYPE_CHECKING

from simulator.core.frozen import Frozen
from simulator.core.wire import WireProfile
from simulator.errors import ConfigurationError
from simulator.settings import AgentSettings, ServeSettings
from simulator.settings.wire import wire_profile

if TYPE_CHECKING:
    from simulator.delivery.target import Target


class Agent(Frozen):
    """One operator's account. `target` is its checked webhook URL; None lets it play DEMO only."""

    code: str
    token: str = field(repr=False)
    secret_key: str = field(repr=False)
    wire: WireProfile = field(repr=False)
    target: Target | None = None


def make_agent(account: AgentSettings, settings: ServeSettings) -> Agent:
    """The agent of that account; what concerns every agent's calls comes from the settings.

    Raises UsageError or EndpointUnreachable where its webhook URL may not or cannot be called,
    ConfigurationError for its wire profile.
    """
    target = None if account.webhook_url is None else _target(account, account.webhook_url, settings)
    return Agent(account.code, account.token, account.secret_key, wire_profile(account.wire), target)


def _target(account: AgentSettings, webhook_url: str, settings: ServeSettings) -> Target:
    # The HTTP library behind it costs most of a start, which a server without a webhook URL is spared.
    from simulator.delivery.guard import make_target

    return make_target(
        webhook_url,
        allow_hosts=settings.allow_hosts,
        headers=account.headers,
        timeout_s=settings.timeout_s,
        connect_timeout_s=settings.timeout_s,
        cacert=None if settings.cacert is None else str(settings.cacert),
        insecure=settings.insecure,
        proxy=settings.proxy,
    )


class Agents:
    """The agents that there are now. Safe to use from any thread; an agent may be replaced at run time."""

    def __init__(self, agents: Iterable[Agent]) -> None:
        """ConfigurationError for two agents with one code or one token."""
        self._by_code: dict[str, Agent] = {}
        self._changing = threading.Lock()
        for agent in agents:
            if agent.code in self._by_code:
                raise ConfigurationError(f'two agents have the code "{agent.code}"; each needs its own')
            self.put(agent)

    def put(self, agent: Agent) -> None:
        """Add an agent, or replace the one of that code. ConfigurationError for another agent's token."""
        with self._changing:
            others = [other for code, other in self._by_code.items() if code != agent.code]
            if any(other.token == agent.token for other in others):
                raise ConfigurationError(
                    f'the agent "{agent.code}" has the agent_token of another one; each needs its own'
                )
            # A copy, so that whoever is reading sees the agents before or after, never between.
            self._by_code = {**self._by_code, agent.code: agent}

    def remove(self, code: str) -> None:
        """Forget an agent; its tokens are worth nothing from now on. KeyError where there is none."""
        with self._changing:
            left = dict(self._by_code)
            del left[code]
            self._by_code = left

    def all(self) -> tuple[Agent, ...]:
        """Every agent, the first one first."""
        return tuple(self._by_code.values())

    def of_code(self, code: str) -> Agent | None:
        """The agent of that code."""
        return self._by_code.get(code)

    def with_credentials(self, token: str, secret_key: str) -> Agent | None:
        """The agent that both belong to. Takes equally long whichever of them is wrong."""
        found: Agent | None = None
        for agent in self._by_code.values():
            token_fits = same_text(agent.token, token)
            if same_text(agent.secret_key, secret_key) & token_fits:
                found = agent
        return found


def same_text(secret: str, given: str) -> bool:
    """Whether a secret was given, compared in constant time."""
    return hmac.compare_digest(secret.encode(), given.encode("utf-8", "surrogatepass"))
