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

from simulator.core.calls import FOREVER, CallForm
from simulator.core.findings import Outcome
from simulator.core.webhooks import Method
from simulator.history.attempts import Attempt
from simulator.history.problem import Case


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


# --- subsets --------------------------------------------------------------------------------------
# Which of some movements add up to a difference? The sums of many are the bits of one large number.

FEW = 10
"""Of so many movements every sum is listed by itself."""

CENTS_MAX = 2_000_000
"""The sums of more money than this, in all, are not listed: the number would be too large."""


class Subsets:
    """Choices of some movements, each with a bit of its own that stands for it.

    Among very many of very much money only the first few are looked at.
    """

    def __init__(self, moves: Sequence[int], bits: Sequence[int]) -> None:
        self._bits = bits
        self._lowest = sum(move for move in moves if move < 0)
        self._highest = sum(move for move in moves if move > 0)
        if len(moves) > FEW and self._highest - self._lowest > CENTS_MAX:
            moves = moves[:FEW]
        self._moves = moves
        self._rests: list[frozenset[int]] | list[_Bits] = []

    def adding_up_to(self, wanted: int) -> Iterator[int]:
        """The bits of such movements together, choices with early places first."""
        if not self._lowest <= wanted <= self._highest:
            return
        moves, bits = self._moves, self._bits
        rests = self._rests = self._rests or _rests(moves)
        stack = [(0, wanted, 0)] if wanted in rests[0] else []
        while stack:
            place, rest, taken = stack.pop()
            if place == len(moves):
                yield taken
                continue
            rests_then = rests[place + 1]
            if rest in rests_then:
                stack.append((place + 1, rest, taken))
            if rest - moves[place] in rests_then:
                stack.append((place + 1, rest - moves[place], taken | bits[place]))


class _Bits:
    """A set of sums: bit n stands for ``lowest + n``."""

    __slots__ = ("_bits", "_lowest")

    def __init__(self, bits: int, lowest: int) -> None:
        self._bits = bits
        self._lowest = lowest

    def __contains__(self, wanted: int) -> bool:
        return wanted >= self._lowest and bool(self._bits >> (wanted - self._lowest) & 1)

    def also(self, move: int) -> _Bits:
        """The sums with one more movement, or without it."""
        return _Bits(self._bits | self._bits << abs(move), self._lowest + min(move, 0))


def _rests(moves: Sequence[int]) -> list[frozenset[int]] | list[_Bits]:
    """At each place, the sums of every choice of the movements from there on."""
    if len(moves) > FEW:
        bits = [_Bits(1, 0)]
        for move in reversed(moves):
            bits.append(bits[-1].also(move))
        bits.reverse()
        return bits
    sets = [frozenset({0})]
    for move in reversed(moves):
        sets.append(sets[-1].union(each + move for each in sets[-1]))
    sets.reverse()
    return sets


# --- walks ----------------------------------------------------------------------------------------
# An order for answers that show the balance of their own effect, where many calls start from every
# balance.
# Each answer is a step from one balance to another, and an order is a walk over all of them. With equal
# amounts there is a choice at nearly every step, and what it leads to shows only much later: so many
# walks are followed side by side, those before the others that have left the least urgent calls for
# later. Where no step leads on, a call without an answer may have been in between.
# What is found is only a proposal, which `Proposed` lets happen step by step under the law. That nothing
# is found proves nothing.


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
