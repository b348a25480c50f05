"""Read a balance again before reporting that a wallet moved it, since some reads lag behind."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

from simulator.core.money import Money

PAUSES_S = (0.0, 0.0, 0.0, 0.05, 0.1, 0.15, 0.3)
"""The pauses before further reads, long enough to detect a cache or a replica that lags some tenths."""

FRUITLESS_MAX = 5
"""How often in a row waiting may be without success; after that, a balance that disagrees is believed."""


class Patience:
    """Counts the waits of an agent, a run or several runs. Threads may share it: a lost count does no harm.

    `unshared`: it is known already that nobody else moves the players.
    """

    def __init__(self) -> None:
        self._left = FRUITLESS_MAX
        self.unshared = False

    def await_balance(self, read: Callable[[], Money | None], wanted: Collection[Money]) -> Money | None:
        """Read until one of the wanted balances is shown; None when it never was."""
        if self._left <= 0:
            return None
        for pause_s in PAUSES_S:
            time.sleep(pause_s)
            balance = read()
            if balance in wanted:
                self._left = FRUITLESS_MAX
                return balance
        self._left -= 1
        return None
