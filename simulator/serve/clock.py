"""The clock by which tokens, sessions and retries expire, which can be moved ahead, and the retry ladders.

Latencies of calls are measured by the machine's monotonic clock instead.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from enum import StrEnum

from simulator.core.values import Frozen
from simulator.core.words import did_you_mean_or_valid
from simulator.errors import UsageError
from simulator.serve.store import JournalStore

_OFFSET = "clock_offset_ms"


class Pace(StrEnum):
    """Whether retries wait. REAL: as long as the ladder says. AT_ONCE: each follows at once."""

    REAL = "real"
    AT_ONCE = "at once"


class Clock:
    """Unix time in milliseconds, never backwards. Thread-safe.

    `offset_ms` is how far users have moved it ahead of the machine's clock. Deliveries never move it,
    whatever their `pace`: that would end the tokens and sessions of others.
    """

    def __init__(self, offset_ms: int = 0, pace: Pace = Pace.REAL) -> None:
        self.pace = pace
        self._base_ns = time.time_ns() - time.monotonic_ns()
        self._offset_ms = offset_ms
        self._lock = threading.Lock()
        self._listeners: list[Callable[[], None]] = []

    @property
    def offset_ms(self) -> int:
        """Return how far it is ahead of the machine's clock."""
        return self._offset_ms

    def now_ms(self) -> int:
        """Return the time in Unix milliseconds."""
        return (self._base_ns + time.monotonic_ns()) // 1_000_000 + self._offset_ms

    def now_s(self) -> float:
        """Return the time in Unix seconds."""
        return self.now_ms() / 1000

    def now_ns(self) -> int:
        """Return the time in Unix nanoseconds."""
        return self.unix_ns(time.monotonic_ns())

    def unix_ns(self, monotonic_ns: int) -> int:
        """Return a recent moment of the machine's monotonic clock in Unix nanoseconds of this clock."""
        return self._base_ns + monotonic_ns + self._offset_ms * 1_000_000

    def advance(self, by_ms: int) -> int:
        """Move the clock ahead; return the new time. Raises ValueError for a step backwards."""
        if by_ms < 0:
            raise ValueError(f"a clock is not turned back, found {by_ms} ms")
        with self._lock:
            self._offset_ms += by_ms
        self._tell()
        return self.now_ms()

    def wait_s(self, due_ms: int) -> float:
        """Return the seconds until `due_ms`, 0 when it has passed."""
        return max(0, due_ms - self.now_ms()) / 1000

    def on_advance(self, listener: Callable[[], None]) -> None:
        """Call `listener` after each advance, in the same thread."""
        self._listeners.append(listener)

    def _tell(self) -> None:
        for listener in tuple(self._listeners):
            listener()


def kept_clock(store: JournalStore, pace: Pace = Pace.REAL) -> Clock:
    """Return a clock whose offset survives a restart, so that obligations which were due stay due."""
    clock = Clock(store.counter(_OFFSET), pace)
    clock.on_advance(lambda: store.set_counter(_OFFSET, clock.offset_ms))
    return clock


# --- when an unanswered win or refund is sent again ------------------------------------------------

_SECOND_MS = 1000

_DAY_S = 86_400


class Ladder(Frozen):
    """The waits between attempts: `waits_ms[0]` after the first one. No attempt follows the last wait's."""

    name: str
    waits_ms: tuple[int, ...]

    def wait_ms(self, attempts: int) -> int | None:
        """Return how long to wait after so many attempts, or None when it is time to give up."""
        return self.waits_ms[attempts - 1] if 0 < attempts <= len(self.waits_ms) else None


LADDERS = {
    ladder.name: ladder
    for ladder in (
        Ladder(
            "patient",
            tuple(
                wait_s * _SECOND_MS for wait_s in (10, 30, 120, 600, 1800, 3600, 7200, 21_600, 43_200, _DAY_S)
            ),
        ),
        Ladder("hammer", (0,) * 10 + (60 * _SECOND_MS,) * (_DAY_S // 60)),
        Ladder("none", ()),
        Ladder("ci", (10, 30, 120)),
    )
}
"""The ladders that a setting can name; they are assumptions about how providers behave."""


def ladder_named(name: str) -> Ladder:
    """Return the ladder with that name. Raises UsageError for an unknown one."""
    if name not in LADDERS:
        raise UsageError(f'ladder: there is no "{name}"{did_you_mean_or_valid(name, LADDERS)}')
    return LADDERS[name]
