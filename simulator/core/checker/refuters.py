"""What no order can explain, seen without searching for one, each with a sentence that names the culprits.

A refuter that keeps silent proves nothing; what one says is proof. `degrees` looks at answers as steps from
one balance to another; balances shown with nothing else going on are `sums`'s.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from simulator.core.checker.attempts import Attempt
from simulator.core.checker.effects import (
    TooManySums,
    certain_move,
    possible_steps,
    says_nothing,
    sums_of,
)
from simulator.core.history import Operation
from simulator.core.money import Money, format_money
from simulator.core.situations import Situation
from simulator.core.webhooks import Method


class Refutation(NamedTuple):
    """Why no order explains a history; `core` are the operations that the sentence is about.

    `figures` says how a balance differs from what it should be, and `off` by how much, where that is known.
    `collides`: nothing contradicts the answers but that some calls started from the same balances.
    """

    situation: Situation
    sentence: str
    core: tuple[Operation, ...]
    figures: str = ""
    off: int = 0
    collides: bool = False


# --- degrees ---------------------------------------------------------------------------------------


def degrees(opening: int, attempts: Sequence[Attempt]) -> Refutation | None:
    """Was a balance left more often than it was reached?

    An accepted bet or win is a step from the balance before to the one that its answer shows; a legal order
    is a walk over all of these steps.
    """
    steps = [each for each in attempts if each.shown is not None and certain_move(each)]
    left: defaultdict[int, list[Attempt]] = defaultdict(list)
    surplus: Counter[int] = Counter({opening: 1})
    for each in steps:
        assert each.shown is not None
        left[each.shown - each.moves].append(each)
        surplus[each.shown] += 1
        surplus[each.shown - each.moves] -= 1
    short = [balance for balance, count in surplus.items() if count < 0]
    if not short:
        return None
    loose = [(each, possible_steps(each) - {0}) for each in attempts if _is_loose(each)]
    loose = [(each, moves) for each, moves in loose if moves]
    unreached = _out_of_reach(short, surplus, loose)
    missing = -sum(surplus[each] for each in short)
    if not unreached and missing <= len(loose):
        return None
    found = _left_too_often(unreached or short, left, surplus)
    return found._replace(collides=all(surplus[each] + len(left[each]) > 0 for each in short))


def _is_loose(attempt: Attempt) -> bool:
    """Whether it is not known where, or whether at all, it is a step in the walk."""
    move = certain_move(attempt)
    return move is None or (move != 0 and attempt.shown is None)


def _out_of_reach(
    short: list[int], surplus: Counter[int], loose: Sequence[tuple[Attempt, set[int]]]
) -> list[int]:
    """Where loose steps cannot lead from a balance that was reached more often than left.

    A loose step whose answer shows a balance leads there, and nowhere else.
    """
    try:
        anywhere = sums_of(moves | {0} for each, moves in loose if each.shown is None)
    except TooManySums:
        return []
    ways = {
        (each.shown - move, each.shown) for each, moves in loose if each.shown is not None for move in moves
    }
    reached = {balance for balance, count in surplus.items() if count > 0}
    grows = True
    while grows:
        more = {to for start, to in ways if to not in reached and _leads(reached, start, anywhere)}
        reached |= more
        grows = bool(more)
    return [each for each in short if not _leads(reached, each, anywhere)]


def _leads(reached: Iterable[int], wanted: int, moves: set[int]) -> bool:
    return any(wanted - each in moves for each in reached)


def _left_too_often(
    short: Iterable[int], left: dict[int, list[Attempt]], surplus: Counter[int]
) -> Refutation:
    """The plainest case: a balance that two calls started from; else one that nobody made."""
    worst = min(short, key=lambda each: (surplus[each] + len(left[each]) < 1, left[each][0].sent))
    culprits = sorted(left[worst], key=lambda each: each.sent)
    names = [f"{each.operation.name} (→ {format_money(Money(each.shown or 0))})" for each in culprits[:3]]
    start = format_money(Money(worst))
    if len(culprits) > 1:
        all_of_them = capital(listed(names))
        sentence = f"{all_of_them} {'both' if len(names) == 2 else 'all'} started from {start}"
        times = surplus[worst] + len(culprits)
        sentence += ", which was there only once" if times == 1 else f", which was there {times} times"
        if times < 1:
            sentence = f"{all_of_them} started from {start}, which was never there"
        return Refutation(Situation.LOST_UPDATE, sentence + ".", operations_of(culprits[:3]))
    sentence = f"{capital(names[0])} started from {start}, which was never there."
    return Refutation(Situation.MONEY_FROM_NOWHERE, sentence, operations_of(culprits))


# --- single answers --------------------------------------------------------------------------------


def overdrafts(opening: int, attempts: Sequence[Attempt]) -> Refutation | None:
    """Does an answer show less than nothing, though only money that is there may be taken?"""
    taken_back = any(
        each.method is Method.REFUND and each.group.exotic and not each.group.lonely for each in attempts
    )
    if opening < 0 or taken_back:
        return None
    below = [each for each in attempts if (each.shown or 0) < 0 and not says_nothing(each)]
    if not below:
        return None
    first = min(below, key=lambda each: (each.method is not Method.BET, each.deadline))
    name, shown = capital(first.operation.name), format_money(Money(first.shown or 0))
    verb = "left" if first.method is Method.BET else "shows"
    sentence = f"{name} {verb} {shown}: a bet was accepted without the money for it."
    return Refutation(Situation.OVERDRAFT, sentence, (first.operation,))


def operations_of(attempts: Iterable[Attempt]) -> tuple[Operation, ...]:
    """What the attempts were made of, each once."""
    return tuple(dict.fromkeys(each.operation for each in attempts))


def capital(text: str) -> str:
    """A sentence's beginning."""
    return text[:1].upper() + text[1:]


def listed(names: Sequence[str]) -> str:
    """``a, b and c``."""
    return f"{', '.join(names[:-1])} and {names[-1]}"
