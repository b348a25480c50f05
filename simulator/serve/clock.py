"""The clock of tokens, sessions and the ladder's rungs: it ticks like any clock, and can be pushed ahead.

Latencies of calls are not its business: those come from the machine's monotonic clock.
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
    """How the ladder's waiting passes. REAL: as long as it takes. AT_ONCE: the next rung comes at once."""

    REAL = "real"
    AT_ONCE = "at once"


class Clock:
    """Unix time in milliseconds, never backwards; safe to use from any thread.

    `offset_ms` is how far the clock is ahead of the machine's: people push it. Deliveries never do, whatever
    their `pace`, since tokens and sessions of others end by the same clock.
    """

    def __init__(self, offset_ms: int = 0, pace: Pace = Pace.REAL) -> None:
        self.pace = pace
        self._base_ns = time.time_ns() - time.monotonic_ns()
        self._offset_ms = offset_ms
        self._lock = threading.Lock()
        self._listeners: list[Callable[[], None]] = []

    @property
    def offset_ms(self) -> int:
        """How far it was pushed ahead of the machine's clock."""
        return self._offset_ms

    def now_ms(self) -> int:
        """The time now, in Unix milliseconds."""
        return (self._base_ns + time.monotonic_ns()) // 1_000_000 + self._offset_ms

    def now_s(self) -> float:
        """The time now, in Unix seconds."""
        return self.now_ms() / 1000

    def unix_ns(self, monotonic_ns: int) -> int:
        """A moment of the machine's monotonic clock, not long ago, in Unix nanoseconds of this one."""
        return self._base_ns + monotonic_ns + self._offset_ms * 1_000_000

    def advance(self, by_ms: int) -> int:
        """Push the clock ahead; returns the new time. ValueError for a step backwards."""
        if by_ms < 0:
            raise ValueError(f"a clock is not turned back, found {by_ms} ms")
        with self._lock:
            self._offset_ms += by_ms
        self._tell()
        return self.now_ms()

    def wait_s(self, due_ms: int) -> float:
        """How many seconds of the machine's time lie before `due_ms`; 0 when it has passed."""
        return max(0, due_ms - self.now_ms()) / 1000

    def on_advance(self, listener: Callable[[], None]) -> None:
        """Call `listener` after each push, in the thread that pushed."""
        self._listeners.append(listener)

    def _tell(self) -> None:
        for listener in tuple(self._listeners):
            listener()


def kept_clock(store: JournalStore, pace: Pace = Pace.REAL) -> Clock:
    """A clock that is after a restart as far ahead as it was before, so that what was due stays due."""
    clock = Clock(store.counter(_OFFSET), pace)
    clock.on_advance(lambda: store.set_counter(_OFFSET, clock.offset_ms))
    return clock


# --- ladders --------------------------------------------------------------------------------------
# When an unanswered win or refund is sent again: ladders as data. Who climbs them is `dispatcher`'s.

_SECOND_MS = 1000

_DAY_S = 86_400


class Ladder(Frozen):
    """`waits_ms[0]` passes between the first attempt and the second, and so on; at the end we give up."""

    name: str
    waits_ms: tuple[int, ...]

    def wait_ms(self, attempts: int) -> int | None:
        """How long to wait after so many attempts; None when no more are made."""
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
"""The ladders that a setting can name (provider behaviour, our assumption)."""


def ladder_named(name: str) -> Ladder:
    """The ladder of that name; UsageError for a name that is none."""
    if name not in LADDERS:
        raise UsageError(f'ladder: there is no "{name}"{did_you_mean_or_valid(name, LADDERS)}')
    return LADDERS[name]
