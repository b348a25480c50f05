"""Propose orders that may explain long histories, by the balances that the answers show.

`Visits` is for wallets that read their balance after their effect. A balance that an answer shows was there
after the answer's own effect and before its end: a visit. What had taken effect by then is what has been
shown so far, and a few effects more, of calls that had not read yet. Seen from the end those few are known:
before a visit there can only be effects that were there after it. So the way from visit to visit is built
backwards, several ways side by side, those with the fewest effects not yet shown first.

It only proposes: `search.Proposed` checks each step against the law. Finding nothing proves nothing.
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
    """How much is tried: `ways` side by side, each to the `nearest` visits, with up to `choices` of effects.

    The cost of a way grows by `skipped` for each later visit that it passes over, and by `hidden` for each
    effect that is there but not shown yet. A negative `hidden` prefers ways with many of them: they have more
    possible continuations.
    """

    ways: int
    nearest: int
    choices: int
    skipped: int
    hidden: int


class _Effect(NamedTuple):
    """The effect of one id: not before its `first` attempt was sent, and no later than `deadline`."""

    attempts: Sequence[Attempt]
    first: Attempt
    moves: int
    sent: int
    deadline: int


class _Visit(NamedTuple):
    """A balance that was there at some moment up to `until`; the last read that shows it was sent at `asked`.

    `effects` is a mask of the effects whose answers show it.
    """

    value: int
    until: int
    asked: int
    effects: int


class _Way(NamedTuple):
    """A way that is known from its end back to some visit; the mask `left` holds the visits before it.

    `done` is a mask of the effects that are there before the visit `after`, `shown` of those among them that
    a visit in `left` shows, and `total` the balance that `shown` alone makes. `until` is the earliest end of
    the visits after.
    """

    cost: int
    left: int
    done: int
    shown: int
    total: int
    until: int
    after: _Way | None


class Visits:
    """Proposes an order for a wallet that reads its balance after its effect."""

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
        """Return the attempts in an order that may explain the history, or None."""
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
        """Return all effects in the order of the visits, credits first: a bet may need their money."""
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

    def _listed(self, case: Case) -> Iterator[_Visit]:
        """Yield one visit for all answers that show the same balance and may do so at one moment."""
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

    def _longer(self, way: _Way) -> Iterator[_Way]:
        """Yield the way with one more visit before it."""
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
        """Return what the visits in `left` still show without `visit`, and the balance that this makes."""
        shown, total = way.shown, way.total
        for place in _places(visit.effects & shown):
            if not self._shown_by[place] & left:
                shown ^= 1 << place
                total -= self._effects[place].moves
        return shown, total

    def _may_wait(self, spare: Sequence[int], more: int) -> bool:
        """Return whether the effects that no answer shows, if not in `more`, may come after those in it."""
        latest = self._effects[more.bit_length() - 1].sent if more else -FOREVER
        waiting = [place for place in spare if self._bare & ~more & 1 << place]
        return all(self._effects[place].deadline >= latest for place in waiting)


class _Making:
    """Finds effects that add up to a difference: with those that were answered early first, then late."""

    def __init__(self, places: Sequence[int], effects: Sequence[_Effect]) -> None:
        orders = [places] if len(places) < 2 else [places, places[::-1]]
        self._orders = [
            Subsets([effects[place].moves for place in order], [1 << place for place in order])
            for order in orders
        ]

    def masks(self, missing: int, choices: int) -> Iterator[int]:
        """Yield masks of effects that add up to `missing`; the empty one first, if it does."""
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
    """Yield everything that moved the balance or may have moved it."""
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
    """Return whether its answer may repeat the answer to another attempt with the same id."""
    same = [each for each in effect.attempts if each.shown == attempt.shown]
    return attempt is not same[0]


# --- which movements add up to a difference -------------------------------------------------------

FEW = 10
"""The sums of up to this many movements are kept as sets; those of more as the bits of one large number."""

CENTS_MAX = 2_000_000
"""If more movements come to more money than this, only the first FEW are looked at: the number gets large."""


class Subsets:
    """Finds subsets of movements by their sum; `bits` holds the bit that stands for each movement."""

    def __init__(self, moves: Sequence[int], bits: Sequence[int]) -> None:
        self._bits = bits
        self._lowest = sum(move for move in moves if move < 0)
        self._highest = sum(move for move in moves if move > 0)
        if len(moves) > FEW and self._highest - self._lowest > CENTS_MAX:
            moves = moves[:FEW]
        self._moves = moves
        self._rests: list[frozenset[int]] | list[_Bits] = []

    def adding_up_to(self, wanted: int) -> Iterator[int]:
        """Yield the combined bits of each subset with this sum, those with early places first."""
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
    """A set of sums, in which bit n stands for ``lowest + n``."""

    __slots__ = ("_bits", "_lowest")

    def __init__(self, bits: int, lowest: int) -> None:
        self._bits = bits
        self._lowest = lowest

    def __contains__(self, wanted: int) -> bool:
        return wanted >= self._lowest and bool(self._bits >> (wanted - self._lowest) & 1)

    def also(self, move: int) -> _Bits:
        """Return these sums, and these with one more movement."""
        return _Bits(self._bits | self._bits << abs(move), self._lowest + min(move, 0))


def _rests(moves: Sequence[int]) -> list[frozenset[int]] | list[_Bits]:
    """Return, for each place, the sums of all subsets of the movements from there on."""
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
