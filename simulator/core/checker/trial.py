"""One history against all it may start from: refuters first, then the searches."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from simulator.core.checker.attempts import Attempt
from simulator.core.checker.case import Case
from simulator.core.checker.proposed import Proposed
from simulator.core.checker.reachable import out_of_reach
from simulator.core.checker.refuters import Refutation, degrees, overdrafts
from simulator.core.checker.search import Answer, Search
from simulator.core.checker.start import Start
from simulator.core.checker.sums import sums
from simulator.core.checker.visits import Reach, Visits
from simulator.core.checker.walks import Walks
from simulator.core.history import Operation
from simulator.core.worlds import Terms

SMALL = 12
"""Histories up to this length are searched whole at once."""

QUICK_BUDGET = 300
"""How many places the first look may look at in vain."""
LATER_READS_BUDGET = 1_000
"""The same for answers from a later read, where no row of visits was found."""
PROPOSED_MAX = 3_000
"""For longer histories no order is proposed."""
WAYS = (64, 500)
"""How many walks are followed side by side, where many calls start from every balance."""
REACHES = (
    Reach(ways=16, nearest=30, choices=2, skipped=1, hidden=4),
    Reach(ways=16, nearest=4, choices=2, skipped=4, hidden=-1),
    Reach(ways=60, nearest=30, choices=2, skipped=1, hidden=4),
    Reach(ways=48, nearest=6, choices=3, skipped=4, hidden=-1),
)
"""By turns for wallets that read at once and answer in any order, and for those that read late."""

Refuter = Callable[[int, Sequence[Attempt]], Refutation | None]


@dataclass(frozen=True, slots=True)
class Found:
    """What came of it: the balance at the end of the order that was found, or why there is none."""

    answer: Answer
    balance: int | None = None
    refutation: Refutation | None = None


class Trial:
    """The searches of one check. `budget` is how many places a search may look at in vain."""

    def __init__(self, starts: Sequence[Start], terms: Terms, foreign: Collection[int], budget: int) -> None:
        self._starts = starts
        self._terms = terms
        self._foreign = foreign
        self._budget = budget

    def quick(self, operations: Sequence[Operation]) -> Found:
        """Is an order that explains every answer found almost without trying others?"""
        return self._search(operations, min(self._budget, QUICK_BUDGET), then_read=False)

    def strict(self, operations: Sequence[Operation], known: Answer = Answer.GAVE_UP) -> Found:
        """Is there an order that explains every answer? `known` is what a quicker look has found."""
        refutation = self._refuted(operations, (overdrafts, degrees))
        if refutation is not None or known is Answer.NO_ORDER:
            return Found(Answer.NO_ORDER, refutation=refutation)
        return self._search(operations, self._budget, then_read=False)

    def then_read(self, operations: Sequence[Operation]) -> Found:
        """Is there one if answers show a balance from between their own effect and their end?"""
        refutation = self._refuted(operations, (out_of_reach,))
        if refutation is not None:
            return Found(Answer.NO_ORDER, refutation=refutation)
        return self._search(operations, self._budget, then_read=True)

    def quiet(self, hidden: Sequence[Operation]) -> Found:
        """Is there one for a history whose concurrent balances are hidden?"""
        refutation = self.refuted(hidden, sums)
        if refutation is not None:
            return Found(Answer.NO_ORDER, refutation=refutation)
        return self._search(hidden, self._budget, then_read=False)

    def refuted(self, operations: Sequence[Operation], refuter: Refuter) -> Refutation | None:
        """What a refuter says, if it does so whatever the history starts from."""
        found = None
        for start in self._starts:
            case = Case(operations, start, then_read=False, foreign=self._foreign)
            found = refuter(start.balance, case.attempts) if self._terms.exists else None
            if found is None:
                return None
        return found

    def _refuted(self, operations: Sequence[Operation], refuters: Sequence[Refuter]) -> Refutation | None:
        found = (self.refuted(operations, refuter) for refuter in refuters)
        return next((refutation for refutation in found if refutation is not None), None)

    def _search(self, operations: Sequence[Operation], budget: int, *, then_read: bool) -> Found:
        answers = set()
        for start in self._starts:
            answer = Answer.NO_ORDER
            for search in self._searches(operations, start, budget, then_read):
                answer = search.run()
                if answer is Answer.ORDER:
                    return Found(answer, search.wallet.balance)
            answers.add(answer)
        return Found(Answer.GAVE_UP if Answer.GAVE_UP in answers else Answer.NO_ORDER)

    def _searches(
        self, operations: Sequence[Operation], start: Start, budget: int, then_read: bool
    ) -> Iterator[Search]:
        """What to try: the last one is the one whose failure counts."""
        if SMALL < len(operations) <= PROPOSED_MAX:
            if then_read:
                yield from self._proposed(operations, start, REACHES)
                budget = min(budget, LATER_READS_BUDGET)
            elif budget > QUICK_BUDGET:
                yield from self._proposed(operations, start, WAYS)
        case = Case(operations, start, then_read=then_read, foreign=self._foreign)
        yield Search(case, self._terms, budget)

    def _proposed(
        self, operations: Sequence[Operation], start: Start, settings: Sequence[Reach | int]
    ) -> Iterator[Search]:
        for setting in settings:
            then_read = isinstance(setting, Reach)
            case = Case(operations, start, then_read=then_read, foreign=self._foreign)
            guide = Visits(case, setting) if isinstance(setting, Reach) else Walks(case, setting)
            order = guide.order()
            if order is not None:
                yield Proposed(case, self._terms, order)
