"""Propose orders for long histories whose answers show the balance of their own effect.

Each answer is a step from one balance to another, and an order is a walk over all steps. With equal amounts
nearly every step is a choice whose consequence shows much later, so many walks are followed side by side, at
each balance those that left the least urgent calls for later. A call without an answer may take effect
wherever that leads to a balance from which an answer starts. Where nothing leads on, more walks are followed
again from a while before.

Walks only propose: `search.Proposed` checks each step against the law. Finding nothing proves nothing.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from enum import Enum, auto
from functools import reduce
from heapq import nsmallest
from itertools import islice
from operator import or_
from typing import NamedTuple

from simulator.core.calls import FOREVER, CallForm
from simulator.core.findings import Outcome
from simulator.core.webhooks import Method
from simulator.history.attempts import Attempt
from simulator.history.problem import Case


class _Kind(Enum):
    """How an element moves the balance."""

    LOOP = auto()
    """It shows the balance and moves nothing: a read, or the repeat of a call that took effect."""
    STEP = auto()
    """It leads from one balance to the one that its answer shows."""
    JUMP = auto()
    """It moves any balance by its amount: its own effect was never answered."""
    EITHER = auto()
    """A refund: a step, or a jump if its own effect was never answered, if its bet, which was never answered,
    took effect; otherwise it moves nothing, and the bet never takes effect."""


class _Element:
    """A part of a walk. It `needs` another one before it; `bit` is its place by deadline."""

    __slots__ = ("attempt", "before", "bit", "deadline", "kind", "moves", "needs", "place", "sent", "token")

    def __init__(self, attempt: Attempt, kind: _Kind, moves: int, needs: _Element | None = None) -> None:
        self.attempt = attempt
        self.kind = kind
        self.moves = moves
        self.before = None if attempt.shown is None else attempt.shown - moves
        self.needs = needs
        self.sent = attempt.sent
        self.deadline = attempt.deadline
        self.place = self.bit = self.token = 0


def _elements(case: Case) -> list[_Element]:
    """Return the elements of a history by deadline, those that may never happen last."""
    together: defaultdict[tuple[int, Method], list[Attempt]] = defaultdict(list)
    found = []
    for place, each in enumerate(case.attempts):
        if each.is_read:
            found.append(_Element(each, _Kind.LOOP, 0))
        elif each.wanted is Outcome.ACCEPTED and each.form is not CallForm.MALFORMED:
            key = -1 - place if each.group.lonely else each.group.number
            if each.group.entry(each.method) is None:
                together[key, each.method].append(each)
    effects: dict[tuple[int, Method], _Element] = {}
    for (key, method), attempts in sorted(together.items(), key=lambda item: item[0][1] is Method.REFUND):
        bet = effects.get((key, Method.BET)) if method is Method.REFUND else None
        of_id = list(_of_one_id(attempts, bet))
        found += of_id
        if of_id:
            effects[key, method] = of_id[0]
    for element in found:
        if element.deadline >= case.horizon:
            element.deadline = FOREVER
    found.sort(key=lambda element: element.deadline)
    for place, element in enumerate(found):
        element.place, element.bit = place, 1 << place
    return found


def _places(mask: int) -> Iterator[int]:
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest


def _of_one_id(attempts: Sequence[Attempt], bet: _Element | None) -> Iterator[_Element]:
    """Yield the effect of all attempts with one id and method, then what else their answers show."""
    first = min(attempts, key=lambda each: each.sent)
    known = sorted((each for each in attempts if not each.unknown), key=lambda each: each.deadline)
    refunds = first.method is Method.REFUND
    moves = first.moves if not refunds or bet is not None or first.group.bet is not None else 0
    unsure = bool(known) and refunds and bet is not None and bet.kind is _Kind.JUMP
    if len(attempts) == 1 and first.shown is not None:
        kind = _Kind.EITHER if unsure else _Kind.STEP if moves else _Kind.LOOP
        yield _Element(first, kind, moves, bet)
        return
    effect = _Element(first, _Kind.EITHER if unsure else _Kind.JUMP, moves, bet)
    effect.before = None
    effect.deadline = known[0].deadline if known else FOREVER
    if moves:
        yield effect
    for each in known:
        if each.shown is not None:
            yield _Element(each, _Kind.LOOP, 0, effect if moves else None)


class _Walk(NamedTuple):
    """The beginning of a walk: `done` is a mask of its elements; `last` is the last, `earlier` the rest.

    `cost` is the sum of the ranks of its elements: the earlier a call was answered, the lower its rank.
    `gaps` says how often calls without an answer must still have moved the balance up (or, if below zero,
    down) between each two neighbours of all balances that were shown.
    """

    cost: int
    balance: int
    token: int
    done: int
    last: _Element | None
    earlier: _Walk | None
    gaps: tuple[int, ...] = ()


_Layer = dict[tuple[int, int], _Walk]
"""Walks of equal length, by the balance that they lead to and the kinds of elements that they hold."""

_MASK = (1 << 64) - 1


class Walks:
    """Proposes an order for answers that show the balance of their own effect.

    Walks grow side by side, `ways` at each balance. Where none leads on, they are followed again from some
    elements before, more of them and from further back each time; no more than `steps_max` in all.
    """

    def __init__(self, case: Case, ways: int, steps_max: int) -> None:
        self._ways = ways
        self._left = steps_max
        self._thorough = False
        self._opening = case.start.balance
        self._elements = _elements(case)
        answered = [each for each in self._elements if each.deadline < FOREVER]
        self._answered = len(answered)
        self._all_answered = (1 << len(answered)) - 1
        self._loops: defaultdict[int, int] = defaultdict(int)
        self._steps: defaultdict[int, defaultdict[int, int]] = defaultdict(lambda: defaultdict(int))
        self._jumps: defaultdict[int, int] = defaultdict(int)
        self._idle_refunds: defaultdict[int | None, int] = defaultdict(int)
        self._starts: dict[int, set[int]] = {}
        self._jumps_by_gaps: dict[tuple[int, ...], dict[int, list[tuple[int, int]]]] = {}
        self._sort()
        self._sent_by = list(self._masks_by_deadline())
        self._refunds = {each.needs: each for each in self._elements if each.kind is _Kind.EITHER}
        self._wild = self._jumps_anywhere()
        shown = {each.before for each in self._elements if each.before is not None}
        after = {each.before + each.moves for each in self._elements if each.before is not None}
        self._order_of = {
            balance: place for place, balance in enumerate(sorted({self._opening} | shown | after))
        }

    def _sort(self) -> None:
        chance = random.Random(_TOKEN_SEED)
        needed = {each.needs for each in self._elements if each.needs is not None}
        tokens: defaultdict[object, int] = defaultdict(lambda: chance.getrandbits(64))
        for each in self._elements:
            before = each.before
            kind: object = each.place
            if each.needs is None and each not in needed:
                # Of these, one is as good as another of its kind.
                kind = each.kind, before, each.moves, each.deadline == FOREVER
            each.token = tokens[kind]
            if before is None:
                self._jumps[each.moves] |= each.bit
            elif each.kind is _Kind.LOOP:
                self._loops[before] |= each.bit
            else:
                self._steps[before][before + each.moves] |= each.bit
            if each.kind is _Kind.EITHER:
                self._idle_refunds[None if before is None else before + each.moves] |= each.bit

    def order(self) -> list[Attempt] | None:
        """Return the attempts in an order that may explain the history, or None."""
        if 2 * sum(each.kind is _Kind.JUMP for each in self._elements) > len(self._elements):
            # The balances that answers show are what leads a walk.
            return None
        first = self._with_loops(_Walk(0, self._opening, 0, 0, None, None, self._gaps()))
        layers: list[_Layer] = [{(first.balance, first.token): first}]
        back, ways, until, furthest = _BACK, self._ways, -1, 0
        while self._left > 0:
            here = len(layers) - 1
            self._thorough = here <= until
            for walk in layers[-1].values():
                if walk.done & self._all_answered == self._all_answered:
                    return _attempts(walk)
            longer = self._longer(layers[-1])
            if longer:
                layers.append(self._best(longer, ways if self._thorough else self._ways))
                if layers[-1]:
                    continue
                layers.pop()
            again = furthest and here <= furthest + _BACK // 2
            back, ways = (back * 2, ways * 2) if again else (_BACK, self._ways * 4)
            until, furthest = here, max(furthest, here)
            if again and back > 4 * len(self._elements):
                return None
            del layers[max(1, here - back + 1) :]
        return None

    def _longer(self, layer: _Layer) -> _Layer:
        found: _Layer = {}
        self._left -= len(layer) * (_STEP_COSTS + len(self._jumps) // _JUMPS_A_STEP)
        for walk in layer.values():
            for longer in self._on(walk):
                key = longer.balance, longer.token
                known = found.get(key)
                if known is None or longer.cost < known.cost:
                    found[key] = longer
        return found

    def _on(self, walk: _Walk) -> Iterator[_Walk]:
        """Yield the walk with the most urgent element to each next balance."""
        until = self._until(walk.done)
        leads_on = False
        for mask in self._steps[walk.balance].values() if walk.balance in self._steps else ():
            step = self._first(mask, walk.done, until)
            if step is not None:
                leads_on = True
                yield self._with_loops(_after(walk, step, walk.balance + step.moves, step.place))
        idle = self._idle_refunds.get(walk.balance, 0) | self._idle_refunds.get(None, 0)
        for each in self._in(idle & ~walk.done):
            assert each.needs is not None
            if each.sent <= until and not walk.done & each.needs.bit:
                walk_on = _after(walk, each, walk.balance, each.place)
                yield self._with_loops(walk_on._replace(done=walk_on.done | each.needs.bit))
        yield from self._jumped(walk, until, together=not leads_on)

    def _jumped(self, walk: _Walk, until: int, *, together: bool) -> Iterator[_Walk]:
        """Yield the walk with an effect that was not answered, if that leads to where another one starts.

        `together`: it may also be the first of two or three that do so.
        """
        jumps = [self._first(mask, walk.done, until) for mask in self._jumps.values()]
        able = [each for each in jumps if each is not None]
        if not able:
            return
        starts = self._starting(until)
        nearer = [each for each in able if walk.balance + each.moves in starts]
        if together:
            nearer = self._leading(walk.balance, able, starts) or nearer
        urgent = (~walk.done & (walk.done + 1)).bit_length() - 1
        for each in nearer:
            balance = walk.balance + each.moves
            if balance < 0:
                continue
            gaps, fills = self._filled(walk, each)
            cost = each.place if each.deadline < FOREVER else len(self._elements) * _JUMP_COSTS
            jumped = _after(walk, each, balance, min(cost, urgent + _FILL_COSTS) if fills else cost)
            yield self._with_loops(jumped._replace(gaps=gaps))

    def _leading(self, balance: int, able: Sequence[_Element], starts: set[int]) -> list[_Element]:
        """Return those that lead to a start with one other of them at most, in difficult places with two."""
        moves = {each.moves for each in able}
        sums = moves | {0}
        for _ in range(2 if self._thorough else 1):
            found = [each for each in able if any(balance + each.moves + more in starts for more in sums)]
            if found or len(sums) > _SUMS_MAX:
                return found
            sums = {some + more for some in sums for more in moves}
        return []

    def _gaps(self) -> tuple[int, ...]:
        """Return how often the answered steps leave a way between two neighbouring balances untravelled.

        The end is the balance that was shown last, after all else; without one, there are no gaps to tell.
        """
        answered = self._elements[: self._answered]
        end = max(answered, key=lambda each: each.sent, default=None)
        if end is None or end.before is None or not self._jumps:
            return ()
        if any(each.deadline >= end.sent for each in answered if each is not end):
            return ()
        gaps = [0] * len(self._order_of)
        self._travel(gaps, self._opening, end.before + end.moves, 1)
        for each in answered:
            if each.before is not None and each.kind is _Kind.STEP:
                self._travel(gaps, each.before, each.before + each.moves, -1)
        return tuple(gaps)

    def _travel(self, gaps: list[int], start: int, end: int, times: int) -> int:
        """Count the way from one balance to another; return by how much the gaps shrink."""
        low, high = self._order_of.get(min(start, end)), self._order_of.get(max(start, end))
        if low is None or high is None:
            return 0
        shrunk = 0
        up = times if end > start else -times
        for place in range(low, high):
            shrunk += abs(gaps[place]) - abs(gaps[place] + up)
            gaps[place] += up
        return shrunk

    def _filled(self, walk: _Walk, jump: _Element) -> tuple[tuple[int, ...], bool]:
        """Return the gaps after a jump, and whether it made them smaller.

        A bet whose refund shows a balance commits that refund to a step.
        """
        if not walk.gaps:
            return walk.gaps, False
        gaps = list(walk.gaps)
        shrunk = self._travel(gaps, walk.balance, walk.balance + jump.moves, -1)
        refund = self._refunds.get(jump)
        if refund is not None and refund.before is not None:
            shrunk += self._travel(gaps, refund.before, refund.before + refund.moves, -1)
        return tuple(gaps), shrunk > 0

    def _best(self, layer: _Layer, ways: int) -> _Layer:
        """Return the cheapest walks of each balance from which urgent elements are within reach."""
        by_balance: defaultdict[int, list[_Walk]] = defaultdict(list)
        for walk in layer.values():
            by_balance[walk.balance].append(walk)
        kept: list[_Walk] = []
        for found in by_balance.values():
            kept += islice(filter(self._reaches_urgent, sorted(found, key=_cost)), ways)
        if len(kept) > ways * _WALKS_MAX:
            kept = nsmallest(ways * _WALKS_MAX, kept, key=_cost)
        return {(walk.balance, walk.token): walk for walk in kept}

    # --- what is within reach -------------------------------------------------------------------------

    def _masks_by_deadline(self) -> Iterator[int]:
        """Yield for each answered element the mask of all that were sent by its deadline."""
        by_sent = iter(sorted(self._elements, key=lambda each: each.sent))
        mask, later = 0, next(by_sent, None)
        for each in self._elements[: self._answered]:
            while later is not None and later.sent <= each.deadline:
                mask, later = mask | later.bit, next(by_sent, None)
            yield mask

    def _jumps_anywhere(self) -> int:
        """Return the mask of the jumps that may lead away from all gaps and all balances that were shown.

        These are the settled ones, as bets with their refunds, which end where they began; and all, where
        they are so different that two of them may lead anywhere.
        """
        jumps = reduce(or_, self._jumps.values(), 0)
        if len(self._jumps) > _FEW_JUMPS:
            return jumps
        refunded = sum(bet.bit for bet in self._refunds if bet is not None)
        return refunded | jumps & self._all_answered

    def _reaches_urgent(self, walk: _Walk) -> bool:
        """Return whether elements that were sent in time lead to those that must come soon."""
        self._left -= _LOOK_COSTS
        reached = {walk.balance}
        for place in islice(_places(~walk.done & self._all_answered), _AHEAD):
            each = self._elements[place]
            idle = each.before + each.moves if each.kind is _Kind.EITHER and each.before is not None else None
            if each.before is None or each.before in reached or idle in reached:
                continue
            free = self._sent_by[place] & ~walk.done
            if self._wild & free:
                return True
            self._reach(walk, reached, free)
            if each.before not in reached and idle not in reached:
                return False
        return True

    def _reach(self, walk: _Walk, reached: set[int], free: int) -> None:
        """Add all balances to which free elements lead from those."""
        known = self._jumps_within(walk.gaps)
        ahead = list(reached)
        while ahead:
            here = ahead.pop()
            ways = self._steps[here].items() if here in self._steps else ()
            jumps = known.get(here)
            if jumps is None:
                jumps = known[here] = self._jumps_from(walk.gaps, here)
            for there, mask in (*ways, *jumps):
                if there not in reached and mask & free:
                    reached.add(there)
                    ahead.append(there)

    def _jumps_within(self, gaps: tuple[int, ...]) -> dict[int, list[tuple[int, int]]]:
        """Return, by balance, where jumps may lead that fill gaps, and their masks, as far as it is known."""
        found = self._jumps_by_gaps.get(gaps)
        if found is None:
            if len(self._jumps_by_gaps) > _GAPS_MAX:
                self._jumps_by_gaps.clear()
            found = self._jumps_by_gaps[gaps] = {}
        return found

    def _jumps_from(self, gaps: tuple[int, ...], here: int) -> list[tuple[int, int]]:
        """Return where jumps may lead from a balance, and the masks of those jumps."""
        if here not in self._order_of:
            return []
        self._left -= len(self._jumps) // _JUMPS_A_STEP
        ways = ((here + moves, mask) for moves, mask in self._jumps.items())
        return [each for each in ways if self._may_jump(gaps, here, each[0])]

    def _may_jump(self, gaps: tuple[int, ...], start: int, end: int) -> bool:
        """Return whether a jump leads to a balance that was shown, and fills gaps where they are known."""
        low, high = self._order_of.get(min(start, end)), self._order_of.get(max(start, end))
        if low is None or high is None:
            return False
        between = gaps[low:high]
        return not between or (min(between) > 0 if end > start else max(between) < 0)

    def _starting(self, until: int) -> set[int]:
        """Return the balances from which an element starts that may be next."""
        found = self._starts.get(until)
        if found is None:
            if len(self._starts) > _STARTS_MAX:
                self._starts.clear()
            window = (each for each in self._elements if each.sent <= until <= each.deadline)
            found = self._starts[until] = {each.before for each in window if each.before is not None}
        return found

    def _with_loops(self, walk: _Walk) -> _Walk:
        """Return the walk with everything that only shows the balance where it is."""
        loops = self._loops.get(walk.balance, 0)
        before = -1
        # An answer that is explained lets those be next that were sent after it.
        while walk.done != before and (waiting := loops & ~walk.done):
            before, until = walk.done, self._until(walk.done)
            for each in self._in(waiting):
                if each.sent <= until and (each.needs is None or walk.done & each.needs.bit):
                    walk = _after(walk, each, walk.balance, each.place)
        return walk

    def _until(self, done: int) -> int:
        """Return the earliest end of an answered element that is not done: what is sent later must wait."""
        place = (~done & (done + 1)).bit_length() - 1
        return self._elements[place].deadline if place < self._answered else FOREVER

    def _first(self, mask: int, done: int, until: int) -> _Element | None:
        for each in self._in(mask & ~done):
            if each.sent <= until and (each.needs is None or done & each.needs.bit):
                return each
        return None

    def _in(self, mask: int) -> Iterator[_Element]:
        return (self._elements[place] for place in _places(mask))


_TOKEN_SEED = 1

_BACK = 8
"""How many elements walks are first taken back that lead nowhere."""

_AHEAD = 64
"""So many of the elements that must come next have to be within reach of a walk."""

_STEP_COSTS = 4

_LOOK_COSTS = 12

_FEW_JUMPS = 6
"""With so few different jumps, one that leads to no balance that was shown is not looked at."""

_JUMP_COSTS = 16
"""An effect that was not answered counts as much as so many times all elements: a walk that explains the
answers with few of them is the likelier one."""

_FILL_COSTS = 200
"""An effect that was not answered, but fills a gap, counts as much as an element so much less urgent."""

_JUMPS_A_STEP = 4
"""How many different effects that were not answered take as long to look at as a step."""

_STARTS_MAX = 200

_GAPS_MAX = 500

_SUMS_MAX = 60
"""Of more calls without an answer than this, no three are tried together."""

_WALKS_MAX = 50
"""How many walks are followed at most, for each that is followed at one balance."""


def _after(walk: _Walk, each: _Element, balance: int, cost: int) -> _Walk:
    token = walk.token + each.token & _MASK
    return _Walk(walk.cost + cost, balance, token, walk.done | each.bit, each, walk, walk.gaps)


def _cost(walk: _Walk) -> int:
    return walk.cost


def _attempts(walk: _Walk) -> list[Attempt]:
    """Return the attempts of a walk that are no reads, in its order."""
    order: list[Attempt] = []
    rest: _Walk | None = walk
    while rest is not None and rest.last is not None:
        if not rest.last.attempt.is_read:
            order.append(rest.last.attempt)
        rest = rest.earlier
    order.reverse()
    return order
