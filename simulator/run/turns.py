"""The order in which workers take scenarios, and which of them must wait for others or run alone.

What is printed and reported follows the order of the run, whatever order the workers take.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from simulator.core.steps import Parallel, Play, Repeat, Resend, Round, Scenario, Step, Wait

HOSTILE = "hostile-input"
"""The folder of scenarios that may harm a wallet: they begin when all others have ended."""

LONG_CALLS = 30
"""A scenario of so many calls may outlast all that begins after it: it begins before shorter ones."""

CALLS_OF_A_ROUND = 3

_WAIT_AS_A_CALL_NS = 10_000_000


class Turns:
    """Gives scenarios to workers, each with its number in the run, from 1. Thread-safe.

    With several workers the longest of all come first, and then the longest of each folder, so that no worker
    ends long after the others.
    After `cut`, scenarios behind that number are held, and those before it still run.
    """

    def __init__(self, scenarios: Sequence[Scenario], jobs: int) -> None:
        numbered = list(enumerate(scenarios, start=1))
        self._left = numbered if jobs == 1 else _longest_first(numbered)
        self._open = {number for number, _ in numbered}
        self._hostile = (
            {number for number, scenario in numbered if _is_hostile(scenario)} if jobs > 1 else set()
        )
        self._failures: list[int] = []
        self._cut: int | None = None
        self._changed = threading.Condition()

    def take(self) -> tuple[int, Scenario] | None:
        """Return the next scenario, once it may begin; None if there is none."""
        with self._changed:
            if not self._left:
                return None
            number, scenario = self._left.pop(0)
            if number in self._hostile:
                self._changed.wait_for(lambda: self._open <= self._hostile)
            return number, scenario

    def is_held(self, number: int) -> bool:
        """Return whether enough scenarios before this one have failed."""
        with self._changed:
            return self._cut is not None and number > self._cut

    def done(self, number: int, *, failed: bool, failures_max: int | None) -> bool:
        """Take note of a scenario that ended; return whether the run has all that it should show.

        That is so when as many failed as may, and all before the last of these have ended.
        """
        with self._changed:
            self._open.discard(number)
            if failed:
                self._failures = sorted([*self._failures, number])
            if failures_max is not None and len(self._failures) >= failures_max:
                self._cut = self._failures[failures_max - 1]
            self._changed.notify_all()
            return self._cut is not None and not any(each < self._cut for each in self._open)


def _is_hostile(scenario: Scenario) -> bool:
    return HOSTILE in scenario.place.file.split("/")[:-1]


def _longest_first(numbered: Iterable[tuple[int, Scenario]]) -> list[tuple[int, Scenario]]:
    """Return the scenarios folder by folder; those that restart the wallet come after all but the hostile."""
    listed = list(numbered)
    folders = {each.place.file.rpartition("/")[0]: number for number, each in reversed(listed)}

    def key(item: tuple[int, Scenario]) -> tuple[bool, bool, int, bool, int, int]:
        number, each = item
        alone, length = "restart" in each.needs, _length(each.steps)
        folder = 0 if length >= LONG_CALLS else folders[each.place.file.rpartition("/")[0]]
        return _is_hostile(each), alone, folder, "long" not in each.tags, -length, number

    return sorted(listed, key=key)


def _length(steps: Iterable[Step]) -> int:
    """Return about how many calls the steps make; a pause counts as the calls that it lasts."""
    calls = 0
    for step in steps:
        match step:
            case Repeat(times=times, steps=inner) | Parallel(times=times, steps=inner):
                calls += times * _length(inner)
            case Resend(times=times):
                calls += times
            case Round(spins=times) | Play(rounds=times):
                calls += CALLS_OF_A_ROUND * times
            case Wait(duration_ns=duration_ns):
                calls += duration_ns // _WAIT_AS_A_CALL_NS
            case _:
                calls += 1
    return calls


# --- scenarios that must run alone ----------------------------------------------------------------


class Stage:
    """Lets scenarios run together, and one that restarts the wallet alone; later ones then wait for it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._playing = 0
        self._taken = False

    @contextmanager
    def hold(self, *, alone: bool) -> Iterator[None]:
        """Play as long as the context lasts."""
        with self._changed:
            self._changed.wait_for(lambda: not self._taken)
            if alone:
                self._taken = True
                self._changed.wait_for(lambda: not self._playing)
            self._playing += 1
        try:
            yield
        finally:
            with self._changed:
                self._playing -= 1
                if alone:
                    self._taken = False
                self._changed.notify_all()
