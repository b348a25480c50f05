"""Which attempt to try first: guesses that save time, and never decide anything.

Whatever stands here, every possible step is tried before a search says that there is no order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from simulator.core.checker.attempts import Attempt
from simulator.core.findings import Outcome


def urgency(attempt: Attempt) -> int:
    """The earlier it was answered, the earlier it probably took effect."""
    return attempt.deadline


def by_urgency(window: Iterable[Attempt], balance: int, urgent: Attempt | None) -> list[Attempt]:
    """The most urgent first; bets before all when a refused bet waits for the balance to sink."""
    sinking = urgent is not None and urgent.wanted is Outcome.REFUSED and urgent.amount <= balance
    if sinking:
        return sorted(window, key=lambda each: (each.moves >= 0, each.deadline))
    return sorted(window, key=urgency)


def by_answers(window: Sequence[Attempt], balance: int, unseen: Iterable[Attempt]) -> list[Attempt]:
    """With answers from a later read: first what makes a balance that an answer shows.

    Best is a step to what a past effect is still to show; then a step whose own answer shows it at once; then
    one that a second step could complete; then the rest, the most urgent first.
    """
    wanted = {each.shown for each in unseen}
    pairs = {each.moves for each in window}
    before = {each.shown - each.moves for each in window if each.shown is not None}

    def rank(each: Attempt) -> tuple[int, int]:
        after = balance + each.moves
        shown = each.shown
        worth = 2 * (after in wanted) + (shown is None or after == shown)
        if worth == 0 and ((shown is not None and shown - after in pairs) or after in before):
            return -1, each.deadline
        return -2 * worth, each.deadline

    return sorted(window, key=rank)
