"""One queue a player: calls for one player go out one after another, in the order they were asked for."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from simulator.errors import SimulatorError

Player = tuple[str, str]
"""Agent code and user id: one wallet."""


class PlayerBusy(SimulatorError):
    """The calls before this one took too long; nothing was sent."""


class PlayerQueues:
    """Turns for any number of players and threads; who comes first is served first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._empty = threading.Condition(self._lock)
        self._waiting: dict[Player, deque[threading.Event]] = {}

    @contextmanager
    def turn(self, player: Player, timeout_s: float) -> Iterator[None]:
        """Wait for one's turn and keep it for the block. Raises PlayerBusy after `timeout_s`."""
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

    def idle(self, timeout_s: float) -> bool:
        """Wait until nobody has a turn; False when the time is over before."""
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
