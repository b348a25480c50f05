"""A search for wallets that read after their effect: it leaps from one shown balance to the next.

A balance that some answers show was there once all the calls so answered had taken effect. So a leap is: all
of those calls that are still to happen, and a few others that make up the difference; the fewer the better.
This finds orders of bursts with a hundred calls in flight. It leaves out most orders: that it finds none
proves nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

from simulator.core.checker.attempts import Attempt
from simulator.core.checker.case import Case
from simulator.core.checker.search import Choice, Search
from simulator.core.checker.wallet import Step
from simulator.core.history import FOREVER
from simulator.core.worlds import Terms

TRIPLES_MAX = 24
"""Among how many calls more than two are looked for that make up a difference."""


class Reach(NamedTuple):
    """How far a search by leaps looks.

    `lag`: how many effects may lie between an effect and the read for its answer. `extras`: how many calls
    whose answers show a later balance may be in one leap. `targets`: how many shown balances, the most urgent
    first, are considered as the next one. `twice`: whether a balance that several answers show may have been
    there more than once. `strolls`: whether single calls are tried when no leap fits.
    """

    lag: int
    extras: int
    targets: int
    places: int
    twice: bool = False
    strolls: bool = False


REACHES = (
    Reach(2, 1, 12, 1000),
    Reach(4, 1, 24, 1000),
    Reach(4, 1, 12, 1000, twice=True),
    Reach(4, 2, 12, 1000),
    Reach(8, 2, 24, 500),
    Reach(8, 2, 16, 500, twice=True),
    Reach(16, 3, 24, 300, twice=True),
    Reach(1000, 3, 40, 200, twice=True, strolls=True),
)
"""Near ones first: they are quick, and wallets seldom dawdle. `places` is the budget of each."""


class Leaps(Search):
    """A `Search` with larger steps, for a case with `then_read`."""

    def __init__(self, case: Case, terms: Terms, reach: Reach) -> None:
        super().__init__(case, terms, reach.places * (1 + len(case.attempts) // 100))
        self._reach = reach

    def _is_hopeless(self) -> bool:
        wallet = self.wallet
        if not wallet.unseen:
            return False
        if any(wallet.moved - each.born > self._reach.lag for each in wallet.unseen):
            return True
        moves = [each.moves for each in self.case.movers.waiting(self._until)]
        moves += [each.moves for each in self.case.unknowns.waiting(self._until)]
        highest = wallet.balance + sum(each for each in moves if each > 0)
        lowest = wallet.balance + sum(each for each in moves if each < 0)
        return any(not lowest <= (each.shown or 0) <= highest for each in wallet.unseen)

    def _choices(self) -> Iterator[Choice]:
        until, balance, reach = self._until, self.wallet.balance, self._reach
        window = self.case.movers.waiting(until)
        spare = [*sorted(window, key=_deadline), *self.case.unknowns.waiting(until)]
        by_moves: defaultdict[int, list[Attempt]] = defaultdict(list)
        for each in spare:
            if each.moves:
                by_moves[each.moves].append(each)
        targets = self._targets(window)
        for extras in range(reach.extras + 1):
            for shown, needed in targets:
                missing = shown - balance - sum(each.moves for each in needed)
                for others in _making(missing, extras, spare, by_moves, needed):
                    yield _steps([*needed, *others])
        if reach.strolls:
            for each in spare:
                yield _steps([each])

    def _targets(self, window: Sequence[Attempt]) -> list[tuple[int, list[Attempt]]]:
        """The balances that are still to be shown, with the calls that must have happened before."""
        needed: defaultdict[int, list[Attempt]] = defaultdict(list)
        deadlines: dict[int, int] = {}
        for each in (*window, *self.wallet.unseen, *self.case.reads.waiting(self._until)):
            if each.shown is None or each.seen:
                continue
            deadlines[each.shown] = min(each.deadline, deadlines.get(each.shown, FOREVER))
            if not (each.done or each.is_read):
                needed[each.shown].append(each)
        shown = sorted(deadlines, key=deadlines.__getitem__)[: self._reach.targets]
        found = [(balance, sorted(needed.get(balance, ()), key=_deadline)) for balance in shown]
        if self._reach.twice:
            found += [(balance, some[:count]) for balance, some in found for count in range(1, len(some))]
        return found

    def _take(self, choice: Choice) -> bool:
        for planned in choice:
            attempt = planned.attempt
            self._look()
            if attempt.done or attempt.sent > self._until:
                return attempt.done
            steps = self.wallet.steps(attempt)
            fitting = [step for step in steps if step.branch and step.branch.moves == attempt.moves]
            if not steps:
                return False
            self.wallet.take((fitting or steps)[0])
            self._see_shown()
        return True


def _steps(attempts: Collection[Attempt]) -> Choice:
    """What has to be taken, credits first: a bet may need their money."""
    ordered = sorted(attempts, key=lambda each: (each.moves < 0, each.deadline))
    return tuple(Step(each, None, None) for each in ordered)


def _making(
    missing: int,
    count: int,
    spare: Sequence[Attempt],
    by_moves: Mapping[int, Sequence[Attempt]],
    needed: Sequence[Attempt],
) -> Iterator[tuple[Attempt, ...]]:
    """Every so many of the spare calls that move the balance by what is missing."""
    if count == 0:
        if missing == 0 and needed:
            yield ()
        return
    if count > 2:
        spare = spare[:TRIPLES_MAX]
    for chosen in combinations(spare, count - 1):
        rest = missing - sum(each.moves for each in chosen)
        for last in by_moves.get(rest, ()):
            taken = (*needed, *chosen)
            if not any(last is each for each in taken) and not any(each in needed for each in chosen):
                yield (*chosen, last)
                break


def _deadline(attempt: Attempt) -> int:
    return attempt.deadline
