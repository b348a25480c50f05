"""Does an answer show a balance that the wallet cannot have had while the call was under way?

True of wallets that read after their effect as well: whatever overlaps the call may or may not be in the
balance, but what was over before is in it, and what was sent afterwards is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from simulator.core.checker.attempts import Attempt, overlapping
from simulator.core.checker.effects import certain_move, possible_steps
from simulator.core.checker.refuters import Refutation
from simulator.core.money import Money, format_money
from simulator.core.situations import Situation

ATTEMPTS_MAX = 1_000
CENTS_MAX = 10_000_000
"""Histories that are longer, or move more, are not looked through."""


def out_of_reach(opening: int, attempts: Sequence[Attempt]) -> Refutation | None:
    """The first answer that shows a balance which no choice of the overlapping calls makes."""
    if len(attempts) > ATTEMPTS_MAX or sum(abs(each.moves) for each in attempts) > CENTS_MAX:
        return None
    for each in sorted(attempts, key=lambda each: each.deadline):
        own = certain_move(each)
        if each.shown is None or own is None or not (each.is_read or own):
            continue
        if not _may_show(opening + own, each, attempts):
            return _never_there(each, attempts)
    return None


def _may_show(base: int, at: Attempt, attempts: Sequence[Attempt]) -> bool:
    options: list[set[int]] = []
    for other in attempts:
        move = certain_move(other)
        if other is at or other.sent > at.deadline or move == 0:
            continue
        if move is None:
            options.append(possible_steps(other))
        elif other.deadline < at.sent:
            base += move
        else:
            options.append({0, move})
    return _is_sum((at.shown or 0) - base, options)


def _is_sum(wanted: int, options: Iterable[set[int]]) -> bool:
    """Whether one option each adds up to what is wanted. The sums are the bits of a number."""
    options = [each for each in options if each != {0}]
    lowest = sum(min(each) for each in options)
    highest = sum(max(each) for each in options)
    if not lowest <= wanted <= highest:
        return False
    sums = 1
    for each in options:
        least = min(each)
        grown = 0
        for option in each:
            grown |= sums << (option - least)
        sums = grown
    return bool(sums >> (wanted - lowest) & 1)


def _never_there(at: Attempt, attempts: Sequence[Attempt]) -> Refutation:
    assert at.shown is not None
    shown = format_money(Money(at.shown))
    around = [
        each for each in attempts if each is not at and each.method.moves_money and overlapping(each, at)
    ]
    stale = at.is_read or any(each.shown == at.shown and each.deadline < at.sent for each in attempts)
    situation = Situation.STALE_READ if stale else Situation.CONCURRENT_WRONG
    name = at.operation.name
    sentence = (
        f"{name[:1].upper()}{name[1:]} shows {shown}, which was not the balance at any moment of that call."
    )
    core = (at, *sorted(around, key=lambda each: each.sent)[:6])
    return Refutation(situation, sentence, tuple(each.operation for each in core))
