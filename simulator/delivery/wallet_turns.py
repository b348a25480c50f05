"""Who may call which wallet now: agents by code, DEMO turned away, and the turn in the player's queue."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from simulator.delivery.parties import Agent, GameSession, is_demo
from simulator.delivery.player_queues import PlayerQueues
from simulator.delivery.wallet_calls import no_webhook_url
from simulator.errors import SimulatorError, UsageError

TURN_S = 15.0
"""How long a player's call waits for those before it."""


class DemoSession(SimulatorError):
    """A DEMO session asked for a wallet; nothing was sent."""


class DeliveryStopped(SimulatorError):
    """The simulator is being stopped; nothing was sent."""


class WalletTurns:
    """Gives turns at wallets; `left` is called after each one. For any threads."""

    def __init__(
        self, queues: PlayerQueues, find_agent: Callable[[str], Agent | None], left: Callable[[], None]
    ) -> None:
        self._queues = queues
        self._find_agent = find_agent
        self._left = left
        self.stopping = threading.Event()

    def agent(self, code: str) -> Agent:
        """The agent of that code as it is now. Raises UsageError when there is none."""
        agent = self._find_agent(code)
        if agent is None:
            raise UsageError(f'there is no agent "{code}"')
        return agent

    @contextmanager
    def of_session(self, session: GameSession) -> Iterator[Agent]:
        """The turn of the session's player; gives the session's agent.

        Raises DemoSession, and as `of_player` does.
        """
        if is_demo(session):
            raise DemoSession(f"session {session.id} plays with play money; no wallet is called for it")
        agent = self.agent(session.launch.agent.code)
        with self.of_player(agent, session.launch.player):
            yield agent

    @contextmanager
    def of_player(self, agent: Agent, player: str) -> Iterator[None]:
        """A player's turn. Raises NoWebhookUrl, PlayerBusy and DeliveryStopped."""
        if agent.target is None:
            raise no_webhook_url(agent)
        try:
            with self._queues.turn((agent.code, player), TURN_S):
                if self.stopping.is_set():
                    raise DeliveryStopped("the simulator is being stopped; nothing was sent")
                yield
        finally:
            self._left()
