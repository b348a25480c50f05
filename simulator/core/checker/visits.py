"""An order for wallets that read after their effect, found by the balances that they must have come by.

A balance that an answer shows was there after the answer's own effect and before its end: the wallet's way
leads by one such visit after another. What had taken effect by a visit is what has been shown by then, and a
few effects more, of calls that had not read yet. Backwards from the end those few are known: before a visit
there can only be effects that were there after it. So the way is found from its end to its beginning, several
ways side by side, those with the fewest effects not yet shown before the others.

What is found is only a proposal, which `Proposed` lets happen step by step under the law. That nothing is
found proves nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from heapq import nsmallest
from itertools import islice
from typing import NamedTuple

from simulator.core.checker.attempts import Attempt
from simulator.core.checker.case import Case
from simulator.core.checker.subsets import Subsets
from simulator.core.findings import Outcome
from simulator.core.history import FOREVER
from simulator.core.roles import CallForm
from simulator.core.webhooks import Method


class Reach(NamedTuple):
    """How much is tried: `ways` side by side, each to the `nearest` visits, by so many `choices` of effects.

    What makes a way dear: later visits that are `skipped`, and effects that are there and `hidden`, which is
    to say not shown yet. Below nothing, the more are hidden the better: there are more ways to go on.
    """

    ways: int
    nearest: int
    choices: int
    skipped: int
    hidden: int


class _Effect(NamedTuple):
    """What one id does: at the earliest by its `first` attempt, at the latest before its `deadline`."""

    attempts: Sequence[Attempt]
    first: Attempt
    moves: int
    sent: int
    deadline: int


class _Visit(NamedTuple):
    """A balance that was there at some moment up to `until`; what was `asked` later did not see it."""

    value: int
    until: int
    asked: int
    effects: int


class _Way(NamedTuple):
    """A way, known from its end back to a visit that is still to come by all that is `left` (a mask).

    `done`: the effects (a mask) there before the visit after; `shown`: those of them that what is left shows,
    and `total` the balance that these alone make; `until`: the end of all visits after.
    """

    cost: int
    left: int
    done: int
    shown: int
    total: int
    until: int
    after: _Way | None


class Visits:
    """Proposes an order of the attempts of one case."""

    def __init__(self, case: Case, reach: Reach) -> None:
        self._reach = reach
        self._opening = case.start.balance
        self._effects = sorted(_effects(case), key=lambda each: each.sent)
        self._visits = sorted(self._listed(case), key=lambda each: each.until)
        self._shown_by = [
            sum(1 << place for place, visit in enumerate(self._visits) if visit.effects >> effect & 1)
            for effect in range(len(self._effects))
        ]
        self._bare = sum(1 << place for place, visits in enumerate(self._shown_by) if not visits)

    def order(self) -> list[Attempt] | None:
        """Attempts in an order that may explain the history; None when none was found."""
        ways = [self._end()]
        for _ in self._visits:
            found: dict[tuple[int, int], _Way] = {}
            for way in ways:
                for longer in self._longer(way):
                    key = longer.left, longer.done
                    if key not in found or longer.cost < found[key].cost:
                        found[key] = longer
            ways = nsmallest(self._reach.ways, found.values(), key=lambda each: each.cost)
            if not ways:
                return None
        return self._attempts(ways[0])

    def _end(self) -> _Way:
        everything = (1 << len(self._effects)) - 1
        shown = everything & ~self._bare
        total = self._opening + sum(self._effects[place].moves for place in _places(shown))
        return _Way(0, (1 << len(self._visits)) - 1, everything, shown, total, FOREVER, None)

    def _attempts(self, way: _Way) -> list[Attempt]:
        """All effects in the order of the visits; credits first, as a bet may need their money."""
        order: list[Attempt] = []
        before, following = 0, way
        while True:
            fresh = list(_places(following.done & ~before))
            fresh.sort(key=lambda place: self._effects[place].moves < 0)
            order += [self._effects[place].first for place in fresh]
            before = following.done
            if following.after is None:
                return order
            following = following.after

    # --- what there is ---------------------------------------------------------------------------------

    def _listed(self, case: Case) -> Iterator[_Visit]:
        """Answers that show the same balance, and may do so at one moment, are one visit."""
        of_attempt = {each: place for place, found in enumerate(self._effects) for each in found.attempts}
        showing: defaultdict[int, list[Attempt]] = defaultdict(list)
        for each in case.attempts:
            effect = of_attempt.get(each)
            if each.shown is None or not (each.is_read or effect is not None):
                continue
            if effect is None or not _repeats(each, self._effects[effect]):
                showing[each.shown].append(each)
        for value, attempts in showing.items():
            attempts.sort(key=lambda each: each.deadline)
            together: list[Attempt] = []
            for each in attempts:
                if together and each.sent > together[0].deadline:
                    yield _visit(value, together, of_attempt)
                    together = []
                together.append(each)
            yield _visit(value, together, of_attempt)

    # --- backwards -------------------------------------------------------------------------------------

    def _longer(self, way: _Way) -> Iterator[_Way]:
        """The way with one more visit before it."""
        latest = self._effects[way.shown.bit_length() - 1].sent if way.shown else -FOREVER
        spare = sorted(_places(way.done & ~way.shown), key=lambda place: self._effects[place].deadline)
        making: dict[int, _Making] = {}
        for rank, place in enumerate(islice(_places_from_top(way.left), self._reach.nearest)):
            visit = self._visits[place]
            until = min(way.until, visit.until)
            if latest > until or visit.asked > way.until:
                continue
            left = way.left & ~(1 << place)
            shown, total = self._without(way, visit, left)
            able = sum(self._effects[each].sent <= until for each in spare)
            if able not in making:
                fit = [each for each in spare if self._effects[each].sent <= until]
                making[able] = _Making(fit, self._effects)
            for more in making[able].masks(visit.value - way.total, self._reach.choices):
                if self._bare and not self._may_wait(spare, more):
                    continue
                cost = way.cost + self._reach.skipped * rank + self._reach.hidden * more.bit_count()
                yield _Way(cost, left, way.shown | more, shown, total, until, way)

    def _without(self, way: _Way, visit: _Visit, left: int) -> tuple[int, int]:
        """What is shown by what is left when a visit is taken, and the balance that it makes."""
        shown, total = way.shown, way.total
        for place in _places(visit.effects & shown):
            if not self._shown_by[place] & left:
                shown ^= 1 << place
                total -= self._effects[place].moves
        return shown, total

    def _may_wait(self, spare: Sequence[int], more: int) -> bool:
        """Whether what is not taken may happen after all that is: an effect whose answer shows nothing."""
        latest = self._effects[more.bit_length() - 1].sent if more else -FOREVER
        waiting = [place for place in spare if self._bare & ~more & 1 << place]
        return all(self._effects[place].deadline >= latest for place in waiting)


class _Making:
    """Makes up differences from some effects: with those that were answered early, then with late ones."""

    def __init__(self, places: Sequence[int], effects: Sequence[_Effect]) -> None:
        orders = [places] if len(places) < 2 else [places, places[::-1]]
        self._orders = [
            Subsets([effects[place].moves for place in order], [1 << place for place in order])
            for order in orders
        ]

    def masks(self, missing: int, choices: int) -> Iterator[int]:
        """Masks of effects that make up what is missing; nothing at all is the first, if it does."""
        found: set[int] = set()
        if missing == 0:
            found.add(0)
            yield 0
        for order in self._orders:
            for mask in islice(order.adding_up_to(missing), choices):
                if mask not in found:
                    found.add(mask)
                    yield mask


def _visit(value: int, together: Sequence[Attempt], of_attempt: dict[Attempt, int]) -> _Visit:
    asked = max((each.sent for each in together if each.is_read), default=-FOREVER)
    effects = {of_attempt[each] for each in together if each in of_attempt}
    return _Visit(value, together[0].deadline, asked, sum(1 << place for place in effects))


def _places(mask: int) -> Iterator[int]:
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest


def _places_from_top(mask: int) -> Iterator[int]:
    while mask:
        place = mask.bit_length() - 1
        yield place
        mask ^= 1 << place


def _effects(case: Case) -> Iterator[_Effect]:
    """Everything that moved the balance, or that may have."""
    together: defaultdict[tuple[int, Method], list[Attempt]] = defaultdict(list)
    for place, each in enumerate(case.attempts):
        if each.is_read or each.wanted is Outcome.REFUSED or each.form is CallForm.MALFORMED:
            continue
        if each.group.entry(each.method) is None:
            key = -1 - place if each.group.lonely else each.group.number
            together[key, each.method].append(each)
    for found in together.values():
        found.sort(key=lambda each: each.deadline)
        first = min(found, key=lambda each: each.sent)
        yield _Effect(found, first, first.moves, first.sent, found[0].deadline)


def _repeats(attempt: Attempt, effect: _Effect) -> bool:
    """Whether its answer may be that of another attempt of the same id, said again."""
    same = [each for each in effect.attempts if each.shown == attempt.shown]
    return attempt is not same[0]
