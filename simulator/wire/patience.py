"""Wait for a balance to be shown before a wallet is accused of having moved it: some reads lag behind."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

from simulator.core.money import Money

PAUSES_S = (0.0, 0.0, 0.0, 0.05, 0.1, 0.15, 0.3)
"""Before each further read: a cache of some reads, or a replica that lags some tenths, shows itself."""

FRUITLESS_MAX = 5
"""So often in a row the pauses may lead to nothing; after that a balance that disagrees is taken as it is."""


class Patience:
    """What one run, or one agent, has of it, for all threads: if two count a wait as one, no harm is done."""

    def __init__(self) -> None:
        self._left = FRUITLESS_MAX

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
