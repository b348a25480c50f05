"""What can still be reached from a balance: dead ends that are seen before they are walked into.

What stands here is always wide enough: a place that an order leads through is never called out of reach. (The
crosscheck in the tests compares what is concluded from it with every order.)
"""

from __future__ import annotations

from collections.abc import Sequence

from simulator.core.checker.attempts import Attempt
from simulator.core.checker.case import Case
from simulator.core.checker.effects import TooManySums, certain_move, possible_steps, sums_of
from simulator.core.money import Money

PLACES_MAX = 400
"""More balances than this are not looked at: then anything may be within reach."""
UNKNOWNS_MAX = 10
"""With more attempts that may or may not have happened, every balance may be within reach."""


def is_within_reach(urgent: Attempt | None, case: Case, balance: int, until: int) -> bool:
    """Whether the balance that the most urgent attempt needs can be made by what was sent before its end."""
    if urgent is None or urgent.shown is None or case.then_read or case.movers.waiting(until):
        return True
    own = certain_move(urgent)
    if own is None:
        return True
    free = _free_moves(case, until)
    if free is None:
        return True
    needed = urgent.shown - own
    found, ahead = {balance}, [balance]
    while ahead:
        here = ahead.pop()
        if here == needed or len(found) > PLACES_MAX:
            return True
        lane = case.effects_at.get(here)
        steps = {each.shown for each in lane.waiting(until)} if lane else set()
        for there in steps.union(here + move for move in free):
            if there is not None and there not in found:
                found.add(Money(there))
                ahead.append(there)
    return False


def _free_moves(case: Case, until: int) -> set[int] | None:
    """The moves that may happen at any balance, or not at all; None when they cannot be listed."""
    waiting = case.unknowns.waiting(until)
    if not all(_is_plain(each) for each in waiting):
        return None
    return {each.moves for each in waiting}


def useful_unknowns(case: Case, balance: int, until: int) -> Sequence[Attempt]:
    """The attempts without an answer that are worth trying at this balance.

    A plain one is not, if neither it nor others together with it lead to a balance where anything else waits:
    it may as well happen later.
    """
    waiting = case.unknowns.waiting(until)
    if not waiting or case.then_read or len(waiting) > UNKNOWNS_MAX:
        return waiting
    if case.movers.waiting(until) or case.idlers.waiting(until):
        return waiting
    try:
        sums = sums_of([{0, *possible_steps(each)} for each in waiting])
    except TooManySums:
        return waiting
    wanted = _balances_waited_for(case, until)
    return [
        each
        for each in waiting
        if not _is_plain(each) or any(there - balance - each.moves in sums for there in wanted)
    ]


def _balances_waited_for(case: Case, until: int) -> set[int]:
    wanted: set[int] = {each.shown for each in case.reads.waiting(until) if each.shown is not None}
    for each in case.steps.waiting(until):
        assert each.shown is not None
        wanted.update(each.shown - move for move in {0, *possible_steps(each)})
    return wanted


def _is_plain(attempt: Attempt) -> bool:
    """Whether it has one movement, and nobody else asks what became of it."""
    return attempt.pure == "unknown" and attempt.amount > 0 and not attempt.held
