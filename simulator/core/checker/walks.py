"""An order for answers that show the balance of their own effect, where many calls start from every balance.

Each answer is a step from one balance to another, and an order is a walk over all of them. With equal amounts
there is a choice at nearly every step, and what it leads to shows only much later: so many walks are followed
side by side, those before the others that have left the least urgent calls for later. Where no step leads on,
a call without an answer may have been in between.

What is found is only a proposal, which `Proposed` lets happen step by step under the law. That nothing is
found proves nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from heapq import nsmallest
from typing import NamedTuple

from simulator.core.checker.attempts import Attempt
from simulator.core.checker.case import Case
from simulator.core.findings import Outcome
from simulator.core.history import FOREVER
from simulator.core.roles import CallForm


class _Walk(NamedTuple):
    """A walk as far as it goes: a mask of the steps behind it, the last of them, and the walk before that.

    `cost` is the sum of the ranks of its steps; the earlier a call was over, the lower its rank.
    """

    cost: int
    balance: int
    done: int
    step: int
    before: _Walk | None


class Walks:
    """Proposes an order of the attempts of one case; `ways` walks are followed side by side."""

    def __init__(self, case: Case, ways: int) -> None:
        self._ways = ways
        self._opening = case.start.balance
        answered = sorted(_steps(case), key=lambda each: each.deadline)
        self._answered = len(answered)
        self._steps = answered + [each for each in case.unknowns.attempts if each.moves]
        self._from: defaultdict[int, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
        for place, step in enumerate(answered):
            after = step.shown or 0
            self._from[after if step.is_read else after - step.moves][after].append(place)

    def order(self) -> list[Attempt] | None:
        """Attempts in an order that may explain the history; None when none was found."""
        walks = [_Walk(0, self._opening, 0, -1, None)]
        for _ in range(self._answered):
            found: dict[tuple[int, int], _Walk] = {}
            for walk in walks:
                for longer in self._longer(walk):
                    found.setdefault((longer.balance, longer.done), longer)
            walks = nsmallest(self._ways, found.values(), key=lambda each: each.cost)
            if not walks:
                return None
        return self._attempts(walks[0])

    def _longer(self, walk: _Walk) -> list[_Walk]:
        """The walk with one more answered step; by way of an unanswered one, if nothing else leads on."""
        place = (~walk.done & (walk.done + 1)).bit_length() - 1
        until = self._steps[place].deadline if place < self._answered else FOREVER
        longer = self._on(walk, until)
        if longer:
            return longer
        for place in range(self._answered, len(self._steps)):
            if not walk.done >> place & 1 and self._steps[place].sent <= until:
                longer += self._on(self._after(walk, place), until)
        return longer

    def _on(self, walk: _Walk, until: int) -> list[_Walk]:
        """Of the steps to the same balance, the one that was over first; a read before all others."""
        ways = self._from.get(walk.balance)
        if ways is None:
            return []
        read = self._first(ways.get(walk.balance, ()), walk.done, until)
        if read is not None:
            return [self._after(walk, read)]
        found = (self._first(places, walk.done, until) for places in ways.values())
        return [self._after(walk, place) for place in found if place is not None]

    def _after(self, walk: _Walk, place: int) -> _Walk:
        step = self._steps[place]
        balance = walk.balance if step.is_read else walk.balance + step.moves
        return _Walk(walk.cost + place, balance, walk.done | 1 << place, place, walk)

    def _first(self, places: Sequence[int], done: int, until: int) -> int | None:
        for place in places:
            if not done >> place & 1 and self._steps[place].sent <= until:
                return place
        return None

    def _attempts(self, walk: _Walk) -> list[Attempt]:
        order: list[Attempt] = []
        while walk.before is not None:
            order.append(self._steps[walk.step])
            walk = walk.before
        order.reverse()
        return order


def _steps(case: Case) -> Iterator[Attempt]:
    """Reads, and of each id and method the accepted attempt that was over first."""
    known: set[tuple[int, object]] = set()
    for each in case.by_deadline:
        if each.shown is None or each.form is CallForm.MALFORMED:
            continue
        if each.is_read:
            yield each
        elif each.wanted is Outcome.ACCEPTED and each.moves and each.group.entry(each.method) is None:
            key = each.group.number, each.method
            if each.group.lonely or key not in known:
                known.add(key)
                yield each
