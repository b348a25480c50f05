"""Concurrent histories: is there an order of the calls that the ledger allows?

The parts stand in `checker`; the law is `law`'s. What is said here of a history never depends on luck: an
order that explains it is found, or every order is excluded, or the verdict is inconclusive.
"""

from __future__ import annotations

import gc
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from simulator.core.book import Book
from simulator.core.checker.case import Case
from simulator.core.checker.leaps import REACHES, Leaps
from simulator.core.checker.search import Answer, Search
from simulator.core.checker.start import Start, starts
from simulator.core.history import Operation, ends_quietly, hide_concurrent_balances
from simulator.core.money import Money
from simulator.core.situations import Situation
from simulator.core.worlds import Terms

__all__ = ["BUDGET", "Consistency", "HistoryVerdict", "MoneyVerdict", "Operation", "check_history"]

BUDGET = 200_000
"""Places in the search for one history before it is given up as inconclusive."""


class Consistency(StrEnum):
    """Whether some order explains every answer."""

    CONSISTENT = "consistent"
    INCONSISTENT = "inconsistent"
    INCONCLUSIVE = "inconclusive"


class MoneyVerdict(StrEnum):
    """Whether the outcomes explain the balances that were read with nothing else going on."""

    RIGHT = "right"
    WRONG = "wrong"
    UNPROVEN = "unproven"


@dataclass(frozen=True, slots=True)
class HistoryVerdict:
    """What a history shows.

    `tier` 1: an order explains every answer. 2: only if each answer shows a balance from between its own
    effect and its end. 3: nothing explains it. None: not decided. `core` are the operations that contradict
    each other; `lanes` the same as lines of text over time. `final_balances` are those that the wallet may
    have at the end, as far as orders were found.
    """

    verdict: Consistency
    money: MoneyVerdict
    tier: int | None
    situation: Situation | None = None
    explanation: str = ""
    core: tuple[Operation, ...] = ()
    lanes: tuple[str, ...] = ()
    final_balances: tuple[Money, ...] = ()


def check_history(
    opening: Money,
    operations: Sequence[Operation],
    *,
    terms: Terms | None = None,
    before: Book | None = None,
    foreign: Collection[int] = (),
    budget: int = BUDGET,
) -> HistoryVerdict:
    """Judge the calls of one player.

    `before` is the player's book as it was before the history; it wins over `opening`. `foreign` are the
    indices of operations whose id another player used too.
    """
    history = _History(opening, operations, terms or Terms(), before, foreign, budget)
    with _without_collector():
        return history.judge()


class _History:
    def __init__(
        self,
        opening: Money,
        operations: Sequence[Operation],
        terms: Terms,
        before: Book | None,
        foreign: Collection[int],
        budget: int,
    ) -> None:
        self._operations = operations
        self._terms = terms
        self._starts = list(starts(opening, before))
        self._foreign = foreign
        self._budget = budget

    def judge(self) -> HistoryVerdict:
        strict, balances = self._search(self._operations)
        if strict is Answer.ORDER:
            return HistoryVerdict(Consistency.CONSISTENT, MoneyVerdict.RIGHT, 1, final_balances=balances)
        then_read, balances = self._search(self._operations, then_read=True)
        if then_read is Answer.ORDER:
            verdict = _VERDICTS[strict]
            decided = strict is Answer.NO_ORDER
            return HistoryVerdict(
                verdict,
                MoneyVerdict.RIGHT,
                2 if decided else None,
                Situation.EFFECT_THEN_READ if decided else None,
                "The money is right, but the answers show balances from after other calls had taken effect.",
                final_balances=balances,
            )
        hidden = hide_concurrent_balances(self._operations)
        money, balances = self._search(hidden)
        shown = money is not Answer.ORDER or ends_quietly(hidden)
        tier = 3 if Answer.GAVE_UP not in (strict, then_read) or money is Answer.NO_ORDER else None
        return HistoryVerdict(
            _VERDICTS[Answer.NO_ORDER if money is Answer.NO_ORDER else strict],
            _MONEY[money] if shown else MoneyVerdict.UNPROVEN,
            tier,
            Situation.CONCURRENT_WRONG,
            "No order of these calls explains their answers.",
            final_balances=balances,
        )

    def _search(
        self, operations: Sequence[Operation], *, then_read: bool = False
    ) -> tuple[Answer, tuple[Money, ...]]:
        """The best answer over all starts, and the balance at the end of the order that was found."""
        answers = set()
        for start in self._starts:
            for search in self._searches(operations, start, then_read):
                answer = search.run()
                if answer is Answer.ORDER:
                    return answer, (Money(search.wallet.balance),)
            answers.add(answer)
        return (Answer.GAVE_UP if Answer.GAVE_UP in answers else Answer.NO_ORDER), ()

    def _searches(self, operations: Sequence[Operation], start: Start, then_read: bool) -> Iterator[Search]:
        """What to try: the last one is the one whose failure counts."""
        if then_read and len(operations) > _SMALL:
            for reach in REACHES:
                yield Leaps(
                    Case(operations, start, then_read=True, foreign=self._foreign), self._terms, reach
                )
        case = Case(operations, start, then_read=then_read, foreign=self._foreign)
        yield Search(case, self._terms, self._budget)


_SMALL = 12
"""Histories up to this length are searched whole at once."""

_VERDICTS = {
    Answer.ORDER: Consistency.CONSISTENT,
    Answer.NO_ORDER: Consistency.INCONSISTENT,
    Answer.GAVE_UP: Consistency.INCONCLUSIVE,
}
_MONEY = {
    Answer.ORDER: MoneyVerdict.RIGHT,
    Answer.NO_ORDER: MoneyVerdict.WRONG,
    Answer.GAVE_UP: MoneyVerdict.UNPROVEN,
}


@contextmanager
def _without_collector() -> Iterator[None]:
    """A check makes many small values that all stay: the collector would look at them again and again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
