"""One history against all it may start from: refuters first, then the searches."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from simulator.core.checker.attempts import Attempt
from simulator.core.checker.case import Case
from simulator.core.checker.leaps import REACHES, Leaps
from simulator.core.checker.reachable import out_of_reach
from simulator.core.checker.refuters import Refutation, degrees, overdrafts, sums
from simulator.core.checker.search import Answer, Search
from simulator.core.checker.start import Start
from simulator.core.history import Operation
from simulator.core.worlds import Terms

SMALL = 12
"""Histories up to this length are searched whole at once."""

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

    def strict(self, operations: Sequence[Operation]) -> Found:
        """Is there an order that explains every answer?"""
        return self._find(operations, (overdrafts, degrees), then_read=False)

    def then_read(self, operations: Sequence[Operation]) -> Found:
        """Is there one if answers show a balance from between their own effect and their end?"""
        return self._find(operations, (out_of_reach,), then_read=True)

    def quiet(self, hidden: Sequence[Operation]) -> Found:
        """Is there one for a history whose concurrent balances are hidden?"""
        return self._find(hidden, (sums,), then_read=False)

    def refuted(self, operations: Sequence[Operation], refuter: Refuter) -> Refutation | None:
        """What a refuter says, if it does so whatever the history starts from."""
        found = None
        for start in self._starts:
            case = Case(operations, start, then_read=False, foreign=self._foreign)
            found = refuter(start.balance, case.attempts) if self._terms.exists else None
            if found is None:
                return None
        return found

    def _find(
        self, operations: Sequence[Operation], refuters: Sequence[Refuter], *, then_read: bool
    ) -> Found:
        for refuter in refuters:
            refutation = self.refuted(operations, refuter)
            if refutation is not None:
                return Found(Answer.NO_ORDER, refutation=refutation)
        answers = set()
        for start in self._starts:
            answer = Answer.NO_ORDER
            for search in self._searches(operations, start, then_read):
                answer = search.run()
                if answer is Answer.ORDER:
                    return Found(answer, search.wallet.balance)
            answers.add(answer)
        return Found(Answer.GAVE_UP if Answer.GAVE_UP in answers else Answer.NO_ORDER)

    def _searches(self, operations: Sequence[Operation], start: Start, then_read: bool) -> Iterator[Search]:
        """What to try: the last one is the one whose failure counts."""
        if then_read and len(operations) > SMALL:
            for reach in REACHES:
                yield Leaps(
                    Case(operations, start, then_read=True, foreign=self._foreign), self._terms, reach
                )
        case = Case(operations, start, then_read=then_read, foreign=self._foreign)
        yield Search(case, self._terms, self._budget + 3 * len(operations))
