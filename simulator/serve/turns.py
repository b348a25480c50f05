"""Give callers a turn at a wallet: calls for one player go out one after another, first come first served.

DEMO sessions get no turn, since they play without a wallet.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from simulator.core.calls import Player
from simulator.errors import SimulatorError, UsageError
from simulator.serve.calls import CalledAgent, GameSession, is_demo, no_webhook_url

CALLERS_MAX = 96
"""How many callers may wait for one agent's wallet: each holds a thread of the server."""

TURN_S = 15.0
"""How long a player's call waits for those before it."""


class DemoSession(SimulatorError):
    """Raised when a DEMO session asks for a wallet; nothing was sent."""


class DeliveryStopped(SimulatorError):
    """Raised when the simulator is being stopped; nothing was sent."""


class WalletTurns:
    """Gives turns at wallets; calls `left` after each. Thread-safe."""

    def __init__(
        self, queues: PlayerQueues, find_agent: Callable[[str], CalledAgent | None], left: Callable[[], None]
    ) -> None:
        self._queues = queues
        self._find_agent = find_agent
        self._left = left
        self._lock = threading.Lock()
        self._callers: Counter[str] = Counter()
        self.stopping = threading.Event()

    def agent(self, code: str) -> CalledAgent:
        """Return the present agent with that code. Raises UsageError for an unknown one."""
        agent = self._find_agent(code)
        if agent is None:
            raise UsageError(f'there is no agent "{code}"')
        return agent

    @contextmanager
    def of_session(self, session: GameSession) -> Iterator[CalledAgent]:
        """Wait for the turn of the session's player; yield the session's agent.

        Raises DemoSession, and the exceptions of `of_player`.
        """
        if is_demo(session):
            raise DemoSession(f"session {session.id} plays with play money; no wallet is called for it")
        agent = self.agent(session.launch.agent.code)
        with self.of_player(agent, session.launch.player):
            yield agent

    @contextmanager
    def of_player(self, agent: CalledAgent, player: str) -> Iterator[None]:
        """Wait for the player's turn. Raises NoWebhookUrl, PlayerBusy and DeliveryStopped."""
        if agent.target is None:
            raise no_webhook_url(agent)
        try:
            with self._place(agent.code), self._queues.turn((agent.code, player), TURN_S):
                if self.stopping.is_set():
                    raise DeliveryStopped("the simulator is being stopped; nothing was sent")
                yield
        finally:
            self._left()

    @contextmanager
    def _place(self, agent_code: str) -> Iterator[None]:
        with self._lock:
            if self._callers[agent_code] >= CALLERS_MAX:
                raise PlayerBusy(
                    f"agent {agent_code}: {CALLERS_MAX} calls already wait for your wallet; nothing was sent"
                )
            self._callers[agent_code] += 1
        try:
            yield
        finally:
            with self._lock:
                self._callers[agent_code] -= 1


class PlayerBusy(SimulatorError):
    """Raised when earlier calls for the player take too long; nothing was sent."""


class PlayerQueues:
    """One queue for each player. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._empty = threading.Condition(self._lock)
        self._waiting: dict[Player, deque[threading.Event]] = {}

    @contextmanager
    def turn(self, player: Player, timeout_s: float) -> Iterator[None]:
        """Wait for the player's turn and keep it for the block. Raises PlayerBusy after `timeout_s`."""
        mine = threading.Event()
        with self._lock:
            queue = self._waiting.setdefault(player, deque())
            queue.append(mine)
            if len(queue) == 1:
                mine.set()
        try:
            if not mine.wait(timeout_s):
                raise PlayerBusy(
                    f"player {player[1]}: the calls before this one are still under way after {timeout_s:g} s"
                )
            yield
        finally:
            self._leave(player, mine)

    @contextmanager
    def free_turn(self, player: Player) -> Iterator[bool]:
        """Keep the player's turn for the block if the queue is empty; yield whether it is."""
        mine = threading.Event()
        with self._lock:
            is_free = player not in self._waiting
            if is_free:
                self._waiting[player] = deque([mine])
        try:
            yield is_free
        finally:
            if is_free:
                self._leave(player, mine)

    def idle(self, timeout_s: float) -> bool:
        """Wait until all queues are empty; return False after `timeout_s`."""
        with self._empty:
            return self._empty.wait_for(lambda: not self._waiting, timeout_s)

    def _leave(self, player: Player, mine: threading.Event) -> None:
        with self._lock:
            queue = self._waiting[player]
            queue.remove(mine)
            if queue:
                queue[0].set()
            else:
                del self._waiting[player]
                self._empty.notify_all()
