"""Read a balance again before reporting that a wallet moved it, since some reads lag behind."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

from simulator.core.money import Money

PAUSES_S = (0.0, 0.0, 0.0, 0.05, 0.1, 0.15, 0.3)
"""The pauses before further reads, long enough to detect a cache or a replica that lags some tenths."""

LONG_PAUSES_S = (0.4, *(0.5,) * 10)
"""The pauses after these where reads are known to lag: most caches end within 5 s."""

FRUITLESS_MAX = 5
"""How often in a row waiting may be without success; after that, a balance that disagrees is believed."""

LONG_FRUITLESS_MAX = 2
"""The same for the long pauses."""

SETTLING_S_MAX = 60.0
"""How long reads may be waited for in all, once it is known by how much they lag."""


SETTLING_S_MIN = 0.3
"""How long a read is waited for at the least: an old balance may by chance be the one that was wanted."""


class Patience:
    """Counts the waits of an agent, a run or several runs. Threads may share it: a lost count does no harm.

    `unshared`: it is known already that nobody else moves the players. `lag_s` is by how much reads were seen
    to lag at the most, and `reads` how many of them it took until one did not; 0 if none ever came right.
    """

    def __init__(self) -> None:
        self._left = FRUITLESS_MAX
        self.unshared = False
        self._long_left = LONG_FRUITLESS_MAX
        self._settling_s = SETTLING_S_MAX
        self.lag_s = 0.0
        self.reads = 0

    def await_balance(
        self,
        read: Callable[[], Money | None],
        wanted: Collection[Money],
        *,
        lags: bool = False,
        waited_s: float = 0.0,
    ) -> Money | None:
        """Read until one of the wanted balances is shown; None when it never was.

        `lags`: reads were seen to lag, so that it is worth waiting for longer. `waited_s`: nothing was sent
        for so long before.
        """
        if self._left <= 0:
            return None
        long = lags and self._long_left > 0
        started_s = time.monotonic()
        for number, pause_s in enumerate((*PAUSES_S, *(LONG_PAUSES_S if long else ())), start=1):
            time.sleep(pause_s)
            balance = read()
            if balance in wanted:
                self._left, self._long_left = FRUITLESS_MAX, LONG_FRUITLESS_MAX
                self.lag_s = max(self.lag_s, waited_s + time.monotonic() - started_s)
                self.reads = max(self.reads, number)
                return balance
        self._left -= 1
        self._long_left -= long
        return None

    def settling_s(self) -> float | None:
        """Return how long to wait until a read has caught up; None if that is not known, or took too long.

        What it returns counts as waited for.
        """
        if not self.reads or self._settling_s <= 0:
            return None
        wait_s = max(1.5 * self.lag_s, SETTLING_S_MIN)
        self._settling_s -= wait_s
        return wait_s
